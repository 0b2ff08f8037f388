package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"clientkeeper/internal/awsrequest"
	"clientkeeper/internal/sandbox/lambda"
	sqsroom "clientkeeper/internal/sandbox/sqs"
)

// queues is an SQS whose time can be moved.
type queues struct {
	*sqs.Client
	room *sqsroom.Service

	mu     sync.Mutex
	offset time.Duration
}

func newQueues(t *testing.T) *queues {
	t.Helper()
	q := &queues{}
	q.room = sqsroom.New(sqsroom.Options{Now: func() time.Time {
		q.mu.Lock()
		defer q.mu.Unlock()
		return time.Now().Add(q.offset)
	}})
	server := httptest.NewServer(q.room)
	t.Cleanup(server.Close)
	t.Cleanup(q.room.Close)
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	q.Client = sqs.NewFromConfig(awsrequest.Config(aws.Config{
		HTTPClient: client, BaseEndpoint: &server.URL, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}))
	return q
}

func (q *queues) advance(d time.Duration) {
	q.mu.Lock()
	q.offset += d
	q.mu.Unlock()
	q.room.Wake()
}

// create makes a queue and returns a mapping of it to the consumer.
func (q *queues) create(t *testing.T, name string, attributes map[string]string) lambda.Mapping {
	t.Helper()
	out, err := q.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		t.Fatal(err)
	}
	return lambda.Mapping{Function: "consumer", QueueURL: *out.QueueUrl, QueueARN: "arn:aws:sqs:us-east-1:123456789012:" + name}
}

func (q *queues) send(t *testing.T, m lambda.Mapping, bodies ...string) {
	t.Helper()
	for chunk := range slices.Chunk(bodies, 10) {
		in := &sqs.SendMessageBatchInput{QueueUrl: &m.QueueURL}
		for i, body := range chunk {
			e := types.SendMessageBatchRequestEntry{Id: new(fmt.Sprint(i)), MessageBody: &body}
			if strings.HasSuffix(m.QueueARN, ".fifo") {
				_, group, _ := strings.Cut(body, " ")
				group, _, _ = strings.Cut(group, " ")
				e.MessageGroupId, e.MessageDeduplicationId = &group, new(strings.ReplaceAll(body, " ", "-"))
			}
			in.Entries = append(in.Entries, e)
		}
		out, err := q.SendMessageBatch(t.Context(), in)
		if err != nil || len(out.Failed) > 0 {
			t.Fatalf("cannot send: %v %+v", err, out)
		}
	}
}

// count returns how many messages a queue holds in all.
func (q *queues) count(t *testing.T, m lambda.Mapping) int64 {
	t.Helper()
	visible, hidden := q.counts(t, m)
	return visible + hidden
}

// counts returns how many can be received at this moment, and how many not.
func (q *queues) counts(t *testing.T, m lambda.Mapping) (visible, hidden int64) {
	t.Helper()
	out, err := q.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: &m.QueueURL, AttributeNames: []types.QueueAttributeName{"All"},
	})
	if err != nil {
		t.Fatal(err)
	}
	number := func(name string) (n int64) {
		_, _ = fmt.Sscan(out.Attributes["ApproximateNumberOfMessages"+name], &n)
		return n
	}
	return number(""), number("NotVisible") + number("Delayed")
}

// consume starts the mapping with the consumer behind it.
func consume(t *testing.T, o lambda.Options, f lambda.Function, m lambda.Mapping, q lambda.Queue) (*lambda.Service, *lambda.Poller, *journal) {
	t.Helper()
	f.Name = "consumer"
	s, j := start(t, o, f)
	p, err := s.Map(t.Context(), m, q)
	if err != nil {
		t.Fatal(err)
	}
	return s, p, j
}

func idle(t *testing.T, p *lambda.Poller) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // large batches on a busy machine
	defer cancel()
	if err := p.Idle(ctx); err != nil {
		t.Fatalf("%v; the mapping has done %+v", err, p.Counts())
	}
}

