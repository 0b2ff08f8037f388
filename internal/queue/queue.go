// Package queue is Amazon SQS in a few small methods: send a message, hide a
// received one, delete it.
//
// The AWS SDK repeats a call whose answer was lost. A repeated send may leave
// two messages in a standard queue, so readers must not mind; hiding and
// deleting twice are the same as once.
package queue

import (
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"clientkeeper/internal/awsrequest"
)

// What SQS allows. Source: AWS docs "Amazon SQS message quotas".
const (
	// MaxDelay is the longest that a new message is held back.
	MaxDelay = 15 * time.Minute
	// MaxHide is the longest that a received message is hidden by
	// [Client.Hide]. SQS hides it for 12 hours in all, counted from its
	// receive, of which a batch that gathers and a function that works may
	// have used 20 minutes.
	MaxHide = 12*time.Hour - 20*time.Minute
	// MaxAttributes is how many message attributes a message can have.
	MaxAttributes = 10
	// MaxSize is how large a message can be, as [Message.Size] counts it.
	MaxSize = 1 << 20
)

const opSend, opHide, opDelete = "queue.send", "queue.hide", "queue.delete"

// An Attribute is a message attribute. Type is String, Number or Binary,
// optionally with a label of one's own behind a dot.
type Attribute struct {
	Type   string
	String string // for String and Number
	Binary []byte // for Binary
}

// A Message is a message to send.
type Message struct {
	Body       string
	Attributes map[string]Attribute
	// Delay before the message can be received, in whole seconds, rounded up
	// and cut to [MaxDelay]. A FIFO queue takes none.
	Delay time.Duration
	// Group is what a FIFO queue keeps in order, and what another is fair to;
	// there it may be empty.
	Group string
	// Deduplication lets a FIFO queue take the message once, however often it
	// is sent within five minutes; empty for others.
	Deduplication string
}

// Size is what counts towards [MaxSize], in bytes.
func (m Message) Size() int {
	n := len(m.Body)
	for name, a := range m.Attributes {
		n += len(name) + len(a.Type) + len(a.String) + len(a.Binary)
	}
	return n
}

// Client talks to SQS. It is safe for concurrent use.
type Client struct{ api *sqs.Client }

// New returns a Client for the account and region of cfg.
func New(cfg aws.Config) *Client { return &Client{api: sqs.NewFromConfig(awsrequest.Config(cfg))} }

// Send puts a message into the queue.
func (c *Client) Send(ctx context.Context, queueURL string, m Message) error {
	in := &sqs.SendMessageInput{
		QueueUrl:     &queueURL,
		MessageBody:  &m.Body,
		DelaySeconds: seconds(min(m.Delay, MaxDelay)),
	}
	if m.Group != "" {
		in.MessageGroupId = &m.Group
	}
	if m.Deduplication != "" {
		in.MessageDeduplicationId = &m.Deduplication
	}
	for _, name := range slices.Sorted(maps.Keys(m.Attributes)) {
		if in.MessageAttributes == nil {
			in.MessageAttributes = map[string]types.MessageAttributeValue{}
		}
		in.MessageAttributes[name] = m.Attributes[name].value()
	}
	_, err := c.api.SendMessage(ctx, in)
	return classify(opSend, "sqs:SendMessage", err)
}

func (a Attribute) value() types.MessageAttributeValue {
	v := types.MessageAttributeValue{DataType: &a.Type}
	if a.Binary != nil {
		v.BinaryValue = a.Binary
	} else {
		v.StringValue = &a.String
	}
	return v
}

// Hide makes a received message visible again after d, counted from now, in
// whole seconds, rounded up and cut to [MaxHide]; zero means at once. The error
// is [fault.NotFound] with reason "message_gone" if the message is no longer in
// the queue, or this receipt has lost it: its time was over, or the message
// has been received again.
func (c *Client) Hide(ctx context.Context, queueURL, receipt string, d time.Duration) error {
	_, err := c.api.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &queueURL, ReceiptHandle: &receipt, VisibilityTimeout: seconds(min(d, MaxHide)),
	})
	return classify(opHide, "sqs:ChangeMessageVisibility", err)
}

// Delete removes a received message. Deleting it twice is no error, but in a
// FIFO queue when the receipt's time is over.
func (c *Client) Delete(ctx context.Context, queueURL, receipt string) error {
	_, err := c.api.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &queueURL, ReceiptHandle: &receipt})
	return classify(opDelete, "sqs:DeleteMessage", err)
}

func seconds(d time.Duration) int32 { return int32(math.Ceil(max(d, 0).Seconds())) }
