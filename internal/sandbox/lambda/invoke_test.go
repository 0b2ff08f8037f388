package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clientkeeper/internal/sandbox/lambda"
)

func TestOutcomes(t *testing.T) {
	s, j := start(t, lambda.Options{}, lambda.Function{Name: "handler"})
	before := look(t, s, `{}`).PID

	tests := map[string]struct {
		payload   string
		wantError string // "Unhandled" or none
		want      string // of the payload, with ID for the request id
		replaced  bool
	}{
		"nothing is null":       {`{"do":"nil"}`, "", `null`, false},
		"error":                 {`{"do":"error"}`, "Unhandled", `{"errorMessage":"x","errorType":"errorString"}`, false},
		"own error type":        {`{"do":"my error"}`, "Unhandled", `{"errorMessage":"mine","errorType":"MyErr"}`, false},
		"wrapped error":         {`{"do":"wrapped error"}`, "Unhandled", `{"errorMessage":"outer: mine","errorType":"wrapError"}`, false},
		"exit":                  {`{"do":"exit"}`, "Unhandled", `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: exit status 3"}`, true},
		"exit without error":    {`{"do":"exit quietly"}`, "Unhandled", `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited without providing a reason"}`, true},
		"answer too large":      {`{"do":"big","size":6291555}`, "Unhandled", `{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}`, true},
		"event is not its type": {`[1]`, "Unhandled", `{"errorMessage":"json: cannot unmarshal array into Go value of type main.event","errorType":"UnmarshalTypeError"}`, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := invoke(t, s, tt.payload)
			want := strings.ReplaceAll(tt.want, "ID", r.RequestID)
			want = strings.ReplaceAll(want, "Request"+r.RequestID, "RequestId")
			if string(r.Payload) != want || r.FunctionError != tt.wantError || r.ExecutedVersion != "$LATEST" {
				t.Errorf("got %q %s (version %s)\nwant %q %s", r.FunctionError, r.Payload, r.ExecutedVersion, tt.wantError, want)
			}
			after := look(t, s, `{}`).PID
			if (after != before) != tt.replaced {
				t.Errorf("process %d, then %d: replaced %v, want %v", before, after, after != before, tt.replaced)
			}
			before = after
		})
	}

	t.Run("largest answer", func(t *testing.T) {
		if r := invoke(t, s, `{"do":"big","size":6291554}`); r.FunctionError != "" || len(r.Payload) != 6_291_556 {
			t.Errorf("got %q, %d bytes", r.FunctionError, len(r.Payload))
		}
	})
	t.Run("panic", func(t *testing.T) {
		r := invoke(t, s, `{"do":"panic"}`)
		report := decode[struct {
			ErrorMessage, ErrorType string
			StackTrace              []any
		}](t, r.Payload)
		if r.FunctionError != "Unhandled" || report.ErrorMessage != "x" || report.ErrorType != "string" || len(report.StackTrace) == 0 {
			t.Errorf("got %q %s", r.FunctionError, r.Payload)
		}
		if after := look(t, s, `{}`); after.PID == before || after.Invocations != 1 {
			t.Errorf("the process that panicked lives on: %+v", after)
		}
	})
	starts, reports := j.reports(lambda.Start), j.reports(lambda.Report)
	if len(starts) != len(reports) {
		t.Errorf("%d starts, %d reports", len(starts), len(reports))
	}
	for _, status := range []lambda.Status{lambda.Success, lambda.Errored, lambda.Failure} {
		if !slices.Contains(reports, status) {
			t.Errorf("no report with status %s", status)
		}
	}
}

func TestOutOfTime(t *testing.T) {
	s, j := start(t, lambda.Options{}, lambda.Function{Name: "handler", Timeout: 2 * time.Second})
	for range 2 { // each in a process of its own
		r := invoke(t, s, `{"do":"sleep","ms":60000}`)
		want := `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ` + r.RequestID + ` Error: Task timed out after 2.00 seconds"}`
		if string(r.Payload) != want || r.FunctionError != "Unhandled" || r.ExecutedVersion != "$LATEST" {
			t.Errorf("got %q %s (version %s)\nwant %s", r.FunctionError, r.Payload, r.ExecutedVersion, want)
		}
	}
	if got := j.reports(lambda.Report); !slices.Equal(got, []lambda.Status{lambda.Timeout, lambda.Timeout}) {
		t.Errorf("reports %v", got)
	}
	if n := len(j.reports(lambda.InitReport)); n != 2 {
		t.Errorf("%d inits: the process was to be replaced", n)
	}
}

