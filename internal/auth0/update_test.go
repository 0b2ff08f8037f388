package auth0

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

func TestUpdateClient(t *testing.T) {
	empty, value := "", "v"
	keys := Authentication{Method: "private_key_jwt", CredentialIDs: []string{"cred_1", "cred_2"}}
	tests := map[string]struct {
		patch  ClientPatch
		body   string // what is sent; empty if nothing is
		scopes string
	}{
		"nothing": {ClientPatch{}, "", ""},
		"names":   {ClientPatch{Name: "n", Description: &empty}, `{"description":"","name":"n"}`, "update:clients"},
		"grants":  {ClientPatch{GrantTypes: []string{}}, `{"grant_types":[]}`, "update:clients"},
		"secret":  {ClientPatch{Secret: secret.New(canarySecret)}, `{"client_secret":"` + canarySecret + `"}`, "update:client_keys"},
		"to keys": {ClientPatch{Authentication: keys, SigningAlg: "RS256"},
			`{"client_authentication_methods":{"private_key_jwt":{"credentials":[{"id":"cred_1"},{"id":"cred_2"}]}},` +
				`"jwt_configuration":{"alg":"RS256"},"token_endpoint_auth_method":null}`, "update:client_credentials and update:clients"},
		"to a certificate": {ClientPatch{Authentication: Authentication{Method: "self_signed_tls_client_auth", CredentialIDs: []string{"cred_1"}}},
			`{"client_authentication_methods":{"self_signed_tls_client_auth":{"credentials":[{"id":"cred_1"}]}},` +
				`"token_endpoint_auth_method":null}`, "update:client_credentials and update:clients"},
		"back to a secret": {ClientPatch{Authentication: Authentication{Method: "client_secret_post"}, Secret: secret.New("s")},
			`{"client_authentication_methods":null,"client_secret":"s","token_endpoint_auth_method":"client_secret_post"}`,
			"update:client_credentials and update:client_keys and update:clients"},
		"metadata": {ClientPatch{Metadata: map[string]*string{"a": &value, "b": nil}}, `{"client_metadata":{"a":"v","b":null}}`, "update:clients"},
		"quota": {ClientPatch{Quota: &TokenQuota{PerHour: 10, Enforce: true}},
			`{"token_quota":{"client_credentials":{"enforce":true,"per_hour":10}}}`, "update:clients"},
		"no quota": {ClientPatch{Quota: &TokenQuota{}}, `{"token_quota":null}`, "update:clients"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := replies(200, `{"client_id":"a","client_secret":"`+canarySecret+`"}`)
			if err := onLoopback(t, s).UpdateClient(t.Context(), "a", tt.patch); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(s.bodies, ""); got != tt.body {
				t.Errorf("sent %s\nwant %s", got, tt.body)
			}
			if tt.body != "" {
				described(t, "ClientUpdate", tt.body)
				if r := s.seen[0]; r.Method != "PATCH" || r.URL.Path != "/api/v2/clients/a" {
					t.Errorf("%s %s", r.Method, r.URL.Path)
				}
			}
			if got := tt.patch.scopes(); got != tt.scopes {
				t.Errorf("scopes %q, want %q", got, tt.scopes)
			}
			if text := fmt.Sprintf("%v %+v %#v", tt.patch, tt.patch, tt.patch); leaks(text) != nil {
				t.Errorf("printing leaks: %s", text)
			}
		})
	}
}

