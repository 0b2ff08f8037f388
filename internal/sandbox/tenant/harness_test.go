package tenant

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// testKey signs tokens and assertions everywhere: making one takes a while.
var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

var allScopes = []string{
	"read:clients", "create:clients", "update:clients", "delete:clients",
	"read:client_keys", "update:client_keys", "read:client_credentials", "create:client_credentials",
	"update:client_credentials", "delete:client_credentials",
	"read:rules", "read:tenant_settings", "update:tenant_settings",
	"read:client_grants", "create:client_grants", "update:client_grants", "delete:client_grants", "read:resource_servers",
}

// A world is a tenant on the wire with one management client.
type world struct {
	*Tenant
	t          *testing.T
	client     *http.Client
	id, secret string
	bearer     string
}

// open puts a tenant on the wire. Unless told otherwise it has no limits and
// CIMD is on.
func open(t *testing.T, opts Options, scopes ...string) *world {
	t.Helper()
	opts.SigningKey = testKey()
	if opts.Plan.Name == "" {
		opts.Plan = plans["unlimited"]
	}
	tenant, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := tenant.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- tenant.Serve(ctx) }()
	w := &world{Tenant: tenant, t: t, client: clientFor(t, tenant)}
	t.Cleanup(func() {
		w.client.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	if scopes == nil {
		scopes = allScopes
	}
	w.id, w.secret = tenant.AddManagementClient(scopes...)
	w.bearer = w.login(w.id, w.secret)
	return w
}

func clientFor(t *testing.T, tenant *Tenant) *http.Client {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(tenant.CAPEM()) {
		t.Fatal("CAPEM is no certificate")
	}
	return &http.Client{
		Timeout:   time.Minute,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true},
	}
}

// A result is an answer that was read to its end.
type result struct {
	status int
	header http.Header
	raw    []byte
	body   map[string]any // nil if it is no object
}

func (r result) text(name string) string { s, _ := r.body[name].(string); return s }

// send makes one request. An error is one of the connection.
func (w *world) send(method, path string, header http.Header, body string) (result, error) {
	req, err := http.NewRequest(method, "https://"+w.Domain()+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("User-Agent", "tenant-test/1")
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return result{}, err
	}
	defer resp.Body.Close()
	r := result{status: resp.StatusCode, header: resp.Header}
	if r.raw, err = io.ReadAll(resp.Body); err != nil {
		return r, err
	}
	_ = json.Unmarshal(r.raw, &r.body)
	return r, nil
}

// call makes a Management API request with the management client's token. The
// body is marshalled, unless it is a string.
func (w *world) call(method, path string, body any) result {
	w.t.Helper()
	r, err := w.send(method, path, w.auth(), encoded(w.t, body))
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

func (w *world) auth() http.Header {
	return http.Header{"Authorization": {"Bearer " + w.bearer}, "Content-Type": {"application/json"}}
}

func encoded(t *testing.T, body any) string {
	t.Helper()
	if s, isString := body.(string); isString || body == nil {
		return s
	}
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (w *world) token(form url.Values, header http.Header) result {
	w.t.Helper()
	h := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for name, values := range header {
		h[name] = values
	}
	r, err := w.send("POST", "/oauth/token", h, form.Encode())
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// login gets a Management API token with client_secret_post.
func (w *world) login(id, secret string) string {
	w.t.Helper()
	r := w.token(url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret},
		"audience": {w.Audience()}}, nil)
	if r.status != http.StatusOK {
		w.t.Fatalf("login: %d %s", r.status, r.raw)
	}
	return r.text("access_token")
}

// as is the same tenant seen by another client with these scopes.
func (w *world) as(scopes ...string) *world {
	other := *w
	other.id, other.secret = w.AddManagementClient(scopes...)
	other.bearer = w.login(other.id, other.secret)
	return &other
}

func (w *world) want(r result, status int, code, message string) {
	w.t.Helper()
	if r.status != status || r.text("errorCode") != code || r.text("message") != message {
		w.t.Errorf("got %d %s, want %d %q %q", r.status, r.raw, status, code, message)
	}
}

// documents is a Fetcher with a map inside.
type documents struct {
	mu    sync.Mutex
	pages map[string]Fetched
}

func (d *documents) Fetch(_ context.Context, url string, limit int64) (Fetched, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	page, there := d.pages[url]
	switch {
	case !there:
		return Fetched{}, errors.New("the host answered with status 404")
	case int64(len(page.Body)) > limit:
		return Fetched{}, errors.New("the document is larger than allowed")
	}
	return page, nil
}

// put publishes a document.
func (d *documents) put(t *testing.T, url string, doc any) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pages == nil {
		d.pages = map[string]Fetched{}
	}
	d.pages[url] = Fetched{Body: bytes.Clone([]byte(encoded(t, doc))), ContentType: "application/json"}
}
