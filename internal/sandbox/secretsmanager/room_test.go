package secretsmanager_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"clientkeeper/internal/sandbox/secretsmanager"
)

// A clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// open serves a room with a clock of its own.
func open(t *testing.T, o secretsmanager.Options) (*service, *clock) {
	t.Helper()
	c := newClock()
	o.Now = c.Now
	return serve(t, o), c
}

func TestTooManyVersionsInADay(t *testing.T) { // S66
	s, c := open(t, secretsmanager.Options{})
	name, v1 := s.create(t, "0")
	for i := range 99 {
		s.put(t, name, fmt.Sprint(i+1))
	}
	one := object{"SecretId": name, "ClientRequestToken": token(), "SecretString": "one too many"}
	s.fails(t, "PutSecretValue", one, "LimitExceededException")
	s.fails(t, "UpdateSecret", one, "LimitExceededException")
	s.wantValue(t, name, "", "", "99")
	s.wantValue(t, name, v1, "", "0")

	c.move(24 * time.Hour)
	s.works(t, "PutSecretValue", one)
	s.fails(t, "GetSecretValue", object{"SecretId": name, "VersionId": v1}, "ResourceNotFoundException")
	if got := len(s.versions(t, name, true)); got != 100 {
		t.Errorf("%d versions, want 100", got)
	}
}