func TestPatchesThatMustNotBeSent(t *testing.T) {
	long := strings.Repeat("x", 256)
	ctx := t.Context()
	tests := map[string]func(c *Client) error{
		"keys without a key": func(c *Client) error {
			return c.UpdateClient(ctx, "a", ClientPatch{Authentication: Authentication{Method: "private_key_jwt"}})
		},
		"a secret with keys": func(c *Client) error {
			return c.UpdateClient(ctx, "a", ClientPatch{Authentication: Authentication{Method: "client_secret_post", CredentialIDs: []string{"c"}}})
		},
		"long metadata": func(c *Client) error {
			return c.UpdateClient(ctx, "a", ClientPatch{Metadata: map[string]*string{"a": &long}})
		},
		"no client":                func(c *Client) error { return c.UpdateClient(ctx, "", ClientPatch{Name: "n"}) },
		"no client and no change":  func(c *Client) error { return c.UpdateClient(ctx, "..", ClientPatch{}) },
		"no secret":                func(c *Client) error { return c.SetClientSecret(ctx, "a", secret.Value{}) },
		"no credentials":           func(c *Client) error { return c.SetCredentials(ctx, "a", nil) },
		"a credential without id":  func(c *Client) error { return c.SetCredentials(ctx, "a", []string{"x", ""}) },
		"credentials of no client": func(c *Client) error { return c.SetCredentials(ctx, ".", []string{"x"}) },
	}
	for name, do := range tests {
		t.Run(name, func(t *testing.T) {
			s := replies(200, `{}`)
			if err := do(onLoopback(t, s)); !errors.Is(err, fault.Invalid) {
				t.Errorf("err = %v", err)
			}
			if len(s.bodies) > 0 {
				t.Errorf("sent %s", s.bodies)
			}
		})
	}
}

func TestSetCredentials(t *testing.T) {
	s := replies(200, `{"client_id":"a"}`)
	if err := onLoopback(t, s).SetCredentials(t.Context(), "a", []string{"cred_1"}); err != nil {
		t.Fatal(err)
	}
	want := `{"client_authentication_methods":{"private_key_jwt":{"credentials":[{"id":"cred_1"}]}}}`
	if s.bodies[0] != want {
		t.Errorf("sent %s, want %s", s.bodies[0], want)
	}
	described(t, "ClientUpdate", s.bodies[0])
}

// The secret is set once or twice, it makes no difference, and shows nowhere.
func TestSetClientSecretIsRepeated(t *testing.T) {
	s := &stub{t: t, befalls: once(befall{status: 502, applied: true, body: `{"client_secret":"` + canarySecret + `"}`})}
	s.api = replies(200, `{"client_secret":"`+canarySecret+`"}`).api
	c := onLoopback(t, s)
	if err := c.SetClientSecret(t.Context(), "a", secret.New(canarySecret)); err != nil {
		t.Fatal(err)
	}
	if len(s.bodies) != 2 || s.bodies[0] != s.bodies[1] || s.bodies[0] != `{"client_secret":"`+canarySecret+`"}` {
		t.Errorf("sent %d times", len(s.bodies))
	}
	s.befalls = always(befall{status: 400, code: "invalid_body", message: "bad secret " + canarySecret})
	err := c.SetClientSecret(t.Context(), "a", secret.New(canarySecret))
	if !errors.Is(err, fault.Invalid) || leaks(fmt.Sprintf("%v %+v %#v", err, err, err)) != nil {
		t.Errorf("err = %v", err)
	}
}

// The secret is there only for those who ask for it.
func TestSecretsAreReadOnRequest(t *testing.T) {
	s := replies(200, `{"client_id":"a","client_secret":"`+canarySecret+`","clients":[{"client_id":"a","client_secret":"`+canarySecret+`"}]}`)
	c := onLoopback(t, s)
	plain, err := c.Client(t.Context(), "a")
	if err != nil || !plain.Secret.IsZero() {
		t.Errorf("a plain read: secret %v, %v", !plain.Secret.IsZero(), err)
	}
	named, err := c.Client(t.Context(), "a", "client_id", "client_secret")
	if err != nil || named.Secret.IsZero() {
		t.Errorf("by name: no secret, %v", err)
	}
	asked, err := c.ClientWithSecret(t.Context(), "a")
	if err != nil || asked.Secret.IsZero() || s.seen[2].URL.RawQuery != "" {
		t.Errorf("with the secret: %v, query %q", err, s.seen[2].URL.RawQuery)
	}
	for _, q := range []Query{{}, {Fields: []string{"client_secret"}}} {
		for got, err := range c.Clients(t.Context(), q) {
			if err != nil || got.Secret.IsZero() != (q.Fields == nil) {
				t.Errorf("list of %v: %v", q.Fields, err)
			}
		}
	}
}
