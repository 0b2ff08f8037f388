package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/handler"
	"clientkeeper/internal/queue"
	"clientkeeper/internal/registration"
	"clientkeeper/internal/telemetry"
)

const (
	queueURL = "https://sqs.test/1/registrations"
	dlqURL   = "https://sqs.test/1/registrations-dlq"
	arn      = "arn:aws:sqs:eu-central-1:1:registrations"
)

type registrarFunc func(context.Context, registration.Request) (registration.Outcome, error)

func (f registrarFunc) Do(ctx context.Context, r registration.Request) (registration.Outcome, error) {
	return f(ctx, r)
}

// fakeQueue remembers what was done to it. Its errors are by operation.
type fakeQueue struct {
	mu      sync.Mutex
	errs    map[string]error
	sent    map[string][]queue.Message
	hidden  map[string]time.Duration
	deleted []string
}

func (q *fakeQueue) Send(_ context.Context, url string, m queue.Message) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.errs["send"] != nil {
		return q.errs["send"]
	}
	if q.sent == nil {
		q.sent = map[string][]queue.Message{}
	}
	q.sent[url] = append(q.sent[url], m)
	return nil
}

func (q *fakeQueue) Hide(_ context.Context, _, receipt string, d time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.errs["hide"] != nil {
		return q.errs["hide"]
	}
	if q.hidden == nil {
		q.hidden = map[string]time.Duration{}
	}
	q.hidden[receipt] = d
	return nil
}

func (q *fakeQueue) Delete(_ context.Context, _, receipt string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.deleted = append(q.deleted, receipt)
	return q.errs["delete"]
}

func record(n int, body string) events.SQSMessage {
	return events.SQSMessage{
		MessageId: fmt.Sprintf("m%d", n), ReceiptHandle: fmt.Sprintf("r%d", n), Body: body, EventSourceARN: arn,
		Attributes: map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": strconv.FormatInt(time.Now().UnixMilli(), 10)},
	}
}

func fifo(n int, group, body string) events.SQSMessage {
	r := record(n, body)
	r.EventSourceARN += ".fifo"
	r.Attributes["MessageGroupId"] = group
	return r
}

func url(n int) string { return fmt.Sprintf("https://agents.example.com/client-%d.json", n) }

// bench is a handler between a registrar and a queue that remember.
type bench struct {
	handler.RegisterClient
	queue fakeQueue
	log   bytes.Buffer
	mu    sync.Mutex
	asked []string
}

func newBench(do func(context.Context, registration.Request) (registration.Outcome, error)) *bench {
	b := &bench{}
	b.RegisterClient = handler.RegisterClient{
		Queue: &b.queue, QueueURL: queueURL, DeadLetterURL: dlqURL, Concurrency: 4,
		Limits: handler.Limits{MaxTries: 3, RetryBase: 10 * time.Second, RetryMax: time.Minute, MaxAge: time.Hour},
		Log:    telemetry.Logger(&b.log, "register-client", "test", "DEBUG"),
		Service: registrarFunc(func(ctx context.Context, r registration.Request) (registration.Outcome, error) {
			b.mu.Lock()
			b.asked = append(b.asked, r.ClientID.String())
			b.mu.Unlock()
			return do(ctx, r)
		}),
	}
	return b
}

func succeed(context.Context, registration.Request) (registration.Outcome, error) {
	return registration.Outcome{ClientID: "tpc_1", Created: true, Validation: registration.Validation{Valid: true, Warnings: []string{"w"}}}, nil
}

func failWith(err error) func(context.Context, registration.Request) (registration.Outcome, error) {
	return func(context.Context, registration.Request) (registration.Outcome, error) {
		return registration.Outcome{}, err
	}
}

// handle runs a batch and returns the ids that stay.
func (b *bench) handle(t *testing.T, ctx context.Context, records ...events.SQSMessage) []string {
	t.Helper()
	out, err := b.Handle(ctx, events.SQSEvent{Records: records})
	if err != nil {
		t.Fatalf("the handler failed as a whole: %v", err)
	}
	var ids []string
	for _, f := range out.BatchItemFailures {
		ids = append(ids, f.ItemIdentifier)
	}
	return ids
}

