package secretstore_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/sandbox/secretsmanager"
	"clientkeeper/internal/secret"
	"clientkeeper/internal/secretstore"
)

// An operation is a method of the store, as it is called on a shelf.
type operation struct {
	action string // that IAM has to allow
	writes bool
	do     func(context.Context, *secretstore.Store, string) error
}

var operations = map[string]operation{
	"get": {"secretsmanager:GetSecretValue", false, func(ctx context.Context, s *secretstore.Store, arn string) error {
		_, err := s.GetByVersion(ctx, arn, id(2), 0)
		return err
	}},
	"describe": {"secretsmanager:DescribeSecret", false, func(ctx context.Context, s *secretstore.Store, arn string) error {
		_, err := s.Describe(ctx, arn)
		return err
	}},
	"versions": {"secretsmanager:ListSecretVersionIds", false, func(ctx context.Context, s *secretstore.Store, arn string) error {
		_, err := s.Versions(ctx, arn)
		return err
	}},
	"list": {"secretsmanager:ListSecrets", false, func(ctx context.Context, s *secretstore.Store, _ string) error {
		_, err := listAll(ctx, s, secretstore.Tag{Key: "team"})
		return err
	}},
	"put": {"secretsmanager:PutSecretValue", true, func(ctx context.Context, s *secretstore.Store, arn string) error {
		return s.Put(ctx, arn, secretstore.Write{Token: id(4), Value: secret.New(canary)})
	}},
	"move": {"secretsmanager:UpdateSecretVersionStage", true, func(ctx context.Context, s *secretstore.Store, arn string) error {
		return s.MoveStage(ctx, arn, secretstore.Move{Stage: "AWSCURRENT", From: id(2), To: id(3)})
	}},
	"remove": {"secretsmanager:UpdateSecretVersionStage", true, func(ctx context.Context, s *secretstore.Store, arn string) error {
		return s.RemoveStage(ctx, arn, "AWSPENDING", id(3))
	}},
	"rotate": {"secretsmanager:RotateSecret", true, func(ctx context.Context, s *secretstore.Store, arn string) error {
		_, err := s.Rotate(ctx, arn, secretstore.Rotation{Token: id(5), LambdaARN: function})
		return err
	}},
	"cancel": {"secretsmanager:CancelRotateSecret", true, func(ctx context.Context, s *secretstore.Store, arn string) error {
		return s.CancelRotation(ctx, arn)
	}},
	"create": {"secretsmanager:CreateSecret", true, func(ctx context.Context, s *secretstore.Store, _ string) error {
		_, err := s.Create(ctx, secretstore.NewSecret{Name: "another", Token: id(9), Value: secret.New(canary)})
		return err
	}},
	"tag": {"secretsmanager:TagResource", true, func(ctx context.Context, s *secretstore.Store, arn string) error {
		return s.Tag(ctx, arn, map[string]string{"a": canary})
	}},
	"untag": {"secretsmanager:UntagResource", true, func(ctx context.Context, s *secretstore.Store, arn string) error {
		return s.Untag(ctx, arn, "team")
	}},
	"delete": {"secretsmanager:DeleteSecret", true, func(ctx context.Context, s *secretstore.Store, arn string) error {
		_, err := s.Delete(ctx, arn, 0)
		return err
	}},
	"erase": {"secretsmanager:DeleteSecret", true, func(ctx context.Context, s *secretstore.Store, arn string) error {
		return s.Erase(ctx, arn)
	}},
	"restore": {"secretsmanager:RestoreSecret", true, func(ctx context.Context, s *secretstore.Store, arn string) error {
		return s.Restore(ctx, arn)
	}},
}

const function = "arn:aws:lambda:eu-central-1:123456789012:function:rotate-secret"

