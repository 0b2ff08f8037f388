package documents

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

const page = "https://client.example.com/oauth/client.json"

func startHost(t *testing.T) *Host {
	t.Helper()
	h, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// browser is an ordinary client, which knows the host only by its DNS, its
// network and its CA certificate.
func browser(t *testing.T, h *Host) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(h.CAPEM()) {
		t.Fatal("CAPEM is not a certificate")
	}
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots},
		DisableKeepAlives: true,
		DialContext:       dialer(h),
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     transport,
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// get returns the answer with its body read.
func get(t *testing.T, c *http.Client, url string, headers ...string) (*http.Response, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp, string(body), err
}

func put(t *testing.T, h *Host, url string, d Document) {
	t.Helper()
	if err := h.Put(url, d); err != nil {
		t.Fatal(err)
	}
}

func TestAnyName(t *testing.T) {
	h := startHost(t)
	c := browser(t, h)
	for _, url := range []string{
		"https://vscode.dev/oauth/client-metadata.json", "https://a.b.c.example/x?y=z", "https://client.example.com:8443/",
		"https://93.184.216.34/by-address", "https://[2606:4700::1]/by-address", "https://Upper.Example.COM/case",
		"https://client.example.com/a%2Fb/%7E",
	} {
		put(t, h, url, Document{Body: []byte(url)})
		if _, body, err := get(t, c, url); err != nil || body != url {
			t.Errorf("%s: %q, %v", url, body, err)
		}
		if n := h.Requests(url); n != 1 {
			t.Errorf("%s: %d requests counted", url, n)
		}
	}
}

func TestChangeAtRunTime(t *testing.T) {
	h := startHost(t)
	c := browser(t, h)
	expect := func(status int, body string) {
		t.Helper()
		resp, got, err := get(t, c, page)
		if err != nil || resp.StatusCode != status || got != body {
			t.Errorf("got %v %q %v, want %d %q", resp, got, err, status, body)
		}
	}
	expect(404, "")
	put(t, h, page, Document{Body: []byte("one")})
	expect(200, "one")
	put(t, h, page, Document{Status: 503, Body: []byte("two")})
	expect(503, "two")
	put(t, h, page, Document{Fault: TLSExpired})
	if _, _, err := get(t, c, page); err == nil {
		t.Error("no fault after Put of a fault")
	}
	put(t, h, page, Document{Body: []byte("three")})
	expect(200, "three")
	if err := h.Remove("https://CLIENT.example.com:443/oauth/client.json"); err != nil {
		t.Error(err)
	}
	expect(404, "")
	if err := h.Put("http://client.example.com/", Document{}); err == nil {
		t.Error("Put took a URL that is not https")
	}
}

func TestAnswersAsTold(t *testing.T) {
	h := startHost(t)
	c := browser(t, h)
	long := strings.Repeat("x", 5000)
	tests := map[string]struct {
		document Document
		status   int
		length   int64 // -1 for none
		types    []string
		body     string
	}{
		"status":               {Document{Status: 226, Body: []byte("b")}, 226, 1, nil, "b"},
		"no content":           {Document{Status: 204, Body: []byte("b")}, 204, 0, nil, ""},
		"no type":              {Document{Body: []byte("{}")}, 200, 2, nil, "{}"},
		"empty type":           {Document{Headers: http.Header{"Content-Type": {""}}, Body: []byte("{}")}, 200, 2, []string{""}, "{}"},
		"two types":            {Document{Headers: http.Header{"content-type": {"a/b", "c/d"}}, Body: []byte("{}")}, 200, 2, []string{"a/b", "c/d"}, "{}"},
		"chunked":              {Document{Transfer: Chunked, Body: []byte("{}")}, 200, -1, nil, "{}"},
		"early hints":          {Document{Transfer: EarlyHints, Body: []byte("{}")}, 200, 2, nil, "{}"},
		"declared too short":   {Document{Transfer: DeclaredLength, Headers: http.Header{"Content-Length": {"1"}}, Body: []byte("{}")}, 200, 1, nil, "{"},
		"large, in one piece":  {Document{Body: []byte(long)}, 200, 5000, nil, long},
		"redirect":             {Document{Status: 302, Headers: http.Header{"Location": {"https://elsewhere.example/"}}}, 302, 0, nil, ""},
		"coding is left alone": {Document{Headers: http.Header{"Content-Encoding": {"br"}}, Body: []byte("{}")}, 200, 2, nil, "{}"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			put(t, h, page, test.document)
			resp, body, err := get(t, c, page)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != test.status || resp.ContentLength != test.length || body != test.body {
				t.Errorf("got %d, %d bytes declared, %q", resp.StatusCode, resp.ContentLength, body)
			}
			if types := resp.Header.Values("Content-Type"); !slices.Equal(types, test.types) {
				t.Errorf("got Content-Type %q, want %q", types, test.types)
			}
		})
	}
}

