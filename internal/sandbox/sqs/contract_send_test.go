package sqs_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const mebibyte = 1 << 20

var sendCases = []contractCase{
	{id: "Q18", name: "a body may have 1 MiB and not a byte more", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		r.send(t, q, strings.Repeat("a", mebibyte))
		_, err := r.client.SendMessage(t.Context(), &awssqs.SendMessageInput{
			QueueUrl: &q, MessageBody: aws.String(strings.Repeat("a", mebibyte+1)),
		})
		wantCode(t, err, "InvalidParameterValue")
		r.says(t, err, "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.")
	}},
	{id: "R20", name: "the queue's own maximum counts, and attributes count towards it", run: func(t *testing.T, r *room) {
		q := r.queue(t, map[string]string{"MaximumMessageSize": "1024"})
		r.send(t, q, strings.Repeat("a", 1024))
		_, err := r.client.SendMessage(t.Context(), &awssqs.SendMessageInput{
			QueueUrl: &q, MessageBody: aws.String(strings.Repeat("a", 1020)),
			MessageAttributes: map[string]types.MessageAttributeValue{"n": text("v")}, // 1 + 6 + 1 bytes
		})
		wantCode(t, err, "InvalidParameterValue")
		r.says(t, err, "Message must be shorter than 1024 bytes.")
	}},
	{id: "R21", name: "system attributes do not count towards the size", run: func(t *testing.T, r *room) {
		q := r.queue(t, map[string]string{"MaximumMessageSize": "1024"})
		if _, err := r.client.SendMessage(t.Context(), &awssqs.SendMessageInput{
			QueueUrl: &q, MessageBody: aws.String(strings.Repeat("a", 1024)),
			MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{"AWSTraceHeader": {
				DataType: aws.String("String"), StringValue: aws.String("Root=1-5759e988-bd862e3fe1be46a994272793"),
			}},
		}); err != nil {
			t.Error(err)
		}
	}},
	{id: "Q20", name: "an empty body is a missing body", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		_, err := r.client.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: &q, MessageBody: aws.String("")})
		wantCode(t, err, "MissingParameter")
		r.says(t, err, "The request must contain the parameter MessageBody.")
	}},
	{id: "Q32", name: "control characters are refused", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		for _, body := range []string{"a\u0001b", "\u0000", "a\uFFFE", "\uFFFF", "\u001f"} {
			_, err := r.client.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: &q, MessageBody: &body})
			wantCode(t, err, "InvalidMessageContents")
		}
	}},
	{id: "R22", name: "every allowed character arrives unchanged", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		body := "\t\n\r <&>\"'\\ \u007f\u0085\u2028\ud7ff\ue000\ufffd\U00010000\U0010ffff"
		r.send(t, q, body)
		if m := r.one(t, q); *m.Body != body {
			t.Errorf("got %q, want %q", *m.Body, body)
		}
	}},
	{id: "R23", name: "half a surrogate pair is no character", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		for _, half := range []string{`\ud83d`, `\ud83dx`, `\ude00`, `\ud83d\n`, `\\\ud83d`, `\ud83d\ud83d\ude00`} {
			a := r.post(t, "SendMessage", `{"QueueUrl":"`+q+`","MessageBody":"`+half+`"}`)
			if a.status != 400 {
				t.Errorf("%s: status %d", half, a.status)
			}
		}
		for _, whole := range []string{`\ud83d\ude00`, `\\ud83d`} {
			if a := r.post(t, "SendMessage", `{"QueueUrl":"`+q+`","MessageBody":"`+whole+`"}`); a.status != 200 {
				t.Errorf("%s: status %d", whole, a.status)
			}
		}
	}},
	{id: "Q21", name: "eleven attributes are too many", run: func(t *testing.T, r *room) {
		attributes := map[string]types.MessageAttributeValue{}
		for _, name := range "abcdefghij" {
			attributes[string(name)] = text("v")
		}
		q := r.queue(t, nil)
		if err := r.sendAttributes(t, q, attributes); err != nil {
			t.Errorf("ten: %v", err)
		}
		attributes["k"] = text("v")
		wantCode(t, r.sendAttributes(t, q, attributes), "InvalidParameterValue")
	}},
	{id: "Q22", name: "an empty attribute value is refused", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		err := r.sendAttributes(t, q, map[string]types.MessageAttributeValue{"ErrorDetails": text("")})
		wantCode(t, err, "InvalidParameterValue")
		r.says(t, err, "Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'.")
	}},
	{id: "R24", name: "attributes of a wrong name, type or value are refused", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		typed := func(kind, value string) types.MessageAttributeValue {
			return types.MessageAttributeValue{DataType: aws.String(kind), StringValue: aws.String(value)}
		}
		for name, attributes := range map[string]map[string]types.MessageAttributeValue{
			"reserved prefix":    {"aws.x": text("v")},
			"other reserved":     {"AMAZON.x": text("v")},
			"leading period":     {".x": text("v")},
			"trailing period":    {"x.": text("v")},
			"two periods":        {"x..y": text("v")},
			"strange character":  {"x y": text("v")},
			"long name":          {strings.Repeat("n", 257): text("v")},
			"unknown type":       {"x": typed("Bool", "v")},
			"no number":          {"x": typed("Number", "twelve")},
			"binary without any": {"x": typed("Binary", "v")},
			"control character":  {"x": text("a\u0001")},
		} {
			t.Run(name, func(t *testing.T) {
				wantCode(t, r.sendAttributes(t, q, attributes), "InvalidParameterValue")
			})
		}
		if err := r.sendAttributes(t, q, map[string]types.MessageAttributeValue{
			"a-b_c.d": typed("String.url", "v"), "n": typed("Number.float", "-1.5e3"),
			"b": {DataType: aws.String("Binary.png"), BinaryValue: []byte{0, 1}},
		}); err != nil {
			t.Errorf("good ones: %v", err)
		}
	}},
	{id: "Q23", name: "attributes come only when named, with their MD5", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		attributes := map[string]types.MessageAttributeValue{
			"Hello": text("There"), "General": text("Kenobi"), "Help.Me": text("Me"),
		}
		if err := r.sendAttributes(t, q, attributes); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			names []string
			want  int
			md5   string // as AWS computes it over what is returned
		}{
			{nil, 0, ""},
			{[]string{"All"}, 3, "4c360f3fdafd970e05fae2f149d997f5"},
			{[]string{".*"}, 3, "4c360f3fdafd970e05fae2f149d997f5"},
			{[]string{"Hello", "General"}, 2, "fca026605781cb4126a1e9044df24232"},
			{[]string{"Hello", "Other"}, 1, "a311262e065454b75da111d535b8dacd"},
			{[]string{"Hel.*"}, 2, "83fee93c1bcd8b9a5a923ffacdc636c7"},
			{[]string{"Other"}, 0, ""},
		} {
			out, err := r.client.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{
				QueueUrl: &q, MessageAttributeNames: c.names,
			})
			if err != nil {
				t.Fatal(err)
			}
			m := out.Messages[0]
			if len(m.MessageAttributes) != c.want || aws.ToString(m.MD5OfMessageAttributes) != c.md5 {
				t.Errorf("%q: got %d attributes, MD5 %q", c.names, len(m.MessageAttributes), aws.ToString(m.MD5OfMessageAttributes))
			}
			if err := r.hide(t, q, m.ReceiptHandle, 0); err != nil {
				t.Fatal(err)
			}
		}
	}},
	{id: "R25", name: "binary attributes survive, with the MD5 that AWS gives them", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		value := []byte("traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01")
		out, err := r.client.SendMessage(t.Context(), &awssqs.SendMessageInput{
			QueueUrl: &q, MessageBody: aws.String("test"),
			MessageAttributes: map[string]types.MessageAttributeValue{"attr1": {DataType: aws.String("Binary"), BinaryValue: value}},
		})
		if err != nil {
			t.Fatal(err)
		}
		const sum = "8cbe4db156db8a94db8b801b7addb984"
		m := r.one(t, q)
		if *out.MD5OfMessageAttributes != sum || *m.MD5OfMessageAttributes != sum {
			t.Errorf("MD5 is %s when sent and %s when received, want %s", *out.MD5OfMessageAttributes, *m.MD5OfMessageAttributes, sum)
		}
		if got := m.MessageAttributes["attr1"].BinaryValue; string(got) != string(value) {
			t.Errorf("got %q", got)
		}
	}},
	{id: "R26", name: "a trace header is a system attribute with its own MD5", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		const trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
		out, err := r.client.SendMessage(t.Context(), &awssqs.SendMessageInput{
			QueueUrl: &q, MessageBody: aws.String("x"),
			MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{
				"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String(trace)},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(aws.ToString(out.MD5OfMessageSystemAttributes)) != 32 {
			t.Errorf("MD5 of system attributes is %q", aws.ToString(out.MD5OfMessageSystemAttributes))
		}
		if got := r.one(t, q).Attributes["AWSTraceHeader"]; got != trace {
			t.Errorf("trace header is %q", got)
		}
	}},
	{id: "R27", name: "other system attributes are refused", run: func(t *testing.T, r *room) {
		a := r.post(t, "SendMessage", map[string]any{"QueueUrl": r.queue(t, nil), "MessageBody": "x",
			"MessageSystemAttributes": map[string]any{"Other": map[string]string{"DataType": "String", "StringValue": "v"}}})
		if a.status != 400 || !strings.HasPrefix(a.header.Get("x-amzn-query-error"), "InvalidParameterValue;") {
			t.Errorf("got %d %v", a.status, a.body)
		}
	}},
	{id: "R28", name: "a delayed message waits, and is counted as delayed", run: func(t *testing.T, r *room) {
		q := r.queue(t, map[string]string{"DelaySeconds": "1"})
		r.send(t, q, "x")
		r.none(t, q)
		if got := r.counts(t, q); got != [3]string{"0", "0", "1"} {
			t.Errorf("counts are %v", got)
		}
		r.pass(1500 * time.Millisecond)
		r.one(t, q)
		a := r.post(t, "SendMessage", map[string]any{"QueueUrl": q, "MessageBody": "now", "DelaySeconds": 0})
		if a.status != 200 {
			t.Fatal(a.body)
		}
		r.one(t, q) // the message's own delay outranks the queue's
	}},
	{id: "R29", name: "a delay above 900 seconds is refused", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		_, err := r.client.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: &q, MessageBody: aws.String("x"), DelaySeconds: 901})
		wantCode(t, err, "InvalidParameterValue")
	}},
	{id: "Q37", name: "a standard queue keeps a message group id", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		for _, body := range []string{"a", "b"} {
			if _, err := r.client.SendMessage(t.Context(), &awssqs.SendMessageInput{
				QueueUrl: &q, MessageBody: &body, MessageGroupId: aws.String("tenant-1"),
			}); err != nil {
				t.Fatal(err)
			}
		}
		for _, m := range r.receive(t, q) {
			if m.Attributes["MessageGroupId"] != "tenant-1" {
				t.Errorf("attributes are %v", m.Attributes)
			}
		}
		if got := r.counts(t, q); got != [3]string{"0", "2", "0"} {
			t.Errorf("counts are %v: a group must not order a standard queue", got)
		}
	}},
	{id: "R30", name: "a standard queue refuses a deduplication id", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		_, err := r.client.SendMessage(t.Context(), &awssqs.SendMessageInput{
			QueueUrl: &q, MessageBody: aws.String("x"), MessageDeduplicationId: aws.String("d"),
		})
		wantCode(t, err, "InvalidParameterValue")
	}},
}

func text(s string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &s}
}

func (r *room) sendAttributes(t *testing.T, url string, attributes map[string]types.MessageAttributeValue) error {
	t.Helper()
	_, err := r.client.SendMessage(t.Context(), &awssqs.SendMessageInput{
		QueueUrl: &url, MessageBody: aws.String("msg"), MessageAttributes: attributes,
	})
	return err
}
