package sqs_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

var deadLetterCases = []contractCase{
	{id: "R50", name: "a message is delivered as often as the policy says, then moved whole", run: func(t *testing.T, r *room) {
		q, dlq := r.pair(t, 2, map[string]string{"VisibilityTimeout": "0"})
		if err := r.sendAttributes(t, q, map[string]types.MessageAttributeValue{"n": text("v")}); err != nil {
			t.Fatal(err)
		}
		first := r.one(t, q)
		r.one(t, q)
		r.none(t, dlq)
		r.none(t, q)
		m := r.one(t, dlq)
		if *m.MessageId != *first.MessageId || *m.Body != *first.Body || *m.MessageAttributes["n"].StringValue != "v" {
			t.Errorf("got %v, was %v", m, first)
		}
		for _, name := range []string{"SentTimestamp", "ApproximateFirstReceiveTimestamp"} {
			if m.Attributes[name] != first.Attributes[name] {
				t.Errorf("%s is %s, was %s", name, m.Attributes[name], first.Attributes[name])
			}
		}
	}},
	{id: "Q14", name: "a dead letter names its source and keeps its receive count", run: func(t *testing.T, r *room) {
		q, dlq := r.pair(t, 1, map[string]string{"VisibilityTimeout": "0"})
		r.send(t, q, "x")
		r.one(t, q)
		r.none(t, q)
		m := r.one(t, dlq)
		if m.Attributes["DeadLetterQueueSourceArn"] != r.arn(t, q) || m.Attributes["ApproximateReceiveCount"] != "2" {
			t.Errorf("attributes are %v", m.Attributes)
		}
	}},
	{id: "R51", name: "a poison message does not hold up its neighbours", run: func(t *testing.T, r *room) {
		q, dlq := r.pair(t, 1, nil)
		r.send(t, q, "poison")
		if err := r.hide(t, q, r.one(t, q).ReceiptHandle, 0); err != nil {
			t.Fatal(err)
		}
		r.send(t, q, "good")
		if got := bodies(r.receive(t, q)); got != "good" {
			t.Errorf("received %q", got)
		}
		if got := bodies(r.receive(t, dlq)); got != "poison" {
			t.Errorf("dead letters are %q", got)
		}
	}},
	{id: "R52", name: "a dead letter is kept from its first send on", slow: true, run: func(t *testing.T, r *room) {
		q, dlq := r.pair(t, 1, map[string]string{"VisibilityTimeout": "0", "MessageRetentionPeriod": "1000"})
		if _, err := r.client.SetQueueAttributes(t.Context(), &awssqs.SetQueueAttributesInput{
			QueueUrl: &dlq, Attributes: map[string]string{"MessageRetentionPeriod": "120"},
		}); err != nil {
			t.Fatal(err)
		}
		r.send(t, q, "x")
		r.pass(100 * time.Second)
		r.one(t, q)
		r.none(t, q)
		if got := r.counts(t, dlq); got[0] != "1" {
			t.Fatalf("counts are %v", got)
		}
		r.pass(21 * time.Second)
		if got := r.counts(t, dlq); got[0] != "0" {
			t.Errorf("counts are %v: 121 s after the send it should be gone", got)
		}
	}},
	{id: "R58", name: "a dead letter of a FIFO queue is kept from its move on", slow: true, run: func(t *testing.T, r *room) {
		q, dlq := r.pair(t, 1, fifo("VisibilityTimeout", "0"))
		if _, err := r.client.SetQueueAttributes(t.Context(), &awssqs.SetQueueAttributesInput{
			QueueUrl: &dlq, Attributes: map[string]string{"MessageRetentionPeriod": "120"},
		}); err != nil {
			t.Fatal(err)
		}
		r.sendTo(t, q, "g", "x")
		r.pass(100 * time.Second)
		r.one(t, q)
		r.none(t, q)
		r.pass(119 * time.Second)
		if got := r.counts(t, dlq); got[0] != "1" {
			t.Errorf("counts are %v 119 s after the move", got)
		}
		r.pass(2 * time.Second)
		if got := r.counts(t, dlq); got[0] != "0" {
			t.Errorf("counts are %v 121 s after the move", got)
		}
	}},
	{id: "Q36", name: "a target that is missing is refused", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		err := r.redrive(t, q, fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":3}`, r.arn(t, q)+"-missing"))
		if err == nil {
			t.Error("accepted")
		}
		r.says(t, err, "Dead letter target does not exist.")
	}},
	{id: "R57", name: "a target of the other type is refused", run: func(t *testing.T, r *room) {
		standard, ordered := r.queue(t, nil), r.queue(t, fifo())
		for from, to := range map[string]string{standard: ordered, ordered: standard} {
			err := r.redrive(t, from, fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":3}`, r.arn(t, to)))
			wantCode(t, err, "InvalidParameterValue")
			r.says(t, err, "Dead-letter queue must be same type of queue as the source.")
		}
	}},
	{id: "R53", name: "a malformed redrive policy is refused", run: func(t *testing.T, r *room) {
		q, dlq := r.queue(t, nil), r.arn(t, r.queue(t, nil))
		for name, policy := range map[string]string{
			"not JSON":       `dlq`,
			"not an object":  `[]`,
			"no target":      `{"maxReceiveCount":3}`,
			"bad target":     `{"deadLetterTargetArn":"dummy","maxReceiveCount":42}`,
			"zero receives":  fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":0}`, dlq),
			"1001 receives":  fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":1001}`, dlq),
			"half a receive": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":1.5}`, dlq),
			"unknown member": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":3,"x":1}`, dlq),
		} {
			t.Run(name, func(t *testing.T) { wantCode(t, r.redrive(t, q, policy), "InvalidParameterValue") })
		}
		if err := r.redrive(t, q, fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":"1000"}`, dlq)); err != nil {
			t.Errorf("a good one: %v", err)
		}
	}},
	{id: "R54", name: "a redrive policy can be read and taken away", run: func(t *testing.T, r *room) {
		q, dlq := r.pair(t, 7, nil)
		want := fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":7}`, r.arn(t, dlq))
		if got := strings.ReplaceAll(r.attribute(t, q, types.QueueAttributeNameRedrivePolicy), " ", ""); got != want {
			t.Errorf("policy is %s, want %s", got, want)
		}
		if err := r.redrive(t, q, ""); err != nil {
			t.Fatal(err)
		}
		if got := r.attribute(t, q, types.QueueAttributeNameRedrivePolicy); got != "" {
			t.Errorf("policy is still %s", got)
		}
	}},
	{id: "R55", name: "a queue may refuse to take dead letters", run: func(t *testing.T, r *room) {
		q, other := r.queue(t, nil), r.queue(t, nil)
		dlq := r.queue(t, map[string]string{"RedriveAllowPolicy": `{"redrivePermission":"denyAll"}`})
		policy := fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":3}`, r.arn(t, dlq))
		if err := r.redrive(t, q, policy); err == nil {
			t.Error("denyAll: accepted")
		}
		if _, err := r.client.SetQueueAttributes(t.Context(), &awssqs.SetQueueAttributesInput{
			QueueUrl: &dlq, Attributes: map[string]string{
				"RedriveAllowPolicy": fmt.Sprintf(`{"redrivePermission":"byQueue","sourceQueueArns":[%q]}`, r.arn(t, q)),
			},
		}); err != nil {
			t.Fatal(err)
		}
		if err := r.redrive(t, q, policy); err != nil {
			t.Errorf("byQueue, named: %v", err)
		}
		if err := r.redrive(t, other, policy); err == nil {
			t.Error("byQueue, not named: accepted")
		}
	}},
	{id: "R56", name: "the sources of a dead-letter queue can be listed", run: func(t *testing.T, r *room) {
		q, dlq := r.pair(t, 3, nil)
		out, err := r.client.ListDeadLetterSourceQueues(t.Context(), &awssqs.ListDeadLetterSourceQueuesInput{QueueUrl: &dlq})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.QueueUrls) != 1 || out.QueueUrls[0] != q {
			t.Errorf("got %v, want %s", out.QueueUrls, q)
		}
	}},
}

// pair creates a queue and its dead-letter queue, of the same type.
func (r *room) pair(t *testing.T, receives int, attributes map[string]string) (queue, dlq string) {
	t.Helper()
	kind := map[string]string{}
	if attributes["FifoQueue"] != "" {
		kind["FifoQueue"] = "true"
	}
	dlq = r.queue(t, kind)
	all := map[string]string{
		"RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, r.arn(t, dlq), receives),
	}
	maps.Copy(all, attributes)
	return r.queue(t, all), dlq
}

func (r *room) redrive(t *testing.T, url, policy string) error {
	t.Helper()
	_, err := r.client.SetQueueAttributes(t.Context(), &awssqs.SetQueueAttributesInput{
		QueueUrl: aws.String(url), Attributes: map[string]string{"RedrivePolicy": policy},
	})
	return err
}