// outcomes are the outcome of each message's line.
func (b *bench) outcomes(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for line := range strings.Lines(b.log.String()) {
		var l struct {
			MessageID string `json:"message_id"`
			Outcome   string
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("not a JSON line: %q", line)
		}
		if l.MessageID == "" {
			continue
		}
		if out[l.MessageID] != "" {
			t.Errorf("message %s has two lines", l.MessageID)
		}
		out[l.MessageID] = l.Outcome
	}
	return out
}

func TestWhatBecomesOfOneMessage(t *testing.T) {
	busy := &fault.Error{Kind: fault.RateLimited, RetryAfter: 42 * time.Second}
	gone := &fault.Error{Kind: fault.NotFound, Reason: "message_gone"}
	down := &fault.Error{Kind: fault.Unavailable, Reason: "document_unreachable"}
	refused := &fault.Error{Kind: fault.Invalid, Reason: "document_invalid", Err: &registration.Refusal{Violations: []string{"v"}}}
	tests := map[string]struct {
		body        string
		receives    string
		err         error
		queueErrs   map[string]error
		wantStays   bool
		wantOutcome string
		wantSent    string // the queue that got a copy
		wantReason  string // of the dead letter
		wantDeleted bool
	}{
		"registered":                      {url(1), "1", nil, nil, false, "created", "", "", false},
		"refused":                         {url(1), "1", refused, nil, false, "rejected", dlqURL, "document_invalid", true},
		"not JSON":                        {"hello", "1", nil, nil, false, "rejected", dlqURL, "message_not_json", true},
		"not allowed":                     {url(1), "1", &fault.Error{Kind: fault.Denied, Reason: "host_not_allowed"}, nil, false, "rejected", dlqURL, "host_not_allowed", true},
		"busy":                            {url(1), "3", busy, nil, false, "postponed", queueURL, "", true},
		"unreachable":                     {url(1), "1", down, nil, true, "returned", "", "", false},
		"unreachable for the last time":   {url(1), "3", down, nil, false, "rejected", dlqURL, "document_unreachable", true},
		"a bug":                           {url(1), "1", errors.New("nil map"), nil, true, "returned", "", "", false},
		"a bug for the last time":         {url(1), "3", errors.New("nil map"), nil, false, "rejected", dlqURL, "internal", true},
		"no count":                        {url(1), "", down, nil, true, "returned", "", "", false},
		"refused, no dead-letter queue":   {url(1), "1", refused, map[string]error{"send": fault.NotFound}, true, "returned", "", "", false},
		"refused, settled meanwhile":      {url(1), "1", refused, map[string]error{"hide": gone}, false, "duplicate", "", "", false},
		"refused, cannot be hidden":       {url(1), "1", refused, map[string]error{"hide": fault.Unavailable}, false, "rejected", dlqURL, "document_invalid", true},
		"refused, cannot be deleted":      {url(1), "1", refused, map[string]error{"delete": fault.Unavailable}, false, "rejected", dlqURL, "document_invalid", true},
		"busy, cannot be sent back":       {url(1), "1", busy, map[string]error{"send": fault.Unavailable}, true, "returned", "", "", false},
		"unreachable, cannot be hidden":   {url(1), "1", down, map[string]error{"hide": fault.Unavailable}, true, "returned", "", "", false},
		"our own credential is refused":   {url(1), "1", &fault.Error{Kind: fault.Unauthenticated}, nil, true, "returned", "", "", false},
		"the tenant does not give access": {url(1), "1", &fault.Error{Kind: fault.Denied, Reason: "insufficient_scope"}, nil, false, "rejected", dlqURL, "insufficient_scope", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(failWith(test.err))
			if test.err == nil {
				b = newBench(succeed)
			}
			b.queue.errs = test.queueErrs
			r := record(1, test.body)
			r.Attributes["ApproximateReceiveCount"] = test.receives
			stays := b.handle(t, t.Context(), r)
			if (len(stays) == 1) != test.wantStays {
				t.Errorf("stays: %v, want %v", stays, test.wantStays)
			}
			if got := b.outcomes(t)["m1"]; got != test.wantOutcome {
				t.Errorf("outcome %q, want %q", got, test.wantOutcome)
			}
			for _, url := range []string{queueURL, dlqURL} {
				if want := map[bool]int{true: 1}[url == test.wantSent]; len(b.queue.sent[url]) != want {
					t.Errorf("%d copies in %s, want %d", len(b.queue.sent[url]), url, want)
				}
			}
			if test.wantReason != "" && b.queue.sent[dlqURL][0].Attributes["clientkeeper.reason"].String != test.wantReason {
				t.Errorf("dead letter %+v, want reason %s", b.queue.sent[dlqURL][0].Attributes, test.wantReason)
			}
			if (len(b.queue.deleted) == 1) != test.wantDeleted {
				t.Errorf("deleted %v, want %v", b.queue.deleted, test.wantDeleted)
			}
		})
	}
}

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
	r.Attributes["SentTimestamp"] = strconv.FormatInt(first.UnixMilli(), 10)
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
	for _, text := range []string{"", "null", "{", `{"message_id":7}`, `{"message_id":"` + strings.Repeat("x", 1000) + `"}`, `{"message_id":"x","first_seen":"9999-01-01T00:00:00Z"}`} {
		b := newBench(failWith(fault.RateLimited))
		r := record(1, url(1))
		r.MessageAttributes = map[string]events.SQSMessageAttribute{"clientkeeper.origin": {DataType: "String", StringValue: &text}}
		b.handle(t, t.Context(), r)
		if len(b.queue.sent[queueURL]) != 1 {
			t.Errorf("%q: the message was not postponed", text)
		}
	}
}

