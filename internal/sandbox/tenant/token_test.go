package tenant

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

func basic(id, secret string) http.Header {
	r, _ := http.NewRequest("GET", "/", nil)
	r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	return r.Header
}

func TestTokenWithSecret(t *testing.T) {
	w := open(t, Options{})
	w.AddAPI("https://api.example.org/")
	odd, _ := w.AddManagementClient("read:clients")
	if r := w.call("PATCH", "/api/v2/clients/"+odd, map[string]any{"client_secret": "a+b%2F c:d"}); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.raw)
	}
	public, _ := w.AddManagementClient("read:clients")
	w.call("PATCH", "/api/v2/clients/"+public, map[string]any{"token_endpoint_auth_method": "none"})
	noGrantType, secret := w.AddManagementClient("read:clients")
	w.call("PATCH", "/api/v2/clients/"+noGrantType, map[string]any{"grant_types": []string{"authorization_code"}})

	form := func(pairs ...string) url.Values {
		v := url.Values{"grant_type": {"client_credentials"}, "client_id": {w.id}, "client_secret": {w.secret}, "audience": {w.Audience()}}
		for i := 0; i < len(pairs); i += 2 {
			if v.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
				v.Del(pairs[i])
			}
		}
		return v
	}
	tests := map[string]struct {
		form              url.Values
		header            http.Header
		status            int
		code, description string
	}{
		"post":                   {form(), nil, 200, "", ""},
		"basic":                  {form("client_id", "", "client_secret", ""), basic(w.id, w.secret), 200, "", ""},
		"basic, same client_id":  {form("client_secret", ""), basic(w.id, w.secret), 200, "", ""},
		"basic is form-encoded":  {form("client_id", "", "client_secret", ""), basic(odd, "a+b%2F c:d"), 200, "", ""},
		"resource as audience":   {form("audience", "", "resource", w.Audience()), nil, 200, "", ""},
		"scope within the grant": {form("scope", "read:clients"), nil, 200, "", ""},
		"wrong secret":           {form("client_secret", "wrong"), nil, 401, "access_denied", "Unauthorized"},
		"unknown client":         {form("client_id", "nobody"), nil, 401, "access_denied", "Unauthorized"},
		"basic, wrong":           {form("client_id", "", "client_secret", ""), basic(w.id, "wrong"), 401, "access_denied", "Unauthorized"},
		"no secret":              {form("client_secret", ""), nil, 401, "access_denied", "Unauthorized"},
		"public client":          {form("client_id", public), nil, 401, "access_denied", "Unauthorized"},
		"both ways":              {form(), basic(w.id, w.secret), 400, "invalid_request", "More than one client authentication method was used"},
		"no grant_type":          {form("grant_type", ""), nil, 400, "invalid_request", "Missing required parameter: grant_type"},
		"other grant":            {form("grant_type", "password"), nil, 400, "unsupported_grant_type", "Grant type not supported"},
		"no client_id":           {form("client_id", ""), nil, 400, "invalid_request", "Missing required parameter: client_id"},
		"grant type not allowed": {form("client_id", noGrantType, "client_secret", secret), nil, 403, "unauthorized_client", "Grant type 'client_credentials' not allowed for the client."},
		"no audience":            {form("audience", ""), nil, 403, "access_denied", "Non-global clients are not allowed access to APIv1"},
		"unknown audience":       {form("audience", "https://x/"), nil, 403, "access_denied", "Service not found: https://x/"},
		"audience without slash": {form("audience", strings.TrimSuffix(w.Audience(), "/")), nil, 403, "access_denied", "Service not found: " + strings.TrimSuffix(w.Audience(), "/")},
		"no client grant": {form("audience", "https://api.example.org/"), nil, 403, "access_denied",
			`Client is not authorized to access resource server "https://api.example.org/". You need to create a "client-grant" associated to this API.`},
		"scope beyond the grant": {form("scope", "read:users"), nil, 403, "access_denied", "Client has not been granted scopes: read:users"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := w.token(test.form, test.header)
			if r.status != test.status || r.text("error") != test.code || r.text("error_description") != test.description {
				t.Errorf("got %d %s", r.status, r.raw)
			}
			if (r.text("access_token") != "") != (test.status == 200) {
				t.Errorf("token: %s", r.raw)
			}
		})
	}
}

