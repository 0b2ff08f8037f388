package app

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	awssecrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"clientkeeper/internal/config"
	"clientkeeper/internal/secret"
	"clientkeeper/internal/secretstore"
)

// sharing is a tenant's configuration with a secret for its token, which holds
// what a template generates.
func sharing(t *testing.T, r *room) (config.Tenant, func() int) {
	t.Helper()
	tn, c := openTenant(t, "management")
	id, works := tn.AddManagementClient("read:clients")
	r.put(t, stored(t, id, works))
	name, text := "token", `{"none_yet":"x"}`
	if _, err := awssecrets.NewFromConfig(r.cfg).CreateSecret(t.Context(), &awssecrets.CreateSecretInput{Name: &name, SecretString: &text}); err != nil {
		t.Fatal(err)
	}
	c.TokenSecret = name
	return c, func() int { return tn.Counts().Routes["token"] }
}

// Whoever waits for the secret for too long asks the tenant, as a few may on a
// busy machine; package auth0 has a clock of its own to count that.
func TestColdStartsShareOneToken(t *testing.T) {
	const starts, tooLong = 40, 3 * time.Second
	r := openSecrets(t)
	r.cfg.Retryer = nil // the SDK's own
	c, tokens := sharing(t, r)
	var slow atomic.Int64
	call := func() {
		began := time.Now()
		defer func() {
			if time.Since(began) >= tooLong {
				slow.Add(1)
			}
		}()
		client, err := Tenant(c, r.cfg)
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := client.Client(t.Context(), "nobody"); err == nil || !strings.Contains(err.Error(), "not_found") {
			t.Errorf("err = %v", err)
		}
	}
	call()
	var wg sync.WaitGroup
	for range starts {
		wg.Go(call)
	}
	wg.Wait()
	if n := tokens(); n > 1+int(slow.Load()) {
		t.Errorf("%d tokens were asked for, and %d cold starts were slow", n, slow.Load())
	} else {
		t.Logf("%d cold starts, %d of them slow, %d tokens", starts+1, slow.Load(), n)
	}
}

// A token is only for the tenant that gave it, and a claim is for one.
func TestTheShare(t *testing.T) {
	r := openSecrets(t)
	c, _ := sharing(t, r)
	store := secretstore.New(r.cfg)
	mine := share(c, store).(shared)
	now := time.Date(2026, 1, 2, 3, 14, 59, 0, time.UTC)
	mine.now = func() time.Time { return now }
	found, err := mine.Get(t.Context())
	if err != nil || !found.Token.IsZero() || found.Version == "" {
		t.Fatalf("%+v, %v", found, err)
	}
	for i, want := range []bool{true, false, false} {
		if got, err := mine.Claim(t.Context(), found); got != want || err != nil {
			t.Errorf("claim %d: %v, %v", i, got, err)
		}
	}
	now = now.Add(time.Second) // the next quarter of an hour
	if got, err := mine.Claim(t.Context(), found); !got || err != nil {
		t.Errorf("a claim after the first one's time: %v, %v", got, err)
	}
	if after, err := mine.Get(t.Context()); err != nil || after.Version != found.Version {
		t.Errorf("a claim has become current: %+v, %v", after, err)
	}
	found.Token, found.Scopes = secret.New(canary), []string{"read:clients"}
	found.Issued, found.Expires = time.Now().UTC(), time.Now().UTC().Add(time.Hour)
	if err := mine.Put(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	if got, err := mine.Get(t.Context()); err != nil || got.Token.Reveal() != canary || !got.Expires.Equal(found.Expires) || got.Version == found.Version {
		t.Errorf("%+v, %v", got, err)
	}
	other := c
	other.Domain = "other.example.com"
	if got, err := share(other, store).Get(t.Context()); err != nil || !got.Token.IsZero() {
		t.Errorf("another tenant is sent the token: %+v, %v", got, err)
	}
	c.TokenSecret = "nowhere"
	if _, err := share(c, store).Claim(t.Context(), found); err == nil {
		t.Error("a claim on nothing was granted")
	}
	c.TokenSecret = ""
	if share(c, store) != nil {
		t.Error("a share without a secret")
	}
}
