package safehttp_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"clientkeeper/internal/cimd"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/safehttp"
	"clientkeeper/internal/sandbox/documents"
)

// A wanted is the half of a case that says what a fetcher should make of it.
type wanted struct {
	Group       string `json:"group"`
	Expect      string `json:"expect"`
	Stage       string `json:"stage"`
	Why         string `json:"why"`
	Mode        string `json:"mode"`
	Retry       string `json:"retry"`
	MaxRequests *int   `json:"max_requests"`
	Cache       *struct {
		Store     bool   `json:"store"`
		Fresh     *int64 `json:"fresh_s"`
		FreshMax  *int64 `json:"fresh_s_max"`
		Reconsent bool   `json:"reconsent"`
	} `json:"cache"`
}

// caseTime is the moment at which the dates in the cases make sense.
var caseTime = time.Date(2026, time.November, 2, 10, 0, 0, 0, time.UTC)

// stricter reports whether a case is to be flagged that a fetcher with a
// stricter rule may refuse: an address outside of the unicast space in use, or
// with a private address inside.
func (w wanted) stricter(err error) bool {
	return w.Group == "ssrf" && w.Expect == "warn" && fault.Reason(err) == safehttp.ReasonSpecialUse
}

// elsewhere reports whether the verdict comes from comparing the document with
// an older one, which neither a fetch nor a judgement of one document does.
func (w wanted) elsewhere() bool { return w.Cache != nil && w.Cache.Reconsent }

