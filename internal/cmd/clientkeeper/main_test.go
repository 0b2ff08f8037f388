package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"clientkeeper/internal/registration"
)

// asCommand makes the test binary be the command, so that tests can see how it
// exits and what signals do to it.
const asCommand = "CLIENTKEEPER_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// process is the command as a process of its own, with more variables.
func process(t *testing.T, variables []string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Env = append(append(os.Environ(), asCommand+"=1"), variables...)
	return cmd
}

// ran is what a command said and how it ended.
type ran struct {
	out, errOut string
	err         error
}

// dispatched runs a command in this process, with an environment of its own.
func dispatched(t *testing.T, env map[string]string, in string, args ...string) ran {
	t.Helper()
	var out, errOut bytes.Buffer
	err := dispatch(t.Context(), &invocation{args: args, in: strings.NewReader(in), out: &out, errOut: &errOut,
		getenv: func(name string) string { return env[name] }})
	return ran{out.String(), errOut.String(), err}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"-h"}, {"-help"}, {"--help"}} {
		r := dispatched(t, nil, "", args...)
		if r.err != nil || r.errOut != "" {
			t.Errorf("%v: %v, and %q on standard error", args, r.err, r.errOut)
		}
		for _, c := range commands {
			if !strings.Contains(r.out, "  "+c.name+" ") || !strings.Contains(r.out, c.about) {
				t.Errorf("%v does not tell of %s", args, c.name)
			}
		}
	}
	for _, c := range commands {
		for _, flag := range []string{"-h", "--help"} {
			r := dispatched(t, nil, "", c.name, flag)
			if r.err != nil || r.out != "" || !strings.HasPrefix(r.errOut, "usage: clientkeeper "+c.name) {
				t.Errorf("%s %s: %v, %q, %q", c.name, flag, r.err, r.out, r.errOut)
			}
		}
	}
}

func TestMisuseIsExplained(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"", "usage: clientkeeper <command>"},
		{"regsiter", `there is no command "regsiter"`},
		{"sandbox -port 4566", "-port takes 0"},
		{"sandbox -port", "flag needs an argument"},
		{"sandbox -nonsense", "-nonsense"},
		{"sandbox once", `sandbox takes no "once"`},
		{"sandbox /tmp -once", `sandbox takes no "/tmp"`},
		{"soak -messages 0", "-messages takes 1 or more"},
		{"soak -messages -3", "-messages takes 1 or more"},
		{"soak 100", `soak takes no "100"`},
		{"surge -secrets 0", "-secrets takes 1 or more, and -registrations 0 or more"},
		{"surge 100", `surge takes no "100"`},
		{"consumer -secrets 10 -rotations 25", "-rotations takes a multiple of -secrets, and both 1 or more"},
		{"register", "register needs more than that"},
		{"register https://a.example.com/c -nonsense", "-nonsense"},
		{"register -label a https://a.example.com/c", "a label is name=value"},
		{"invoke", "register-client"},
		{"invoke nobody", "register-client"},
		{"invoke register-client again", `invoke takes no "again"`},
		{"preflight now", `preflight takes no "now"`},
		{"schema 2", `schema takes no "2"`},
		{"version -json", "-json"},
	} {
		r := dispatched(t, nil, "", strings.Fields(test.args)...)
		if !errors.Is(r.err, errUsage) || r.out != "" || !strings.Contains(r.errOut, test.want) || !strings.Contains(r.errOut, "usage: ") {
			t.Errorf("%q: %v, %q; want usage with %q", test.args, r.err, r.errOut, test.want)
		}
	}
}

func TestExitStatus(t *testing.T) {
	for _, test := range []struct {
		args string
		want int
	}{{"version", 0}, {"schema", 0}, {"sandbox -h", 0}, {"", 2}, {"nobody", 2}, {"sandbox -port 7", 2}, {"sandbox -port 0 -source /nowhere -dir " + t.TempDir(), 1}} {
		cmd := process(t, nil, strings.Fields(test.args)...)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != test.want {
			t.Errorf("%q exits with %d, want %d: %s", test.args, got, test.want, out)
		}
	}
}

func TestSchemaAndVersion(t *testing.T) {
	if r := dispatched(t, nil, "", "schema"); r.err != nil || r.out != string(registration.Schema) {
		t.Errorf("schema: %v, %d bytes", r.err, len(r.out))
	}
	if r := dispatched(t, nil, "", "version"); r.err != nil || r.out != "dev\n" {
		t.Errorf("version: %v, %q", r.err, r.out)
	}
}

func TestWhatGoRunStarts(t *testing.T) {
	hash := strings.Repeat("0a", 32)
	for path, want := range map[string]bool{
		"/tmp/go-build2168587530/b001/exe/clientkeeper":        true,
		"/root/.cache/go-build/eb/" + hash + "-d/clientkeeper": true,
		"/elsewhere/" + hash + "-d/clientkeeper":               true,
		"/usr/local/bin/clientkeeper":                          false,
		"/home/me/go-builder/clientkeeper":                     false,
		"/home/me/go-build/clientkeeper":                       false,
	} {
		if startedByGoRun(path) != want {
			t.Errorf("%s: %v, want %v", path, !want, want)
		}
	}
}

func TestAnOrphanStops(t *testing.T) {
	parent := make(chan int, 1)
	parent <- 7
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ask := func() int {
		id := <-parent
		parent <- id
		return id
	}
	watched := untilOrphaned(ctx, ask)
	if watched.Err() != nil {
		t.Fatal("it stops although its parent lives")
	}
	<-parent
	parent <- 1
	select {
	case <-watched.Done():
	case <-time.After(time.Minute):
		t.Error("it lives on without its parent")
	}
}
