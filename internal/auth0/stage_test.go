package auth0_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"clientkeeper/internal/auth0"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/sandbox/tenant"
	"clientkeeper/internal/secret"
)

var scopes = []string{"read:clients", "create:clients", "update:clients", "delete:clients", "read:client_keys", "update:client_keys",
	"read:client_credentials", "create:client_credentials", "update:client_credentials", "delete:client_credentials"}

// A stage is the sandbox's tenant on the wire and a client of it.
type stage struct {
	*testing.T
	tenant *tenant.Tenant
	client *auth0.Client
	ctx    context.Context
}

func open(t *testing.T, opts tenant.Options, scopes ...string) stage {
	t.Helper()
	t.Parallel() // most of such a test is waiting for the server's last second
	plan, err := tenant.PlanNamed("unlimited")
	if err != nil {
		t.Fatal(err)
	}
	opts.Plan, opts.SigningKey = plan, signingKey()
	room, err := tenant.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := room.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- room.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if v := room.Violations(); len(v) > 0 {
			t.Errorf("the tenant complains: %q", v)
		}
	})
	id, text := room.AddManagementClient(scopes...)
	c, err := auth0.New(auth0.Config{
		Domain: room.Domain(), RootsPEM: room.CAPEM(), Credential: func(context.Context, bool) (auth0.Credential, error) {
			return auth0.Credential{ClientID: id, Secret: secret.New(text)}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return stage{t, room, c, t.Context()}
}

// befall lets rules of mischief strike from now on.
func (s stage) befall(rules string) {
	s.Helper()
	f, err := tenant.ParseMischief(rules, 1)
	if err != nil {
		s.Fatal(err)
	}
	s.tenant.SetMischief(f)
}

func (s stage) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// fails wants a kind and a reason, and no secret in the text.
func (s stage) fails(err error, kind fault.Kind, reason string, secrets ...string) {
	s.Helper()
	if err == nil || fault.KindOf(err) != kind || fault.Reason(err) != reason {
		s.Errorf("error %v, want %v with %s", err, kind, reason)
	}
	for _, text := range secrets {
		if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), text) {
			s.Errorf("the error shows a secret: %v", err)
		}
	}
}

// logsIn wants a login to end in a result.
func (s stage) logsIn(want auth0.LoginResult, cred auth0.Credential, audience ...string) {
	s.Helper()
	got, err := s.client.Login(s.ctx, cred, audience...)
	if err != nil || got != want {
		s.Errorf("login: %q, %v; want %q", got, err, want)
	}
}

// calls is how many requests to a route the tenant has seen.
func (s stage) calls(route string) int {
	n := 0
	for _, e := range s.tenant.Log() {
		if e.Route == route {
			n++
		}
	}
	return n
}

// A pair is a key of a client.
type pair struct {
	private secret.Value
	public  string
	kid     string // RFC 7638
}

// pairs are keys that every test may use: making one takes a while.
var pairs = sync.OnceValue(func() (all [5]pair) {
	for i := range all {
		all[i] = newPair()
	}
	return all
})

var signingKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })

// must is for what fails only on a broken machine.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newPair() pair {
	key := must(rsa.GenerateKey(rand.Reader, 2048))
	private := must(x509.MarshalPKCS8PrivateKey(key))
	public := must(x509.MarshalPKIXPublicKey(&key.PublicKey))
	print := must((&jose.JSONWebKey{Key: &key.PublicKey}).Thumbprint(crypto.SHA256))
	return pair{
		secret.New(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))),
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		base64.RawURLEncoding.EncodeToString(print),
	}
}

func (p pair) of(clientID string) auth0.Credential {
	return auth0.Credential{ClientID: clientID, PrivateKeyPEM: p.private, KeyID: p.kid, AuthMethod: "private_key_jwt"}
}

const api = "https://api.example.com/"

// machine is a client with a secret that may ask for tokens for the API.
func (s stage) machine() (id string, text secret.Value) {
	s.Helper()
	made, err := s.client.CreateClient(s.ctx, auth0.NewClient{Name: "machine", AppType: "non_interactive",
		GrantTypes: []string{"client_credentials"}, AuthMethod: "client_secret_post", SigningAlg: "RS256",
		Metadata: map[string]string{"mark": "1"}, Quota: auth0.TokenQuota{PerHour: 100}})
	s.ok(err)
	if made.ClientID == "" || made.Secret.IsZero() || made.Metadata["mark"] != "1" {
		s.Fatalf("made %+v", made)
	}
	s.tenant.AddAPI(api)
	s.tenant.AddGrant(made.ClientID, api)
	return made.ClientID, made.Secret
}
