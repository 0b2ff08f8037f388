package apigateway_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"clientkeeper/internal/sandbox/apigateway"
)

// TestIssuerTrouble: an issuer that does not serve its keys lets nobody in.
func TestIssuerTrouble(t *testing.T) {
	elsewhere := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(elsewhere.Close)
	tests := map[string]struct {
		break_ func(i *issuer)
		why    string
	}{
		"it is down":                       {func(i *issuer) { i.status = 503 }, "OIDC discovery endpoint communication error"},
		"its document names another":       {func(i *issuer) { i.discovery["issuer"] = "https://evil.example/" }, "OIDC discovery endpoint communication error"},
		"its document names no keys":       {func(i *issuer) { delete(i.discovery, "jwks_uri") }, "JWKS communication error"},
		"its keys are over plain HTTP":     {func(i *issuer) { i.discovery["jwks_uri"] = strings.Replace(i.URL, "https", "http", 1) + "/jwks" }, "JWKS communication error"},
		"its keys are a file":              {func(i *issuer) { i.discovery["jwks_uri"] = "file:///etc/passwd" }, "JWKS communication error"},
		"its keys are elsewhere, and gone": {func(i *issuer) { i.discovery["jwks_uri"] = elsewhere.URL + "/jwks" }, "JWKS communication error"},
		"its keys are no JSON":             {func(i *issuer) { i.jwks = "<html>" }, "JWKS communication error"},
		"its keys are too many":            {func(i *issuer) { i.jwks = `{"keys":[]` + strings.Repeat(" ", 150_000) + "}" }, "JWKS communication error"},
		"it has no keys":                   {func(i *issuer) { i.jwks = `{"keys":[]}` }, "the token's kid names no key of the issuer"},
		"its keys are of unknown kinds":    {func(i *issuer) { i.jwks = `{"keys":[{"kty":"X","kid":"k1"},7,null]}` }, "the token's kid names no key of the issuer"},
		"its key is a shared secret":       {func(i *issuer) { i.jwks = `{"keys":[{"kty":"oct","kid":"k1","k":"AAAA"}]}` }, "the token's kid names no key of the issuer"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			i := newIssuer(t)
			test.break_(i)
			s := serve(t, protected(i), &function{})
			res, body := call(t, s, "GET", "/x", "", "Authorization", "Bearer "+sign(t, i.claims(nil)))
			if res.StatusCode != 401 || body != unauthorized || !strings.Contains(res.Header.Get("Www-Authenticate"), `"`+test.why+`"`) {
				t.Errorf("%s %s: %s", res.Status, body, res.Header.Get("Www-Authenticate"))
			}
		})
	}
}

// Keys are fetched once, again for a kid that nobody knows, but not by everyone
// who makes one up, and again after two hours.
func TestKeysAreCached(t *testing.T) {
	i := newIssuer(t)
	clock := time.Now()
	o := protected(i)
	o.Now = func() time.Time { return clock }
	s := serve(t, o, &function{})
	ask := func(token string) int {
		t.Helper()
		res, _ := call(t, s, "GET", "/x", "", "Authorization", "Bearer "+token)
		return res.StatusCode
	}
	claims := func() map[string]any { return i.claims(map[string]any{"exp": clock.Unix() + 60, "iat": clock.Unix()}) }
	for range 3 {
		if status := ask(sign(t, claims())); status != 200 {
			t.Fatalf("status %d", status)
		}
	}
	rotated := signWith(t, jose.SigningKey{Algorithm: jose.RS256, Key: otherKey()}, "k2", claims())
	for range 3 {
		if status := ask(rotated); status != 401 {
			t.Fatalf("an unknown kid: status %d", status)
		}
	}
	if i.fetched != 1 {
		t.Errorf("keys were fetched %d times within seconds, want 1", i.fetched)
	}
	i.mu.Lock()
	i.keys = []jose.JSONWebKey{{Key: &otherKey().PublicKey, KeyID: "k2"}}
	i.mu.Unlock()
	clock = clock.Add(6 * time.Second)
	if status := ask(rotated); status != 200 || i.fetched != 2 {
		t.Errorf("after a rotation: status %d, %d fetches", status, i.fetched)
	}
	clock = clock.Add(2*time.Hour + time.Second)
	ask(sign(t, claims()))
	if i.fetched != 3 {
		t.Errorf("after two hours: %d fetches, want 3", i.fetched)
	}
}

// A redirect would let an issuer's host be chosen by someone else.
func TestIssuerMayNotRedirect(t *testing.T) {
	i := newIssuer(t)
	moved := httptest.NewTLSServer(http.RedirectHandler(i.URL+"/jwks", http.StatusFound))
	t.Cleanup(moved.Close)
	i.discovery["jwks_uri"] = moved.URL
	client := i.Client()
	client.Transport.(*http.Transport).TLSClientConfig.RootCAs.AddCert(moved.Certificate())
	s := serve(t, protected(i), &function{})
	res, _ := call(t, s, "GET", "/x", "", "Authorization", "Bearer "+sign(t, i.claims(nil)))
	if res.StatusCode != 401 || i.fetched != 0 {
		t.Errorf("%s, %d fetches at the place it was sent to", res.Status, i.fetched)
	}
}

var signedHeader = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/eu-central-2/execute-api/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + strings.Repeat("ab", 32)

// TestIAM: a request that looks signed has its key as its principal.
func TestIAM(t *testing.T) {
	tests := map[string]struct {
		query, authorization string
		ok                   bool
	}{
		"signed":              {"", signedHeader, true},
		"without spaces":      {"", strings.ReplaceAll(signedHeader, ", ", ","), true},
		"in the query":        {"?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261122%2Feu-central-2%2Fexecute-api%2Faws4_request&X-Amz-Signature=" + strings.Repeat("ab", 32), "", true},
		"not signed":          {"", "", false},
		"a token":             {"", "Bearer abc", false},
		"for another service": {"", strings.Replace(signedHeader, "execute-api", "sqs", 1), false},
		"half a signature":    {"", signedHeader[:len(signedHeader)-2], false},
		"without its host":    {"", strings.Replace(signedHeader, "host;", "", 1), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := &function{}
			s := serve(t, apigateway.Options{Routes: []apigateway.Route{
				{Method: "GET", Path: "/x", Function: "f", Authorizer: &apigateway.Authorizer{IAM: true}, Scopes: []string{"not looked at"}},
			}}, f)
			header := []string{"Authorization", test.authorization}
			if test.authorization == "" {
				header = nil
			}
			res, body := call(t, s, "GET", "/x"+test.query, "", header...)
			if !test.ok {
				if res.StatusCode != 403 || body != forbidden || f.calls() != 0 {
					t.Errorf("%s %s", res.Status, body)
				}
				return
			}
			iam, _ := at(f.event(t), "requestContext/authorizer/iam").(map[string]any)
			if iam["accessKey"] != "AKIDEXAMPLE" || iam["accountId"] != "123456789012" || iam["userArn"] != "arn:aws:iam::123456789012:user/AKIDEXAMPLE" {
				t.Errorf("iam = %v", iam)
			}
			if v, there := iam["cognitoIdentity"]; !there || v != nil {
				t.Errorf("cognitoIdentity = %v, %v; AWS gives null", v, there)
			}
		})
	}
}