func TestDuplicatesOfABatchAreDoneOnce(t *testing.T) {
	b := newBench(succeed)
	stays := b.handle(t, t.Context(), record(1, url(1)), record(2, url(2)), record(3, url(1)),
		record(4, `{"external_client_id":"`+url(1)+`","mode":"preview"}`), record(5, "  "+url(1)))
	slices.Sort(b.asked)
	if len(stays) != 0 || !slices.Equal(b.asked, []string{url(1), url(1), url(2)}) {
		t.Errorf("stays %v, asked %v; want one call a document and mode", stays, b.asked)
	}
	if got := b.outcomes(t); len(got) != 5 || got["m1"] != "created" || got["m3"] != "updated" || got["m4"] != "previewed" {
		t.Errorf("outcomes %v", got)
	}
}

func TestAPoisonMessageHoldsUpNobody(t *testing.T) {
	b := newBench(func(ctx context.Context, r registration.Request) (registration.Outcome, error) {
		switch {
		case strings.Contains(r.ClientID.String(), "client-1."):
			panic("with a secret: canary-panic")
		case strings.Contains(r.ClientID.String(), "client-2."):
			<-ctx.Done()
			return registration.Outcome{}, ctx.Err()
		}
		return succeed(ctx, r)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 4500*time.Millisecond)
	defer cancel()
	var records []events.SQSMessage
	for i := 1; i <= 8; i++ {
		records = append(records, record(i, url(i)))
	}
	records = append(records, record(9, "\x00 not even text"), record(10, ""))
	b.Concurrency = 10
	stays := b.handle(t, ctx, records...)
	if !slices.Equal(stays, []string{"m1", "m2"}) || ctx.Err() != nil {
		t.Errorf("stays %v (%v), want the two that failed", stays, ctx.Err())
	}
	if strings.Contains(b.log.String(), "canary-panic") {
		t.Errorf("the log shows a panic's text: %s", b.log.String())
	}
	if len(b.queue.sent[dlqURL]) != 2 {
		t.Errorf("%d dead letters, want 2", len(b.queue.sent[dlqURL]))
	}
}

func TestNearTheDeadlineTheRestIsHandedBackUntouched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(func(ctx context.Context, r registration.Request) (registration.Outcome, error) {
			select { // each takes as long as it may
			case <-ctx.Done():
				return registration.Outcome{}, ctx.Err()
			case <-time.After(4 * time.Second):
				return succeed(ctx, r)
			}
		})
		b.Concurrency = 1
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
		defer cancel()
		start := time.Now()
		var records []events.SQSMessage
		for i := 1; i <= 9; i++ {
			records = append(records, record(i, url(i)))
		}
		b.handle(t, ctx, records...)
		if left := 12*time.Second - time.Since(start); left < time.Second {
			t.Errorf("%v left to answer", left)
		}
		outcomes := b.outcomes(t)
		count := map[string]int{}
		for id, o := range outcomes {
			count[o]++
			if o == "handed_back" && b.queue.hidden["r"+id[1:]] != 0 {
				t.Errorf("%s is hidden", id)
			}
		}
		if len(outcomes) != 9 || count["handed_back"] == 0 || len(b.asked)+count["handed_back"] != 9 {
			t.Errorf("outcomes %v after asking for %d", count, len(b.asked))
		}
	})
}

