package sqs_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"clientkeeper/internal/sandbox/sqs"
)

func name(url string) string { return url[strings.LastIndex(url, "/")+1:] }

func TestZeroServiceWorks(t *testing.T) {
	r := serve(t, new(sqs.Service))
	q := r.queue(t, nil)
	r.send(t, q, "x")
	r.one(t, q)
}

func TestOptionsNameTheAccountAndRegion(t *testing.T) {
	r := newRoom(t, sqs.Options{Account: "210987654321", Region: "eu-west-1"})
	request := httptest.NewRequest(http.MethodPost, "http://queues.test/", strings.NewReader(`{"QueueName":"q"}`))
	request.Header.Set("X-Amz-Target", "AmazonSQS.CreateQueue") // and no signature
	answer := httptest.NewRecorder()
	r.service.ServeHTTP(answer, request)
	if got, want := answer.Body.String(), `{"QueueUrl":"http://queues.test/210987654321/q"}`; got != want {
		t.Errorf("answered %s, want %s", got, want)
	}
	if got, want := r.service.Queues()[0].ARN, "arn:aws:sqs:eu-west-1:210987654321:q"; got != want {
		t.Errorf("ARN is %s, want %s", got, want)
	}
}

func TestLookingCountsAsNothing(t *testing.T) {
	r := newRoom(t, sqs.Options{Region: "eu-central-1"})
	q, dlq := r.pair(t, 3, nil)
	r.send(t, q, "held")
	r.one(t, q)
	if err := r.sendAttributes(t, q, map[string]types.MessageAttributeValue{"n": text("v")}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		messages, ok := r.service.Messages(name(q))
		if !ok || len(messages) != 2 {
			t.Fatalf("got %v, %v", messages, ok)
		}
		held, waiting := messages[0], messages[1]
		if held.Body != "held" || held.State != "in flight" || held.ReceiveCount != 1 {
			t.Errorf("got %+v", held)
		}
		if waiting.State != "visible" || waiting.ReceiveCount != 0 || waiting.Attributes["n"] != "v" || waiting.SystemAttributes["SentTimestamp"] == "" {
			t.Errorf("got %+v", waiting)
		}
	}
	for _, v := range r.service.Queues() {
		if v.Name == name(q) {
			want := sqs.QueueView{
				Name: name(q), Region: "eu-central-1", ARN: r.arn(t, q), Visible: 1, InFlight: 1,
				DeadLetterARN: r.arn(t, dlq), MaxReceiveCount: 3, Tally: sqs.Tally{Sent: 2, Received: 1},
			}
			if diff := cmp.Diff(want, v); diff != "" {
				t.Error(diff)
			}
		}
	}
	if _, ok := r.service.Messages("missing"); ok {
		t.Error("there are messages in a queue that does not exist")
	}
	if _, ok := r.service.Messages(r.arn(t, q)); !ok {
		t.Error("a queue is not found by its ARN")
	}
}

func TestInFlightLimit(t *testing.T) {
	r := serve(t, sqs.New(sqs.Options{MaxInFlight: 2}))
	q, ordered := r.queue(t, nil), r.queue(t, fifo())
	for i := range 3 {
		r.send(t, q, fmt.Sprint(i))
		r.sendTo(t, ordered, fmt.Sprint(i), fmt.Sprint(i))
	}
	held := r.receive(t, q)
	if len(held) != 2 {
		t.Fatalf("received %d messages, want as many as may be in flight", len(held))
	}
	_, err := r.client.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &q})
	wantCode(t, err, "OverLimit")
	defer later(100*time.Millisecond, func() { r.delete(t, q, held[0].ReceiptHandle) })()
	began := time.Now()
	if got := bodies(r.poll(t, q, 20)); got != "2" || time.Since(began) > 15*time.Second {
		t.Errorf("a long poll got %q after %v once there was room", got, time.Since(began))
	}
	r.receive(t, ordered)
	r.none(t, ordered) // a FIFO queue gives no error
}

// Many clients at once: every message is delivered to one of them, once.
func TestConcurrentClients(t *testing.T) {
	const producers, consumers, batches = 8, 16, 50
	r := newRoom(t, sqs.Options{})
	q := r.queue(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var mu sync.Mutex
	seen := map[string]int{}
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			for b := range batches {
				in := &awssqs.SendMessageBatchInput{QueueUrl: &q}
				for i := range 10 {
					body := aws.String(fmt.Sprintf("%d-%d-%d", p, b, i))
					in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), MessageBody: body})
				}
				if _, err := r.client.SendMessageBatch(ctx, in); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range consumers {
		wg.Go(func() { consume(ctx, t, r, q, &mu, seen, producers*batches*10) })
	}
	wg.Wait()
	if len(seen) != producers*batches*10 {
		t.Errorf("%d messages arrived, want %d", len(seen), producers*batches*10)
	}
	for body, n := range seen {
		if n != 1 {
			t.Errorf("%s was delivered %d times", body, n)
		}
	}
	if got := r.counts(t, q); got != [3]string{"0", "0", "0"} {
		t.Errorf("counts are %v", got)
	}
}

// consume receives and deletes until all messages have been seen.
func consume(ctx context.Context, t *testing.T, r *room, q string, mu *sync.Mutex, seen map[string]int, all int) {
	for ctx.Err() == nil {
		out, err := r.client.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{QueueUrl: &q, MaxNumberOfMessages: 10, WaitTimeSeconds: 1})
		if err != nil {
			t.Error(err)
			return
		}
		in := &awssqs.DeleteMessageBatchInput{QueueUrl: &q}
		mu.Lock()
		for i, m := range out.Messages {
			seen[*m.Body]++
			in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), ReceiptHandle: m.ReceiptHandle})
		}
		done := len(seen) == all
		mu.Unlock()
		if len(in.Entries) > 0 {
			if _, err := r.client.DeleteMessageBatch(ctx, in); err != nil {
				t.Error(err)
			}
		}
		if done {
			return
		}
	}
}
