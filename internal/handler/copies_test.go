package handler_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/queue"
)

func TestADeadLetterKeepsTheMessageAsItCame(t *testing.T) {
	b := newBench(failWith(&fault.Error{Kind: fault.Invalid, Op: "registration.judge", Reason: "document_invalid", Detail: "no\x01name", Next: "correct it"}))
	r := record(1, " "+url(1)+"\n")
	text := "kept"
	r.MessageAttributes = map[string]events.SQSMessageAttribute{
		"trace":               {DataType: "String", StringValue: &text},
		"blob":                {DataType: "Binary", BinaryValue: []byte{1, 2}},
		"clientkeeper.origin": {DataType: "String", StringValue: ptr(`{"message_id":"m0","first_seen":"1970-01-01T00:00:01Z"}`)},
	}
	for i := range 8 {
		r.MessageAttributes[fmt.Sprintf("z%d", i)] = events.SQSMessageAttribute{DataType: "String", StringValue: &text}
	}
	b.handle(t, t.Context(), r)
	letter := b.queue.sent[dlqURL][0]
	if letter.Body != r.Body {
		t.Errorf("body %q, want %q", letter.Body, r.Body)
	}
	if len(letter.Attributes) != queue.MaxAttributes || letter.Attributes["trace"].String != "kept" || !bytes.Equal(letter.Attributes["blob"].Binary, []byte{1, 2}) {
		t.Errorf("attributes %+v, want %d with the sender's first", letter.Attributes, queue.MaxAttributes)
	}
	if got := letter.Attributes["clientkeeper.detail"].String; got != "registration.judge: invalid (document_invalid): noname; correct it" {
		t.Errorf("detail %q", got)
	}
	var origin struct {
		MessageID string    `json:"message_id"`
		FirstSeen time.Time `json:"first_seen"`
		Receives  int
		Kind      string
	}
	if err := json.Unmarshal([]byte(letter.Attributes["clientkeeper.origin"].String), &origin); err != nil ||
		origin.MessageID != "m0" || origin.FirstSeen.Unix() != 1 || origin.Receives != 1 || origin.Kind != "invalid" {
		t.Errorf("origin %+v, %v", origin, err)
	}
}

func ptr(s string) *string { return &s }

func TestAPostponedMessageRemembersItsOrigin(t *testing.T) {
	b := newBench(failWith(&fault.Error{Kind: fault.RateLimited, RetryAfter: 30 * time.Second}))
	first := time.Now().Add(-20 * time.Minute)
	r := record(1, url(1))
	r.Attributes["ApproximateFirstReceiveTimestamp"] = millis(first)
	b.handle(t, t.Context(), r)
	copied := b.queue.sent[queueURL][0]
	if copied.Body != url(1) || copied.Delay != 30*time.Second {
		t.Errorf("copy %+v", copied)
	}

	// The copy is a young message with another id, but its first life counts.
	again := record(2, copied.Body)
	asReceived := func(a queue.Attribute) events.SQSMessageAttribute {
		return events.SQSMessageAttribute{DataType: a.Type, StringValue: &a.String}
	}
	again.MessageAttributes = map[string]events.SQSMessageAttribute{"clientkeeper.origin": asReceived(copied.Attributes["clientkeeper.origin"])}
	b.Limits.MaxAge = 10 * time.Minute
	b.handle(t, t.Context(), again)
	letters := b.queue.sent[dlqURL]
	if len(letters) != 1 || letters[0].Attributes["clientkeeper.reason"].String != "rate_limited" {
		t.Fatalf("dead letters %+v, want the message that was put off for too long", letters)
	}
	if origin := letters[0].Attributes["clientkeeper.origin"].String; !strings.Contains(origin, `"message_id":"m1"`) {
		t.Errorf("origin %s, want the first message", origin)
	}

	// Redriven, it begins a new life.
	redriven := record(3, letters[0].Body)
	redriven.MessageAttributes = map[string]events.SQSMessageAttribute{}
	for name, a := range letters[0].Attributes {
		redriven.MessageAttributes[name] = asReceived(a)
	}
	b.handle(t, t.Context(), redriven)
	if len(b.queue.sent[dlqURL]) != 1 || len(b.queue.sent[queueURL]) != 2 {
		t.Errorf("%d dead letters and %d postponed, want 1 and 2", len(b.queue.sent[dlqURL]), len(b.queue.sent[queueURL]))
	}
	if origin := b.queue.sent[queueURL][1].Attributes["clientkeeper.origin"].String; !strings.Contains(origin, `"message_id":"m3"`) {
		t.Errorf("origin %s, want the redriven message", origin)
	}
}

