package auth0

import (
	"strconv"
	"testing"
	"time"
)

// knowing is a budget that urgent work has told of its bucket: so much is left,
// until a refill in so many seconds.
func knowing(t *testing.T, now time.Time, limit, remaining, reset int) *budget {
	t.Helper()
	b := newBudget(0)
	if wait, _ := b.take(now, Urgent); wait != 0 {
		t.Fatalf("the first call waits %v", wait)
	}
	a := left(now, 200, limit, remaining)
	a.header.Set("X-RateLimit-Reset", strconv.FormatInt(now.Unix()+int64(reset), 10))
	b.settle(now, a, Urgent)
	return b
}

// From half of the bucket on, calls are spread over the time until its refill.
func TestCallsAreSpaced(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	for name, tt := range map[string]struct {
		remaining, reset int
		want             time.Duration // of the call that follows the next one
	}{
		"more than half":     {60, 1, 0},
		"half":               {50, 1, 20 * time.Millisecond},
		"less":               {10, 1, 100 * time.Millisecond},
		"less, for longer":   {10, 5, 500 * time.Millisecond},
		"one each second":    {10, 50, maxSpacing},
		"the last but one":   {2, 1, 500 * time.Millisecond},
		"the last: a refill": {1, 3, 3 * sec},
	} {
		b := knowing(t, now, 100, tt.remaining, tt.reset)
		if wait, _ := b.take(now, Urgent); wait != 0 {
			t.Errorf("%s: the first call waits %v", name, wait)
		}
		wait, _ := b.take(now, Urgent)
		if wait != tt.want {
			t.Errorf("%s: the second call waits %v, want %v", name, wait, tt.want)
		}
		if again, _ := b.take(now.Add(wait), Urgent); wait > 0 && again != 0 {
			t.Errorf("%s: it waits %v more", name, again)
		}
	}
}

// Nothing that an answer has not said is taken to be more than a fifth of the
// bucket a second.
func TestWhatARefillIsTakenToAdd(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	for name, tt := range map[string]struct {
		limit int
		after time.Duration
		want  int
	}{
		"not due":                 {100, 999 * time.Millisecond, 0},
		"just due":                {100, sec, 20},
		"a moment later":          {100, 1900 * time.Millisecond, 20},
		"a second later":          {100, 2 * sec, 40},
		"four seconds later":      {100, 5 * sec, 100},
		"never more than all":     {100, time.Hour, 100},
		"one of a small bucket":   {4, sec, 1},
		"two of it":               {4, 2 * sec, 2},
		"the smallest plan, full": {2, 2 * sec, 2},
	} {
		b := knowing(t, now, tt.limit, 0, 1)
		b.grow(now.Add(tt.after))
		if b.left != tt.want {
			t.Errorf("%s: %d are left, want %d", name, b.left, tt.want)
		}
	}
}

// The first call after a refill finds out what it was, however short before it
// another call was made.
func TestARefillIsTriedAtOnce(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	b := knowing(t, now, 100, 90, 1)
	for _, after := range []time.Duration{900 * time.Millisecond, sec} {
		if wait, _ := b.take(now.Add(after), Urgent); wait != 0 {
			t.Errorf("after %v a call waits %v", after, wait)
		}
	}
}

// Only headers that make sense describe a bucket.
func TestWhatDescribesABucket(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	for name, tt := range map[string]struct {
		limit, remaining string
		want             int // of Allowance.Limit
		left             int
	}{
		"both":                    {"10", "7", 10, 7},
		"a bucket of one":         {"1", "1", 1, 1},
		"more than there can be":  {"10", "99", 10, 10},
		"no limit":                {"", "7", 0, 0},
		"nothing about what left": {"10", "", 0, 0},
		"neither":                 {"", "", 0, 0},
		"no bucket at all":        {"0", "0", 0, 0},
		"larger than any":         {"9223372036854775807", "9223372036854775807", 0, 0},
	} {
		b := newBudget(0)
		b.take(now, Urgent)
		a := left(now, 200, 0, 0)
		a.header.Set("X-RateLimit-Limit", tt.limit)
		a.header.Set("X-RateLimit-Remaining", tt.remaining)
		b.settle(now, a, Urgent)
		if got := b.allowance(); got.Limit != tt.want || got.Remaining != tt.left {
			t.Errorf("%s: %d of %d, want %d of %d", name, got.Remaining, got.Limit, tt.left, tt.want)
		}
		if wait, _ := b.take(now, Urgent); wait != 0 {
			t.Errorf("%s: a call waits %v", name, wait)
		}
	}
}

