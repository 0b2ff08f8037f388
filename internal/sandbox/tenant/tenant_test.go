package tenant

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestNewRefuses(t *testing.T) {
	for name, opts := range map[string]Options{
		"an unknown reply": {SigningKey: testKey(), Replies: map[string]Reply{"no_such_reply": {}}},
		"slow secrets":     {SigningKey: testKey(), Quirks: Quirks{SecretPropagation: time.Minute}},
		"a broken CA":      {SigningKey: testKey(), CADir: brokenCA(t)},
	} {
		if _, err := New(opts); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func brokenCA(t *testing.T) string {
	dir := t.TempDir()
	for _, name := range []string{"ca.pem", "ca-key.pem"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("broken"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestListenRefusesTheWorld(t *testing.T) {
	tenant, err := New(Options{SigningKey: testKey()})
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"0.0.0.0:0", ":0", "example.com:0", "192.0.2.1:0", "nonsense"} {
		if err := tenant.Listen(addr); err == nil {
			t.Errorf("Listen(%q) succeeded", addr)
		}
	}
	if err := tenant.Serve(context.Background()); err == nil {
		t.Error("Serve before Listen succeeded")
	}
}

func TestAuthorityIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	var pems [2]string
	for i := range pems {
		tenant, err := New(Options{SigningKey: testKey(), CADir: dir})
		if err != nil {
			t.Fatal(err)
		}
		pems[i] = string(tenant.CAPEM())
	}
	if pems[0] != pems[1] {
		t.Error("the second start made another authority")
	}
	info, err := os.Stat(filepath.Join(dir, "ca-key.pem"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("ca-key.pem: %v, %v", info, err)
	}
	if other, err := New(Options{SigningKey: testKey()}); err != nil || string(other.CAPEM()) == pems[0] {
		t.Errorf("a tenant without a directory: %v", err)
	}
}

// TestCertificate checks every name that the tenant is called by, and that
// the authority can vouch for no other.
func TestCertificate(t *testing.T) {
	w := open(t, Options{})
	block, _ := pem.Decode(w.CAPEM())
	authority, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "host.docker.internal"} {
		conn, err := tls.Dial("tcp", w.Addr(), &tls.Config{RootCAs: roots, ServerName: name})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		conn.Close()
	}
	if slices.Contains(authority.PermittedDNSDomains, "") || !authority.PermittedDNSDomainsCritical || len(authority.PermittedIPRanges) != 2 {
		t.Errorf("constraints: %+v", authority.PermittedDNSDomains)
	}
}

func TestRepliesCanBeReplaced(t *testing.T) {
	w := open(t, Options{Replies: map[string]Reply{
		"client_missing":     {404, "gone", "nowhere"},
		"document_unread":    {500, "", "no %s"},
		"oauth_unauthorized": {401, "invalid_client", "Client authentication failed"},
	}, CIMD: true})
	w.want(w.call("GET", "/api/v2/clients/x", nil), 404, "gone", "nowhere")
	w.want(w.register(codeURL), 500, "", "no "+codeURL)
	if r := w.token(map[string][]string{"grant_type": {"client_credentials"}, "client_id": {"x"}}, nil); r.text("error") != "invalid_client" {
		t.Errorf("%s", r.raw)
	}
}

func TestViolations(t *testing.T) {
	w := open(t, Options{})
	header := func(name, value string) http.Header {
		h := w.auth()
		h.Set(name, value)
		return h
	}
	tests := []struct {
		name, method, path string
		header             http.Header
		body               string
		times              int
		want               string
	}{
		{"a good request", "GET", "/api/v2/clients", w.auth(), "", 2, ""},
		{"no user agent", "GET", "/api/v2/rules", header("User-Agent", ""), "", 1, "no User-Agent of its own: GET /api/v2/rules"},
		{"Go's user agent", "GET", "/api/v2/tenants/settings", header("User-Agent", "Go-http-client/2.0"), "", 1, "no User-Agent of its own: GET /api/v2/tenants/settings"},
		{"token in a query", "GET", "/api/v2/clients?access_token=" + w.bearer, w.auth(), "", 2, "a secret in a URL: GET /api/v2/clients"},
		{"secret in a path", "GET", "/api/v2/clients/" + w.secret, w.auth(), "", 1, "a secret in a URL: GET /api/v2/clients/{id}"},
		{"create with other ids", "POST", "/api/v2/clients", w.auth(), `{"name":"x"}`, 2, ""},
		{"create repeated", "POST", "/api/v2/clients", header("X-Correlation-Id", "c1"), `{"name":"x"}`, 3, "repeated although it was applied: POST /api/v2/clients"},
		{"rotate repeated", "POST", "/api/v2/clients/" + w.id + "/rotate-secret", header("X-Correlation-Id", "c1"), "", 2, "repeated although it was applied: POST /api/v2/clients/{id}/rotate-secret"},
		{"refused create repeated", "POST", "/api/v2/clients", header("X-Correlation-Id", "c2"), `{}`, 2, ""},
	}
	var want []string
	for _, test := range tests {
		for range test.times {
			if _, err := w.send(test.method, test.path, test.header, test.body); err != nil {
				t.Fatalf("%s: %v", test.name, err)
			}
		}
		if test.want != "" {
			want = append(want, test.want)
		}
		if got := w.Violations(); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", test.name, got, want)
		}
	}
	if text := strings.Join(w.Violations(), " "); strings.Contains(text, w.secret) || strings.Contains(text, w.bearer) {
		t.Error("a violation repeats a secret")
	}
}

// TestLog fills the ring more than once, and looks for secrets in it.
func TestLog(t *testing.T) {
	var told []int
	var mu sync.Mutex
	w := open(t, Options{LogSize: 3, OnRequest: func(e Entry) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, e.N)
	}})
	id := strings.Repeat("i", 70)
	h := w.auth()
	h.Set("X-Correlation-Id", id)
	for range 4 {
		if _, err := w.send("DELETE", "/api/v2/clients/nobody?x="+w.secret, h, ""); err != nil {
			t.Fatal(err)
		}
	}
	log := w.Log()
	if len(log) != 3 || log[0].N != 3 || log[2].N != 5 || w.Counts().Requests != 5 || !slices.Equal(told, []int{1, 2, 3, 4, 5}) {
		t.Fatalf("log %+v, told %v", log, told)
	}
	last := log[2]
	if last.Path != "/api/v2/clients/{id}" || last.Status != 204 || last.Client != w.id || last.CorrelationID != id[:64] || last.Applied {
		t.Errorf("last: %+v", last)
	}
	if text := fmt.Sprintf("%+v %+v", log, w.Tenant.Clients()); strings.Contains(text, w.secret) || strings.Contains(text, w.bearer) {
		t.Error("a secret is in the log or in a view")
	}
}

