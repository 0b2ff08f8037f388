package handler

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"clientkeeper/internal/registration"
)

// A message is one record on its way through a batch.
type message struct {
	record  events.SQSMessage
	request registration.Request
	err     error // why the body was not understood
	circumstances
	originID  string // the record's id, or that of the message it is a copy of
	firstSeen time.Time
	stays     bool
}

// A lane is messages that are done one after the other.
type lane struct {
	messages []*message
	ordered  bool // the first that stays keeps the rest
}

// A batch is the state of one invocation.
type batch struct {
	*RegisterClient
	log      *slog.Logger
	messages []*message
	lanes    []*lane
	waiting  atomic.Int64 // messages that nobody has begun
}

func (h *RegisterClient) newBatch(ctx context.Context, records []events.SQSMessage) *batch {
	b := &batch{RegisterClient: h, log: h.Log}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		b.log = h.Log.With("request_id", lc.AwsRequestID)
	}
	byKey := map[string]*lane{}
	for _, r := range records {
		m := h.newMessage(r)
		key, ordered := m.laneKey()
		if byKey[key] == nil {
			byKey[key] = &lane{ordered: ordered}
			b.lanes = append(b.lanes, byKey[key])
		}
		byKey[key].messages = append(byKey[key].messages, m)
		b.messages = append(b.messages, m)
	}
	b.waiting.Store(int64(len(b.messages)))
	return b
}

// laneKey puts the messages of a FIFO queue's group into one lane, and so the
// messages of a standard queue that ask for the same thing.
func (m *message) laneKey() (key string, ordered bool) {
	switch {
	case m.fifo:
		return "group " + m.group(), true
	case m.err != nil:
		return "message " + m.record.MessageId + " " + m.record.ReceiptHandle, false
	}
	return "request " + m.request.Key(), false
}

// A result is what the service said of one request.
type result struct {
	outcome registration.Outcome
	err     error
	calls   int
	took    time.Duration
}

// run does the messages of a lane. A request that the lane has seen is not
// made again; its messages share the result.
func (b *batch) run(ctx context.Context, l *lane) {
	done := map[string]result{}
	stopped := false
	for _, m := range l.messages {
		remaining := b.waiting.Add(-1) + 1
		if stopped {
			b.handBack(ctx, m, "an earlier message of its group stays")
			continue
		}
		key := m.request.Key()
		r, seen := done[key]
		switch {
		case m.err != nil:
			r = result{err: m.err}
		case !seen:
			share, ok := b.share(ctx, remaining)
			if !ok {
				b.handBack(ctx, m, "too little time is left in this invocation")
				stopped = l.ordered
				continue
			}
			r = b.do(ctx, m, share)
			again := result{outcome: r.outcome, err: r.err}
			again.outcome.Created = false
			done[key] = again
		}
		b.dispose(ctx, m, r)
		stopped = l.ordered && m.stays
	}
}

// share gives a message its part of the time that is left for all that wait,
// so that a slow one cannot eat its neighbours' time.
func (b *batch) share(ctx context.Context, remaining int64) (time.Duration, bool) {
	end, ok := ctx.Deadline()
	if !ok {
		return time.Minute, true
	}
	width := int64(max(b.Concurrency, 1))
	rounds := (max(remaining, 1) + width - 1) / width
	left := time.Until(end) - (reserve - answering)
	return max(left/time.Duration(rounds), worthwhile), left >= worthwhile
}

// do makes one call, within its share of the time. A panic is one message's
// failure, not its neighbours'; its text is withheld, for it may hold anything.
func (b *batch) do(ctx context.Context, m *message, share time.Duration) (r result) {
	start := b.now()
	ctx, cancel := context.WithTimeout(registration.WithMessage(ctx, m.originID), share)
	defer cancel()
	calls := func() int { return 0 }
	if b.Observe != nil {
		ctx, calls = b.Observe(ctx, m.correlationID())
	}
	defer func() {
		if p := recover(); p != nil {
			r.err = panicked("handler.register_client", p)
		}
		r.calls, r.took = calls(), b.now().Sub(start)
	}()
	r.outcome, r.err = b.Service.Do(ctx, m.request)
	return r
}

// correlationID is the requester's own id, or else the message's. Auth0 shows
// 64 characters of it.
func (m *message) correlationID() string {
	if m.request.RequestID != "" {
		return m.request.RequestID
	}
	return m.originID
}

// isFIFO reports whether an ARN names a FIFO queue.
func isFIFO(arn string) bool { return strings.HasSuffix(arn, ".fifo") }
