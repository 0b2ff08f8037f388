package secretsmanager_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"clientkeeper/internal/awsrequest"
	"clientkeeper/internal/sandbox/secretsmanager"
)

// A contract is one behaviour of Secrets Manager, as any implementation of it
// should show it over HTTP.
type contract struct {
	name string
	run  func(*testing.T, *service)
}

// TestContract holds this room to the contract, or whatever answers at
// CLIENTKEEPER_SECRETSMANAGER_ENDPOINT, which is meant to be a moto_server.
func TestContract(t *testing.T) {
	svc := &service{url: os.Getenv("CLIENTKEEPER_SECRETSMANAGER_ENDPOINT")}
	if svc.url == "" {
		svc = serve(t, secretsmanager.Options{Rotation: secretsmanager.Rotation{Attempts: 3, RetryDelay: time.Millisecond}})
	}
	known := map[string]bool{}
	for _, c := range slices.Concat(creation, values, labels, access, deletion, listing, refusals, rotations, steps) {
		if known[c.name] {
			t.Fatalf("two cases are called %q", c.name)
		}
		known[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			if reason := notInMoto[c.name]; svc.room == nil && reason != "" {
				t.Skip("moto: " + reason)
			}
			c.run(t, svc)
		})
	}
	for name := range notInMoto {
		if !known[name] {
			t.Errorf("the table of what moto does not honour names %q, which is no case", name)
		}
	}
}

// A service is what is held to the contract.
type service struct {
	url       string
	http      *http.Client            // nil for the default one
	room      *secretsmanager.Service // nil if it is somebody else's
	functions *functions              // that the room can invoke
}

// serve opens a room with functions, on loopback.
func serve(t *testing.T, o secretsmanager.Options) *service {
	t.Helper()
	s := furnish(o)
	server := httptest.NewServer(s.room)
	t.Cleanup(server.Close)
	t.Cleanup(s.room.Close)
	s.url = server.URL
	return s
}

// furnish gives a room functions.
func furnish(o secretsmanager.Options) *service {
	s := &service{functions: &functions{known: map[string]*rotator{}}}
	o.Region = "eu-central-1"
	if o.Rotation.Invoke == nil {
		o.Rotation.Invoke = s.functions.invoke
	}
	o.Rotation.MayInvoke = s.functions.has
	s.room = secretsmanager.New(o)
	s.functions.add(rotateARN, &rotator{s: s})
	return s
}

// sdk returns the official client. It makes each call once.
func (s *service) sdk() *sdk.Client {
	return sdk.NewFromConfig(awsrequest.Config(aws.Config{
		Region: "eu-central-1", BaseEndpoint: &s.url, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		HTTPClient:  cmp.Or(s.http, http.DefaultClient),
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}))
}

// An answer is what came back over plain HTTP.
type answer struct {
	status int
	header http.Header
	body   string
	fields map[string]any
}

func (a answer) code() string { s, _ := a.fields["__type"].(string); return s }

// message is the modelled member; moto writes it in lower case.
func (a answer) message() string {
	s, ok := a.fields["Message"].(string)
	if !ok {
		s, _ = a.fields["message"].(string)
	}
	return s
}

// raw sends what no SDK would.
func (s *service) raw(t *testing.T, op string, body any) answer {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "secretsmanager."+op)
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/secretsmanager/"+
		"aws4_request, SignedHeaders=host, Signature=00")
	res, err := cmp.Or(s.http, http.DefaultClient).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	out := answer{status: res.StatusCode, header: res.Header, body: string(got)}
	if err := json.Unmarshal(got, &out.fields); err != nil {
		t.Fatalf("%s answered %d with something that is not JSON", op, out.status)
	}
	return out
}

type object = map[string]any

// fails sends a raw request and wants it refused with a code, as all client
// errors are: with 400.
func (s *service) fails(t *testing.T, op string, body object, code string) answer {
	t.Helper()
	a := s.raw(t, op, body)
	if s.room == nil && a.status == http.StatusNotFound {
		a.status = http.StatusBadRequest // moto's idea of things that are not found
	}
	if a.status != http.StatusBadRequest || a.code() != code {
		t.Errorf("%s: %d %s %q, want 400 %s", op, a.status, a.code(), a.message(), code)
	}
	return a
}

// works sends a raw request and wants it done.
func (s *service) works(t *testing.T, op string, body object) object {
	t.Helper()
	a := s.raw(t, op, body)
	if a.status != http.StatusOK {
		t.Fatalf("%s: %d %s %q, want 200", op, a.status, a.code(), a.message())
	}
	return a.fields
}

func token() string { return uuid.NewString() }

// newName is a name that no other case uses. It does not end like an ARN.
func newName() string { return "case/" + uuid.NewString() + "-x" }

// create makes a secret with a value and returns its name and first version.
func (s *service) create(t *testing.T, text string) (name, v1 string) {
	t.Helper()
	name, v1 = newName(), token()
	s.works(t, "CreateSecret", object{"Name": name, "ClientRequestToken": v1, "SecretString": text})
	return name, v1
}

// put adds a version with a value and, if there are any, stages.
func (s *service) put(t *testing.T, name, text string, stages ...string) string {
	t.Helper()
	id := token()
	body := object{"SecretId": name, "ClientRequestToken": id, "SecretString": text}
	if len(stages) > 0 {
		body["VersionStages"] = stages
	}
	s.works(t, "PutSecretValue", body)
	return id
}

func (s *service) move(t *testing.T, name, label, from, to string) {
	t.Helper()
	s.works(t, "UpdateSecretVersionStage", moveBody(name, label, from, to))
}

func moveBody(name, label, from, to string) object {
	body := object{"SecretId": name, "VersionStage": label}
	if from != "" {
		body["RemoveFromVersionId"] = from
	}
	if to != "" {
		body["MoveToVersionId"] = to
	}
	return body
}

type stages = map[string][]string

// wantStages compares the labels of all versions, which have no order.
func (s *service) wantStages(t *testing.T, name string, want stages) {
	t.Helper()
	out, err := s.sdk().DescribeSecret(t.Context(), &sdk.DescribeSecretInput{SecretId: &name})
	if err != nil {
		t.Fatal(err)
	}
	got := maps.Clone(out.VersionIdsToStages)
	for id := range got {
		slices.Sort(got[id])
		if s.room == nil && len(got[id]) == 0 {
			delete(got, id) // moto shows versions without labels
		}
	}
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("stages of %s (-want +got):\n%s", name, d)
	}
}

// wantValue reads a value by version and stage, either of which may be empty.
func (s *service) wantValue(t *testing.T, name, id, stage, want string) {
	t.Helper()
	in := &sdk.GetSecretValueInput{SecretId: &name}
	if id != "" {
		in.VersionId = &id
	}
	if stage != "" {
		in.VersionStage = &stage
	}
	out, err := s.sdk().GetSecretValue(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if got := aws.ToString(out.SecretString); got != want {
		t.Errorf("value of %s %s%s = %.40q, want %.40q", name, id, stage, got, want)
	}
}

func codeOf(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// today is the day of now, which midnight may have moved on since.
func isToday(at time.Time) bool {
	now := time.Now().UTC()
	return at.Equal(at.UTC().Truncate(24*time.Hour)) && now.Sub(at) >= 0 && now.Sub(at) < 25*time.Hour
}

func long(n int) string { return strings.Repeat("x", n) }
