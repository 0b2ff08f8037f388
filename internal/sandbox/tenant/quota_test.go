package tenant

import (
	"net/url"
	"testing"
	"time"
)

// TestTokenQuota uses up two tokens per hour and three per day.
func TestTokenQuota(t *testing.T) {
	c := newClock()
	w := open(t, Options{Now: c.now})
	id, secret := w.AddManagementClient("read:clients")
	set := func(enforce bool) {
		r := w.call("PATCH", "/api/v2/clients/"+id, map[string]any{"token_quota": map[string]any{"client_credentials": map[string]any{
			"enforce": enforce, "per_hour": 2, "per_day": 3}}})
		if r.status != 200 {
			t.Fatalf("%d %s", r.status, r.raw)
		}
	}
	set(true)
	ask := func() result {
		return w.token(url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}, "audience": {w.Audience()}}, nil)
	}
	steps := []struct {
		name                    string
		after                   time.Duration
		status                  int
		quota, remaining, retry string
	}{
		{"first", 0, 200, "b=per_hour;q=2;r=1;t=3600,b=per_day;q=3;r=2;t=43200", "", ""},
		{"second", time.Minute, 200, "b=per_hour;q=2;r=0;t=3540,b=per_day;q=3;r=1;t=43140", "", ""},
		{"too many in the hour", 0, 429, "b=per_hour;q=2;r=0;t=3540,b=per_day;q=3;r=1;t=43140", "0", "3540"},
		{"the next hour", time.Hour, 200, "b=per_hour;q=2;r=1;t=3540,b=per_day;q=3;r=0;t=39540", "", ""},
		{"too many on the day", 0, 429, "b=per_hour;q=2;r=1;t=3540,b=per_day;q=3;r=0;t=39540", "0", "39540"},
		{"the next day", 12 * time.Hour, 200, "b=per_hour;q=2;r=1;t=3540,b=per_day;q=3;r=2;t=82740", "", ""},
	}
	for _, step := range steps {
		c.advance(step.after)
		r := ask()
		if r.status != step.status || r.header.Get("Auth0-Client-Quota-Limit") != step.quota || r.header.Get("Retry-After") != step.retry {
			t.Errorf("%s: %d %v %s", step.name, r.status, r.header, r.raw)
		}
		if r.status == 429 && (r.header.Get("X-Ratelimit-Remaining") != "0" || r.text("error_description") != "Client quota exceeded") {
			t.Errorf("%s: %v %s", step.name, r.header, r.raw)
		}
	}
	set(false)
	for range 3 {
		if r := ask(); r.status != 200 {
			t.Errorf("a quota that is not enforced: %d %s", r.status, r.raw)
		}
	}
	if r := w.token(url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {"wrong"}, "audience": {w.Audience()}}, nil); r.header.Get("Auth0-Client-Quota-Limit") != "" {
		t.Error("a stranger is told of the quota")
	}
}

// TestQuotaIsOpenWhenItSays asks again as soon as Retry-After allows, from a
// moment that is not a whole second.
func TestQuotaIsOpenWhenItSays(t *testing.T) {
	c := newClock()
	c.advance(500 * time.Millisecond)
	w := open(t, Options{Now: c.now})
	id, secret := w.AddManagementClient("read:clients")
	w.call("PATCH", "/api/v2/clients/"+id, map[string]any{"token_quota": map[string]any{"client_credentials": map[string]any{
		"enforce": true, "per_hour": 1}}})
	ask := func() result {
		return w.token(url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}, "audience": {w.Audience()}}, nil)
	}
	if r := ask(); r.status != 200 {
		t.Fatalf("within the quota: %d %s", r.status, r.raw)
	}
	r := ask()
	wait, err := time.ParseDuration(r.header.Get("Retry-After") + "s")
	if r.status != 429 || err != nil {
		t.Fatalf("beyond the quota: %d %v %s", r.status, r.header, r.raw)
	}
	c.advance(wait)
	if r := ask(); r.status != 200 {
		t.Errorf("after the %v that were asked for: %d %v %s", wait, r.status, r.header, r.raw)
	}
}
