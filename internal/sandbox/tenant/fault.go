package tenant

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A Fault is what befalls one request. The zero Fault is none.
//
// Applied is the whole point: the same 502 may mean that nothing happened, or
// that everything did and only the answer is lost.
type Fault struct {
	Status     int           // answer with this instead of the truth
	Applied    bool          // the request is carried out before that
	HangUp     bool          // close the connection without an answer
	HTML       bool          // the body is a proxy's page
	NoHeaders  bool          // leave the rate limit headers out
	RetryAfter int           // seconds, if positive
	Delay      time.Duration // before anything else
	Drip       time.Duration // the answer's body takes so long
}

const serverError = "An internal server error occurred."

const proxyPage = "<html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>\n"

// prevents reports whether the fault comes before the work.
func (f Fault) prevents() bool { return (f.Status != 0 || f.HangUp) && !f.Applied }

// disguise puts the fault's answer in place of the true one.
func (f Fault) disguise(t *Tenant, a answer, rt route) answer {
	switch {
	case f.Status == 0:
		return a
	case f.Status == http.StatusTooManyRequests:
		return t.tooMany(rt)
	case rt.management():
		return answer{status: f.Status, body: envelope{
			StatusCode: f.Status, Error: http.StatusText(f.Status), Message: serverError}}
	}
	return answer{status: f.Status, body: oauthError{"server_error", serverError}}
}

// limits are the headers of the answer: those of an empty bucket when the
// fault is a 429, which would not be believed otherwise.
func (f Fault) limits(r reading, now time.Time) reading {
	if f.Status != http.StatusTooManyRequests {
		return r
	}
	return reading{limit: r.limit, remaining: 0, reset: now.Unix() + max(1, int64(f.RetryAfter))}
}

func (t *Tenant) retryAfter(a answer, limits reading, f Fault) string {
	switch {
	case f.RetryAfter > 0:
		return strconv.Itoa(f.RetryAfter)
	case a.status == http.StatusTooManyRequests && t.opts.Quirks.RetryAfter && !f.NoHeaders:
		return strconv.FormatInt(max(1, limits.reset-t.opts.Now().Unix()), 10)
	}
	return ""
}

// String is the fault in the language of [ParseMischief], for logs. It is
// empty for no fault.
func (f Fault) String() string {
	var parts []string
	add := func(is bool, s string) {
		if is {
			parts = append(parts, s)
		}
	}
	add(f.Status != 0, strconv.Itoa(f.Status))
	add(f.HangUp, "drop")
	add((f.Status != 0 || f.HangUp) && f.Status != http.StatusTooManyRequests && !f.Applied, "before")
	add((f.Status != 0 || f.HangUp) && f.Applied, "after")
	add(f.HTML, "html")
	add(f.NoHeaders, "bare")
	add(f.RetryAfter > 0, fmt.Sprintf("retry%d", f.RetryAfter))
	add(f.Drip > 0, "drip"+f.Drip.String())
	add(f.Delay > 0, "delay"+f.Delay.String())
	return strings.Join(parts, "-")
}

// Latency says how long answers take, as percentiles between which it is
// linear. The zero Latency takes no time.
type Latency struct {
	Usual  Percentiles // of every request but creates
	Create Percentiles // of what makes clients, credentials and secrets
}

// Percentiles of a delay.
type Percentiles struct{ P0, P50, P90, P99, Max time.Duration }

// RecordedLatency is what the public recordings of Auth0's own SDK tests
// show: 150 to 400 ms as a rule, with a tail of up to 11 s for creates.
var RecordedLatency = Latency{
	Usual: Percentiles{P0: 120 * time.Millisecond, P50: 220 * time.Millisecond,
		P90: 400 * time.Millisecond, P99: 1200 * time.Millisecond, Max: 4 * time.Second},
	Create: Percentiles{P0: 150 * time.Millisecond, P50: 300 * time.Millisecond,
		P90: 900 * time.Millisecond, P99: 4 * time.Second, Max: 11 * time.Second},
}

// draw is the delay of the n-th request.
func (l *Latency) draw(seed uint64, n int, rt route) time.Duration {
	p := l.Usual
	switch rt.name {
	case routeRegister, routeCreate, routeRotate, routeCredentialCreate, routeGrantCreate:
		p = l.Create
	}
	if p == (Percentiles{}) {
		return 0
	}
	return p.at(rand.New(rand.NewPCG(seed, uint64(n))).Float64())
}

// at is the delay below which the share q of all delays lies.
func (p Percentiles) at(q float64) time.Duration {
	marks := []struct {
		q float64
		d time.Duration
	}{{0, p.P0}, {0.5, p.P50}, {0.9, p.P90}, {0.99, p.P99}, {1, p.Max}}
	for i := 1; i < len(marks); i++ {
		low, high := marks[i-1], marks[i]
		if q <= high.q {
			share := (q - low.q) / (high.q - low.q)
			return low.d + time.Duration(share*float64(high.d-low.d))
		}
	}
	return p.Max
}
