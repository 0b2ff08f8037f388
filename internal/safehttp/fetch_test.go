package safehttp_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/safehttp"
	"clientkeeper/internal/sandbox/documents"
)

const url = "https://client.example.com/oauth/client.json"

var asJSON = http.Header{"Content-Type": {"application/json"}}

func put(t *testing.T, host *documents.Host, d documents.Document) {
	t.Helper()
	if d.Headers == nil {
		d.Headers = asJSON
	}
	if err := host.Put(url, d); err != nil {
		t.Fatal(err)
	}
}

// checkReason fails unless err is one of ours with this reason and kind.
func checkReason(t *testing.T, err error, reason string, kind fault.Kind) {
	t.Helper()
	if err == nil || fault.Reason(err) != reason || fault.KindOf(err) != kind {
		t.Errorf("got %v, want %s (%s)", err, kind, reason)
	}
}

func TestWhatIsSent(t *testing.T) {
	var got *http.Request
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		http.SetCookie(w, &http.Cookie{Name: "visit", Value: "1"})
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("{}"))
	}))
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	client := safehttp.New(safehttp.Config{Resolve: public, Dial: dialTo(server.Listener.Addr().String()), Roots: roots, Timeout: 30 * time.Second})
	for range 2 {
		// The path is to arrive as it was written.
		if _, err := client.Get(t.Context(), safehttp.Request{URL: "https://example.com:8443/a%2Fb/%7Ec;d?e=%20"}); err != nil {
			t.Fatal(err)
		}
	}
	if got.Method != "GET" || got.Host != "example.com:8443" || got.RequestURI != "/a%2Fb/%7Ec;d?e=%20" {
		t.Errorf("got %s %s %s", got.Method, got.Host, got.RequestURI)
	}
	want := map[string]string{
		"User-Agent": safehttp.DefaultUserAgent, "Accept": "application/json, application/*+json;q=0.9",
		"Accept-Encoding": "identity", "Connection": "close",
	}
	for name, value := range want {
		if got.Header.Get(name) != value {
			t.Errorf("%s: %q, want %q", name, got.Header.Get(name), value)
		}
	}
	if len(got.Header) != len(want) {
		t.Errorf("more fields than wanted, perhaps a cookie: %v", got.Header)
	}
}

func TestRefusedURLs(t *testing.T) {
	host := startHost(t)
	client := newClient(host, time.Second)
	tests := map[string]struct{ url, reason string }{
		"plain http":            {"http://client.example.com/c", safehttp.ReasonURL},
		"another scheme":        {"file:///etc/passwd", safehttp.ReasonURL},
		"no scheme":             {"//client.example.com/c", safehttp.ReasonURL},
		"opaque":                {"https:client.example.com/c", safehttp.ReasonURL},
		"no host":               {"https:///c", safehttp.ReasonURL},
		"port without host":     {"https://:8443/c", safehttp.ReasonURL},
		"no path":               {"https://client.example.com", safehttp.ReasonURL},
		"user info":             {"https://user@client.example.com/c", safehttp.ReasonURL},
		"empty user info":       {"https://@client.example.com/c", safehttp.ReasonURL},
		"fragment":              {"https://client.example.com/c#f", safehttp.ReasonURL},
		"empty fragment":        {"https://client.example.com/c#", safehttp.ReasonURL},
		"space":                 {"https://client.example.com/a b", safehttp.ReasonURL},
		"trailing space":        {"https://client.example.com/c ", safehttp.ReasonURL},
		"line break":            {"https://client.example.com/c\r\nX: y", safehttp.ReasonURL},
		"backslash":             {`https://client.example.com\@10.0.0.1/c`, safehttp.ReasonURL},
		"non-ASCII path":        {"https://client.example.com/é", safehttp.ReasonURL},
		"non-ASCII host":        {"https://clıent.example.com/c", safehttp.ReasonURL},
		"port zero":             {"https://client.example.com:0/c", safehttp.ReasonURL},
		"port too large":        {"https://client.example.com:65536/c", safehttp.ReasonURL},
		"wildcard host":         {"https://*.example.com/c", safehttp.ReasonURL},
		"empty label":           {"https://client..example.com/c", safehttp.ReasonURL},
		"long label":            {"https://" + strings.Repeat("a", 64) + ".example.com/c", safehttp.ReasonURL},
		"decimal address":       {"https://2130706433/c", safehttp.ReasonURL},
		"hex address":           {"https://0x7F.0x1/c", safehttp.ReasonURL},
		"address with dot":      {"https://127.0.0.1./c", safehttp.ReasonURL},
		"mapped address":        {"https://[::ffff:8.8.8.8]/c", safehttp.ReasonURL},
		"address with zone":     {"https://[fe80::1%25eth0]/c", safehttp.ReasonURL},
		"loopback":              {"https://127.0.0.1/c", safehttp.ReasonSpecialUse},
		"IPv6 loopback":         {"https://[::1]/c", safehttp.ReasonSpecialUse},
		"cloud metadata":        {"https://169.254.169.254/c", safehttp.ReasonSpecialUse},
		"metadata through 6to4": {"https://[2002:a9fe:a9fe::1]/c", safehttp.ReasonSpecialUse},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := client.Get(t.Context(), safehttp.Request{URL: test.url})
			if fault.Reason(err) != test.reason || !fault.KindOf(err).Permanent() {
				t.Errorf("got %v, want a permanent %s", err, test.reason)
			}
		})
	}
	if n := len(host.Dials()) + host.Lookups("client.example.com"); n != 0 {
		t.Errorf("%d lookups and dials for URLs that are refused", n)
	}
}

