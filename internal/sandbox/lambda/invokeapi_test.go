package lambda_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clientkeeper/internal/sandbox/lambda"
)

func TestInvokeAPI(t *testing.T) {
	s, _ := start(t, lambda.Options{}, lambda.Function{Name: "handler", AsyncRetries: []time.Duration{}})
	server := httptest.NewServer(s)
	defer server.Close()
	arn := s.Functions()[0].ARN
	clientContext := base64.StdEncoding.EncodeToString([]byte(`{"custom":{"k":"v"}}`))

	tests := map[string]struct {
		name, query string
		header      map[string]string
		body        string
		want        int
		wantHeader  map[string]string
		wantBody    string // a part of it
	}{
		"answer": {"handler", "", nil, `{"do":"nil"}`, 200,
			map[string]string{"X-Amz-Executed-Version": "$LATEST", "X-Amz-Function-Error": "", "X-Amz-Log-Result": ""}, "null"},
		"no body": {"handler", "", nil, "", 200, nil, `"pid":`},
		"by ARN":  {url.PathEscape(arn), "?Qualifier=%24LATEST", nil, `{"do":"nil"}`, 200, nil, "null"},
		"tenant and context": {"handler", "", map[string]string{"X-Amz-Tenant-Id": "t1", "X-Amz-Client-Context": clientContext}, "{}", 200, nil,
			`"tenant_id":"t1"`},
		"function error": {"handler", "", nil, `{"do":"error"}`, 200,
			map[string]string{"X-Amz-Function-Error": "Unhandled"}, `{"errorMessage":"x","errorType":"errorString"}`},
		"event":              {"handler", "", map[string]string{"X-Amz-Invocation-Type": "Event"}, "{}", 202, nil, ""},
		"dry run":            {"handler", "", map[string]string{"X-Amz-Invocation-Type": "DryRun"}, "{}", 204, nil, ""},
		"dry run of nothing": {"nobody", "", map[string]string{"X-Amz-Invocation-Type": "DryRun"}, "{}", 404, nil, "nobody"},
		"unknown type": {"handler", "", map[string]string{"X-Amz-Invocation-Type": "Later"}, "{}", 400,
			map[string]string{"X-Amzn-Errortype": "InvalidParameterValueException"}, "RequestResponse"},
		"unknown function": {"nobody", "", nil, "{}", 404, map[string]string{"X-Amzn-Errortype": "ResourceNotFoundException"},
			`{"Type":"User","Message":"Function not found: arn:aws:lambda:us-east-1:123456789012:function:nobody"}`},
		"unknown version": {"handler", "?Qualifier=7", nil, "{}", 404, map[string]string{"X-Amzn-Errortype": "ResourceNotFoundException"}, "handler:7"},
		"not JSON":        {"handler", "", nil, "{", 400, map[string]string{"X-Amzn-Errortype": "InvalidRequestContentException"}, "Could not parse"},
		"bad context": {"handler", "", map[string]string{"X-Amz-Client-Context": "%"}, "{}", 400,
			map[string]string{"X-Amzn-Errortype": "InvalidRequestContentException"}, "base64"},
		"too large": {"handler", "", nil, `"` + strings.Repeat("x", 6_291_455) + `"`, 413,
			map[string]string{"X-Amzn-Errortype": "RequestTooLargeException"}, "limit 6291456 bytes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			res, body := post(t, server.URL+"/2015-03-31/functions/"+tt.name+"/invocations"+tt.query, tt.header, tt.body)
			if res.StatusCode != tt.want || !strings.Contains(body, tt.wantBody) || (tt.wantBody == "" && body != "") {
				t.Errorf("got %d %s\nwant %d %s", res.StatusCode, body, tt.want, tt.wantBody)
			}
			for k, want := range tt.wantHeader {
				if got := res.Header.Get(k); got != want {
					t.Errorf("%s: %q, want %q", k, got, want)
				}
			}
		})
	}
	t.Run("log", func(t *testing.T) {
		res, _ := post(t, server.URL+"/2015-03-31/functions/handler/invocations", map[string]string{"X-Amz-Log-Type": "Tail"}, `{"text":"hello"}`)
		log, err := base64.StdEncoding.DecodeString(res.Header.Get("X-Amz-Log-Result"))
		if err != nil || !strings.Contains(string(log), "\nhello\n") {
			t.Errorf("the log is %q, %v", log, err)
		}
	})
	t.Run("another operation", func(t *testing.T) {
		if res, body := post(t, server.URL+"/2015-03-31/functions", nil, "{}"); res.StatusCode != 404 || !strings.Contains(body, "Invoke") {
			t.Errorf("got %d %s", res.StatusCode, body)
		}
	})
}

