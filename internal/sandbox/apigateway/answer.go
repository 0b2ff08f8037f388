package apigateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// An answer is the function's, understood.
type answer struct {
	status  int
	header  http.Header
	cookies []string
	body    []byte
}

// readAnswer reads payload format 2.0: an object with a statusCode, or any
// other JSON, which is then the body of a 200.
func readAnswer(text []byte) (answer, error) {
	if !json.Valid(text) {
		return answer{}, errors.New("the function's answer is not JSON")
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(text, &fields) != nil || fields["statusCode"] == nil {
		return bare(text), nil
	}
	out := answer{header: http.Header{}}
	var err error
	if out.status, err = readStatus(fields["statusCode"]); err != nil {
		return answer{}, err
	}
	if err := out.readHeaders(fields["headers"]); err != nil {
		return answer{}, err
	}
	if err := read(fields["cookies"], &out.cookies); err != nil {
		return answer{}, fmt.Errorf("cookies: %w", err)
	}
	for _, c := range out.cookies {
		if !validValue(c) {
			return answer{}, errors.New("a cookie has bytes that no header may have")
		}
	}
	if out.header.Get("Content-Type") == "" {
		out.header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	out.body, err = decodeBody(fields["body"], fields["isBase64Encoded"])
	return out, err
}

// bare is an answer without a statusCode; a string loses its quotes.
func bare(text []byte) answer {
	body := bytes.TrimSpace(text)
	var s string
	if json.Unmarshal(text, &s) == nil && body[0] == '"' {
		body = []byte(s)
	}
	return answer{status: http.StatusOK, header: http.Header{"Content-Type": {"application/json"}}, body: body}
}

// readStatus takes a number, or one in quotes.
func readStatus(raw json.RawMessage) (int, error) {
	status, err := strconv.Atoi(strings.Trim(string(raw), `"`))
	if err != nil || status < 200 || status > 599 {
		return 0, errors.New("statusCode is not a status of a final answer, 200 to 599")
	}
	return status, nil
}

// read decodes a member that may be absent or null.
func read(raw json.RawMessage, into any) error {
	if raw == nil {
		return nil
	}
	return json.Unmarshal(raw, into)
}

// readHeaders takes strings, numbers and booleans as values. multiValueHeaders
// are not part of the format.
func (a *answer) readHeaders(raw json.RawMessage) error {
	var fields map[string]json.RawMessage
	if err := read(raw, &fields); err != nil {
		return fmt.Errorf("headers: %w", err)
	}
	for name, raw := range fields {
		var value string
		if err := json.Unmarshal(raw, &value); err != nil {
			if value = string(raw); strings.ContainsAny(value, "{[") {
				return fmt.Errorf("header %q is not a string", name)
			}
		}
		if !fieldName.MatchString(name) || !validValue(value) {
			return fmt.Errorf("header %q has bytes that no header may have", name)
		}
		if string(raw) == "null" || hopByHop[strings.ToLower(name)] || strings.EqualFold(name, "Content-Length") {
			continue
		}
		a.header.Add(name, value)
	}
	return nil
}

// fieldName is a token (RFC 9110 section 5.6.2).
var fieldName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// validValue reports whether a header may hold it (RFC 9110 section 5.5).
func validValue(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

func decodeBody(raw, isBase64 json.RawMessage) ([]byte, error) {
	var body string
	var encoded bool
	if err := errors.Join(read(raw, &body), read(isBase64, &encoded)); err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	if !encoded {
		return []byte(body), nil
	}
	decoded, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		return nil, fmt.Errorf("body: isBase64Encoded, but: %w", err)
	}
	return decoded, nil
}

// answer sends what the function said.
func (c *call) answer(a answer) {
	h := c.w.Header()
	for name, values := range a.header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	for _, cookie := range a.cookies {
		h.Add("Set-Cookie", cookie)
	}
	if c.api.options.CORS != nil {
		c.api.options.CORS.decorate(h, c.r)
	}
	if a.status == http.StatusNoContent || a.status == http.StatusNotModified {
		h.Del("Content-Type")
		a.body = nil
	} else {
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	c.send(a.status, a.body)
}