func TestAnOriginThatMakesNoSenseIsIgnored(t *testing.T) {
	for text, want := range map[string]string{
		"": "m1", "null": "m1", "{": "m1", `{"message_id":7}`: "m1", `{"message_id":""}`: "m1", `{"message_id":"x","first_seen":7}`: "m1",
		`{"message_id":"` + strings.Repeat("x", 101) + `"}`:      "m1",
		`{"message_id":"` + strings.Repeat("x", 100) + `"}`:      strings.Repeat("x", 100),
		`{"message_id":"x","first_seen":"9999-01-01T00:00:00Z"}`: "x",
		`{"message_id":"x"}`: "x",
		`{"message_id":"` + strings.Repeat(`\u2028`, 33) + `"}`: strings.Repeat("\u2028", 33),
	} {
		b := newBench(failWith(fault.RateLimited))
		b.Limits.MaxAge = 10 * time.Minute
		r := record(1, url(1))
		seen := time.Now().Add(-5 * time.Minute)
		r.Attributes["ApproximateFirstReceiveTimestamp"] = millis(seen)
		r.MessageAttributes = map[string]events.SQSMessageAttribute{"clientkeeper.origin": {DataType: "String", StringValue: &text}}
		b.handle(t, t.Context(), r)
		if len(b.queue.sent[queueURL]) != 1 {
			t.Errorf("%q: the message was not postponed", text)
			continue
		}
		var got struct {
			MessageID string    `json:"message_id"`
			FirstSeen time.Time `json:"first_seen"`
		}
		copied := b.queue.sent[queueURL][0].Attributes["clientkeeper.origin"].String
		if err := json.Unmarshal([]byte(copied), &got); err != nil || got.MessageID != want || got.FirstSeen.UnixMilli() != seen.UnixMilli() {
			t.Errorf("%q became %s (%v), want %q, first seen when it was first received", text, copied, err, want)
		}
	}
}

// What SQS does not say is taken as new, or a message of a busy tenant would be
// given up at its first try.
func TestAMessageOfUnknownAgeIsNew(t *testing.T) {
	for _, text := range []string{"", "0", "-1", "soon", "9999999999999999"} { // the last is a year that JSON cannot say
		b := newBench(failWith(fault.RateLimited))
		r := record(1, url(1))
		r.Attributes = map[string]string{"ApproximateFirstReceiveTimestamp": text}
		b.handle(t, t.Context(), r)
		if len(b.queue.sent[queueURL]) != 1 {
			t.Errorf("%q: sent %+v, want it postponed", text, b.queue.sent)
			continue
		}
		if origin := b.queue.sent[queueURL][0].Attributes["clientkeeper.origin"].String; !strings.HasPrefix(origin, `{"message_id":"m1"`) {
			t.Errorf("%q: origin %s", text, origin)
		}
	}
}

// SQS refuses a message with a character that XML does not know, and then the
// message could be neither given up nor done.
func TestTheReasonIsATextThatSQSTakes(t *testing.T) {
	for detail, want := range map[string]string{
		"a\tb\nc\rd":              "a\tb\nc\rd",
		"a\x00b\x1bc\x1f d":       "abc d",
		"\ud7ff\ue000 \U0001f511": "\ud7ff\ue000 \U0001f511",
		"a\ufffeb\uffffc\xffd":    "abcd",
		strings.Repeat("ü", 600):  "",
	} {
		b := newBench(failWith(&fault.Error{Kind: fault.Invalid, Op: "op", Reason: "r", Detail: detail}))
		b.handle(t, t.Context(), record(1, url(1)))
		got := b.queue.sent[dlqURL][0].Attributes["clientkeeper.detail"].String
		if want != "" && got != "op: invalid (r): "+want {
			t.Errorf("%q became %q, want %q", detail, got, want)
		}
		if len(got) > 1024 || len(got) < 400 && want == "" || !utf8.ValidString(got) {
			t.Errorf("%q is too long, too short or broken", got)
		}
	}
}