// Each operation meets each fault. What failed is transient, also where the
// work was done and only the answer lost.
func TestFaultsOfEveryOperation(t *testing.T) {
	faults := map[string]struct {
		fault secretsmanager.Fault
		kind  fault.Kind
		done  bool
	}{
		"throttled":                    {secretsmanager.Fault{Throttle: true}, fault.RateLimited, false},
		"failed":                       {secretsmanager.Fault{Fail: true}, fault.Unavailable, false},
		"dropped":                      {secretsmanager.Fault{HangUp: true}, fault.Unavailable, false},
		"done, answer lost":            {secretsmanager.Fault{Lost: true}, fault.Unavailable, true},
		"done, connection dropped":     {secretsmanager.Fault{Lost: true, HangUp: true}, fault.Unavailable, true},
		"not before the caller's time": {secretsmanager.Fault{Latency: time.Minute}, fault.Unavailable, false},
	}
	for name, op := range operations {
		for what, f := range faults {
			t.Run(name+" "+what, func(t *testing.T) {
				room, store, arn := shelf(t)
				if name == "restore" {
					if _, err := store.Delete(t.Context(), arn, 7); err != nil {
						t.Fatal(err)
					}
				}
				before := room.Snapshot()
				room.SetMischief(func(string, string) secretsmanager.Fault { return f.fault })
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				if f.fault.Latency > 0 {
					ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
				}
				defer cancel()
				check(t, op.do(ctx, store, arn), f.kind)
				// Rotation needs a function here, and cancelling it a rotation.
				if name == "rotate" || name == "cancel" {
					return
				}
				if changed := !cmp.Equal(before, room.Snapshot()); changed != (f.done && op.writes) {
					t.Errorf("changed %v, want %v", changed, f.done && op.writes)
				}
			})
		}
	}
}

// The advice in a refusal names what to grant, and the refusal's text is lost.
func TestRefusalsNameTheAction(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"AccessDeniedException","Message":"`+canary+`"}`)
	}))
	defer server.Close()
	for name, op := range operations {
		t.Run(name, func(t *testing.T) {
			err := op.do(t.Context(), secretstore.New(at(server.URL)), "client")
			check(t, err, fault.Denied)
			if err != nil && !strings.Contains(err.Error(), op.action) {
				t.Errorf("%v does not name %s", err, op.action)
			}
			if encrypts := name == "put" || name == "create"; err != nil && strings.Contains(err.Error(), "kms:GenerateDataKey") != encrypts {
				t.Errorf("%v, want the key's encryption named: %v", err, encrypts)
			}
		})
	}
}

func TestCodesOfTheService(t *testing.T) {
	tests := map[string]struct {
		code, text string
		kind       fault.Kind
		reason     string
	}{
		"not encrypted":      {"EncryptionFailure", canary, fault.Denied, "kms"},
		"in the way":         {"InvalidRequestException", "A previous rotation isn't complete. That rotation will be reattempted.", fault.Conflict, "rotation_in_progress"},
		"no function":        {"InvalidRequestException", "No Lambda rotation function ARN is associated with this secret.", fault.Invalid, "no_rotation_function"},
		"token of a version": {"InvalidRequestException", "You can't use ClientRequestToken because " + canary, fault.Conflict, "token_used"},
		"in another region":  {"PreconditionNotMetException", canary, fault.Conflict, ""},
		"quota":              {"LimitExceededException", canary, fault.RateLimited, "quota"},
		"old mark":           {"InvalidNextTokenException", canary, fault.Unavailable, ""},
		"taken":              {"ResourceExistsException", canary, fault.Conflict, "exists"},
		"denied in short":    {"AccessDenied", canary, fault.Denied, ""},
		"throttled":          {"Throttling", canary, fault.RateLimited, ""},
		"too many requests":  {"TooManyRequestsException", canary, fault.RateLimited, ""},
		"over the limit":     {"RequestLimitExceeded", canary, fault.RateLimited, ""},
		"unknown client":     {"UnrecognizedClientException", canary, fault.Unauthenticated, ""},
		"unknown key":        {"InvalidClientTokenId", canary, fault.Unauthenticated, ""},
		"bad signature":      {"InvalidSignatureException", canary, fault.Unauthenticated, ""},
		"other signature":    {"SignatureDoesNotMatch", canary, fault.Unauthenticated, ""},
		"expired":            {"ExpiredToken", canary, fault.Unauthenticated, ""},
		"session expired":    {"ExpiredTokenException", canary, fault.Unauthenticated, ""},
		"no token":           {"MissingAuthenticationToken", canary, fault.Unauthenticated, ""},
		"no token either":    {"MissingAuthenticationTokenException", canary, fault.Unauthenticated, ""},
		"their bug":          {"InternalServiceError", canary, fault.Unavailable, ""},
		"new tomorrow":       {"SomethingElse", canary, fault.Internal, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/x-amz-json-1.1")
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, `{"__type":"`+test.code+`","Message":"`+test.text+`"}`)
			}))
			defer server.Close()
			_, err := secretstore.New(at(server.URL)).Rotate(t.Context(), "client", secretstore.Rotation{Token: id(4)})
			outcome(t, err, test.kind, test.reason)
		})
	}
}

func listAll(ctx context.Context, s *secretstore.Store, tags ...secretstore.Tag) (names []string, err error) {
	for d, err := range s.List(ctx, tags...) {
		if err != nil {
			return names, err
		}
		names = append(names, d.Name)
	}
	return names, nil
}
