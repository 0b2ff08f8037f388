package sqs_test

import (
	"errors"
	"strings"
	"testing"

	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/aws/aws-sdk-go-v2/aws"
)

var wireCases = []contractCase{
	{id: "Q25", name: "an unknown queue has a type, a query code and status 400", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil) + "-missing"
		a := r.post(t, "SendMessage", map[string]any{"QueueUrl": q, "MessageBody": "x"})
		if a.status != 400 || a.kind() != "com.amazonaws.sqs#QueueDoesNotExist" {
			t.Errorf("got %d %v", a.status, a.body)
		}
		if got := a.header.Get("x-amzn-query-error"); got != "AWS.SimpleQueueService.NonExistentQueue;Sender" {
			t.Errorf("x-amzn-query-error is %q", got)
		}
		_, err := r.client.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: &q, MessageBody: aws.String("x")})
		if _, ok := errors.AsType[*types.QueueDoesNotExist](err); !ok {
			t.Errorf("the SDK reports %v", err)
		}
	}},
	{id: "R100", name: "every answer has a request id and the protocol's content type", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		for _, a := range []answer{
			r.post(t, "GetQueueAttributes", map[string]any{"QueueUrl": q}),
			r.post(t, "GetQueueAttributes", map[string]any{"QueueUrl": q + "-missing"}),
		} {
			if a.header.Get("x-amzn-RequestId") == "" || a.header.Get("Content-Type") != "application/x-amz-json-1.0" {
				t.Errorf("headers are %v", a.header)
			}
		}
	}},
	{id: "R101", name: "errors carry their query code and documented status", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		if a := r.post(t, "PurgeQueue", map[string]any{"QueueUrl": q}); a.status != 200 {
			t.Fatal(a.body)
		}
		for _, c := range []struct {
			operation string
			body      map[string]any
			status    int
			kind      string
			query     string
		}{
			{"PurgeQueue", map[string]any{"QueueUrl": q}, 403, "PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress"},
			{"DeleteMessage", map[string]any{"QueueUrl": q, "ReceiptHandle": "garbage"}, 404, "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid"},
			{"ReceiveMessage", map[string]any{"QueueUrl": q, "MaxNumberOfMessages": 11}, 400, "InvalidParameterValueException", "InvalidParameterValue"},
			{"SendMessage", map[string]any{"QueueUrl": q}, 400, "MissingRequiredParameterException", "MissingParameter"},
			{"SendMessage", map[string]any{"MessageBody": "x"}, 400, "MissingRequiredParameterException", "MissingParameter"},
			{"SendMessageBatch", map[string]any{"QueueUrl": q, "Entries": []any{}}, 400, "EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest"},
			{"SetQueueAttributes", map[string]any{"QueueUrl": q, "Attributes": map[string]string{"X": "y"}}, 400, "InvalidAttributeName", "InvalidAttributeName"},
			{"ListMessageMoveTasks", map[string]any{"SourceArn": "arn:aws:sqs:eu-central-1:123456789012:missing"}, 404, "ResourceNotFoundException", "ResourceNotFoundException"},
			{"SendMessage", map[string]any{"QueueUrl": "nonsense", "MessageBody": "x"}, 404, "InvalidAddress", "InvalidAddress"},
		} {
			a := r.post(t, c.operation, c.body)
			if a.status != c.status || a.kind() != "com.amazonaws.sqs#"+c.kind || a.header.Get("x-amzn-query-error") != c.query+";Sender" {
				t.Errorf("%s %v: got %d %s %q, want %d %s %s", c.operation, c.body,
					a.status, a.kind(), a.header.Get("x-amzn-query-error"), c.status, c.kind, c.query)
			}
			if message, _ := a.body["message"].(string); message == "" {
				t.Errorf("%s: no message in %v", c.operation, a.body)
			}
		}
	}},
	{id: "R102", name: "nonsense is answered like AWS answers it", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		for name, c := range map[string]struct{ operation, body, kind string }{
			"unknown operation": {"Frobnicate", `{}`, "UnknownOperationException"},
			"not JSON":          {"SendMessage", `{"QueueUrl":`, "SerializationException"},
			"empty":             {"SendMessage", ``, "SerializationException"},
			"not an object":     {"SendMessage", `[1]`, "SerializationException"},
			"wrong type":        {"ReceiveMessage", `{"QueueUrl":"` + q + `","MaxNumberOfMessages":"many"}`, "SerializationException"},
			"not UTF-8":         {"SendMessage", `{"QueueUrl":"` + q + `","MessageBody":"` + "\xff" + `"}`, "SerializationException"},
			"entries no list":   {"SendMessageBatch", `{"QueueUrl":"` + q + `","Entries":{}}`, "SerializationException"},
		} {
			t.Run(name, func(t *testing.T) {
				a := r.post(t, c.operation, c.body)
				if a.status != 400 || !strings.HasSuffix(a.kind(), "#"+c.kind) {
					t.Errorf("got %d %v", a.status, a.body)
				}
			})
		}
	}},
	{id: "R103", name: "member names are exact, and unknown members are ignored", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		if a := r.post(t, "SendMessage", map[string]any{"QueueUrl": q, "messagebody": "x"}); a.status != 400 {
			t.Errorf("a misspelt member was taken: %v", a.body)
		}
		if a := r.post(t, "SendMessage", map[string]any{"QueueUrl": q, "MessageBody": "x", "Colour": "blue", "DelaySeconds": nil}); a.status != 200 {
			t.Errorf("got %v", a.body)
		}
	}},
	{id: "R104", name: "an enormous request is refused", run: func(t *testing.T, r *room) {
		a := r.post(t, "SendMessage", map[string]any{"QueueUrl": "x", "MessageBody": strings.Repeat("a", 9<<20)})
		if a.status != 413 {
			t.Errorf("got %d", a.status)
		}
	}},
	{id: "R105", name: "a queue of one region is not seen in another", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		_, err := r.client.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: &q, MessageBody: aws.String("x")},
			func(o *awssqs.Options) { o.Region = "us-west-2" })
		wantCode(t, err, "AWS.SimpleQueueService.NonExistentQueue")
	}},
}
