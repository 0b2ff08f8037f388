package lambda_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"clientkeeper/internal/sandbox/lambda"
)

// A sandbox that is killed without notice takes its functions with it, even
// one that is in the middle of an event.
func TestParentIsKilled(t *testing.T) {
	if binary := os.Getenv(orphanVariable); binary != "" {
		playSandbox(binary)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestParentIsKilled$")
	cmd.Env = append(os.Environ(), orphanVariable+"="+filepath.Join(binaries, "handler"))
	out, _ := cmd.Output() // it ends by a signal
	_, rest, _ := strings.Cut(string(out), "pid ")
	pid, err := strconv.Atoi(strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0]))
	if err != nil {
		t.Fatalf("no process in %q", out)
	}
	if !gone(pid) {
		t.Errorf("process %d survived its parent", pid)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// playSandbox starts a function that is busy for long, tells its pid, and dies.
func playSandbox(binary string) {
	started := make(chan struct{})
	s := lambda.New(lambda.Options{Line: func(_, _ string, line []byte) {
		if string(line) == "busy" {
			close(started)
		}
	}})
	if err := s.Register(lambda.Function{Name: "handler", Binary: binary, Timeout: patience, InitTimeout: patience}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	r, err := s.Invoke(context.Background(), lambda.Invocation{Function: "handler"})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	_, rest, _ := strings.Cut(string(r.Payload), `"pid":`)
	pid, _, _ := strings.Cut(rest, ",")
	fmt.Println("pid", pid)
	go func() {
		_, _ = s.Invoke(context.Background(), lambda.Invocation{Function: "handler", Payload: []byte(`{"do":"sleep","ms":60000,"text":"busy"}`)})
	}()
	<-started
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
}
