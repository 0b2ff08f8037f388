package tenant

import (
	"maps"
	"net/http"
	"sync"
	"time"
)

// An Entry is one request as the log keeps it: no query, no body, no header
// but the correlation id.
type Entry struct {
	N             int // the request's number, from 1
	Time          time.Time
	Route         string // such as "register"; "none" if there is no such route
	Method        string
	Path          string // the template, with {id} in place of ids
	Status        int    // zero if the connection was dropped
	Client        string // who called; empty if that was not established
	CorrelationID string // its first 64 characters, as in Auth0's tenant log
	Fault         string // as in ParseMischief; empty for none
	Applied       bool   // something was changed
	Duration      time.Duration
}

// Counts are totals since the tenant was made. The log forgets, they do not.
type Counts struct {
	Requests  int
	Applied   int // requests that changed something
	Throttled int // answered 429, by the buckets or by mischief
	Routes    map[string]int
	Statuses  map[int]int
	Faults    map[string]int
}

type requestLog struct {
	mu      sync.Mutex
	last    int
	entries []Entry // a ring once it is full
	counts  Counts
}

func newRequestLog(size int) *requestLog {
	return &requestLog{
		entries: make([]Entry, 0, size),
		counts:  Counts{Routes: map[string]int{}, Statuses: map[int]int{}, Faults: map[string]int{}},
	}
}

// next is the number of a new request.
func (l *requestLog) next() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	return l.last
}

func (l *requestLog) add(e Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.entries) < cap(l.entries) {
		l.entries = append(l.entries, e)
	} else {
		l.entries[l.counts.Requests%cap(l.entries)] = e
	}
	l.counts.Requests++
	l.counts.Routes[e.Route]++
	l.counts.Statuses[e.Status]++
	if e.Applied {
		l.counts.Applied++
	}
	if e.Status == http.StatusTooManyRequests {
		l.counts.Throttled++
	}
	if e.Fault != "" {
		l.counts.Faults[e.Fault]++
	}
}

// Log returns the latest requests, in the order in which they were finished.
func (t *Tenant) Log() []Entry {
	l := t.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.entries) < cap(l.entries) {
		return append([]Entry(nil), l.entries...)
	}
	start := l.counts.Requests % cap(l.entries)
	return append(append([]Entry(nil), l.entries[start:]...), l.entries[:start]...)
}

// Counts returns the totals so far.
func (t *Tenant) Counts() Counts {
	l := t.log
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counts
	c.Routes, c.Statuses, c.Faults = maps.Clone(c.Routes), maps.Clone(c.Statuses), maps.Clone(c.Faults)
	return c
}

// correlationID is what Auth0 keeps of X-Correlation-ID.
func correlationID(r *http.Request) string {
	const kept = 64
	id := r.Header.Get("X-Correlation-Id")
	return id[:min(kept, len(id))]
}