func TestTokenAsJSON(t *testing.T) {
	w := open(t, Options{})
	body := encoded(t, map[string]string{"grant_type": "client_credentials", "client_id": w.id, "client_secret": w.secret, "audience": w.Audience()})
	r, err := w.send("POST", "/oauth/token", http.Header{"Content-Type": {"application/json; charset=utf-8"}}, body)
	if err != nil || r.status != 200 || r.text("token_type") != "Bearer" || r.body["expires_in"] != 86400.0 {
		t.Errorf("%v, %d %s", err, r.status, r.raw)
	}
	r, err = w.send("POST", "/oauth/token", http.Header{"Content-Type": {"application/json"}}, "{")
	if err != nil || r.status != 400 || r.text("error") != "invalid_request" {
		t.Errorf("%v, %d %s", err, r.status, r.raw)
	}
}

// TestTokenClaims verifies a token as a resource server would: with the key
// that the JWKS shows.
func TestTokenClaims(t *testing.T) {
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	w := open(t, Options{Now: func() time.Time { return now }})
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(w.call("GET", "/.well-known/jwks.json", nil).raw, &set); err != nil {
		t.Fatal(err)
	}
	token, err := jwt.ParseSigned(w.bearer, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := token.Claims(set.Key(token.Headers[0].KeyID)[0], &claims); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"iss": "https://" + w.Domain() + "/", "sub": w.id + "@clients", "aud": w.Audience(), "azp": w.id,
		"gty": "client-credentials", "iat": float64(now.Unix()), "exp": float64(now.Unix() + 86400),
		"scope": strings.Join(allScopes, " "),
	}
	for name, value := range want {
		if claims[name] != value {
			t.Errorf("%s = %v, want %v", name, claims[name], value)
		}
	}
}

func TestStrictAuthMethod(t *testing.T) {
	w := open(t, Options{Quirks: Quirks{StrictAuthMethod: true}})
	id, secret := w.AddManagementClient("read:clients")
	form := url.Values{"grant_type": {"client_credentials"}, "audience": {w.Audience()}}
	post := url.Values{"client_id": {id}, "client_secret": {secret}, "grant_type": form["grant_type"], "audience": form["audience"]}
	for method, want := range map[string][2]int{"client_secret_post": {200, 401}, "client_secret_basic": {401, 200}} {
		w.call("PATCH", "/api/v2/clients/"+id, map[string]any{"token_endpoint_auth_method": method})
		got := [2]int{w.token(post, nil).status, w.token(form, basic(id, secret)).status}
		if got != want {
			t.Errorf("%s: post and basic = %v, want %v", method, got, want)
		}
	}
}

func TestSecretPropagation(t *testing.T) {
	now := time.Now()
	w := open(t, Options{Now: func() time.Time { return now }, Quirks: Quirks{SecretPropagation: 30 * time.Second}})
	id, old := w.AddManagementClient("read:clients")
	fresh := w.call("POST", "/api/v2/clients/"+id+"/rotate-secret", nil).text("client_secret")
	try := func(secret string) int {
		return w.token(url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}, "audience": {w.Audience()}}, nil).status
	}
	if fresh == old || try(fresh) != 200 || try(old) != 200 {
		t.Errorf("within the window: new %d, old %d", try(fresh), try(old))
	}
	now = now.Add(31 * time.Second)
	if try(fresh) != 200 || try(old) != 401 {
		t.Errorf("after the window: new %d, old %d", try(fresh), try(old))
	}
}

// An assertionCase changes a good assertion into a bad one, or another good one.
type assertionCase struct {
	alg    jose.SignatureAlgorithm
	kid    string
	claims func(map[string]any)
	status int
}

