package lambda_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"clientkeeper/internal/sandbox/lambda"
)

// binaries is the folder with the functions of testdata.
var binaries string

// orphanVariable makes the test binary play a sandbox that is killed: it is the
// path of the function.
const orphanVariable = "LAMBDA_TEST_ORPHAN"

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv(orphanVariable) != "" {
		return m.Run() // it will be killed, and could not clean up
	}
	dir, err := os.MkdirTemp("", "lambda-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binaries = dir
	for _, name := range []string{"handler", "consumer"} {
		build := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", filepath.Join(dir, name), "./testdata/"+name)
		build.Stdout, build.Stderr = os.Stderr, os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "cannot build", name, err)
			return 1
		}
	}
	return m.Run()
}

// journal keeps what a service says.
type journal struct {
	mu     sync.Mutex
	lines  []string
	events []lambda.Event
}

func (j *journal) line(_, _ string, line []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, string(line))
}

func (j *journal) event(e lambda.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, e)
}

func (j *journal) text() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.lines, "\n")
}

// reports returns the statuses of all events of a type, in order.
func (j *journal) reports(kind lambda.EventType) []lambda.Status {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []lambda.Status
	for _, e := range j.events {
		if e.Type == kind {
			all = append(all, e.Status)
		}
	}
	return all
}

// patience is the time that functions and their starts get here unless a test
// is about their limits: Lambda's own 3 s are little on a busy machine. It is
// not more than the 30 s for which a queue hides messages.
const patience = 30 * time.Second

// start returns a service with one function, named handler or consumer after
// its binary, that is closed at the end of the test.
func start(t *testing.T, o lambda.Options, f lambda.Function) (*lambda.Service, *journal) {
	t.Helper()
	j := &journal{}
	if o.Line == nil {
		o.Line = j.line
	}
	o.Platform = j.event
	s := lambda.New(o)
	t.Cleanup(s.Close)
	f.Binary = filepath.Join(binaries, f.Name)
	f.Timeout, f.InitTimeout = cmp.Or(f.Timeout, patience), cmp.Or(f.InitTimeout, patience)
	if err := s.Register(f); err != nil {
		t.Fatal(err)
	}
	return s, j
}

// seen is what the handler answers when it is asked for nothing special.
type seen struct {
	PID           int               `json:"pid"`
	Invocations   int               `json:"invocations"`
	RequestID     string            `json:"request_id"`
	ARN           string            `json:"arn"`
	TenantID      string            `json:"tenant_id"`
	TraceID       string            `json:"trace_id"`
	ClientContext map[string]string `json:"client_context"`
	RemainingMS   int64             `json:"remaining_ms"`
	Env           []string          `json:"env"`
	Child         int               `json:"child"`
}

func invoke(t *testing.T, s *lambda.Service, payload string) lambda.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := s.Invoke(ctx, lambda.Invocation{Function: "handler", Payload: []byte(payload)})
	if err != nil {
		t.Fatalf("Invoke(%s): %v", payload, err)
	}
	return r
}

// look invokes the handler and returns what it saw.
func look(t *testing.T, s *lambda.Service, payload string) seen {
	t.Helper()
	r := invoke(t, s, payload)
	if r.FunctionError != "" {
		t.Fatalf("Invoke(%s) failed: %s", payload, r.Payload)
	}
	return decode[seen](t, r.Payload)
}

func decode[T any](t *testing.T, b []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v in %.200q", err, b)
	}
	return v
}

// gone reports whether a process has ended, waiting a moment for the kernel.
func gone(pid int) bool {
	return eventually(func() bool {
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && bytes.Contains(stat, []byte(") Z ")) {
			return true // dead, and waiting for a parent that is not us
		}
		return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
	})
}

// eventually waits up to a minute for a condition.
func eventually(condition func() bool) bool {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if condition() {
			return true
		}
	}
	return condition()
}

// gate holds functions up that were told to await it, until it is opened.
type gate string

func newGate(t *testing.T) gate { return gate(filepath.Join(t.TempDir(), "open")) }

// event makes the handler wait.
func (g gate) event() string { return `{"do":"await","text":"` + string(g) + `"}` }

func (g gate) open(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(string(g), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// checkGoroutines fails the test if it ends with more goroutines than it began
// with. Call it first: cleanups run last in, first out.
func checkGoroutines(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		if !eventually(func() bool { return runtime.NumGoroutine() <= before }) {
			stacks := make([]byte, 1<<20)
			t.Errorf("%d goroutines, %d at the beginning\n%s", runtime.NumGoroutine(), before,
				stacks[:runtime.Stack(stacks, true)])
		}
	})
}

// lines is a log that can be searched while it grows.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), s)
}
