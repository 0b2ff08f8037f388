package scheduler

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A caller speaks to a service over HTTP.
type caller struct {
	t   *testing.T
	url string
}

func serve(t *testing.T) (*Service, caller) {
	t.Helper()
	s := New(Options{})
	t.Cleanup(s.Close)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, caller{t, server.URL}
}

// do makes one request, and returns the status, the error's type and the body.
func (c caller) do(method, path, body string) (int, string, map[string]any) {
	c.t.Helper()
	req, err := http.NewRequest(method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if !Handles(req) && strings.HasPrefix(path, "/schedule") {
		c.t.Errorf("Handles denies %s", path)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		c.t.Fatalf("%s %s: %d, %v", method, path, resp.StatusCode, err)
	}
	return resp.StatusCode, resp.Header.Get("X-Amzn-ErrorType"), out
}

const whole = `{"ClientToken":"t-1","Description":"d","ScheduleExpression":"cron(0 4 * * ? *)","ScheduleExpressionTimezone":"Europe/Berlin",
	"FlexibleTimeWindow":{"Mode":"FLEXIBLE","MaximumWindowInMinutes":15},"StartDate":1893456000,"EndDate":1924992000.5,"State":"DISABLED",
	"ActionAfterCompletion":"DELETE","GroupName":"default","Target":{"Arn":"` + target + `","RoleArn":"` + role + `","Input":"{}",
	"DeadLetterConfig":{"Arn":"` + queue + `"},"RetryPolicy":{"MaximumEventAgeInSeconds":3600,"MaximumRetryAttempts":0}}}`

func minimal(expression string) string {
	return fmt.Sprintf(`{"ScheduleExpression":%q,"FlexibleTimeWindow":{"Mode":"OFF"},"Target":{"Arn":%q,"RoleArn":%q}}`, expression, target, role)
}

// TestRoundTrip reads back what was created, member by member.
func TestRoundTrip(t *testing.T) {
	_, c := serve(t)
	arn := "arn:aws:scheduler:us-east-1:123456789012:schedule/default/nightly"
	for range 2 { // the same request again is no conflict
		if status, _, body := c.do("POST", "/schedules/nightly", whole); status != 200 || body["ScheduleArn"] != arn {
			t.Fatalf("%d %v", status, body)
		}
	}
	status, _, got := c.do("GET", "/schedules/nightly?groupName=default", "")
	var want map[string]any
	must(t, json.Unmarshal([]byte(whole), &want))
	delete(want, "ClientToken")
	want["Name"], want["Arn"] = "nightly", arn
	for name, value := range want {
		if fmt.Sprint(got[name]) != fmt.Sprint(value) {
			t.Errorf("%s = %v, want %v", name, got[name], value)
		}
	}
	if created, _ := got["CreationDate"].(float64); status != 200 || time.Since(time.Unix(int64(created), 0)) > time.Minute || len(got) != len(want)+2 {
		t.Errorf("%d %v", status, got)
	}
	if status, _, _ := c.do("PUT", "/schedules/nightly", minimal("rate(1 day)")); status != 200 {
		t.Errorf("update: %d", status)
	}
	_, _, got = c.do("GET", "/schedules/nightly", "")
	if got["State"] != "ENABLED" || got["Description"] != nil || got["ScheduleExpressionTimezone"] != "UTC" || got["EndDate"] != nil {
		t.Errorf("an update replaces all: %v", got)
	}
	if status, _, _ := c.do("DELETE", "/schedules/nightly?groupName=default&clientToken=x", ""); status != 200 {
		t.Errorf("delete: %d", status)
	}
}

func TestWireRefusals(t *testing.T) {
	_, c := serve(t)
	if status, _, body := c.do("POST", "/schedules/taken", minimal("rate(1 day)")); status != 200 {
		t.Fatalf("%d %v", status, body)
	}
	with := func(old, replacement string) string { return strings.Replace(whole, old, replacement, 1) }
	tests := map[string]struct {
		method, path, body string
		status             int
		code               string
	}{
		"a name that is taken":       {"POST", "/schedules/taken", minimal("rate(1 hour)"), 409, "ConflictException"},
		"a bad name":                 {"POST", "/schedules/a%20b", minimal("rate(1 hour)"), 400, "ValidationException"},
		"a name with a slash":        {"POST", "/schedules/a%2Fb", minimal("rate(1 hour)"), 400, "ValidationException"},
		"a long name":                {"POST", "/schedules/" + strings.Repeat("n", 65), minimal("rate(1 hour)"), 400, "ValidationException"},
		"another group":              {"POST", "/schedules/x", with(`"default"`, `"others"`), 404, "ResourceNotFoundException"},
		"a bad expression":           {"POST", "/schedules/x", minimal("hourly"), 400, "ValidationException"},
		"no expression":              {"POST", "/schedules/x", minimal(""), 400, "ValidationException"},
		"a bad time zone":            {"POST", "/schedules/x", with("Europe/Berlin", "Europe/Nowhere"), 400, "ValidationException"},
		"this machine's time zone":   {"POST", "/schedules/x", with("Europe/Berlin", "Local"), 400, "ValidationException"},
		"no target":                  {"POST", "/schedules/x", `{"ScheduleExpression":"rate(1 day)","FlexibleTimeWindow":{"Mode":"OFF"}}`, 400, "ValidationException"},
		"no window":                  {"POST", "/schedules/x", with(`"FlexibleTimeWindow":{"Mode":"FLEXIBLE","MaximumWindowInMinutes":15},`, ""), 400, "ValidationException"},
		"a window that is off":       {"POST", "/schedules/x", with("FLEXIBLE", "OFF"), 400, "ValidationException"},
		"a window without a length":  {"POST", "/schedules/x", with(`,"MaximumWindowInMinutes":15`, ""), 400, "ValidationException"},
		"a window of two days":       {"POST", "/schedules/x", with(":15}", ":2880}"), 400, "ValidationException"},
		"a window that overflows":    {"POST", "/schedules/x", with(":15}", ":307445734561825861}"), 400, "ValidationException"},
		"a state that is none":       {"POST", "/schedules/x", with("DISABLED", "PAUSED"), 400, "ValidationException"},
		"an action that is none":     {"POST", "/schedules/x", with("DELETE", "STOP"), 400, "ValidationException"},
		"an end before the start":    {"POST", "/schedules/x", with("1924992000.5", "1893455999"), 400, "ValidationException"},
		"an end after the end":       {"POST", "/schedules/x", with("1924992000.5", "1e300"), 400, "ValidationException"},
		"too many retries":           {"POST", "/schedules/x", with(`Attempts":0`, `Attempts":186`), 400, "ValidationException"},
		"an event that gets too old": {"POST", "/schedules/x", with("3600", "86401"), 400, "ValidationException"},
		"a dead letter topic":        {"POST", "/schedules/x", with("arn:aws:sqs", "arn:aws:sns"), 400, "ValidationException"},
		"parameters of a target":     {"POST", "/schedules/x", with(`"Input":"{}"`, `"SqsParameters":{}`), 400, "ValidationException"},
		"no JSON":                    {"POST", "/schedules/x", "{", 400, "ValidationException"},
		"update of nothing":          {"PUT", "/schedules/x", minimal("rate(1 day)"), 404, "ResourceNotFoundException"},
		"reading nothing":            {"GET", "/schedules/x", "", 404, "ResourceNotFoundException"},
		"reading in another group":   {"GET", "/schedules/taken?groupName=others", "", 404, "ResourceNotFoundException"},
		"deleting nothing":           {"DELETE", "/schedules/x", "", 404, "ResourceNotFoundException"},
		"listing another group":      {"GET", "/schedules?ScheduleGroup=others", "", 404, "ResourceNotFoundException"},
		"a page of none":             {"GET", "/schedules?MaxResults=0", "", 400, "ValidationException"},
		"a foreign token":            {"GET", "/schedules?NextToken=!", "", 400, "ValidationException"},
		"a group that is not there":  {"GET", "/schedule-groups/others", "", 404, "ResourceNotFoundException"},
		"making a group":             {"POST", "/schedule-groups/others", "{}", 400, "ValidationException"},
		"tags":                       {"GET", "/tags/x", "", 400, "ValidationException"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			status, code, body := c.do(test.method, test.path, test.body)
			if message, _ := body["Message"].(string); status != test.status || code != test.code || message == "" {
				t.Errorf("%d %s %v, want %d %s", status, code, body, test.status, test.code)
			}
		})
	}
	if _, _, body := c.do("GET", "/schedules", ""); len(body["Schedules"].([]any)) != 1 {
		t.Errorf("something was created: %v", body)
	}
}

