package sqs_test

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"clientkeeper/internal/sandbox/sqs"
)

// Old clients send forms and read XML. What they do must be the same queue.
func TestQueryProtocol(t *testing.T) {
	r := newRoom(t, sqs.Options{Region: "eu-central-1"})
	var created struct {
		URL string `xml:"CreateQueueResult>QueueUrl"`
	}
	r.form(t, 200, &created, "Action", "CreateQueue", "QueueName", "old",
		"Attribute.1.Name", "VisibilityTimeout", "Attribute.1.Value", "7", "Tag.1.Key", "k", "Tag.1.Value", "v")
	q := created.URL
	if q != r.endpoint+"/123456789012/old" || r.attribute(t, q, "VisibilityTimeout") != "7" {
		t.Fatalf("created %q with timeout %s", q, r.attribute(t, q, "VisibilityTimeout"))
	}
	var sent struct {
		Body       string `xml:"SendMessageResult>MD5OfMessageBody"`
		Attributes string `xml:"SendMessageResult>MD5OfMessageAttributes"`
		RequestID  string `xml:"ResponseMetadata>RequestId"`
	}
	r.form(t, 200, &sent, "Action", "SendMessage", "QueueUrl", q, "MessageBody", "a <b> & c",
		"MessageAttribute.1.Name", "Hello", "MessageAttribute.1.Value.DataType", "String", "MessageAttribute.1.Value.StringValue", "There")
	if sent.Attributes != "a311262e065454b75da111d535b8dacd" || sent.RequestID == "" {
		t.Errorf("sent %+v", sent)
	}
	var got struct {
		Messages []struct {
			Body       string
			Handle     string                         `xml:"ReceiptHandle"`
			Attributes []struct{ Name, Value string } `xml:"Attribute"`
			Message    []struct {
				Name  string
				Value string `xml:"Value>StringValue"`
			} `xml:"MessageAttribute"`
		} `xml:"ReceiveMessageResult>Message"`
	}
	r.form(t, 200, &got, "Action", "ReceiveMessage", "QueueUrl", q,
		"AttributeName.1", "ApproximateReceiveCount", "MessageAttributeName.1", "All")
	if len(got.Messages) != 1 {
		t.Fatalf("received %+v", got)
	}
	m := got.Messages[0]
	if m.Body != "a <b> & c" || len(m.Attributes) != 1 || m.Attributes[0].Value != "1" || len(m.Message) != 1 || m.Message[0].Value != "There" {
		t.Errorf("received %+v", m)
	}
	var deleted struct {
		IDs    []string `xml:"DeleteMessageBatchResult>DeleteMessageBatchResultEntry>Id"`
		Failed []string `xml:"DeleteMessageBatchResult>BatchResultErrorEntry>Code"`
	}
	r.form(t, 200, &deleted, "Action", "DeleteMessageBatch", "QueueUrl", q,
		"DeleteMessageBatchRequestEntry.1.Id", "good", "DeleteMessageBatchRequestEntry.1.ReceiptHandle", m.Handle,
		"DeleteMessageBatchRequestEntry.2.Id", "bad", "DeleteMessageBatchRequestEntry.2.ReceiptHandle", "garbage")
	if strings.Join(deleted.IDs, " ") != "good" || strings.Join(deleted.Failed, " ") != "ReceiptHandleIsInvalid" {
		t.Errorf("deleted %+v", deleted)
	}
}

func TestQueryProtocolErrors(t *testing.T) {
	r := newRoom(t, sqs.Options{})
	for name, c := range map[string]struct {
		status int
		code   string
		fields []string
	}{
		"no such queue": {400, "AWS.SimpleQueueService.NonExistentQueue",
			[]string{"Action", "PurgeQueue", "QueueUrl", r.endpoint + "/123456789012/missing"}},
		"unknown action":  {400, "InvalidAction", []string{"Action", "Frobnicate"}},
		"no action":       {400, "MissingAction", []string{"QueueName", "x"}},
		"not a number":    {400, "InvalidParameterValue", []string{"Action", "ListQueues", "MaxResults", "many"}},
		"missing queue":   {400, "MissingParameter", []string{"Action", "ReceiveMessage"}},
		"missing receipt": {400, "AWS.SimpleQueueService.EmptyBatchRequest", []string{"Action", "DeleteMessageBatch", "QueueUrl", "x/y/z"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got struct {
				Type string `xml:"Error>Type"`
				Code string `xml:"Error>Code"`
			}
			r.form(t, c.status, &got, c.fields...)
			if got.Code != c.code || got.Type != "Sender" {
				t.Errorf("got %+v, want %s", got, c.code)
			}
		})
	}
}

// form posts name-value pairs and reads the XML answer into out.
func (r *room) form(t *testing.T, status int, out any, pairs ...string) {
	t.Helper()
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	resp, err := http.PostForm(r.endpoint, values)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status {
		t.Fatalf("%v: status %d, want %d: %s", pairs, resp.StatusCode, status, raw)
	}
	if err := xml.Unmarshal(raw, out); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
}
