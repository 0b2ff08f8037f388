package tenant

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// tokenRequest is what a client says about itself and what it wants. Basic
// credentials are already taken apart.
type tokenRequest struct {
	grantType, audience, scope   string
	clientID, secret             string
	basic                        bool // the secret came in the header
	hasSecret                    bool
	assertionType, assertion     string
	basicBroken, severalProofs   bool
	clientIDInBody, unparsedBody bool
}

// token is POST /oauth/token: RFC 6749 section 4.4 in Auth0's dialect.
func (t *Tenant) token(c *call) answer {
	req := readTokenRequest(c)
	if refusal, ok := t.checkTokenRequest(req); !ok {
		return refusal
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	cl, refusal, ok := t.authenticateClient(req, t.domainOf(c.Request))
	if !ok {
		return refusal
	}
	c.asking = cl.id
	scopes, refusal, ok := t.entitled(cl, req)
	if !ok {
		return refusal
	}
	if refusal, ok := t.withinQuota(cl); !ok {
		return refusal
	}
	return t.issue(c, cl, req.audience, scopes)
}

func readTokenRequest(c *call) tokenRequest {
	form, err := tokenForm(c)
	req := tokenRequest{
		grantType: form.Get("grant_type"), audience: form.Get("audience"), scope: form.Get("scope"),
		clientID: form.Get("client_id"), secret: form.Get("client_secret"), hasSecret: form.Has("client_secret"),
		assertionType: form.Get("client_assertion_type"), assertion: form.Get("client_assertion"),
		clientIDInBody: form.Has("client_id"), unparsedBody: err != nil,
	}
	if req.audience == "" {
		req.audience = form.Get("resource") // the compatibility profile of RFC 8707
	}
	proofs := 0
	for _, given := range []bool{req.hasSecret, req.assertion != "", c.Header.Get("Authorization") != ""} {
		if given {
			proofs++
		}
	}
	req.severalProofs = proofs > 1
	if c.Header.Get("Authorization") != "" {
		req.readBasic(c.Request)
	}
	return req
}

// readBasic takes client_secret_basic apart. RFC 6749 section 2.3.1 encodes
// both halves as form values before they are joined.
func (req *tokenRequest) readBasic(r *http.Request) {
	user, password, ok := r.BasicAuth()
	id, idErr := url.QueryUnescape(user)
	secret, secretErr := url.QueryUnescape(password)
	if !ok || idErr != nil || secretErr != nil || req.clientIDInBody && req.clientID != id {
		req.basicBroken = true
		return
	}
	req.clientID, req.secret, req.hasSecret, req.basic = id, secret, true, true
}

// tokenForm reads a form or a JSON object of strings.
func tokenForm(c *call) (url.Values, error) {
	media, _, _ := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if media != "application/json" {
		return url.ParseQuery(string(c.content))
	}
	var fields map[string]any
	if err := json.Unmarshal(c.content, &fields); err != nil {
		return url.Values{}, err
	}
	form := url.Values{}
	for name, v := range fields {
		if s, isString := v.(string); isString {
			form.Set(name, s)
		}
	}
	return form, nil
}

func (t *Tenant) checkTokenRequest(req tokenRequest) (answer, bool) {
	switch {
	case req.unparsedBody:
		return t.refuseToken("oauth_body"), false
	case req.grantType == "":
		return t.refuseToken("oauth_missing", "grant_type"), false
	case req.grantType != "client_credentials":
		return t.refuseToken("oauth_grant_type"), false
	case req.severalProofs:
		return t.refuseToken("oauth_two_methods"), false
	case req.basicBroken:
		return t.refuseToken("oauth_unauthorized"), false
	case req.assertion == "" && req.clientID == "":
		return t.refuseToken("oauth_missing", "client_id"), false
	}
	return answer{}, true
}

// authenticateClient finds the client that proved itself. A wrong secret and
// an unknown client look the same.
func (t *Tenant) authenticateClient(req tokenRequest, domain string) (*client, answer, bool) {
	if req.assertion != "" || req.assertionType != "" {
		cl, reason := t.checkAssertion(req, domain)
		if reason != "" {
			return nil, t.refuseToken("oauth_assertion", reason), false
		}
		return cl, answer{}, true
	}
	cl := t.state.clients[req.clientID]
	if cl == nil || !req.hasSecret || !t.acceptsSecret(cl, req) {
		return nil, t.refuseToken("oauth_unauthorized"), false
	}
	return cl, answer{}, true
}

func (t *Tenant) acceptsSecret(cl *client, req tokenRequest) bool {
	method := cl.text("token_endpoint_auth_method")
	switch {
	case !cl.usesSecret():
		return false
	case t.opts.Quirks.StrictAuthMethod && method == "client_secret_basic" && !req.basic,
		t.opts.Quirks.StrictAuthMethod && method == "client_secret_post" && req.basic:
		return false
	}
	return t.knows(cl, req.secret)
}

// entitled are the scopes the client gets for the audience it asks for.
func (t *Tenant) entitled(cl *client, req tokenRequest) ([]string, answer, bool) {
	no := func(name string, args ...any) ([]string, answer, bool) {
		return nil, t.refuseToken(name, args...), false
	}
	if !slices.Contains(cl.list("grant_types"), "client_credentials") {
		return no("oauth_grant_denied")
	}
	if req.audience == "" {
		return no("oauth_no_audience")
	}
	identifier := t.identifier(req.audience)
	if t.state.apis[identifier] == nil {
		return no("oauth_unknown_service", req.audience)
	}
	g := t.grantFor(cl, identifier)
	if g == nil {
		return no("oauth_no_grant", req.audience)
	}
	granted := t.scopesOf(g)
	wanted := strings.Fields(req.scope)
	if len(wanted) == 0 {
		return granted, answer{}, true
	}
	for _, s := range wanted {
		if !slices.Contains(granted, s) {
			return no("oauth_scope", s)
		}
	}
	return wanted, answer{}, true
}

// tokenAnswer is RFC 6749 section 5.1.
type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	Scope       string `json:"scope,omitempty"`
	ExpiresIn   int64  `json:"expires_in"`
	TokenType   string `json:"token_type"`
}

func (t *Tenant) issue(c *call, cl *client, audience string, scopes []string) answer {
	lifetime := int64(t.state.apis[t.identifier(audience)].lifetime / time.Second)
	now := t.opts.Now().Unix()
	scope := strings.Join(scopes, " ")
	token, err := t.signer.issue(accessClaims{
		Issuer: issuerOf(t.domainOf(c.Request)), Subject: cl.id + "@clients", Audience: audience,
		IssuedAt: now, Expires: now + lifetime, Party: cl.id, GrantType: "client-credentials", Scope: scope,
	})
	if err != nil {
		return answer{status: http.StatusInternalServerError, body: oauthError{Error: "server_error"}}
	}
	a := ok(tokenAnswer{token, scope, lifetime, "Bearer"})
	a.header = http.Header{"Cache-Control": {"no-store"}, "Pragma": {"no-cache"}}
	return t.spend(cl, a)
}
