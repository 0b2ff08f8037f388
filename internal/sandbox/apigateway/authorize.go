package apigateway

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// An Authorizer decides who may use a route.
type Authorizer struct {
	// IAM asks for a request that is signed with AWS credentials; the rest is
	// then without meaning.
	IAM bool
	// Issuer is what iss must be, to the letter. Its discovery document tells
	// where the keys are.
	Issuer string
	// Audience is what aud, or client_id, must name at least one of.
	Audience []string
	// IdentitySource is where the token is: $request.header.<name> or
	// $request.querystring.<name>; empty means $request.header.Authorization.
	IdentitySource string
}

// A caller is who was let in; the zero caller is anybody.
type caller struct {
	authorizer json.RawMessage // for the request context
	principal  string
}

// jwtContext is what a JWT authorizer tells the function.
type jwtContext struct {
	JWT struct {
		Claims map[string]string `json:"claims"`
		Scopes []string          `json:"scopes"` // null on a route without scopes
	} `json:"jwt"`
}

// authorize lets the call in, or refuses it.
func (c *call) authorize() bool {
	a := c.route.Authorizer
	switch {
	case a == nil:
		return true
	case a.IAM:
		return c.authorizeIAM()
	}
	token := c.identity(a.IdentitySource)
	if token == "" {
		c.w.Header().Set("WWW-Authenticate", "Bearer")
		c.authorizerError = "no token"
		c.refuse(http.StatusUnauthorized)
		return false
	}
	claims, err := c.api.issuers.verify(c.r.Context(), a, token)
	if err != nil {
		c.challenge("invalid_token", err.Error())
		c.refuse(http.StatusUnauthorized)
		return false
	}
	var told jwtContext
	told.JWT.Claims = claims.strings()
	if len(c.route.Scopes) > 0 {
		told.JWT.Scopes = claims.scopes()
		if !slices.ContainsFunc(told.JWT.Scopes, func(s string) bool { return slices.Contains(c.route.Scopes, s) }) {
			c.challenge("insufficient_scope", "the token has none of the route's scopes")
			c.refuse(http.StatusForbidden)
			return false
		}
	}
	c.caller = caller{encode(told), told.JWT.Claims["sub"]}
	return true
}

// challenge says why in the header that tells (RFC 6750 section 3), in API
// Gateway's form.
func (c *call) challenge(code, description string) {
	c.authorizerError = description
	c.w.Header().Set("WWW-Authenticate", `Bearer scope="`+strings.Join(c.route.Scopes, " ")+`" error="`+code+`" error_description="`+description+`"`)
}

// identity is the token, with or without the word Bearer before it.
func (c *call) identity(source string) string {
	text := ""
	switch kind, name, _ := strings.Cut(strings.TrimPrefix(or(source, "$request.header.Authorization"), "$request."), "."); kind {
	case "header":
		text = strings.Join(c.r.Header.Values(name), ",")
	case "querystring":
		text = query(c.r.URL.RawQuery)[name]
	}
	text = strings.TrimSpace(text)
	if scheme, token, two := strings.Cut(text, " "); two && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return text
}

// encode writes what cannot fail to be written.
func encode(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic("apigateway: " + err.Error())
	}
	return text
}
