package auth0

import (
	"net/http"
	"sync"
	"time"
)

// A budget is this instance's view of a bucket that it shares with everybody
// else who calls the tenant. It owns nothing and coordinates with nobody: every
// answer says what is left of the bucket, and that is believed.
//
//	left of the bucket                     a call
//	unknown, or refilled as we guess       one goes; the others wait for its answer, or a second
//	more than half                         goes
//	half or less                           goes, spaced so that what is spare lasts until the refill
//	no more than the reserve (Bulk)        waits for the refill
//	nothing                                waits for the refill
//	a 429 came                             waits for as long as the tenant asked
//	others were faster, see [crowd]        waits for its turn as well
//
// Requests on their way count as spent until they are answered. A refill is
// taken to add a fifth of the bucket, and so is each second after it, until an
// answer says better: no plan refills more slowly than that (Auth0 docs "Rate
// Limit Configurations").
type budget struct {
	reserve int // as Config.Reserve

	mu       sync.Mutex
	known    bool // an answer has described the bucket
	off      bool // answers do not describe it: nothing to go by
	limit    int
	left     int       // less the requests on their way
	inFlight int       // requests without an answer yet
	refill   time.Time // when left grows next
	window   int64     // the tenant's name for that moment; zero if it gave none
	lowest   int       // the least that answers of this window said is left
	guessed  bool      // left holds a refill that no answer has confirmed
	probe    time.Time // no other call that goes by a guess before this
	closed   time.Time // no call before this
	next     time.Time // no spaced call before this
	crowds   [2]crowd  // by Priority
	news     chan struct{}
}

const (
	// smallestBucket is the burst of the smallest plan. Until an answer tells,
	// the tenant may have it.
	smallestBucket = 2

	// refillEvery is how often a bucket that is not heard of gains something.
	refillEvery = time.Second

	// longestRefill is more than any bucket is without a refill. A reset farther
	// away is a mistake; what a 429 asks for is another matter, see advice.
	longestRefill = time.Minute

	// maxSpacing bounds the distance between spaced calls: spacing slows down,
	// it does not send anybody away.
	maxSpacing = time.Second

	// fairReserve is what urgent work may need at once, such as the steps of a
	// few rotations that happen to coincide. Where a fifth of the bucket is
	// less, this is the reserve, as far as it leaves as much to bulk work.
	fairReserve = 5
)

func newBudget(reserve int) *budget {
	return &budget{reserve: reserve, limit: smallestBucket, left: smallestBucket, guessed: true, news: make(chan struct{})}
}

// take books a call and returns zero, or returns how long to wait before
// asking again; news is closed when there is reason to ask sooner.
func (b *budget) take(now time.Time, p Priority) (wait time.Duration, news <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.grow(now)
	spare := b.left - b.keep(p)
	if wait := b.opens(spare, p).Sub(now); wait > 0 {
		return wait, b.news
	}
	if b.guessed {
		b.probe = now.Add(refillEvery)
	}
	if b.known && !b.off {
		b.crowd(p).wentAt(now)
		if b.left <= b.limit/2 {
			b.next = now.Add(min(b.refill.Sub(now)/time.Duration(spare), maxSpacing))
		}
	}
	b.left--
	b.inFlight++
	return 0, nil
}

// opens is when a call may go, as far as is known now.
func (b *budget) opens(spare int, p Priority) time.Time {
	at := b.closed
	if b.off {
		return at
	}
	at = later(at, b.crowd(p).next)
	if spare <= 0 {
		at = later(at, b.refill)
	}
	if b.guessed {
		at = later(at, b.probe)
	}
	if b.known && b.left <= b.limit/2 {
		at = later(at, b.next)
	}
	return at
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func (b *budget) crowd(p Priority) *crowd {
	if p == Urgent {
		return &b.crowds[Urgent]
	}
	return &b.crowds[Bulk]
}

// grow credits what refills must have added since they were due.
func (b *budget) grow(now time.Time) {
	if now.Before(b.refill) {
		return
	}
	times := 1 + min(now.Sub(b.refill)/refillEvery, 1<<20)
	b.left = min(b.limit, b.left+int(times)*max(b.limit/5, 1))
	b.refill = now.Add(refillEvery)
	b.guessed = true
}

// keep is what a call of this class leaves in the bucket.
func (b *budget) keep(p Priority) int {
	switch {
	case p == Urgent || b.reserve < 0 || !b.known:
		return 0
	case b.reserve == 0:
		return max(b.limit/5, min(fairReserve, b.limit-fairReserve))
	}
	return min(b.reserve, b.limit-1) // a reserve of everything would stop bulk work for ever
}

// settle takes in what an answer said. The zero answer, when there was none,
// only ends the request.
func (b *budget) settle(now time.Time, a answer, p Priority) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inFlight--
	if a.status == 0 {
		b.probe = now // nobody has to wait for that answer any more
		return
	}
	b.describe(now, a, p)
	if a.status == http.StatusTooManyRequests {
		// A refusal without advice: a moment of silence at least.
		b.closed = now.Add(or(advice(a, now), refillEvery))
	}
	close(b.news)
	b.news = make(chan struct{})
}

// describe believes X-RateLimit-Limit, -Remaining and -Reset. Without them,
// from a tenant that has never sent any, there is nothing to go by but 429.
func (b *budget) describe(now time.Time, a answer, p Priority) {
	limit, hasLimit := digits(a.header.Get("X-RateLimit-Limit"))
	left, hasLeft := digits(a.header.Get("X-RateLimit-Remaining"))
	if !hasLimit || !hasLeft || limit < 1 || limit > 1<<20 {
		b.off = !b.known
		return
	}
	window, _ := digits(a.header.Get("X-RateLimit-Reset"))
	refill := untilRefill(a.header, now)
	if refill > longestRefill {
		window, refill = 0, refillEvery
	}
	lowest := int(min(left, limit))
	if b.known && b.limit == int(limit) && window > 0 {
		switch {
		case window < b.window:
			return // overtaken by an answer of a later window
		case window == b.window:
			lowest = min(lowest, b.lowest) // answers overtake each other
		}
	}
	c := b.crowd(p)
	if !b.known && p == Bulk { // instances that begin together have to begin slowly
		c.level = smallness(int(limit))
	}
	b.known, b.off = true, false
	b.limit, b.window, b.lowest = int(limit), window, lowest
	b.left = lowest - b.inFlight
	b.refill = now.Add(max(refill, 100*time.Millisecond))
	switch keep := b.keep(p); {
	case a.status == http.StatusTooManyRequests:
		c.grows(now, p, 0)
	case lowest > keep:
		c.shrinks(now)
	case b.guessed && keep > 0:
		c.grows(now, p, smallness(b.limit)+2)
	case b.guessed:
		c.grows(now, p, 0)
	}
	b.guessed = false
}

// An Allowance is what the tenant last said about its rate limit.
type Allowance struct {
	Limit     int       // requests in a burst; zero if it is not known
	Remaining int       // less those on their way; never negative
	Refill    time.Time // when there will be more
}

// Allowance is the Management API's, for a log line or a decision to stop
// early. It sends nothing.
func (c *Client) Allowance() Allowance { return c.api.allowance() }

func (b *budget) allowance() Allowance {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.known {
		return Allowance{}
	}
	return Allowance{Limit: b.limit, Remaining: max(b.left, 0), Refill: b.refill}
}
