package secretstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/uuid"

	"clientkeeper/internal/awsrequest"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/sandbox/secretsmanager"
	"clientkeeper/internal/secretstore"
)

const canary = "canary-7f3a"

// at is the configuration of a client that makes every call once.
func at(url string) aws.Config {
	return awsrequest.Config(aws.Config{
		Region: "eu-central-1", BaseEndpoint: &url, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	})
}

func open(t *testing.T) (*secretsmanager.Service, aws.Config) {
	t.Helper()
	room := secretsmanager.New(secretsmanager.Options{Region: "eu-central-1"})
	return room, serve(t, room)
}

// serve puts a room on the wire once more.
func serve(t *testing.T, room *secretsmanager.Service) aws.Config {
	t.Helper()
	server := httptest.NewServer(room)
	t.Cleanup(server.Close)
	t.Cleanup(room.Close)
	return at(server.URL)
}

func TestGet(t *testing.T) {
	room, cfg := open(t)
	arn, err := room.Put("client", "old", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := room.Put("client", "new", nil); err != nil {
		t.Fatal(err)
	}
	versions := room.Snapshot()[0].Versions
	store := secretstore.New(cfg)
	tests := map[string]struct {
		id    string
		which []secretstore.Selector
		want  string
	}{
		"the current one": {arn, nil, "new"},
		"by name":         {"client", nil, "new"},
		"by stage":        {arn, []secretstore.Selector{secretstore.WithStage("AWSPREVIOUS")}, "old"},
		"by version":      {arn, []secretstore.Selector{secretstore.WithVersion(versions[0].ID)}, "old"},
		"by both, agreeing": {arn, []secretstore.Selector{secretstore.WithVersion(versions[1].ID),
			secretstore.WithStage("AWSCURRENT")}, "new"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			v, err := store.Get(t.Context(), test.id, test.which...)
			if err != nil {
				t.Fatal(err)
			}
			want := versions[slices.Index([]string{"old", "new"}, test.want)]
			if v.Value.Reveal() != test.want || v.ID != want.ID || !slices.Equal(v.Stages, want.Stages) {
				t.Errorf("version %s %v, want %s %v with the value %s", v.ID, v.Stages, want.ID, want.Stages, test.want)
			}
			if text := fmt.Sprintf("%v %+v %#v", v, v, v); strings.Contains(text, test.want) {
				t.Errorf("the value is printed: %s", text)
			}
		})
	}
}

func TestGetBytes(t *testing.T) {
	_, cfg := open(t)
	_, err := sdk.NewFromConfig(cfg).CreateSecret(t.Context(), &sdk.CreateSecretInput{Name: aws.String("bytes"),
		ClientRequestToken: aws.String(uuid.NewString()), SecretBinary: []byte{0, 255}})
	if err != nil {
		t.Fatal(err)
	}
	v, err := secretstore.New(cfg).Get(t.Context(), "bytes")
	if err != nil || v.Value.Reveal() != "\x00\xff" {
		t.Errorf("%v, want the two bytes", err)
	}
}

