package auth0

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxAdvice bounds what we believe about the future. The longest documented
// window is a daily token quota.
const maxAdvice = 24 * time.Hour

// advice is how long a refusal asks us to wait, or zero if it does not say:
// Retry-After, else the time when the bucket is next filled.
func advice(a answer, now time.Time) time.Duration {
	if d := retryAfter(a.header.Get("Retry-After"), tenantNow(a.header, now)); d > 0 {
		return d
	}
	if a.status != http.StatusTooManyRequests {
		return 0
	}
	return untilRefill(a.header, now)
}

// retryAfter reads RFC 9110 section 10.2.3: seconds, or a date, which is
// measured against now. What is neither, or past, is zero.
func retryAfter(s string, now time.Time) time.Duration {
	if seconds, ok := digits(s); ok {
		return time.Duration(min(seconds, int64(maxAdvice/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(strings.TrimSpace(s)); err == nil {
		return within(at.Sub(now))
	}
	return 0
}

// untilRefill is how far away X-RateLimit-Reset is: the UNIX second in which
// the bucket is next filled, perhaps by a single token.
func untilRefill(h http.Header, now time.Time) time.Duration {
	at, ok := digits(h.Get("X-RateLimit-Reset"))
	if !ok {
		return 0
	}
	return within(time.Unix(at, 0).Sub(tenantNow(h, now)))
}

// tenantNow is the tenant's clock if the answer shows it, else ours. Functions
// have been seen with clocks that are seconds off, and the reset is seconds
// away.
func tenantNow(h http.Header, now time.Time) time.Time {
	if at, err := http.ParseTime(h.Get("Date")); err == nil {
		return at
	}
	return now
}

func within(d time.Duration) time.Duration { return min(max(d, 0), maxAdvice) }

// digits reads a decimal number without a sign. One that is too large for an
// int64 is not a number that anybody means.
func digits(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
