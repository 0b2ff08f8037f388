package sqs

import (
	"time"
)

// A queue holds its messages in a few orders at once, so that no call has to
// look at messages it does not touch. Service.mu guards everything in it.
type queue struct {
	name, region, arn string
	settings          settings
	tags              map[string]string
	created, modified time.Time
	purged            time.Time // zero if never

	messages map[string]*message // by id: all that are not gone
	schedule index               // delayed and in flight, by visibleAt
	line     index               // what a receive may take next; of a FIFO queue, one per free group
	keeping  index               // all, by keptSince
	counts   [states]int
	tally    Tally

	groups   map[string]*group // of a FIFO queue
	memory   memory            // of a FIFO queue
	sequence uint64

	changed chan struct{} // closed when a waiting receiver should look again
	deleted bool
}

func newQueue(name, region, arn string, set settings, now time.Time) *queue {
	q := &queue{
		name: name, region: region, arn: arn, settings: set, tags: map[string]string{},
		created: now, modified: now,
		messages: map[string]*message{},
		groups:   map[string]*group{},
		changed:  make(chan struct{}),
	}
	q.schedule = index{place: inSchedule, less: func(a, b *message) bool { return a.visibleAt.Before(b.visibleAt) }}
	q.keeping = index{place: inRetention, less: func(a, b *message) bool { return a.keptSince.Before(b.keptSince) }}
	q.line = index{place: inLine, less: func(a, b *message) bool {
		if !set.fifo && !a.visibleAt.Equal(b.visibleAt) {
			return a.visibleAt.Before(b.visibleAt)
		}
		return a.sequence < b.sequence
	}}
	return q
}

// wake makes every waiting receiver look again.
func (q *queue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// settle lets what is due at now happen: messages expire or become visible.
func (q *queue) settle(now time.Time) {
	for m := q.keeping.first(); m != nil && !m.keptSince.Add(q.settings.retention()).After(now); m = q.keeping.first() {
		q.drop(m)
		q.tally.Expired++
	}
	for m := q.schedule.first(); m != nil && !m.visibleAt.After(now); m = q.schedule.first() {
		q.show(m)
	}
}

// put adds m, hidden until m.visibleAt if that is after now.
func (q *queue) put(m *message, now time.Time) {
	q.sequence++
	m.sequence = q.sequence
	q.messages[m.id] = m
	q.keeping.add(m)
	q.counts[m.state]++
	if q.settings.fifo {
		q.join(m)
	}
	if m.visibleAt.After(now) {
		q.hide(m, delayed)
	} else {
		q.show(m)
	}
}

// enter moves m from its state to another; it is then in neither order.
func (q *queue) enter(m *message, s state) {
	q.schedule.remove(m)
	q.line.remove(m)
	if m.group != nil && m.group.head == m {
		m.group.head = nil // it is not in line; regroup finds who is
	}
	if m.state == inFlight && q.line.Len() > 0 {
		q.wake() // whoever waits although there are messages waits for room in flight
	}
	q.counts[m.state]--
	q.counts[s]++
	m.state = s
}

// show makes m receivable; of a FIFO queue, once it is its turn.
func (q *queue) show(m *message) {
	q.enter(m, visible)
	if m.group != nil {
		q.regroup(m)
		return
	}
	q.line.add(m)
	q.wake()
}

// hide takes m out of sight until m.visibleAt, as delayed or in flight.
func (q *queue) hide(m *message, s state) {
	q.enter(m, s)
	q.schedule.add(m)
	if m.group != nil {
		q.regroup(m)
	}
	if q.schedule.first() == m {
		q.wake() // whoever waits has to wake up earlier than planned
	}
}

// drop takes m out of the queue.
func (q *queue) drop(m *message) {
	q.enter(m, gone)
	q.counts[gone]--
	q.keeping.remove(m)
	delete(q.messages, m.id)
	if m.group != nil {
		q.leave(m)
	}
}

// purge drops everything, and with it what a FIFO queue remembers of ids.
func (q *queue) purge(now time.Time) {
	for _, m := range q.messages {
		q.drop(m)
		q.tally.Purged++
	}
	q.memory = memory{}
	q.purged = now
}

// take hands m to a receiver for the given time.
func (q *queue) take(m *message, now time.Time, hidden time.Duration) {
	if m.firstReceived.IsZero() {
		m.firstReceived = now
	}
	m.received++
	m.tries++
	m.receipt++
	m.receivedAt = now
	m.visibleAt = now.Add(hidden)
	q.tally.Received++
	q.hide(m, inFlight)
}

// next is when something becomes visible by itself; zero if nothing will.
func (q *queue) next() time.Time {
	if m := q.schedule.first(); m != nil {
		return m.visibleAt
	}
	return time.Time{}
}
