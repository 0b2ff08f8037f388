package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"clientkeeper/internal/auth0"
	"clientkeeper/internal/registration"
	"clientkeeper/internal/sandbox/sqs"
)

// openQueue starts SQS with a queue, and points this process's environment and
// the returned one at it.
func openQueue(t *testing.T) (*sqs.Service, map[string]string) {
	t.Helper()
	room := sqs.New(sqs.Options{Region: "eu-central-1"})
	server := httptest.NewServer(room)
	t.Cleanup(server.Close)
	t.Cleanup(room.Close)
	name := "registrations"
	out, err := sdk.NewFromConfig(aws.Config{Region: "eu-central-1", BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}).CreateQueue(t.Context(), &sdk.CreateQueueInput{QueueName: &name})
	if err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "eu-central-1", "AWS_PROFILE": "",
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none} {
		t.Setenv(name, value)
	}
	return room, map[string]string{"REGISTRATIONS_QUEUE_URL": *out.QueueUrl}
}

const document = "https://agents.example.com/client.json"

func TestRegisterSendsWhatTheFunctionReads(t *testing.T) {
	room, env := openQueue(t)
	r := dispatched(t, env, "", "register", "-by", "Zoë", "-request", "PLAT-7", document, "-mode", "preview", "-label", "a=b=c",
		document+"/2", "-label", "d=")
	if r.err != nil || r.out != "sent 2\n" {
		t.Fatalf("%v, %q", r.err, r.out)
	}
	messages, _ := room.Messages("registrations")
	if len(messages) != 2 {
		t.Fatalf("%d messages, want 2", len(messages))
	}
	for i, url := range []string{document, document + "/2"} {
		got, err := registration.ParseRequest(messages[i].Body)
		if err != nil {
			t.Fatal(err)
		}
		want := registration.Request{ClientID: got.ClientID, Mode: registration.Preview, RequestID: "PLAT-7", RequestedBy: "Zoë",
			Labels: map[string]string{"a": "b=c", "d": ""}}
		if got.ClientID.String() != url || !cmp.Equal(want.Labels, got.Labels) || got.Key() != want.Key() ||
			got.RequestID != want.RequestID || got.RequestedBy != want.RequestedBy {
			t.Errorf("message %s, want %+v", messages[i].Body, want)
		}
	}
}

func TestRegisterChecksEverythingBeforeItSends(t *testing.T) {
	room, env := openQueue(t)
	for name, args := range map[string][]string{
		"a bad URL among good ones": {document, "http://plain.example.com/c", document + "?v=1"},
		"no such mode":              {"-mode", "delete", document},
		"a line break in an id":     {"-request", "a\nb", document},
	} {
		r := dispatched(t, env, "", append([]string{"register"}, args...)...)
		if r.err == nil || !strings.HasPrefix(r.err.Error(), "nothing was sent: ") || r.out != "" {
			t.Errorf("%s: %v, %q", name, r.err, r.out)
		}
	}
	r := dispatched(t, env, "", "register", document, "http://plain.example.com/c", document+"?v=1")
	for _, bad := range []string{"http://plain.example.com/c: ", document + "?v=1: "} {
		if !strings.Contains(r.err.Error(), bad) {
			t.Errorf("the error does not name %s: %v", bad, r.err)
		}
	}
	if messages, _ := room.Messages("registrations"); len(messages) != 0 {
		t.Errorf("%d messages were sent", len(messages))
	}
}

func TestRegisterSaysWhatIsMissing(t *testing.T) {
	_, env := openQueue(t)
	for name, test := range map[string]struct{ url, want string }{
		"no queue":      {"", "REGISTRATIONS_QUEUE_URL is not set"},
		"another queue": {env["REGISTRATIONS_QUEUE_URL"] + "x", "0 of 1 sent: queue.send: not_found (queue_missing)"},
		"no URL":        {"registrations", "check the queue's URL"},
	} {
		r := dispatched(t, map[string]string{"REGISTRATIONS_QUEUE_URL": test.url}, "", "register", document)
		if r.err == nil || errors.Is(r.err, errUsage) || !strings.Contains(r.err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, r.err, test.want)
		}
	}
}

func TestReadEvent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(file, []byte(`{"Records":[{"messageId":"m1"},{"messageId":"m2"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		in, file, want string
		records        int
	}{
		"a file":         {"", file, "", 2},
		"standard input": {`{"Records":[{"messageId":"m1"}]}`, "-", "", 1},
		"no such file":   {"", file + "x", "event.jsonx", 0},
		"nothing":        {"", "-", "not the JSON of an SQS event", 0},
		"a list":         {"[]", "-", "see events/ for samples", 0},
		"just too long":  {`"` + strings.Repeat("x", maxEvent) + `"`, "-", "more than 6291456 bytes", 0},
	} {
		e, err := readEvent(strings.NewReader(test.in), test.file)
		if (err != nil) != (test.want != "") || (err != nil && !strings.Contains(err.Error(), test.want)) || len(e.Records) != test.records {
			t.Errorf("%s: %d records, %v; want %d, %q", name, len(e.Records), err, test.records, test.want)
		}
	}
}

// Every mistake in the environment is told before an event is worked on.
func TestToolsReadTheirEnvironment(t *testing.T) {
	for _, args := range []string{"invoke register-client", "preflight"} {
		r := dispatched(t, map[string]string{"RATE_RESERVE": "lots"}, `{"Records":[]}`, strings.Fields(args)...)
		for _, name := range []string{"AUTH0_DOMAIN", "AUTH0_MANAGEMENT_SECRET_ARN", "RATE_RESERVE", ".sandbox/env"} {
			if r.err == nil || !strings.Contains(r.err.Error(), name) || strings.Contains(r.err.Error(), "lots") {
				t.Errorf("%s: %v, want %s named and no value", args, r.err, name)
			}
		}
	}
}

// What is fine with preflight must not fail the deployment afterwards.
func TestPreflightAsksForWhatADeploymentRequires(t *testing.T) {
	template, err := os.ReadFile("../../../template.yaml")
	if err != nil || !strings.Contains(string(template), "\n      "+requiredScopes+"\n") {
		t.Errorf("the template does not require %s by default (%v)", requiredScopes, err)
	}
}

func TestFactsAreShown(t *testing.T) {
	facts := []auth0.Fact{
		{Name: "token", Status: auth0.OK, Detail: "There is one."},
		{Name: "scopes", Status: auth0.Fail, Detail: "Some are missing.", Next: "grant them"},
		{Name: "rules", Status: auth0.Unknown, Detail: "Who knows."},
	}
	var table, lines bytes.Buffer
	for _, err := range []error{showFacts(&table, facts, false), showFacts(&lines, facts, true)} {
		if err == nil || err.Error() != "1 of 3 checks failed" {
			t.Errorf("err = %v", err)
		}
	}
	want := "ok       token   There is one.\nfail     scopes  Some are missing.\n                 -> grant them\nunknown  rules   Who knows.\n"
	if diff := cmp.Diff(want, table.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	var names []string
	for line := range strings.Lines(lines.String()) {
		var f struct{ Name, Status, Detail, Next string }
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		names = append(names, f.Name+" "+f.Status+" "+f.Next)
	}
	if diff := cmp.Diff([]string{"token ok ", "scopes fail grant them", "rules unknown "}, names); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := showFacts(&table, facts[:1], false); err != nil {
		t.Errorf("nothing failed, and yet: %v", err)
	}
}
