package apigateway_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"clientkeeper/internal/sandbox/apigateway"
)

const (
	unauthorized = `{"message":"Unauthorized"}`
	forbidden    = `{"message":"Forbidden"}`
)

// protected is a route without scopes and one with two.
func protected(i *issuer) apigateway.Options {
	return apigateway.Options{Client: i.Client(), Routes: []apigateway.Route{
		{Method: "GET", Path: "/x", Function: "f", Authorizer: i.authorizer()},
		{Method: "POST", Path: "/v1/clients", Function: "f", Authorizer: i.authorizer(), Scopes: []string{"clients:create", "admin"}},
		{Method: "GET", Path: "/open", Function: "f"},
	}}
}

// H14: claims are strings, and scopes null unless the route has some.
func TestClaims(t *testing.T) {
	i := newIssuer(t)
	f := &function{}
	s := serve(t, protected(i), f)
	claims := i.claims(map[string]any{
		"n": 1, "ok": true, "no": false, "g": []string{"a", "b"}, "z": nil, "null": jsonNull{}, "big": 12345678901234567890.0, "f": 1.5,
		"empty": []string{}, "mixed": []any{"a", 1, true}, "o": map[string]any{"k": []any{"v"}}, "aud": []string{"x", audience},
	})
	token := sign(t, claims)
	call(t, s, "GET", "/x", "", "Authorization", "Bearer "+token)
	got := at(f.event(t), "requestContext/authorizer/jwt").(map[string]any)
	want := map[string]any{"claims": map[string]any{
		"n": "1", "ok": "true", "no": "false", "g": "[a b]", "big": "12345678901234567000", "f": "1.5", "empty": "[]", "mixed": "[a 1 true]",
		"o": `{"k":["v"]}`, "iss": i.URL + "/", "aud": "[x " + audience + "]", "sub": "caller@clients", "scope": "clients:create clients:read",
		"exp": fmt.Sprint(claims["exp"]), "iat": fmt.Sprint(claims["iat"]),
	}, "scopes": nil}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("without scopes (-want +got)\n%s", diff)
	}
	call(t, s, "POST", "/v1/clients", "", "Authorization", "Bearer "+token)
	scopes := at(f.event(t), "requestContext/authorizer/jwt/scopes")
	if diff := cmp.Diff([]any{"clients:create", "clients:read"}, scopes); diff != "" {
		t.Errorf("with scopes (-want +got)\n%s", diff)
	}
	if h := at(f.event(t), "headers/authorization"); h != "Bearer "+token {
		t.Errorf("the function sees authorization %v", h)
	}
	call(t, s, "GET", "/open", "", "Authorization", "Bearer nonsense")
	if a := at(f.event(t), "requestContext/authorizer"); a != absent {
		t.Errorf("an open route has the authorizer %v", a)
	}
}

// jsonNull is a claim that is there, and null.
type jsonNull struct{}

