package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"clientkeeper/internal/app"
	"clientkeeper/internal/config"
	"clientkeeper/internal/handler"
	"clientkeeper/internal/sandbox/secretsmanager"
	"clientkeeper/internal/sandbox/tenant"
	"clientkeeper/internal/telemetry"
)

const (
	functionName = "arn:aws:lambda:eu-central-1:123456789012:function:rotate-secret"
	otherName    = "arn:aws:lambda:eu-central-1:123456789012:function:somebody-elses"
)

// A cloud is a tenant and a Secrets Manager on the wire, which rotates with the
// handler of functions/rotate-secret in this process.
type cloud struct {
	tenant  *tenant.Tenant
	secrets *secretsmanager.Service
	aws     *sdk.Client
	env     map[string]string
	said    bytes.Buffer
	// before runs ahead of every step, which fails if it says so.
	before atomic.Pointer[func(context.Context, events.SecretsManagerSecretRotationEvent) (fails bool)]
}

func openCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{}
	var function atomic.Pointer[handler.RotateSecret]
	c.secrets = secretsmanager.New(secretsmanager.Options{Region: "eu-central-1", Rotation: secretsmanager.Rotation{
		RetryDelay: 20 * time.Millisecond, Attempts: 2,
		MayInvoke: func(arn string) bool { return arn == functionName || arn == otherName },
		Invoke: func(ctx context.Context, _ string, text []byte) (string, error) {
			var e events.SecretsManagerSecretRotationEvent
			if err := json.Unmarshal(text, &e); err != nil {
				return "", err
			}
			if before := c.before.Load(); before != nil && (*before)(ctx, e) || function.Load().Handle(ctx, e) != nil {
				return "Unhandled", nil
			}
			return "", nil
		},
	}})
	t.Cleanup(c.secrets.Close)
	c.serve(t)
	h, err := app.RotateSecret(t.Context(), config.RotateSecret{Tenant: c.config(t), Window: 60 * time.Millisecond, Spread: 60 * time.Millisecond}, slog.New(slog.DiscardHandler), telemetry.Metrics{})
	if err != nil {
		t.Fatal(err)
	}
	h.Metrics = telemetry.Metrics{}
	function.Store(h)
	return c
}

