package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
		cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", f.Folder, err, out.Bytes())
		}
		s.options.Progress(fmt.Sprintf("built %s in %.1f s", f.Folder, time.Since(start).Seconds()))
	}
	return nil
}

// removeEnv takes the environment file away when what it points to is gone.
func (s *Sandbox) removeEnv() error {
	if err := os.Remove(s.EnvFile); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}
