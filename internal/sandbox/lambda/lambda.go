// Package lambda is AWS Lambda on a laptop: it runs the very binaries that are
// deployed, through the Lambda Runtime API, feeds them from SQS queues as an
// event source mapping does, and answers the Invoke API.
//
// A [Service] holds named functions. Each invocation gets an environment: one
// process with its own Runtime API on loopback, which is used again for later
// invocations, most recently used first, and never holds two events at once.
// When all are busy another is started, up to the function's concurrency. An
// environment that fails to start is started once more under the function's
// timeout; one that runs out of time, crashes or answers with too much is
// killed and replaced, and the caller is told in AWS's words. [Service.Close]
// leaves no process behind.
//
// It runs on Linux and macOS. If the sandbox itself is killed, its functions die
// with it on Linux; elsewhere they end when they next ask for an event.
//
// The package knows nothing of what the functions do, and shares no types with
// them: only JSON on the wire. It learns of a queue by asking it.
//
// # Divergences
//
//   - An environment runs on between invocations unless [Options.Freeze] is
//     set, and then its clock does not jump.
//   - Memory, /tmp, file system and network are those of the host: nothing is
//     limited or hidden. Only the environment variables are those of Lambda
//     alone, without PATH. Memory in reports is Linux only, else zero.
//   - A result is handed out when the runtime asks for its next event, not when
//     it posts the response, so that its log lines belong to it.
//   - Only $LATEST exists: no versions, aliases, layers, provisioned
//     concurrency, response streaming or destinations (but [Options.DeadLetter]).
//   - Extensions may register and wait, which is what enables SIGTERM; they are
//     never sent an event. An invocation that runs out of time is ended by
//     SIGKILL alone. A process that leaves its process group outlives us.
//   - Events of asynchronous invocations live in memory and end with Close.
//   - A mapping has one poller that takes a free place (five, or
//     MaximumConcurrency) before it receives, so nothing is received that could
//     not be invoked. AWS has five pollers at first and scales up to 1,250.
//   - Filter patterns are refused, since AWS deletes what does not match.
//   - Nothing is authorised: signatures are not looked at.
package lambda

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// ErrClosed is the answer of a service that has been closed.
var ErrClosed = errors.New("lambda: the service is closed")

// Options are what all functions of a service share. The zero Options work.
type Options struct {
	Region    string // default us-east-1
	AccountID string // default 123456789012

	// Credentials for the functions, as AWS_ACCESS_KEY_ID and so on. The
	// sandbox checks none of them, so each defaults to "test".
	AccessKeyID, SecretAccessKey, SessionToken string

	// Log takes what operators of the sandbox should know, such as a queue that
	// cannot be reached. Nil discards it.
	Log *slog.Logger
	// Line takes each line a process writes, without its newline; stream is
	// "stdout" or "stderr". Lines over 64 KiB come in pieces. The bytes are
	// valid during the call only; calls come from many goroutines, and a slow
	// one holds the function up. Nil discards them.
	Line func(function, stream string, line []byte)
	// Platform takes platform events, from many goroutines. Nil discards them.
	Platform func(Event)
	// DeadLetter takes asynchronous events that are given up. Nil discards them.
	DeadLetter func(DeadLetter)
	// Crash is asked once per invocation how its environment shall die. Nil
	// lets all live. See [CrashRate].
	Crash func(function string) Crash

	// IdleTimeout ends environments that were not used for this long; zero
	// keeps them.
	IdleTimeout time.Duration
	// Freeze stops the processes of an environment between invocations.
	Freeze bool
}

// Service runs functions. Make one with [New], and close it.
type Service struct {
	options Options
	api     *http.ServeMux

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup // every goroutine that is not an environment's own

	mu        sync.Mutex
	closed    bool
	functions map[string]*pool
	mappings  []*Poller
}

// New returns a service without functions.
func New(o Options) *Service {
	setDefault(&o.Region, "us-east-1")
	setDefault(&o.AccountID, "123456789012")
	setDefault(&o.AccessKeyID, "test")
	setDefault(&o.SecretAccessKey, "test")
	setDefault(&o.SessionToken, "test")
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Line == nil {
		o.Line = func(string, string, []byte) {}
	}
	if o.Platform == nil {
		o.Platform = func(Event) {}
	}
	if o.DeadLetter == nil {
		o.DeadLetter = func(DeadLetter) {}
	}
	if o.Crash == nil {
		o.Crash = func(string) Crash { return Crash{} }
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Service{options: o, ctx: ctx, cancel: cancel, functions: map[string]*pool{}}
	s.api = s.routes()
	return s
}

// Register makes a function known. Its binary must exist, its settings must be
// such as Lambda accepts, and its name must be new.
func (s *Service) Register(f Function) error {
	f, err := f.complete(s.options)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if s.functions[f.Name] != nil {
		return fmt.Errorf("lambda: function %s already exists", f.Name)
	}
	s.functions[f.Name] = newPool(f, s.options)
	return nil
}

// Functions returns what is registered, defaults filled in, by name.
func (s *Service) Functions() []Function {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Function
	for _, name := range slices.Sorted(maps.Keys(s.functions)) {
		all = append(all, s.functions[name].function)
	}
	return all
}

// Environments is how many the function has, busy or idle: each is warm, or is
// becoming so.
func (s *Service) Environments(function string) int {
	p, err := s.lookup(function)
	if err != nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all)
}

// Kill ends a random busy environment of the function, as a crash of the
// machine under it would, and reports whether there was one.
func (s *Service) Kill(function string) bool {
	p, err := s.lookup(function)
	return err == nil && p.killBusy()
}

// Close stops polling and ends every environment: with SIGTERM and half a
// second where the function registered for it, then with SIGKILL. Invocations
// under way fail with [ErrClosed]. It returns when nothing is left running. For
// a gentle end call [Poller.Stop] first.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	pools := slices.Collect(maps.Values(s.functions))
	s.mu.Unlock()

	s.cancel()
	var ending sync.WaitGroup
	for _, p := range pools {
		ending.Go(p.close)
	}
	ending.Wait()
	s.work.Wait()
}

// spawn runs f in a goroutine that Close waits for, unless it is too late.
func (s *Service) spawn(f func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.work.Go(f)
	return nil
}

func setDefault(s *string, value string) {
	if *s == "" {
		*s = value
	}
}