func TestListing(t *testing.T) {
	s, c := serve(t)
	for i := range 7 {
		one := schedule(fmt.Sprintf("s-%d", i), "rate(1 day)")
		one.Disabled = i%2 == 1
		must(t, s.Create(one))
	}
	names := func(query string) (out string, next string) {
		status, _, body := c.do("GET", "/schedules?"+query, "")
		if status != 200 {
			t.Fatalf("%s: %d %v", query, status, body)
		}
		for _, item := range body["Schedules"].([]any) {
			one := item.(map[string]any)
			if one["Target"].(map[string]any)["Arn"] != target || one["Arn"] == "" || one["GroupName"] != "default" {
				t.Errorf("%v", one)
			}
			out += strings.TrimPrefix(one["Name"].(string), "s-")
		}
		next, _ = body["NextToken"].(string)
		return out, next
	}
	for query, want := range map[string]string{"": "0123456", "State=DISABLED": "135", "State=ENABLED": "0246", "NamePrefix=s-3": "3",
		"NamePrefix=x": "", "ScheduleGroup=default": "0123456", "MaxResults=7": "0123456"} {
		if got, next := names(query); got != want || next != "" {
			t.Errorf("%s: %s, token %q", query, got, next)
		}
	}
	all, token := "", ""
	for range 5 {
		page, next := names("MaxResults=3&NextToken=" + token)
		all += page + " "
		if token = next; token == "" {
			break
		}
	}
	if all != "012 345 6 " {
		t.Errorf("pages %q", all)
	}
	if _, _, body := c.do("GET", "/schedule-groups", ""); len(body["ScheduleGroups"].([]any)) != 1 {
		t.Errorf("%v", body)
	}
}

