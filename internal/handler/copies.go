package handler

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/queue"
	"clientkeeper/internal/registration"
	"clientkeeper/internal/telemetry"
)

// The message attributes that copies carry. A postponed message has its origin,
// a dead-lettered one the reason too. What has a reason was given up once, so
// if it comes again it was redriven, and begins a new life: nothing of the old
// one is read.
const (
	attributePrefix = "clientkeeper."
	attributeOrigin = attributePrefix + "origin" // JSON, see origin
	attributeReason = attributePrefix + "reason" // a stable slug
	attributeDetail = attributePrefix + "detail" // why in words, and what to do next
)

// maxDetail bounds attributeDetail, in bytes.
const maxDetail = 1024

// origin is the JSON in attributeOrigin. MessageID is the same for every copy
// of one message, so a reader can tell a copy that a crash doubled.
type origin struct {
	MessageID string    `json:"message_id"`
	FirstSeen time.Time `json:"first_seen"`
	// Receives, Kind and Invocation are those of the last try.
	Receives   int    `json:"receives"`
	Kind       string `json:"kind"`
	Invocation string `json:"invocation,omitempty"`
}

// newMessage reads what the record says of itself. What is missing or makes no
// sense is taken as "new": a first receive, seen now.
func (h *RegisterClient) newMessage(r events.SQSMessage) *message {
	m := &message{record: r, originID: r.MessageId, firstSeen: h.now()}
	m.fifo = isFIFO(r.EventSourceARN)
	m.receives, _ = strconv.Atoi(r.Attributes["ApproximateReceiveCount"])
	m.receives = max(m.receives, 1)
	// Not SentTimestamp: a message that waited for days behind others has not
	// been put off by a busy tenant.
	if ms, err := strconv.ParseInt(r.Attributes["ApproximateFirstReceiveTimestamp"], 10, 64); err == nil && ms > 0 {
		m.firstSeen = time.UnixMilli(ms)
	}
	if _, givenUp := r.MessageAttributes[attributeReason]; !givenUp {
		m.readOrigin(r.MessageAttributes[attributeOrigin])
	}
	m.age = max(h.now().Sub(m.firstSeen), 0)
	m.request, m.err = registration.ParseRequest(r.Body)
	return m
}

// readOrigin takes over what an earlier copy of the message knew.
func (m *message) readOrigin(a events.SQSMessageAttribute) {
	var o origin
	if a.StringValue == nil || json.Unmarshal([]byte(*a.StringValue), &o) != nil || o.MessageID == "" || len(o.MessageID) > 100 {
		return
	}
	m.originID = o.MessageID
	if !o.FirstSeen.IsZero() && o.FirstSeen.Before(m.firstSeen) {
		m.firstSeen = o.FirstSeen
	}
}

// origin is what a copy made now knows.
func (m *message) origin(ctx context.Context, err error) queue.Attribute {
	o := origin{MessageID: m.originID, FirstSeen: m.firstSeen.UTC(), Receives: m.receives, Kind: fault.KindOf(err).String()}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		o.Invocation = lc.AwsRequestID
	}
	text, marshalErr := json.Marshal(o)
	if marshalErr != nil { // a year that JSON cannot say
		text = fmt.Appendf(nil, `{"message_id":%q}`, o.MessageID)
	}
	return queue.Attribute{Type: "String", String: sendable(string(text))}
}

// postponedCopy is the message as it goes to the end of its queue.
func (m *message) postponedCopy(ctx context.Context, err error, wait time.Duration) queue.Message {
	attributes := m.ownAttributes(queue.MaxAttributes - 1)
	attributes[attributeOrigin] = m.origin(ctx, err)
	return fit(queue.Message{Body: m.record.Body, Attributes: attributes, Group: m.group(), Delay: wait})
}

// deadLetterCopy is the message as it goes to the dead-letter queue: the body
// as it came, so that it can be redriven, and the reason beside it.
func (m *message) deadLetterCopy(ctx context.Context, err error) queue.Message {
	attributes := m.ownAttributes(queue.MaxAttributes - 3)
	attributes[attributeOrigin] = m.origin(ctx, err)
	attributes[attributeReason] = queue.Attribute{Type: "String", String: sendable(fault.Reason(err))}
	attributes[attributeDetail] = queue.Attribute{Type: "String", String: sendable(telemetry.ErrorText(err))}
	out := queue.Message{Body: m.record.Body, Attributes: attributes, Group: m.group()}
	if m.fifo {
		// Not the origin's id, which a sender may have made up: SQS drops what
		// it takes for a repetition, and the original would be deleted.
		out.Deduplication = m.record.MessageId
	}
	return fit(out)
}

// group is the message's group: a FIFO queue's order, or another's fairness.
func (m *message) group() string { return m.record.Attributes["MessageGroupId"] }

// fit leaves out attributes until the message is no larger than SQS takes: the
// sender's, the last first, and of ours the reason last. A body that leaves no
// room for any goes alone; then only the log knows why.
func fit(m queue.Message) queue.Message {
	names := slices.Sorted(maps.Keys(m.Attributes))
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, attributePrefix) })
	slices.Reverse(names)
	for _, name := range append(names, attributeDetail, attributeOrigin, attributeReason) {
		if m.Size() <= queue.MaxSize {
			break
		}
		delete(m.Attributes, name)
	}
	return m
}

// ownAttributes are the sender's attributes, the first by name and no more than
// most of them.
func (m *message) ownAttributes(most int) map[string]queue.Attribute {
	out := map[string]queue.Attribute{}
	for _, name := range slices.Sorted(maps.Keys(m.record.MessageAttributes)) {
		if strings.HasPrefix(name, attributePrefix) || len(out) == most {
			continue
		}
		a := m.record.MessageAttributes[name]
		copied := queue.Attribute{Type: a.DataType, Binary: a.BinaryValue}
		if a.StringValue != nil {
			copied.String = *a.StringValue
		}
		out[name] = copied
	}
	return out
}

// sendable cuts a text to what an attribute should hold, and drops the
// characters that SQS refuses. SQS refuses an empty text as well.
func sendable(s string) string {
	if len(s) > maxDetail {
		s = s[:maxDetail]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r', r >= 0x20 && r <= 0xD7FF, r >= 0xE000 && r <= 0xFFFC, r >= 0x10000:
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, ""))
	if s == "" {
		return "-"
	}
	return s
}
