package handler

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"golang.org/x/sync/errgroup"

	"clientkeeper/internal/event"
	"clientkeeper/internal/queue"
	"clientkeeper/internal/registration"
	"clientkeeper/internal/telemetry"
)

// Registrar carries out one request. It may be called again with the same one.
type Registrar interface {
	Do(context.Context, registration.Request) (registration.Outcome, error)
}

// Queue is the way back to SQS. Hide answers [fault.NotFound] for a message
// that is no longer in the queue, or no longer this delivery's to decide about.
type Queue interface {
	Send(ctx context.Context, queueURL string, m queue.Message) error
	Hide(ctx context.Context, queueURL, receipt string, d time.Duration) error
	Delete(ctx context.Context, queueURL, receipt string) error
}

// RegisterClient handles batches from the registrations queue. Its fields are
// set once; it keeps nothing between two batches.
type RegisterClient struct {
	Service       Registrar
	Queue         Queue
	QueueURL      string // where the messages come from, and throttled ones go back to
	DeadLetterURL string
	Limits        Limits
	// Concurrency is how many messages are worked on at once; 0 means 1.
	Concurrency int
	Log         *slog.Logger
	Metrics     telemetry.Metrics
	Events      *event.Announcer // nil sends none
	// Observe, if set, is asked before each message for a context that carries
	// the correlation id to the tenant, and for a count of the calls made with
	// that context.
	Observe func(ctx context.Context, correlationID string) (context.Context, func() int)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

const (
	// reserve is kept back at the end of an invocation, to settle and to answer.
	reserve = 2 * time.Second
	// answering is the part of it in which SQS is not waited for any more:
	// without an answer, what was done would come back too.
	answering = 500 * time.Millisecond
	// worthwhile is the least time with which a message is begun. Where there
	// is not that much for each, the first ones get it and the rest go back.
	worthwhile = 2 * time.Second
	// patience is how long SQS may take to settle one message. A queue that
	// cannot be reached must not eat the time of the messages that need none.
	patience = 5 * time.Second
)

// Handle carries out the requests of a batch and answers with the messages
// that are to stay in the queue. It never fails as a whole, for a failure
// would return messages that were done, and it answers before the deadline of
// ctx, even if nobody answers it.
//
// Messages for the same document are done once. Messages of a FIFO queue's
// group are done in order, and after the first of them that has to stay, the
// rest of its group stays too.
func (h *RegisterClient) Handle(ctx context.Context, ev events.SQSEvent) (events.SQSEventResponse, error) {
	start := h.now()
	defer func(ctx context.Context) { h.Metrics.Put(nil, timeLeft(ctx)...) }(ctx)
	if end, ok := ctx.Deadline(); ok {
		earlier, cancel := context.WithDeadline(ctx, end.Add(-answering))
		defer cancel()
		ctx = earlier
	}
	b := h.newBatch(ctx, ev.Records)
	var g errgroup.Group
	g.SetLimit(max(h.Concurrency, 1))
	for _, l := range b.lanes {
		g.Go(func() error {
			b.run(ctx, l)
			return nil
		})
	}
	_ = g.Wait() // no lane returns an error

	var out events.SQSEventResponse
	for _, m := range b.messages {
		if m.stays {
			out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.record.MessageId})
		}
	}
	b.log.InfoContext(ctx, "batch", "messages", len(b.messages), "handed_back", len(out.BatchItemFailures),
		"duration_ms", h.now().Sub(start).Milliseconds())
	return out, nil
}

func (h *RegisterClient) now() time.Time {
	if h.Now != nil {
		return h.Now()
	}
	return time.Now()
}
