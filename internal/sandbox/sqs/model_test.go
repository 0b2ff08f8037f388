package sqs_test

import (
	"cmp"
	"slices"
	"time"
)

// A model is what a queue with a dead-letter queue should do, without heaps,
// groups or wire: a list that is searched from the front each time.
type model struct {
	fifo  bool
	now   time.Time
	limit int
	all   []*modelMessage // in the order in which they were sent
}

type modelMessage struct {
	id, group, handle string
	order             int
	visibleAt         time.Time
	tries             int
	flying, over      bool // over: deleted or dead
	deleted, dead     bool
}

// settle ends what has run out.
func (m *model) settle() {
	for _, x := range m.all {
		if x.flying && !x.visibleAt.After(m.now) {
			x.flying = false
		}
	}
}

func (m *model) visible(x *modelMessage) bool {
	return !x.over && !x.flying && !x.visibleAt.After(m.now)
}

// next is the message that a receive should look at, or nil: of a standard
// queue the one visible for longest, of a FIFO queue the oldest that is first in
// a group of which nothing is in flight, except by this very receive.
func (m *model) next(mine map[string]bool) *modelMessage {
	blocked := map[string]bool{}
	for _, x := range m.all {
		if x.flying && !x.over && !mine[x.group] {
			blocked[x.group] = true
		}
	}
	var free []*modelMessage
	for _, x := range m.all {
		if m.visible(x) && !(m.fifo && blocked[x.group]) {
			free = append(free, x)
		}
	}
	slices.SortStableFunc(free, func(a, b *modelMessage) int {
		if m.fifo {
			return cmp.Or(boolOrder(mine[a.group], mine[b.group]), cmp.Compare(a.order, b.order))
		}
		return cmp.Or(a.visibleAt.Compare(b.visibleAt), cmp.Compare(a.order, b.order))
	})
	if len(free) == 0 {
		return nil
	}
	return free[0]
}

// boolOrder puts true first: a receive goes on with the group it has begun.
func boolOrder(a, b bool) int {
	switch {
	case a && !b:
		return -1
	case b && !a:
		return 1
	}
	return 0
}

// receive says which messages a receive must return, in order.
func (m *model) receive(most, seconds int) (ids []string) {
	m.settle()
	mine := map[string]bool{}
	for x := m.next(mine); x != nil && len(ids) < most; x = m.next(mine) {
		if m.fifo {
			mine = map[string]bool{x.group: true}
		}
		if x.tries >= m.limit {
			x.over, x.dead = true, true
			continue
		}
		x.tries++
		x.flying = true
		x.visibleAt = m.now.Add(time.Duration(seconds) * time.Second)
		ids = append(ids, x.id)
	}
	return ids
}