// delivered returns the events that the consumer got, as a function decodes them.
func (j *journal) delivered(t *testing.T) []events.SQSEvent {
	t.Helper()
	var all []events.SQSEvent
	for line := range strings.SplitSeq(j.text(), "\n") {
		if text, ok := strings.CutPrefix(line, "EVENT "); ok {
			all = append(all, decode[events.SQSEvent](t, []byte(text)))
		}
	}
	return all
}

func TestMappingRefusals(t *testing.T) {
	q := newQueues(t)
	base := q.create(t, "q", nil)
	short := q.create(t, "short", map[string]string{"VisibilityTimeout": "10"})
	fifo := q.create(t, "q.fifo", map[string]string{"FifoQueue": "true"})
	tests := map[string]struct {
		m    lambda.Mapping
		edit func(*lambda.Mapping)
		want string // "" is accepted
	}{
		"batch of 11, no window": {base, func(m *lambda.Mapping) { m.BatchSize = 11 },
			"InvalidParameterValueException: Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"},
		"batch of 11, window":    {base, func(m *lambda.Mapping) { m.BatchSize, m.BatchingWindow = 11, time.Second }, ""},
		"batch of 10,001":        {base, func(m *lambda.Mapping) { m.BatchSize, m.BatchingWindow = 10_001, time.Second }, "InvalidParameterValueException"},
		"negative batch":         {base, func(m *lambda.Mapping) { m.BatchSize = -1 }, "InvalidParameterValueException"},
		"FIFO batch of 11":       {fifo, func(m *lambda.Mapping) { m.BatchSize = 11 }, "InvalidParameterValueException"},
		"FIFO batch of 10":       {fifo, func(m *lambda.Mapping) { m.BatchSize = 10 }, ""},
		"FIFO window":            {fifo, func(m *lambda.Mapping) { m.BatchingWindow = time.Second }, "InvalidParameterValueException"},
		"window of 301 s":        {base, func(m *lambda.Mapping) { m.BatchingWindow = 301 * time.Second }, "InvalidParameterValueException"},
		"window of half seconds": {base, func(m *lambda.Mapping) { m.BatchingWindow = 1500 * time.Millisecond }, "InvalidParameterValueException"},
		"concurrency 1":          {base, func(m *lambda.Mapping) { m.MaximumConcurrency = 1 }, "InvalidParameterValueException"},
		"concurrency 2":          {base, func(m *lambda.Mapping) { m.MaximumConcurrency = 2 }, ""},
		"concurrency 1,001":      {base, func(m *lambda.Mapping) { m.MaximumConcurrency = 1001 }, "InvalidParameterValueException"},
		"short visibility": {short, func(*lambda.Mapping) {},
			"InvalidParameterValueException: Queue visibility timeout: 10 seconds is less than Function timeout: 30 seconds"},
		"missing queue": {base, func(m *lambda.Mapping) { m.QueueURL += "x" },
			"InvalidParameterValueException: Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue."},
		"no ARN":           {base, func(m *lambda.Mapping) { m.QueueARN = "q" }, "InvalidParameterValueException"},
		"filter":           {base, func(m *lambda.Mapping) { m.FilterPatterns = []string{`{"body":{}}`} }, "InvalidParameterValueException: The sandbox does not imitate filter patterns"},
		"unknown function": {base, func(m *lambda.Mapping) { m.Function = "nobody" }, "ResourceNotFoundException"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, _ := start(t, lambda.Options{}, lambda.Function{Name: "consumer", Timeout: 30 * time.Second})
			m := tt.m
			tt.edit(&m)
			_, err := s.Map(t.Context(), m, q)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	t.Run("twice", func(t *testing.T) {
		s, first, _ := consume(t, lambda.Options{}, lambda.Function{}, base, q)
		_, err := s.Map(t.Context(), base, q)
		if e, ok := errors.AsType[*lambda.APIError](err); !ok || e.Code != "ResourceConflictException" || e.Status != 409 ||
			!strings.Contains(e.Message, first.UUID) {
			t.Errorf("got %v, want a conflict with %s", err, first.UUID)
		}
	})
}

func TestRecords(t *testing.T) {
	q := newQueues(t)
	m := q.create(t, "q", nil)
	body := "ok <&> \"\u00e9\u2028"
	_, err := q.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: &m.QueueURL, MessageBody: &body,
		MessageAttributes: map[string]types.MessageAttributeValue{
			"reason": {DataType: new("String"), StringValue: new("because")},
			"blob":   {DataType: new("Binary"), BinaryValue: []byte{0, 255}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, p, j := consume(t, lambda.Options{}, lambda.Function{}, m, q)
	idle(t, p)
	got := j.delivered(t)
	if len(got) != 1 || len(got[0].Records) != 1 {
		t.Fatalf("delivered %+v", got)
	}
	r := got[0].Records[0]
	if r.Body != body || r.EventSource != "aws:sqs" || r.EventSourceARN != m.QueueARN || r.AWSRegion != "us-east-1" ||
		r.MessageId == "" || r.ReceiptHandle == "" || len(r.Md5OfBody) != 32 || len(r.Md5OfMessageAttributes) != 32 {
		t.Errorf("record %+v", r)
	}
	for _, name := range []string{"ApproximateReceiveCount", "SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp"} {
		if r.Attributes[name] == "" {
			t.Errorf("no attribute %s in %v", name, r.Attributes)
		}
	}
	reason, blob := r.MessageAttributes["reason"], r.MessageAttributes["blob"]
	if reason.DataType != "String" || *reason.StringValue != "because" || blob.DataType != "Binary" || string(blob.BinaryValue) != "\x00\xff" {
		t.Errorf("attributes %+v", r.MessageAttributes)
	}
	_, raw, _ := strings.Cut(j.text(), "EVENT ")
	raw, _, _ = strings.Cut(raw, "\n")
	for _, want := range []string{`"stringListValues":[]`, `"binaryListValues":[]`, `"binaryValue":"AP8="`, `ok <&> `} {
		if !strings.Contains(raw, want) || !json.Valid([]byte(raw)) {
			t.Errorf("no %s in %s", want, raw)
		}
	}
}

func TestBatches(t *testing.T) {
	tests := map[string]struct {
		size   int
		window time.Duration
		send   int
		want   []int // records in each event
	}{
		"one full batch":       {10, 0, 10, []int{10}},
		"batches of three":     {3, 0, 7, []int{3, 3, 1}},
		"several receives":     {25, time.Minute, 25, []int{25}},
		"window ends the wait": {100, 10 * time.Second, 15, []int{15}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			q := newQueues(t)
			m := q.create(t, "q", nil)
			m.BatchSize, m.BatchingWindow = tt.size, tt.window
			q.send(t, m, slices.Repeat([]string{"ok"}, tt.send)...)
			_, p, j := consume(t, lambda.Options{}, lambda.Function{}, m, q)
			idle(t, p)
			var got []int
			for _, e := range j.delivered(t) {
				got = append(got, len(e.Records))
			}
			slices.SortFunc(got, func(a, b int) int { return b - a })
			if !slices.Equal(got, tt.want) {
				t.Errorf("events with %v records, want %v", got, tt.want)
			}
			want := lambda.Counts{Received: int64(tt.send), Invocations: int64(len(tt.want)), Deleted: int64(tt.send)}
			if c := p.Counts(); c != want {
				t.Errorf("counts %+v, want %+v", c, want)
			}
		})
	}
}

// Ten messages of 900 kB are more than one event may hold.
func TestBatchIsCutAtSixMegabytes(t *testing.T) {
	q := newQueues(t)
	m := q.create(t, "q", map[string]string{"VisibilityTimeout": "600"}) // the batches are large, and the machine may be slow
	for range 10 {
		q.send(t, m, "ok "+strings.Repeat("<", 900_000))
	}
	// Its lines are longer than the sink takes at once, so count events only.
	_, p, j := consume(t, lambda.Options{}, lambda.Function{Timeout: 2 * time.Minute}, m, q)
	idle(t, p)
	if n := strings.Count(j.text(), "EVENT "); n < 2 || n > 4 {
		t.Errorf("%d events", n)
	}
	if c := p.Counts(); c.Deleted != 10 || c.Failures != 0 {
		t.Errorf("counts %+v", c)
	}
}
