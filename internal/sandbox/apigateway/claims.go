package apigateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// claims are those of a verified token. Numbers keep their spelling.
type claims map[string]any

// readClaims reads the payload of a token, which is one object.
func readClaims(payload []byte) (claims, error) {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	var c claims
	if err := d.Decode(&c); err != nil || c == nil || d.InputOffset() != int64(len(bytes.TrimRight(payload, " \t\r\n"))) {
		return nil, errors.New("the claims are not a JSON object")
	}
	return c, nil
}

// check holds the registered claims against an authorizer, in the words that
// the caller is told.
func (c claims) check(a *Authorizer, now time.Time) error {
	if iss, _ := c["iss"].(string); iss != a.Issuer || iss == "" {
		return errors.New("issuer is invalid")
	}
	if !c.isFor(a.Audience) {
		return errors.New("the token does not have a valid audience")
	}
	exp, err := c.time("exp")
	switch {
	case err != nil || exp.IsZero():
		return errors.New("exp is invalid")
	case !now.Before(exp):
		return errors.New("the token has expired")
	}
	for name, wrong := range map[string]string{"nbf": "the token is not valid yet", "iat": "the token was issued in the future"} {
		at, err := c.time(name)
		if err != nil {
			return errors.New(name + " is invalid")
		}
		if now.Before(at) {
			return errors.New(wrong)
		}
	}
	return nil
}

// isFor evaluates client_id only if there is no aud.
func (c claims) isFor(audience []string) bool {
	named := c["client_id"]
	if aud, ok := c["aud"]; ok {
		named = aud
	}
	switch v := named.(type) {
	case string:
		return slices.Contains(audience, v)
	case []any:
		return slices.ContainsFunc(v, func(one any) bool {
			s, ok := one.(string)
			return ok && slices.Contains(audience, s)
		})
	}
	return false
}

// time is a NumericDate (RFC 7519 section 2); zero if it is absent.
func (c claims) time(name string) (time.Time, error) {
	v, ok := c[name]
	if !ok {
		return time.Time{}, nil
	}
	n, ok := v.(json.Number)
	if !ok {
		return time.Time{}, errors.New("not a number")
	}
	seconds, err := n.Float64()
	if err != nil || seconds < 0 || seconds > 1e12 {
		return time.Time{}, errors.New("not a time")
	}
	return time.UnixMilli(int64(seconds * 1000)), nil
}

// scopes are those of scp, or of scope: a list, or words.
func (c claims) scopes() []string {
	for _, name := range []string{"scp", "scope"} {
		switch v := c[name].(type) {
		case string:
			return strings.Fields(v)
		case []any:
			out := []string{}
			for _, one := range v {
				if s, ok := one.(string); ok {
					out = append(out, s)
				}
			}
			return out
		}
	}
	return []string{}
}

// strings are the claims as the function gets them.
func (c claims) strings() map[string]string {
	out := map[string]string{}
	for name, v := range c {
		if v != nil {
			out[name] = text(v)
		}
	}
	return out
}

// text is a list as "[a b]", which no parser can part again, and an object as
// JSON.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case []any:
		parts := make([]string, len(v))
		for i, one := range v {
			parts[i] = text(one)
		}
		return "[" + strings.Join(parts, " ") + "]"
	}
	return string(encode(v))
}
