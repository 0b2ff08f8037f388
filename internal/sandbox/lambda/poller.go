package lambda

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"
)

const (
	// maxPoll is how long one receive call waits for messages.
	maxPoll = 20 * time.Second
	// deletePatience bounds one call to delete messages.
	deletePatience = 10 * time.Second
)

// Poller is a mapping at work: it receives batches, invokes the function with
// each, and deletes what succeeded. What failed it leaves alone; the queue
// shows it again when its visibility timeout has passed.
type Poller struct {
	// UUID names the mapping.
	UUID string

	service    *Service
	pool       *pool
	mapping    Mapping
	queue      Queue
	visibility time.Duration
	override   bool          // of the queue's visibility timeout
	places     chan struct{} // one in it for each batch being gathered or invoked

	mu      sync.Mutex
	stop    context.CancelFunc // nil while it does not poll
	stopped chan struct{}      // closed when polling ended and nothing is in hand

	inHand atomic.Int64 // messages received and not settled
	counts counts
}

// Counts is what a mapping has done so far, in messages unless said otherwise.
type Counts struct {
	Received    int64
	Invocations int64 // events
	Failures    int64 // events whose function failed, timed out or crashed
	Deleted     int64
	Returned    int64 // left to the queue after a failure
	Errors      int64 // calls of SQS, or deletes of one message, that failed
}

type counts struct{ received, invocations, failures, deleted, returned, errors atomic.Int64 }

// Counts returns the counters of this moment.
func (p *Poller) Counts() Counts {
	c := &p.counts
	return Counts{
		Received: c.received.Load(), Invocations: c.invocations.Load(), Failures: c.failures.Load(),
		Deleted: c.deleted.Load(), Returned: c.returned.Load(), Errors: c.errors.Load(),
	}
}

// Mapping returns the configuration, defaults filled in.
func (p *Poller) Mapping() Mapping { return p.mapping }

// Start polls again after [Poller.Stop]. It does nothing while it polls.
func (p *Poller) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stop != nil {
		return nil
	}
	if p.stopped != nil {
		<-p.stopped
	}
	ctx, cancel := context.WithCancel(p.service.ctx)
	stopped := make(chan struct{})
	err := p.service.spawn(func() {
		defer close(stopped)
		defer cancel()
		p.poll(ctx)
	})
	if err != nil {
		cancel()
		return err
	}
	p.stop, p.stopped = cancel, stopped
	return nil
}

