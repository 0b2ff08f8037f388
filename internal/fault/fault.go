// Package fault is the vocabulary of failure: every error that crosses a
// package boundary carries a [Kind], and the kind alone says whether another
// try can help.
//
// A Kind is itself an error, so that errors.Is(err, fault.NotFound) works
// through any wrapping. The zero Kind is [Internal]: forgetting to classify a
// failure makes it loud, never lenient.
//
// An [Error] is safe to publish. Lambda answers, logs and dead letters all
// repeat err.Error(), so nothing out of a secret may go into one, and of what
// came from the other side of a connection only sentences that are made for
// people, cut to a sane length, such as a verdict on a public document.
package fault

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Kind is a coarse class of failure.
type Kind int

// The kinds. [Kind.Transient] and [Kind.Permanent] say what they mean for a
// second try.
const (
	// Internal is a bug, or something nobody foresaw.
	Internal Kind = iota
	// Invalid is input that can never succeed as it stands.
	Invalid
	// Unauthenticated means that we could not prove who we are, or who called.
	Unauthenticated
	// Denied is proven, but not allowed.
	Denied
	// NotFound names something that does not exist.
	NotFound
	// Conflict means that the state is not what the caller assumed.
	Conflict
	// RateLimited means later; Error.RetryAfter may say when.
	RateLimited
	// Unavailable means that the other side, or the way to it, failed.
	Unavailable
)

var kinds = [...]string{
	"internal", "invalid", "unauthenticated", "denied", "not_found", "conflict", "rate_limited", "unavailable",
}

// String is the kind's name in logs and attributes, such as "rate_limited".
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kinds) {
		return "kind(" + strconv.Itoa(int(k)) + ")"
	}
	return kinds[k]
}

// Error makes a Kind an error that errors.Is can look for.
func (k Kind) Error() string { return k.String() }

// Transient reports whether the same call may succeed if it is made again.
func (k Kind) Transient() bool { return k == RateLimited || k == Unavailable }

// Permanent reports whether trying again is pointless as long as nobody
// changes the input or the configuration. [Internal] and [Unauthenticated] are
// neither: a bug may be one instance's, and a credential may be in the middle
// of its rotation, so a queue should deliver again and let its redrive policy
// end the story.
func (k Kind) Permanent() bool {
	return k == Invalid || k == Denied || k == NotFound || k == Conflict
}

// An Error is the failure of one named operation.
type Error struct {
	Kind Kind
	// Op is a constant such as "auth0.register_client", never input, so it may
	// be a metric dimension.
	Op string
	// Reason is a stable slug that programs may act upon, such as
	// "host_not_allowed". Empty means that the kind says it all.
	Reason string
	// Detail is a sentence for people: what is wrong and where.
	Detail string
	// Next is the next action, such as "add the host to ALLOWED_HOSTS".
	Next string
	// RetryAfter is how long the other side asked us to wait; zero if it did
	// not say.
	RetryAfter time.Duration
	// Err is the cause; it may be nil. Its text becomes part of this error's.
	Err error
}

// Error is one line: "op: kind (reason): detail: cause; next action".
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	b.WriteString(e.Kind.String())
	if e.Reason != "" {
		b.WriteString(" (" + e.Reason + ")")
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, " (retry after %s)", e.RetryAfter.Round(time.Second))
	}
	if e.Next != "" {
		b.WriteString("; " + e.Next)
	}
	return b.String()
}

// Unwrap lets errors.Is find the kind and errors.As find the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// KindOf classifies any error. The outermost [Error] or Kind decides, so that
// a caller can reclassify what it wraps. A context that ended is
// [Unavailable]; anything unknown, and nil, is [Internal].
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	if k, ok := errors.AsType[Kind](err); ok {
		return k
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return Unavailable
	}
	return Internal
}

// RetryAfter is the longest wait that anything inside err asks for, or zero.
func RetryAfter(err error) time.Duration {
	var longest time.Duration
	if e, ok := err.(*Error); ok {
		longest = e.RetryAfter
	}
	switch x := err.(type) {
	case interface{ Unwrap() error }:
		longest = max(longest, RetryAfter(x.Unwrap()))
	case interface{ Unwrap() []error }:
		for _, inner := range x.Unwrap() {
			longest = max(longest, RetryAfter(inner))
		}
	}
	return longest
}

// Reason is the outermost reason inside err, or the kind's name.
func Reason(err error) string {
	for e, ok := errors.AsType[*Error](err); ok; e, ok = errors.AsType[*Error](e.Err) {
		if e.Reason != "" {
			return e.Reason
		}
	}
	return KindOf(err).String()
}
