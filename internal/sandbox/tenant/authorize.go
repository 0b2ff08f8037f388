package tenant

import (
	"slices"
	"strings"
)

// identity is who calls the Management API, and what they may do.
type identity struct {
	clientID string
	scopes   []string
}

func (id identity) any(scopes ...string) bool {
	return slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(id.scopes, s) })
}

// authorize checks the token and then the scopes of the route; what the body
// says comes later. It fills c.caller.
func (t *Tenant) authorize(c *call) (answer, bool) {
	header := c.Header.Get("Authorization")
	if header == "" {
		return t.refuse("missing_authentication"), false
	}
	scheme, token, found := strings.Cut(header, " ")
	if !found || token == "" || strings.Contains(token, " ") {
		return t.refuse("bad_header"), false
	}
	if !strings.EqualFold(scheme, "Bearer") {
		return t.refuse("missing_authentication"), false
	}
	claims, refusal := t.signer.verify(token)
	if refusal == "" {
		refusal = t.judge(claims)
	}
	if refusal != "" {
		return t.refuse(refusal), false
	}
	c.caller = identity{clientID: claims.Party, scopes: strings.Fields(claims.Scope)}
	scopes := c.route.scopes
	if c.route.name == routePreview {
		scopes = t.opts.Quirks.PreviewScopes
	}
	if len(scopes) > 0 && !c.caller.any(scopes...) {
		return t.refuse("insufficient_scope", strings.Join(scopes, ", ")), false
	}
	return answer{}, true
}

// judge names the reply that refuses properly signed claims, if any.
func (t *Tenant) judge(claims *accessClaims) string {
	switch {
	case !slices.ContainsFunc(t.names(), func(d string) bool { return claims.Issuer == issuerOf(d) }):
		return "invalid_token"
	case !t.isManagement(claims.Audience):
		return "bad_audience"
	case claims.expired(t.opts.Now()):
		return "expired_token"
	}
	return ""
}

// names are all domains of the tenant, the canonical one first.
func (t *Tenant) names() []string { return append([]string{t.domain}, t.aliases...) }

func (t *Tenant) isManagement(audience string) bool {
	return slices.ContainsFunc(t.names(), func(d string) bool { return audience == audienceOf(d) })
}

// managementAPI stands for the Management API's audience, which has several
// spellings, and none before Listen knows the port.
const managementAPI = "management"

func (t *Tenant) identifier(audience string) string {
	if t.isManagement(audience) {
		return managementAPI
	}
	return audience
}