// Stop polls no more, and returns when what is in hand has been invoked and
// settled, or with the error of ctx, if that ends first. Messages that are just
// on their way to us may stay hidden until their visibility timeout has passed.
func (p *Poller) Stop(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
	if p.stopped == nil {
		return nil
	}
	select {
	case <-p.stopped:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// poll gathers batches until ctx ends. It takes a place first, and looks whether
// the function has one, so that nothing is received that could not be invoked:
// every receive counts towards the dead-letter queue.
func (p *Poller) poll(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		select {
		case p.places <- struct{}{}:
		case <-ctx.Done():
			return
		}
		if p.pool.await(ctx) == nil {
			p.pool.release() // not kept while we wait for messages
		}
		batch := p.gather(ctx)
		if len(batch) == 0 {
			<-p.places
			if !sleep(ctx, 20*time.Millisecond) { // in case the queue answers without waiting
				return
			}
			continue
		}
		running.Go(func() {
			defer func() { <-p.places }()
			p.process(batch)
		})
	}
}

// gather receives one batch: what one call brings, or with a window what comes
// until the window has passed since the first message or the batch is full.
func (p *Poller) gather(ctx context.Context) []message {
	var batch []message
	var end time.Time
	for wait := maxPoll; ; wait = time.Until(end) {
		room := p.mapping.BatchSize - len(batch)
		if room == 0 || wait <= 0 || eventSize(batch) > maxSyncPayload {
			return batch
		}
		received, ok := p.receive(ctx, min(room, 10), min(wait, maxPoll))
		batch = append(batch, received...)
		if !ok || p.mapping.BatchingWindow == 0 || len(batch) == 0 {
			return batch
		}
		if end.IsZero() {
			end = time.Now().Add(p.mapping.BatchingWindow)
		}
	}
}

// receive makes one call. If it fails it waits a little, so that a queue which
// is gone is not asked without end, and reports false.
func (p *Poller) receive(ctx context.Context, most int, wait time.Duration) ([]message, bool) {
	in := &sqs.ReceiveMessageInput{
		QueueUrl:                    &p.mapping.QueueURL,
		MaxNumberOfMessages:         int32(most),
		WaitTimeSeconds:             int32((wait + time.Second - 1) / time.Second), // a poll of 0 s would spin
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		MessageAttributeNames:       []string{"All"},
	}
	if p.override {
		in.VisibilityTimeout = int32(p.visibility / time.Second)
	}
	out, err := p.queue.ReceiveMessage(ctx, in)
	if ctx.Err() != nil && err != nil {
		return nil, false
	}
	if err != nil {
		p.failed("cannot receive messages", err)
		sleep(ctx, time.Second)
		return nil, false
	}
	p.inHand.Add(int64(len(out.Messages)))
	p.counts.received.Add(int64(len(out.Messages)))
	var batch []message
	for _, m := range out.Messages {
		batch = append(batch, newMessage(m, p.mapping.QueueARN))
	}
	return batch, true
}

// process invokes the function with a batch, in parts if it is larger than an
// event may be. After a failure the rest of a FIFO batch is not tried, for it
// would overtake.
func (p *Poller) process(batch []message) {
	defer p.inHand.Add(-int64(len(batch)))
	parts := split(batch, maxSyncPayload)
	for i, part := range parts {
		stay := p.invoke(part)
		p.counts.returned.Add(int64(len(stay)))
		p.delete(part, stay)
		if len(stay) > 0 && p.mapping.fifo() {
			for _, rest := range parts[i+1:] {
				p.counts.returned.Add(int64(len(rest)))
			}
			return
		}
	}
}

// invoke returns the messages that stay in the queue. A throttle is waited out
// as long as the messages are hidden and the function has time for them.
func (p *Poller) invoke(batch []message) map[string]bool {
	patience := max(p.visibility-p.pool.function.Timeout, time.Second)
	ctx, cancel := context.WithTimeout(p.service.ctx, patience)
	defer cancel()
	in := Invocation{Function: p.pool.function.Name, Payload: event(batch)}
	var result Result
	_, err := p.service.admit(&in)
	if err == nil {
		err = p.pool.await(ctx)
	}
	if err == nil {
		p.counts.invocations.Add(1)
		result, err = p.service.background(p.service.ctx, p.pool, in, uuid.NewString())
	}
	if err != nil {
		result.FunctionError = "Unhandled" // closed, throttled or refused
	}
	if result.FunctionError != "" {
		p.counts.failures.Add(1)
	}
	return remaining(p.mapping.ReportBatchItemFailures, result, batch)
}

// delete removes all messages of a batch that do not stay, ten at a time.
func (p *Poller) delete(batch []message, stay map[string]bool) {
	var entries []types.DeleteMessageBatchRequestEntry
	for i, m := range batch {
		if !stay[m.id] {
			entries = append(entries, types.DeleteMessageBatchRequestEntry{
				Id: new(strconv.Itoa(i)), ReceiptHandle: new(m.receipt),
			})
		}
	}
	for len(entries) > 0 {
		n := min(len(entries), 10)
		p.deleteTen(entries[:n])
		entries = entries[n:]
	}
}

// deleteTen makes one call, even when the service is about to close, because
// the work is done. A message that cannot be deleted comes back later, which
// at-least-once delivery allows.
func (p *Poller) deleteTen(entries []types.DeleteMessageBatchRequestEntry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.service.ctx), deletePatience)
	defer cancel()
	out, err := p.queue.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{
		QueueUrl: &p.mapping.QueueURL, Entries: entries,
	})
	if err != nil {
		p.failed("cannot delete messages", err)
		return
	}
	p.counts.deleted.Add(int64(len(entries) - len(out.Failed)))
	for _, f := range out.Failed {
		p.counts.errors.Add(1)
		p.service.options.Log.Warn("cannot delete a message",
			slog.String("queue", p.mapping.QueueARN), slog.String("code", deref(f.Code)))
	}
}

func (p *Poller) failed(what string, err error) {
	p.counts.errors.Add(1)
	p.service.options.Log.Warn(what, slog.String("queue", p.mapping.QueueARN), slog.Any("err", err))
}
