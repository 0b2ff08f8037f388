package idempotency

import (
	"context"
	"time"

	"clientkeeper/internal/fault"
)

// endingTime is what ending a record may take when the work has used its time
// up. It is less than [Margin], so the record is still ours.
const endingTime = 1500 * time.Millisecond

// maxAnswer bounds what is kept: a version of a secret has 64 KB, and a body
// grows by a third in it.
const maxAnswer = 40 << 10

// work does the work and ends the record. A panic ends it too.
func (t *try) work(ctx context.Context, work Work) (answer Answer, err error) {
	ended := false
	defer func() {
		if !ended {
			t.release(ctx)
		}
	}()
	answer, err = work(ctx, Operation{ID: t.operation(t.request), Resumed: t.mine.Index > 0})
	if err == nil {
		err = t.keep(ctx, answer)
		ended = err == nil || fault.KindOf(err) == fault.Conflict
	}
	if err != nil {
		return Answer{}, err
	}
	return answer, nil
}

// keep writes the answer. What is not written is not told: the caller gets the
// answer that every repetition gets, or hears that it has to repeat.
func (t *try) keep(ctx context.Context, answer Answer) error {
	if len(answer.Body) > maxAnswer {
		return &fault.Error{Kind: fault.Internal, Op: "idempotency.keep", Reason: "answer_too_large", Detail: "the answer is too long to be kept"}
	}
	ctx, cancel := ending(ctx)
	defer cancel()
	err := t.write(ctx, entry{Version: 1, Index: t.mine.Index + 1, Digest: t.digest, Answer: &answer}, t.Store.Append)
	if err != nil && fault.KindOf(err) == fault.Conflict {
		return t.busy(time.Second) // we were too late, and another has taken over
	}
	return err
}

// release lets the next try begin at once. Where that fails, it begins when the
// lease is over.
func (t *try) release(ctx context.Context) {
	ctx, cancel := ending(ctx)
	defer cancel()
	_ = t.write(ctx, entry{Version: 1, Index: t.mine.Index + 1, Digest: t.digest}, t.Store.Append)
}

// ending leaves time for a last write, also where the work has used it up.
func ending(ctx context.Context) (context.Context, context.CancelFunc) {
	if end, ok := ctx.Deadline(); ok && ctx.Err() == nil && time.Until(end) > endingTime {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(context.WithoutCancel(ctx), endingTime)
}
