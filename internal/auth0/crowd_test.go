package auth0

import (
	"net/http"
	"strconv"
	"testing"
	"time"
)

// left is an answer that says what is left of a bucket.
func left(now time.Time, status, limit, remaining int) answer {
	h := http.Header{}
	h.Set("X-RateLimit-Limit", strconv.Itoa(limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(remaining))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(now.Unix()+1, 10))
	return answer{status: status, header: h}
}

// Until an answer tells, or for a second, one call is enough to find out.
func TestAGuessIsTriedByOneCall(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	b := newBudget(0)
	goes := func(want bool, why string) {
		t.Helper()
		if wait, _ := b.take(now, Urgent); (wait == 0) != want {
			t.Errorf("%s: wait %v, want to go: %v", why, wait, want)
		}
	}
	goes(true, "nothing is known")
	goes(false, "the first is on its way")
	b.settle(now, left(now, 200, 10, 9), Urgent)
	goes(true, "the answer is there")
	goes(true, "and says that there is more")
	b.settle(now, left(now, 200, 10, 0), Urgent)
	b.settle(now, left(now, 200, 10, 0), Urgent)
	now = now.Add(2 * sec)
	goes(true, "a refill is due")
	goes(false, "nobody has confirmed it")
	b.settle(now, answer{}, Urgent)
	now = now.Add(sec / 2) // what is left is little, so calls are spaced
	goes(true, "the one that was to find out got no answer")
	now = now.Add(sec)
	goes(true, "a second later")
}

// One answer with a reset that nobody can mean, such as milliseconds or a clock
// that is set to another year, must not silence an instance for as long as it lives.
func TestAResetThatIsFarAwayIsNotBelieved(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	for name, remaining := range map[string]int{"much is left": 9, "nothing is left": 0} {
		b := newBudget(0)
		b.take(now, Urgent)
		strange := left(now, 200, 10, remaining)
		strange.header.Set("X-RateLimit-Reset", strconv.FormatInt(now.UnixMilli(), 10))
		b.settle(now, strange, Urgent)
		later := now.Add(2 * sec)
		if wait, _ := b.take(later, Urgent); wait != 0 {
			t.Errorf("%s: two seconds later a call waits %v", name, wait)
		}
		b.settle(later, left(later, 200, 10, 9), Urgent)
		for i := range 3 {
			if wait, _ := b.take(later, Urgent); wait != 0 {
				t.Errorf("%s: call %d waits %v, though much is left", name, i, wait)
			}
		}
	}
}

// A class of calls that meets others waits longer each time, up to its bound,
// and forgets it as it meets nobody; the other class does not suffer for it.
func TestTurnsBecomeRarerInACrowd(t *testing.T) {
	for p, most := range map[Priority]int{Bulk: mostCrowded, Urgent: mostCrowdedUrgent} {
		now := time.Unix(1_790_000_000, 0)
		b := newBudget(0)
		try := func(remaining int) {
			t.Helper()
			for range 100 {
				wait, _ := b.take(now, p)
				if wait == 0 {
					b.settle(now, left(now, 200, 100, remaining), p)
					return
				}
				now = now.Add(wait)
			}
			t.Fatal("held back for ever")
		}
		try(99)
		for i := range 10 {
			try(0) // a refill was guessed, and the bucket is empty all the same
			// The first one goes by an answer of the same second, not by a guess.
			want := min(i, most)
			if p == Bulk && i > 0 {
				want = most // it has met the reserve
			}
			if c := b.crowd(p); c.level > want || i > most && c.level != most || c.next.Sub(now) > refillEvery<<c.level {
				t.Errorf("priority %d, after %d: %+v, next turn in %v", p, i, *c, c.next.Sub(now))
			}
		}
		if c := b.crowd(1 - p); *c != (crowd{}) {
			t.Errorf("priority %d: the other class has %+v", p, *c)
		}
		for range most {
			try(90)
		}
		if c := b.crowd(p); c.level != 0 {
			t.Errorf("priority %d, after as many good answers: %+v", p, *c)
		}
	}
}

func TestBulkWorkBeginsSlowlyWhereTheBucketIsSmall(t *testing.T) {
	for limit, want := range map[int]int{1: 3, 2: 3, 10: 3, 20: 2, 50: 1, 64: 0, 250: 0} {
		if got := smallness(limit); got != want {
			t.Errorf("smallness(%d) = %d, want %d", limit, got, want)
		}
	}
	now := time.Unix(1_790_000_000, 0)
	for p, want := range map[Priority]bool{Bulk: true, Urgent: false} {
		b := newBudget(0)
		b.take(now, p)
		b.settle(now, left(now, 200, 10, 9), p)
		if got := b.crowd(p).level > 0; got != want {
			t.Errorf("priority %d: begins slowly %v, want %v", p, got, want)
		}
	}
}

func TestTheReserve(t *testing.T) {
	for name, tt := range map[string]struct{ reserve, limit, want int }{
		"the smallest bucket":     {0, 2, 0},
		"leaves as much":          {0, 7, 2},
		"a few rotations' steps":  {0, 10, 5},
		"a fifth of a larger one": {0, 50, 10},
		"as configured":           {3, 50, 3},
		"never all":               {99, 10, 9},
		"none":                    {-1, 50, 0},
	} {
		b := newBudget(tt.reserve)
		b.limit, b.known = tt.limit, true
		if got := b.keep(Bulk); got != tt.want || b.keep(Urgent) != 0 {
			t.Errorf("%s: keep %d, want %d; urgent %d", name, got, tt.want, b.keep(Urgent))
		}
	}
}

// A reserve in use says more than an empty bucket: somebody goes first.
func TestMeetingTheReserve(t *testing.T) {
	for name, tt := range map[string]struct {
		reserve, limit, status, remaining int
		priority                          Priority
		want                              int
	}{
		"bulk, small bucket":   {0, 10, 200, 5, Bulk, 5},
		"bulk, larger bucket":  {0, 50, 200, 10, Bulk, 3},
		"bulk, large bucket":   {0, 250, 200, 50, Bulk, 2},
		"bulk, room":           {0, 10, 200, 6, Bulk, 2}, // begins slowly, and finds nobody
		"bulk, no reserve":     {-1, 10, 200, 0, Bulk, 4},
		"bulk, refused":        {0, 10, 429, 0, Bulk, 4},
		"urgent":               {0, 10, 200, 0, Urgent, 1},
		"urgent, in a reserve": {0, 10, 200, 1, Urgent, 0},
		"urgent, refused":      {0, 10, 429, 0, Urgent, 1},
	} {
		now := time.Unix(1_790_000_000, 0)
		b := newBudget(tt.reserve)
		b.take(now, tt.priority)
		b.settle(now, left(now, tt.status, tt.limit, tt.remaining), tt.priority)
		if got := b.crowd(tt.priority).level; got != tt.want {
			t.Errorf("%s: level %d, want %d", name, got, tt.want)
		}
	}
}
