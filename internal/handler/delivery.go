// Package handler turns Lambda's events into calls, and what becomes of the
// calls into Lambda's answers. The files of one kind of event begin with the
// name of its function; this one and copies.go are about messages of any queue.
package handler

import (
	"math/rand/v2"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/queue"
)

// A disposal is what becomes of a message after a try.
type disposal int

const (
	settle     disposal = iota // done: it leaves the queue
	deadLetter                 // to the dead-letter queue now, with the reason
	postpone                   // to the end of the queue as a fresh message, so that the try does not count
	retry                      // stays, hidden for a while; the try counts
)

// circumstances are what a decision about a failed message depends on, beside
// its error.
type circumstances struct {
	fifo     bool
	receives int           // this one included, and those after which it was handed back
	age      time.Duration // since the message was first seen
}

// Limits bound how often and how long a message is tried.
type Limits struct {
	MaxTries            int // receives after which we give up; below the queue's maxReceiveCount
	RetryBase, RetryMax time.Duration
	MaxAge              time.Duration
}

// decide says what becomes of a message, and how long it is held back where it
// is tried again:
//
//	error                        first tries     last try (receives = MaxTries)
//	none                         settle          settle
//	permanent                    dead-letter     dead-letter
//	rate limited                 postpone        postpone
//	rate limited beyond MaxAge   dead-letter     dead-letter
//	rate limited, FIFO queue     retry           retry
//	all else                     retry           dead-letter
//
// Postponing is what keeps a busy tenant from sending messages to the
// dead-letter queue. A FIFO queue has no such way out, for a fresh message would
// be overtaken: there the message stays at the head of its group, and only the
// queue's own maxReceiveCount counts, which should allow for MaxAge. At the
// last try a message is dead-lettered by us rather than by SQS, which would not
// say why; maxReceiveCount, which is higher, is left for messages under which
// the function dies each time.
func (l Limits) decide(err error, c circumstances) (disposal, time.Duration) {
	kind := fault.KindOf(err)
	switch {
	case err == nil:
		return settle, 0
	case kind.Permanent():
		return deadLetter, 0
	case kind == fault.RateLimited && c.age > l.MaxAge:
		return deadLetter, 0
	case kind == fault.RateLimited && c.fifo:
		return retry, l.wait(err, c.receives)
	case kind == fault.RateLimited:
		return postpone, min(l.wait(err, 1), queue.MaxDelay)
	case c.receives >= l.MaxTries:
		return deadLetter, 0
	}
	return retry, l.wait(err, c.receives)
}

// wait is what the other side asked for, or else a back-off that doubles with
// each receive up to RetryMax; its second half is random, so that what failed
// together does not come back together. It is never longer than SQS can hide a
// message: asked for more, SQS would refuse, and show it too early.
func (l Limits) wait(err error, receives int) time.Duration {
	ceiling := l.RetryMax
	if shift := max(receives-1, 0); shift < 20 {
		ceiling = min(l.RetryBase<<shift, l.RetryMax)
	}
	wait := ceiling/2 + rand.N(ceiling/2+1)
	return min(max(wait, fault.RetryAfter(err)), queue.MaxHide)
}
