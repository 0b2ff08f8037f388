package scheduler

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// Options connect a [Service] to the world. Only Invoke is needed.
type Options struct {
	Region    string // default us-east-1
	AccountID string // default 123456789012
	// Invoke hands a payload to a target, and returns once it has been taken,
	// not once it has been worked on. An error is a failed delivery. It is
	// called by several goroutines at once, and must return when its context
	// ends, which [Service.Close] brings about. Nil fails every delivery.
	Invoke func(ctx context.Context, arn string, payload []byte) error
	// DeadLetter gets what could not be delivered, for the queue with that ARN.
	// Nil drops it.
	DeadLetter func(ctx context.Context, queueARN string, d DeadLetter) error
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
	// Seed makes flexible windows repeatable.
	Seed uint64
}

// A Service keeps schedules and fires them. Make one with [New], and end it
// with [Service.Close].
type Service struct {
	opts   Options
	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{}
	work   sync.WaitGroup // the clock's goroutine, and deliveries under way

	mu       sync.Mutex
	closed   bool
	entries  map[string]*entry // by group/name
	waiting  []*delivery       // for their next attempt
	attempts []Attempt
}

// An entry is a schedule with its times.
type entry struct {
	Schedule
	times             timetable
	created, modified time.Time
	next              time.Time // zero is never
	due               time.Time // next, and what the window adds
	token             string    // ClientToken of its creation
}

// New starts a service without schedules.
func New(o Options) *Service {
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.AccountID == "" {
		o.AccountID = "123456789012"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Invoke == nil {
		o.Invoke = func(context.Context, string, []byte) error { return errors.New("nothing can be invoked") }
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Service{opts: o, ctx: ctx, cancel: cancel, wake: make(chan struct{}, 1), entries: map[string]*entry{}}
	s.work.Go(s.run)
	return s
}

// Close stops the clock, ends the contexts of deliveries under way, and waits
// for them. Nothing fires afterwards. It may be called again.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.work.Wait()
}

// Wake fires what is due by now. It is to be called after the clock was moved;
// without it the service notices within a minute. When it returns, deliveries
// have begun; they may not have ended.
func (s *Service) Wake() {
	s.fire()
	s.poke()
}

// poke has the clock's goroutine look again.
func (s *Service) poke() {
	select {
	case s.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// run fires schedules as time passes.
func (s *Service) run() {
	for {
		timer := time.NewTimer(s.fire())
		select {
		case <-timer.C:
		case <-s.wake:
		case <-s.ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// fire begins what is due, and returns how long nothing else is.
func (s *Service) fire() time.Duration {
	const longest = time.Minute // or the clock is moved and nobody says so
	s.mu.Lock()
	defer s.mu.Unlock()
	now, wait := s.opts.Now(), longest
	for _, key := range slices.Sorted(maps.Keys(s.entries)) {
		e := s.entries[key]
		if e.Disabled || e.next.IsZero() {
			continue
		}
		if !e.due.After(now) {
			s.begin(&delivery{Schedule: e.Schedule, scheduled: e.next, first: now, attempt: 1})
			s.arm(e, now)
		}
		if e.next.IsZero() && e.DeleteAfter {
			delete(s.entries, key)
		}
		if !e.next.IsZero() {
			wait = min(wait, e.due.Sub(now))
		}
	}
	return max(0, min(wait, s.again(now)))
}

// again begins the deliveries whose time for another attempt has come, and
// returns how long the others wait.
func (s *Service) again(now time.Time) time.Duration {
	wait := time.Duration(1<<63 - 1)
	s.waiting = slices.DeleteFunc(s.waiting, func(d *delivery) bool {
		if d.at.After(now) {
			wait = min(wait, d.at.Sub(now))
			return false
		}
		s.begin(d)
		return true
	})
	return wait
}

// arm finds when a schedule fires next, after t.
func (s *Service) arm(e *entry, t time.Time) {
	_, single := e.times.(once) // which start and end do not concern
	if !single && e.Start.After(t) {
		t = e.Start.Add(-1)
	}
	next, ok := e.times.next(t)
	if !ok || !single && !e.End.IsZero() && next.After(e.End) {
		e.next, e.due = time.Time{}, time.Time{}
		return
	}
	e.next, e.due = next, next.Add(s.delay(e, next))
}
