package auth0

import (
	"context"
	"strings"
	"sync/atomic"
	"time"
)

// A Priority says who gives way when the tenant's rate limit runs low.
type Priority int

// The priorities.
const (
	// Bulk is work that may wait; it leaves a reserve of the bucket untouched.
	Bulk Priority = iota
	// Urgent is work that should not wait for bulk work, such as the rotation
	// of a secret. It may use the bucket up.
	Urgent
)

type priorityKey struct{}

// WithPriority gives the calls made with the returned context a class of their
// own, instead of [Config.Priority].
func WithPriority(ctx context.Context, p Priority) context.Context {
	return context.WithValue(ctx, priorityKey{}, p)
}

func (c *Client) priorityOf(ctx context.Context) Priority {
	if p, ok := ctx.Value(priorityKey{}).(Priority); ok {
		return p
	}
	return c.priority
}

type correlationKey struct{}

// WithCorrelationID names the work that calls made with the returned context
// belong to. Writes send the name as X-Correlation-ID, and the tenant's log
// shows it as references.correlation_id. Only the first 64 characters do, so
// only those are sent; what is not printable ASCII is left out.
func WithCorrelationID(ctx context.Context, id string) context.Context {
	id = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, id)
	return context.WithValue(ctx, correlationKey{}, id[:min(len(id), 64)])
}

func correlationOf(ctx context.Context) string {
	id, _ := ctx.Value(correlationKey{}).(string)
	return id
}

// A Tally counts what was spent on the calls made with one context, for the
// line that a log has about them. It is safe for concurrent use.
type Tally struct {
	requests atomic.Int64
	waited   atomic.Int64
}

type tallyKey struct{}

// WithTally returns a context whose calls are counted, requests for a token
// among them. A token that several callers wait for counts for the one whose
// call fetched it. A Tally within a Tally hides the outer one.
func WithTally(ctx context.Context) (context.Context, *Tally) {
	t := new(Tally)
	return context.WithValue(ctx, tallyKey{}, t), t
}

// Requests is how many requests were sent, each attempt counted.
func (t *Tally) Requests() int { return int(t.requests.Load()) }

// Waited is how long the calls waited between attempts and for the rate limit,
// summed over goroutines.
func (t *Tally) Waited() time.Duration { return time.Duration(t.waited.Load()) }

func tallyOf(ctx context.Context) *Tally {
	if t, ok := ctx.Value(tallyKey{}).(*Tally); ok {
		return t
	}
	return new(Tally)
}

// An Attempt is one request to the tenant and what came of it.
type Attempt struct {
	Op     string // the operation, such as "auth0.get_client"
	Status int    // of the answer; zero if none came
	// Left is what the answer says is left of the Management API's rate limit;
	// negative if it does not say, or is about something else.
	Left int
}

type watchKey struct{}

// WithWatch has watch called after each attempt that is made with the returned
// context, for metrics. It must be quick, and safe for concurrent use. A watch
// within another hides the outer one.
func WithWatch(ctx context.Context, watch func(Attempt)) context.Context {
	return context.WithValue(ctx, watchKey{}, watch)
}

func (c *Client) watched(ctx context.Context, b *budget, op string, a answer) {
	watch, ok := ctx.Value(watchKey{}).(func(Attempt))
	if !ok {
		return
	}
	left := -1
	if n, ok := digits(a.header.Get("X-RateLimit-Remaining")); ok && b == c.api {
		left = int(min(n, 1<<20))
	}
	watch(Attempt{Op: op, Status: a.status, Left: left})
}