func (jsonNull) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// TestTokens: who is let in, and what everybody else is told.
func TestTokens(t *testing.T) {
	i := newIssuer(t)
	now := time.Now().Unix()
	good := func(changes map[string]any) string { return sign(t, i.claims(changes)) }
	parts := strings.Split(good(nil), ".")
	b64 := base64.RawURLEncoding.EncodeToString
	tests := map[string]struct {
		authorization string
		why           string // empty: let in
	}{
		"a good token":                    {"Bearer " + good(nil), ""},
		"without the word":                {good(nil), ""},
		"the word in another case":        {"bEaReR " + good(nil), ""},
		"one of several audiences":        {good(map[string]any{"aud": []string{"x", audience}}), ""},
		"client_id and no aud":            {good(map[string]any{"aud": nil, "client_id": audience}), ""},
		"RS384":                           {signWith(t, jose.SigningKey{Algorithm: jose.RS384, Key: key()}, "k2", i.claims(nil)), ""},
		"nbf now":                         {good(map[string]any{"nbf": now}), ""},
		"no iat":                          {good(map[string]any{"iat": nil}), ""},
		"times with fractions":            {good(map[string]any{"exp": float64(now) + 600.5}), ""},
		"not a token":                     {"Bearer nonsense", "token contains an invalid number of segments"},
		"two segments":                    {"a.b", "token contains an invalid number of segments"},
		"five segments":                   {"a.b.c.d.e", "token contains an invalid number of segments"},
		"segments of nothing":             {"..", "the token is malformed or its signing method is invalid"},
		"another scheme":                  {"Basic " + good(nil), "the token is malformed or its signing method is invalid"},
		"two tokens":                      {good(nil) + "," + good(nil), "token contains an invalid number of segments"},
		"another audience":                {good(map[string]any{"aud": "https://else.example"}), "the token does not have a valid audience"},
		"aud goes before client_id":       {good(map[string]any{"aud": "else", "client_id": audience}), "the token does not have a valid audience"},
		"an empty aud goes before":        {good(map[string]any{"aud": []string{}, "client_id": audience}), "the token does not have a valid audience"},
		"no audience":                     {good(map[string]any{"aud": nil}), "the token does not have a valid audience"},
		"an audience that is a number":    {good(map[string]any{"aud": 1}), "the token does not have a valid audience"},
		"another issuer":                  {good(map[string]any{"iss": "https://evil.example/"}), "issuer is invalid"},
		"the issuer without its slash":    {good(map[string]any{"iss": i.URL}), "issuer is invalid"},
		"no issuer":                       {good(map[string]any{"iss": nil}), "issuer is invalid"},
		"expired":                         {good(map[string]any{"exp": now - 1}), "the token has expired"},
		"expires now":                     {good(map[string]any{"exp": now}), "the token has expired"},
		"never expires":                   {good(map[string]any{"exp": nil}), "exp is invalid"},
		"exp in words":                    {good(map[string]any{"exp": "9999999999"}), "exp is invalid"},
		"exp beyond all time":             {good(map[string]any{"exp": 1e300}), "exp is invalid"},
		"not yet":                         {good(map[string]any{"nbf": now + 300}), "the token is not valid yet"},
		"issued in the future":            {good(map[string]any{"iat": now + 300}), "the token was issued in the future"},
		"nbf in words":                    {good(map[string]any{"nbf": "now"}), "nbf is invalid"},
		"no kid":                          {signWith(t, jose.SigningKey{Algorithm: jose.RS256, Key: key()}, "", i.claims(nil)), "the token has no kid"},
		"an unknown kid":                  {signWith(t, jose.SigningKey{Algorithm: jose.RS256, Key: key()}, "k9", i.claims(nil)), "the token's kid names no key of the issuer"},
		"another key under a known kid":   {signWith(t, jose.SigningKey{Algorithm: jose.RS256, Key: otherKey()}, "k1", i.claims(nil)), "signature is invalid"},
		"the key's own alg":               {signWith(t, jose.SigningKey{Algorithm: jose.RS512, Key: key()}, "k1", i.claims(nil)), "signature is invalid"},
		"a key for encryption":            {signWith(t, jose.SigningKey{Algorithm: jose.RS256, Key: key()}, "enc", i.claims(nil)), "the token's kid names no key of the issuer"},
		"alg none":                        {b64([]byte(`{"alg":"none","kid":"k1"}`)) + "." + parts[1] + ".", "the token is malformed or its signing method is invalid"},
		"alg none, with a signature":      {b64([]byte(`{"alg":"none","kid":"k1"}`)) + "." + parts[1] + "." + parts[2], "the token is malformed or its signing method is invalid"},
		"alg in another case":             {b64([]byte(`{"alg":"rs256","kid":"k1"}`)) + "." + parts[1] + "." + parts[2], "the token is malformed or its signing method is invalid"},
		"HS256 with the public key":       {signWith(t, jose.SigningKey{Algorithm: jose.HS256, Key: key().N.Bytes()}, "k1", i.claims(nil)), "the token is malformed or its signing method is invalid"},
		"PS256":                           {signWith(t, jose.SigningKey{Algorithm: jose.PS256, Key: key()}, "k1", i.claims(nil)), "the token is malformed or its signing method is invalid"},
		"claims that were changed":        {parts[0] + "." + b64([]byte(`{"sub":"admin"}`)) + "." + parts[2], "signature is invalid"},
		"a signature of another token":    {parts[0] + "." + parts[1] + "." + strings.Split(good(map[string]any{"x": 1}), ".")[2], "signature is invalid"},
		"no signature":                    {parts[0] + "." + parts[1] + ".", "signature is invalid"},
		"a critical extension":            {b64([]byte(`{"alg":"RS256","kid":"k1","crit":["b64"],"b64":false}`)) + "." + parts[1] + "." + parts[2], "signature is invalid"},
		"claims that are a list":          {sign(t, []int{1}), "the claims are not a JSON object"},
		"claims that are null":            {sign(t, nil), "the claims are not a JSON object"},
		"its own key in the header":       {b64([]byte(`{"alg":"RS256","kid":"k9","jku":"https://evil.example/jwks"}`)) + "." + parts[1] + "." + parts[2], "the token's kid names no key of the issuer"},
		"JSON serialization, not compact": {`{"payload":"` + parts[1] + `"}`, "token contains an invalid number of segments"},
		"a token with spaces around":      {"Bearer   " + good(nil) + "  ", ""},
		"base64 with padding":             {parts[0] + "." + parts[1] + "=." + parts[2], "the token is malformed or its signing method is invalid"},
		"the word alone":                  {"Bearer", "token contains an invalid number of segments"},
	}
	i.keys = append(i.keys, jose.JSONWebKey{Key: &key().PublicKey, KeyID: "k2", Use: "sig"}, jose.JSONWebKey{Key: &key().PublicKey, KeyID: "enc", Use: "enc"})
	f := &function{}
	s := serve(t, protected(i), f)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			before := f.calls()
			res, body := call(t, s, "GET", "/x", "", "Authorization", test.authorization)
			if test.why == "" {
				if res.StatusCode != http.StatusOK || f.calls() != before+1 {
					t.Errorf("%s %s: %s", res.Status, body, res.Header.Get("Www-Authenticate"))
				}
				return
			}
			want := `Bearer scope="" error="invalid_token" error_description="` + test.why + `"`
			if got := res.Header.Get("Www-Authenticate"); got != want {
				t.Errorf("told\n%s, want\n%s", got, want)
			}
			if res.StatusCode != http.StatusUnauthorized || body != unauthorized || f.calls() != before {
				t.Errorf("%s %s, %d invocations", res.Status, body, f.calls()-before)
			}
		})
	}
}

