package sqs

import (
	"strings"
	"time"
)

// A group is one message group of a FIFO queue. Its messages keep their order:
// while any of them is in flight, or the oldest is delayed, none is handed out
// to anyone else (Developer Guide, "FIFO delivery logic").
type group struct {
	name    string
	line    index // all that are not in flight, by sequence
	flying  int
	members int
	head    *message // the one that stands for the group in the queue's line, or nil
}

// join makes m the last of its group.
func (q *queue) join(m *message) {
	g := q.groups[m.groupID]
	if g == nil {
		g = &group{name: m.groupID}
		g.line = index{place: inGroup, less: func(a, b *message) bool { return a.sequence < b.sequence }}
		q.groups[g.name] = g
	}
	m.group = g
	g.members++
}

// leave forgets m, and its group with the last member.
func (q *queue) leave(m *message) {
	g := m.group
	m.group = nil
	g.line.remove(m)
	if m.flying {
		m.flying = false
		g.flying--
	}
	if g.members--; g.members == 0 {
		delete(q.groups, g.name)
		return
	}
	q.advance(g)
}

// regroup puts m where its state belongs and lets the group's turn follow.
func (q *queue) regroup(m *message) {
	g := m.group
	if flying := m.state == inFlight; flying != m.flying {
		m.flying = flying
		if flying {
			g.flying++
			g.line.remove(m)
		} else {
			g.flying--
		}
	}
	if !m.flying && m.at[inGroup] == 0 {
		g.line.add(m)
	}
	q.advance(g)
}

// advance puts the group's oldest message in the queue's line, if it may go.
func (q *queue) advance(g *group) {
	head := g.line.first()
	if head == nil || g.flying > 0 || head.state != visible {
		head = nil
	}
	if g.head == head {
		return
	}
	if g.head != nil {
		q.line.remove(g.head)
	}
	if g.head = head; head != nil {
		q.line.add(head)
		q.wake()
	}
}

// dedupInterval is how long a deduplication id is remembered, whatever becomes
// of the message (API Reference, SendMessage).
const dedupInterval = 5 * time.Minute

// A memory knows which deduplication ids a FIFO queue has seen lately. The zero
// memory knows none.
type memory struct {
	sent  map[string]remembered
	order []remembered // oldest first
}

type remembered struct {
	key      string
	until    time.Time
	id       string
	sequence uint64
}

// recall returns the send that m repeats, if it does.
func (r *memory) recall(key string, now time.Time) (remembered, bool) {
	for len(r.order) > 0 && !r.order[0].until.After(now) {
		if first := r.order[0]; r.sent[first.key].until.Equal(first.until) {
			delete(r.sent, first.key)
		}
		r.order = r.order[1:]
	}
	seen, ok := r.sent[key]
	return seen, ok && seen.until.After(now)
}

func (r *memory) remember(key string, m *message, now time.Time) {
	if r.sent == nil {
		r.sent = map[string]remembered{}
	}
	seen := remembered{key, now.Add(dedupInterval), m.id, m.sequence}
	r.sent[key] = seen
	r.order = append(r.order, seen)
}

// dedupKey is what must be unique: per queue, or per group if the queue's
// DeduplicationScope says so.
func (q *queue) dedupKey(c content) string {
	if q.settings.values["DeduplicationScope"] == "messageGroup" {
		return strings.Join([]string{c.groupID, c.dedupID}, "\n")
	}
	return c.dedupID
}