func TestHandles(t *testing.T) {
	for path, want := range map[string]bool{"/schedules": true, "/schedules/x": true, "/schedule-groups": true, "/": false,
		"/123456789012/schedules": false, "/schedulesx": false, "/2015-03-31/functions": false} {
		if got := Handles(httptest.NewRequest("GET", path, nil)); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}

// TestAWSCLI lets a client that we did not write manage schedules. It needs
// AWS_CLI to name the AWS CLI's executable.
func TestAWSCLI(t *testing.T) {
	cli := os.Getenv("AWS_CLI")
	if cli == "" {
		t.Skip("AWS_CLI names no executable of the AWS CLI")
	}
	s, c := serve(t)
	aws := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), cli, append([]string{"scheduler", "--endpoint-url", c.url, "--region", "us-east-1", "--output", "json"}, args...)...)
		cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_PAGER=")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	ok := func(args ...string) string {
		t.Helper()
		out, err := aws(args...)
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return out
	}
	to := []string{"--flexible-time-window", "Mode=OFF", "--target", "Arn=" + target + ",RoleArn=" + role}
	ok(append([]string{"create-schedule", "--name", "nightly", "--schedule-expression", "cron(0 4 * * ? *)"}, to...)...)
	if out, err := aws(append([]string{"create-schedule", "--name", "nightly", "--schedule-expression", "rate(1 day)"}, to...)...); err == nil || !strings.Contains(out, "ConflictException") {
		t.Errorf("%v: %s", err, out)
	}
	if out := ok("list-schedules"); !strings.Contains(out, `"Name": "nightly"`) || !strings.Contains(out, `"State": "ENABLED"`) {
		t.Errorf("list: %s", out)
	}
	ok(append([]string{"update-schedule", "--name", "nightly", "--schedule-expression", "rate(2 hours)", "--state", "DISABLED"}, to...)...)
	if out := ok("get-schedule", "--name", "nightly"); !strings.Contains(out, "rate(2 hours)") || !strings.Contains(out, "DISABLED") {
		t.Errorf("get: %s", out)
	}
	ok("delete-schedule", "--name", "nightly")
	if out, err := aws("get-schedule", "--name", "nightly"); err == nil || !strings.Contains(out, "ResourceNotFoundException") {
		t.Errorf("%v: %s", err, out)
	}
	if len(s.List()) != 0 {
		t.Errorf("%+v", s.List())
	}
}