func TestInvokeAPIThrottles(t *testing.T) {
	s, j := start(t, lambda.Options{}, lambda.Function{Name: "handler", Timeout: time.Minute, MaxConcurrency: 1})
	server := httptest.NewServer(s)
	defer server.Close()
	_, err := s.Invoke(t.Context(), lambda.Invocation{Function: "handler", Async: true, Payload: []byte(`{"do":"sleep","ms":60000}`)})
	if err != nil || !eventually(func() bool { return len(j.reports(lambda.Start)) == 1 }) {
		t.Fatalf("the function did not start: %v", err)
	}
	res, body := post(t, server.URL+"/2015-03-31/functions/handler/invocations", nil, "{}")
	want := `{"Type":"User","Message":"Rate Exceeded.","Reason":"ReservedFunctionConcurrentInvocationLimitExceeded"}` + "\n"
	if res.StatusCode != 429 || body != want || res.Header.Get("X-Amzn-Errortype") != "TooManyRequestsException" {
		t.Errorf("got %d %s", res.StatusCode, body)
	}
	s.Close()
	if res, body := post(t, server.URL+"/2015-03-31/functions/handler/invocations", nil, "{}"); res.StatusCode != 500 {
		t.Errorf("after Close: %d %s", res.StatusCode, body)
	}
}

func post(t *testing.T, url string, header map[string]string, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

// A client that we did not write agrees with us.
func TestAWSCLI(t *testing.T) {
	cli, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("the AWS CLI is not installed")
	}
	s, _ := start(t, lambda.Options{}, lambda.Function{Name: "handler"})
	server := httptest.NewServer(s)
	defer server.Close()
	file := filepath.Join(t.TempDir(), "out.json")
	aws := func(args ...string) (stdout, stderr string) {
		cmd := exec.CommandContext(t.Context(), cli, append([]string{
			"lambda", "invoke", "--endpoint-url", server.URL, "--region", "us-east-1", "--output", "json",
		}, args...)...)
		cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_MAX_ATTEMPTS=1", "AWS_EC2_METADATA_DISABLED=true")
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		_ = cmd.Run() // what it prints tells
		return out.String(), errs.String()
	}

	out, errs := aws("--function-name", s.Functions()[0].ARN, "--log-type", "Tail", file)
	answer := decode[struct {
		StatusCode                 int
		ExecutedVersion, LogResult string
		FunctionError              string
	}](t, []byte(out))
	if answer.StatusCode != 200 || answer.ExecutedVersion != "$LATEST" || answer.FunctionError != "" || answer.LogResult == "" {
		t.Errorf("printed %s %s", out, errs)
	}
	payload, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := decode[seen](t, payload); got.ARN != s.Functions()[0].ARN {
		t.Errorf("wrote %s", payload)
	}
	if out, _ = aws("--function-name", "handler", "--invocation-type", "Event", file); !strings.Contains(out, "202") {
		t.Errorf("an event gives %s", out)
	}
	if _, errs = aws("--function-name", "nobody", file); !strings.Contains(errs, "(ResourceNotFoundException) when calling the Invoke operation: Function not found: arn:aws:lambda:us-east-1:123456789012:function:nobody") {
		t.Errorf("an unknown function gives %s", errs)
	}
	if !json.Valid(payload) {
		t.Errorf("not JSON: %s", payload)
	}
}