// serve puts both on the wire and points the environment at them.
func (c *cloud) serve(t *testing.T) {
	t.Helper()
	server := httptest.NewServer(c.secrets)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_PROFILE": "", "AWS_DEFAULT_PROFILE": "", "AWS_SESSION_TOKEN": "", "AWS_MAX_ATTEMPTS": "1",
		"AWS_CONFIG_FILE": filepath.Join(dir, "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "none"),
	} {
		t.Setenv(name, value)
	}
	c.aws = sdk.New(sdk.Options{Region: "eu-central-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})

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
	c.tenant = tn
	id, secret := tn.AddManagementClient("read:clients", "read:client_keys", "update:clients", "update:client_keys",
		"read:client_credentials", "create:client_credentials", "update:client_credentials", "delete:client_credentials")
	arn := c.store(t, "management", id, secret, nil)
	c.env = map[string]string{"AUTH0_DOMAIN": tn.Domain(), "AUTH0_CA_FILE": ca, "AUTH0_MANAGEMENT_SECRET_ARN": arn, "ROTATE_SECRET_FUNCTION_ARN": functionName}
}

func (c *cloud) config(t *testing.T) config.Tenant {
	t.Helper()
	tn, err := config.LoadTenant(c.getenv)
	if err != nil {
		t.Fatal(err)
	}
	return tn
}

func (c *cloud) getenv(name string) string { return c.env[name] }

// store puts a client's credential into Secrets Manager and returns the ARN.
func (c *cloud) store(t *testing.T, name, id, secret string, tags map[string]string) string {
	t.Helper()
	text, err := json.Marshal(map[string]string{"client_id": id, "client_secret": secret, "token_endpoint_auth_method": "client_secret_post"})
	if err != nil {
		t.Fatal(err)
	}
	arn, err := c.secrets.Put(name, string(text), tags)
	if err != nil {
		t.Fatal(err)
	}
	return arn
}

// client makes a client that may log in for the Management API.
func (c *cloud) client(name string) (id, secret string) {
	return c.tenant.AddManagementClient("read:clients")
}

// adopted is a client under management, whose secret is called name.
func (c *cloud) adopted(t *testing.T, name string, flags ...string) (clientID string) {
	t.Helper()
	id, _ := c.client(name)
	c.ok(t, append(append([]string{"adopt", "-name", name}, flags...), id)...)
	c.idle(t)
	return id
}

func (c *cloud) idle(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.secrets.Idle(ctx); err != nil {
		t.Fatalf("rotations do not end: %v", err)
	}
}

// call runs a command. Both of its outputs are kept for the hunt, and returned
// together with what main would print of the error.
func (c *cloud) call(t *testing.T, in string, terminal bool, args ...string) (out string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return c.callIn(ctx, in, terminal, args...)
}

func (c *cloud) callIn(ctx context.Context, in string, terminal bool, args ...string) (out string, err error) {
	var b bytes.Buffer
	inv := &invocation{args: args, in: strings.NewReader(in), out: &b, errOut: &b, getenv: c.getenv, terminal: terminal}
	err = dispatch(ctx, inv)
	c.said.Write(b.Bytes())
	if err != nil {
		c.said.WriteString(err.Error())
	}
	return b.String(), err
}

func (c *cloud) ok(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.call(t, "", false, args...)
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

// fails runs a command that must fail with these words in its error.
func (c *cloud) fails(t *testing.T, words string, args ...string) string {
	t.Helper()
	out, err := c.call(t, "", false, args...)
	if err == nil || errors.Is(err, errUsage) || !strings.Contains(err.Error(), words) {
		t.Fatalf("%v: error %v, want one with %q\n%s", args, err, words, out)
	}
	return out
}

// misused runs a command that must refuse its arguments with these words.
func (c *cloud) misused(t *testing.T, words string, args ...string) {
	t.Helper()
	out, err := c.call(t, "", false, args...)
	if !errors.Is(err, errUsage) || !strings.Contains(out, words) {
		t.Errorf("%v: error %v, said %q; want usage with %q", args, err, out, words)
	}
}

// labels are the staging labels of a secret, by version.
func (c *cloud) labels(t *testing.T, name string) (current, pending, previous string) {
	t.Helper()
	out, err := c.aws.DescribeSecret(t.Context(), &sdk.DescribeSecretInput{SecretId: &name})
	if err != nil {
		t.Fatal(err)
	}
	for id, labels := range out.VersionIdsToStages {
		for _, l := range labels {
			switch l {
			case "AWSCURRENT":
				current = id
			case "AWSPENDING":
				pending = id
			case "AWSPREVIOUS":
				previous = id
			}
		}
	}
	return current, pending, previous
}

// current is the credential that a consumer reads.
func (c *cloud) current(t *testing.T, name string) (value map[string]string) {
	t.Helper()
	out, err := c.aws.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: &name})
	if err == nil {
		err = json.Unmarshal([]byte(aws.ToString(out.SecretString)), &value)
	}
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// failAt makes a step fail before it has done anything, until "" is given.
func (c *cloud) failAt(step string) {
	c.ahead(func(_ context.Context, e events.SecretsManagerSecretRotationEvent) bool { return e.Step == step })
}

// givenUp begins a rotation that fails at a step again and again.
func (c *cloud) givenUp(t *testing.T, name, step string) {
	t.Helper()
	c.failAt(step)
	defer c.failAt("")
	if _, err := c.aws.RotateSecret(t.Context(), &sdk.RotateSecretInput{SecretId: &name}); err != nil {
		t.Fatal(err)
	}
	c.idle(t)
}

// down makes the tenant answer nothing but 503.
func (c *cloud) down() {
	c.tenant.SetMischief(func(int, *http.Request) tenant.Fault { return tenant.Fault{Status: http.StatusServiceUnavailable} })
}
