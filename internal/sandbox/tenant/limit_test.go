package tenant

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"
	"time"
)

// TestMeter walks through a bucket in time. Each step takes some tokens at a
// moment and says what the headers are then.
func TestMeter(t *testing.T) {
	type step struct {
		at        time.Duration
		takes     int
		ok        bool // of the last take
		remaining int
		reset     int64 // seconds after the start
	}
	tests := map[string]struct {
		bucket     Bucket
		continuous bool
		steps      []step
	}{
		"burst, then the top of the second": {perSecond(2, 2), false, []step{
			{300 * time.Millisecond, 2, true, 0, 1}, {400 * time.Millisecond, 1, false, 0, 1},
			{999 * time.Millisecond, 1, false, 0, 1}, {time.Second, 1, true, 1, 2}}},
		"refill never exceeds the burst": {perSecond(10, 2), false, []step{
			{0, 3, true, 7, 1}, {time.Hour, 1, true, 9, 3601}}},
		"per minute, at whole seconds": {perMinute(5, 30), false, []step{
			{0, 5, true, 0, 2}, {1900 * time.Millisecond, 1, false, 0, 2}, {2 * time.Second, 1, true, 0, 4}}},
		"continuous": {perSecond(2, 2), true, []step{
			{0, 2, true, 0, 1}, {400 * time.Millisecond, 1, false, 0, 1}, {500 * time.Millisecond, 1, true, 0, 1}}},
		"a clock that was set back": {perSecond(2, 2), false, []step{
			{time.Hour, 2, true, 0, 3601}, {0, 1, false, 0, 1}, {time.Second, 1, true, 1, 2}}},
	}
	start := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := newMeter(test.bucket, test.continuous)
			for i, s := range test.steps {
				var got reading
				for range s.takes {
					got = m.take(start.Add(s.at))
				}
				want := reading{limit: test.bucket.Burst, remaining: s.remaining, reset: start.Unix() + s.reset, ok: s.ok}
				if got.reset < start.Add(s.at).Unix() || got != want {
					t.Errorf("step %d: %+v, want %+v", i, got, want)
				}
			}
		})
	}
}

// TestResetFindsAToken has a caller of every bucket wait for exactly as long as
// it is told each time it is refused.
func TestResetFindsAToken(t *testing.T) {
	for name, p := range plans {
		for _, b := range []Bucket{p.API, p.List, p.Search, p.Token} {
			for _, continuous := range []bool{false, true} {
				if b.Burst > 0 && b.Burst < plenty {
					waitForResets(t, name, b, continuous)
				}
			}
		}
	}
}

func waitForResets(t *testing.T, plan string, b Bucket, continuous bool) {
	draw := rand.New(rand.NewPCG(1, uint64(b.Burst)))
	for range 200 {
		m := newMeter(b, continuous)
		now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(draw.Int64N(int64(time.Hour))))
		for range 300 {
			if got := m.take(now); !got.ok {
				told := time.Unix(got.reset, 0)
				if !told.After(now) || !m.take(told).ok {
					t.Errorf("%s, %+v, continuous %v: refused at %v, and again at the reset %v", plan, b, continuous, now.UTC(), told.UTC())
					return
				}
				now = told
			}
			now = now.Add(time.Duration(draw.Int64N(int64(3 * time.Second / time.Duration(b.Burst)))))
		}
	}
}

func TestRateLimitOnTheWire(t *testing.T) {
	now := time.Date(2026, 9, 1, 12, 0, 0, 500, time.UTC)
	w := open(t, Options{Plan: plans["free"], Now: func() time.Time { return now }, Quirks: Quirks{RetryAfter: true}})
	reset := strconv.FormatInt(now.Unix()+1, 10)
	for i, want := range []string{"1", "0", "0"} {
		r := w.call("GET", "/api/v2/clients", nil)
		h := r.header
		if h.Get("X-RateLimit-Limit") != "2" || h.Get("X-RateLimit-Remaining") != want || h.Get("X-RateLimit-Reset") != reset {
			t.Errorf("request %d: %v", i, h)
		}
		if i == 2 {
			w.want(r, 429, "too_many_requests", "Global limit has been reached")
			if h.Get("Retry-After") != "1" {
				t.Errorf("Retry-After: %v", h)
			}
		}
	}
	if w.login(w.id, w.secret) == "" {
		t.Error("the token endpoint shares the bucket of the Management API")
	}
	now = now.Add(time.Second)
	if r := w.call("GET", "/api/v2/clients", nil); r.status != 200 {
		t.Errorf("after the reset: %d %s", r.status, r.raw)
	}
	if c := w.Counts(); c.Throttled != 1 || c.Routes["list"] != 4 {
		t.Errorf("counts: %+v", c)
	}
}

// TestListHasABucketOfItsOwn is true of the plans without a global one.
func TestListHasABucketOfItsOwn(t *testing.T) {
	now := time.Now()
	w := open(t, Options{Plan: plans["essentials"], Now: func() time.Time { return now }})
	var last result
	for range 6 {
		last = w.call("GET", "/api/v2/clients", nil)
	}
	if last.status != 429 {
		t.Errorf("the sixth list: %d", last.status)
	}
	if r := w.call("GET", "/api/v2/clients/"+w.id, nil); r.status != 200 || r.header.Get("X-RateLimit-Limit") != "10" {
		t.Errorf("get: %d %v", r.status, r.header)
	}
	w.SetPlan(plans["enterprise"])
	if r := w.call("GET", "/api/v2/clients?q=client_grant.allow_any_organization:true", nil); r.header.Get("X-RateLimit-Limit") != "5" {
		t.Errorf("search: %d %v", r.status, r.header)
	}
}

func TestHeadersOnEveryAnswer(t *testing.T) {
	w := open(t, Options{Plan: plans["enterprise"]})
	for _, path := range []string{"/api/v2/clients", "/api/v2/clients/nobody", "/api/v2/nonsense", "/nonsense", "/.well-known/jwks.json"} {
		if r := w.call("GET", path, nil); r.header.Get("X-RateLimit-Remaining") == "" {
			t.Errorf("%s: %d %v", path, r.status, r.header)
		}
	}
	if r, err := w.send("GET", "/api/v2/clients", http.Header{}, ""); err != nil || r.header.Get("X-RateLimit-Limit") != "50" {
		t.Errorf("401: %v %v", err, r.header)
	}
}

func TestPlanNamed(t *testing.T) {
	for name := range plans {
		if p, err := PlanNamed(name); err != nil || p.Name != name || p.API.Burst == 0 || p.Token.Burst == 0 || p.Entities == 0 {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if _, err := PlanNamed("gold"); err == nil {
		t.Error("there is a plan called gold")
	}
}
