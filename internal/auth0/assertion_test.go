package auth0

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

func newKey(t *testing.T, bits int) (*rsa.PrivateKey, secret.Value) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, secret.New(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}

func TestAssertion(t *testing.T) {
	key, pkcs8 := newKey(t, 2048)
	pkcs1 := secret.New(string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	big, bigPEM := newKey(t, 4096)
	now := time.Unix(1_790_000_000, 0)
	tests := map[string]struct {
		cred Credential
		key  *rsa.PrivateKey
		alg  jose.SignatureAlgorithm
	}{
		"default":        {Credential{ClientID: "mgmt", PrivateKeyPEM: pkcs8}, key, jose.RS256},
		"PKCS #1":        {Credential{ClientID: "mgmt", PrivateKeyPEM: pkcs1, KeyID: "key-1"}, key, jose.RS256},
		"RS384":          {Credential{ClientID: "mgmt", PrivateKeyPEM: pkcs8, Alg: "RS384"}, key, jose.RS384},
		"PS256":          {Credential{ClientID: "mgmt", PrivateKeyPEM: pkcs8, Alg: "PS256"}, key, jose.PS256},
		"largest of all": {Credential{ClientID: strings.Repeat("x", 64), PrivateKeyPEM: bigPEM, KeyID: strings.Repeat("k", 64)}, big, jose.RS256},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			text, err := sign(tt.cred, "https://acme.eu.auth0.com/", now)
			if err != nil {
				t.Fatal(err)
			}
			if len(text.Reveal()) > 2048 {
				t.Errorf("%d bytes", len(text.Reveal()))
			}
			jws, err := jose.ParseSignedCompact(text.Reveal(), []jose.SignatureAlgorithm{tt.alg})
			if err != nil {
				t.Fatal(err)
			}
			if kid := jws.Signatures[0].Header.KeyID; kid != tt.cred.KeyID {
				t.Errorf("kid = %q, want %q", kid, tt.cred.KeyID)
			}
			payload, err := jws.Verify(&tt.key.PublicKey)
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]any
			if err := json.Unmarshal(payload, &got); err != nil {
				t.Fatal(err)
			}
			id, _ := got["jti"].(string)
			if len(id) != 36 {
				t.Errorf("jti = %q", id)
			}
			delete(got, "jti")
			want := map[string]any{"iss": tt.cred.ClientID, "sub": tt.cred.ClientID, "aud": "https://acme.eu.auth0.com/",
				"iat": 1_789_999_990.0, "nbf": 1_789_999_990.0, "exp": 1_790_000_050.0}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("claims = %v, want %v", got, want)
			}
		})
	}
}

func TestUnusableKeys(t *testing.T) {
	_, good := newKey(t, 2048)
	_, small := newKey(t, 1024)
	tests := map[string]Credential{
		"no client id":  {PrivateKeyPEM: good},
		"no proof":      {ClientID: "mgmt"},
		"no key":        {ClientID: "mgmt", AuthMethod: "private_key_jwt", Secret: secret.New(canarySecret)},
		"no secret":     {ClientID: "mgmt", AuthMethod: "client_secret_post", PrivateKeyPEM: good},
		"no method":     {ClientID: "mgmt", AuthMethod: "none", Secret: secret.New(canarySecret), PrivateKeyPEM: good},
		"not PEM":       {ClientID: "mgmt", PrivateKeyPEM: secret.New("PRIVATE KEY")},
		"not a key":     {ClientID: "mgmt", PrivateKeyPEM: secret.New("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")},
		"small key":     {ClientID: "mgmt", PrivateKeyPEM: small},
		"wrong alg":     {ClientID: "mgmt", PrivateKeyPEM: good, Alg: "HS256"},
		"endless id":    {ClientID: strings.Repeat("x", 2000), PrivateKeyPEM: good},
		"endless keyid": {ClientID: "mgmt", PrivateKeyPEM: good, KeyID: strings.Repeat("x", 2000)},
	}
	for name, cred := range tests {
		t.Run(name, func(t *testing.T) {
			c := onLoopback(t, &stub{t: t})
			r, err := c.tokenRequest(cred, c.audience)
			if r.body != nil || !r.authorization.IsZero() || !errors.Is(err, fault.Unauthenticated) || fault.Reason(err) != "credential_unusable" {
				t.Errorf("body = %q, err = %v", r.body, err)
			}
			if err != nil && strings.Contains(err.Error(), "PRIVATE KEY") {
				t.Errorf("the error leaks: %v", err)
			}
		})
	}
}

// An assertion may be used once, so every attempt needs its own.
func TestEveryAttemptHasItsOwnAssertion(t *testing.T) {
	_, key := newKey(t, 2048)
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		seen := map[string]bool{}
		var sentSecret atomic.Bool
		s := &stub{t: t, grants: func(n int, w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			seen[r.PostFormValue("client_assertion")] = true
			if kind := r.PostFormValue("client_assertion_type"); kind != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
				t.Errorf("the assertion's type is %q", kind)
			}
			mu.Unlock()
			if r.PostFormValue("client_secret") != "" {
				sentSecret.Store(true)
			}
			if n < 3 {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			grantToken(w, canaryToken, 60)
		}}
		c := inMemory(t, s, func(c *Config) {
			c.Credential = func(context.Context, bool) (Credential, error) {
				return Credential{ClientID: "mgmt", Secret: secret.New(canarySecret), PrivateKeyPEM: key}, nil
			}
		})
		if _, err := c.grant(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(seen) != 3 || seen[""] || sentSecret.Load() {
			t.Errorf("%d different assertions in 3 attempts; a secret was sent: %v", len(seen), sentSecret.Load())
		}
	})
}

// A key that was rotated is as good a reason to ask again as a secret, and so
// is another client.
func TestARotatedKeyIsTried(t *testing.T) {
	_, first := newKey(t, 2048)
	_, second := newKey(t, 2048)
	for name, creds := range map[string][2]Credential{
		"a key":          {{ClientID: "mgmt", PrivateKeyPEM: first}, {ClientID: "mgmt", PrivateKeyPEM: second}},
		"another client": {{ClientID: "mgmt", PrivateKeyPEM: first}, {ClientID: "other", PrivateKeyPEM: first}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &stub{t: t, grants: func(n int, w http.ResponseWriter, _ *http.Request) {
				if n == 1 {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				grantToken(w, canaryToken, 60)
			}}
			c := inMemory(t, s, func(c *Config) {
				c.Credential = func(_ context.Context, stale bool) (Credential, error) {
					if stale {
						return creds[1], nil
					}
					return creds[0], nil
				}
			})
			if _, err := c.grant(t.Context()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}
