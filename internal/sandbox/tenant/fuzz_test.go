package tenant

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// fuzzed is a tenant without a wire, with some of everything in it, whose
// clock stands still. Its client count is bounded, however much a fuzzer makes.
func fuzzed(f testing.TB) (*Tenant, string, string) {
	f.Helper()
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	plan := plans["unlimited"]
	plan.Entities = 50
	tn, err := New(Options{Domain: "tenant.example:8443", SigningKey: testKey(), Plan: plan, CIMD: true, Now: func() time.Time { return now }})
	if err != nil {
		f.Fatal(err)
	}
	tn.AddAPI(orders, "read:orders")
	id, _ := tn.AddManagementClient(allScopes...)
	token, err := tn.signer.issue(accessClaims{Issuer: issuerOf(tn.Domain()), Audience: tn.Audience(), Expires: now.Unix() + 60, Party: id, Scope: strings.Join(allScopes, " ")})
	if err != nil {
		f.Fatal(err)
	}
	return tn, id, token
}

// FuzzRequest sends any request to any path. Whatever it is, it is answered, in
// JSON and without a failure of the tenant's own, and no read changes anything.
func FuzzRequest(f *testing.F) {
	tn, id, token := fuzzed(f)
	for _, seed := range [][4]string{
		{"POST", "/api/v2/clients", "application/json", `{"name":"x","client_authentication_methods":{"private_key_jwt":{"credentials":[{"credential_type":"public_key","pem":"x"}]}}}`},
		{"PATCH", "/api/v2/clients/" + id, "application/json", `{"client_secret":"x","client_metadata":{"a":null},"jwt_configuration":{"alg":"RS256"},"token_quota":{"client_credentials":{"per_day":1e99}}}`},
		{"PATCH", "/api/v2/clients/" + id, "application/json", `{"client_authentication_methods":{"private_key_jwt":{"credentials":[]}},"signed_request_object":{"credentials":[{"id":7}]}}`},
		{"GET", "/api/v2/clients?page=9999999999&per_page=100&from=MTI&fields=a,b&include_fields=false&q=x", "", ""},
		{"GET", "/api/v2/client-grants?take=1&from=////", "", ""},
		{"POST", "/api/v2/client-grants", "application/json", `{"client_id":"` + id + `","audience":"` + orders + `","scope":["read:orders"]}`},
		{"POST", "/api/v2/clients/" + id + "/credentials", "application/x-www-form-urlencoded", "credential_type=x509_cert&pem=%zz"},
		{"POST", "/api/v2/clients/cimd/register", "application/json", `{"external_client_id":"https://%2e%2e/x"}`},
		{"POST", "/oauth/token", "application/x-www-form-urlencoded", "grant_type=client_credentials&client_id=%00&client_secret=x&audience=%F0"},
		{"POST", "/oauth/token", "application/json", `{"grant_type":"client_credentials","client_assertion_type":"` + assertionType + `","client_assertion":"a.b.c"}`},
		{"DELETE", "/api/v2/clients/%2F..", "", "x"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	f.Fuzz(func(t *testing.T, method, target, media, body string) {
		r, err := http.NewRequest(method, "https://tenant.example:8443/", strings.NewReader(body))
		if err != nil {
			t.Skip("no method")
		}
		u, err := r.URL.Parse(target)
		if err != nil {
			t.Skip("no path")
		}
		r.URL, r.Host = u, tn.Domain()
		r.Header.Set("Authorization", "Bearer "+token)
		if strings.HasPrefix(u.Path, "/oauth/") {
			r.Header.Del("Authorization")
		}
		r.Header.Set("Content-Type", media)
		r.Header.Set("User-Agent", "fuzz/1")
		before := len(tn.Clients()) + len(tn.Grants(id))
		w := httptest.NewRecorder()
		tn.ServeHTTP(w, r)
		if w.Code < 200 || w.Code >= 500 {
			t.Errorf("%s %q: %d", method, target, w.Code)
		}
		if raw := w.Body.Bytes(); len(raw) > 0 && !json.Valid(raw) {
			t.Errorf("%s %q: no JSON: %q", method, target, raw)
		}
		if after := len(tn.Clients()) + len(tn.Grants(id)); after != before && (method == http.MethodGet || w.Code >= 400) {
			t.Errorf("%s %q, answered %d, changed something", method, target, w.Code)
		}
		for _, v := range tn.Violations() {
			if strings.Contains(v, "panicked") {
				t.Fatal(v)
			}
		}
	})
}

// FuzzPEM reads anything as a key. What is taken is an RSA key of the right
// size, with a fingerprint.
func FuzzPEM(f *testing.F) {
	f.Add("-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n", publicKey, true)
	f.Add("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", certificate, false)
	public, _ := pemOf(f)
	f.Add(public, publicKey, false)
	f.Add(public, subjectDN, false)
	f.Fuzz(func(t *testing.T, text, kind string, parse bool) {
		c := &credential{Type: kind}
		if err := c.read(text, "", "", parse); err != nil {
			if len(err.Error()) > 100 || strings.Contains(err.Error(), "PRIVATE") {
				t.Errorf("the error repeats its input: %v", err)
			}
			return
		}
		switch {
		case c.Type == certificate && c.Thumbprint == "",
			c.Type == publicKey && (c.KeyID == "" || c.key.N.BitLen() < minKeyBits || c.key.N.BitLen() > maxKeyBits):
			t.Errorf("taken as %+v", c)
		}
	})
}

// FuzzForgery offers anything as an access token and as an assertion. Neither
// lets anybody in.
func FuzzForgery(f *testing.F) {
	tn, id, _ := fuzzed(f)
	public, _ := pemOf(f)
	if _, err := tn.AddKey(id, public, "RS256"); err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"a.b.c", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJSUzI1NiJ9.e30.eA", "eyJhbGciOiJSUzI1NiJ9..eA",
		"eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJ4Iiwic3ViIjoieCJ9.eA", `{"protected":"eyJhbGciOiJSUzI1NiJ9","payload":"e30","signature":"eA"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if claims, refusal := tn.signer.verify(text); refusal == "" {
			t.Errorf("%q is a token: %+v", text, claims)
		}
		tn.mu.Lock()
		defer tn.mu.Unlock()
		if cl, reason := tn.checkAssertion(tokenRequest{assertionType: assertionType, assertion: text}, tn.domain); reason == "" {
			t.Errorf("%q proves %s", text, cl.id)
		}
	})
}

// FuzzMischief reads anything as rules, which then are asked about a request.
func FuzzMischief(f *testing.F) {
	for _, s := range []string{"register=502-after:5%", "*=429:x2,token=drop-before:#3", "writes=drip-500ms", "list=delay-1h-html", "x", "*=200", "*=500:1e9%", "*=500:NaN%"} {
		f.Add(s)
	}
	r := httptest.NewRequest(http.MethodPost, "https://tenant.example/api/v2/clients", nil)
	f.Fuzz(func(t *testing.T, text string) {
		hook, err := ParseMischief(text, 1)
		if err != nil {
			return
		}
		for n := range 3 {
			if got := hook(n, r); got.Status != 0 && (got.Status < 400 || got.Status > 599) || got.Delay < 0 || got.Drip < 0 {
				t.Errorf("%q strikes with %+v", text, got)
			}
		}
	})
}
