package sqs

import (
	"strconv"
	"time"
)

// A state is where a message is in its life.
type state int

const (
	delayed state = iota
	visible
	inFlight
	gone
	states
)

var stateNames = [states]string{"delayed", "visible", "in flight", "gone"}

func (s state) String() string { return stateNames[s] }

// A content is what a producer sent, checked and summed up. It never changes
// once it is made, so it may be read without the lock.
type content struct {
	body       string
	attributes map[string]attribute
	trace      string // AWSTraceHeader, a system attribute; empty if not sent
	groupID    string // MessageGroupId; empty if not sent
	dedupID    string // MessageDeduplicationId, given or computed
	delay      *int   // seconds; nil means the queue's default
	size       int    // body and attributes, as limits count it

	md5Body, md5Attributes, md5System string
}

// A message is one message in one queue. Service.mu guards it.
type message struct {
	content
	id       string
	sequence uint64 // order of arrival in its queue
	group    *group // nil on a standard queue
	source   string // ARN of the queue that dead-lettered it, or empty
	sender   string

	sentAt        time.Time // of the original send; survives a dead-letter move
	keptSince     time.Time // retention counts from here
	firstReceived time.Time // zero until then
	receivedAt    time.Time // last receive
	visibleAt     time.Time // when a delayed or received message is next seen
	received      int       // receives in all queues: ApproximateReceiveCount
	tries         int       // receives from this queue: what maxReceiveCount limits
	receipt       int       // number of the latest receipt

	state  state
	flying bool        // counted in group.flying
	at     [places]int // 1-based position in each index; 0 means not in it
}

// systemAttributes are what ReceiveMessage can return in Attributes. FIFO
// decides whether the sequence number and deduplication id exist.
func (m *message) systemAttributes(fifo bool) map[string]string {
	out := map[string]string{
		"SenderId":                m.sender,
		"SentTimestamp":           millis(m.sentAt),
		"ApproximateReceiveCount": strconv.Itoa(m.received),
	}
	if !m.firstReceived.IsZero() {
		out["ApproximateFirstReceiveTimestamp"] = millis(m.firstReceived)
	}
	if fifo {
		out["SequenceNumber"] = sequenceNumber(m.sequence)
		out["MessageDeduplicationId"] = m.dedupID
	}
	for name, value := range map[string]string{
		"MessageGroupId": m.groupID, "AWSTraceHeader": m.trace, "DeadLetterQueueSourceArn": m.source,
	} {
		if value != "" {
			out[name] = value
		}
	}
	return out
}

// systemAttributeNames are those that a receiver may ask for. SqsManagedSseEnabled
// is listed by the API Reference although no message has it.
var systemAttributeNames = map[string]bool{
	"All": true, "SenderId": true, "SentTimestamp": true, "ApproximateReceiveCount": true,
	"ApproximateFirstReceiveTimestamp": true, "SequenceNumber": true, "MessageDeduplicationId": true,
	"MessageGroupId": true, "AWSTraceHeader": true, "DeadLetterQueueSourceArn": true, "SqsManagedSseEnabled": true,
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// sequenceNumber is large, of fixed width, and not consecutive, like AWS's.
func sequenceNumber(n uint64) string {
	const base, step = 18_800_000_000_000_000_000 / 2, 256
	s := strconv.FormatUint(base+n*step, 10)
	return "00000000000000000000"[len(s):] + s
}