// A message that waited for days behind others has not been put off yet.
func TestAgeCountsFromTheFirstReceive(t *testing.T) {
	b := newBench(failWith(fault.RateLimited))
	r := record(1, url(1))
	r.Attributes["SentTimestamp"] = millis(time.Now().Add(-72 * time.Hour))
	b.handle(t, t.Context(), r)
	if len(b.queue.sent[queueURL]) != 1 {
		t.Errorf("sent %+v, want it postponed", b.queue.sent)
	}
}

func TestACopyIsNoLargerThanSQSTakes(t *testing.T) {
	text := strings.Repeat("a", 300<<10)
	attributes := func(n int) map[string]events.SQSMessageAttribute {
		out := map[string]events.SQSMessageAttribute{}
		for i := range n {
			out[fmt.Sprintf("a%d", i)] = events.SQSMessageAttribute{DataType: "String", StringValue: &text}
		}
		return out
	}
	tests := map[string]struct {
		body       string
		attributes int
		want       string // the attributes that are left
	}{
		"room for all":      {"junk", 2, "a0 a1 clientkeeper.detail clientkeeper.origin clientkeeper.reason"},
		"all but the last":  {strings.Repeat("x", 124<<10), 3, "a0 a1 clientkeeper.detail clientkeeper.origin clientkeeper.reason"},
		"none of theirs":    {strings.Repeat("x", 1020<<10), 0, "clientkeeper.detail clientkeeper.origin clientkeeper.reason"},
		"only the reason":   {strings.Repeat("x", 1<<20-60), 0, "clientkeeper.reason"},
		"a body and no bit": {strings.Repeat("x", 1<<20), 0, ""},
	}
	for name, test := range tests {
		b := newBench(succeed)
		r := record(1, test.body)
		r.MessageAttributes = attributes(test.attributes)
		b.handle(t, t.Context(), r)
		letters := b.queue.sent[dlqURL]
		if len(letters) != 1 || letters[0].Body != test.body || letters[0].Size() > queue.MaxSize {
			t.Errorf("%s: %d letters, want one that fits, with the whole body", name, len(letters))
			continue
		}
		if got := strings.Join(slices.Sorted(maps.Keys(letters[0].Attributes)), " "); got != test.want {
			t.Errorf("%s: attributes %q, want %q", name, got, test.want)
		}
	}
}

// SQS drops what it takes for a repetition, so nothing that a sender may have
// written decides what is one.
func TestAForgedOriginCannotSilenceAnotherMessage(t *testing.T) {
	b := newBench(succeed)
	for i := 1; i <= 2; i++ {
		r := fifo(i, "a", "junk")
		r.MessageAttributes = map[string]events.SQSMessageAttribute{
			"clientkeeper.origin": {DataType: "String", StringValue: ptr(`{"message_id":"same"}`)},
		}
		b.handle(t, t.Context(), r)
	}
	letters := b.queue.sent[dlqURL]
	if len(letters) != 2 || letters[0].Deduplication != "m1" || letters[1].Deduplication != "m2" {
		t.Errorf("dead letters %+v, want each under its own id", letters)
	}
}

func TestACopyKeepsItsGroup(t *testing.T) {
	b := newBench(failWith(fault.RateLimited))
	for i, body := range []string{url(1), "junk"} {
		r := record(i, body)
		r.Attributes["MessageGroupId"] = "customer-7" // fairness, on a standard queue
		b.handle(t, t.Context(), r)
	}
	for _, url := range []string{queueURL, dlqURL} {
		if sent := b.queue.sent[url]; len(sent) != 1 || sent[0].Group != "customer-7" || sent[0].Deduplication != "" {
			t.Errorf("%s got %+v", url, sent)
		}
	}
}
