package sandbox

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// takeFolder keeps other sandboxes out of the folder, for the one that stops
// first would take the other's environment file away. The lock ends with this
// process, however it ends.
func (s *Sandbox) takeFolder(context.Context) error {
	file, err := os.OpenFile(filepath.Join(s.options.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("the sandbox's folder cannot be written to: %w; name another with -dir", err)
	}
	s.onClose(file.Close)
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("another sandbox runs in %s (%w); stop it, or give this one a folder of its own with -dir", s.options.Dir, err)
	}
	s.EnvFile = filepath.Join(s.options.Dir, "env")
	return s.removeEnv() // of one that was killed
}

// writeAtomically lets a reader find either no file, the old or the new one.
func writeAtomically(file string, text []byte) error {
	temporary := file + ".new"
	if err := os.WriteFile(temporary, text, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, file)
}
