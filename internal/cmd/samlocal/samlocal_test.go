package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestOutcomes(t *testing.T) {
	const registered = `{"message":"registration","outcome":"created"}` + "\n"
	for name, c := range map[string]struct{ answer, log, want string }{
		"nothing":               {"null\n", "", "done"},
		"a step":                {"null", `{"message":"rotation","did":"applied"}`, "done: applied"},
		"a batch":               {`{"batchItemFailures":null}`, registered + `{"outcome":"updated"}` + "\n" + registered, "0 handed back: 2 created, updated"},
		"a batch handed back":   {`{"batchItemFailures":[{"itemIdentifier":"1"}]}`, `{"outcome":"returned","reason":"document_unreachable"}`, "1 handed back: returned document_unreachable"},
		"a problem":             {`{"statusCode":401,"body":"{\"type\":\"urn:clientkeeper:problem:signature_stale\"}"}`, `{"message":"request","reason":"signature_stale"}`, "401 signature_stale"},
		"the first answer":      {`{"statusCode":201,"body":"{\"client_id\":\"1\"}"}`, "", "201"},
		"the first again":       {`{"statusCode":201,"headers":{"Idempotency-Replayed":"true"},"body":"{\"client_id\":\"2\"}"}`, "", "201 replayed"},
		"a list":                {`{"statusCode":200,"body":"{\"clients\":[{},{}]}"}`, "", "200 clients=2"},
		"an event for another":  {`{"statusCode":202,"body":"{\"status\":\"ignored\",\"webhook_id\":\"1\"}"}`, "", "202 ignored"},
		"no body":               {`{"statusCode":204,"body":""}`, "", "204"},
		"counts":                {`{"managed":3,"started":0,"left":1}`, "", "left=1 managed=3"},
		"findings":              {`{"ready":false,"facts":[{}]}`, `{"finding":"cimd","outcome":"fail"}`, "facts=1 ready=false: cimd fail"},
		"a failure":             {`{"errorType":"errorString","errorMessage":"secretstore.describe: not_found: arn:1"}`, "", "failed errorString secretstore.describe: not_found"},
		"metrics say nothing":   {"null", `{"_aws":{},"Outcome":"created"}`, "done"},
		"what sam says":         {"null", "Mounting /tmp as /var/task\nSTART RequestId: 1\n", "done"},
		"not even an object":    {"Task timed out after 3.00 seconds", "", "no JSON object"},
		"nothing was printed":   {"", "", "no JSON object"},
		"said twice, said once": {`{"statusCode":404,"body":"{\"type\":\"urn:x:client_not_found\"}"}`, `{"reason":"client_not_found"}`, "404 client_not_found"},
	} {
		if got := (result{[]byte(c.answer), []byte(c.log)}).outcome(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A container's log may end early; what it says must not be anything else.
func TestALogIsCutShort(t *testing.T) {
	const answer, one, other = `{"batchItemFailures":null}`, `{"reason":"message_invalid"}` + "\n", `{"reason":"message_not_json"}` + "\n"
	for name, c := range map[string]struct {
		sam, own result
		want     bool
	}{
		"all is there":        {result{[]byte(answer), []byte(one + other)}, result{[]byte(answer), []byte(other + one)}, false},
		"nothing is there":    {result{[]byte(answer), nil}, result{[]byte(answer), []byte(one)}, true},
		"a part is there":     {result{[]byte(answer), []byte(one)}, result{[]byte(answer), []byte(one + other)}, true},
		"one of two":          {result{[]byte(answer), []byte(one)}, result{[]byte(answer), []byte(one + one)}, true},
		"something else":      {result{[]byte(answer), []byte(other)}, result{[]byte(answer), []byte(one)}, false},
		"more is there":       {result{[]byte(answer), []byte(one)}, result{[]byte(answer), nil}, false},
		"another answer":      {result{[]byte("null"), nil}, result{[]byte(answer), []byte(one)}, false},
		"nobody says a thing": {result{[]byte(answer), nil}, result{[]byte(answer), nil}, false},
	} {
		if got := cutShort(c.sam, c.own); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func samples(t *testing.T) []string {
	files, err := filepath.Glob("../../../events/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no sample events", err)
	}
	return files
}

// What the order and the Invoke API name has to be there, and one event of
// each function has to go through the Invoke API.
func TestNamedEventsAreThere(t *testing.T) {
	var names []string
	missing := map[string]bool{}
	for _, file := range samples(t) {
		names = append(names, nameOf(file))
		missing[functionOf(file)] = true
	}
	for _, name := range slices.Concat(first, throughLambda) {
		if !slices.Contains(names, name) {
			t.Errorf("there is no event %s", name)
		}
	}
	for _, name := range throughLambda {
		delete(missing, functionOf(name))
	}
	for function := range missing {
		t.Errorf("start-lambda is not asked for %s", function)
	}
	for _, folder := range mustGlob(t, "../../../functions/*") {
		if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, filepath.Base(folder)+".") }) {
			t.Errorf("no event is for %s", folder)
		}
	}
}

func mustGlob(t *testing.T, pattern string) []string {
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatal(pattern, err)
	}
	return found
}

