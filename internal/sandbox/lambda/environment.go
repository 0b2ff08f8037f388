package lambda

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// environment is one process and the Runtime API it talks to. At most one
// invocation owns it at a time.
type environment struct {
	function Function
	options  Options
	id       string // the log stream
	server   *http.Server
	process  *process
	gone     chan struct{} // closed when process, pipes and server are gone
	started  time.Time

	events chan *attempt // handed to the request for the next event
	ready  chan struct{} // one for each request for the next event

	mu         sync.Mutex
	current    *attempt
	tail       tail
	initError  []byte        // what the runtime reported
	initFailed chan struct{} // closed with it
	initDone   bool          // after the first request for an event
	extension  string        // identifier of the one that registered, or ""
	reap       *time.Timer   // ends it when it is idle for long; the pool's
}

func startEnvironment(f Function, o Options) (*environment, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e := &environment{
		function: f, options: o,
		id:         fmt.Sprintf("%s/[%s]%x", time.Now().UTC().Format("2006/01/02"), Version, randomBytes(16)),
		gone:       make(chan struct{}),
		started:    time.Now(),
		events:     make(chan *attempt),
		ready:      make(chan struct{}),
		initFailed: make(chan struct{}),
	}
	e.server = &http.Server{Handler: e.runtimeAPI(), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = e.server.Serve(listener) // ends with Close
	}()
	e.process, err = startProcess(f.Binary, f.environ(o, listener.Addr().String(), e.id), e.line)
	if err != nil {
		e.server.Close()
		<-served
		return nil, err
	}
	go func() {
		<-e.process.exited
		e.process.closeStreams()
		e.server.Close()
		<-served
		close(e.gone)
	}()
	return e, nil
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}

// line passes on what the process wrote. Text that comes while an invocation
// is under way belongs to it, and what the init wrote to the first.
func (e *environment) line(stream string, text []byte) {
	e.mu.Lock()
	e.tail.add(string(text))
	e.mu.Unlock()
	e.options.Line(e.function.Name, stream, text)
}

// waitInit returns when the runtime has asked for its first event, or how its
// start failed. The limit passing is a [Timeout].
func (e *environment) waitInit(limit time.Duration) (Status, bool) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-e.ready:
		e.process.drain() // what the init wrote stands before START
		e.freeze()
		return Success, true
	case <-e.initFailed:
		return Errored, false
	case <-e.process.exited:
		return Failure, false
	case <-timer.C:
		return Timeout, false
	}
}

// invoke hands the event to the process and waits until it asks for the next
// one, ends, or runs out of time; then the attempt has its outcome. If the
// process was gone before it got the event it reports false, and there is none.
func (e *environment) invoke(a *attempt) bool {
	if !e.process.alive() {
		return false
	}
	e.begin(a)
	timer := time.NewTimer(time.Until(a.deadline))
	defer timer.Stop()
	ending := Timeout
	e.process.signal(syscall.SIGCONT)
	select {
	case <-e.process.exited:
		return false
	case e.events <- a:
		defer e.scheduleCrash(a.crash)()
		select {
		case <-e.ready:
			ending = Success
		case <-e.process.exited:
			ending = Failure
		case <-timer.C:
		}
	case <-timer.C: // it holds the connection but does not read
	}
	if ending == Timeout {
		e.process.stop(0)
	}
	e.process.drain()
	e.end(a, ending)
	e.freeze()
	return true
}

func (e *environment) begin(a *attempt) {
	if a.deadline.IsZero() {
		a.deadline = time.Now().Add(e.function.Timeout)
	}
	a.begin(e)
	e.mu.Lock()
	e.current = a
	e.mu.Unlock()
}

// end settles what became of the attempt: an answer counts even if the process
// then failed, which is how a panic is reported.
func (e *environment) end(a *attempt, ending Status) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.current = nil
	switch {
	case a.outcome.status != "":
	case ending == Timeout:
		a.outcome = a.timedOut(e.function.Timeout)
	default:
		a.outcome = a.exited(e.how())
	}
}

// how describes the end of the process in Lambda's words.
func (e *environment) how() string {
	if e.process.alive() {
		return "Runtime asked for an event before it answered the last"
	}
	if e.process.how == "exit status 0" {
		return "Runtime exited without providing a reason"
	}
	return "Runtime exited with error: " + e.process.how
}

// scheduleCrash arms the mischief and returns what disarms it.
func (e *environment) scheduleCrash(c Crash) (stop func()) {
	if c.After <= 0 {
		return func() {}
	}
	timer := time.AfterFunc(c.After, e.kill)
	return func() { timer.Stop() }
}

func (e *environment) kill() { e.process.signal(syscall.SIGKILL) }

func (e *environment) freeze() {
	if e.options.Freeze {
		e.process.signal(syscall.SIGSTOP)
	}
}

// stop ends the environment and returns when nothing of it is left.
func (e *environment) stop() {
	e.mu.Lock()
	grace := time.Duration(0)
	if e.extension != "" {
		grace = terminationGrace
	}
	e.mu.Unlock()
	e.process.stop(grace)
	<-e.gone
}
