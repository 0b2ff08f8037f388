package sqs

import "container/heap"

// The places that a message has at once, one per index of its queue.
const (
	inSchedule = iota // waiting to become visible
	inLine            // next to be received
	inGroup           // of a FIFO queue: not in flight, in its group's order
	inRetention
	places
)

// An index orders messages and lets any of them be taken out in O(log n),
// because each message knows its position in it.
type index struct {
	items []*message
	place int
	less  func(a, b *message) bool
}

func (x *index) Len() int           { return len(x.items) }
func (x *index) Less(i, j int) bool { return x.less(x.items[i], x.items[j]) }

func (x *index) Swap(i, j int) {
	x.items[i], x.items[j] = x.items[j], x.items[i]
	x.items[i].at[x.place], x.items[j].at[x.place] = i+1, j+1
}

func (x *index) Push(v any) {
	m := v.(*message)
	x.items = append(x.items, m)
	m.at[x.place] = len(x.items)
}

func (x *index) Pop() any {
	last := len(x.items) - 1
	m := x.items[last]
	x.items[last] = nil
	x.items = x.items[:last]
	m.at[x.place] = 0
	return m
}

// first is the message that comes before all others, or nil.
func (x *index) first() *message {
	if len(x.items) == 0 {
		return nil
	}
	return x.items[0]
}

func (x *index) add(m *message) { heap.Push(x, m) }

// remove takes m out; it does nothing if m is not in.
func (x *index) remove(m *message) {
	if at := m.at[x.place]; at > 0 {
		heap.Remove(x, at-1)
	}
}
