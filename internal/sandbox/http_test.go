package sandbox_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"clientkeeper/internal/sandbox"
)

// A caller asks the sandbox's HTTP API, as somebody with the tokens of the
// sandbox's own caller.
type caller struct {
	t      *testing.T
	s      *sandbox.Sandbox
	env    map[string]string
	tenant *http.Client
	http   *http.Client
}

func newCaller(t *testing.T, s *sandbox.Sandbox) *caller {
	t.Helper()
	text, err := os.ReadFile(s.EnvFile)
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^export (\w+)='(.*)'$`).FindAllStringSubmatch(string(text), -1) {
		env[m[1]] = m[2]
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.Tenant.CAPEM())
	return &caller{t, s, env, &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}, &http.Client{Timeout: time.Minute}}
}

// token is an access token of a client for an audience; an empty scope asks
// for all that it has.
func (c *caller) token(id, secret, audience, scope string) string {
	c.t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}, "audience": {audience}}
	if scope != "" {
		form.Set("scope", scope)
	}
	r, err := c.tenant.PostForm("https://"+c.s.Tenant.Domain()+"/oauth/token", form)
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	var out struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(r.Body).Decode(&out); err != nil || out.Token == "" {
		c.t.Fatalf("no token: %d, %v", r.StatusCode, err)
	}
	return out.Token
}

// mine is a token of the sandbox's caller.
func (c *caller) mine(scope string) string {
	return c.token(c.env["API_CLIENT_ID"], c.env["API_CLIENT_SECRET"], c.env["API_AUDIENCE"], scope)
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

// reason is a problem's type, or what API Gateway itself says.
func (a answer) reason() string {
	if kind, ok := a.body["type"].(string); ok {
		return strings.TrimPrefix(kind, "urn:clientkeeper:problem:")
	}
	message, _ := a.body["message"].(string)
	return message
}

// ask sends a request with a header of names and values.
func (c *caller) ask(method, path, body string, header ...string) answer {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, c.s.APIURL+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	if body != "" && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	out, err := c.http.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer out.Body.Close()
	text, err := io.ReadAll(io.LimitReader(out.Body, 1<<20))
	if err != nil {
		c.t.Fatal(err)
	}
	a := answer{status: out.StatusCode, header: out.Header, text: string(text)}
	if len(bytes.TrimSpace(text)) > 0 {
		_ = json.Unmarshal(text, &a.body) // nil if it is none
	}
	return a
}

// made is everything that a request could have made.
func (c *caller) made() map[string]int {
	messages := 0
	for _, q := range c.s.SQS.Queues() {
		all, _ := c.s.SQS.Messages(q.Name)
		messages += len(all)
	}
	return map[string]int{"clients": len(c.s.Tenant.Clients()), "secrets": len(c.s.Secrets.Snapshot()), "messages": messages}
}
