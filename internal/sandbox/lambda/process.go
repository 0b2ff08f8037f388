package lambda

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// terminationGrace is what a function that registered an internal extension
// gets between SIGTERM and SIGKILL. Source: AWS, "Lambda execution environment
// lifecycle", shutdown phase.
const terminationGrace = 500 * time.Millisecond

// process is one running binary and what it writes. It leads a process group
// of its own, so that no child of it survives it.
type process struct {
	pid    int
	exited chan struct{} // closed when the process is gone and its group killed
	how    string        // such as "exit status 3"; readable once exited

	streams [2]*stream
	closing sync.Once
}

// startProcess runs the binary in its own folder with exactly env.
func startProcess(binary string, env []string, line func(stream string, line []byte)) (*process, error) {
	p := &process{exited: make(chan struct{})}
	for i, name := range []string{"stdout", "stderr"} {
		s, err := newStream(func(b []byte) { line(name, b) })
		if err != nil {
			p.closeStreams()
			return nil, err
		}
		p.streams[i] = s
	}
	cmd := &exec.Cmd{
		Path: binary, Args: []string{binary}, Dir: filepath.Dir(binary), Env: env,
		Stdout: p.streams[0].w, Stderr: p.streams[1].w,
		SysProcAttr: processGroup(),
	}
	started := make(chan error)
	go p.watch(cmd, started)
	if err := <-started; err != nil {
		p.closeStreams()
		return nil, err
	}
	return p, nil
}

// watch starts the process and waits for its end. It keeps its thread, because
// Linux takes the end of the thread for the end of the parent when it decides
// about the parent-death signal.
func (p *process) watch(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	if err == nil {
		p.pid = cmd.Process.Pid
	}
	started <- err
	if err != nil {
		return
	}
	p.how = describe(cmd.Wait())
	_ = syscall.Kill(-p.pid, syscall.SIGKILL) // the children it left
	close(p.exited)
}

func describe(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

func (p *process) alive() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// signal sends sig to the whole group. It does nothing once the process has
// been seen to end, because its number may then be somebody else's.
func (p *process) signal(sig syscall.Signal) {
	if p.alive() {
		_ = syscall.Kill(-p.pid, sig)
	}
}

// stop ends the process and returns when it is gone. A frozen process has to
// be woken to hear of SIGTERM.
func (p *process) stop(grace time.Duration) {
	if grace > 0 {
		p.signal(syscall.SIGTERM)
		p.signal(syscall.SIGCONT)
		select {
		case <-p.exited:
		case <-time.After(grace):
		}
	}
	p.signal(syscall.SIGKILL)
	<-p.exited
}

// drain returns when all that was written so far has been passed on.
func (p *process) drain() {
	for _, s := range p.streams {
		s.drain()
	}
}

// closeStreams passes on the rest and lets go of the pipes.
func (p *process) closeStreams() {
	p.closing.Do(func() {
		for _, s := range p.streams {
			if s != nil {
				s.close()
			}
		}
	})
}
