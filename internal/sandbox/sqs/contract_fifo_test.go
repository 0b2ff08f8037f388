package sqs_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

func fifo(more ...string) map[string]string {
	out := map[string]string{"FifoQueue": "true"}
	for i := 0; i < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

var fifoCases = []contractCase{
	{id: "R60", name: "one receive takes a group in order", run: func(t *testing.T, r *room) {
		q := r.queue(t, fifo())
		for _, body := range []string{"1", "2", "3"} {
			r.sendTo(t, q, "g", body)
		}
		if got := bodies(r.receive(t, q)); got != "1 2 3" {
			t.Errorf("received %q", got)
		}
	}},
	{id: "R61", name: "a group with a message in flight waits, others flow", run: func(t *testing.T, r *room) {
		q := r.queue(t, fifo())
		r.sendTo(t, q, "g", "g1")
		first := r.one(t, q)
		r.sendTo(t, q, "g", "g2")
		r.sendTo(t, q, "h", "h1")
		if got := bodies(r.receive(t, q)); got != "h1" {
			t.Errorf("received %q, want only the other group", got)
		}
		r.delete(t, q, first.ReceiptHandle)
		if got := bodies(r.receive(t, q)); got != "g2" {
			t.Errorf("received %q once the group was free", got)
		}
	}},
	{id: "R62", name: "a message given back comes before those behind it", run: func(t *testing.T, r *room) {
		q := r.queue(t, fifo())
		r.sendTo(t, q, "g", "1")
		m := r.one(t, q)
		r.sendTo(t, q, "g", "2")
		if err := r.hide(t, q, m.ReceiptHandle, 0); err != nil {
			t.Fatal(err)
		}
		if got := bodies(r.receive(t, q)); got != "1 2" {
			t.Errorf("received %q", got)
		}
	}},
	{id: "R63", name: "a long poll returns when a group becomes free", run: func(t *testing.T, r *room) {
		q := r.queue(t, fifo())
		r.sendTo(t, q, "g", "1")
		m := r.one(t, q)
		r.sendTo(t, q, "g", "2")
		defer later(300*time.Millisecond, func() { r.delete(t, q, m.ReceiptHandle) })()
		began := time.Now()
		if got := bodies(r.poll(t, q, 20)); got != "2" || time.Since(began) > 15*time.Second {
			t.Errorf("received %q after %v", got, time.Since(began))
		}
	}},
	{id: "R64", name: "a group id and a way to tell duplicates are required", run: func(t *testing.T, r *room) {
		q := r.queue(t, fifo())
		_, err := r.client.SendMessage(t.Context(), &awssqs.SendMessageInput{
			QueueUrl: &q, MessageBody: aws.String("x"), MessageDeduplicationId: aws.String("d"),
		})
		wantCode(t, err, "MissingParameter")
		_, err = r.client.SendMessage(t.Context(), &awssqs.SendMessageInput{
			QueueUrl: &q, MessageBody: aws.String("x"), MessageGroupId: aws.String("g"),
		})
		wantCode(t, err, "InvalidParameterValue")
		r.says(t, err, "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	}},
	{id: "R65", name: "an entry without a group id fails its whole batch", run: func(t *testing.T, r *room) {
		q := r.queue(t, fifo("ContentBasedDeduplication", "true"))
		_, err := r.client.SendMessageBatch(t.Context(), &awssqs.SendMessageBatchInput{
			QueueUrl: &q, Entries: []types.SendMessageBatchRequestEntry{
				{Id: aws.String("1"), MessageBody: aws.String("x"), MessageGroupId: aws.String("g")},
				{Id: aws.String("2"), MessageBody: aws.String("y")},
			},
		})
		wantCode(t, err, "InvalidParameterValue")
		r.none(t, q)
	}},
	{id: "R66", name: "a duplicate is accepted and not delivered", run: func(t *testing.T, r *room) {
		q := r.queue(t, fifo())
		first := r.sendTo(t, q, "g", "x")
		second := r.sendTo(t, q, "g", "x")
		if *first.MessageId != *second.MessageId || *first.SequenceNumber != *second.SequenceNumber {
			t.Errorf("the duplicate became %s %s, was %s %s", *second.MessageId, *second.SequenceNumber, *first.MessageId, *first.SequenceNumber)
		}
		r.one(t, q)
		if got := r.counts(t, q); got != [3]string{"0", "1", "0"} {
			t.Errorf("counts are %v", got)
		}
	}},
	{id: "R67", name: "a duplicate is recognized in another group too", run: func(t *testing.T, r *room) {
		q := r.queue(t, fifo())
		r.sendTo(t, q, "g", "x")
		r.sendTo(t, q, "h", "x")
		r.one(t, q)
	}},
	{id: "Q28", name: "a duplicate is recognized after the original was deleted", run: func(t *testing.T, r *room) {
		q := r.queue(t, fifo())
		r.sendTo(t, q, "g", "x")
		r.delete(t, q, r.one(t, q).ReceiptHandle)
		r.sendTo(t, q, "g", "x")
		r.none(t, q)
	}},
	{id: "R68", name: "a duplicate is recognized for five minutes", slow: true, run: func(t *testing.T, r *room) {
		q := r.queue(t, fifo())
		r.sendTo(t, q, "g", "x")
		r.delete(t, q, r.one(t, q).ReceiptHandle)
		r.pass(299 * time.Second)
		r.sendTo(t, q, "g", "x")
		r.none(t, q)
		r.pass(2 * time.Second)
		r.sendTo(t, q, "g", "x")
		r.one(t, q)
	}},
	{id: "R69", name: "content-based deduplication looks at the body alone", run: func(t *testing.T, r *room) {
		q := r.queue(t, fifo("ContentBasedDeduplication", "true"))
		send := func(body string, attributes map[string]types.MessageAttributeValue) {
			t.Helper()
			if _, err := r.client.SendMessage(t.Context(), &awssqs.SendMessageInput{
				QueueUrl: &q, MessageBody: &body, MessageGroupId: aws.String("g"), MessageAttributes: attributes,
			}); err != nil {
				t.Fatal(err)
			}
		}
		send("x", nil)
		send("x", map[string]types.MessageAttributeValue{"n": text("v")})
		send("y", nil)
		messages := r.receive(t, q)
		if got := bodies(messages); got != "x y" {
			t.Fatalf("received %q", got)
		}
		const sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
		if got := messages[0].Attributes["MessageDeduplicationId"]; got != sha256 {
			t.Errorf("deduplication id is %s", got)
		}
	}},
	{id: "R70", name: "a delay of its own is refused", run: func(t *testing.T, r *room) {
		q := r.queue(t, fifo())
		_, err := r.client.SendMessage(t.Context(), &awssqs.SendMessageInput{
			QueueUrl: &q, MessageBody: aws.String("x"), DelaySeconds: 2,
			MessageGroupId: aws.String("g"), MessageDeduplicationId: aws.String("d"),
		})
		wantCode(t, err, "InvalidParameterValue")
		r.says(t, err, "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.")
	}},
	{id: "R71", name: "sequence numbers grow", run: func(t *testing.T, r *room) {
		q := r.queue(t, fifo())
		a, b := r.sendTo(t, q, "g", "1"), r.sendTo(t, q, "g", "2")
		if *a.SequenceNumber >= *b.SequenceNumber || len(*a.SequenceNumber) != 20 {
			t.Errorf("%s, then %s", *a.SequenceNumber, *b.SequenceNumber)
		}
		m := r.receive(t, q)[0]
		if m.Attributes["SequenceNumber"] != *a.SequenceNumber || m.Attributes["MessageGroupId"] != "g" || m.Attributes["MessageDeduplicationId"] != "1" {
			t.Errorf("attributes are %v", m.Attributes)
		}
	}},
	{id: "Q31", name: "a handle expires with the visibility timeout", run: func(t *testing.T, r *room) {
		q := r.queue(t, fifo("VisibilityTimeout", "1"))
		r.sendTo(t, q, "g", "x")
		handle := r.one(t, q).ReceiptHandle
		r.pass(1500 * time.Millisecond)
		_, err := r.client.DeleteMessage(t.Context(), &awssqs.DeleteMessageInput{QueueUrl: &q, ReceiptHandle: handle})
		wantCode(t, err, "InvalidParameterValue")
		r.says(t, err, "Reason: The receipt handle has expired.")
	}},
	{id: "Q44", name: "a dead letter keeps its group, and its id becomes the deduplication id", run: func(t *testing.T, r *room) {
		q, dlq := r.pair(t, 1, fifo())
		r.sendTo(t, q, "g", "x")
		if err := r.hide(t, q, r.one(t, q).ReceiptHandle, 0); err != nil {
			t.Fatal(err)
		}
		r.none(t, q)
		m := r.one(t, dlq)
		if m.Attributes["MessageGroupId"] != "g" || m.Attributes["MessageDeduplicationId"] != *m.MessageId {
			t.Errorf("attributes are %v of %s", m.Attributes, *m.MessageId)
		}
	}},
	{id: "R72", name: "a purge forgets duplicates", run: func(t *testing.T, r *room) {
		q := r.queue(t, fifo())
		r.sendTo(t, q, "g", "x")
		if _, err := r.client.PurgeQueue(t.Context(), &awssqs.PurgeQueueInput{QueueUrl: &q}); err != nil {
			t.Fatal(err)
		}
		r.sendTo(t, q, "g", "x")
		r.one(t, q)
	}},
	{id: "R73", name: "duplicates may be told apart per group", run: func(t *testing.T, r *room) {
		q := r.queue(t, fifo("DeduplicationScope", "messageGroup", "FifoThroughputLimit", "perMessageGroupId"))
		r.sendTo(t, q, "g", "x")
		r.sendTo(t, q, "h", "x")
		if got := bodies(r.receive(t, q)); got != "x x" {
			t.Errorf("received %q", got)
		}
	}},
}
