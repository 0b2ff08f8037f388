package sqs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
)

const batchCode = "AWS.SimpleQueueService."

var batchCases = []contractCase{
	{id: "Q15", name: "eleven entries are too many", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		var sends []types.SendMessageBatchRequestEntry
		for i := range 11 {
			id := aws.String(fmt.Sprint(i))
			sends = append(sends, types.SendMessageBatchRequestEntry{Id: id, MessageBody: id})
		}
		_, err := r.client.SendMessageBatch(t.Context(), &awssqs.SendMessageBatchInput{QueueUrl: &q, Entries: sends})
		wantCode(t, err, batchCode+"TooManyEntriesInBatchRequest")
		r.says(t, err, "Maximum number of entries per request are 10. You have sent 11.")
		r.none(t, q)
	}},
	{id: "R44", name: "eleven entries are too many to delete or to change", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		var deletes []types.DeleteMessageBatchRequestEntry
		var changes []types.ChangeMessageVisibilityBatchRequestEntry
		for i := range 11 {
			id := aws.String(fmt.Sprint(i))
			deletes = append(deletes, types.DeleteMessageBatchRequestEntry{Id: id, ReceiptHandle: id})
			changes = append(changes, types.ChangeMessageVisibilityBatchRequestEntry{Id: id, ReceiptHandle: id})
		}
		_, err := r.client.DeleteMessageBatch(t.Context(), &awssqs.DeleteMessageBatchInput{QueueUrl: &q, Entries: deletes})
		wantCode(t, err, batchCode+"TooManyEntriesInBatchRequest")
		_, err = r.client.ChangeMessageVisibilityBatch(t.Context(),
			&awssqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q, Entries: changes})
		wantCode(t, err, batchCode+"TooManyEntriesInBatchRequest")
	}},
	{id: "Q17", name: "an empty batch is refused", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		_, err := r.client.SendMessageBatch(t.Context(),
			&awssqs.SendMessageBatchInput{QueueUrl: &q, Entries: []types.SendMessageBatchRequestEntry{}})
		wantCode(t, err, batchCode+"EmptyBatchRequest")
		_, err = r.client.DeleteMessageBatch(t.Context(),
			&awssqs.DeleteMessageBatchInput{QueueUrl: &q, Entries: []types.DeleteMessageBatchRequestEntry{}})
		wantCode(t, err, batchCode+"EmptyBatchRequest")
	}},
	{id: "R40", name: "ids must be distinct", run: func(t *testing.T, r *room) {
		_, err := r.sendBatch(t, r.queue(t, nil), [2]string{"a", "1"}, [2]string{"a", "2"})
		wantCode(t, err, batchCode+"BatchEntryIdsNotDistinct")
	}},
	{id: "R41", name: "ids must be well formed", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		for _, id := range []string{"invalid:id", strings.Repeat("x", 81), "a b", "é"} {
			_, err := r.sendBatch(t, q, [2]string{id, "1"})
			wantCode(t, err, batchCode+"InvalidBatchEntryId")
		}
		if _, err := r.sendBatch(t, q, [2]string{strings.Repeat("x", 80), "1"}); err != nil {
			t.Error(err)
		}
	}},
	{id: "Q19", name: "a batch may have 1 MiB in all", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		big, small := strings.Repeat("a", 600_000), strings.Repeat("a", 200_000)
		_, err := r.sendBatch(t, q, [2]string{"a", big}, [2]string{"b", big})
		wantCode(t, err, batchCode+"BatchRequestTooLong")
		r.says(t, err, "Batch requests cannot be longer than 1048576 bytes. You have sent 1200000 bytes.")
		most := strings.Repeat("a", mebibyte-1)
		_, err = r.sendBatch(t, q, [2]string{"a", most}, [2]string{"b", "xx"})
		wantCode(t, err, batchCode+"BatchRequestTooLong")
		if out, err := r.sendBatch(t, q, [2]string{"a", most}, [2]string{"b", "x"}); err != nil || len(out.Successful) != 2 {
			t.Errorf("exactly 1 MiB: got %v, %v", out, err)
		}
		if out, err := r.sendBatch(t, q, [2]string{"a", small}, [2]string{"b", small}); err != nil || len(out.Successful) != 2 {
			t.Errorf("got %v, %v", out, err)
		}
	}},
	{id: "Q42", name: "one bad entry does not spoil the others", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		out, err := r.sendBatch(t, q, [2]string{"good", "x"}, [2]string{"bad", "\u0001"})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Successful) != 1 || *out.Successful[0].Id != "good" || *out.Successful[0].MD5OfMessageBody == "" {
			t.Errorf("successful: %v", out.Successful)
		}
		if len(out.Failed) != 1 || *out.Failed[0].Id != "bad" || !out.Failed[0].SenderFault || *out.Failed[0].Code == "" {
			t.Errorf("failed: %v", out.Failed)
		}
		if got := bodies(r.receive(t, q)); got != "x" {
			t.Errorf("received %q", got)
		}
	}},
	{id: "R42", name: "an entry larger than the queue allows fails alone", run: func(t *testing.T, r *room) {
		q := r.queue(t, map[string]string{"MaximumMessageSize": "1024"})
		out, err := r.sendBatch(t, q, [2]string{"good", "x"}, [2]string{"bad", strings.Repeat("a", 1025)})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Successful) != 1 || len(out.Failed) != 1 || *out.Failed[0].Code != "InvalidParameterValue" {
			t.Errorf("got %v and %v", out.Successful, out.Failed)
		}
	}},
	{id: "Q43", name: "one garbage handle does not spoil the deletion of others", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		r.send(t, q, "x")
		out, err := r.client.DeleteMessageBatch(t.Context(), &awssqs.DeleteMessageBatchInput{
			QueueUrl: &q, Entries: []types.DeleteMessageBatchRequestEntry{
				{Id: aws.String("bad"), ReceiptHandle: aws.String("garbage")},
				{Id: aws.String("good"), ReceiptHandle: r.one(t, q).ReceiptHandle},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Successful) != 1 || *out.Successful[0].Id != "good" {
			t.Errorf("successful: %v", out.Successful)
		}
		if len(out.Failed) != 1 || *out.Failed[0].Code != "ReceiptHandleIsInvalid" || !out.Failed[0].SenderFault {
			t.Errorf("failed: %v", out.Failed)
		}
		if got := r.counts(t, q); got != [3]string{"0", "0", "0"} {
			t.Errorf("counts are %v", got)
		}
	}},
	{id: "R43", name: "visibility changes in batches, each entry for itself", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		r.send(t, q, "x")
		out, err := r.client.ChangeMessageVisibilityBatch(t.Context(), &awssqs.ChangeMessageVisibilityBatchInput{
			QueueUrl: &q, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
				{Id: aws.String("good"), ReceiptHandle: r.one(t, q).ReceiptHandle, VisibilityTimeout: 0},
				{Id: aws.String("bad"), ReceiptHandle: aws.String("garbage"), VisibilityTimeout: 10},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		var failed []string
		for _, f := range out.Failed {
			failed = append(failed, *f.Id+" "+*f.Code)
		}
		if diff := cmp.Diff([]string{"bad ReceiptHandleIsInvalid"}, failed); diff != "" || len(out.Successful) != 1 {
			t.Errorf("%d successful, failed: %s", len(out.Successful), diff)
		}
		r.one(t, q)
	}},
}

// sendBatch sends entries of id and body.
func (r *room) sendBatch(t *testing.T, url string, entries ...[2]string) (*awssqs.SendMessageBatchOutput, error) {
	t.Helper()
	in := &awssqs.SendMessageBatchInput{QueueUrl: &url}
	for _, e := range entries {
		in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: aws.String(e[0]), MessageBody: aws.String(e[1])})
	}
	return r.client.SendMessageBatch(t.Context(), in)
}
