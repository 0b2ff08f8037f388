package handler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"golang.org/x/sync/errgroup"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/queue"
	"clientkeeper/internal/registration"
)

// Registrar carries out one request. It may be called again with the same one.
type Registrar interface {
	Do(context.Context, registration.Request) (registration.Outcome, error)
}

// Queue is the way back to SQS. Hide answers [fault.NotFound] for a message
// that is no longer in the queue.
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
	// Observe, if set, is asked before each message for a context that carries
	// the correlation id to the tenant, and for a count of the calls made with
	// that context.
	Observe func(ctx context.Context, correlationID string) (context.Context, func() int)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

const (
	// reserve is the time kept back to settle messages and to answer.
	reserve = 2 * time.Second
	// worthwhile is the least time with which a message is begun. Where there
	// is not that much for each, the first ones get it and the rest go back.
	worthwhile = 2 * time.Second
)

// Handle carries out the requests of a batch and answers with the messages
// that are to stay in the queue. It never fails as a whole: a failure would
// return messages that were done.
//
// Messages for the same document are done once. Messages of a FIFO queue's
// group are done in order, and after the first of them that has to stay, the
// rest of its group stays too.
func (h *RegisterClient) Handle(ctx context.Context, ev events.SQSEvent) (events.SQSEventResponse, error) {
	start := h.now()
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
		return "group " + m.record.Attributes["MessageGroupId"], true
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
	left := time.Until(end) - reserve
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
			r.err = &fault.Error{Kind: fault.Internal, Op: "handler.register_client", Reason: "panic", Detail: fmt.Sprintf("a panic with a %T", p)}
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
}

// move sends a copy and deletes the original at once, rather than leaving that
// to the end of the invocation: what is between the two is what a crash can
// double. Hiding the original first tells whether it is there at all; if
// another delivery of it has been settled meanwhile, there is nothing to move.
func (b *batch) move(ctx context.Context, m *message, name, queueURL string, copied queue.Message) (string, error) {
	err := b.Queue.Hide(ctx, b.QueueURL, m.record.ReceiptHandle, time.Minute)
	if fault.KindOf(err) == fault.NotFound && fault.Reason(err) == "message_gone" {
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
	m.stays = true
	_ = b.Queue.Hide(ctx, b.QueueURL, m.record.ReceiptHandle, wait)
}

// handBack leaves a message that was not begun in the queue, visible at once.
func (b *batch) handBack(ctx context.Context, m *message, why string) {
	b.keep(ctx, m, 0)
	b.log.WarnContext(ctx, "handed back", "message_id", m.record.MessageId, "outcome", "handed_back", "reason", why, "receives", m.receives)
}

func outcomeName(r registration.Request, o registration.Outcome) string {
	switch {
	case r.Mode == registration.Preview:
		return "previewed"
	case o.Created:
		return "created"
	}
	return "updated"
}

// report writes the message's one line.
func (b *batch) report(ctx context.Context, m *message, r result, outcome string, wait time.Duration) {
	attrs := []any{"message_id", m.record.MessageId, "outcome", outcome, "receives", m.receives,
		"tenant_calls", r.calls, "duration_ms", r.took.Milliseconds()}
	add := func(name, value string) {
		if value != "" {
			attrs = append(attrs, name, value)
		}
	}
	if m.originID != m.record.MessageId {
		add("origin_id", m.originID)
	}
	add("external_client_id", m.request.ClientID.String())
	add("mode", string(m.request.Mode))
	add("request", m.request.RequestID)
	add("requested_by", m.request.RequestedBy)
	violations, warnings := r.outcome.Violations, r.outcome.Warnings
	if refusal, ok := errors.AsType[*registration.Refusal](r.err); ok {
		violations, warnings = refusal.Violations, refusal.Warnings
	}
	level := slog.LevelInfo
	if r.err != nil {
		level = slog.LevelWarn
		attrs = append(attrs, "kind", fault.KindOf(r.err), "reason", fault.Reason(r.err), "err", r.err)
	} else {
		add("client_id", r.outcome.ClientID)
		attrs = append(attrs, "created", r.outcome.Created)
	}
	if outcome == "rejected" {
		level = slog.LevelError
	}
	if len(violations) > 0 {
		attrs = append(attrs, "violations", violations)
	}
	if len(warnings) > 0 {
		attrs = append(attrs, "warnings", warnings)
	}
	if wait > 0 {
		add("retry_in", wait.Round(time.Second).String())
	}
	b.log.Log(ctx, level, "registration", attrs...)
}

// isFIFO reports whether an ARN names a FIFO queue.
func isFIFO(arn string) bool { return strings.HasSuffix(arn, ".fifo") }
