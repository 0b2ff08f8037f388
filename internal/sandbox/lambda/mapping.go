package lambda

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"
)

// Queue is the part of SQS that a mapping needs; *sqs.Client has it.
type Queue interface {
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
	ReceiveMessage(context.Context, *sqs.ReceiveMessageInput, ...func(*sqs.Options)) (*sqs.ReceiveMessageOutput, error)
	DeleteMessageBatch(context.Context, *sqs.DeleteMessageBatchInput, ...func(*sqs.Options)) (*sqs.DeleteMessageBatchOutput, error)
}

// Mapping is an event source mapping from an SQS queue to a function.
type Mapping struct {
	Function string // as in [Invocation]
	QueueURL string
	QueueARN string // arn:aws:sqs:region:account:name; .fifo at its end means FIFO
	// BatchSize is the most messages in one event: default 10, at most 10,000,
	// for FIFO 10. More than 10 needs a window.
	BatchSize int
	// BatchingWindow is how long a batch may be gathered, in full seconds up to
	// 300; zero means not at all. Standard queues only.
	BatchingWindow time.Duration
	// MaximumConcurrency bounds the events under way, 2 to 1,000. Zero means the
	// five that Lambda starts with. The function's own limit is respected too.
	MaximumConcurrency int
	// ReportBatchItemFailures lets the function say which messages failed.
	// Without it what the function returns is ignored.
	ReportBatchItemFailures bool
	// FilterPatterns must be empty: they are not imitated.
	FilterPatterns []string
}

const (
	defaultBatchSize   = 10
	defaultConcurrency = 5
	// windowSlack is what Lambda adds to window and timeout when the queue's
	// visibility timeout is shorter than both together.
	windowSlack = 30 * time.Second
)

func (m *Mapping) fifo() bool { return strings.HasSuffix(m.QueueARN, ".fifo") }

// check refuses what Lambda refuses.
// Source: AWS, API reference of CreateEventSourceMapping, and "Using Lambda
// with Amazon SQS".
func (m *Mapping) check() error {
	maxBatch := 10_000
	if m.fifo() {
		maxBatch = 10
	}
	window := m.BatchingWindow
	switch {
	case len(m.FilterPatterns) > 0:
		return invalid("The sandbox does not imitate filter patterns: remove FilterCriteria")
	case len(strings.Split(m.QueueARN, ":")) != 6 || !strings.HasPrefix(m.QueueARN, "arn:"):
		return invalid("Unrecognized event source: " + m.QueueARN)
	case m.BatchSize < 1 || m.BatchSize > maxBatch:
		return invalid(fmt.Sprintf("Batch size must be between 1 and %d for this queue", maxBatch))
	case window < 0 || window > 300*time.Second || window%time.Second != 0:
		return invalid("Maximum batch window must be 0 to 300 full seconds")
	case window > 0 && m.fifo():
		return invalid("Batching window is not supported for FIFO queues")
	case m.BatchSize > 10 && window == 0:
		return invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")
	case m.MaximumConcurrency != 0 && (m.MaximumConcurrency < 2 || m.MaximumConcurrency > 1000):
		return invalid("MaximumConcurrency must be between 2 and 1000")
	}
	return nil
}

func invalid(message string) error {
	return &APIError{Status: http.StatusBadRequest, Code: "InvalidParameterValueException", Message: message}
}

// Map creates an event source mapping and begins to poll. It fails with an
// [*APIError] where Lambda would refuse the mapping, such as for a queue that
// does not exist or hides messages for less time than the function may take.
func (s *Service) Map(ctx context.Context, m Mapping, q Queue) (*Poller, error) {
	if m.BatchSize == 0 {
		m.BatchSize = defaultBatchSize
	}
	p, err := s.lookup(m.Function)
	if err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	visibility, err := visibilityTimeout(ctx, m, q)
	if err != nil {
		return nil, err
	}
	if visibility < p.function.Timeout {
		return nil, invalid(fmt.Sprintf("Queue visibility timeout: %.0f seconds is less than Function timeout: %.0f seconds",
			visibility.Seconds(), p.function.Timeout.Seconds()))
	}
	poller := newPoller(s, p, m, q, visibility)
	if err := s.addMapping(poller); err != nil {
		return nil, err
	}
	return poller, poller.Start()
}

func (s *Service) addMapping(p *Poller) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.mappings {
		if other.pool == p.pool && other.mapping.QueueARN == p.mapping.QueueARN {
			return &APIError{
				Status: http.StatusConflict, Code: "ResourceConflictException",
				Message: fmt.Sprintf("The event source arn (%q) and function (%q) provided mapping already exists. "+
					"Please update or delete the existing mapping with UUID %s",
					p.mapping.QueueARN, p.pool.function.Name, other.UUID),
			}
		}
	}
	s.mappings = append(s.mappings, p)
	return nil
}

// visibilityTimeout asks the queue, and so learns whether there is one.
func visibilityTimeout(ctx context.Context, m Mapping, q Queue) (time.Duration, error) {
	const name = types.QueueAttributeNameVisibilityTimeout
	out, err := q.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &m.QueueURL, AttributeNames: []types.QueueAttributeName{name},
	})
	if missing, ok := errors.AsType[*types.QueueDoesNotExist](err); ok {
		return 0, invalid("Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. " +
			"SQS Error Message: " + missing.ErrorMessage())
	}
	if err != nil {
		return 0, fmt.Errorf("lambda: cannot ask the queue for its visibility timeout: %w", err)
	}
	seconds, err := strconv.Atoi(out.Attributes[string(name)])
	if err != nil {
		return 0, errors.New("lambda: the queue does not tell its visibility timeout")
	}
	return time.Duration(seconds) * time.Second, nil
}

func newPoller(s *Service, p *pool, m Mapping, q Queue, visibility time.Duration) *Poller {
	places := m.MaximumConcurrency
	if places == 0 {
		places = defaultConcurrency
	}
	if limit := p.function.MaxConcurrency; limit > 0 {
		places = min(places, limit)
	}
	poller := &Poller{
		UUID: uuid.NewString(), service: s, pool: p, mapping: m, queue: q,
		places: make(chan struct{}, places), visibility: visibility,
	}
	if needed := m.BatchingWindow + p.function.Timeout; needed > visibility {
		poller.visibility = needed + windowSlack
		poller.override = true
	}
	return poller
}
