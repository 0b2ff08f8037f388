package auth0

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"clientkeeper/internal/fault"
)

func TestEnvelopes(t *testing.T) {
	tests := map[string]struct {
		body string
		code string
	}{
		"management":          {`{"statusCode":404,"error":"Not Found","message":"The client does not exist","errorCode":"inexistent_client"}`, "inexistent_client"},
		"management, no code": {`{"statusCode":401,"error":"Unauthorized","message":"Missing authentication"}`, ""},
		"token endpoint":      {`{"error":"access_denied","error_description":"Unauthorized"}`, "access_denied"},
		"odd types":           {`{"statusCode":"400","errorCode":"invalid_body","message":{"a":1}}`, "invalid_body"},
		"a code of odd type":  {`{"errorCode":7,"error":"invalid_client"}`, "invalid_client"},
		"a code too long":     {`{"errorCode":"` + strings.Repeat("a", 49) + `"}`, ""},
		"HTML":                {`<html><title>502</title>`, ""},
		"nothing":             {``, ""},
		"null":                {`null`, ""},
		"an array":            {`[{"errorCode":"invalid_body"}]`, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := readEnvelope([]byte(tt.body)).code; got != tt.code {
				t.Errorf("code = %q, want %q", got, tt.code)
			}
		})
	}
}

var plainWord = regexp.MustCompile(`^[a-z_]{0,48}$`)

// Whatever a body says, a code is a plain word, the error repeats nothing else
// of it, and a code that went in plainly comes out unchanged.
func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(`{"errorCode":"inexistent_client","message":"The client does not exist"}`), 404)
	f.Add([]byte(`{"error":"access_denied","error_description":"Unauthorized"}`), 401)
	f.Add([]byte(`<html>`), 502)
	f.Add([]byte(`{"errorCode":{},"error":"Too Many Requests"}`), 429)
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		said := readEnvelope(body)
		if !plainWord.MatchString(said.code) {
			t.Fatalf("code %q", said.code)
		}
		again, err := json.Marshal(map[string]string{"errorCode": said.code})
		if err != nil {
			t.Fatal(err)
		}
		if back := readEnvelope(again).code; back != said.code {
			t.Errorf("%q came back as %q", said.code, back)
		}
		r, a := request{op: "auth0.x", scopes: "read:clients"}, answer{status: status, header: http.Header{}}
		got := refused(r, a, body)
		want := refused(r, a, fmt.Appendf(nil, `{"errorCode":%q}`, said.code))
		if got.Error() != want.Error() {
			t.Errorf("more than the code is repeated: %v", got)
		}
		if fault.KindOf(got) != kindOf(status) {
			t.Errorf("kind %v for %d", fault.KindOf(got), status)
		}
	})
}

func TestAdvice(t *testing.T) {
	now := time.Unix(1_790_000_000, 0).UTC()
	at := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	unix := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
	tests := map[string]struct {
		status     int
		retryAfter string
		reset      string
		want       time.Duration
	}{
		"seconds":                            {429, "30", "", 30 * time.Second},
		"seconds beat the reset":             {429, "30", unix(5 * time.Second), 30 * time.Second},
		"a date":                             {429, at(time.Minute), "", time.Minute},
		"a date that has passed":             {429, at(-time.Minute), "", 0},
		"only a reset":                       {429, "", unix(5 * time.Second), 5 * time.Second},
		"nonsense, then a reset":             {429, "soon", unix(5 * time.Second), 5 * time.Second},
		"a reset that has passed":            {429, "", unix(-5 * time.Second), 0},
		"a reset in milliseconds":            {429, "", unix(0) + "000", 24 * time.Hour},
		"negative":                           {429, "-1", "", 0},
		"a fraction":                         {429, "1.5", "", 0},
		"a century":                          {429, "3153600000", "", 24 * time.Hour},
		"more than fits":                     {429, strings.Repeat("9", 40), "", 0},
		"unavailable for a while":            {503, "7", unix(5 * time.Second), 7 * time.Second},
		"unavailable, reset is not about it": {503, "", unix(5 * time.Second), 0},
		"nothing":                            {429, "", "", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			h.Set("Retry-After", tt.retryAfter)
			h.Set("X-RateLimit-Reset", tt.reset)
			if got := advice(answer{status: tt.status, header: h}, now); got != tt.want {
				t.Errorf("advice = %v, want %v", got, tt.want)
			}
		})
	}
}

// A wait is never negative and never absurd, a number means its seconds, and a
// date means what net/http reads it as.
func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"0", "120", "Fri, 31 Dec 1999 23:59:59 GMT", "-5", "1e9", " 7 ", "99999999999999999999"} {
		f.Add(s, int64(946684700))
	}
	f.Fuzz(func(t *testing.T, s string, unix int64) {
		now := time.Unix(unix%(1<<40), 0)
		got := retryAfter(s, now)
		if got < 0 || got > maxAdvice {
			t.Fatalf("retryAfter(%q) = %v", s, got)
		}
		if n, err := strconv.ParseUint(s, 10, 31); err == nil && got != min(time.Duration(n)*time.Second, maxAdvice) {
			t.Errorf("retryAfter(%q) = %v", s, got)
		}
		if at, err := http.ParseTime(s); err == nil && got != min(max(at.Sub(now), 0), maxAdvice) {
			t.Errorf("retryAfter(%q) at %v = %v", s, now, got)
		}
	})
}
