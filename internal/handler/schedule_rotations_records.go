package handler

import (
	"context"
	"time"

	"clientkeeper/internal/fault"
)

// Records keep the answers to requests with an Idempotency-Key, for a day.
type Records interface {
	// DeleteExpired deletes some of those whose day is over.
	DeleteExpired(ctx context.Context, now time.Time) (deleted int, err error)
}

// expire deletes records that nobody needs any more. It comes last, and what it
// cannot do is for the next run: no rotation depends on it.
func (r *run) expire(ctx context.Context) {
	if r.Records == nil || ctx.Err() != nil {
		return
	}
	n, err := r.Records.DeleteExpired(ctx, r.now())
	r.out.Expired = n
	if err != nil {
		r.log.WarnContext(ctx, "expire", "kind", fault.KindOf(err), "reason", fault.Reason(err), "err", err)
	}
}
