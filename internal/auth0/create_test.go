package auth0

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"clientkeeper/internal/fault"
)

func TestCreateClient(t *testing.T) {
	tests := map[string]struct {
		in   NewClient
		body string // sent; empty if it is refused
	}{
		"a name": {NewClient{Name: "n"}, `{"name":"n"}`},
		"a machine with a secret": {NewClient{Name: "n", Description: "d", AppType: "non_interactive", GrantTypes: []string{"client_credentials"},
			AuthMethod: "client_secret_basic", OIDCConformant: true, Metadata: map[string]string{"mark": "1"}, Quota: TokenQuota{PerDay: 5}},
			`{"app_type":"non_interactive","client_metadata":{"mark":"1"},"description":"d","grant_types":["client_credentials"],"name":"n",` +
				`"oidc_conformant":true,"token_endpoint_auth_method":"client_secret_basic","token_quota":{"client_credentials":{"enforce":false,"per_day":5}}}`},
		"a machine with a key": {NewClient{Name: "n", AuthMethod: "private_key_jwt", SigningAlg: "RS256", Credentials: []NewCredential{{PEM: "p", Name: "k"}}},
			`{"client_authentication_methods":{"private_key_jwt":{"credentials":[{"credential_type":"public_key","name":"k","pem":"p"}]}},` +
				`"jwt_configuration":{"alg":"RS256"},"name":"n"}`},
		"a machine with a certificate": {NewClient{Name: "n", AuthMethod: "tls_client_auth", Credentials: []NewCredential{{Type: "cert_subject_dn", SubjectDN: "CN=x"}}},
			`{"client_authentication_methods":{"tls_client_auth":{"credentials":[{"credential_type":"cert_subject_dn","subject_dn":"CN=x"}]}},"name":"n"}`},
		"a key for TLS":        {NewClient{Name: "n", AuthMethod: "tls_client_auth", Credentials: []NewCredential{{PEM: "p"}}}, ""},
		"no name":              {NewClient{}, ""},
		"keys without a key":   {NewClient{Name: "n", AuthMethod: "private_key_jwt"}, ""},
		"a key without keys":   {NewClient{Name: "n", Credentials: []NewCredential{{PEM: "p"}}}, ""},
		"a private key":        {NewClient{Name: "n", AuthMethod: "private_key_jwt", Credentials: []NewCredential{{PEM: "PRIVATE KEY"}}}, ""},
		"a key without a name": {NewClient{Name: "n", Metadata: map[string]string{"": "x"}}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := replies(201, `{"client_id":"a","client_secret":"`+canarySecret+`","client_authentication_methods":{"private_key_jwt":{"credentials":[`+credentialAnswer+`]}}}`)
			got, err := onLoopback(t, s).CreateClient(t.Context(), tt.in)
			if sent := strings.Join(s.bodies, ""); sent != tt.body {
				t.Errorf("sent %s\nwant %s", sent, tt.body)
			}
			if tt.body == "" {
				if !errors.Is(err, fault.Invalid) {
					t.Errorf("err = %v", err)
				}
				return
			}
			described(t, "ClientCreate", tt.body)
			if err != nil || got.ClientID != "a" || got.Secret.IsZero() || got.AuthenticationMethods.PrivateKeyJWT.Credentials[0] != wantCredential {
				t.Errorf("got %+v, %v", got, err)
			}
			if text := fmt.Sprintf("%v %+v %#v", got, got, got); leaks(text) != nil {
				t.Errorf("printing leaks: %s", text)
			}
		})
	}
}

// What makes something is asked for once, and a lost answer is told apart from
// a refusal.
func TestOutcomesOfWhatIsMadeOnce(t *testing.T) {
	makers := map[string]func(context.Context, *Client) error{
		"client": func(ctx context.Context, c *Client) error {
			_, err := c.CreateClient(ctx, NewClient{Name: "n"})
			return err
		},
		"secret": func(ctx context.Context, c *Client) error { _, err := c.RotateClientSecret(ctx, "a"); return err },
		"grant": func(ctx context.Context, c *Client) error {
			_, err := c.CreateClientGrant(ctx, "a", "https://api.example/", nil)
			return err
		},
		"credential": func(ctx context.Context, c *Client) error {
			_, err := c.CreateCredential(ctx, "a", NewCredential{PEM: publicPEM})
			return err
		},
	}
	befalls := map[string]struct {
		befall  befall
		unknown bool
		kind    fault.Kind
		calls   int
	}{
		"failed before the change":    {befall{status: 502}, true, fault.Unavailable, 1},
		"changed, answer lost":        {befall{status: 504, applied: true}, true, fault.Unavailable, 1},
		"connection dropped":          {befall{hangUp: true}, true, fault.Unavailable, 1},
		"changed, connection dropped": {befall{hangUp: true, applied: true}, true, fault.Unavailable, 1},
		"too slow":                    {befall{status: 201, body: strings.Repeat(" ", 100), drip: sec}, true, fault.Unavailable, 1},
		"a proxy's page":              {befall{status: 200, body: "<html>" + canaryBody}, true, fault.Unavailable, 1},
		"nothing in it":               {befall{status: 201, body: `{}`}, true, fault.Unavailable, 1},
		"another shape":               {befall{status: 201, body: `[1]`}, true, fault.Unavailable, 1},
		"busy, then told for long":    {befall{status: 429, header: map[string]string{"Retry-After": "600"}}, false, fault.RateLimited, 1},
		"no scope":                    {befall{status: 403, code: "insufficient_scope"}, false, fault.Denied, 1},
		"full":                        {befall{status: 403, code: "too_many_entities"}, false, fault.Denied, 1},
		"in the way":                  {befall{status: 409}, false, fault.Conflict, 1},
		"bad":                         {befall{status: 400, code: "invalid_body"}, false, fault.Invalid, 1},
		"token refused":               {befall{status: 401}, false, fault.Unauthenticated, 2},
	}
	for what, do := range makers {
		for name, tt := range befalls {
			t.Run(what+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := &stub{t: t, befalls: always(tt.befall), api: func(http.ResponseWriter, *http.Request) {}}
					err := do(t.Context(), inMemory(t, s))
					if fault.KindOf(err) != tt.kind || (fault.Reason(err) == "outcome_unknown") != tt.unknown {
						t.Errorf("err = %v", err)
					}
					if calls := s.changes(); calls != tt.calls {
						t.Errorf("%d calls, want %d", calls, tt.calls)
					}
					if found := leaks(fmt.Sprintf("%v %+v %#v", err, err, err)); found != nil {
						t.Errorf("the error leaks %v: %v", found, err)
					}
				})
			})
		}
	}
}

func TestRotateClientSecret(t *testing.T) {
	s := replies(200, `{"client_id":"a","client_secret":"`+canarySecret+`"}`)
	got, err := onLoopback(t, s).RotateClientSecret(t.Context(), "a")
	if err != nil || got.Reveal() != canarySecret {
		t.Errorf("secret %v, %v", got, err)
	}
	if r := s.seen[0]; r.Method != "POST" || r.URL.Path != "/api/v2/clients/a/rotate-secret" || s.bodies[0] != "" || r.Header.Get("Content-Type") != "" {
		t.Errorf("%s %s with %q", r.Method, r.URL.Path, s.bodies[0])
	}
}

// changes is how many requests to the API were for more than reading.
func (s *stub) changes() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.seen {
		if r.Method != http.MethodGet {
			n++
		}
	}
	return n
}