// TestErrorsOfTheService are those that a state or a fault of the service leads to.
func TestErrorsOfTheService(t *testing.T) {
	missing := secretstore.WithVersion(uuid.NewString())
	tests := map[string]struct {
		secret string
		which  []secretstore.Selector
		fault  secretsmanager.Fault
		kind   fault.Kind
		reason string
	}{
		"no such secret":          {"nobody", nil, secretsmanager.Fault{}, fault.NotFound, ""},
		"no such version":         {"there", []secretstore.Selector{missing}, secretsmanager.Fault{}, fault.NotFound, ""},
		"no such stage":           {"there", []secretstore.Selector{secretstore.WithStage("AWSPENDING")}, secretsmanager.Fault{}, fault.NotFound, ""},
		"not a name":              {"no name", nil, secretsmanager.Fault{}, fault.Invalid, ""},
		"scheduled for deletion":  {"leaving", nil, secretsmanager.Fault{}, fault.Conflict, "scheduled_for_deletion"},
		"stage on another":        {"there", []secretstore.Selector{secretstore.WithStage("AWSPREVIOUS")}, secretsmanager.Fault{}, fault.Conflict, "stage_moved"},
		"throttled":               {"there", nil, secretsmanager.Fault{Throttle: true}, fault.RateLimited, ""},
		"internal error":          {"there", nil, secretsmanager.Fault{Fail: true}, fault.Unavailable, ""},
		"connection dropped":      {"there", nil, secretsmanager.Fault{HangUp: true}, fault.Unavailable, ""},
		"slower than the caller":  {"there", nil, secretsmanager.Fault{Latency: time.Minute}, fault.Unavailable, ""},
		"answer of 500 afterward": {"there", nil, secretsmanager.Fault{Lost: true}, fault.Unavailable, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			room, cfg := open(t)
			for _, name := range []string{"there", "there", "leaving"} {
				if _, err := room.Put(name, canary, nil); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := sdk.NewFromConfig(cfg).DeleteSecret(t.Context(), &sdk.DeleteSecretInput{SecretId: aws.String("leaving")}); err != nil {
				t.Fatal(err)
			}
			if test.reason == "stage_moved" {
				test.which = append(test.which, secretstore.WithVersion(currentOf(room, "there")))
			}
			room.SetMischief(func(string, string) secretsmanager.Fault { return test.fault })
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if test.fault.Latency > 0 {
				ctx, cancel = context.WithTimeout(t.Context(), time.Second)
			}
			defer cancel()
			v, err := secretstore.New(cfg).Get(ctx, test.secret, test.which...)
			check(t, err, test.kind)
			if e, _ := errors.AsType[*fault.Error](err); e != nil && e.Reason != test.reason {
				t.Errorf("reason %q, want %q", e.Reason, test.reason)
			}
			if !v.Value.IsZero() {
				t.Error("an error came with a value")
			}
		})
	}
}

func currentOf(room *secretsmanager.Service, name string) string {
	for _, s := range room.Snapshot() {
		for _, v := range s.Versions {
			if s.Name == name && slices.Contains(v.Stages, "AWSCURRENT") {
				return v.ID
			}
		}
	}
	return ""
}

// TestErrorsTheSandboxDoesNotMake are answers that need permissions or keys.
func TestErrorsTheSandboxDoesNotMake(t *testing.T) {
	tests := map[string]struct {
		status int
		body   string
		kind   fault.Kind
		next   string
	}{
		"not allowed":       {400, `{"__type":"AccessDeniedException","Message":"` + canary + `"}`, fault.Denied, "secretsmanager:GetSecretValue"},
		"key not usable":    {400, `{"__type":"DecryptionFailure","Message":"` + canary + `"}`, fault.Denied, "KMS key"},
		"who are you":       {400, `{"__type":"UnrecognizedClientException","Message":"` + canary + `"}`, fault.Unauthenticated, "credentials"},
		"expired":           {400, `{"__type":"ExpiredTokenException","Message":"` + canary + `"}`, fault.Unauthenticated, "credentials"},
		"marked deleted":    {400, `{"__type":"InvalidRequestException","Message":"a secret that's currently marked deleted."}`, fault.Conflict, "restore"},
		"something new":     {400, `{"__type":"BrandNewException","Message":"` + canary + `"}`, fault.Internal, ""},
		"something new 500": {503, `{"__type":"BrandNewException","Message":"` + canary + `"}`, fault.Unavailable, ""},
		"a proxy's page":    {502, `<html>` + canary + `</html>`, fault.Unavailable, ""},
		"half an answer":    {200, `{"SecretString":"` + canary, fault.Unavailable, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/x-amz-json-1.1")
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			}))
			defer server.Close()
			_, err := secretstore.New(at(server.URL)).Get(t.Context(), "client")
			check(t, err, test.kind)
			if err != nil && !strings.Contains(err.Error(), test.next) {
				t.Errorf("error %q, want %q in it", err, test.next)
			}
		})
	}
}

func TestNoServiceAndNoCredentials(t *testing.T) {
	_, err := secretstore.New(at("http://127.0.0.1:1")).Get(t.Context(), "client")
	check(t, err, fault.Unavailable)
	cfg := at("http://127.0.0.1:1")
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New(canary)
	})
	_, err = secretstore.New(cfg).Get(t.Context(), "client")
	check(t, err, fault.Unavailable)
}

// check wants an error of one kind that says nothing it should not, however it
// is printed.
func check(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind {
		t.Fatalf("error %v, want the kind %v", err, kind)
	}
	var logged strings.Builder
	slog.New(slog.NewJSONHandler(&logged, nil)).Error("failed", "err", err)
	if text := fmt.Sprintf("%v %+v %s", err, err, logged.String()); strings.Contains(text, canary) {
		t.Errorf("the error repeats what it was told: %s", text)
	}
}
