package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"clientkeeper/internal/sandbox"
)

// A whole sandbox, as somebody runs it: it stays, serves the other commands, and
// is gone without a trace after Ctrl-C.
func TestTheSandboxAsPeopleRunIt(t *testing.T) {
	dir := t.TempDir()
	cmd := process(t, nil, "sandbox", "-port", "0", "-json", "-play=false", "-dir", dir, "-source", "../../..")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	if !untilReady(t, lines) {
		t.Fatalf("it is never ready: %s", stderr.String())
	}
	useTools(t, variables(t, filepath.Join(dir, "env")))

	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	said := 0
	for lines.Scan() {
		mustBeJSON(t, lines.Bytes())
		said++
	}
	if said < 2 { // about the registration, and that it stops
		t.Errorf("%d lines since it was ready", said)
	}
	if err := cmd.Wait(); err != nil || stderr.Len() > 0 {
		t.Errorf("Ctrl-C: %v, %s", err, stderr.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "env")); !os.IsNotExist(err) {
		t.Errorf("the environment file is left: %v", err)
	}
	if out, _ := exec.CommandContext(t.Context(), "ps", "-eo", "args").Output(); bytes.Contains(out, []byte(dir)) {
		t.Errorf("something is left running:\n%s", out)
	}
}

// untilReady reads lines until the sandbox says that it is ready.
func untilReady(t *testing.T, lines *bufio.Scanner) bool {
	t.Helper()
	for lines.Scan() {
		mustBeJSON(t, lines.Bytes())
		if lines.Text() == `{"progress":"ready"}` {
			return true
		}
	}
	return false
}

func mustBeJSON(t *testing.T, line []byte) {
	t.Helper()
	if !json.Valid(line) {
		t.Errorf("not a line of JSON: %s", line)
	}
}