func TestAssertions(t *testing.T) {
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	w := open(t, Options{Now: func() time.Time { return now }})
	id, secret := w.AddManagementClient("read:clients")
	public, _ := pemOf(t)
	if _, err := w.AddKey(id, public, "PS256"); err != nil {
		t.Fatal(err)
	}
	kid, _ := thumbprint(&testKey().PublicKey)
	set := func(name string, value any) func(map[string]any) { return func(c map[string]any) { c[name] = value } }
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	issuer := "https://" + w.Domain() + "/"
	tests := map[string]assertionCase{
		"as SDKs send it":       {claims: func(map[string]any) {}, status: 200},
		"with kid":              {kid: kid, claims: func(map[string]any) {}, status: 200},
		"aud as a list":         {claims: set("aud", []string{"x", issuer}), status: 200},
		"exp at five minutes":   {claims: set("exp", at(5*time.Minute)), status: 200},
		"expired within skew":   {claims: set("exp", at(-9*time.Second)), status: 200},
		"iat ahead within skew": {claims: set("iat", at(9*time.Second)), status: 200},
		"no iat":                {claims: func(c map[string]any) { delete(c, "iat") }, status: 200},
		"other alg":             {alg: jose.RS256, claims: func(map[string]any) {}, status: 401},
		"alg not allowed":       {alg: jose.RS512, claims: func(map[string]any) {}, status: 401},
		"unknown kid":           {kid: "another-key", claims: func(map[string]any) {}, status: 401},
		"aud without slash":     {claims: set("aud", strings.TrimSuffix(issuer, "/")), status: 401},
		"aud is the endpoint":   {claims: set("aud", issuer+"oauth/token"), status: 401},
		"lives too long":        {claims: set("exp", at(6*time.Minute)), status: 401},
		"lives long by its iat": {claims: set("iat", at(-5*time.Minute)), status: 401},
		"expired":               {claims: set("exp", at(-11*time.Second)), status: 401},
		"no exp":                {claims: func(c map[string]any) { delete(c, "exp") }, status: 401},
		"not yet":               {claims: set("nbf", at(11*time.Second)), status: 401},
		"issued in the future":  {claims: set("iat", at(11*time.Second)), status: 401},
		"no jti":                {claims: func(c map[string]any) { delete(c, "jti") }, status: 401},
		"long jti":              {claims: set("jti", strings.Repeat("j", 65)), status: 401},
		"iss is not sub":        {claims: set("sub", "somebody"), status: 401},
		"unknown client":        {claims: func(c map[string]any) { c["iss"], c["sub"] = "nobody", "nobody" }, status: 401},
		"too large":             {claims: set("pad", strings.Repeat("x", 2000)), status: 401},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			assertion := sign(t, id, issuer, name, now, test)
			form := url.Values{"grant_type": {"client_credentials"}, "audience": {w.Audience()},
				"client_assertion_type": {assertionType}, "client_assertion": {assertion}}
			if r := w.token(form, nil); r.status != test.status {
				t.Errorf("%d %s", r.status, r.raw)
			}
			if r := w.token(form, nil); r.status != 401 || r.text("error") != "invalid_client" {
				t.Errorf("a second time: %d %s", r.status, r.raw)
			}
		})
	}
	form := url.Values{"grant_type": {"client_credentials"}, "audience": {w.Audience()}, "client_id": {id}, "client_secret": {secret}}
	if r := w.token(form, nil); r.status != 401 {
		t.Errorf("the shared secret of a client with keys: %d %s", r.status, r.raw)
	}
}

func sign(t *testing.T, id, issuer, jti string, now time.Time, test assertionCase) string {
	t.Helper()
	if test.alg == "" {
		test.alg = jose.PS256
	}
	opts := &jose.SignerOptions{}
	if test.kid != "" {
		opts.WithHeader("kid", test.kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: test.alg, Key: testKey()}, opts)
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{"iss": id, "sub": id, "aud": issuer, "jti": jti, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()}
	test.claims(claims)
	out, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAliases has the tenant under the name that containers know it by.
func TestAliases(t *testing.T) {
	w := open(t, Options{Domain: "localhost", Aliases: []string{"host.docker.internal"}})
	_, port, _ := strings.Cut(w.Domain(), ":")
	alias := "host.docker.internal:" + port
	req, err := http.NewRequest("POST", "https://"+w.Domain()+"/oauth/token", strings.NewReader(url.Values{
		"grant_type": {"client_credentials"}, "client_id": {w.id}, "client_secret": {w.secret},
		"audience": {"https://" + alias + "/api/v2/"}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = alias
	req.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "User-Agent": {"test"}}
	resp, err := w.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || got.Token == "" {
		t.Fatalf("%d, %v", resp.StatusCode, err)
	}
	claims, refusal := w.signer.verify(got.Token)
	if refusal != "" || claims.Issuer != "https://"+alias+"/" {
		t.Errorf("%q, %+v", refusal, claims)
	}
	w.bearer = got.Token
	if r := w.call("GET", "/api/v2/clients", nil); r.status != 200 {
		t.Errorf("%d %s", r.status, r.raw)
	}
}
