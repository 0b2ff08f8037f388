package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clientkeeper/internal/sandbox/apigateway"
	"clientkeeper/internal/sandbox/tenant"
)

const apiAudience = "https://clientkeeper/api"

// openTenant starts a tenant with a caller that may read and create clients.
func openTenant(t *testing.T) (*tenant.Tenant, map[string]string) {
	t.Helper()
	dir := t.TempDir()
	tn, err := tenant.New(tenant.Options{Domain: "localhost:0", CADir: dir})
	if err == nil {
		err = tn.Listen("127.0.0.1:0")
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- tn.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	ca := filepath.Join(dir, "roots.pem")
	if err := os.WriteFile(ca, tn.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	tn.AddAPI(apiAudience, "clients:create", "clients:read", "rotations:start")
	id, secret := tn.AddClient("portal")
	tn.AddGrant(id, apiAudience, "clients:create", "clients:read")
	return tn, map[string]string{"AUTH0_DOMAIN": tn.Domain(), "AUTH0_CA_FILE": ca, "API_CLIENT_ID": id, "API_CLIENT_SECRET": secret, "API_AUDIENCE": apiAudience}
}

// The token that the command prints is one that the HTTP API takes, for the
// scopes that were asked for and no others.
func TestTokenOpensTheAPI(t *testing.T) {
	tn, env := openTenant(t)
	client, err := tenantHTTP(env["AUTH0_CA_FILE"])
	if err != nil {
		t.Fatal(err)
	}
	authorizer := &apigateway.Authorizer{Issuer: "https://" + tn.Domain() + "/", Audience: []string{apiAudience}}
	api, err := apigateway.New(apigateway.Options{
		Client: client,
		Routes: []apigateway.Route{
			{Method: "POST", Path: "/v1/clients", Function: "f", Authorizer: authorizer, Scopes: []string{"clients:create"}},
			{Method: "GET", Path: "/v1/clients", Function: "f", Authorizer: authorizer, Scopes: []string{"clients:read"}},
		},
		Invoke: func(context.Context, string, []byte) ([]byte, string, error) { return []byte(`{}`), "", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(api)
	t.Cleanup(s.Close)
	tests := map[string]struct {
		args        []string
		post, read_ int
	}{
		"all that it has": {nil, 200, 200},
		"one scope":       {[]string{"-scope", "clients:read"}, 403, 200},
		"both":            {[]string{"-scope", "clients:create clients:read"}, 200, 200},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := dispatched(t, env, "", append([]string{"token"}, test.args...)...)
			token, rest, _ := strings.Cut(r.out, "\n")
			if r.err != nil || rest != "" || r.errOut != "" || strings.Count(token, ".") != 2 {
				t.Fatalf("%v, and %d lines", r.err, strings.Count(r.out, "\n"))
			}
			for method, want := range map[string]int{"POST": test.post, "GET": test.read_} {
				req, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/v1/clients", http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Authorization", "Bearer "+token)
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				if res.StatusCode != want {
					t.Errorf("%s: %s, want %d; %s", method, res.Status, want, res.Header.Get("Www-Authenticate"))
				}
			}
		})
	}
}

// What goes wrong is said without the secret, and nothing is printed that a
// script would take for a token.
func TestTokenRefused(t *testing.T) {
	_, env := openTenant(t)
	const wrong = "wrong-secret-that-nobody-may-see"
	tests := map[string]struct {
		change map[string]string
		args   []string
		says   string
	}{
		"a scope that it has not":   {nil, []string{"-scope", "rotations:start"}, "status 403"},
		"a wrong secret":            {map[string]string{"API_CLIENT_SECRET": wrong}, nil, "status 401"},
		"an unknown audience":       {nil, []string{"-audience", "https://nobody.example"}, "status 403"},
		"no client":                 {map[string]string{"API_CLIENT_ID": ""}, nil, "API_CLIENT_ID"},
		"nobody at that address":    {map[string]string{"AUTH0_DOMAIN": "127.0.0.1:1"}, nil, "cannot be reached"},
		"a tenant that is not ours": {map[string]string{"AUTH0_CA_FILE": ""}, nil, "cannot be reached"},
		"no certificates":           {map[string]string{"AUTH0_CA_FILE": "token_test.go"}, nil, "AUTH0_CA_FILE"},
		"a domain that is none":     {map[string]string{"AUTH0_DOMAIN": "a b"}, nil, "AUTH0_DOMAIN"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			changed := map[string]string{}
			for k, v := range env {
				changed[k] = v
			}
			for k, v := range test.change {
				changed[k] = v
			}
			r := dispatched(t, changed, "", append([]string{"token"}, test.args...)...)
			if r.err == nil || !strings.Contains(r.err.Error(), test.says) || r.out != "" {
				t.Fatalf("%v, want something with %q; and %q", r.err, test.says, r.out)
			}
			for _, secret := range []string{wrong, env["API_CLIENT_SECRET"]} {
				if strings.Contains(r.err.Error()+r.errOut, secret) {
					t.Error("the secret is told")
				}
			}
		})
	}
}
