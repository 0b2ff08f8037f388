package tenant

import (
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// rounding is what a sum of parts of tokens may lack of a whole one.
const rounding = 1e-9

// A meter is one bucket with its tokens. All callers share it.
type meter struct {
	Bucket
	continuous bool

	mu     sync.Mutex
	tokens float64
	at     time.Time // when tokens was right
}

// A reading is what the rate limit headers say.
type reading struct {
	limit, remaining int
	reset            int64 // UNIX seconds at which tokens are next added
	ok               bool  // there was a token for this request
}

func newMeter(b Bucket, continuous bool) *meter {
	if b.Burst == 0 {
		return nil
	}
	return &meter{Bucket: b, continuous: continuous, tokens: float64(b.Burst)}
}

// take asks for one token.
func (m *meter) take(now time.Time) reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refill(now)
	ok := m.tokens >= 1-rounding
	if ok {
		m.tokens = max(0, m.tokens-1)
	}
	return reading{limit: m.Burst, remaining: int(m.tokens), reset: m.next(now), ok: ok}
}

func (m *meter) rate() float64 { return float64(m.Refill) / m.Per.Seconds() }

func (m *meter) refill(now time.Time) {
	if !m.continuous {
		now = now.Truncate(time.Second)
	}
	if m.at.IsZero() || now.Before(m.at) {
		m.at = now // the first request, or a clock that was set back
	}
	m.tokens = min(float64(m.Burst), m.tokens+now.Sub(m.at).Seconds()*m.rate())
	m.at = now
}

// next rounds up, so that whoever waits until then finds a token.
func (m *meter) next(now time.Time) int64 {
	missing := math.Floor(m.tokens) + 1 - m.tokens
	wait := missing / m.rate()
	if !m.continuous {
		return now.Unix() + max(1, int64(math.Ceil(wait-rounding)))
	}
	return now.Add(time.Duration(math.Ceil(wait*1e9)) + time.Second - 1).Unix()
}

func (r reading) write(h http.Header) {
	h.Set("X-Ratelimit-Limit", strconv.Itoa(r.limit))
	h.Set("X-Ratelimit-Remaining", strconv.Itoa(r.remaining))
	h.Set("X-Ratelimit-Reset", strconv.FormatInt(r.reset, 10))
}

// meters are the buckets of a plan. Those that the plan lacks are nil.
type meters struct{ api, list, search, token *meter }

func newMeters(p Plan, continuous bool) *meters {
	return &meters{
		api: newMeter(p.API, continuous), list: newMeter(p.List, continuous),
		search: newMeter(p.Search, continuous), token: newMeter(p.Token, continuous),
	}
}

// take charges the buckets a request falls into. The global one is asked
// first; the headers describe the last one that was asked.
func (m *meters) take(rt route, r *http.Request, now time.Time) reading {
	switch {
	case !rt.management():
		return m.token.take(now)
	case rt.name != routeList:
		return m.api.take(now)
	}
	first := m.api
	if m.list != nil {
		first = m.list
	}
	got := first.take(now)
	if got.ok && m.search != nil && r.URL.Query().Has("q") {
		got = m.search.take(now)
	}
	return got
}