func readCases(t *testing.T) ([]documents.Case, []wanted) {
	t.Helper()
	text, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	cases, err := documents.ReadCases(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	var want []wanted
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	return cases, want
}

// TestCases fetches every case from a host that behaves as the case says, and
// judges what arrives by the draft's rules, as whoever fetches will.
func TestCases(t *testing.T) {
	host := startHost(t)
	cases, want := readCases(t)
	ran := make(map[string]int)
	for i, c := range cases {
		t.Run(c.ID, func(t *testing.T) {
			ran[want[i].Group+" "+runCase(t, host, c, want[i])]++
		})
	}
	for what, n := range ran {
		t.Logf("%3d %s", n, what)
	}
	for group, n := range map[string]int{"fetch verdict": 126, "ssrf verdict": 117, "ssrf stricter": 3, "caching verdict": 27, "caching elsewhere": 5} {
		if ran[group] < n {
			t.Errorf("%d cases %s, want at least %d", ran[group], group, n)
		}
	}
}

// runCase says how the case was judged.
func runCase(t *testing.T, host *documents.Host, c documents.Case, want wanted) string {
	host.Reset()
	client := safehttp.New(safehttp.Config{
		Resolve: host.Resolve, Dial: host.Dial, Roots: host.Roots(),
		Timeout: timeoutFor(c.Fault), MinFresh: time.Nanosecond, MaxFresh: 200 * 365 * 24 * time.Hour,
		Development: want.Mode == "development",
		Now:         func() time.Time { return caseTime },
	})
	stored := fetchPrevious(t, host, client, c)
	before := host.AllRequests()
	if err := host.Serve(c); err != nil {
		t.Fatal(err)
	}
	resp, err := client.Get(t.Context(), safehttp.Request{URL: c.URL, Stored: stored})
	got := verdict(t, client, c, resp, err)
	if want.Mode == "development" && err == nil {
		got = "accept" // no rule book has a client id on loopback
	}
	if n := host.AllRequests() - before; want.MaxRequests != nil && n > *want.MaxRequests {
		t.Errorf("%d requests, want at most %d", n, *want.MaxRequests)
	}
	checkRetry(t, err, want.Retry)
	checkCache(t, resp, want)
	switch {
	case want.stricter(err):
		return "stricter"
	case want.elsewhere():
		if resp == nil {
			t.Errorf("the changed document was not fetched: %v", err)
		}
		return "elsewhere"
	}
	if got != want.Expect {
		t.Errorf("got %s (%v), want %s: %s", got, err, want.Expect, want.Why)
	}
	return "verdict"
}

// timeoutFor is short where the fault is to be slow.
func timeoutFor(f documents.Fault) time.Duration {
	switch f {
	case documents.DNSTimeout, documents.ConnectTimeout, documents.StallHeaders, documents.SlowBody, documents.SlowHeaders:
		return 300 * time.Millisecond
	}
	return 30 * time.Second
}

func fetchPrevious(t *testing.T, host *documents.Host, client *safehttp.Client, c documents.Case) safehttp.Stored {
	t.Helper()
	if c.Previous == nil {
		return safehttp.Stored{}
	}
	if err := host.PutPage(c.URL, *c.Previous); err != nil {
		t.Fatal(err)
	}
	resp, err := client.Get(t.Context(), safehttp.Request{URL: c.URL})
	if err != nil {
		t.Fatal(err)
	}
	return resp.Stored
}

// verdict joins what the fetch says with what the document says, and, where the
// DNS changes its mind, with a fetch of the key set.
func verdict(t *testing.T, client *safehttp.Client, c documents.Case, resp *safehttp.Response, err error) string {
	t.Helper()
	if err != nil {
		return "reject"
	}
	if resp.NotModified {
		return "accept" // the stored document was judged when it came
	}
	worst := judgeDocument(c.URL, resp.Body)
	if len(resp.Warnings) > 0 {
		worst = max(worst, cimd.Warn)
	}
	var doc struct {
		JWKSURI string `json:"jwks_uri"`
	}
	if len(c.AddressSeq) > 0 && json.Unmarshal(resp.Body, &doc) == nil {
		_, err := client.Get(t.Context(), safehttp.Request{URL: doc.JWKSURI})
		if fault.Reason(err) != safehttp.ReasonSpecialUse {
			t.Errorf("the second lookup led to %v", err)
		}
		return "reject"
	}
	return worst.String()
}

func checkRetry(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		return
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Reason == "" || f.Op != "safehttp.get" {
		t.Errorf("not one of our errors: %v", err)
	}
	kind := fault.KindOf(err)
	if want == "transient" && !kind.Transient() || want == "permanent" && !kind.Permanent() {
		t.Errorf("%v, want a %s kind", err, want)
	}
}

// checkCache compares the freshness with bounds so wide that only the server's
// words count. A case that must not be stored because the document is bad has
// nothing to compare.
func checkCache(t *testing.T, resp *safehttp.Response, want wanted) {
	t.Helper()
	if want.Cache == nil || resp == nil || want.Expect == "reject" {
		return
	}
	if resp.Stored.NoStore == want.Cache.Store {
		t.Errorf("NoStore = %v, want %v", resp.Stored.NoStore, !want.Cache.Store)
	}
	fresh := int64(resp.FreshFor.Truncate(time.Second) / time.Second)
	if want.Cache.Fresh != nil && fresh != *want.Cache.Fresh {
		t.Errorf("fresh for %d s, want %d", fresh, *want.Cache.Fresh)
	}
	if want.Cache.FreshMax != nil && fresh > *want.Cache.FreshMax {
		t.Errorf("fresh for %d s, want at most %d", fresh, *want.Cache.FreshMax)
	}
}

func startHost(t *testing.T) *documents.Host {
	t.Helper()
	host, err := documents.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := host.Close(); err != nil {
			t.Error(err)
		}
	})
	return host
}

func newClient(host *documents.Host, timeout time.Duration) *safehttp.Client {
	return safehttp.New(safehttp.Config{Resolve: host.Resolve, Dial: host.Dial, Roots: host.Roots(), Timeout: timeout})
}

// judgeDocument is the draft's verdict on what a URL answered.
func judgeDocument(url string, body []byte) cimd.Verdict {
	id, findings := cimd.CheckURL(url, cimd.Draft)
	_, more := cimd.CheckDocument(id, body, cimd.Draft)
	return max(findings.Verdict(), more.Verdict())
}