func TestWhatTheFunctionSees(t *testing.T) {
	t.Setenv("HOST_SECRET", "must not be seen")
	s, _ := start(t, lambda.Options{Region: "eu-central-1"}, lambda.Function{
		Name: "handler", Timeout: 10 * time.Minute, MemoryMB: 256, Env: map[string]string{"QUEUE": "q", "TZ": "UTC"},
	})
	in := lambda.Invocation{
		Function: "handler", TraceID: "Root=1-a", TenantID: "tenant-1", ClientContext: `{"custom":{"k":"v"}}`,
	}
	r, err := s.Invoke(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	got := decode[seen](t, r.Payload)
	if got.RequestID != r.RequestID || got.ARN != "arn:aws:lambda:eu-central-1:123456789012:function:handler" ||
		got.TenantID != "tenant-1" || got.TraceID != "Root=1-a" || got.ClientContext["k"] != "v" {
		t.Errorf("the function saw %+v", got)
	}
	if got.RemainingMS < 540_000 || got.RemainingMS > 600_000 {
		t.Errorf("%d ms left of 10 min", got.RemainingMS)
	}
	var names []string
	for _, variable := range got.Env {
		name, _, _ := strings.Cut(variable, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{
		"AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME",
		"AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME",
		"AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY",
		"AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "LANG", "QUEUE", "TZ", "_HANDLER", "_X_AMZN_TRACE_ID",
	}
	if !slices.Equal(names, want) {
		t.Errorf("variables %v\nwant %v", names, want)
	}
	for _, variable := range []string{"QUEUE=q", "TZ=UTC", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "AWS_REGION=eu-central-1"} {
		if !slices.Contains(got.Env, variable) {
			t.Errorf("no %s", variable)
		}
	}
	if trace := look(t, s, `{}`).TraceID; !regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$`).MatchString(trace) {
		t.Errorf("made the trace id %q", trace)
	}
}

func TestEnvironmentsAreReused(t *testing.T) {
	g := newGate(t)
	s, j := start(t, lambda.Options{}, lambda.Function{Name: "handler", Timeout: time.Minute})
	var wg sync.WaitGroup
	pids := make([]int, 3)
	for i := range pids {
		wg.Go(func() {
			r, err := s.Invoke(t.Context(), lambda.Invocation{Function: "handler", Payload: []byte(g.event())})
			if err != nil || r.FunctionError != "" {
				t.Errorf("Invoke: %v %s", err, r.Payload)
				return
			}
			pids[i] = decode[seen](t, r.Payload).PID
		})
	}
	if !eventually(func() bool { return len(j.reports(lambda.Start)) == 3 }) {
		t.Error("not all started")
	}
	g.open(t)
	wg.Wait()
	slices.Sort(pids)
	if len(slices.Compact(pids)) != 3 {
		t.Errorf("three at once ran in processes %v", pids)
	}
	last := look(t, s, `{}`)
	for range 5 {
		next := look(t, s, `{}`)
		if next.PID != last.PID || next.Invocations != last.Invocations+1 {
			t.Errorf("one after the other went from %d (%d) to %d (%d)", last.PID, last.Invocations, next.PID, next.Invocations)
		}
		last = next
	}
	if n := len(j.reports(lambda.InitReport)); n != 3 {
		t.Errorf("%d inits, want 3", n)
	}
}

func TestConcurrencyLimit(t *testing.T) {
	g := newGate(t)
	s, j := start(t, lambda.Options{}, lambda.Function{Name: "handler", Timeout: time.Minute, MaxConcurrency: 1})
	done := make(chan lambda.Result, 1)
	go func() {
		r, _ := s.Invoke(context.Background(), lambda.Invocation{Function: "handler", Payload: []byte(g.event())})
		done <- r
	}()
	if !eventually(func() bool { return len(j.reports(lambda.Start)) == 1 }) {
		t.Fatal("the first invocation did not start")
	}
	_, err := s.Invoke(t.Context(), lambda.Invocation{Function: "handler"})
	throttle, ok := errors.AsType[*lambda.APIError](err)
	if !ok || throttle.Code != "TooManyRequestsException" || throttle.Status != 429 {
		t.Errorf("the second got %v, want a throttle", err)
	}
	g.open(t)
	if r := <-done; r.FunctionError != "" {
		t.Errorf("the first failed: %s", r.Payload)
	}
	for range 20 { // whoever has an answer finds the place free
		look(t, s, `{}`)
	}
}

func TestCallerHangsUp(t *testing.T) {
	g := newGate(t)
	s, j := start(t, lambda.Options{}, lambda.Function{Name: "handler", Timeout: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		eventually(func() bool { return len(j.reports(lambda.Start)) == 1 })
		cancel()
	}()
	_, err := s.Invoke(ctx, lambda.Invocation{Function: "handler", Payload: []byte(g.event())})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	g.open(t)
	ran := func() bool { return slices.Equal(j.reports(lambda.Report), []lambda.Status{lambda.Success}) }
	if !eventually(ran) {
		t.Errorf("the function did not run on: %v", j.reports(lambda.Report))
	}
}

func TestRefusals(t *testing.T) {
	s, _ := start(t, lambda.Options{}, lambda.Function{Name: "handler"})
	arn := s.Functions()[0].ARN
	big := `"` + strings.Repeat("x", 6_291_455) + `"`
	tests := map[string]struct {
		in   lambda.Invocation
		want string
	}{
		"unknown name":        {lambda.Invocation{Function: "nobody"}, "ResourceNotFoundException"},
		"unknown version":     {lambda.Invocation{Function: "handler:7"}, "ResourceNotFoundException"},
		"other region":        {lambda.Invocation{Function: strings.Replace(arn, "us-east-1", "eu-west-1", 1)}, "ResourceNotFoundException"},
		"not JSON":            {lambda.Invocation{Function: "handler", Payload: []byte("{")}, "InvalidRequestContentException"},
		"context is not JSON": {lambda.Invocation{Function: "handler", ClientContext: "{"}, "InvalidRequestContentException"},
		"too large":           {lambda.Invocation{Function: "handler", Payload: []byte(big)}, "RequestTooLargeException"},
		"too large for async": {lambda.Invocation{Function: "handler", Async: true, Payload: []byte(big[:1<<20] + `"`)}, "RequestTooLargeException"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := s.Invoke(t.Context(), tt.in)
			if e, ok := errors.AsType[*lambda.APIError](err); !ok || e.Code != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	for _, name := range []string{"handler", "handler:$LATEST", arn, arn + ":$LATEST", "123456789012:function:handler"} {
		if _, err := s.Invoke(t.Context(), lambda.Invocation{Function: name, Payload: []byte(`{"do":"nil"}`)}); err != nil {
			t.Errorf("Invoke(%s): %v", name, err)
		}
	}
}

func TestRegisterRefuses(t *testing.T) {
	binary := filepath.Join(binaries, "handler")
	tests := map[string]struct {
		f    lambda.Function
		want string
	}{
		"no name":           {lambda.Function{Binary: binary}, "no name"},
		"no binary":         {lambda.Function{Name: "f", Binary: binary + "x"}, "no such file"},
		"not executable":    {lambda.Function{Name: "f", Binary: "main_test.go"}, "not an executable"},
		"a folder":          {lambda.Function{Name: "f", Binary: binaries}, "not an executable"},
		"reserved variable": {lambda.Function{Name: "f", Binary: binary, Env: map[string]string{"AWS_REGION": "hidden"}}, "AWS_REGION is reserved"},
		"bad variable":      {lambda.Function{Name: "f", Binary: binary, Env: map[string]string{"1A": "hidden"}}, `"1A"`},
		"4 KB of variables": {lambda.Function{Name: "f", Binary: binary, Env: map[string]string{"BIG": strings.Repeat("hidden", 700)}}, "4203 bytes"},
		"too patient":       {lambda.Function{Name: "f", Binary: binary, Timeout: time.Hour}, "15 minutes"},
		"negative limit":    {lambda.Function{Name: "f", Binary: binary, MaxConcurrency: -1}, "negative"},
		"taken":             {lambda.Function{Name: "handler", Binary: binary}, "already exists"},
	}
	s, _ := start(t, lambda.Options{}, lambda.Function{Name: "handler"})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := s.Register(tt.f)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
			if strings.Contains(fmt.Sprint(err), "hidden") {
				t.Errorf("the error shows a value: %v", err)
			}
		})
	}
}

