package lambda

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// processGroup makes a process lead a group of its own, and die with us even
// if we are killed without notice.
func processGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// peakMemoryMB is the most memory the process had so far, rounded up, or zero
// if that is not known.
func peakMemoryMB(pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	line, _, _ := strings.Cut(rest, "\n")
	kb, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(line, "kB")))
	return (kb + 1023) / 1024
}
