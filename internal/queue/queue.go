// Package queue is Amazon SQS in a few small methods: send a message, hide a
// received one, delete it.
//
// The AWS SDK repeats a call whose answer was lost. A repeated send may leave
// two messages in a standard queue, so readers must not mind; hiding and
// deleting twice are the same as once.
package queue

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"clientkeeper/internal/fault"
)

// MaxDelay is the longest that SQS holds a new message back.
const MaxDelay = 15 * time.Minute

// MaxAttributes is how many message attributes a message can have.
const MaxAttributes = 10

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
	// Delay before the message can be received, up to [MaxDelay]; it is cut to
	// whole seconds, upwards. A FIFO queue takes none.
	Delay time.Duration
	// Group and Deduplication are for FIFO queues; empty for others.
	Group, Deduplication string
}

// Client talks to SQS. It is safe for concurrent use.
type Client struct{ api *sqs.Client }

// New returns a Client for the account and region of cfg.
func New(cfg aws.Config) *Client { return &Client{api: sqs.NewFromConfig(cfg)} }

// Send puts a message into the queue.
func (c *Client) Send(ctx context.Context, queueURL string, m Message) error {
	in := &sqs.SendMessageInput{
		QueueUrl:     &queueURL,
		MessageBody:  &m.Body,
		DelaySeconds: seconds(min(m.Delay, MaxDelay)),
	}
	if m.Group != "" {
		in.MessageGroupId, in.DelaySeconds = &m.Group, 0
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
	return classify("queue.send", "sqs:SendMessage", err)
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

// Hide makes a received message visible again after d, counted from now, cut
// to whole seconds, upwards; zero means at once. The error is
// [fault.NotFound] if the message is no longer in the queue.
func (c *Client) Hide(ctx context.Context, queueURL, receipt string, d time.Duration) error {
	_, err := c.api.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &queueURL, ReceiptHandle: &receipt, VisibilityTimeout: seconds(d),
	})
	return classify("queue.hide", "sqs:ChangeMessageVisibility", err)
}

// Delete removes a received message. Deleting it twice is no error.
func (c *Client) Delete(ctx context.Context, queueURL, receipt string) error {
	_, err := c.api.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &queueURL, ReceiptHandle: &receipt})
	return classify("queue.delete", "sqs:DeleteMessage", err)
}

func seconds(d time.Duration) int32 { return int32(math.Ceil(max(d, 0).Seconds())) }

// classify gives an SDK error its kind by its code. The text of the SDK's
// error is left out: it may repeat what was sent.
func classify(op, action string, err error) error {
	if err == nil {
		return nil
	}
	out := &fault.Error{Kind: fault.Unavailable, Op: op, Detail: "SQS did not answer"}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		if ctx := contextError(err); ctx != nil {
			out.Detail, out.Err = "the deadline passed", ctx
		}
		return out
	}
	out.Detail = "SQS answered " + api.ErrorCode()
	switch api.ErrorCode() {
	case "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist":
		out.Kind, out.Reason, out.Next = fault.NotFound, "queue_missing", "check the queue's URL"
	case "MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight":
		out.Kind, out.Reason = fault.NotFound, "message_gone"
	case "InvalidParameterValue":
		out.Kind = fault.Invalid
		if op == "queue.hide" { // SQS's answer for a message that was deleted
			out.Kind, out.Reason = fault.NotFound, "message_gone"
		}
	case "ReceiptHandleIsInvalid", "InvalidMessageContents", "MissingParameter", "InvalidAttributeValue", "BatchRequestTooLong":
		out.Kind = fault.Invalid
	case "AccessDenied", "AccessDeniedException", "KmsAccessDenied":
		out.Kind, out.Next = fault.Denied, "grant the function "+action+" on the queue"
	case "ThrottlingException", "RequestThrottled", "OverLimit", "KmsThrottled":
		out.Kind = fault.RateLimited
	}
	return out
}

func contextError(err error) error {
	for _, e := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, e) {
			return e
		}
	}
	return nil
}
