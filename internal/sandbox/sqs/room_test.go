package sqs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/google/uuid"

	"clientkeeper/internal/awsrequest"
	"clientkeeper/internal/sandbox/sqs"
)

// A room is an endpoint under test. All but the first two are nil if it is not
// ours.
type room struct {
	endpoint string
	client   *awssqs.Client
	service  *sqs.Service
	clock    *clock
	calls    *atomic.Int64 // being answered
}

// newRoom is a room of ours whose clock stands still until it is moved, so that
// no second passes between two calls because the machine was busy.
func newRoom(t *testing.T, o sqs.Options) *room {
	t.Helper()
	c := &clock{at: time.Now()}
	o.Now = c.now
	r := serve(t, sqs.New(o))
	r.clock = c
	return r
}

// serve is a room of ours with the clock that service has.
func serve(t *testing.T, service *sqs.Service) *room {
	t.Helper()
	calls := new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		defer calls.Add(-1)
		service.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(service.Close)
	return &room{endpoint: server.URL, client: newClient(server.URL), service: service, calls: calls}
}

func newClient(endpoint string) *awssqs.Client {
	return awssqs.NewFromConfig(awsrequest.Config(aws.Config{
		Region: "eu-central-1", BaseEndpoint: &endpoint, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}))
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// pass lets time pass: at once where the clock can be moved.
func (r *room) pass(d time.Duration) {
	if r.clock == nil {
		time.Sleep(d)
		return
	}
	r.clock.move(d)
	r.service.Wake()
}

// whenCalled waits until n calls are being answered.
func (r *room) whenCalled(n int64) {
	if r.calls == nil {
		time.Sleep(2 * time.Second)
		return
	}
	for end := time.Now().Add(time.Minute); r.calls.Load() != n && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// queue creates a queue of a unique name and returns its URL.
func (r *room) queue(t *testing.T, attributes map[string]string) string {
	t.Helper()
	name := "t-" + uuid.NewString()
	if attributes["FifoQueue"] == "true" {
		name += ".fifo"
	}
	out, err := r.client.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		t.Fatal(err)
	}
	return *out.QueueUrl
}

func (r *room) arn(t *testing.T, url string) string {
	t.Helper()
	return r.attribute(t, url, types.QueueAttributeNameQueueArn)
}

func (r *room) attribute(t *testing.T, url string, name types.QueueAttributeName) string {
	t.Helper()
	out, err := r.client.GetQueueAttributes(t.Context(), &awssqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{name},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Attributes[string(name)]
}

// counts are the visible, in flight and delayed messages of a queue.
func (r *room) counts(t *testing.T, url string) [3]string {
	t.Helper()
	return [3]string{
		r.attribute(t, url, types.QueueAttributeNameApproximateNumberOfMessages),
		r.attribute(t, url, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible),
		r.attribute(t, url, types.QueueAttributeNameApproximateNumberOfMessagesDelayed),
	}
}

func (r *room) send(t *testing.T, url, body string) string {
	t.Helper()
	out, err := r.client.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: &url, MessageBody: &body})
	if err != nil {
		t.Fatal(err)
	}
	return *out.MessageId
}

// sendTo sends to a group of a FIFO queue; the body is also the deduplication id.
func (r *room) sendTo(t *testing.T, url, group, body string) *awssqs.SendMessageOutput {
	t.Helper()
	out, err := r.client.SendMessage(t.Context(), &awssqs.SendMessageInput{
		QueueUrl: &url, MessageBody: &body, MessageGroupId: &group, MessageDeduplicationId: &body,
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// receive takes up to ten messages with all their attributes, without waiting.
func (r *room) receive(t *testing.T, url string) []types.Message {
	t.Helper()
	out, err := r.client.ReceiveMessage(t.Context(), &awssqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: 10,
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Messages
}

// one receives exactly one message.
func (r *room) one(t *testing.T, url string) types.Message {
	t.Helper()
	messages := r.receive(t, url)
	if len(messages) != 1 {
		t.Fatalf("received %d messages, want 1", len(messages))
	}
	return messages[0]
}

func (r *room) none(t *testing.T, url string) {
	t.Helper()
	if messages := r.receive(t, url); len(messages) != 0 {
		t.Fatalf("received %q, want nothing", bodies(messages))
	}
}

func (r *room) delete(t *testing.T, url string, handle *string) {
	t.Helper()
	if _, err := r.client.DeleteMessage(t.Context(), &awssqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: handle}); err != nil {
		t.Error(err)
	}
}

func (r *room) hide(t *testing.T, url string, handle *string, seconds int32) error {
	t.Helper()
	_, err := r.client.ChangeMessageVisibility(t.Context(), &awssqs.ChangeMessageVisibilityInput{
		QueueUrl: &url, ReceiptHandle: handle, VisibilityTimeout: seconds,
	})
	return err
}

func bodies(messages []types.Message) string {
	var out []string
	for _, m := range messages {
		out = append(out, *m.Body)
	}
	return strings.Join(out, " ")
}

// wantCode checks that a call failed with a code as SDKs report it.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		t.Errorf("got error %v, want code %s", err, code)
	}
}

// says checks the text of an error. The texts are AWS's; no imitation has them
// all, so only ours is held to them.
func (r *room) says(t *testing.T, err error, part string) {
	t.Helper()
	if r.service == nil {
		return
	}
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("got error %v, want it to say %q", err, part)
	}
}

// An answer is one as it came over the wire.
type answer struct {
	status int
	header http.Header
	body   map[string]any
}

func (a answer) kind() string {
	s, _ := a.body["__type"].(string)
	return s
}

// post makes a call that no SDK would make. The body is sent as it is if it is
// a string, otherwise as JSON.
func (r *room) post(t *testing.T, operation string, body any) answer {
	t.Helper()
	text, ok := body.(string)
	if !ok {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		text = string(raw)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.endpoint, bytes.NewBufferString(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Target", "AmazonSQS."+operation)
	req.Header.Set("Authorization",
		"AWS4-HMAC-SHA256 Credential=test/20261122/eu-central-1/sqs/aws4_request, SignedHeaders=host, Signature=0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		t.Fatal(err)
	}
	out := answer{status: resp.StatusCode, header: resp.Header}
	if err := json.Unmarshal(raw, &out.body); err != nil {
		t.Fatalf("%s answered %d with %.200q: %v", operation, resp.StatusCode, raw, err)
	}
	return out
}

// later does f after d; the function it returns waits until f is done.
func later(d time.Duration, f func()) (wait func()) {
	done := make(chan struct{})
	time.AfterFunc(d, func() {
		defer close(done)
		f()
	})
	return func() { <-done }
}
