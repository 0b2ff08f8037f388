package lambda

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// record is one message as a function sees it. The types are our own, not
// those of the library that functions decode it with, so that a name misspelt
// on one side does not go unnoticed.
// Source: AWS, "Using Lambda with Amazon SQS", example message event.
type record struct {
	MessageID         string               `json:"messageId"`
	ReceiptHandle     string               `json:"receiptHandle"`
	Body              string               `json:"body"`
	Attributes        map[string]string    `json:"attributes"`
	MessageAttributes map[string]attribute `json:"messageAttributes"`
	MD5OfAttributes   string               `json:"md5OfMessageAttributes,omitempty"`
	MD5OfBody         string               `json:"md5OfBody"`
	EventSource       string               `json:"eventSource"`
	EventSourceARN    string               `json:"eventSourceARN"`
	Region            string               `json:"awsRegion"`
}

type attribute struct {
	StringValue      *string  `json:"stringValue,omitempty"`
	BinaryValue      []byte   `json:"binaryValue,omitempty"`
	StringListValues []string `json:"stringListValues"`
	BinaryListValues [][]byte `json:"binaryListValues"`
	DataType         string   `json:"dataType"`
}

// message is a received message with its record already encoded.
type message struct {
	id, receipt string
	record      json.RawMessage
}

func newMessage(m types.Message, queueARN string) message {
	r := record{
		MessageID: deref(m.MessageId), ReceiptHandle: deref(m.ReceiptHandle), Body: deref(m.Body),
		Attributes: m.Attributes, MessageAttributes: map[string]attribute{},
		MD5OfAttributes: deref(m.MD5OfMessageAttributes), MD5OfBody: deref(m.MD5OfBody),
		EventSource: "aws:sqs", EventSourceARN: queueARN, Region: strings.Split(queueARN, ":")[3],
	}
	for name, a := range m.MessageAttributes {
		r.MessageAttributes[name] = attribute{
			StringValue: a.StringValue, BinaryValue: a.BinaryValue,
			StringListValues: append([]string{}, a.StringListValues...),
			BinaryListValues: append([][]byte{}, a.BinaryListValues...),
			DataType:         deref(a.DataType),
		}
	}
	return message{id: r.MessageID, receipt: r.ReceiptHandle, record: encode(r)}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// encode writes < and > as they are: escaped they would take six bytes each,
// and the limit of an event counts bytes.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // strings and bytes always encode
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

const (
	eventHead = `{"Records":[`
	eventTail = `]}`
)

// event is the payload for a batch.
func event(batch []message) []byte {
	var b bytes.Buffer
	b.WriteString(eventHead)
	for i, m := range batch {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(m.record)
	}
	b.WriteString(eventTail)
	return b.Bytes()
}

// eventSize is the length of the payload for a batch.
func eventSize(batch []message) int {
	size := len(eventHead) + len(eventTail)
	for _, m := range batch {
		size += len(m.record) + 1
	}
	return size
}

// split cuts a batch, in order, into parts whose events fit into limit bytes.
func split(batch []message, limit int) [][]message {
	var parts [][]message
	begin := 0
	for i := 1; i <= len(batch); i++ {
		if i == len(batch) || eventSize(batch[begin:i+1]) > limit {
			parts = append(parts, batch[begin:i])
			begin = i
		}
	}
	return parts
}
