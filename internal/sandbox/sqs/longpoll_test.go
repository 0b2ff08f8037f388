package sqs_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"clientkeeper/internal/sandbox/sqs"
)

// With the real clock nobody looks again in between, so a poll that is not
// woken lasts to its end.
func TestLongPollIsWoken(t *testing.T) {
	for name, c := range map[string]struct {
		attributes map[string]string
		// prepare leaves nothing to receive; what it returns happens while the
		// poll waits, and makes a message receivable.
		prepare func(*testing.T, *room, string) func()
	}{
		"by a message": {nil, func(t *testing.T, r *room, q string) func() {
			return func() { r.sendDelayed(t, q, 0) }
		}},
		"by a delayed message, when it is due": {nil, func(t *testing.T, r *room, q string) func() {
			return func() { r.sendDelayed(t, q, 1) }
		}},
		"by a message that was due later and now is sooner": {nil, func(t *testing.T, r *room, q string) func() {
			r.send(t, q, "x")
			handle := r.one(t, q).ReceiptHandle
			return func() { r.hide(t, q, handle, 1) }
		}},
		"by a message given back": {nil, func(t *testing.T, r *room, q string) func() {
			r.send(t, q, "x")
			handle := r.one(t, q).ReceiptHandle
			return func() { r.hide(t, q, handle, 0) }
		}},
		"by the end of a visibility timeout": {map[string]string{"VisibilityTimeout": "1"},
			func(t *testing.T, r *room, q string) func() {
				r.send(t, q, "x")
				r.one(t, q)
				return func() {}
			}},
		"by a group that becomes free": {fifo(), func(t *testing.T, r *room, q string) func() {
			r.sendTo(t, q, "g", "x")
			handle := r.one(t, q).ReceiptHandle
			r.sendTo(t, q, "g", "y")
			return func() { r.delete(t, q, handle) }
		}},
		"by a move task, when it is due": {nil, func(t *testing.T, r *room, q string) func() {
			_, dlq := r.withDeadLetters(t, 1)
			to := r.arn(t, q)
			return func() { r.move(t, dlq, to, 1) }
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := serve(t, new(sqs.Service))
			q := r.queue(t, c.attributes)
			act := c.prepare(t, r, q)
			defer later(200*time.Millisecond, act)()
			began := time.Now()
			if messages := r.poll(t, q, 20); len(messages) != 1 || time.Since(began) > 15*time.Second {
				t.Errorf("got %d messages after %v", len(messages), time.Since(began))
			}
		})
	}
}

func (r *room) sendDelayed(t *testing.T, url string, seconds int32) {
	if _, err := r.client.SendMessage(context.Background(), &awssqs.SendMessageInput{
		QueueUrl: &url, MessageBody: aws.String("x"), DelaySeconds: seconds,
	}); err != nil {
		t.Error(err)
	}
}

func TestLongPollSeesAClockThatJumps(t *testing.T) {
	for name, jump := range map[string]func(*room){
		"announced":   func(r *room) { r.pass(time.Hour) },
		"unannounced": func(r *room) { r.clock.move(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t, sqs.Options{})
			q := r.queue(t, map[string]string{"DelaySeconds": "900"})
			r.send(t, q, "x")
			defer later(100*time.Millisecond, func() { jump(r) })()
			began := time.Now()
			if messages := r.poll(t, q, 20); len(messages) != 1 || time.Since(began) > 15*time.Second {
				t.Errorf("got %d messages after %v", len(messages), time.Since(began))
			}
		})
	}
}

func TestCloseEndsLongPolls(t *testing.T) {
	r := newRoom(t, sqs.Options{})
	q := r.queue(t, nil)
	defer later(100*time.Millisecond, r.service.Close)()
	began := time.Now()
	if messages := r.poll(t, q, 20); len(messages) != 0 || time.Since(began) > 15*time.Second {
		t.Errorf("got %d messages after %v", len(messages), time.Since(began))
	}
	r.service.Close()
	r.send(t, q, "x")
	r.one(t, q)
}

func TestDeletingAQueueEndsItsLongPolls(t *testing.T) {
	r := newRoom(t, sqs.Options{})
	q := r.queue(t, nil)
	defer later(100*time.Millisecond, func() {
		r.client.DeleteQueue(context.Background(), &awssqs.DeleteQueueInput{QueueUrl: &q})
	})()
	_, err := r.client.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &q, WaitTimeSeconds: 20})
	wantCode(t, err, "AWS.SimpleQueueService.NonExistentQueue")
}
