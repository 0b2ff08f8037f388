package auth0

import (
	"math/rand/v2"
	"time"
)

// A crowd is how many others seem to want the same bucket, as far as one class
// of calls has found out, and the turns that it therefore takes. Each instance
// sees the whole bucket; if each took what it sees, all but the fastest would
// be refused. So a call that went because of a refill and found the bucket as
// empty as before, or that was refused, takes others to be faster and waits
// longer for its turn, twice as long each time and at random, so that those who
// wait do not come together. A call that found enough takes it back by as much.
//
// The zero crowd is alone: calls follow each other freely.
type crowd struct {
	level int
	next  time.Time // the next turn
}

const (
	// mostCrowded bounds the wait for a turn: to 64 s for bulk work, and to 32 s
	// for what is urgent.
	mostCrowded       = 6
	mostCrowdedUrgent = 5

	// manyRequests is a bucket that a few instances do not empty at once. Where
	// it is smaller, bulk work begins slowly, at most with waits of 8 s.
	manyRequests = 64
	mostSmall    = 3
)

// smallness is the level to begin at: 3 for a bucket of 10 requests, and zero from 64 on.
func smallness(limit int) int {
	level := 0
	for level < mostSmall && limit<<level < manyRequests {
		level++
	}
	return level
}

// grows is for a call that was refused, or that found the bucket empty. To no
// less than a level: where there is a reserve and bulk work has met it, whoever
// uses it has work that goes first.
func (c *crowd) grows(now time.Time, p Priority, least int) {
	most := mostCrowded
	if p == Urgent {
		most = mostCrowdedUrgent
	}
	c.level = min(max(c.level+1, least), most)
	c.wentAt(now)
}

func (c *crowd) shrinks(now time.Time) {
	if c.level == 0 {
		return
	}
	c.level--
	c.next = time.Time{}
	c.wentAt(now)
}

// wentAt sets the next turn after a call.
func (c *crowd) wentAt(now time.Time) {
	if c.level > 0 {
		c.next = now.Add(rand.N(refillEvery << c.level))
	}
}
