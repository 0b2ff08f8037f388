package fault_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"clientkeeper/internal/fault"
)

func TestKindsSayWhetherAnotherTryHelps(t *testing.T) {
	tests := map[fault.Kind]struct {
		name                 string
		transient, permanent bool
	}{
		fault.Internal:        {"internal", false, false},
		fault.Invalid:         {"invalid", false, true},
		fault.Unauthenticated: {"unauthenticated", false, false},
		fault.Denied:          {"denied", false, true},
		fault.NotFound:        {"not_found", false, true},
		fault.Conflict:        {"conflict", false, true},
		fault.RateLimited:     {"rate_limited", true, false},
		fault.Unavailable:     {"unavailable", true, false},
		fault.Kind(8):         {"kind(8)", false, false},
		fault.Kind(42):        {"kind(42)", false, false},
		fault.Kind(-1):        {"kind(-1)", false, false},
	}
	for kind, want := range tests {
		if kind.String() != want.name || kind.Transient() != want.transient || kind.Permanent() != want.permanent {
			t.Errorf("Kind %d = %q, transient %v, permanent %v; want %+v",
				int(kind), kind, kind.Transient(), kind.Permanent(), want)
		}
	}
}

func TestKindOf(t *testing.T) {
	denied := &fault.Error{Kind: fault.Denied, Op: "auth0.register"}
	tests := map[string]struct {
		err  error
		want fault.Kind
	}{
		"nothing":                  {nil, fault.Internal},
		"unclassified":             {errors.New("boom"), fault.Internal},
		"the zero error is loud":   {&fault.Error{}, fault.Internal},
		"a kind alone":             {fault.NotFound, fault.NotFound},
		"wrapped":                  {fmt.Errorf("while registering: %w", denied), fault.Denied},
		"joined":                   {errors.Join(errors.New("first"), denied), fault.Denied},
		"reclassified by wrapping": {&fault.Error{Kind: fault.Unavailable, Err: denied}, fault.Unavailable},
		"deadline":                 {fmt.Errorf("send: %w", context.DeadlineExceeded), fault.Unavailable},
		"cancelled":                {context.Canceled, fault.Unavailable},
	}
	for name, test := range tests {
		if got := fault.KindOf(test.err); got != test.want {
			t.Errorf("%s: KindOf = %v, want %v", name, got, test.want)
		}
		if test.err != nil && test.want != fault.Internal && !errors.Is(test.err, test.want) &&
			!errors.Is(test.err, context.DeadlineExceeded) && !errors.Is(test.err, context.Canceled) {
			t.Errorf("%s: errors.Is does not find %v", name, test.want)
		}
	}
}

func TestRetryAfterIsTheLongestInside(t *testing.T) {
	inner := &fault.Error{Kind: fault.RateLimited, RetryAfter: 30 * time.Second}
	outer := fmt.Errorf("batch: %w", &fault.Error{Kind: fault.Unavailable, RetryAfter: time.Second, Err: inner})
	if got := fault.RetryAfter(outer); got != 30*time.Second {
		t.Errorf("RetryAfter = %v, want 30s", got)
	}
	joined := errors.Join(&fault.Error{RetryAfter: time.Second}, errors.New("x"), outer)
	if got := fault.RetryAfter(joined); got != 30*time.Second {
		t.Errorf("RetryAfter of joined errors = %v, want 30s", got)
	}
	if got := fault.RetryAfter(errors.New("x")); got != 0 {
		t.Errorf("RetryAfter of a stranger = %v, want 0", got)
	}
}

func TestReasonFallsBackToTheKind(t *testing.T) {
	if got := fault.Reason(&fault.Error{Kind: fault.Invalid, Err: &fault.Error{Reason: "host_not_allowed"}}); got != "host_not_allowed" {
		t.Errorf("Reason = %q, want the inner one", got)
	}
	if got := fault.Reason(fault.Unavailable); got != "unavailable" {
		t.Errorf("Reason = %q, want the kind", got)
	}
}

func TestErrorIsOneReadableLine(t *testing.T) {
	err := &fault.Error{
		Kind: fault.RateLimited, Op: "auth0.register_client", Reason: "global_limit", Detail: "the tenant's limit is reached",
		Next: "wait", RetryAfter: 2 * time.Second, Err: errors.New("status 429"),
	}
	want := "auth0.register_client: rate_limited (global_limit): the tenant's limit is reached: status 429 (retry after 2s); wait"
	if err.Error() != want {
		t.Errorf("Error() = %q, want %q", err, want)
	}
	if bare := (&fault.Error{Kind: fault.Denied}).Error(); bare != "denied" {
		t.Errorf("a kind alone: %q", bare)
	}
}