// TestVerifiedTokensAreRemembered: thousands of calls are cheap only if a token is verified once.
func TestVerifiedTokensAreRemembered(t *testing.T) {
	w := open(t, Options{})
	first, _ := w.signer.verify(w.bearer)
	second, _ := w.signer.verify(w.bearer)
	if first != second || first == nil {
		t.Error("the second verification did the work again")
	}
	for i := range maxVerified + 1 {
		w.signer.verified[[32]byte{byte(i), byte(i >> 8), 1}] = first
	}
	other, err := w.signer.issue(accessClaims{Party: "other"})
	if err != nil {
		t.Fatal(err)
	}
	if _, refusal := w.signer.verify(other); refusal != "" || len(w.signer.verified) > 2 {
		t.Errorf("%q, %d tokens are remembered", refusal, len(w.signer.verified))
	}
}

func BenchmarkGetClient(b *testing.B) {
	tenant, err := New(Options{SigningKey: testKey(), Plan: plans["unlimited"]})
	if err != nil {
		b.Fatal(err)
	}
	id, _ := tenant.AddManagementClient(allScopes...)
	token, err := tenant.signer.issue(accessClaims{Issuer: issuerOf(tenant.Domain()), Audience: tenant.Audience(),
		Expires: time.Now().Unix() + 600, Party: id, Scope: strings.Join(allScopes, " ")})
	if err != nil {
		b.Fatal(err)
	}
	req, err := http.NewRequest("GET", "https://"+tenant.Domain()+"/api/v2/clients/"+id, http.NoBody)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	for b.Loop() {
		tenant.ServeHTTP(discard{}, req)
	}
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