func TestOrderKeepsEveryEvent(t *testing.T) {
	files := samples(t)
	slices.Reverse(files)
	got := ordered(files)
	if len(got) != len(files) || nameOf(got[0]) != first[0] {
		t.Errorf("%d of %d, %s first", len(got), len(files), got[0])
	}
	at := func(name string) int {
		return slices.IndexFunc(got, func(file string) bool { return nameOf(file) == name })
	}
	for _, pair := range [][2]string{{"api.create-client", "api.repeat-create-client"}, {"rotate-secret.set", "rotate-secret.test"}, {"webhook.event", "webhook.replay"}, {"api.add-key", "api.remove-key"}} {
		if at(pair[0]) >= at(pair[1]) {
			t.Errorf("%s is not before %s", pair[0], pair[1])
		}
	}
	if f := functionOf("events/register-client.url.json"); f != "RegisterClientFunction" {
		t.Error(f)
	}
}

// The sandbox's functions work at the same time.
func TestLinesOfOneInvocation(t *testing.T) {
	log := []byte("{\"request_id\":\"a\"}\n{\"request_id\":\"b\"}\n{\"request_id\":\"http\"}\n{\"finding\":\"cimd\"}\nno JSON\n{\"function\":\"rotate-secret\",\"outcome\":\"succeeded\"}\n{\"function\":\"check-deployment\"}\n")
	want := "{\"request_id\":\"a\"}\n{\"request_id\":\"http\"}\n{\"finding\":\"cimd\"}\n{\"function\":\"check-deployment\"}\n"
	if got := ofInvocation(log, "CheckDeploymentFunction", "a", []byte(`{"requestContext":{"requestId":"http"}}`)); string(got) != want {
		t.Errorf("%s", got)
	}
}

func TestSamplesAreMadeToFit(t *testing.T) {
	s := &side{client: "my-client", credential: "cred_mine", secretARN: "arn:mine", rotationToken: "my-token"}
	for name, want := range map[string][]string{
		"api.create-client":    {sandboxAPI},
		"api.remove-key":       {"my-client", "cred_mine"},
		"rotate-secret.create": {"arn:mine", "my-token"},
	} {
		text, err := s.sample(context.Background(), "../../../events/"+name+".json")
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !bytes.Contains(text, []byte(w)) {
				t.Errorf("%s names no %s: %s", name, w, text)
			}
		}
		for _, sample := range []string{sampleAPI, sampleClient, sampleCredential, "AbCdEf"} {
			if bytes.Contains(text, []byte(sample)) {
				t.Errorf("%s still names %s", name, sample)
			}
		}
	}
	s.learn("api.create-client", []byte(`{"statusCode":201,"body":"{\"client_id\":\"new\"}"}`))
	s.learn("api.add-key", []byte(`{"statusCode":201,"body":"{\"credentials\":[{\"id\":\"cred_new\"}]}"}`))
	if s.client != "new" || s.credential != "cred_new" {
		t.Errorf("%s, %s", s.client, s.credential)
	}
}

func TestTheTableJudges(t *testing.T) {
	for name, c := range map[string]struct {
		row   row
		wrong bool
	}{
		"the same":                {row{sam: "201", own: "201"}, false},
		"another":                 {row{sam: "201", own: "200"}, true},
		"cut short":               {row{sam: "0", own: "0: created", cut: true}, false},
		"another by design":       {row{sam: "401", own: "200", differs: 1}, false},
		"by design, and the same": {row{sam: "404", own: "404", differs: 1}, true},
	} {
		var out bytes.Buffer
		table := newTable(&out)
		table.add(c.row)
		if err := table.end(); (err != nil) != c.wrong || strings.Contains(out.String(), "<-") != c.wrong {
			t.Errorf("%s: %v\n%s", name, err, out.String())
		}
	}
	for _, q := range requests {
		if q.differs >= len(differences) || q.differs < 0 {
			t.Errorf("%s: no difference %d", q.name, q.differs)
		}
	}
}

func TestASandboxThatIsNotThere(t *testing.T) {
	if _, err := openSide(options{}, t.TempDir(), "sam"); err == nil || !os.IsNotExist(err) && !strings.Contains(err.Error(), "make sam-local") {
		t.Error(err)
	}
}
