package tenant

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Limits of Auth0's docs page "Authenticate with Private Key JWT".
const (
	maxAssertion         = 2048 // bytes
	maxAssertionLifetime = 5 * time.Minute
	assertionSkew        = 10 * time.Second
	maxAssertionID       = 64 // characters of jti, iss and sub
)

var assertionAlgorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.PS256}

// assertionClaims are those of RFC 7523 section 3. Times may be fractions.
type assertionClaims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  audience `json:"aud"`
	ID        string   `json:"jti"`
	Expires   *float64 `json:"exp"`
	NotBefore *float64 `json:"nbf"`
	IssuedAt  *float64 `json:"iat"`
}

// audience is a string or a list of them.
type audience []string

func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// checkAssertion finds the client that an assertion proves, or says what is
// wrong with it. An assertion that passes is used up.
func (t *Tenant) checkAssertion(req tokenRequest, domain string) (*client, string) {
	switch {
	case req.assertionType != assertionType:
		return nil, "unknown client_assertion_type"
	case len(req.assertion) > maxAssertion:
		return nil, "longer than 2048 bytes"
	}
	token, err := jwt.ParseSigned(req.assertion, assertionAlgorithms)
	if err != nil {
		return nil, "no JWT signed with RS256, RS384 or PS256"
	}
	var claims assertionClaims
	if err := token.UnsafeClaimsWithoutVerification(&claims); err != nil {
		return nil, "claims cannot be read"
	}
	cl := t.state.clients[claims.Issuer]
	switch {
	case claims.Issuer == "" || claims.Issuer != claims.Subject || len(claims.Issuer) > maxAssertionID:
		return nil, "iss and sub must both be the client_id"
	case req.clientIDInBody && req.clientID != claims.Issuer:
		return nil, "client_id is another than iss"
	case cl == nil || !t.verifies(cl, token):
		return nil, "signature is by no enabled credential of the client"
	}
	if reason := t.checkClaims(claims, domain); reason != "" {
		return nil, reason
	}
	return cl, t.useUp(claims)
}

// verifies reports whether an enabled credential of the client, with the very
// algorithm it is registered for, made the signature. Without a kid in the
// header all of them are tried.
func (t *Tenant) verifies(cl *client, token *jwt.JSONWebToken) bool {
	header := token.Headers[0]
	for _, cred := range cl.enabled("private_key_jwt", t.opts.Now()) {
		if header.KeyID != "" && header.KeyID != cred.KeyID || header.Algorithm != cred.Alg {
			continue
		}
		if token.Claims(cred.key, &struct{}{}) == nil {
			return true
		}
	}
	return false
}

func (t *Tenant) checkClaims(c assertionClaims, domain string) string {
	now := float64(t.opts.Now().UnixNano()) / 1e9
	skew := assertionSkew.Seconds()
	switch {
	case !slices.Contains(c.Audience, issuerOf(domain)) && !slices.Contains(c.Audience, issuerOf(t.domain)):
		return "aud must be the issuer, with its trailing slash"
	case c.Expires == nil:
		return "exp is missing"
	case *c.Expires <= now-skew:
		return "expired"
	case *c.Expires > now+maxAssertionLifetime.Seconds()+skew:
		return "lives longer than 5 minutes"
	case c.IssuedAt != nil && *c.Expires-*c.IssuedAt > maxAssertionLifetime.Seconds():
		return "lives longer than 5 minutes"
	case c.NotBefore != nil && *c.NotBefore > now+skew:
		return "not valid yet"
	case c.IssuedAt != nil && *c.IssuedAt > now+skew:
		return "issued in the future"
	case c.ID == "" || len(c.ID) > maxAssertionID:
		return "jti must have 1 to 64 characters"
	}
	return ""
}

// useUp remembers the jti until the assertion would be refused anyway.
func (t *Tenant) useUp(c assertionClaims) string {
	now := t.opts.Now()
	for jti, until := range t.state.jtis {
		if now.After(until) {
			delete(t.state.jtis, jti)
		}
	}
	key := c.Issuer + " " + c.ID
	if _, used := t.state.jtis[key]; used {
		return "jti was used before"
	}
	t.state.jtis[key] = time.Unix(int64(*c.Expires)+1, 0).Add(assertionSkew)
	return ""
}