func TestStatus(t *testing.T) {
	host := startHost(t)
	client := clockedClient(host)
	tests := map[string]struct {
		status     int
		retryAfter string
		reason     string
		kind       fault.Kind
		wait       time.Duration
	}{
		"gone":                      {410, "", safehttp.ReasonStatus, fault.NotFound, 0},
		"unauthorized":              {401, "", safehttp.ReasonStatus, fault.Denied, 0},
		"teapot":                    {418, "", safehttp.ReasonStatus, fault.Invalid, 0},
		"too early":                 {425, "", safehttp.ReasonStatus, fault.Unavailable, 0},
		"too many requests":         {429, "", safehttp.ReasonStatus, fault.RateLimited, 0},
		"too many requests, wait":   {429, "120", safehttp.ReasonStatus, fault.RateLimited, 2 * time.Minute},
		"maintenance until a date":  {503, "Mon, 02 Nov 2026 10:01:00 GMT", safehttp.ReasonStatus, fault.Unavailable, time.Minute},
		"a date that has passed":    {503, "Mon, 02 Nov 2026 09:00:00 GMT", safehttp.ReasonStatus, fault.Unavailable, 0},
		"a wait beyond a day":       {503, "999999999", safehttp.ReasonStatus, fault.Unavailable, 24 * time.Hour},
		"a wait beyond all numbers": {503, "99999999999999999999", safehttp.ReasonStatus, fault.Unavailable, 0},
		"nonsense":                  {503, "soon", safehttp.ReasonStatus, fault.Unavailable, 0},
		"no wait for a refusal":     {403, "60", safehttp.ReasonStatus, fault.Denied, 0},
		"redirect":                  {307, "60", safehttp.ReasonRedirected, fault.Invalid, 0},
		"moved for good":            {301, "", safehttp.ReasonRedirected, fault.Invalid, 0},
		"found elsewhere":           {302, "", safehttp.ReasonRedirected, fault.Invalid, 0},
		"see another":               {303, "", safehttp.ReasonRedirected, fault.Invalid, 0},
		"moved for good, kept":      {308, "", safehttp.ReasonRedirected, fault.Invalid, 0},
		"not there":                 {404, "", safehttp.ReasonStatus, fault.NotFound, 0},
		"a request that timed out":  {408, "", safehttp.ReasonStatus, fault.Unavailable, 0},
		"a success of another kind": {204, "", safehttp.ReasonStatus, fault.Invalid, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := http.Header{"Content-Type": {"application/json"}, "Location": {"https://elsewhere.example.com/"}}
			if test.retryAfter != "" {
				h.Set("Retry-After", test.retryAfter)
			}
			put(t, host, documents.Document{Status: test.status, Headers: h, Body: []byte("{}")})
			_, err := client.Get(t.Context(), safehttp.Request{URL: url})
			checkReason(t, err, test.reason, test.kind)
			if got := fault.RetryAfter(err); got != test.wait {
				t.Errorf("retry after %s, want %s", got, test.wait)
			}
		})
	}
}