func TestWithEnoughTimeEveryMessageGetsItsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(func(ctx context.Context, r registration.Request) (registration.Outcome, error) {
			if strings.Contains(r.ClientID.String(), "client-1.") { // would take for ever
				<-ctx.Done()
				return registration.Outcome{}, ctx.Err()
			}
			time.Sleep(time.Second)
			return succeed(ctx, r)
		})
		b.Concurrency = 1
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		var records []events.SQSMessage
		for i := 1; i <= 10; i++ {
			records = append(records, record(i, url(i)))
		}
		if stays := b.handle(t, ctx, records...); !slices.Equal(stays, []string{"m1"}) {
			t.Errorf("stays %v, want the slow one alone", stays)
		}
	})
}

func TestAGroupStopsAtItsFirstFailure(t *testing.T) {
	b := newBench(func(ctx context.Context, r registration.Request) (registration.Outcome, error) {
		switch {
		case strings.Contains(r.ClientID.String(), "client-3."):
			return registration.Outcome{}, &fault.Error{Kind: fault.Unavailable}
		case strings.Contains(r.ClientID.String(), "client-6."):
			return registration.Outcome{}, &fault.Error{Kind: fault.Invalid, Reason: "document_invalid"}
		case strings.Contains(r.ClientID.String(), "client-9."):
			return registration.Outcome{}, &fault.Error{Kind: fault.RateLimited, RetryAfter: 5 * time.Second}
		}
		return succeed(ctx, r)
	})
	stays := b.handle(t, t.Context(),
		fifo(1, "a", url(1)), fifo(2, "b", url(2)), fifo(3, "a", url(3)), fifo(4, "a", url(4)), fifo(5, "a", "junk"),
		fifo(6, "b", url(6)), fifo(7, "b", url(7)), fifo(8, "a", url(1)), fifo(9, "c", url(9)), fifo(10, "c", url(10)))
	if want := []string{"m3", "m4", "m5", "m8", "m9", "m10"}; !slices.Equal(stays, want) {
		t.Errorf("stays %v, want %v in order", stays, want)
	}
	if len(b.queue.sent[queueURL]) != 0 {
		t.Errorf("a FIFO message was sent again: %+v", b.queue.sent[queueURL])
	}
	letters := b.queue.sent[dlqURL]
	if len(letters) != 1 || letters[0].Group != "b" || letters[0].Deduplication != "m6" {
		t.Errorf("dead letters %+v", letters)
	}
	if b.queue.hidden["r4"] != 0 || b.queue.hidden["r3"] == 0 || b.queue.hidden["r9"] < 5*time.Second {
		t.Errorf("hidden %v", b.queue.hidden)
	}
	for _, later := range []string{url(4), url(10)} {
		if slices.Contains(b.asked, later) {
			t.Errorf("%s was asked for before its turn", later)
		}
	}
}

func TestEachMessageHasOneLineWithItsStory(t *testing.T) {
	b := newBench(succeed)
	b.Observe = func(ctx context.Context, id string) (context.Context, func() int) {
		if id != "PLAT-7" {
			t.Errorf("correlation id %q", id)
		}
		return ctx, func() int { return 3 }
	}
	b.handle(t, t.Context(), record(1, `{"external_client_id":"`+url(1)+`","request_id":"PLAT-7","requested_by":"ops"}`))
	var line map[string]any
	first, _, _ := strings.Cut(b.log.String(), "\n")
	if err := json.Unmarshal([]byte(first), &line); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{"level": "INFO", "function": "register-client", "message_id": "m1", "outcome": "created", "client_id": "tpc_1",
		"created": true, "external_client_id": url(1), "request": "PLAT-7", "requested_by": "ops", "tenant_calls": 3.0, "receives": 1.0} {
		if line[key] != want {
			t.Errorf("%s = %v, want %v", key, line[key], want)
		}
	}
	if fmt.Sprint(line["warnings"]) != "[w]" {
		t.Errorf("warnings = %v", line["warnings"])
	}
}

func TestTheEmptyBatch(t *testing.T) {
	b := newBench(succeed)
	if stays := b.handle(t, t.Context()); len(stays) != 0 || len(b.asked) != 0 {
		t.Errorf("stays %v, asked %v", stays, b.asked)
	}
}
