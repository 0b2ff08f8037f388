package apigateway

import (
	"net/http"
	"time"
)

// A Fault is what befalls one request. The zero Fault is no fault.
type Fault struct {
	// Delay comes before everything else.
	Delay time.Duration
	// Status, if not zero, is answered in API Gateway's words instead of the
	// truth, such as 429 or 503.
	Status int
	// HangUp closes the connection without an answer. It outranks Status.
	HangUp bool
	// Applied lets the function do its work before Status or HangUp: only the
	// answer is lost. Without it the function is not asked.
	Applied bool
}

// Mischief is asked about every request that has a route, with its key, such
// as "POST /v1/clients". It is called by many goroutines at once.
type Mischief func(routeKey string) Fault

// SetMischief replaces the mischief that the API does; nil means none.
func (a *API) SetMischief(m Mischief) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mischief = m
}

// fate asks the mischief about a request.
func (a *API) fate(routeKey string) Fault {
	a.mu.Lock()
	m := a.mischief
	a.mu.Unlock()
	if m == nil {
		return Fault{}
	}
	return m(routeKey)
}

// suffer lets a fault befall the call and reports whether it is over.
func (c *call) suffer(f Fault) (over bool) {
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.r.Context().Done():
			return true
		}
	}
	if f.Status == 0 && !f.HangUp {
		return false
	}
	if f.Applied {
		real := c.w
		c.w = &discard{header: http.Header{}}
		if c.authorize() && c.readBody() {
			c.integrate()
		}
		c.w = real
	}
	if f.HangUp {
		panic(http.ErrAbortHandler) // net/http's own way to drop a connection
	}
	c.refuse(f.Status)
	return true
}

// discard takes an answer that is lost.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}