func TestLabelsAreNeverPurged(t *testing.T) {
	s, c := open(t, secretsmanager.Options{MaxVersions: 3})
	name, v1 := s.create(t, "one")
	v2 := s.put(t, name, "two")
	v3 := s.put(t, name, "three", "KEEP")
	c.move(48 * time.Hour)
	s.fails(t, "PutSecretValue", object{"SecretId": name, "ClientRequestToken": token(), "SecretString": "four"},
		"LimitExceededException")
	s.wantStages(t, name, stages{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT"}, v3: {"KEEP"}})
}

func TestAtMostTwentyLabelsInASecret(t *testing.T) {
	s, _ := open(t, secretsmanager.Options{})
	name, v1 := s.create(t, "one")
	for i := range 20 {
		s.move(t, name, fmt.Sprint("L", i), "", v1)
	}
	s.fails(t, "UpdateSecretVersionStage", moveBody(name, "L20", "", v1), "LimitExceededException")
	s.fails(t, "PutSecretValue", object{"SecretId": name, "ClientRequestToken": token(), "SecretString": "two",
		"VersionStages": []string{"L20"}}, "LimitExceededException")
	v2 := s.put(t, name, "two", "L0", "AWSCURRENT")
	s.wantValue(t, name, v2, "L0", "two")
}

func TestTheEndOfARecoveryWindow(t *testing.T) {
	s, c := open(t, secretsmanager.Options{})
	name, _ := s.create(t, "one")
	s.works(t, "DeleteSecret", object{"SecretId": name, "RecoveryWindowInDays": 7})
	c.move(7*24*time.Hour - time.Second)
	s.works(t, "DescribeSecret", object{"SecretId": name})
	c.move(time.Second)
	s.fails(t, "RestoreSecret", object{"SecretId": name}, "ResourceNotFoundException")
	s.works(t, "CreateSecret", object{"Name": name, "ClientRequestToken": token(), "SecretString": "two"})
}

func TestDates(t *testing.T) {
	s, c := open(t, secretsmanager.Options{})
	name, _ := s.create(t, "one")
	created := c.Now()
	c.move(36 * time.Hour)
	s.wantValue(t, name, "", "", "one")
	c.move(time.Hour)
	s.works(t, "UpdateSecret", object{"SecretId": name, "ClientRequestToken": token(), "Description": "d"})
	out, err := s.sdk().DescribeSecret(t.Context(), &sdk.DescribeSecretInput{SecretId: &name})
	if err != nil {
		t.Fatal(err)
	}
	for what, pair := range map[string][2]time.Time{
		"CreatedDate":      {aws.ToTime(out.CreatedDate), created},
		"LastAccessedDate": {aws.ToTime(out.LastAccessedDate), time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)},
		"LastChangedDate":  {aws.ToTime(out.LastChangedDate), created.Add(37 * time.Hour)},
	} {
		if !pair[0].Equal(pair[1]) {
			t.Errorf("%s %v, want %v", what, pair[0], pair[1])
		}
	}
}

func TestRates(t *testing.T) {
	s, c := open(t, secretsmanager.Options{Rates: true})
	name, v1 := s.create(t, "one")
	again := object{"SecretId": name, "ClientRequestToken": v1, "SecretString": "one"}
	for range 49 {
		s.works(t, "PutSecretValue", again)
	}
	s.move(t, name, "X", "", v1) // shares the 50 a second
	s.fails(t, "PutSecretValue", again, "ThrottlingException")
	s.works(t, "GetSecretValue", object{"SecretId": name})
	c.move(time.Second)
	s.works(t, "PutSecretValue", again)
}

func TestWire(t *testing.T) {
	room := secretsmanager.New(secretsmanager.Options{Region: "eu-west-1", AccountID: "000000000042"})
	ask := func(method, path, target, auth, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("X-Amz-Target", target)
		r.Header.Set("Authorization", auth)
		w := httptest.NewRecorder()
		room.ServeHTTP(w, r)
		return w
	}
	create := `{"Name":"n","ClientRequestToken":"` + long(32) + `","SecretString":"canary-3"`
	scoped := "AWS4-HMAC-SHA256 Credential=AKID/20260301/cn-north-1/secretsmanager/aws4_request, Signature=00"
	tests := []struct {
		name, method, path, target, auth, body string
		status                                 int
		want                                   string
	}{
		{"default region", "POST", "/", "secretsmanager.CreateSecret", "", create + "}", 200,
			"arn:aws:secretsmanager:eu-west-1:000000000042:secret:n-"},
		{"region and partition from the signature", "POST", "/", "secretsmanager.CreateSecret", scoped, create + "}", 200,
			"arn:aws-cn:secretsmanager:cn-north-1:000000000042:secret:n-"},
		{"unknown operation", "POST", "/", "secretsmanager.Nope", "", "{}", 400, "UnknownOperationException"},
		{"another service", "POST", "/", "AmazonSQS.SendMessage", "", "{}", 400, "UnknownOperationException"},
		{"not POST", "GET", "/", "secretsmanager.ListSecrets", "", "{}", 400, "UnknownOperationException"},
		{"not JSON", "POST", "/", "secretsmanager.CreateSecret", "", create, 400, "SerializationException"},
		{"not an object", "POST", "/", "secretsmanager.ListSecrets", "", "[]", 400, "SerializationException"},
		{"wrong type", "POST", "/", "secretsmanager.DescribeSecret", "", `{"SecretId":1}`, 400, "SerializationException"},
		{"not base64", "POST", "/", "secretsmanager.CreateSecret", "", `{"Name":"b","ClientRequestToken":"` + long(32) +
			`","SecretBinary":"*canary-3*"}`, 400, "SerializationException"},
		{"a member in the wrong case is missing", "POST", "/", "secretsmanager.DescribeSecret", "", `{"secretId":"n"}`, 400,
			"ValidationException"},
		{"unknown members are ignored", "POST", "/", "secretsmanager.DescribeSecret", "", `{"SecretId":"n","New":1}`, 200, `"n"`},
		{"too large", "POST", "/", "secretsmanager.CreateSecret", "", `{"Name":"` + long(1<<20) + `"}`, 413, "RequestEntityTooLarge"},
		{"other accounts", "POST", "/", "secretsmanager.AssociateCrossAccountReplica", "", "{}", 400, "UnknownOperationException"},
		{"nothing to cancel", "POST", "/", "secretsmanager.CancelRotateSecret", "", `{"SecretId":"n"}`, 400, "InvalidRequestException"},
	}
	seen := map[string]bool{}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := ask(test.method, test.path, test.target, test.auth, test.body)
			body := w.Body.String()
			if w.Code != test.status || !strings.Contains(body, test.want) {
				t.Errorf("%d %s, want %d and %s", w.Code, body, test.status, test.want)
			}
			if strings.Contains(body, "canary-3") {
				t.Error("the answer holds the value")
			}
			if got := w.Header().Get("Content-Type"); got != "application/x-amz-json-1.1" {
				t.Errorf("content type %s", got)
			}
			if id := w.Header().Get("X-Amzn-Requestid"); id == "" || seen[id] {
				t.Errorf("request id %q is missing or was used before", id)
			} else {
				seen[id] = true
			}
		})
	}
}

func TestRegionsAreApart(t *testing.T) {
	s, _ := open(t, secretsmanager.Options{})
	name, _ := s.create(t, "one")
	far := sdk.New(s.sdk().Options(), func(o *sdk.Options) { o.Region = "us-west-2" })
	_, err := far.DescribeSecret(t.Context(), &sdk.DescribeSecretInput{SecretId: &name})
	if codeOf(err) != "ResourceNotFoundException" {
		t.Errorf("from another region: %v, want ResourceNotFoundException", err)
	}
	if got := s.raw(t, "DescribeSecret", object{"SecretId": name}).status; got != http.StatusOK {
		t.Errorf("from its own: %d, want 200", got)
	}
}
