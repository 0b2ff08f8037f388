package lambda

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// pool holds the environments of one function.
type pool struct {
	function Function
	options  Options
	slots    chan struct{} // one in it for each invocation; nil means no limit

	mu     sync.Mutex
	closed bool
	idle   []*environment        // the last one was used last
	all    map[*environment]bool // true while it holds an event
	ending sync.WaitGroup
}

func newPool(f Function, o Options) *pool {
	p := &pool{function: f, options: o, all: map[*environment]bool{}}
	if f.MaxConcurrency > 0 {
		p.slots = make(chan struct{}, f.MaxConcurrency)
	}
	return p
}

// reserve takes a place among the concurrent invocations, without waiting, and
// reports whether there was one.
func (p *pool) reserve() bool {
	if p.slots == nil {
		return true
	}
	select {
	case p.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// await takes a place as soon as there is one.
func (p *pool) await(ctx context.Context) error {
	if p.slots == nil {
		return ctx.Err()
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *pool) release() {
	if p.slots != nil {
		<-p.slots
	}
}

// take returns the environment that was used last, or nil if none is idle.
func (p *pool) take() *environment {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	e := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	p.all[e] = true
	if e.reap != nil {
		e.reap.Stop()
	}
	return e
}

// put gives an environment back for later use, unless it is gone.
func (p *pool) put(e *environment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.all[e]; !known || !e.process.alive() {
		return
	}
	p.all[e] = false
	p.idle = append(p.idle, e)
	if d := p.options.IdleTimeout; d > 0 {
		e.reap = time.AfterFunc(d, func() { p.retire(e) })
	}
}

// retire ends an environment if it is still idle.
func (p *pool) retire(e *environment) {
	p.mu.Lock()
	i := slices.Index(p.idle, e)
	if i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
	}
	p.mu.Unlock()
	if i >= 0 {
		e.stop()
	}
}

// start makes a new environment, which is busy from the beginning, and watches
// over its end.
func (p *pool) start() (*environment, error) {
	e, err := startEnvironment(p.function, p.options)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	closed := p.closed
	if !closed {
		p.all[e] = true
		p.ending.Go(func() { p.watch(e) })
	}
	p.mu.Unlock()
	if closed {
		e.stop()
		return nil, ErrClosed
	}
	return e, nil
}

// watch forgets an environment when it is gone.
func (p *pool) watch(e *environment) {
	<-e.process.exited
	p.mu.Lock()
	delete(p.all, e)
	i := slices.Index(p.idle, e)
	if i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
	}
	if e.reap != nil {
		e.reap.Stop()
	}
	closed := p.closed
	p.mu.Unlock()
	if i >= 0 && !closed {
		p.options.Log.Warn("environment ended while it was idle",
			slog.String("function", p.function.Name), slog.String("how", e.process.how))
	}
	<-e.gone
}

// killBusy ends a random environment that holds an event.
func (p *pool) killBusy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	var busy []*environment
	for e, holds := range p.all {
		if holds {
			busy = append(busy, e)
		}
	}
	if len(busy) == 0 {
		return false
	}
	busy[rand.IntN(len(busy))].kill()
	return true
}

func (p *pool) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// close ends all environments and returns when they are gone.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	var running sync.WaitGroup
	for e := range p.all {
		running.Go(e.stop)
	}
	p.mu.Unlock()
	running.Wait()
	p.ending.Wait()
}
