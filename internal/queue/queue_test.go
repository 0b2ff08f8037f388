package queue_test

import (
	"bytes"
	"context"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"clientkeeper/internal/awsrequest"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/queue"
	"clientkeeper/internal/sandbox/sqs"
)

// bench is a queue on the wire, its clock, and the SDK itself for what the
// package does not do.
type bench struct {
	*queue.Client
	room  *sqs.Service
	sdk   *sdk.Client
	url   string
	ahead atomic.Int64 // of the real clock
}

// at is the configuration of a client that makes every call once.
func at(url string) aws.Config {
	return aws.Config{
		Region: "eu-central-1", BaseEndpoint: &url, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
}

func open(t *testing.T, name string) *bench {
	t.Helper()
	b := &bench{}
	b.room = sqs.New(sqs.Options{Region: "eu-central-1", Now: func() time.Time { return time.Now().Add(time.Duration(b.ahead.Load())) }})
	server := httptest.NewServer(b.room)
	t.Cleanup(server.Close)
	t.Cleanup(b.room.Close)
	cfg := at(server.URL)
	b.Client, b.sdk = queue.New(cfg), sdk.NewFromConfig(awsrequest.Config(cfg))
	in := &sdk.CreateQueueInput{QueueName: &name}
	if strings.HasSuffix(name, ".fifo") {
		in.Attributes = map[string]string{"FifoQueue": "true"}
	}
	out, err := b.sdk.CreateQueue(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	b.url = *out.QueueUrl
	return b
}

// receive takes one message, or nil if there is none to be had.
func (b *bench) receive(t *testing.T) *types.Message {
	t.Helper()
	out, err := b.sdk.ReceiveMessage(t.Context(), &sdk.ReceiveMessageInput{QueueUrl: &b.url, MessageAttributeNames: []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll}})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Messages) == 0 {
		return nil
	}
	return &out.Messages[0]
}

func (b *bench) send(t *testing.T, m queue.Message) {
	t.Helper()
	if err := b.Send(t.Context(), b.url, m); err != nil {
		t.Fatal(err)
	}
}

func TestAMessageArrivesAsItWasSent(t *testing.T) {
	b := open(t, "q")
	b.send(t, queue.Message{Body: " {\"x\": \"ä\"}\n", Group: "customer-7", Attributes: map[string]queue.Attribute{
		"text": {Type: "String", String: "ü"}, "count": {Type: "Number.int", String: "7"}, "blob": {Type: "Binary", Binary: []byte{0, 255}}}})
	m := b.receive(t)
	if m == nil || *m.Body != " {\"x\": \"ä\"}\n" || m.Attributes["MessageGroupId"] != "customer-7" {
		t.Fatalf("received %+v", m)
	}
	a := m.MessageAttributes
	if len(a) != 3 || *a["text"].StringValue != "ü" || *a["count"].DataType != "Number.int" || !bytes.Equal(a["blob"].BinaryValue, []byte{0, 255}) {
		t.Errorf("attributes %+v", a)
	}
}

func TestADelayIsRoundedUpAndCut(t *testing.T) {
	for _, test := range []struct{ delay, until time.Duration }{
		{-time.Second, 0}, {time.Millisecond, time.Second}, {2 * time.Second, 2 * time.Second}, {time.Hour, queue.MaxDelay},
	} {
		b := open(t, "q")
		b.send(t, queue.Message{Body: "x", Delay: test.delay})
		m, _ := b.room.Messages("q")
		if got := m[0].VisibleAt.Sub(m[0].SentAt); got != test.until {
			t.Errorf("a delay of %v holds the message back for %v, want %v", test.delay, got, test.until)
		}
	}
}

func TestFIFO(t *testing.T) {
	b := open(t, "q.fifo")
	for range 2 {
		b.send(t, queue.Message{Body: "x", Group: "g", Deduplication: "d"})
	}
	if m, _ := b.room.Messages("q.fifo"); len(m) != 1 || m[0].SystemAttributes["MessageGroupId"] != "g" {
		t.Errorf("messages %+v, want one", m)
	}
	if err := b.Send(t.Context(), b.url, queue.Message{Body: "x"}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("without a group: %v, want invalid", err)
	}
}

func TestHideIsCountedFromNow(t *testing.T) {
	b := open(t, "q")
	b.send(t, queue.Message{Body: "x"})
	m := b.receive(t)
	hide := func(d time.Duration) {
		t.Helper()
		if err := b.Hide(t.Context(), b.url, *m.ReceiptHandle, d); err != nil {
			t.Fatal(err)
		}
	}
	hide(90 * time.Second)
	b.ahead.Store(int64(80 * time.Second))
	if b.receive(t) != nil {
		t.Error("the message is visible too early")
	}
	hide(0)
	if m = b.receive(t); m == nil {
		t.Fatal("the message is still hidden")
	}
	hide(24 * time.Hour) // which SQS would refuse
	if views, _ := b.room.Messages("q"); views[0].State != "in flight" || time.Until(views[0].VisibleAt) < 11*time.Hour {
		t.Errorf("message %+v, want it hidden for as long as it can be", views[0])
	}
}

func TestDeletingTwiceIsOnce(t *testing.T) {
	b := open(t, "q")
	b.send(t, queue.Message{Body: "x"})
	m := b.receive(t)
	for range 2 {
		if err := b.Delete(t.Context(), b.url, *m.ReceiptHandle); err != nil {
			t.Fatal(err)
		}
	}
	if views, _ := b.room.Messages("q"); len(views) != 0 {
		t.Errorf("messages %+v, want none", views)
	}
	err := b.Hide(t.Context(), b.url, *m.ReceiptHandle, time.Minute)
	if fault.KindOf(err) != fault.NotFound || fault.Reason(err) != "message_gone" {
		t.Errorf("hiding what was deleted: %v", err)
	}
}

// What a FIFO queue hid for too little time is no longer ours to decide about.
func TestAnExpiredReceiptIsTold(t *testing.T) {
	b := open(t, "q.fifo")
	b.send(t, queue.Message{Body: "x", Group: "g", Deduplication: "d"})
	m := b.receive(t)
	b.ahead.Store(int64(time.Hour))
	if err := b.Hide(t.Context(), b.url, *m.ReceiptHandle, time.Minute); fault.Reason(err) != "message_gone" {
		t.Errorf("hide: %v", err)
	}
	if err := b.Delete(t.Context(), b.url, *m.ReceiptHandle); fault.KindOf(err) != fault.Invalid {
		t.Errorf("delete: %v", err)
	}
}

func TestSizeCountsWhatSQSCounts(t *testing.T) {
	b := open(t, "q")
	m := queue.Message{Attributes: map[string]queue.Attribute{"name": {Type: "String", String: "value"}, "blob": {Type: "Binary", Binary: make([]byte, 9)}}}
	m.Body = strings.Repeat("x", queue.MaxSize-m.Size())
	b.send(t, m)
	m.Body += "x"
	if err := b.Send(t.Context(), b.url, m); m.Size() != queue.MaxSize+1 || fault.KindOf(err) != fault.Invalid {
		t.Errorf("a message of %d bytes: %v, want invalid", m.Size(), err)
	}
}

func TestConcurrentUse(t *testing.T) {
	b := open(t, "q")
	errs := make(chan error)
	for range 20 {
		go func() { errs <- b.Send(context.WithoutCancel(t.Context()), b.url, queue.Message{Body: "x"}) }()
	}
	for range 20 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if views, _ := b.room.Messages("q"); len(views) != 20 {
		t.Errorf("%d messages, want 20", len(views))
	}
}