func TestLogTail(t *testing.T) {
	s, j := start(t, lambda.Options{}, lambda.Function{Name: "handler"})
	first := invoke(t, s, `{"text":"hello"}`)
	for i, want := range []string{
		"init begins", "START RequestId: " + first.RequestID + " Version: $LATEST", "hello",
		"END RequestId: " + first.RequestID, "REPORT RequestId: " + first.RequestID + "\tDuration: ",
	} {
		if lines := strings.Split(first.LogTail, "\n"); i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Errorf("line %d of the log is not %q:\n%s", i, want, first.LogTail)
		}
	}
	if !strings.Contains(first.LogTail, "Memory Size: 128 MB\tMax Memory Used: ") || !strings.Contains(first.LogTail, "Init Duration: ") {
		t.Errorf("the report lacks something:\n%s", first.LogTail)
	}
	second := invoke(t, s, `{"text":"again"}`)
	if strings.Contains(second.LogTail, "hello") || !strings.Contains(second.LogTail, "\nagain\n") || strings.Contains(second.LogTail, "Init Duration") {
		t.Errorf("the second log is\n%s", second.LogTail)
	}
	text, _ := json.Marshal(strings.Repeat("y", 100_000))
	if long := invoke(t, s, `{"text":`+string(text)+`}`); len(long.LogTail) != 4096 || !strings.Contains(long.LogTail, "yyy\nEND") {
		t.Errorf("a long log gives %d bytes", len(long.LogTail))
	}
	if n := strings.Count(j.text(), "y"); n != 100_000+strings.Count("again", "y") {
		t.Errorf("%d of 100000 bytes of a long line reached the sink", n)
	}
}
