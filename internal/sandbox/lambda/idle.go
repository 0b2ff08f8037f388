package lambda

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// backlog are the attributes that together count all messages of a queue.
var backlog = []types.QueueAttributeName{
	types.QueueAttributeNameApproximateNumberOfMessages,
	types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
	types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
}

// Idle returns when the queue holds nothing, neither visible, hidden nor
// delayed, and nothing received is still in hand; or with the error of ctx, if
// that ends first.
func (p *Poller) Idle(ctx context.Context) error {
	for left := -1; ; {
		n, err := p.backlog(ctx)
		switch {
		case err != nil && (left < 0 || ctx.Err() == nil):
			return err
		case err == nil && n == 0 && p.inHand.Load() == 0:
			return nil
		case err == nil:
			left = n
		}
		if !sleep(ctx, 50*time.Millisecond) {
			return fmt.Errorf("lambda: %d messages left in the queue: %w", left, ctx.Err())
		}
	}
}

func (p *Poller) backlog(ctx context.Context) (int, error) {
	out, err := p.queue.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &p.mapping.QueueURL, AttributeNames: backlog,
	})
	if err != nil {
		return 0, fmt.Errorf("lambda: cannot count the messages: %w", err)
	}
	total := 0
	for _, name := range backlog {
		n, err := strconv.Atoi(out.Attributes[string(name)])
		if err != nil {
			return 0, fmt.Errorf("lambda: the queue does not tell its %s", name)
		}
		total += n
	}
	return total, nil
}
