package handler_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"clientkeeper/internal/awsrequest"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/queue"
	"clientkeeper/internal/registration"
	"clientkeeper/internal/sandbox/sqs"
)

// fifoWorld is a FIFO queue and its dead-letter queue on the wire, and what
// the service was asked.
type fifoWorld struct {
	*bench
	room   *sqs.Service
	sdk    *sdk.Client
	ahead  atomic.Int64 // of the real clock
	random *rand.Rand

	mu   sync.Mutex
	done map[string][]string // by group: the URLs of successes, each when it first succeeded
}

const (
	groups   = 3
	perGroup = 12
)

func openFIFO(t *testing.T, seed uint64) *fifoWorld {
	t.Helper()
	w := &fifoWorld{random: rand.New(rand.NewPCG(seed, 0)), done: map[string][]string{}}
	w.room = sqs.New(sqs.Options{Region: "eu-central-1", Now: func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }})
	server := httptest.NewServer(w.room)
	t.Cleanup(server.Close)
	t.Cleanup(w.room.Close)
	cfg := aws.Config{Region: "eu-central-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
	w.sdk = sdk.NewFromConfig(awsrequest.Config(cfg))
	w.bench = newBench(w.register)
	w.Queue = queue.New(cfg)
	w.Now = func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }
	w.Limits.MaxTries, w.Limits.MaxAge = 4, 100*time.Hour
	for name, url := range map[string]*string{"q.fifo": &w.QueueURL, "dead.fifo": &w.DeadLetterURL} {
		out, err := w.sdk.CreateQueue(t.Context(), &sdk.CreateQueueInput{QueueName: &name, Attributes: map[string]string{"FifoQueue": "true"}})
		if err != nil {
			t.Fatal(err)
		}
		*url = *out.QueueUrl
	}
	return w
}

// register succeeds, or fails in one of the ways there are.
func (w *fifoWorld) register(_ context.Context, r registration.Request) (registration.Outcome, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch x := w.random.IntN(100); {
	case x < 10:
		return registration.Outcome{}, &fault.Error{Kind: fault.Invalid, Reason: "document_invalid"}
	case x < 30:
		return registration.Outcome{}, &fault.Error{Kind: fault.RateLimited}
	case x < 50:
		return registration.Outcome{}, &fault.Error{Kind: fault.Unavailable}
	}
	if id := r.ClientID.String(); !slices.Contains(w.done[r.RequestID], id) {
		w.done[r.RequestID] = append(w.done[r.RequestID], id)
	}
	return registration.Outcome{ClientID: "tpc_1"}, nil
}

func (w *fifoWorld) send(t *testing.T) {
	t.Helper()
	for i := range perGroup {
		for g := range groups {
			group := fmt.Sprint("g", g)
			err := w.Queue.Send(t.Context(), w.QueueURL, queue.Message{Group: group, Deduplication: fmt.Sprint(g, "-", i),
				Body: fmt.Sprintf(`{"external_client_id":%q,"request_id":%q}`, url(i), group)})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// deliver does what an event source mapping does once, and now and then loses
// the function's answer. It reports whether there was anything to deliver.
func (w *fifoWorld) deliver(t *testing.T) bool {
	t.Helper()
	out, err := w.sdk.ReceiveMessage(t.Context(), &sdk.ReceiveMessageInput{QueueUrl: &w.QueueURL, MaxNumberOfMessages: 10,
		MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"}})
	if err != nil {
		t.Fatal(err)
	}
	var records []events.SQSMessage
	for _, m := range out.Messages {
		records = append(records, events.SQSMessage{MessageId: *m.MessageId, ReceiptHandle: *m.ReceiptHandle, Body: *m.Body,
			Attributes: m.Attributes, EventSourceARN: arn + ".fifo"})
	}
	stays := w.handle(t, t.Context(), records...)
	if w.random.IntN(5) == 0 {
		return len(records) > 0 // killed before it could answer
	}
	for _, r := range records {
		if slices.Contains(stays, r.MessageId) {
			continue
		}
		// What was dead-lettered is gone already, and its receipt with it.
		_, _ = w.sdk.DeleteMessage(t.Context(), &sdk.DeleteMessageInput{QueueUrl: &w.QueueURL, ReceiptHandle: &r.ReceiptHandle})
	}
	return len(records) > 0
}

// Whatever fails, is throttled or dies: each group's messages succeed in their
// order, and each that does not is a dead letter, once, with its reason.
func TestAFIFOQueueKeepsItsOrderAndItsMessages(t *testing.T) {
	for seed := range uint64(5) {
		w := openFIFO(t, seed)
		w.send(t)
		for range 3000 {
			if w.deliver(t) {
				continue
			}
			if left, _ := w.room.Messages("q.fifo"); len(left) == 0 {
				break
			}
			w.ahead.Add(int64(20 * time.Second))
		}
		if left, _ := w.room.Messages("q.fifo"); len(left) > 0 {
			t.Fatalf("seed %d: %d messages are left", seed, len(left))
		}
		w.check(t, seed)
	}
}

func (w *fifoWorld) check(t *testing.T, seed uint64) {
	t.Helper()
	letters, _ := w.room.Messages("dead.fifo")
	dead := map[string]int{}
	for _, l := range letters {
		r, err := registration.ParseRequest(l.Body)
		if err != nil {
			t.Fatal(err)
		}
		dead[r.RequestID+" "+r.ClientID.String()]++
		if reason := l.Attributes["clientkeeper.reason"]; reason != "document_invalid" && reason != "unavailable" {
			t.Errorf("seed %d: a dead letter for %q", seed, reason)
		}
	}
	for g := range groups {
		group := fmt.Sprint("g", g)
		if !slices.IsSortedFunc(w.done[group], byNumber) {
			t.Errorf("seed %d: group %s succeeded in the order %v", seed, group, w.done[group])
		}
		for i := range perGroup {
			succeeded, letters := slices.Contains(w.done[group], url(i)), dead[group+" "+url(i)]
			if letters > 1 || (letters == 0 && !succeeded) {
				t.Errorf("seed %d: message %d of %s: succeeded %v, %d dead letters", seed, i, group, succeeded, letters)
			}
		}
	}
}

func byNumber(a, b string) int {
	number := func(s string) (n int) {
		_, _ = fmt.Sscanf(s, "https://agents.example.com/client-%d.json", &n)
		return n
	}
	return number(a) - number(b)
}