// H15: without a token nobody is asked anything.
func TestNoToken(t *testing.T) {
	i := newIssuer(t)
	f := &function{}
	s := serve(t, protected(i), f)
	for name, header := range map[string][]string{
		"no header": nil, "an empty one": {"Authorization", ""}, "spaces": {"Authorization", "  "}, "another header": {"X-Authorization", "Bearer x"},
	} {
		res, body := call(t, s, "GET", "/x", "", header...)
		if res.StatusCode != 401 || body != unauthorized || res.Header.Get("Www-Authenticate") != "Bearer" {
			t.Errorf("%s: %s %s %s", name, res.Status, body, res.Header)
		}
	}
	if f.calls() != 0 || i.fetched != 0 {
		t.Errorf("%d invocations, %d fetches of keys", f.calls(), i.fetched)
	}
}

// TestScopes: any one of the route's scopes opens it.
func TestScopes(t *testing.T) {
	i := newIssuer(t)
	f := &function{}
	s := serve(t, protected(i), f)
	tests := map[string]struct {
		claims map[string]any
		ok     bool
	}{
		"the first":                {map[string]any{"scope": "clients:create"}, true},
		"the second, among others": {map[string]any{"scope": "x admin y"}, true},
		"scp, a list":              {map[string]any{"scope": nil, "scp": []string{"admin"}}, true},
		"scp, words":               {map[string]any{"scope": nil, "scp": "x admin"}, true},
		"scope, a list":            {map[string]any{"scope": []string{"admin"}}, true},
		"none of them":             {map[string]any{"scope": "clients:read"}, false},
		"no scope":                 {map[string]any{"scope": nil}, false},
		"a longer one":             {map[string]any{"scope": "clients:create2 xadmin"}, false},
		"in another case":          {map[string]any{"scope": "ADMIN"}, false},
		"joined by a comma":        {map[string]any{"scope": "admin,x"}, false},
		"a number":                 {map[string]any{"scope": 1}, false},
		"permissions are no scope": {map[string]any{"scope": nil, "permissions": []string{"admin"}}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			before := f.calls()
			res, body := call(t, s, "POST", "/v1/clients", "{}", "Authorization", "Bearer "+sign(t, i.claims(test.claims)))
			if test.ok {
				if res.StatusCode != 200 {
					t.Errorf("%s %s", res.Status, body)
				}
				return
			}
			if res.StatusCode != 403 || body != forbidden || f.calls() != before {
				t.Errorf("%s %s, %d invocations", res.Status, body, f.calls()-before)
			}
			if got := res.Header.Get("Www-Authenticate"); !strings.HasPrefix(got, `Bearer scope="clients:create admin" error="insufficient_scope"`) {
				t.Errorf("told %s", got)
			}
		})
	}
}

// A token may be in the query.
func TestIdentitySource(t *testing.T) {
	i := newIssuer(t)
	o := protected(i)
	o.Routes[0].Authorizer.IdentitySource = "$request.querystring.access"
	s := serve(t, o, &function{})
	token := sign(t, i.claims(nil))
	if res, body := call(t, s, "GET", "/x?access="+token, ""); res.StatusCode != 200 {
		t.Errorf("%s %s", res.Status, body)
	}
	if res, _ := call(t, s, "GET", "/x", "", "Authorization", token); res.StatusCode != 401 {
		t.Errorf("the header counts too: %s", res.Status)
	}
}