// variables are those of an environment file, as a shell sees them.
func variables(t *testing.T, file string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "-c", `. "$1"; env`, "sh", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

func useTools(t *testing.T, env []string) {
	t.Helper()
	for _, test := range []struct{ args, in, want string }{
		{"preflight", "", "ok  scopes      The management client has read:clients, create:clients, update:clients, read:client_keys,"},
		{"preflight -scopes read:clients", "", "The management client has read:clients.\n"},
		{"preflight -json", "", `"name":"scopes"`},
		{"register -by test https://client.dev/oauth/metadata.json", "", "sent 1\n"},
		{"invoke -event ../../../events/register-client.url.json register-client", "", "{\"batchItemFailures\":null}\n"},
		{"invoke register-client", `{"Records":[]}`, "{\"batchItemFailures\":null}\n"},
	} {
		cmd := process(t, env, strings.Fields(test.args)...)
		var errOut strings.Builder
		cmd.Stdin, cmd.Stderr = strings.NewReader(test.in), &errOut
		out, err := cmd.Output()
		if err != nil || !strings.Contains(string(out), test.want) {
			t.Errorf("%s: %v, %s%s", test.args, err, out, errOut.String())
		}
	}
}

func TestADemoShowsATableAndEnds(t *testing.T) {
	cmd := process(t, nil, "sandbox", "-port", "0", "-once", "-dir", t.TempDir(), "-source", "../../..")
	out, err := cmd.CombinedOutput()
	text := string(out)
	if err != nil || !strings.Contains(text, "\neverything as expected\n") || strings.Contains(text, "Ctrl-C stops everything") {
		t.Errorf("%v:\n%s", err, text)
	}
	_, table, _ := strings.Cut(text, "MESSAGE ")
	for _, want := range []string{"OUTCOME", "CALLS", "MS", "url ", "bad-host ", "host_not_allowed", "https://vscode.dev/oauth/client-metadata.json"} {
		if !strings.Contains(table, want) {
			t.Errorf("the table does not show %q:\n%s", want, table)
		}
	}
}

func TestADemoThatIsStoppedHasNotSucceeded(t *testing.T) {
	cmd := process(t, nil, "sandbox", "-port", "0", "-once", "-dir", t.TempDir(), "-source", "../../..")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAtLeast(stdout, make([]byte, 1<<10), 1); err != nil { // it has begun
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, stdout)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 || !strings.Contains(stderr.String(), "stopped before") {
		t.Errorf("%v: %s, want a failure that says why", err, stderr.String())
	}
}

// What a function writes may be a panic, or part of a line.
func TestEveryLineOfJSONIsJSON(t *testing.T) {
	var out bytes.Buffer
	v := newView(&out, true)
	v.progress("going on")
	for _, text := range []string{`{"level":"INFO","message":"registration"}`, "panic: \"x\"", `{"half":`, "\x1b[31m\xff", "", "goroutine 1 [running]:"} {
		v.line([]byte(text))
	}
	n := 0
	for line := range strings.Lines(out.String()) {
		mustBeJSON(t, []byte(line))
		n++
	}
	if n != 7 || !strings.Contains(out.String(), `{"text":"goroutine 1 [running]:"}`) {
		t.Errorf("%d lines, want 7:\n%s", n, out.String())
	}
}

func TestAMessageIsShown(t *testing.T) {
	var out bytes.Buffer
	v := newView(&out, false)
	for _, text := range []string{
		`{"message_id":"m0","outcome":"created","client_id":"tpc_0"}`, // not shown: it was not played
		`{"level":"ERROR","message":"cannot start","err":"config: bad"}`,
		`fatal error: all goroutines are asleep`,
	} {
		v.line([]byte(text))
	}
	v.message(nil, sandbox.Line{Outcome: "created", ExternalClientID: "https://a.example.com/c", ClientID: "tpc_1", Warnings: []string{"w1", "w2"}})
	v.message(nil, sandbox.Line{Outcome: "returned", MessageID: "m1", Reason: "document_unreachable", RetryIn: "2s"})
	v.message(nil, sandbox.Line{Outcome: "rejected", MessageID: "m2", Reason: "message_not_json", Err: "the body is no JSON", RetryIn: "2s"})
	v.message(nil, sandbox.Line{Outcome: "rejected", MessageID: "m3", Reason: "document_invalid", Violations: []string{"v1"}})
	v.live = true
	v.line([]byte(`{"message_id":"m4","outcome":"updated","client_id":"tpc_4"}`))
	want := `cannot start: config: bad
fatal error: all goroutines are asleep
  created    https://a.example.com/c as tpc_1
             warning: w1
             warning: w2
  returned   message m1: document_unreachable, again in 2s
  rejected   message m2: message_not_json
             why: the body is no JSON
  rejected   message m3: document_invalid
             violation: v1
  updated    message m4 as tpc_4
`
	var got strings.Builder
	for line := range strings.Lines(out.String()) {
		_, said, _ := strings.Cut(line, "s ") // after the time
		got.WriteString(said)
	}
	if got.String() != want {
		t.Errorf("shown:\n%s\nwant:\n%s", got.String(), want)
	}
}

func TestAPathIsOneWordOfAShell(t *testing.T) {
	for _, path := range []string{".sandbox/env", "/tmp/my files/env", "it's/env", "$HOME/env", "a;b", "ü"} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+shellWord(path)).Output()
		if err != nil || string(out) != path {
			t.Errorf("%q as %s: %q, %v", path, shellWord(path), out, err)
		}
	}
	if got := shellWord(".sandbox/env"); got != ".sandbox/env" {
		t.Errorf("a plain path is quoted: %s", got)
	}
}

func TestTheSoaksCountsAreShown(t *testing.T) {
	var out bytes.Buffer
	showSoak(&out, sandbox.SoakReport{Messages: 20, Valid: 15, Invalid: 5, Lost: 1, Reasons: map[string]int{"host_not_allowed": 5}, Violations: []string{"a rule"}})
	for _, want := range []string{"soak of 20 messages", "  1  messages lost (0)", "  5  dead letters for host_not_allowed", "a rule"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not shown:\n%s", want, out.String())
		}
	}
	for name, bad := range map[string]sandbox.SoakReport{
		"not registered": {NotRegistered: 1}, "twice": {Twice: 1}, "no reason": {NoReason: 1}, "lost": {Lost: 1},
		"misled": {Misled: 1}, "leaked": {Leaks: 1}, "a violation": {Violations: []string{""}},
	} {
		if !bad.Bad() {
			t.Errorf("%s is not bad", name)
		}
	}
	if (sandbox.SoakReport{Messages: 1, Valid: 1, Registered: 1, Doubled: 3, Throttled: 9}).Bad() {
		t.Error("a good soak is bad")
	}
}