func TestSizes(t *testing.T) {
	host := startHost(t)
	client := newClient(host, 30*time.Second)
	body := func(n int) []byte { return []byte(strings.Repeat(" ", n)) }
	tests := map[string]struct {
		document documents.Document
		limit    int64
		ok       bool
	}{
		"at the default":            {documents.Document{Body: body(5120)}, 0, true},
		"one more":                  {documents.Document{Body: body(5121)}, 0, false},
		"one more, chunked":         {documents.Document{Body: body(5121), Transfer: documents.Chunked}, 0, false},
		"at the default, chunked":   {documents.Document{Body: body(5120), Transfer: documents.Chunked}, 0, true},
		"within one's own limit":    {documents.Document{Body: body(12 << 10)}, 12 << 10, true},
		"beyond one's own limit":    {documents.Document{Body: body(12<<10 + 1)}, 12 << 10, false},
		"smaller limit":             {documents.Document{Body: body(11)}, 10, false},
		"nothing":                   {documents.Document{}, 0, true},
		"length that is not served": {documents.Document{Body: body(10), Transfer: documents.DeclaredLength, Headers: http.Header{"Content-Length": {"5121"}, "Content-Type": {"application/json"}}}, 0, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			put(t, host, test.document)
			resp, err := client.Get(t.Context(), safehttp.Request{URL: url, MaxBytes: test.limit})
			if !test.ok {
				checkReason(t, err, safehttp.ReasonTooLarge, fault.Invalid)
			} else if err != nil || len(resp.Body) != len(test.document.Body) {
				t.Errorf("got %v, want %d bytes", err, len(test.document.Body))
			}
		})
	}
}

func TestConditionalRequests(t *testing.T) {
	host := startHost(t)
	client := clockedClient(host)
	headers := func(etag string) http.Header {
		return http.Header{"Content-Type": {"application/json"}, "Etag": {etag}, "Cache-Control": {"max-age=600"}, "Last-Modified": {"Sun, 01 Nov 2026 10:00:00 GMT"}}
	}
	put(t, host, documents.Document{Headers: headers(`"v1"`), Body: []byte("{}")})
	first, err := client.Get(t.Context(), safehttp.Request{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	if first.NotModified || first.FreshFor != 10*time.Minute || first.Stored.ETag != `"v1"` || first.Stored.LastModified == "" {
		t.Errorf("first: %+v", first)
	}
	second, err := client.Get(t.Context(), safehttp.Request{URL: url, Stored: first.Stored})
	if err != nil {
		t.Fatal(err)
	}
	if !second.NotModified || second.Body != nil || second.Stored != first.Stored {
		t.Errorf("second: %+v", second)
	}
	put(t, host, documents.Document{Headers: headers(`"v2"`), Body: []byte("{ }")})
	third, err := client.Get(t.Context(), safehttp.Request{URL: url, Stored: second.Stored})
	if err != nil {
		t.Fatal(err)
	}
	if third.NotModified || string(third.Body) != "{ }" || third.Stored.ETag != `"v2"` {
		t.Errorf("third: %+v", third)
	}
}

// TestErrorsRepeatNothing serves a canary in every place that the other side
// writes, under every fault, and looks for it in the errors.
func TestErrorsRepeatNothing(t *testing.T) {
	const canary = "CANARY-9f3b"
	host := startHost(t)
	client := newClient(host, 500*time.Millisecond)
	headers := http.Header{
		"Content-Type": {"text/" + canary}, "Location": {"https://" + canary + ".example.com/"}, "X-Any": {canary},
		"Content-Encoding": {canary}, "Etag": {canary}, "Retry-After": {canary},
	}
	served := []documents.Document{
		{Status: 302, Headers: headers}, {Status: 500, Headers: headers}, {Status: 200, Headers: headers},
		{Headers: http.Header{"Content-Type": {canary}}},
	}
	for _, f := range []documents.Fault{
		documents.Reset, documents.ResetMidBody, documents.Truncated, documents.SlowBody, documents.HugeHeaders,
		documents.MalformedHTTP, documents.HTTP09, documents.TLSWrongHost, documents.TLSSelfSigned, documents.TLSExpired,
		documents.DNSServfail, documents.DNSEmpty, documents.Refused, documents.Plaintext443, documents.TLS10,
	} {
		ordinary := http.Header{"Content-Type": {"application/json"}, "X-Any": {canary}}
		served = append(served, documents.Document{Fault: f, Headers: ordinary})
	}
	secretURL := "https://" + strings.ToLower(canary) + ".example.com/" + canary
	for _, d := range served {
		d.Body = []byte(canary)
		if err := host.Put(secretURL, d); err != nil {
			t.Fatal(err)
		}
		_, err := client.Get(t.Context(), safehttp.Request{URL: secretURL})
		if err == nil {
			t.Errorf("%s %d: no error", d.Fault, d.Status)
			continue
		}
		for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", errors.Unwrap(err))} {
			if strings.Contains(strings.ToLower(text), strings.ToLower(canary)) {
				t.Errorf("%s %d: %s", d.Fault, d.Status, text)
			}
		}
	}
}

// clockedClient lives at caseTime.
func clockedClient(host *documents.Host) *safehttp.Client {
	return safehttp.New(safehttp.Config{
		Resolve: host.Resolve, Dial: host.Dial, Roots: host.Roots(), Timeout: 30 * time.Second, Now: func() time.Time { return caseTime },
	})
}
