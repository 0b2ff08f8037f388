package lambda_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"clientkeeper/internal/sandbox/lambda"
)

func TestInit(t *testing.T) {
	tests := map[string]struct {
		init      string
		limit     time.Duration // of the init; 0 for a generous one
		timeout   time.Duration // of the function; 0 for a generous one
		want      string        // of the payload, with ID for the request id; "" is success
		wantInits []lambda.Status
	}{
		"exits": {"exit", 0, 0,
			`{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: exit status 5"}`,
			[]lambda.Status{lambda.Failure, lambda.Failure}},
		"reports why": {"report", 0, 0, `{"errorType":"Config.Bad","errorMessage":"no queue"}`,
			[]lambda.Status{lambda.Errored, lambda.Errored}},
		"never ends": {"hang", 300 * time.Millisecond, 2 * time.Second,
			`{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after 2.00 seconds"}`,
			[]lambda.Status{lambda.Timeout, lambda.Timeout}},
		"second try works": {"exit at first", 0, 0, "", []lambda.Status{lambda.Failure, lambda.Success}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			checkGoroutines(t)
			s, j := start(t, lambda.Options{}, lambda.Function{
				Name: "handler", Timeout: tt.timeout, InitTimeout: tt.limit,
				Env: map[string]string{"INIT": tt.init, "MARK": filepath.Join(t.TempDir(), "mark")},
			})
			r := invoke(t, s, `{}`)
			if tt.want == "" {
				if r.FunctionError != "" {
					t.Errorf("failed: %s", r.Payload)
				}
			} else if want := strings.ReplaceAll(tt.want, ": ID", ": "+r.RequestID); string(r.Payload) != want || r.FunctionError != "Unhandled" {
				t.Errorf("got %q %s\nwant %s", r.FunctionError, r.Payload, want)
			}
			if got := j.reports(lambda.InitReport); !slices.Equal(got, tt.wantInits) {
				t.Errorf("inits %v, want %v", got, tt.wantInits)
			}
			if n := len(j.reports(lambda.Start)); n != 1 || n != len(j.reports(lambda.Report)) {
				t.Errorf("%d starts, %d reports", n, len(j.reports(lambda.Report)))
			}
		})
	}
}

