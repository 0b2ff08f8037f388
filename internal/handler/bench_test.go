package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/handler"
	"clientkeeper/internal/queue"
	"clientkeeper/internal/registration"
	"clientkeeper/internal/telemetry"
)

const (
	queueURL = "https://sqs.test/1/registrations"
	dlqURL   = "https://sqs.test/1/registrations-dlq"
	arn      = "arn:aws:sqs:eu-central-1:1:registrations"
)

type registrarFunc func(context.Context, registration.Request) (registration.Outcome, error)

func (f registrarFunc) Do(ctx context.Context, r registration.Request) (registration.Outcome, error) {
	return f(ctx, r)
}

// fakeQueue remembers what was done to it. Its errors are by operation.
type fakeQueue struct {
	mu      sync.Mutex
	errs    map[string]error
	hangs   map[string]bool // operations that end with their context alone
	sent    map[string][]queue.Message
	hidden  map[string]time.Duration
	deleted []string
}

func (q *fakeQueue) answer(ctx context.Context, op string) error {
	if q.hangs[op] {
		<-ctx.Done()
		return &fault.Error{Kind: fault.Unavailable, Err: ctx.Err()}
	}
	return q.errs[op]
}

func (q *fakeQueue) Send(ctx context.Context, url string, m queue.Message) error {
	if err := q.answer(ctx, "send"); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.sent == nil {
		q.sent = map[string][]queue.Message{}
	}
	q.sent[url] = append(q.sent[url], m)
	return nil
}

func (q *fakeQueue) Hide(ctx context.Context, _, receipt string, d time.Duration) error {
	if err := q.answer(ctx, "hide"); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.hidden == nil {
		q.hidden = map[string]time.Duration{}
	}
	q.hidden[receipt] = d
	return nil
}

func (q *fakeQueue) Delete(ctx context.Context, _, receipt string) error {
	q.mu.Lock()
	q.deleted = append(q.deleted, receipt)
	q.mu.Unlock()
	return q.answer(ctx, "delete")
}

func record(n int, body string) events.SQSMessage {
	now := millis(time.Now())
	return events.SQSMessage{
		MessageId: fmt.Sprintf("m%d", n), ReceiptHandle: fmt.Sprintf("r%d", n), Body: body, EventSourceARN: arn,
		Attributes: map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": now, "ApproximateFirstReceiveTimestamp": now},
	}
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

func fifo(n int, group, body string) events.SQSMessage {
	r := record(n, body)
	r.EventSourceARN += ".fifo"
	r.Attributes["MessageGroupId"] = group
	return r
}

func url(n int) string { return fmt.Sprintf("https://agents.example.com/client-%d.json", n) }

// bench is a handler between a registrar and a queue that remember.
type bench struct {
	handler.RegisterClient
	queue fakeQueue
	log   bytes.Buffer
	mu    sync.Mutex
	asked []string
}

func newBench(do func(context.Context, registration.Request) (registration.Outcome, error)) *bench {
	b := &bench{}
	b.RegisterClient = handler.RegisterClient{
		Queue: &b.queue, QueueURL: queueURL, DeadLetterURL: dlqURL, Concurrency: 4,
		Limits: handler.Limits{MaxTries: 3, RetryBase: 10 * time.Second, RetryMax: time.Minute, MaxAge: time.Hour},
		Log:    telemetry.Logger(&b.log, "register-client", "test", "DEBUG"),
		Service: registrarFunc(func(ctx context.Context, r registration.Request) (registration.Outcome, error) {
			b.mu.Lock()
			b.asked = append(b.asked, r.ClientID.String())
			b.mu.Unlock()
			return do(ctx, r)
		}),
	}
	return b
}

func succeed(context.Context, registration.Request) (registration.Outcome, error) {
	return registration.Outcome{ClientID: "tpc_1", Created: true, Validation: registration.Validation{Valid: true, Warnings: []string{"w"}}}, nil
}

func failWith(err error) func(context.Context, registration.Request) (registration.Outcome, error) {
	return func(context.Context, registration.Request) (registration.Outcome, error) {
		return registration.Outcome{}, err
	}
}

// handle runs a batch and returns the ids that stay.
func (b *bench) handle(t *testing.T, ctx context.Context, records ...events.SQSMessage) []string {
	t.Helper()
	out, err := b.Handle(ctx, events.SQSEvent{Records: records})
	if err != nil {
		t.Fatalf("the handler failed as a whole: %v", err)
	}
	var ids []string
	for _, f := range out.BatchItemFailures {
		ids = append(ids, f.ItemIdentifier)
	}
	return ids
}

// outcomes are the outcome of each message's line.
func (b *bench) outcomes(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for line := range strings.Lines(b.log.String()) {
		var l struct {
			MessageID string `json:"message_id"`
			Outcome   string
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("not a JSON line: %q", line)
		}
		if l.MessageID == "" {
			continue
		}
		if out[l.MessageID] != "" {
			t.Errorf("message %s has two lines", l.MessageID)
		}
		out[l.MessageID] = l.Outcome
	}
	return out
}
