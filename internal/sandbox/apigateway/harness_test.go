package apigateway_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"clientkeeper/internal/sandbox/apigateway"
)

// A function answers events, and keeps the last.
type function struct {
	mu      sync.Mutex
	events  [][]byte
	answer  string
	failed  string
	err     error
	invoked func(ctx context.Context)
}

func (f *function) invoke(ctx context.Context, _ string, event []byte) ([]byte, string, error) {
	if f.invoked != nil {
		f.invoked(ctx)
		if ctx.Err() != nil {
			return nil, "", ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, event)
	answer := f.answer
	if answer == "" {
		answer = `{"statusCode":200,"body":"ok"}`
	}
	return []byte(answer), f.failed, f.err
}

func (f *function) calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.events)
}

// event is the last, decoded without a type so that a name that is absent can
// be told from one that is null.
func (f *function) event(t *testing.T) map[string]any {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.events) == 0 {
		t.Fatal("the function was not invoked")
	}
	var e map[string]any
	if err := json.Unmarshal(f.events[len(f.events)-1], &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// at follows names into an event; absent is what is not there.
func at(e map[string]any, path string) any {
	var v any = e
	for name := range strings.SplitSeq(path, "/") {
		m, ok := v.(map[string]any)
		if !ok {
			return absent
		}
		if v, ok = m[name]; !ok {
			return absent
		}
	}
	return v
}

const absent = "(absent)"

// serve starts an API with the function behind every route.
func serve(t *testing.T, o apigateway.Options, f *function) *httptest.Server {
	t.Helper()
	if o.Invoke == nil {
		o.Invoke = f.invoke
	}
	api, err := apigateway.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(api)
	t.Cleanup(s.Close)
	return s
}

// raw sends bytes as they are, and reads one answer.
func raw(t *testing.T, s *httptest.Server, request string) (*http.Response, string) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", s.Listener.Addr().String(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no answer to %.200q: %v", request, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// call is a request with headers and a body.
func call(t *testing.T, s *httptest.Server, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}

// key is slow to make, and the same for all tests.
var key = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

var otherKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// An issuer serves a discovery document and keys over HTTPS.
type issuer struct {
	*httptest.Server
	mu        sync.Mutex
	keys      []jose.JSONWebKey
	discovery map[string]any
	fetched   int
	status    int
	jwks      string // instead of keys
}

func newIssuer(t *testing.T) *issuer {
	i := &issuer{keys: []jose.JSONWebKey{{Key: &key().PublicKey, KeyID: "k1", Algorithm: "RS256", Use: "sig"}}}
	i.Server = httptest.NewTLSServer(http.HandlerFunc(i.serve))
	t.Cleanup(i.Close)
	i.discovery = map[string]any{"issuer": i.URL + "/", "jwks_uri": i.URL + "/jwks"}
	return i
}

func (i *issuer) serve(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.status != 0 {
		http.Error(w, "no", i.status)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(i.discovery)
	case "/jwks":
		i.fetched++
		if i.jwks != "" {
			_, _ = io.WriteString(w, i.jwks)
			return
		}
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: i.keys})
	default:
		http.NotFound(w, r)
	}
}

const audience = "https://clientkeeper/api"

func (i *issuer) authorizer() *apigateway.Authorizer {
	return &apigateway.Authorizer{Issuer: i.URL + "/", Audience: []string{"other", audience}}
}

// claims are those of a good token, with changes; a nil value takes one away.
func (i *issuer) claims(changes map[string]any) map[string]any {
	now := time.Now().Unix()
	c := map[string]any{"iss": i.URL + "/", "aud": audience, "sub": "caller@clients", "exp": now + 600, "iat": now - 5, "scope": "clients:create clients:read"}
	maps.Copy(c, changes)
	for name, v := range c {
		if v == nil {
			delete(c, name)
		}
	}
	return c
}

// sign makes a token with the issuer's key.
func sign(t *testing.T, c any) string {
	t.Helper()
	return signWith(t, jose.SigningKey{Algorithm: jose.RS256, Key: key()}, "k1", c)
}

func signWith(t *testing.T, k jose.SigningKey, kid string, c any) string {
	t.Helper()
	o := (&jose.SignerOptions{}).WithType("JWT")
	if kid != "" {
		o = o.WithHeader("kid", kid)
	}
	s, err := jose.NewSigner(k, o)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}
