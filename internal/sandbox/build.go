package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"clientkeeper/internal/sandbox/cloudformation"
)

func (s *Sandbox) binary(f cloudformation.Function) string {
	return filepath.Join(s.options.Dir, "bin", filepath.Base(f.Folder))
}

// buildFunctions builds the binaries that are deployed, for this machine.
func (s *Sandbox) buildFunctions(ctx context.Context) error {
	for _, f := range s.Stack.Functions {
		start := time.Now()
		s.options.Progress("building " + f.Folder)
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "lambda.norpc", "-o", s.binary(f), "./"+filepath.ToSlash(f.Folder))
		cmd.Dir = s.options.Source
		// The compilers are processes of their own, and end with the command.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		switch err := cmd.Run(); {
		case errors.Is(err, exec.ErrNotFound):
			return fmt.Errorf("building %s: %w; install Go, or put it on the PATH", f.Folder, err)
		case err != nil:
			return fmt.Errorf("building %s: %w\n%s", f.Folder, err, bytes.TrimSpace(out.Bytes()))
		}
		s.options.Progress(fmt.Sprintf("built %s in %.1f s", f.Folder, time.Since(start).Seconds()))
	}
	return nil
}
