package documents

import (
	"maps"
	"slices"
	"time"
)

// An Entry is one request that arrived.
type Entry struct {
	At          time.Time
	Method      string
	URL         string // with the host in lower case and without port 443
	Status      int    // zero if a fault took its place
	Fault       Fault
	UserAgent   string
	Conditional bool
}

// A journal is what the host remembers of its visitors, within bounds.
type journal struct {
	entries []Entry
	counts  map[string]int // requests by key
	lookups map[string]int // by host name
	dials   map[string]int // by address and port
}

const (
	maxEntries = 1000
	maxCounts  = 50000
)

func newJournal() journal {
	return journal{counts: make(map[string]int), lookups: make(map[string]int), dials: make(map[string]int)}
}

func (j *journal) record(e Entry) {
	if len(j.entries) == maxEntries {
		j.entries = slices.Delete(j.entries, 0, maxEntries/10)
	}
	j.entries = append(j.entries, e)
	count(j.counts, e.URL)
}

// count stops taking in new names at a bound, since visitors choose them.
func count(m map[string]int, name string) {
	if _, known := m[name]; known || len(m) < maxCounts {
		m[name]++
	}
}

// Log is the latest requests, oldest first; at most a thousand are kept.
func (h *Host) Log() []Entry {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.journal.entries)
}

// Requests is how often a URL was asked for since the last Reset, in vain or not.
func (h *Host) Requests(rawURL string) int {
	key, _, err := keyOf(rawURL)
	if err != nil {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.journal.counts[key]
}

// AllRequests is how often anything was asked for since the last Reset.
func (h *Host) AllRequests() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, c := range h.journal.counts {
		n += c
	}
	return n
}

// Lookups is how often a host name was resolved since the last Reset.
func (h *Host) Lookups(host string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.journal.lookups[hostName(host)]
}

// Dials is how often each address, such as "93.184.216.34:443", was dialed
// since the last Reset.
func (h *Host) Dials() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.journal.dials)
}
