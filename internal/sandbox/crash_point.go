package sandbox

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"clientkeeper/internal/sandbox/tenant"
)

// A crashCall is a remote call: which step made it, its number within the step
// from 1, and what it was.
type crashCall struct {
	step  string
	n     int
	op    string // such as "PutSecretValue" or "PATCH /api/v2/clients/{id}"
	write bool
}

func (c crashCall) String() string { return fmt.Sprintf("%s %d %s", c.step, c.n, c.op) }

// A crashWay is a way to break a call.
type crashWay int

const (
	killBefore crashWay = iota
	killAfter
	failOnce
	failAll
	lostOnce
	dropOnce
	lostAll
)

var crashWays = map[crashWay]string{
	killBefore: "killed before", killAfter: "killed after", failOnce: "fails", failAll: "fails, persistently",
	lostOnce: "answer lost", dropOnce: "answer dropped", lostAll: "answers lost",
}

func (w crashWay) String() string { return crashWays[w] }

// made reports whether the call has its effect.
func (w crashWay) made() bool { return w != killBefore && w != failOnce && w != failAll }

func (w crashWay) kills() bool    { return w == killBefore || w == killAfter }
func (w crashWay) persists() bool { return w == failAll || w == lostAll }
func (w crashWay) hangsUp() bool  { return w.kills() || w == dropOnce }

// A crashPoint is a call and the way to break it.
type crashPoint struct {
	crashCall
	way crashWay
}

func (p crashPoint) String() string { return p.crashCall.String() + " " + p.way.String() }

// crashPoints are all points of the calls that were recorded.
func crashPoints(calls []crashCall) []crashPoint {
	var out []crashPoint
	for _, c := range calls {
		for way := killBefore; way <= lostAll; way++ {
			if way.kills() || c.write {
				out = append(out, crashPoint{c, way})
			}
		}
	}
	return out
}

// A stage is where calls come by on their way to a room. It numbers them, and
// strikes at the armed point: once, or for as long as the caller repeats it. It
// knows which invocation runs, and ends it where the point says so; a dead one
// gets nothing through any more.
type stage struct {
	turn sync.Mutex // held from a call's arrival to the look at what it did

	mu      sync.Mutex
	armed   *crashPoint
	struck  time.Time // zero: not yet
	holding string    // the call that fails for as long as it is repeated
	step    string
	n       int
	dead    bool
	killed  bool
	kill    context.CancelFunc
	calls   []crashCall

	// script, if set, decides instead of the armed point: by the number of the
	// call, whoever makes it. There may be other callers than the invocation
	// then, so that none is turned away; whoever was killed sends nothing more.
	script func(n int) fate
}

// A fate is what befalls a call.
type fate struct {
	strike bool
	way    crashWay
	turned bool // away: the caller is dead
}

// made reports whether the call has its effect.
func (f fate) made() bool { return !f.turned && (!f.strike || f.way.made()) }

func (f fate) hangsUp() bool { return f.turned || f.strike && f.way.hangsUp() }

// failed reports whether the answer is a 5xx.
func (f fate) failed() bool { return f.strike && !f.way.hangsUp() }

func (s *stage) arm(p *crashPoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = p
}

// play lets a script decide from now on.
func (s *stage) play(script func(n int) fate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = script
}

// enter begins a step; kill ends its process.
func (s *stage) enter(step string, kill context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.step, s.n, s.dead, s.killed, s.kill, s.holding = step, 0, false, false, kill, ""
}

// leave ends a step and reports whether its process was killed. What it still
// sends is turned away.
func (s *stage) leave() (killed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead, s.kill = s.script == nil, nil
	return s.killed
}

// arrive takes the turn for a call and says what is to befall it. It is
// followed by pass.
func (s *stage) arrive(op string, write bool) fate {
	s.turn.Lock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead {
		return fate{turned: true}
	}
	s.n++
	c := crashCall{s.step, s.n, op, write}
	s.calls = append(s.calls, c)
	if s.script != nil {
		return s.script(len(s.calls))
	}
	p := s.armed
	switch {
	case p == nil:
		return fate{}
	case s.holding != "" && s.holding == op:
		return fate{strike: true, way: p.way}
	case !s.struck.IsZero() || c.step != p.step || c.n != p.n:
		s.holding = ""
		return fate{}
	}
	s.struck = time.Now()
	if p.way.persists() {
		s.holding = op
	}
	return fate{strike: true, way: p.way}
}

// pass ends a call's turn, after look has looked at what it did.
func (s *stage) pass(f fate, look func(op string)) {
	s.mu.Lock()
	op := ""
	if len(s.calls) > 0 {
		op = s.calls[len(s.calls)-1].String()
	}
	if f.strike && f.way.kills() && s.kill != nil {
		s.dead, s.killed = s.script == nil, true
		s.kill()
	}
	s.mu.Unlock()
	look(op)
	s.turn.Unlock()
}

// fault is the fate in the tenant's words.
func (f fate) fault() tenant.Fault {
	out := tenant.Fault{HangUp: f.hangsUp(), Applied: f.made()}
	if f.failed() {
		out.Status = http.StatusServiceUnavailable
		if out.Applied {
			out.Status = http.StatusBadGateway
		}
	}
	if !f.strike && !f.turned {
		return tenant.Fault{}
	}
	return out
}

// forget drops what was recorded while a world was made.
func (s *stage) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = nil
}

// disarm lets everything through from now on.
func (s *stage) disarm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed, s.holding = nil, ""
}
