package lambda_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"clientkeeper/internal/sandbox/lambda"
)

// counted is a queue that tells when its messages have been counted.
type counted struct {
	*queues
	counts  atomic.Int64
	counted func()
}

func (c *counted) GetQueueAttributes(ctx context.Context, in *sqs.GetQueueAttributesInput, o ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error) {
	if c.counted != nil {
		defer c.counted()
	}
	return c.queues.GetQueueAttributes(ctx, in, o...)
}

func TestStopAndStart(t *testing.T) {
	checkGoroutines(t)
	q := &counted{queues: newQueues(t)}
	m := q.create(t, "q", nil)
	s, p, _ := consume(t, lambda.Options{}, lambda.Function{}, m, q)
	for range 2 { // twice is fine
		if err := p.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	q.send(t, m, "slow 1", "slow 2")
	time.Sleep(100 * time.Millisecond)
	if n := q.count(t, m); n != 2 || p.Counts().Received != 0 {
		t.Errorf("a mapping that was stopped took messages: %d left, %+v", n, p.Counts())
	}
	for range 2 {
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if !eventually(func() bool { return p.Counts().Invocations == 1 }) {
		t.Fatal("it does not poll again")
	}
	if err := p.Stop(t.Context()); err != nil || p.Counts().Deleted != 2 {
		t.Errorf("Stop did not wait for what was in hand: %v, %+v", err, p.Counts())
	}
	q.send(t, m, "ok")
	ctx, cancel := context.WithCancel(t.Context())
	q.counted = func() { // once it knows how many there are
		if q.counts.Add(1) == 3 {
			cancel()
		}
	}
	if err := p.Idle(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "1 messages") {
		t.Errorf("Idle with a message in the queue: %v", err)
	}
	s.Close()
	if err := p.Start(); !errors.Is(err, lambda.ErrClosed) {
		t.Errorf("Start after Close: %v", err)
	}
}

// Close in the middle of everything leaves the messages to the queue.
func TestCloseWhileConsuming(t *testing.T) {
	checkGoroutines(t)
	q := newQueues(t)
	m := q.create(t, "q", map[string]string{"VisibilityTimeout": "900"})
	m.BatchSize = 1
	s, p, j := consume(t, lambda.Options{}, lambda.Function{Timeout: 15 * time.Minute}, m, q)
	q.send(t, m, "hang 1", "hang 2", "hang 3")
	if !eventually(func() bool { return len(j.reports(lambda.Start)) == 3 }) {
		t.Fatal("not all started")
	}
	began := time.Now()
	s.Close()
	if took := time.Since(began); took > 5*time.Minute {
		t.Errorf("Close took %s: it waited for the functions", took)
	}
	if n := q.count(t, m); n != 3 || p.Counts().Deleted != 0 {
		t.Errorf("%d of 3 messages are left: %+v", n, p.Counts())
	}
}

// flaky is a queue whose calls fail now and then.
type flaky struct {
	*queues
	receives, deletes atomic.Int64
}

func (f *flaky) ReceiveMessage(ctx context.Context, in *sqs.ReceiveMessageInput, o ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error) {
	if f.receives.Add(1) == 1 {
		return nil, errors.New("no route to queue")
	}
	return f.queues.ReceiveMessage(ctx, in, o...)
}

// DeleteMessageBatch fails as a whole at first, then for one entry.
func (f *flaky) DeleteMessageBatch(ctx context.Context, in *sqs.DeleteMessageBatchInput, o ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error) {
	switch f.deletes.Add(1) {
	case 1:
		return nil, errors.New("no route to queue")
	case 2:
		lost := in.Entries[0].Id
		in.Entries = in.Entries[1:]
		out, err := f.queues.DeleteMessageBatch(ctx, in, o...)
		if err == nil {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: lost, Code: new("InternalError")})
		}
		return out, err
	}
	return f.queues.DeleteMessageBatch(ctx, in, o...)
}

// What could not be deleted is delivered again, and nothing is lost.
func TestQueueFails(t *testing.T) {
	q := &flaky{queues: newQueues(t)}
	m := q.create(t, "q", nil)
	q.send(t, m, "ok 1", "ok 2", "ok 3")
	_, p, j := consume(t, lambda.Options{}, lambda.Function{}, m, q)
	for _, invocations := range []int64{1, 2} {
		if !eventually(func() bool { return p.Counts().Errors == 1+invocations }) {
			t.Fatalf("counts %+v", p.Counts())
		}
		q.advance(31 * time.Second)
	}
	idle(t, p)
	want := lambda.Counts{Received: 3 + 3 + 1, Invocations: 3, Deleted: 3, Errors: 3}
	if c := p.Counts(); c != want {
		t.Errorf("counts %+v, want %+v", c, want)
	}
	if n := len(j.delivered(t)); n != 3 {
		t.Errorf("%d events", n)
	}
}
