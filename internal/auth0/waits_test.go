package auth0

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// A full bucket is not waited for either where the deadline cannot pay for it.
func TestAWaitForTheBudgetHasToFit(t *testing.T) {
	for deadline, wait := range map[time.Duration]bool{4500 * time.Millisecond: false, 30 * sec: true} {
		synctest.Test(t, func(t *testing.T) {
			s := &stub{t: t, befalls: once(befall{status: 503, header: map[string]string{"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0",
				"X-RateLimit-Reset": strconv.FormatInt(time.Now().Add(4*sec).Unix(), 10)}})}
			c := inMemory(t, s)
			_, _ = c.do(t.Context(), call{op: "auth0.create", method: http.MethodPost, path: []string{"clients"}, in: struct{}{}})
			ctx, cancel := context.WithTimeout(WithPriority(t.Context(), Urgent), deadline)
			defer cancel()
			start := time.Now()
			_, err := c.RegisterCIMD(ctx, clientID(t, document))
			if held := fault.Reason(err) == "held_back"; held == wait || wait == (time.Since(start) == 0) || wait && err != nil {
				t.Errorf("with a deadline in %v: %v after %v", deadline, err, time.Since(start))
			}
			if e, ok := errors.AsType[*fault.Error](err); !wait && (!ok || e.Op != "auth0.register_client" || e.Detail == "") {
				t.Errorf("%#v does not say what was not sent, or why", err)
			}
		})
	}
}

// Who gives up while a wait is under way learns what it was for, at once.
func TestAWaitEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inMemory(t, &stub{t: t, befalls: always(befall{status: 429, header: map[string]string{"Retry-After": "4"}})})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(sec, cancel)
		start := time.Now()
		_, err := c.RegisterCIMD(ctx, clientID(t, document))
		if fault.KindOf(err) != fault.RateLimited || fault.RetryAfter(err) != 4*sec || time.Since(start) != sec {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// While a change spreads all credentials are tried again, a moment apart and as
// long as the deadline can pay for that.
func TestRoundsOfCredentialsAreApart(t *testing.T) {
	for deadline, want := range map[time.Duration]struct {
		tokens int
		took   time.Duration
	}{time.Minute: {15, 4 * roundEvery}, 1400 * time.Millisecond: {3, 0}} {
		synctest.Test(t, func(t *testing.T) {
			s := &stub{t: t, grants: func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }}
			reads := 0
			c := inMemory(t, s, func(c *Config) {
				c.Credential = func(context.Context, bool) (Credential, error) {
					reads++
					return Credential{ClientID: "mgmt", Secret: secret.New(strconv.Itoa(reads % 3))}, nil
				}
			})
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			start := time.Now()
			_, err := c.grant(ctx)
			if _, tokens, _ := s.counts(); fault.KindOf(err) != fault.Unauthenticated || tokens != want.tokens || time.Since(start) != want.took {
				t.Errorf("within %v: %v after %d tries and %v", deadline, err, tokens, time.Since(start))
			}
		})
	}
}

// Without advice the wait is random and grows; it is no busy loop.
func TestBackoffWithoutAdvice(t *testing.T) {
	for attempt := 1; attempt < maxAttempts; attempt++ {
		var longest time.Duration
		for range 200 {
			wait, again := backoff(attempt, &fault.Error{Kind: fault.Unavailable})
			if !again {
				t.Fatalf("attempt %d is the last", attempt)
			}
			longest = max(longest, wait)
		}
		if ceiling := 200 * time.Millisecond << attempt; longest < ceiling/2 || longest >= ceiling {
			t.Errorf("after attempt %d the longest of many waits is %v, want nearly %v", attempt, longest, ceiling)
		}
	}
}

func TestATokenHasToFitAHeader(t *testing.T) {
	for text, want := range map[string]bool{"eyJ.a-b_~": true, "!": true, "": false, "a b": false, "a\r\nX: y": false, "a\x7f": false, "ä": false} {
		if got := headerSafe(secret.New(text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// The patience of a call is one, for the budget and between attempts.
func TestWaitsAddUp(t *testing.T) {
	for patience, want := range map[time.Duration]int{5 * sec: 2, 10 * sec: 3} {
		synctest.Test(t, func(t *testing.T) {
			s := &stub{t: t, befalls: func(n int) befall {
				switch n {
				case 1: // the next call waits for three seconds
					return befall{header: map[string]string{"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0",
						"X-RateLimit-Reset": strconv.FormatInt(time.Now().Add(3*sec).Unix(), 10)}}
				case 2: // and for three more
					return befall{status: 503, header: map[string]string{"Retry-After": "3"}}
				}
				return befall{}
			}}
			c := inMemory(t, s, func(c *Config) { c.Priority, c.MaxWait = Urgent, patience })
			_, _ = c.RegisterCIMD(t.Context(), clientID(t, document))
			_, err := c.RegisterCIMD(t.Context(), clientID(t, document))
			if calls, _, _ := s.counts(); calls != want || (err == nil) != (want == 3) {
				t.Errorf("with a patience of %v: %d calls, want %d; %v", patience, calls, want, err)
			}
		})
	}
}

// Who was refused together does not come back together, nor before the time.
func TestBackoffWithAdvice(t *testing.T) {
	const advice = 8 * sec
	shortest, longest := time.Hour, time.Duration(0)
	for range 200 {
		wait, again := backoff(1, &fault.Error{Kind: fault.RateLimited, RetryAfter: advice})
		if !again {
			t.Fatal("there is no second attempt")
		}
		shortest, longest = min(shortest, wait), max(longest, wait)
	}
	if shortest < advice || longest < advice+advice/16 || longest > advice+advice/8 {
		t.Errorf("waits between %v and %v, want up to an eighth more than %v", shortest, longest, advice)
	}
}

// A watch sees every attempt, that for the token too.
func TestAttemptsAreWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inMemory(t, &stub{t: t, befalls: once(befall{status: 429, header: map[string]string{"Retry-After": "1", "X-RateLimit-Remaining": "0"}})})
		var seen []Attempt
		ctx := WithWatch(t.Context(), func(a Attempt) { seen = append(seen, a) })
		if _, err := c.RegisterCIMD(ctx, clientID(t, document)); err != nil {
			t.Fatal(err)
		}
		want := []Attempt{{opToken, 200, -1}, {"auth0.register_client", 429, 0}, {"auth0.register_client", 201, -1}}
		if !slices.Equal(seen, want) {
			t.Errorf("got %v, want %v", seen, want)
		}
	})
}
