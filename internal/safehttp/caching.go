package safehttp

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Stored is what to remember beside a body in order to ask for it again. It may
// be written down as JSON. The other side wrote the validators, so they are
// bounded and harmless in a header, but not fit for a log.
type Stored struct {
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
	// Lifetime is how long the server said that an answer stays fresh, without
	// any bounds of our own; zero if it said nothing, or nothing sensible.
	Lifetime time.Duration `json:"lifetime,omitempty"`
	// NoStore says that the server asked shared caches not to keep the answer. A
	// registration is not a cache, so that does not forbid it.
	NoStore bool `json:"no_store,omitempty"`
}

// maxDelta is the largest number of seconds that RFC 9111 section 1.2.2 asks a
// cache to represent; anything larger is this.
const maxDelta = 1 << 31 * time.Second

func (s Stored) conditional() bool { return s.ETag != "" || s.LastModified != "" }

// condition adds the fields of a conditional request (RFC 9110 section 13.1).
func (s Stored) condition(h http.Header) {
	if s.ETag != "" {
		h.Set("If-None-Match", s.ETag)
	}
	if s.LastModified != "" {
		h.Set("If-Modified-Since", s.LastModified)
	}
}

// store takes what matters from the header of a 200.
func store(h http.Header, now time.Time) Stored {
	var s Stored
	s.ETag, s.LastModified = validators(h)
	s.Lifetime, s.NoStore = lifetime(h, now)
	return s
}

// refresh takes what a 304 says anew. Without freshness of its own it renews the
// stored one (RFC 9111 section 4.3.4).
func (s Stored) refresh(h http.Header, now time.Time) Stored {
	etag, modified := validators(h)
	if etag != "" {
		s.ETag = etag
	}
	if modified != "" {
		s.LastModified = modified
	}
	if len(h.Values("Cache-Control"))+len(h.Values("Expires"))+len(h.Values("Vary")) > 0 {
		s.Lifetime, s.NoStore = lifetime(h, now)
	}
	return s
}

// freshFor is the rest of the lifetime of an answer that is so old already,
// within bounds of our own, which draft section 5.2 allows.
func (s Stored) freshFor(age, floor, ceiling time.Duration) time.Duration {
	if s.NoStore {
		return 0
	}
	return min(max(s.Lifetime-age, floor), ceiling)
}

// validators are those that can be sent back without harm.
func validators(h http.Header) (etag, modified string) {
	if e := h.Get("ETag"); isETag(e) {
		etag = e
	}
	m := h.Get("Last-Modified")
	if _, err := http.ParseTime(m); err == nil {
		modified = m
	}
	return etag, modified
}

// isETag follows RFC 9110 section 8.8.3, with a bound on the length.
func isETag(s string) bool {
	tag, ok := strings.CutPrefix(strings.TrimPrefix(s, "W/"), `"`)
	if !ok || len(tag) > 256 || !strings.HasSuffix(tag, `"`) {
		return false
	}
	for _, c := range []byte(strings.TrimSuffix(tag, `"`)) {
		if c < 0x21 || c == '"' || c == 0x7f {
			return false
		}
	}
	return true
}

// lifetime is RFC 9111 section 4.2.1 as a shared cache reads it: s-maxage, then
// max-age, then Expires less Date. There is no heuristic freshness.
func lifetime(h http.Header, now time.Time) (d time.Duration, noStore bool) {
	cc := parseCacheControl(h.Values("Cache-Control"))
	if cc.noStore || cc.private || varies(h) {
		return 0, true
	}
	switch {
	case cc.noCache:
		return 0, false
	case cc.sMaxAge.given:
		return cc.sMaxAge.d, false
	case cc.maxAge.given:
		return cc.maxAge.d, false
	}
	expires := h.Values("Expires")
	if len(expires) != 1 {
		return 0, false
	}
	at, err := http.ParseTime(expires[0])
	if err != nil {
		return 0, false // "0" and its like mean: already expired (section 5.3)
	}
	return min(max(at.Sub(date(h, now)), 0), maxDelta), false
}

// varies reports Vary: *, an answer that fits no other request. Any other Vary
// is harmless, since our requests are all alike.
func varies(h http.Header) bool {
	for _, v := range h.Values("Vary") {
		for field := range strings.SplitSeq(v, ",") {
			if strings.TrimSpace(field) == "*" {
				return true
			}
		}
	}
	return false
}

// date is when the answer was made, or now if it does not say.
func date(h http.Header, now time.Time) time.Time {
	if at, err := http.ParseTime(h.Get("Date")); err == nil {
		return at
	}
	return now
}

// age is RFC 9111 section 4.2.3, without the delay of the response, which our
// own timeout keeps small.
func age(h http.Header, now time.Time) time.Duration {
	apparent := max(now.Sub(date(h, now)), 0)
	stated, _ := delta(strings.TrimSpace(h.Get("Age")))
	return min(max(apparent, stated), maxDelta)
}

// delta reads delta-seconds: digits alone, however many.
func delta(s string) (d time.Duration, ok bool) {
	if s == "" || strings.Trim(s, digits) != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return maxDelta, true // out of range
	}
	return time.Duration(n) * time.Second, true
}