// Answers of one window are compared only where they name it and the bucket is
// the same; else the last one counts.
func TestTheLastAnswerCounts(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	for name, tt := range map[string]struct {
		limit, second int
		reset         bool
		want          int
	}{
		"the same window":             {10, 10, true, 3},
		"windows without a name":      {10, 10, false, 8},
		"a larger bucket than before": {10, 50, true, 8},
	} {
		b := newBudget(0)
		for i, limit := range []int{tt.limit, tt.second} {
			b.take(now.Add(time.Duration(i-2)*sec), Urgent)
			a := left(now, 200, limit, []int{3, 8}[i])
			if !tt.reset {
				a.header.Del("X-RateLimit-Reset")
			}
			b.settle(now, a, Urgent)
			if want := []int{3, tt.want}[i]; b.allowance().Remaining != want {
				t.Errorf("%s: %d are left after answer %d, want %d", name, b.allowance().Remaining, i+1, want)
			}
		}
	}
}

// Whoever waits hears of an answer, which may let it go sooner; and what is
// said to be left is never less than nothing.
func TestWhoWaitsHearsOfAnAnswer(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	b := knowing(t, now, 100, 90, 1)
	for range 2 {
		b.take(now, Urgent)
	}
	b.settle(now, left(now, 200, 100, 0), Urgent)
	if got := b.allowance(); got.Remaining != 0 {
		t.Errorf("%d are left, and one is on its way", got.Remaining)
	}
	wait, news := b.take(now, Urgent)
	if wait == 0 {
		t.Fatal("nothing is left, and a call goes")
	}
	select {
	case <-news:
		t.Error("there is news before there was an answer")
	default:
	}
	b.settle(now, left(now, 200, 100, 0), Urgent)
	select {
	case <-news:
	default:
		t.Error("there was an answer, and no news of it")
	}
}

// Turns are drawn at random, anew after each call and each answer, and from a
// time that doubles with the level.
func TestTurnsAreDrawnAnew(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	for level := range mostCrowdedUrgent {
		for name, draw := range map[string]func(*crowd){
			"grown":  func(c *crowd) { c.level = level - 1; c.grows(now, Urgent, 0) },
			"shrunk": func(c *crowd) { c.level = level + 1; c.shrinks(now) },
			"gone":   func(c *crowd) { c.level = level; c.wentAt(now) },
		} {
			var longest time.Duration
			for range 200 { // one of them is in the upper half, but for one in 2^200 runs
				c := crowd{next: now.Add(-time.Hour)}
				draw(&c)
				longest = max(longest, c.next.Sub(now))
			}
			ceiling := refillEvery << level
			if level == 0 && longest > 0 || level > 0 && (longest < ceiling/2 || longest >= ceiling) {
				t.Errorf("level %d, %s: the longest of many waits is %v, want nearly %v", level, name, longest, ceiling)
			}
		}
	}
	b := newBudget(0)
	b.take(now, Bulk)
	small := left(now, 200, 10, 9) // bulk work begins slowly
	small.header.Set("X-RateLimit-Reset", strconv.FormatInt(now.Unix()+30, 10))
	b.settle(now, small, Bulk)
	wait, _ := b.take(now, Bulk)
	now = now.Add(wait)
	if again, _ := b.take(now, Bulk); again != 0 {
		t.Errorf("a call whose turn it is waits %v", again)
	}
	if next, _ := b.take(now, Bulk); next == 0 {
		t.Error("a call goes at once after another one's turn")
	}
}
