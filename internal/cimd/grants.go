package cimd

import (
	"encoding/base64"
	"slices"
	"strings"
)

const (
	grantCode        = "authorization_code"
	grantRefresh     = "refresh_token"
	grantImplicit    = "implicit"
	grantPassword    = "password"
	grantCredentials = "client_credentials"
)

// knownGrants are the registered grants. An unknown one beside them is ignored.
var knownGrants = []string{
	grantCode, grantRefresh, grantImplicit, grantPassword, grantCredentials,
	"urn:ietf:params:oauth:grant-type:jwt-bearer",
	"urn:ietf:params:oauth:grant-type:saml2-bearer",
	"urn:ietf:params:oauth:grant-type:device_code",
	"urn:ietf:params:oauth:grant-type:token-exchange",
	"urn:ietf:params:oauth:grant-type:uma-ticket",
	"urn:ietf:params:oauth:grant-type:pre-authorized_code",
	"urn:openid:params:grant-type:ciba",
}

// published are the grants of the document, or the default of RFC 7591 if there
// are none that can be read.
func (r *reader) published() []string {
	if grants, ok := stringsOf(r.values["grant_types"]); ok {
		return grants
	}
	return []string{grantCode}
}

func (r *reader) grants() {
	const member = "grant_types"
	raw, ok := r.present(member)
	if !ok {
		r.find(grantsMissing, member, "there is no grant_types")
		if r.book == Draft {
			r.doc.GrantTypes = []string{grantCode}
		}
		return
	}
	grants, ok := stringsOf(raw)
	if !ok {
		return
	}
	r.keepGrants(grants)
	switch {
	case len(grants) == 0:
		r.find(grantsNone, member, "the list is empty, so the client can do nothing")
	case slices.ContainsFunc(grants, func(g string) bool { return slices.Contains(knownGrants, g) }):
	case slices.ContainsFunc(grants, func(g string) bool { return strings.Contains(g, ":") }):
		r.find(grantsUnknown, member, "none of the grants is a registered one")
	default:
		r.find(grantsNone, member, "none of the grants exists; the names are case-sensitive")
	}
	if !slices.Contains(grants, grantCode) && !slices.Contains(grants, grantRefresh) {
		r.find(grantsNoAuth0, member, "neither authorization_code nor refresh_token is among the grants")
	}
	r.doubtfulGrants(grants)
}

// doubtfulGrants flags grants that exist, but that this client should not have.
func (r *reader) doubtfulGrants(grants []string) {
	const member = "grant_types"
	has := func(g string) bool { return slices.Contains(grants, g) }
	if len(grants) == 1 && has(grantRefresh) {
		r.find(grantsRefresh, member, "refresh_token is the only grant")
	}
	if has(grantImplicit) {
		r.find(grantsImplicit, member, "implicit is among the grants")
	}
	if has(grantPassword) {
		r.find(grantsPassword, member, "password is among the grants")
	}
	if method := r.text("token_endpoint_auth_method"); has(grantCredentials) && (method == "" || method == "none") {
		r.find(grantsPublic, member, "client_credentials is for clients that authenticate")
	}
}

func (r *reader) keepGrants(grants []string) {
	for i, g := range grants {
		kept := slices.Contains(knownGrants, g)
		if r.book == Auth0 {
			kept = g == grantCode || g == grantRefresh
		}
		switch {
		case slices.Contains(grants[:i], g):
			r.find(grantsTwice, "grant_types", "the grant %s is listed more than once", quote(g))
		case kept:
			r.doc.GrantTypes = append(r.doc.GrantTypes, g)
		default:
			r.doc.FilteredGrantTypes = append(r.doc.FilteredGrantTypes, g)
			r.find(grantsFiltered, "grant_types", "Grant type not supported: '%s'", quoteMember(g))
		}
	}
}

func (r *reader) responses() {
	const member = "response_types"
	raw, ok := r.present(member)
	types, isList := stringsOf(raw)
	if !ok || !isList {
		return
	}
	r.doc.ResponseTypes = types
	has := func(part string) bool {
		return slices.ContainsFunc(types, func(t string) bool { return slices.Contains(strings.Fields(t), part) })
	}
	grants := r.published()
	code, front := slices.Contains(grants, grantCode), has("token") || has("id_token")
	switch {
	case code && !has("code"):
		r.find(responsesNoCode, member, "code is missing, which the grant authorization_code needs")
	case !code && has("code"):
		r.find(responsesNoGrant, member, "code is listed, but authorization_code is not among the grants")
	case front && !slices.Contains(grants, grantImplicit):
		r.find(responsesFront, member, "token or id_token is listed, but implicit is not among the grants")
	}
}

func (r *reader) application() {
	r.doc.ApplicationType = "web"
	raw, ok := r.present("application_type")
	if !ok || kindOf(raw) != jsonString {
		return
	}
	r.doc.ApplicationType = r.text("application_type")
	if t := r.doc.ApplicationType; t != "web" && t != "native" {
		r.find(typeUnknown, "application_type", "%s is neither native nor web", quote(t))
	}
}

