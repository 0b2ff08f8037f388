package app

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"clientkeeper/internal/cimd"
	"clientkeeper/internal/config"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/sandbox/secretsmanager"
	tenantroom "clientkeeper/internal/sandbox/tenant"
	"clientkeeper/internal/secretstore"
)

const canary = "canary-c3a7"

// room is a Secrets Manager on the wire that counts what it is asked.
type room struct {
	*secretsmanager.Service
	cfg   aws.Config
	reads atomic.Int64
	fault secretsmanager.Fault // befalls every request
}

func openSecrets(t *testing.T) *room {
	t.Helper()
	r := &room{Service: secretsmanager.New(secretsmanager.Options{Region: "eu-central-1"})}
	r.SetMischief(func(op, _ string) secretsmanager.Fault {
		r.reads.Add(1)
		return r.fault
	})
	server := httptest.NewServer(r.Service)
	t.Cleanup(server.Close)
	r.cfg = aws.Config{
		Region: "eu-central-1", BaseEndpoint: &server.URL, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
	return r
}

// put stores the secret "management" and returns its ARN.
func (r *room) put(t *testing.T, text string) string {
	t.Helper()
	arn, err := r.Put("management", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	return arn
}

func stored(t *testing.T, id, secret string) string {
	t.Helper()
	text, err := json.Marshal(map[string]string{"client_id": id, "client_secret": secret})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// environment lets AWS find the room.
func (r *room) environment(t *testing.T) {
	t.Helper()
	unset(t)
	for name, value := range map[string]string{"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": *r.cfg.BaseEndpoint,
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"} {
		t.Setenv(name, value)
	}
}

// openTenant starts a tenant over HTTPS and returns how to reach it.
func openTenant(t *testing.T, secretID string) (*tenantroom.Tenant, config.Tenant) {
	t.Helper()
	return openTenantWith(t, secretID, tenantroom.Options{CIMD: true})
}

func openTenantWith(t *testing.T, secretID string, o tenantroom.Options) (*tenantroom.Tenant, config.Tenant) {
	t.Helper()
	dir := t.TempDir()
	o.Domain, o.CADir = "localhost:0", dir
	tn, err := tenantroom.New(o)
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
	return tn, config.Tenant{Domain: tn.Domain(), ManagementSecret: secretID, RootsPEM: tn.CAPEM()}
}

func TestACredentialIsReadOnceUntilItIsStale(t *testing.T) {
	r := openSecrets(t)
	get := credential(secretstore.New(r.cfg), r.put(t, stored(t, "id", "old")))
	read := func(stale bool, want string, reads int64) {
		t.Helper()
		c, err := get(t.Context(), stale)
		if err != nil || c.ClientID != "id" || c.Secret.Reveal() != want || r.reads.Load() != reads {
			t.Errorf("stale %v: the wrong credential, or %d reads (%v); want the %s one after %d", stale, r.reads.Load(), err, want, reads)
		}
	}
	read(false, "old", 1)
	r.put(t, stored(t, "id", "new"))
	read(false, "old", 1)
	read(true, "new", 2)
	read(false, "new", 2)
}

func TestAFailedReadIsNotKept(t *testing.T) {
	r := openSecrets(t)
	get := credential(secretstore.New(r.cfg), r.put(t, stored(t, "id", "secret")))
	r.fault = secretsmanager.Fault{Fail: true}
	if _, err := get(t.Context(), false); err == nil {
		t.Error("the failure is not told")
	}
	r.fault = secretsmanager.Fault{}
	if c, err := get(t.Context(), false); err != nil || c.ClientID != "id" {
		t.Errorf("%q, %v; want the credential at the next try", c.ClientID, err)
	}
}

// What is wrong with our own credential is no message's fault: none may go to
// the dead-letter queue at its first try for it.
func TestCredentialFaultsAreNeverPermanent(t *testing.T) {
	for name, test := range map[string]struct {
		text  string // of the secret; none without
		fault secretsmanager.Fault
		want  fault.Kind
	}{
		"no secret":      {"", secretsmanager.Fault{}, fault.Unauthenticated},
		"not JSON":       {canary, secretsmanager.Fault{}, fault.Unauthenticated},
		"half of it":     {`{"client_id":"` + canary + `"}`, secretsmanager.Fault{}, fault.Unauthenticated},
		"throttled":      {stored(t, "id", canary), secretsmanager.Fault{Throttle: true}, fault.RateLimited},
		"internal error": {stored(t, "id", canary), secretsmanager.Fault{Fail: true}, fault.Unavailable},
		"hung up":        {stored(t, "id", canary), secretsmanager.Fault{HangUp: true}, fault.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			r := openSecrets(t)
			id := "management"
			if test.text != "" {
				id = r.put(t, test.text)
			}
			r.fault = test.fault
			_, err := credential(secretstore.New(r.cfg), id)(t.Context(), false)
			if fault.KindOf(err) != test.want || fault.Reason(err) != "management_credential" {
				t.Errorf("err = %v, want %v", err, test.want)
			}

			_, c := openTenant(t, id)
			client, newErr := Tenant(c, r.cfg)
			if newErr != nil {
				t.Fatal(newErr)
			}
			_, called := tenant{client}.Register(t.Context(), clientID(t))
			if k := fault.KindOf(called); called == nil || k.Permanent() || k.Transient() != test.want.Transient() {
				t.Errorf("a call with it: %v", called)
			}
			if text := err.Error() + called.Error(); strings.Contains(text, canary) {
				t.Errorf("the secret is in an error: %s", text)
			}
		})
	}
}

func clientID(t *testing.T) cimd.ClientID {
	t.Helper()
	id, err := cimd.ParseClientID("https://agents.example.com/client.json")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// The tenant refuses what we have kept; the secret already holds another.
func TestARotatedCredentialIsTakenUp(t *testing.T) {
	r := openSecrets(t)
	tn, c := openTenant(t, "management")
	id, secret := tn.AddManagementClient("read:clients")
	r.put(t, stored(t, id, "another"))
	client, err := Tenant(c, r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	get := func() error {
		_, err := client.Client(t.Context(), id)
		return err
	}
	if err := get(); fault.KindOf(err) != fault.Unauthenticated {
		t.Fatalf("with a credential that the tenant refuses: %v", err)
	}
	r.put(t, stored(t, id, secret))
	before := r.reads.Load()
	if err := get(); err != nil || r.reads.Load() != before+1 {
		t.Errorf("after the rotation: %v, %d reads; want success after one", err, r.reads.Load()-before)
	}
}

// unset hides the machine's own AWS configuration.
func unset(t *testing.T) {
	for _, name := range []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
}

func TestAWSNeedsARegion(t *testing.T) {
	unset(t)
	if _, err := AWS(t.Context()); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("err = %v, want advice on AWS_REGION", err)
	}
	t.Setenv("AWS_REGION", "eu-central-1")
	if c, err := AWS(t.Context()); err != nil || c.Region != "eu-central-1" {
		t.Errorf("region %q, %v", c.Region, err)
	}
	t.Setenv("AWS_PROFILE", "nobody")
	if _, err := AWS(t.Context()); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "AWS_PROFILE") {
		t.Errorf("err = %v, want advice on AWS_PROFILE", err)
	}
}
