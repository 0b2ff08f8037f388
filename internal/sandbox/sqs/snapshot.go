package sqs

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// A Tally counts what has happened to a queue's messages since it was created.
// Sent and Adopted messages are either still there or have been counted once
// under Deleted, DeadLettered, Redriven, Expired or Purged.
type Tally struct {
	Sent         int // accepted from producers; without those recognized as duplicates
	Adopted      int // moved here from another queue
	Received     int // deliveries, so a message may count more than once
	Deleted      int // by a receiver
	DeadLettered int // moved to the dead-letter queue
	Redriven     int // moved away by a move task
	Expired      int // older than the retention period
	Purged       int // by PurgeQueue
	Deduplicated int // sends of a FIFO queue that repeated another
}

// A QueueView is what is known about one queue at one moment.
type QueueView struct {
	Name, Region, ARN          string
	FIFO                       bool
	Visible, InFlight, Delayed int
	DeadLetterARN              string // empty if it has no dead-letter queue
	MaxReceiveCount            int    // zero if it has no dead-letter queue
	Tally                      Tally
}

// A MessageView is a message as an onlooker sees it: looking counts as nothing.
type MessageView struct {
	ID, Body         string
	State            string // "visible", "in flight" or "delayed"
	ReceiveCount     int
	SentAt           time.Time
	VisibleAt        time.Time         // when it was or will next be receivable
	Attributes       map[string]string // message attributes; bytes as a string
	SystemAttributes map[string]string // as ReceiveMessage names them
}

// Queues lists all queues of all regions, by region and name.
func (s *Service) Queues() []QueueView {
	now := s.lock()
	defer s.mu.Unlock()
	var out []QueueView
	for _, q := range s.queues {
		q.settle(now)
		v := QueueView{
			Name: q.name, Region: q.region, ARN: q.arn, FIFO: q.settings.fifo,
			Visible: q.counts[visible], InFlight: q.counts[inFlight], Delayed: q.counts[delayed],
			Tally: q.tally,
		}
		if policy := q.settings.redrive; policy != nil {
			v.DeadLetterARN, v.MaxReceiveCount = policy.target, policy.limit
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b QueueView) int {
		return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// Messages lists the messages of a queue, which is named by its ARN or, in the
// region of Options.Region, by its name, in the order in which they arrived. It
// reports false if there is no such queue.
func (s *Service) Messages(queue string) ([]MessageView, bool) {
	now := s.lock()
	defer s.mu.Unlock()
	q := s.byARN(queue)
	if q == nil {
		q = s.queues[place{s.options.Region, queue}]
	}
	if q == nil {
		return nil, false
	}
	q.settle(now)
	messages := slices.SortedFunc(maps.Values(q.messages), func(a, b *message) int { return cmp.Compare(a.sequence, b.sequence) })
	out := make([]MessageView, len(messages))
	for i, m := range messages {
		out[i] = MessageView{
			ID: m.id, Body: m.body, State: m.state.String(), ReceiveCount: m.received,
			SentAt: m.sentAt, VisibleAt: m.visibleAt,
			Attributes: map[string]string{}, SystemAttributes: m.systemAttributes(q.settings.fifo),
		}
		for name, a := range m.attributes {
			out[i].Attributes[name] = string(a.value())
		}
	}
	return out, true
}