func TestRuntimeAPIRefuses(t *testing.T) {
	s, _ := start(t, lambda.Options{}, lambda.Function{Name: "handler"})
	tests := map[string]struct{ path, want string }{
		"unknown response":      {"/2018-06-01/runtime/invocation/no-such-id/response", `"400 InvalidRequestID"`},
		"unknown error":         {"/2018-06-01/runtime/invocation/no-such-id/error", `"400 InvalidRequestID"`},
		"init error after init": {"/2018-06-01/runtime/init/error", `"403 InvalidStateTransition"`},
		"extension after init":  {"/2020-01-01/extension/register", `"403 Extension.RegistrationClosed"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if r := invoke(t, s, `{"do":"post","text":"`+tt.path+`"}`); string(r.Payload) != tt.want {
				t.Errorf("got %s, want %s", r.Payload, tt.want)
			}
		})
	}
}

// A process that ends between two invocations is noticed, and costs neither.
func TestDiesWhileIdle(t *testing.T) {
	var log lines
	s, _ := start(t, lambda.Options{Log: slog.New(slog.NewTextHandler(&log, nil))}, lambda.Function{Name: "handler"})
	for i := range 5 {
		pid := look(t, s, `{}`).PID
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if !eventually(func() bool { return log.count("ended while it was idle") == i+1 }) {
			t.Fatalf("nobody noticed the end of process %d", pid)
		}
		if next := look(t, s, `{}`); next.PID == pid || next.Invocations != 1 {
			t.Errorf("after %d came %+v", pid, next)
		}
	}
}

func TestIdleTimeout(t *testing.T) {
	checkGoroutines(t)
	s, _ := start(t, lambda.Options{IdleTimeout: 50 * time.Millisecond}, lambda.Function{Name: "handler"})
	if pid := look(t, s, `{}`).PID; !gone(pid) {
		t.Errorf("process %d is still there", pid)
	}
	look(t, s, `{}`)
}

func TestFreeze(t *testing.T) {
	checkGoroutines(t)
	s, _ := start(t, lambda.Options{Freeze: true}, lambda.Function{Name: "handler", Env: map[string]string{"INIT": "sigterm"}})
	first := look(t, s, `{}`)
	if runtime.GOOS == "linux" && !eventually(func() bool { return state(first.PID) == "T" }) {
		t.Errorf("process %d ran on while it was to be frozen", first.PID)
	}
	if second := look(t, s, `{}`); second.PID != first.PID || second.Invocations != 2 {
		t.Errorf("after %+v the next invocation saw %+v", first, second)
	}
	s.Close()
	if !gone(first.PID) {
		t.Errorf("process %d survived Close", first.PID)
	}
}

// state is the letter by which Linux tells how a process is doing.
func state(pid int) string {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // empty if it is gone
	_, rest, _ := strings.Cut(string(stat), ") ")
	letter, _, _ := strings.Cut(rest, " ")
	return letter
}

func TestSIGTERM(t *testing.T) {
	tests := map[string]struct {
		init         string
		want         bool // the callback runs
		least, below time.Duration
	}{
		"not registered":     {"", false, 0, 400 * time.Millisecond},
		"registered":         {"sigterm", true, 0, 400 * time.Millisecond},
		"registered, ignore": {"deaf to sigterm", true, 500 * time.Millisecond, time.Minute},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var took time.Duration
			var log string
			for range 20 { // a busy machine may use up what is meant for the function
				took, log = closed(t, tt.init)
				said := strings.Contains(log, "terminating") || strings.Contains(log, "not now")
				if took >= tt.least && took <= tt.below && said == tt.want {
					return
				}
			}
			t.Errorf("Close took %s; SIGTERM was to arrive: %v; log:\n%s", took, tt.want, log)
		})
	}
}

// closed invokes a function once and returns how long Close took, and the log.
func closed(t *testing.T, init string) (took time.Duration, log string) {
	t.Helper()
	s, j := start(t, lambda.Options{}, lambda.Function{Name: "handler", Env: map[string]string{"INIT": init}})
	pid := look(t, s, `{}`).PID
	began := time.Now()
	s.Close()
	took = time.Since(began)
	if !gone(pid) {
		t.Errorf("process %d survived Close", pid)
	}
	if strings.Contains(j.text(), "WARNING") {
		t.Errorf("the extension could not register:\n%s", j.text())
	}
	return took, j.text()
}

func TestCloseLeavesNothing(t *testing.T) {
	checkGoroutines(t)
	s, j := start(t, lambda.Options{}, lambda.Function{Name: "handler", Timeout: time.Minute})
	idle := look(t, s, `{"do":"child"}`)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			_, err := s.Invoke(t.Context(), lambda.Invocation{Function: "handler", Payload: []byte(`{"do":"sleep","ms":60000}`)})
			if !errors.Is(err, lambda.ErrClosed) {
				t.Errorf("an invocation under way got %v", err)
			}
		})
	}
	if !eventually(func() bool { return len(j.reports(lambda.Start)) == 4 }) {
		t.Fatal("not all started")
	}
	s.Close()
	wg.Wait()
	for _, pid := range []int{idle.PID, idle.Child} {
		if pid == 0 || !gone(pid) {
			t.Errorf("process %d survived Close", pid)
		}
	}
	if _, err := s.Invoke(t.Context(), lambda.Invocation{Function: "handler"}); !errors.Is(err, lambda.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := s.Register(lambda.Function{Name: "late", Binary: filepath.Join(binaries, "handler")}); !errors.Is(err, lambda.ErrClosed) {
		t.Errorf("Register after Close: %v", err)
	}
	s.Close() // twice is fine
}

// A crash takes the children of the process with it.
func TestCrashTakesChildren(t *testing.T) {
	s, _ := start(t, lambda.Options{}, lambda.Function{Name: "handler"})
	child := look(t, s, `{"do":"child"}`).Child
	if r := invoke(t, s, `{"do":"exit"}`); r.FunctionError == "" {
		t.Fatal("it did not exit")
	}
	if child == 0 || !gone(child) {
		t.Errorf("child %d survived", child)
	}
}

func TestKill(t *testing.T) {
	s, j := start(t, lambda.Options{}, lambda.Function{Name: "handler", Timeout: time.Minute})
	if s.Kill("handler") || s.Kill("nobody") {
		t.Error("killed what is not there")
	}
	look(t, s, `{}`)
	if s.Kill("handler") {
		t.Error("killed an idle environment")
	}
	go func() { // not before it has the event, or another environment gets it
		eventually(func() bool { return strings.Contains(j.text(), "asleep") && s.Kill("handler") })
	}()
	r := invoke(t, s, `{"do":"sleep","ms":60000,"text":"asleep"}`)
	want := `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ` + r.RequestID + ` Error: Runtime exited with error: signal: killed"}`
	if string(r.Payload) != want {
		t.Errorf("got %s\nwant %s", r.Payload, want)
	}
}

func TestCrash(t *testing.T) {
	tests := map[string]struct {
		crash   lambda.Crash
		payload string
		killed  bool
	}{
		"none":               {lambda.Crash{}, `{"text":"work done"}`, false},
		"at the answer":      {lambda.Crash{AtAnswer: true}, `{"text":"work done"}`, true},
		"at an error":        {lambda.Crash{AtAnswer: true}, `{"do":"error","text":"work done"}`, true},
		"in the middle":      {lambda.Crash{After: time.Second}, `{"do":"sleep","ms":60000}`, true},
		"after it has ended": {lambda.Crash{After: time.Minute}, `{"text":"work done"}`, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, j := start(t, lambda.Options{Crash: func(string) lambda.Crash { return tt.crash }},
				lambda.Function{Name: "handler", Timeout: time.Minute})
			r := invoke(t, s, tt.payload)
			if killed := strings.Contains(string(r.Payload), "signal: killed"); killed != tt.killed {
				t.Errorf("killed %v, want %v: %s", killed, tt.killed, r.Payload)
			}
			if strings.Contains(tt.payload, "work done") && !strings.Contains(j.text(), "work done") {
				t.Error("the work was not done")
			}
		})
	}
}

func TestCrashRate(t *testing.T) {
	draw := lambda.CrashRate(0.5, time.Second)
	var during, atAnswer, none int
	for range 4000 {
		switch c := draw("f"); {
		case c.AtAnswer:
			atAnswer++
		case c.After > time.Second || c.After < 0:
			t.Fatalf("a crash after %s", c.After)
		case c.After > 0:
			during++
		default:
			none++
		}
	}
	if during < 800 || atAnswer < 800 || none < 1600 {
		t.Errorf("of 4000 at a rate of 0.5: %d during, %d at the answer, %d not", during, atAnswer, none)
	}
	if c := lambda.CrashRate(0, time.Second)("f"); c != (lambda.Crash{}) {
		t.Errorf("at a rate of 0: %+v", c)
	}
}
