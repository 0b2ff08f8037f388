package auth0

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"clientkeeper/internal/cimd"
	"clientkeeper/internal/secret"
)

// Canaries: if one of these shows up in any text, something leaked.
const (
	canarySecret = "canary-SECRET-5f1c9d"
	canaryToken  = "canary-TOKEN-77aa01"
	canaryBody   = "canary-BODY-c0ffee"
)

// A befall is what happens to one request to the API. The zero befall is
// nothing unusual.
type befall struct {
	status  int               // answer with this instead of the truth
	header  map[string]string // on top of the usual
	body    string            // instead of an error envelope
	code    string            // errorCode of the envelope
	message string            // message of the envelope
	applied bool              // the change is made; only the answer is lost
	hangUp  bool              // close the connection instead of answering
	drip    time.Duration     // between the bytes of the answer
}

// stub is a tenant with just enough state to tell whether a change was made.
type stub struct {
	t *testing.T

	// befalls is asked about each request to the API, by number from 1.
	befalls func(n int) befall
	// grants answers /oauth/token, by number from 1; nil issues a token.
	grants func(n int, w http.ResponseWriter, r *http.Request)
	// api serves what no befall has taken; nil registers clients.
	api http.HandlerFunc

	mu      sync.Mutex
	calls   int // to the API
	tokens  int // requests for a token
	clients map[string]string
	seen    []*http.Request // requests to the API; bodies are in bodies
	bodies  []string
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/oauth/token" {
		s.mu.Lock()
		s.tokens++
		n := s.tokens
		s.mu.Unlock()
		if s.grants != nil {
			s.grants(n, w, r)
			return
		}
		grantToken(w, canaryToken, 86400)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Errorf("reading a request: %v", err)
	}
	s.mu.Lock()
	s.calls++
	n := s.calls
	s.seen, s.bodies = append(s.seen, r), append(s.bodies, string(body))
	s.mu.Unlock()
	var b befall
	if s.befalls != nil {
		b = s.befalls(n)
	}
	s.serve(w, r, body, b)
}

func (s *stub) serve(w http.ResponseWriter, r *http.Request, body []byte, b befall) {
	api := s.api
	if api == nil {
		api = func(w http.ResponseWriter, _ *http.Request) { s.register(w, body) }
	}
	if b.status == 0 && !b.hangUp && b.drip == 0 {
		for k, v := range b.header {
			w.Header().Set(k, v)
		}
		api(w, r)
		return
	}
	if b.applied {
		api(httptest.NewRecorder(), r)
	}
	if b.hangUp {
		hangUp(s.t, w)
		return
	}
	for k, v := range b.header {
		w.Header().Set(k, v)
	}
	text := b.body
	if text == "" {
		text = fmt.Sprintf(`{"statusCode":%d,"error":%q,"message":%q,"errorCode":%q}`,
			b.status, http.StatusText(b.status), b.message+" "+canaryBody, b.code)
	}
	w.WriteHeader(or(b.status, 200))
	for i := range len(text) {
		if b.drip > 0 {
			select {
			case <-time.After(b.drip):
			case <-r.Context().Done():
				panic(http.ErrAbortHandler) // no tidy end for a reader that has gone
			}
			_ = http.NewResponseController(w).Flush()
		}
		if _, err := io.WriteString(w, text[i:i+1]); err != nil {
			return
		}
	}
}

func (s *stub) register(w http.ResponseWriter, body []byte) {
	var in struct {
		ID string `json:"external_client_id"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		s.t.Errorf("the body %q is not JSON: %v", body, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id, ok := s.clients[in.ID]
	status := http.StatusOK
	if !ok {
		if s.clients == nil {
			s.clients = map[string]string{}
		}
		id, status = "tpc_"+strconv.Itoa(len(s.clients)+1), http.StatusCreated
		s.clients[in.ID] = id
	}
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"client_id":%q,"mapped_fields":{},"validation":{"valid":true,"violations":[],"warnings":[]}}`, id)
}

func (s *stub) counts() (calls, tokens, clients int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls, s.tokens, len(s.clients)
}

func grantToken(w http.ResponseWriter, value string, lifetime int) {
	fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":%d,"scope":"read:clients create:clients"}`, value, lifetime)
}

func hangUp(t *testing.T, w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Errorf("hijack: %v", err)
		return
	}
	_ = conn.Close()
}

// inMemory starts s on a network of its own and returns a client of it. It may
// be used inside a bubble.
func inMemory(t *testing.T, s http.Handler, change ...func(*Config)) *Client {
	t.Helper()
	m := newMemory()
	server := httptest.NewUnstartedServer(s)
	if err := server.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	server.Listener = m
	c := start(t, server, "example.com", change...)
	c.http.Transport.(*http.Transport).DialContext = m.dial
	return c
}

// onLoopback is the same on a real socket.
func onLoopback(t *testing.T, s http.Handler, change ...func(*Config)) *Client {
	t.Helper()
	server := httptest.NewUnstartedServer(s)
	return start(t, server, server.Listener.Addr().String(), change...)
}

func start(t *testing.T, server *httptest.Server, domain string, change ...func(*Config)) *Client {
	t.Helper()
	server.Config.ErrorLog = quiet()
	server.StartTLS()
	t.Cleanup(server.Close)
	config := Config{
		Domain: domain, Credential: staticCredential,
		RootsPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
	}
	for _, f := range change {
		f(&config)
	}
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	transport := c.http.Transport.(*http.Transport)
	transport.Proxy = nil
	t.Cleanup(transport.CloseIdleConnections)
	return c
}

func staticCredential(context.Context, bool) (Credential, error) {
	return Credential{ClientID: "mgmt", Secret: secret.New(canarySecret)}, nil
}

func clientID(t *testing.T, s string) cimd.ClientID {
	t.Helper()
	id, err := cimd.ParseClientID(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

const document = "https://client.example.org/oauth/client.json"

func once(b befall) func(int) befall {
	return func(n int) befall {
		if n == 1 {
			return b
		}
		return befall{}
	}
}

func always(b befall) func(int) befall { return func(int) befall { return b } }

// leaks reports the canaries in text.
func leaks(text string) (found []string) {
	for _, canary := range []string{canarySecret, canaryToken, canaryBody, "PRIVATE KEY"} {
		if strings.Contains(text, canary) {
			found = append(found, canary)
		}
	}
	return found
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
