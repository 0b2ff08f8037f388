package sqs

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"time"
)

// Options say what kind of SQS a [Service] is. The zero Options are an account
// of examples in us-east-1 with the real clock and AWS's limits.
type Options struct {
	// Account owns all queues. Empty means 123456789012.
	Account string
	// Region is that of requests without a credential scope, and of
	// [Service.Messages] by name. Empty means us-east-1.
	Region string
	// Now is the clock of everything but the length of long polls. Nil means
	// time.Now.
	Now func() time.Time
	// MaxInFlight limits the messages of one queue that are received and not yet
	// deleted. Zero means AWS's 120,000.
	MaxInFlight int
}

// A Service is Amazon SQS for one account, in all regions: an http.Handler. Its
// zero value is ready for use. It is safe for concurrent use, and owns no
// goroutine: what is due happens when somebody looks.
type Service struct {
	options Options
	once    sync.Once
	key     [32]byte // signs receipt handles

	mu       sync.Mutex
	queues   map[place]*queue
	deleted  map[place]time.Time // when a queue of that name was deleted
	tasks    []*moveTask         // oldest first
	mischief Mischief
	closed   chan struct{}
}

// A place is what a queue's name is unique in.
type place struct{ region, name string }

// New returns a Service with these options.
func New(o Options) *Service { return &Service{options: o} }

// lock readies the service and holds its lock; what is due by now has happened
// when it returns.
func (s *Service) lock() (now time.Time) {
	s.once.Do(s.initialize)
	s.mu.Lock()
	now = s.now()
	s.advanceTasks(now)
	return now
}

func (s *Service) initialize() {
	rand.Read(s.key[:]) // never fails, see its documentation
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queues = map[place]*queue{}
	s.deleted = map[place]time.Time{}
	s.closed = make(chan struct{})
	if s.options.Account == "" {
		s.options.Account = "123456789012"
	}
	if s.options.Region == "" {
		s.options.Region = "us-east-1"
	}
	if s.options.MaxInFlight == 0 {
		s.options.MaxInFlight = 120_000
	}
}

func (s *Service) now() time.Time {
	if s.options.Now != nil {
		return s.options.Now()
	}
	return time.Now()
}

// Wake makes every long poll look at the clock and at its queue again. Call it
// after the clock of Options.Now has jumped.
func (s *Service) Wake() {
	s.lock()
	defer s.mu.Unlock()
	for _, q := range s.queues {
		q.wake()
	}
}

// Close ends all long polls with an empty answer, now and later, so that the
// HTTP server in front can shut down at once. Everything else still works.
func (s *Service) Close() {
	s.lock()
	defer s.mu.Unlock()
	select {
	case <-s.closed:
	default:
		close(s.closed)
	}
}

// recheck is how often a long poll looks at a clock that is not the real one,
// and so may jump.
const recheck = 100 * time.Millisecond

// pause waits until something may have changed for a receiver of q, at most
// until the deadline. The caller holds the lock; pause releases it. It reports
// false if there is nothing more to wait for.
func (s *Service) pause(ctx context.Context, q *queue, deadline time.Time) bool {
	wait := time.Until(deadline)
	changed, next, now := q.changed, s.next(q), s.now()
	s.mu.Unlock()
	if wait <= 0 {
		return false
	}
	if !next.IsZero() {
		wait = min(wait, max(next.Sub(now), 0))
	}
	if s.options.Now != nil {
		wait = min(wait, recheck)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-ctx.Done():
		return false
	case <-s.closed:
		return false
	}
	return true
}

// next is when something happens to q by itself; zero if nothing will.
func (s *Service) next(q *queue) time.Time {
	next := q.next()
	for _, t := range s.tasks {
		if due := t.due(); !due.IsZero() && (next.IsZero() || due.Before(next)) {
			next = due
		}
	}
	return next
}

// queueAt finds the queue that a QueueUrl names: the last two segments of its
// path are account and name, whatever its host.
func (s *Service) queueAt(c *call, url *string) (*queue, *apiError) {
	if url == nil || *url == "" {
		return nil, missing("QueueUrl")
	}
	account, name, ok := splitURL(*url)
	if !ok {
		return nil, invalidAddress(*url)
	}
	q := s.queues[place{c.region, name}]
	if q == nil || account != s.options.Account {
		return nil, noSuchQueue()
	}
	q.settle(s.now())
	return q, nil
}

func splitURL(url string) (account, name string, ok bool) {
	rest, name, ok := cutLast(url, "/")
	_, account, found := cutLast(rest, "/")
	return account, name, ok && found && account != "" && name != ""
}

// byARN finds a queue of this account by its ARN, or nil.
func (s *Service) byARN(arn string) *queue {
	parts := strings.Split(arn, ":")
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "sqs" || parts[4] != s.options.Account {
		return nil
	}
	q := s.queues[place{parts[3], parts[5]}]
	if q == nil || q.arn != arn {
		return nil
	}
	return q
}

// arn is the ARN of a queue in the partition that its region belongs to.
func (s *Service) arn(p place) string {
	partition := "aws"
	switch {
	case strings.HasPrefix(p.region, "cn-"):
		partition = "aws-cn"
	case strings.HasPrefix(p.region, "us-gov-"):
		partition = "aws-us-gov"
	}
	return strings.Join([]string{"arn", partition, "sqs", p.region, s.options.Account, p.name}, ":")
}
