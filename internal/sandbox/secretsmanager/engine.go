package secretsmanager

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// An engine starts rotations: those that were asked for, those that are due by
// a schedule, and those that failed and are tried again. What it has to do is
// kept in the secrets; here is only what does it. The Service's lock guards it,
// except for the group.
type engine struct {
	ctx     context.Context // of all invocations, until Close
	cancel  context.CancelFunc
	closed  bool
	running int           // attempts
	stirred bool          // a request has changed what there is to do
	watched bool          // somebody waits for the next thing that is due
	news    chan struct{} // closed, and replaced, when anything has changed

	events         []RotationEvent // not yet reported
	happened, told int             // events, ever
	reporting      bool

	group sync.WaitGroup // attempts, and whoever watches
}

func newEngine() engine {
	ctx, cancel := context.WithCancel(context.Background())
	return engine{ctx: ctx, cancel: cancel, news: make(chan struct{})}
}

func (e *engine) signal() {
	close(e.news)
	e.news = make(chan struct{})
}

// Wake starts what is due by the clock, and returns without waiting for it.
// Whoever moves the clock of [Options.Now] has to call it; as long as the clock
// only runs, nobody has to.
func (s *Service) Wake() { s.settle() }

// afterRequest does what a request leaves to the engine.
func (s *Service) afterRequest() {
	s.mu.Lock()
	stirred := s.engine.stirred
	s.mu.Unlock()
	if stirred {
		s.settle()
	}
}

// settle starts what is due, sees to it that somebody waits for what is not,
// and reports what has happened.
func (s *Service) settle() {
	s.mu.Lock()
	s.engine.stirred = false
	s.engine.signal()
	if !s.engine.closed {
		s.startDue()
		if _, waiting := s.nextDue(); waiting && !s.engine.watched {
			s.engine.watched = true
			s.engine.group.Go(s.watch)
		}
	}
	s.mu.Unlock()
	s.tell()
}

// watch starts what is due when the time comes, until nothing is left that
// ever will be.
func (s *Service) watch() {
	for {
		s.mu.Lock()
		at, waiting := s.nextDue()
		if s.engine.closed || !waiting {
			s.engine.watched = false
			s.mu.Unlock()
			return
		}
		wait, news, done := at.Sub(s.options.Now()), s.engine.news, s.engine.ctx.Done()
		s.mu.Unlock()
		// A clock that stands still makes it look again, but not in a hurry.
		t := time.NewTimer(max(wait, time.Millisecond))
		select {
		case <-t.C:
			s.settle()
		case <-news:
		case <-done:
		}
		t.Stop()
	}
}

// nextDue is when the next attempt begins that is waited for. The caller holds
// s.mu.
func (s *Service) nextDue() (at time.Time, waiting bool) {
	for _, w := range s.rotations() {
		t, ok := w.secret.rotation.nextAt()
		if ok && (!waiting || t.Before(at)) {
			at, waiting = t, true
		}
	}
	return at, waiting
}

func (r *rotation) nextAt() (time.Time, bool) {
	switch {
	case r.job != nil && !r.job.running:
		return r.job.at, true
	case r.job == nil && r.enabled && !r.due.IsZero():
		return r.due, true
	}
	return time.Time{}, false
}

// startDue starts every attempt whose time has come. The caller holds s.mu, and
// the engine is not closed.
func (s *Service) startDue() {
	now := s.options.Now()
	for _, w := range s.rotations() {
		r := w.secret.rotation
		if r.enabled && r.job == nil && !r.due.IsZero() && !now.Before(r.due) {
			s.within(w.region, func(c *call) { c.fire(w.secret) })
		}
		if r.job == nil || r.job.running || now.Before(r.job.at) {
			continue
		}
		w.job = r.job
		w.job.running = true
		w.job.attempt++
		s.engine.running++
		s.engine.group.Go(func() { s.attempt(w) })
	}
}

// fire starts the rotation that the schedule asks for. One that was given up
// before is begun again.
func (c *call) fire(s *secret) {
	s.rotation.due, _ = s.rotation.rules.window(c.now) // announced only after a success
	token := s.pendingElsewhere()
	if token == "" {
		token = uuid.NewString()
		if err := c.openPending(s, token, false); err != nil {
			c.report(s, RotationFailed, &job{token: token})
			return
		}
	}
	c.begin(s, token, false)
}

// work is a secret that may be rotated, and the job that an attempt is part of.
type work struct {
	region *region
	secret *secret
	job    *job
}

// rotations lists what may be rotated, in a stable order. The caller holds s.mu.
func (s *Service) rotations() []work {
	now := s.options.Now()
	var out []work
	for _, name := range slices.Sorted(maps.Keys(s.regions)) {
		r := s.regions[name]
		for _, x := range r.secrets {
			if x.rotation != nil && !x.deleted() && r.named(x.name, now) == x {
				out = append(out, work{region: r, secret: x})
			}
		}
	}
	slices.SortFunc(out, func(a, b work) int { return cmp.Compare(a.secret.seq, b.secret.seq) })
	return out
}

// Idle waits until no rotation is in progress: none waits for another attempt,
// no function runs, not even for a rotation that was cancelled, and everything
// was reported. Rotations that a schedule will start later do not count, and
// while the engine is closed nothing does. It returns the error of ctx if that
// ends first, as it does if the clock has to be moved for the next attempt.
func (s *Service) Idle(ctx context.Context) error {
	for {
		s.mu.Lock()
		busy, news := s.busy(), s.engine.news
		s.mu.Unlock()
		if !busy {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Service) busy() bool {
	if s.engine.closed {
		return false
	}
	return s.engine.running > 0 || s.engine.reporting || len(s.engine.events) > 0 ||
		slices.ContainsFunc(s.rotations(), func(w work) bool { return w.secret.rotation.job != nil })
}

// Close stops the rotation engine: it ends the context of every invocation and
// waits for all of them. Requests are still answered; rotations that they
// begin, and those that were interrupted, wait for [Service.Start].
func (s *Service) Close() {
	s.mu.Lock()
	s.engine.closed = true
	s.engine.cancel()
	s.engine.signal()
	s.mu.Unlock()
	s.engine.group.Wait()
}

// Start starts the engine again after a Close, as after a crash of the service:
// what was interrupted begins again at its first step, at once.
func (s *Service) Start() {
	s.mu.Lock()
	if s.engine.closed {
		s.engine.closed = false
		s.engine.ctx, s.engine.cancel = context.WithCancel(context.Background())
	}
	s.mu.Unlock()
	s.settle()
}
