package auth0

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"clientkeeper/internal/fault"
)

const (
	maxAttempts = 4

	// roomToWork is what must be left of a deadline after a wait: waiting for a
	// call that cannot finish helps nobody.
	roomToWork = time.Second
)

// settled are reasons of failures that no second attempt within seconds will
// change, whatever their kind promises for later.
var settled = []string{reasonUntrusted, reasonMismatch, reasonUnknownHost, reasonNoTLS}

// repeat makes one call within the budget, and makes it again while that is
// harmless, promising, and within what the caller can pay for. It asks build
// for every attempt, because an assertion may be used only once.
func (c *Client) repeat(ctx context.Context, b *budget, build func() (request, error)) (answer, error) {
	patience := c.maxWait
	for attempt := 1; ; attempt++ {
		r, err := build()
		if err != nil {
			return answer{}, err
		}
		if err := c.admit(ctx, b, r.op, &patience); err != nil {
			return answer{}, err
		}
		a, err := c.send(ctx, r)
		b.settle(time.Now(), a, c.priorityOf(ctx))
		c.watched(ctx, b, r.op, a)
		wait, again := backoff(attempt, err)
		harmless := r.repeatable || a.status == http.StatusTooManyRequests // which says that nothing was done
		if !again || !harmless || wait > patience || !fits(ctx, wait) {
			return a, err
		}
		patience -= wait
		if !pause(ctx, wait, nil) {
			return a, err // the reason we were waiting is the better story
		}
	}
}

// admit waits until the budget has room. When that is longer than is worth
// paying for, it says so at once.
func (c *Client) admit(ctx context.Context, b *budget, op string, patience *time.Duration) error {
	for {
		if ctx.Err() != nil {
			return ended(ctx, op)
		}
		start := time.Now()
		wait, news := b.take(start, c.priorityOf(ctx))
		if wait == 0 {
			return nil
		}
		if wait > *patience || !fits(ctx, wait) {
			return &fault.Error{Kind: fault.RateLimited, Op: op, Reason: "held_back", RetryAfter: wait,
				Detail: "not sent: the tenant's rate limit is nearly used up, and waiting for it is not worth the time"}
		}
		pause(ctx, wait+rand.N(wait/8+1), news)
		*patience -= time.Since(start)
	}
}

// backoff says how long to wait before another attempt, and whether to make
// one at all. What the tenant asked for is the least; the jitter on top keeps
// instances that were refused together from coming back together.
func backoff(attempt int, err error) (wait time.Duration, again bool) {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || attempt >= maxAttempts || !e.Kind.Transient() || slices.Contains(settled, e.Reason) {
		return 0, false
	}
	if e.RetryAfter > 0 {
		return e.RetryAfter + rand.N(e.RetryAfter/8+1), true
	}
	return rand.N(200 * time.Millisecond << attempt), true
}

// fits reports whether ctx leaves room to wait d and still do the work.
func fits(ctx context.Context, d time.Duration) bool {
	end, ok := ctx.Deadline()
	return ctx.Err() == nil && (!ok || time.Until(end) > d+roomToWork)
}

// pause waits for d, or until there is news. It reports false if ctx ended
// first.
func pause(ctx context.Context, d time.Duration, news <-chan struct{}) bool {
	start := time.Now()
	defer func() { tallyOf(ctx).waited.Add(int64(time.Since(start))) }()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-news:
	}
	return true
}