// asymmetric are methods that the draft allows and few servers know.
var asymmetric = []string{"tls_client_auth", "self_signed_tls_client_auth", "attest_jwt_client_auth", "spiffe_jwt", "spiffe_x509"}

func sharedSecret(method string) bool { return strings.HasPrefix(method, "client_secret_") }

func (r *reader) authentication() {
	const member = "token_endpoint_auth_method"
	raw, ok := r.present(member)
	method := r.text(member)
	r.doc.TokenEndpointAuthMethod = method
	switch {
	case !ok || kindOf(raw) != jsonString || method == "none" || method == "private_key_jwt":
	case sharedSecret(method):
		r.find(methodSecret, member, "%s rests on a shared secret", quote(method))
	case slices.Contains(asymmetric, method):
		r.find(methodOther, member, "%s is known to few servers", quote(method))
	default:
		r.find(methodUnknown, member, "%s is no known method; the names are case-sensitive", quote(method))
	}
	r.methods(method)
	if alg := r.text("token_endpoint_auth_signing_alg"); strings.EqualFold(alg, "none") || strings.HasPrefix(alg, "HS") {
		r.find(signingSymmetric, "token_endpoint_auth_signing_alg", "%s proves no key", quote(alg))
	}
}

// methods judges token_endpoint_auth_methods_supported.
func (r *reader) methods(single string) {
	const member = "token_endpoint_auth_methods_supported"
	raw, ok := r.present(member)
	methods, isList := stringsOf(raw)
	if !ok || !isList {
		return
	}
	if slices.ContainsFunc(methods, sharedSecret) {
		r.find(methodsSecret, member, "a method that rests on a shared secret is listed")
	}
	switch {
	case single != "" && !slices.Contains(methods, single):
		r.find(methodsWithout, member, "token_endpoint_auth_method is not in the list")
	case single == "" && len(methods) == 0:
		r.find(methodsWithout, member, "the list is empty")
	case single == "":
		r.find(methodsAlone, member, "there is a list of methods but no token_endpoint_auth_method")
	}
}

// needsKeys reports whether the client can authenticate with a key alone.
func (r *reader) needsKeys() bool {
	if method := r.text("token_endpoint_auth_method"); method != "" || r.book == Auth0 {
		return method == "private_key_jwt"
	}
	methods, _ := stringsOf(r.values["token_endpoint_auth_methods_supported"])
	return slices.Contains(methods, "private_key_jwt") && !slices.Contains(methods, "none")
}

// statement judges software_statement and scope, which Auth0 ignores.
func (r *reader) statement() {
	if raw, ok := r.present("scope"); ok && kindOf(raw) == jsonString {
		r.scope(r.text("scope"))
	}
	const member = "software_statement"
	raw, ok := r.present(member)
	if !ok || kindOf(raw) != jsonString {
		return
	}
	parts := strings.Split(r.text(member), ".")
	if len(parts) != 3 {
		r.find(statementBad, member, "it has not the three parts of a signed JWT")
		return
	}
	header, ok1 := jwtPart(parts[0])
	claims, ok2 := jwtPart(parts[1])
	if !ok1 || !ok2 {
		r.find(statementBad, member, "its header or its claims are no JSON object in base64url")
		return
	}
	if alg := header.text("alg"); alg == "" || strings.EqualFold(alg, "none") || parts[2] == "" {
		r.find(statementNone, member, "the statement is not signed")
	}
	_, secret := claims.values["client_secret"]
	_, expires := claims.values["client_secret_expires_at"]
	methods, _ := stringsOf(claims.values["token_endpoint_auth_methods_supported"])
	if secret || expires || slices.ContainsFunc(append(methods, claims.text("token_endpoint_auth_method")), sharedSecret) {
		r.find(statementSecret, member, "its claims speak of a shared secret")
	}
	for _, name := range claims.names {
		if what := leak(claims.values[name]); what != "" {
			r.find(statementKey, member, "its claim %s seems to contain %s", quote(name), what)
		}
	}
}

func jwtPart(s string) (object, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return object{}, false
	}
	j := judge{}
	return j.readJSON(raw, jsonRules{limit: MaxDocument})
}

func (r *reader) scope(s string) {
	scopes := strings.Split(s, " ")
	for i, scope := range scopes {
		switch {
		case scope == "":
			r.find(scopeBad, "scope", "there is an empty scope, or more than one space between two")
		case strings.ContainsFunc(scope, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }):
			r.find(scopeBad, "scope", "the scope %s has characters that no scope may have", quote(scope))
		case slices.Contains(scopes[:i], scope):
			r.find(scopeBad, "scope", "the scope %s is listed more than once", quote(scope))
		}
	}
}