func TestConditional(t *testing.T) {
	h := startHost(t)
	c := browser(t, h)
	put(t, h, page, Document{
		Headers: http.Header{"ETag": {`"v1"`}, "Last-Modified": {"Sun, 01 Nov 2026 10:00:00 GMT"}, "Content-Type": {"application/json"}},
		Body:    []byte("{}"),
	})
	tests := map[string]struct {
		headers []string
		status  int
	}{
		"unconditional":            {nil, 200},
		"same tag":                 {[]string{"If-None-Match", `"v1"`}, 304},
		"same tag, weak":           {[]string{"If-None-Match", `W/"v1"`}, 304},
		"one of several":           {[]string{"If-None-Match", `"v0", "v1"`}, 304},
		"any":                      {[]string{"If-None-Match", "*"}, 304},
		"other tag":                {[]string{"If-None-Match", `"v2"`}, 200},
		"same date":                {[]string{"If-Modified-Since", "Sun, 01 Nov 2026 10:00:00 GMT"}, 304},
		"earlier date":             {[]string{"If-Modified-Since", "Sat, 31 Oct 2026 10:00:00 GMT"}, 200},
		"the tag beats the date":   {[]string{"If-None-Match", `"v2"`, "If-Modified-Since", "Sun, 01 Nov 2026 10:00:00 GMT"}, 200},
		"a date that is not a day": {[]string{"If-Modified-Since", "yesterday"}, 200},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			resp, body, err := get(t, c, page, test.headers...)
			if err != nil || resp.StatusCode != test.status || (body == "") != (test.status == 304) {
				t.Errorf("got %v %q %v, want %d", resp, body, err, test.status)
			}
		})
	}
}

func TestResolve(t *testing.T) {
	h := startHost(t)
	one, two := netip.MustParseAddr("1.1.1.1"), netip.MustParseAddr("10.0.0.1")
	h.SetAddresses("Seq.example.com.", []netip.Addr{one}, []netip.Addr{one, two})
	want := []string{"[1.1.1.1]", "[1.1.1.1 10.0.0.1]", "[1.1.1.1 10.0.0.1]"}
	for i, w := range want {
		if got, err := h.Resolve(t.Context(), "seq.EXAMPLE.com"); err != nil || fmt.Sprint(got) != w {
			t.Errorf("answer %d: %v, %v, want %s", i, got, err, w)
		}
	}
	h.SetAddresses("seq.example.com")
	if got, _ := h.Resolve(t.Context(), "seq.example.com"); fmt.Sprint(got) != "[93.184.216.34]" {
		t.Errorf("after forgetting: %v", got)
	}
	if n := h.Lookups("seq.example.com"); n != 4 {
		t.Errorf("%d lookups", n)
	}
}

func TestLogIsBounded(t *testing.T) {
	h := startHost(t)
	c := browser(t, h)
	put(t, h, page, Document{})
	if _, _, err := get(t, c, page, "User-Agent", "test/1", "If-None-Match", `"x"`); err != nil {
		t.Fatal(err)
	}
	last := h.Log()[0]
	if last.URL != page || last.Status != 200 || last.UserAgent != "test/1" || !last.Conditional || last.Method != "GET" {
		t.Errorf("logged %+v", last)
	}
	j := newJournal()
	for i := range 3 * maxEntries {
		j.record(Entry{URL: fmt.Sprint(i)})
	}
	if n := len(j.entries); n > maxEntries || j.entries[n-1].URL != fmt.Sprint(3*maxEntries-1) {
		t.Errorf("%d entries, the last %v", n, j.entries[n-1])
	}
	for i := range maxCounts + 10 {
		count(j.counts, fmt.Sprint("more", i))
	}
	if len(j.counts) > maxCounts {
		t.Errorf("%d counters", len(j.counts))
	}
}
