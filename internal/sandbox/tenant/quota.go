package tenant

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A quota counts the tokens that a client got in the hour and on the day, both
// by UTC, after the docs page "Fine-grained M2M Token Quotas".
type quota struct {
	hour, day         time.Time
	thisHour, thisDay int
}

// A quotaWindow is one limit of a quota with what is left of it.
type quotaWindow struct {
	name        string
	limit, used int
	ends        time.Time
}

func (w quotaWindow) remaining() int { return max(0, w.limit-w.used) }

func (q *quota) roll(now time.Time) {
	now = now.UTC()
	if hour := now.Truncate(time.Hour); !hour.Equal(q.hour) {
		q.hour, q.thisHour = hour, 0
	}
	if day := now.Truncate(24 * time.Hour); !day.Equal(q.day) {
		q.day, q.thisDay = day, 0
	}
}

// windows are the limits that the client has, and whether they are enforced.
func (c *client) windows(now time.Time) (out []quotaWindow, enforced bool) {
	outer, _ := c.fields["token_quota"].(map[string]any)
	limits, _ := outer["client_credentials"].(map[string]any)
	c.quota.roll(now)
	if limit, set := limits["per_hour"].(float64); set {
		out = append(out, quotaWindow{"per_hour", int(limit), c.quota.thisHour, c.quota.hour.Add(time.Hour)})
	}
	if limit, set := limits["per_day"].(float64); set {
		out = append(out, quotaWindow{"per_day", int(limit), c.quota.thisDay, c.quota.day.Add(24 * time.Hour)})
	}
	enforced, _ = limits["enforce"].(bool)
	return out, enforced
}

// withinQuota refuses a token when an enforced limit is used up.
func (t *Tenant) withinQuota(cl *client) (answer, bool) {
	now := t.opts.Now()
	windows, enforced := cl.windows(now)
	for _, w := range windows {
		if !enforced || w.remaining() > 0 {
			continue
		}
		a := t.refuseToken("oauth_quota")
		a.header = quotaHeader(windows, now)
		a.header.Set("Retry-After", strconv.FormatInt(secondsUntil(w.ends, now), 10))
		a.limits = &reading{limit: w.limit, reset: w.ends.Unix()}
		return a, false
	}
	return answer{}, true
}

// spend counts a token, and adds what is left to the answer that carries it.
func (t *Tenant) spend(cl *client, a answer) answer {
	now := t.opts.Now()
	cl.quota.roll(now)
	cl.quota.thisHour++
	cl.quota.thisDay++
	windows, _ := cl.windows(now)
	for name, values := range quotaHeader(windows, now) {
		a.header[name] = values
	}
	return a
}

// quotaHeader has the documented form: b=per_hour;q=10;r=7;t=3540.
func quotaHeader(windows []quotaWindow, now time.Time) http.Header {
	var parts []string
	for _, w := range windows {
		parts = append(parts, fmt.Sprintf("b=%s;q=%d;r=%d;t=%d", w.name, w.limit, w.remaining(), secondsUntil(w.ends, now)))
	}
	h := http.Header{}
	if len(parts) > 0 {
		h.Set("Auth0-Client-Quota-Limit", strings.Join(parts, ","))
	}
	return h
}

// secondsUntil rounds up, so that whoever waits so long finds the next window.
func secondsUntil(at, now time.Time) int64 {
	return max(1, int64((at.Sub(now)+time.Second-1)/time.Second))
}
