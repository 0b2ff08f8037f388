package auth0

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"clientkeeper/internal/fault"
)

// The cases are the same in every run, so that a red test says something of the
// change at hand; -rapid.seed=0 draws new ones.
func init() { _ = flag.Set("rapid.seed", "1") }

// A bucket is a tenant's rate limit with a fixed window, as Auth0's docs
// describe it.
type bucket struct {
	size   int
	window time.Duration

	mu      sync.Mutex
	left    int
	ends    time.Time
	refused int
}

// take spends one request if there is one, and writes the three headers.
func (b *bucket) take(h http.Header) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := time.Now(); !now.Before(b.ends) {
		b.left, b.ends = b.size, now.Truncate(b.window).Add(b.window)
	}
	ok := b.left > 0
	b.left -= min(b.left, 1)
	if !ok {
		b.refused++
	}
	h.Set("X-RateLimit-Limit", strconv.Itoa(b.size))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(b.left))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(b.ends.Unix(), 10))
	return ok
}

func (b *bucket) limit(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !b.take(w.Header()) {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		time.Sleep(20 * time.Millisecond)
		next(w, r)
	}
}

func serveClient(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"client_id":"a"}`) }

// Alone with its tenant, an instance that works in parallel is never refused,
// and gets a fair part of what the plan allows.
func TestSlowsDownBeforeTheLimit(t *testing.T) {
	tests := map[string]struct {
		size   int
		window time.Duration
		calls  int
		most   time.Duration
	}{
		"the smallest plan": {2, sec, 20, 25 * sec},
		"a small plan":      {10, sec, 60, 25 * sec},
		"a large plan":      {50, sec, 200, 8 * sec},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bucket{size: tt.size, window: tt.window}
				c := inMemory(t, &stub{t: t, api: b.limit(serveClient)}, func(c *Config) { c.MaxWait = time.Hour })
				start := time.Now()
				work(t, 10, tt.calls, func() error {
					_, err := c.Client(t.Context(), "a")
					return err
				})
				if b.refused > 0 {
					t.Errorf("%d requests were refused", b.refused)
				}
				if took := time.Since(start); took > tt.most {
					t.Errorf("%d calls took %v, want at most %v", tt.calls, took, tt.most)
				}
			})
		})
	}
}

// work runs f n times on some goroutines.
func work(t *testing.T, goroutines, n int, f func() error) {
	t.Helper()
	todo := make(chan struct{}, n)
	for range n {
		todo <- struct{}{}
	}
	close(todo)
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range todo {
				if err := f(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// Five instances know nothing of each other. What the headers say is enough to
// get everything done, most of it without a refusal.
func TestManyInstancesShareABucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bucket{size: 10, window: sec}
		s := &stub{t: t, api: b.limit(serveClient)}
		var wg sync.WaitGroup
		for range 5 {
			c := inMemory(t, s, func(c *Config) { c.MaxWait = time.Hour })
			wg.Go(func() {
				work(t, 4, 40, func() (err error) {
					for range 5 { // as a queue would deliver a throttled message again
						if _, err = c.Client(t.Context(), "a"); fault.KindOf(err) != fault.RateLimited {
							break
						}
					}
					return err
				})
			})
		}
		wg.Wait()
		if b.refused > 100 {
			t.Errorf("200 calls met %d refusals", b.refused)
		}
	})
}

// Answers overtake each other on their way back; the budget is not fooled.
func TestAnswersOutOfOrder(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	says := func(left, reset int) answer {
		h := http.Header{}
		h.Set("X-RateLimit-Limit", "10")
		h.Set("X-RateLimit-Remaining", strconv.Itoa(left))
		h.Set("X-RateLimit-Reset", strconv.FormatInt(now.Unix()+int64(reset), 10))
		return answer{status: http.StatusOK, header: h}
	}
	tests := map[string]struct {
		answers []answer
		want    int
	}{
		"in order":                       {[]answer{says(6, 1), says(5, 1)}, 5},
		"overtaken":                      {[]answer{says(5, 1), says(6, 1)}, 5},
		"a new window":                   {[]answer{says(0, 1), says(9, 2)}, 9},
		"overtaken by a new window":      {[]answer{says(9, 2), says(0, 1)}, 8},
		"no headers: spent all the same": {[]answer{says(6, 1), {status: http.StatusBadGateway}}, 5},
		"no answer: spent all the same":  {[]answer{says(6, 1), {}}, 5},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBudget(0)
			for i := range tt.answers { // a call a second: until one is answered, no more may go
				if wait, _ := b.take(now.Add(time.Duration(i-len(tt.answers))*sec), Bulk); wait != 0 {
					t.Fatalf("held back for %v", wait)
				}
			}
			for _, a := range tt.answers {
				b.settle(now, a, Bulk)
			}
			if got := b.allowance().Remaining; got != tt.want {
				t.Errorf("%d left, want %d", got, tt.want)
			}
		})
	}
}

// With the reserve all that is left, bulk work is held back and urgent work
// goes at once.
func TestReserveIsForUrgentWork(t *testing.T) {
	tests := map[string]struct {
		reserve   int
		remaining int
		priority  Priority
		held      bool
	}{
		"bulk above the reserve":        {0, 6, Bulk, false},
		"bulk at the reserve":           {0, 5, Bulk, true},
		"urgent at the reserve":         {0, 5, Urgent, false},
		"urgent at the bottom":          {0, 0, Urgent, true},
		"bulk at a reserve of its own":  {5, 5, Bulk, true},
		"bulk without a reserve":        {-1, 1, Bulk, false},
		"bulk, a reserve of everything": {1000, 10, Bulk, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stub{t: t, api: func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("X-RateLimit-Limit", "10")
					w.Header().Set("X-RateLimit-Remaining", strconv.Itoa(tt.remaining))
					w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(time.Now().Add(time.Minute).Unix(), 10))
					serveClient(w, r)
				}}
				c := inMemory(t, s, func(c *Config) { c.Reserve = tt.reserve })
				if _, err := c.Client(t.Context(), "a"); err != nil {
					t.Fatal(err)
				}
				ctx, tally := WithTally(WithPriority(t.Context(), tt.priority))
				_, err := c.Client(ctx, "a")
				if held := fault.Reason(err) == "held_back"; held != tt.held {
					t.Fatalf("err = %v, want held back: %v", err, tt.held)
				}
				if !tt.held {
					return
				}
				// Bulk work may have to wait for a turn as well.
				if wait := fault.RetryAfter(err); !errors.Is(err, fault.RateLimited) || wait < time.Minute || wait > 64*sec {
					t.Errorf("err = %v", err)
				}
				if tally.Requests() != 0 || tally.Waited() != 0 {
					t.Errorf("cost %d requests and %v", tally.Requests(), tally.Waited())
				}
			})
		})
	}
}

func TestNothingIsSentWhileTheWindowIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{t: t, befalls: once(befall{status: 429, header: map[string]string{"Retry-After": "60"}})}
		c := inMemory(t, s)
		for range 10 {
			_, err := c.RegisterCIMD(WithPriority(t.Context(), Urgent), clientID(t, document))
			if !errors.Is(err, fault.RateLimited) || fault.RetryAfter(err) != 60*sec {
				t.Errorf("err = %v", err)
			}
		}
		time.Sleep(60 * sec)
		if _, err := c.RegisterCIMD(t.Context(), clientID(t, document)); err != nil {
			t.Errorf("after the window: %v", err)
		}
		if calls, _, _ := s.counts(); calls != 2 {
			t.Errorf("%d calls, want 2", calls)
		}
	})
}

// A tenant whose clock is minutes away from ours means the same by its reset.
func TestResetIsReadByTheTenantsClock(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	for _, skew := range []time.Duration{-time.Hour, 0, time.Hour} {
		h := http.Header{}
		h.Set("Date", now.Add(skew).UTC().Format(http.TimeFormat))
		h.Set("X-RateLimit-Reset", strconv.FormatInt(now.Add(skew+7*sec).Unix(), 10))
		if got := untilRefill(h, now); got != 7*sec {
			t.Errorf("with a skew of %v: %v, want 7s", skew, got)
		}
	}
}

func TestTallyAndAllowance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{t: t, befalls: once(befall{status: 429, header: map[string]string{"Retry-After": "2"}})}
		s.api = (&bucket{size: 50, window: sec}).limit(serveClient)
		c := inMemory(t, s)
		if got := c.Allowance(); got != (Allowance{}) {
			t.Errorf("before any answer: %+v", got)
		}
		ctx, tally := WithTally(t.Context())
		if _, err := c.Client(ctx, "a"); err != nil {
			t.Fatal(err)
		}
		if tally.Requests() != 3 || tally.Waited() < 2*sec {
			t.Errorf("%d requests, waited %v; want a token and two calls, and 2s", tally.Requests(), tally.Waited())
		}
		if got := c.Allowance(); got.Limit != 50 || got.Remaining != 49 || got.Refill.IsZero() {
			t.Errorf("Allowance = %+v", got)
		}
		if _, inner := WithTally(context.Background()); inner.Requests() != 0 {
			t.Error("a new tally is not empty")
		}
	})
}

// Whatever answers say, in whatever order, a budget never lets more go than it
// believes to be left, never waits for nothing, and lets everybody go in the end.
func TestBudgetProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBudget(rapid.IntRange(-1, 60).Draw(t, "reserve"))
		now := time.Unix(1_790_000_000, 0)
		flying := 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			p := Priority(rapid.IntRange(0, 1).Draw(t, "priority"))
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				wait, _ := b.take(now, p)
				if wait < 0 {
					t.Fatalf("wait = %v", wait)
				}
				if wait == 0 {
					flying++
					if b.known && b.left < 0 {
						t.Fatalf("%d left after taking", b.left)
					}
				}
			case 1:
				if flying > 0 {
					flying--
					b.settle(now, drawAnswer(t, now), Priority(rapid.IntRange(0, 1).Draw(t, "priority")))
				}
			case 2:
				now = now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "ms")) * time.Millisecond)
			}
		}
		if b.inFlight != flying {
			t.Fatalf("inFlight = %d, want %d", b.inFlight, flying)
		}
		for range 200 {
			wait, _ := b.take(now, Bulk)
			if wait == 0 {
				return
			}
			now = now.Add(wait)
		}
		t.Fatalf("bulk work is held back for ever: %+v", b.allowance())
	})
}

func drawAnswer(t *rapid.T, now time.Time) answer {
	h := http.Header{}
	if rapid.Bool().Draw(t, "headers") {
		h.Set("X-RateLimit-Limit", strconv.Itoa(rapid.IntRange(0, 60).Draw(t, "limit")))
		h.Set("X-RateLimit-Remaining", strconv.Itoa(rapid.IntRange(0, 60).Draw(t, "remaining")))
		h.Set("X-RateLimit-Reset", strconv.FormatInt(now.Unix()+int64(rapid.IntRange(-5, 60).Draw(t, "reset")), 10))
	}
	return answer{status: rapid.SampledFrom([]int{0, 200, 429, 502}).Draw(t, "status"), header: h}
}
