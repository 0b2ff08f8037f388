package handler

import (
	"context"
	"errors"
	"time"

	"clientkeeper/internal/event"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/queue"
	"clientkeeper/internal/telemetry"
)

// dispose carries out what Limits.decide says and writes the message's line.
func (b *batch) dispose(ctx context.Context, m *message, r result) {
	what, wait := b.Limits.decide(r.err, m.circumstances)
	name := outcomeName(m.request, r.outcome)
	var failed error
	switch what {
	case deadLetter:
		name, failed = b.move(ctx, m, "rejected", b.DeadLetterURL, m.deadLetterCopy(ctx, r.err))
	case postpone:
		name, failed = b.move(ctx, m, "postponed", b.QueueURL, m.postponedCopy(ctx, r.err, wait))
	case retry:
		name = "returned"
		b.keep(ctx, m, wait)
	}
	if failed != nil { // the copy could not be made: the original stays
		wait = b.Limits.wait(failed, m.receives)
		b.keep(ctx, m, wait)
		r.err = errors.Join(failed, r.err)
	}
	b.report(ctx, m, r, name, wait)
	b.tell(ctx, m, r, name)
}

// tell announces what others want to know of a message.
func (b *batch) tell(ctx context.Context, m *message, r result, outcome string) {
	done := clientOf(m.request, r.outcome)
	var what event.Data
	switch outcome {
	case "created":
		what = event.ClientRegistered(done)
	case "updated":
		what = event.ClientChanged(done)
	case "rejected":
		violations, warnings := r.findings()
		what = event.ClientRejected{MessageID: m.originID, ExternalClientID: done.ExternalClientID, RequestID: done.RequestID,
			RequestedBy: done.RequestedBy, Reason: fault.Reason(r.err), Violations: telemetry.Texts(violations), Warnings: telemetry.Texts(warnings)}
	default:
		return
	}
	announce(ctx, b.Events, b.log, b.Metrics, m.correlationID(), what)
}

// move sends a copy and deletes the original at once, rather than leaving that
// to the end of the invocation: what is between the two is what a crash can
// double. Hiding the original first tells whether it is still ours to move. If
// it is not, another delivery has settled it or is about to, and it is left
// alone: were it deleted in the name of this one, the other would find it gone
// and leave it at that, and nobody had moved it.
func (b *batch) move(ctx context.Context, m *message, name, queueURL string, copied queue.Message) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := b.Queue.Hide(ctx, b.QueueURL, m.record.ReceiptHandle, time.Minute)
	if fault.KindOf(err) == fault.NotFound && fault.Reason(err) == "message_gone" {
		m.stays = true
		return "duplicate", nil
	}
	if err := b.Queue.Send(ctx, queueURL, copied); err != nil {
		return "returned", err
	}
	// Should this fail, Lambda deletes it too.
	_ = b.Queue.Delete(ctx, b.QueueURL, m.record.ReceiptHandle)
	return name, nil
}

// keep leaves a message in the queue, hidden for a while. Should hiding fail,
// it comes back after the queue's own visibility timeout.
func (b *batch) keep(ctx context.Context, m *message, wait time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m.stays = true
	_ = b.Queue.Hide(ctx, b.QueueURL, m.record.ReceiptHandle, wait)
}

// handBack leaves a message that was not begun in the queue, visible at once.
func (b *batch) handBack(ctx context.Context, m *message, why string) {
	b.keep(ctx, m, 0)
	b.measure(m, "handed_back")
	b.log.WarnContext(ctx, "handed back", "message_id", m.record.MessageId, "outcome", "handed_back", "reason", why, "receives", m.receives)
}
