package sqs_test

import (
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

var moveCases = []contractCase{
	{id: "R90", name: "dead letters go back to where they came from, as new messages", run: func(t *testing.T, r *room) {
		q, dlq := r.withDeadLetters(t, 2)
		before := r.receive(t, dlq)
		for _, m := range before {
			if err := r.hide(t, dlq, m.ReceiptHandle, 0); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.move(t, dlq, "", 0); err != nil {
			t.Fatal(err)
		}
		r.waitTask(t, dlq, "COMPLETED")
		after := r.receive(t, q)
		if len(after) != 2 || len(before) != 2 {
			t.Fatalf("%d dead letters became %d messages", len(before), len(after))
		}
		for _, m := range after {
			if *m.MessageId == *before[0].MessageId || *m.MessageId == *before[1].MessageId {
				t.Errorf("%s is the id of a dead letter", *m.MessageId)
			}
			if m.Attributes["ApproximateReceiveCount"] != "1" {
				t.Errorf("receive count is %s", m.Attributes["ApproximateReceiveCount"])
			}
		}
	}},
	{id: "R91", name: "dead letters go to another queue if it is named", run: func(t *testing.T, r *room) {
		q, dlq := r.withDeadLetters(t, 1)
		other := r.queue(t, nil)
		if _, err := r.move(t, dlq, r.arn(t, other), 0); err != nil {
			t.Fatal(err)
		}
		task := r.waitTask(t, dlq, "COMPLETED")
		if task.ApproximateNumberOfMessagesMoved != 1 || *task.DestinationArn != r.arn(t, other) || task.TaskHandle != nil {
			t.Errorf("task is %+v", task)
		}
		r.one(t, other)
		r.none(t, q)
	}},
	{id: "R92", name: "a task keeps its rate and can be cancelled", slow: true, run: func(t *testing.T, r *room) {
		q, dlq := r.withDeadLetters(t, 10)
		handle, err := r.move(t, dlq, r.arn(t, q), 1)
		if err != nil {
			t.Fatal(err)
		}
		if task := r.waitTask(t, dlq, "RUNNING"); *task.TaskHandle != handle || *task.ApproximateNumberOfMessagesToMove != 10 {
			t.Errorf("task is %+v", task)
		}
		_, err = r.move(t, dlq, "", 0)
		wantCode(t, err, "InvalidParameterValue")
		r.says(t, err, "There is already a task running.")
		r.pass(3100 * time.Millisecond)
		out, err := r.client.CancelMessageMoveTask(t.Context(), &awssqs.CancelMessageMoveTaskInput{TaskHandle: &handle})
		if err != nil || out.ApproximateNumberOfMessagesMoved != 3 {
			t.Errorf("cancelled: %+v, %v", out, err)
		}
		r.pass(10 * time.Second)
		r.waitTask(t, dlq, "CANCELLED")
		if got := r.counts(t, dlq); got[0] != "7" {
			t.Errorf("counts are %v", got)
		}
	}},
	{id: "R93", name: "a long poll returns when a task brings a message", slow: true, run: func(t *testing.T, r *room) {
		q, dlq := r.withDeadLetters(t, 1)
		began := time.Now()
		defer later(200*time.Millisecond, func() {
			r.move(t, dlq, "", 1)
			r.pass(time.Second)
		})()
		if messages := r.poll(t, q, 20); len(messages) != 1 || time.Since(began) > 15*time.Second {
			t.Errorf("got %d messages after %v", len(messages), time.Since(began))
		}
	}},
	{id: "R94", name: "tasks that cannot be are refused", run: func(t *testing.T, r *room) {
		q, dlq := r.pair(t, 1, nil)
		_, err := r.move(t, q, "", 0)
		wantCode(t, err, "InvalidParameterValue")
		r.says(t, err, "Source queue must be configured as a Dead Letter Queue.")
		_, err = r.move(t, dlq, r.arn(t, q)+"-missing", 0)
		wantCode(t, err, "ResourceNotFoundException")
		for handle, code := range map[string]string{
			"garbage":                           "InvalidParameterValue",
			task("x", r.arn(t, dlq)+"-missing"): "ResourceNotFoundException",
			task("00000000-0000-0000-0000-000000000000", r.arn(t, dlq)): "ResourceNotFoundException",
		} {
			_, err := r.client.CancelMessageMoveTask(t.Context(), &awssqs.CancelMessageMoveTaskInput{TaskHandle: &handle})
			wantCode(t, err, code)
		}
	}},
	{id: "R95", name: "a task whose destination is deleted fails and loses nothing", slow: true, run: func(t *testing.T, r *room) {
		_, dlq := r.withDeadLetters(t, 5)
		other := r.queue(t, nil)
		if _, err := r.move(t, dlq, r.arn(t, other), 1); err != nil {
			t.Fatal(err)
		}
		r.pass(2100 * time.Millisecond)
		if _, err := r.client.DeleteQueue(t.Context(), &awssqs.DeleteQueueInput{QueueUrl: &other}); err != nil {
			t.Fatal(err)
		}
		r.pass(5 * time.Second)
		if failed := r.waitTask(t, dlq, "FAILED"); aws.ToString(failed.FailureReason) != "AWS.SimpleQueueService.NonExistentQueue" {
			t.Errorf("task is %+v", failed)
		}
		if got := r.counts(t, dlq); got[0] != "3" {
			t.Errorf("counts are %v", got)
		}
	}},
}

// withDeadLetters creates a pair of queues with n messages in the second.
func (r *room) withDeadLetters(t *testing.T, n int) (queue, dlq string) {
	t.Helper()
	queue, dlq = r.pair(t, 1, map[string]string{"VisibilityTimeout": "0"})
	for i := range n {
		r.send(t, queue, fmt.Sprint(i))
		r.one(t, queue)
		r.none(t, queue)
	}
	if _, err := r.client.SetQueueAttributes(t.Context(), &awssqs.SetQueueAttributesInput{
		QueueUrl: &queue, Attributes: map[string]string{"VisibilityTimeout": "30"},
	}); err != nil {
		t.Fatal(err)
	}
	return queue, dlq
}

func (r *room) move(t *testing.T, source, destination string, rate int32) (string, error) {
	t.Helper()
	in := &awssqs.StartMessageMoveTaskInput{SourceArn: aws.String(r.arn(t, source))}
	if destination != "" {
		in.DestinationArn = &destination
	}
	if rate > 0 {
		in.MaxNumberOfMessagesPerSecond = &rate
	}
	out, err := r.client.StartMessageMoveTask(t.Context(), in)
	if err != nil {
		return "", err
	}
	return *out.TaskHandle, nil
}

// waitTask waits until the latest task of a source has a status.
func (r *room) waitTask(t *testing.T, source, status string) types.ListMessageMoveTasksResultEntry {
	t.Helper()
	for range 300 {
		out, err := r.client.ListMessageMoveTasks(t.Context(), &awssqs.ListMessageMoveTasksInput{SourceArn: aws.String(r.arn(t, source))})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Results) == 1 && *out.Results[0].Status == status {
			return out.Results[0]
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("the task is not %s after 30s", status)
	panic("unreachable")
}

// task is the handle of a task that nobody started.
func task(id, source string) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"taskId":%q,"sourceArn":%q}`, id, source))
}
