package sqs_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
)

var receiveCases = []contractCase{
	{id: "Q01", name: "a received message is hidden, and is what was sent", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		id := r.send(t, q, "hello")
		m := r.one(t, q)
		if *m.MessageId != id || *m.Body != "hello" || *m.MD5OfBody != "5d41402abc4b2a76b9719d911017c592" {
			t.Errorf("received %s %q %s", *m.MessageId, *m.Body, *m.MD5OfBody)
		}
		r.none(t, q)
	}},
	{id: "Q02", name: "after its visibility timeout a message is received again", run: func(t *testing.T, r *room) {
		q := r.queue(t, map[string]string{"VisibilityTimeout": "1"})
		r.send(t, q, "x")
		first := r.one(t, q)
		r.pass(1500 * time.Millisecond)
		second := r.one(t, q)
		if second.Attributes["ApproximateReceiveCount"] != "2" {
			t.Errorf("receive count is %s, want 2", second.Attributes["ApproximateReceiveCount"])
		}
		if *first.ReceiptHandle == *second.ReceiptHandle {
			t.Error("both receives gave the same handle")
		}
		const stamp = "ApproximateFirstReceiveTimestamp"
		if first.Attributes[stamp] == "" || first.Attributes[stamp] != second.Attributes[stamp] {
			t.Errorf("first received at %s, then at %s", first.Attributes[stamp], second.Attributes[stamp])
		}
	}},
	{id: "Q03", name: "eleven messages at once are too many", run: refusedReceive(awssqs.ReceiveMessageInput{MaxNumberOfMessages: 11},
		"Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.")},
	{id: "Q04", name: "a wait of 21 seconds is too long", run: refusedReceive(awssqs.ReceiveMessageInput{WaitTimeSeconds: 21},
		"Value 21 for parameter WaitTimeSeconds is invalid.")},
	{id: "R01", name: "a negative wait is refused", run: refusedReceive(awssqs.ReceiveMessageInput{WaitTimeSeconds: -1},
		"for parameter WaitTimeSeconds is invalid.")},
	{id: "R02", name: "a visibility timeout above twelve hours is refused", run: refusedReceive(
		awssqs.ReceiveMessageInput{VisibilityTimeout: 43201}, "for parameter VisibilityTimeout is invalid.")},
	{id: "Q05", name: "a long poll returns when a message arrives", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		sent := make(chan time.Time, 1)
		defer later(700*time.Millisecond, func() {
			sent <- time.Now()
			r.client.SendMessage(context.Background(), &awssqs.SendMessageInput{QueueUrl: &q, MessageBody: aws.String("late")})
		})()
		messages := r.poll(t, q, 20)
		if took := time.Since(<-sent); len(messages) != 1 || took > 15*time.Second {
			t.Errorf("got %d messages %v after the send", len(messages), took)
		}
	}},
	{id: "R03", name: "a long poll returns when a message becomes visible", run: func(t *testing.T, r *room) {
		q := r.queue(t, map[string]string{"VisibilityTimeout": "1"})
		r.send(t, q, "x")
		r.one(t, q)
		defer later(300*time.Millisecond, func() { r.pass(time.Second) })()
		began := time.Now()
		if messages := r.poll(t, q, 20); len(messages) != 1 || time.Since(began) > 15*time.Second {
			t.Errorf("got %d messages after %v", len(messages), time.Since(began))
		}
	}},
	{id: "R04", name: "a long poll returns when a message is given back", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		r.send(t, q, "x")
		handle := r.one(t, q).ReceiptHandle
		defer later(300*time.Millisecond, func() { r.hide(t, q, handle, 0) })()
		began := time.Now()
		if messages := r.poll(t, q, 20); len(messages) != 1 || time.Since(began) > 15*time.Second {
			t.Errorf("got %d messages after %v", len(messages), time.Since(began))
		}
	}},
	{id: "R05", name: "a long poll without messages lasts as long as it was to", run: func(t *testing.T, r *room) {
		q := r.queue(t, map[string]string{"ReceiveMessageWaitTimeSeconds": "1"})
		began := time.Now()
		r.none(t, q)
		if took := time.Since(began); took < 900*time.Millisecond || took > 15*time.Second {
			t.Errorf("took %v, want about 1s, as the queue says", took)
		}
	}},
	{id: "R06", name: "a long poll whose client went away takes no message", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			r.whenCalled(1)
			cancel()
		}()
		if _, err := r.client.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{QueueUrl: &q, WaitTimeSeconds: 20}); err == nil {
			t.Error("the poll ended without an error although it was given up")
		}
		r.whenCalled(0) // the server has noticed
		r.send(t, q, "x")
		if m := r.one(t, q); m.Attributes["ApproximateReceiveCount"] != "1" {
			t.Errorf("received for the %s. time", m.Attributes["ApproximateReceiveCount"])
		}
	}},
	{id: "R07", name: "an empty answer has no Messages member", run: func(t *testing.T, r *room) {
		a := r.post(t, "ReceiveMessage", map[string]any{"QueueUrl": r.queue(t, nil)})
		if _, ok := a.body["Messages"]; ok || a.status != 200 {
			t.Errorf("got %d %v", a.status, a.body)
		}
	}},
	{id: "Q07", name: "a timeout of zero gives a message back at once", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		r.send(t, q, "x")
		if err := r.hide(t, q, r.one(t, q).ReceiptHandle, 0); err != nil {
			t.Fatal(err)
		}
		r.one(t, q)
	}},
	{id: "R08", name: "a changed timeout counts from now and for this receipt only", slow: true, run: func(t *testing.T, r *room) {
		q := r.queue(t, map[string]string{"VisibilityTimeout": "60"})
		r.send(t, q, "x")
		m := r.one(t, q)
		r.pass(50 * time.Second)
		if err := r.hide(t, q, m.ReceiptHandle, 100); err != nil {
			t.Fatal(err)
		}
		r.pass(95 * time.Second)
		r.none(t, q)
		r.pass(6 * time.Second)
		r.one(t, q)
		r.pass(59 * time.Second)
		r.none(t, q)
		r.pass(2 * time.Second)
		r.one(t, q)
	}},
	{id: "R09", name: "a message is hidden for twelve hours in all", slow: true, run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		r.send(t, q, "x")
		m := r.one(t, q)
		r.pass(20 * time.Second)
		err := r.hide(t, q, m.ReceiptHandle, 43200)
		wantCode(t, err, "InvalidParameterValue")
		r.says(t, err, "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]")
		if err := r.hide(t, q, m.ReceiptHandle, 43000); err != nil {
			t.Errorf("within the limit: %v", err)
		}
	}},
	{id: "R10", name: "the visibility of a deleted message cannot be changed", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		r.send(t, q, "x")
		m := r.one(t, q)
		r.delete(t, q, m.ReceiptHandle)
		err := r.hide(t, q, m.ReceiptHandle, 10)
		wantCode(t, err, "InvalidParameterValue")
		r.says(t, err, "Message does not exist or is not available for visibility timeout change.")
	}},
	{id: "R11", name: "visibility can be changed after the timeout if nobody received since", run: func(t *testing.T, r *room) {
		q := r.queue(t, map[string]string{"VisibilityTimeout": "1"})
		r.send(t, q, "x")
		m := r.one(t, q)
		r.pass(1500 * time.Millisecond)
		if err := r.hide(t, q, m.ReceiptHandle, 30); err != nil {
			t.Error(err)
		}
	}},
	{id: "R12", name: "a receive may choose its own timeout", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		r.send(t, q, "x")
		if _, err := r.client.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &q, VisibilityTimeout: 1}); err != nil {
			t.Fatal(err)
		}
		r.none(t, q)
		r.pass(1500 * time.Millisecond)
		r.one(t, q)
	}},
	{id: "Q11", name: "a handle that is none is refused", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		_, err := r.client.DeleteMessage(t.Context(), &awssqs.DeleteMessageInput{QueueUrl: &q, ReceiptHandle: aws.String("garbage")})
		wantCode(t, err, "ReceiptHandleIsInvalid")
		wantCode(t, r.hide(t, q, aws.String("garbage"), 1), "ReceiptHandleIsInvalid")
	}},
	{id: "R13", name: "deleting twice succeeds", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		r.send(t, q, "x")
		m := r.one(t, q)
		r.delete(t, q, m.ReceiptHandle)
		r.delete(t, q, m.ReceiptHandle)
		if got := r.counts(t, q); got != [3]string{"0", "0", "0"} {
			t.Errorf("counts are %v", got)
		}
	}},
	{id: "R14", name: "deleting after the timeout works on a standard queue", run: func(t *testing.T, r *room) {
		q := r.queue(t, map[string]string{"VisibilityTimeout": "1"})
		r.send(t, q, "x")
		m := r.one(t, q)
		r.pass(1500 * time.Millisecond)
		r.delete(t, q, m.ReceiptHandle)
		r.none(t, q)
	}},
	{id: "R15", name: "an old handle deletes nothing, successfully", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		r.send(t, q, "x")
		old := r.one(t, q).ReceiptHandle
		if err := r.hide(t, q, old, 0); err != nil {
			t.Fatal(err)
		}
		current := r.one(t, q).ReceiptHandle
		r.delete(t, q, old)
		if err := r.hide(t, q, current, 0); err != nil {
			t.Fatal(err)
		}
		r.one(t, q)
	}},
	{id: "Q24", name: "system attributes come only when asked for", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		r.send(t, q, "x")
		a := r.post(t, "ReceiveMessage", map[string]any{"QueueUrl": q, "VisibilityTimeout": 0})
		message := a.body["Messages"].([]any)[0].(map[string]any)
		if _, ok := message["Attributes"]; ok {
			t.Errorf("got Attributes in %v", message)
		}
		out, err := r.client.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{
			QueueUrl: &q, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"ApproximateReceiveCount"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"ApproximateReceiveCount": "2"}, out.Messages[0].Attributes); diff != "" {
			t.Error(diff)
		}
	}},
	{id: "R16", name: "the older AttributeNames asks for system attributes too", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		r.send(t, q, "x")
		a := r.post(t, "ReceiveMessage", map[string]any{"QueueUrl": q, "AttributeNames": []string{"All"}})
		message := a.body["Messages"].([]any)[0].(map[string]any)
		for _, name := range []string{"SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp"} {
			if value, _ := message["Attributes"].(map[string]any)[name].(string); value == "" {
				t.Errorf("no %s in %v", name, message["Attributes"])
			}
		}
	}},
	{id: "Q41", name: "a message in flight is counted as such", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		r.send(t, q, "x")
		if got := r.counts(t, q); got != [3]string{"1", "0", "0"} {
			t.Errorf("before: %v", got)
		}
		r.one(t, q)
		if got := r.counts(t, q); got != [3]string{"0", "1", "0"} {
			t.Errorf("after: %v", got)
		}
	}},
	{id: "R17", name: "messages end with their retention", slow: true, run: func(t *testing.T, r *room) {
		q := r.queue(t, map[string]string{"MessageRetentionPeriod": "60"})
		r.send(t, q, "x")
		r.send(t, q, "y")
		r.pass(59 * time.Second)
		if len(r.receive(t, q)) != 2 {
			t.Error("a message ended early")
		}
		r.pass(2 * time.Second)
		if got := r.counts(t, q); got != [3]string{"0", "0", "0"} {
			t.Errorf("counts are %v", got)
		}
	}},
}

func refusedReceive(in awssqs.ReceiveMessageInput, message string) func(*testing.T, *room) {
	return func(t *testing.T, r *room) {
		in.QueueUrl = aws.String(r.queue(t, nil))
		_, err := r.client.ReceiveMessage(t.Context(), &in)
		wantCode(t, err, "InvalidParameterValue")
		r.says(t, err, message)
	}
}

// poll is a long poll for one message.
func (r *room) poll(t *testing.T, url string, seconds int32) []types.Message {
	t.Helper()
	out, err := r.client.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: seconds})
	if err != nil {
		t.Fatal(err)
	}
	return out.Messages
}
