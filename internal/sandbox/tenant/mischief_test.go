package tenant

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func mustMischief(t *testing.T, text string, seed uint64) func(int, *http.Request) Fault {
	t.Helper()
	f, err := ParseMischief(text, seed)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestMischief breaks one register in each way. Whether the client exists
// afterwards is what "before" and "after" mean.
func TestMischief(t *testing.T) {
	tests := map[string]struct {
		rules   string
		status  int // zero: no answer arrives
		applied bool
		check   func(result) bool
	}{
		"502 before":      {"register=502:x1", 502, false, isEnvelope},
		"502 after":       {"register=502-after:x1", 502, true, isEnvelope},
		"503 with a page": {"register=503-after-html:x1", 503, true, isPage},
		"dropped before":  {"register=drop:x1", 0, false, nil},
		"dropped after":   {"register=drop-after:x1", 0, true, nil},
		"429": {"register=429:x1", 429, false, func(r result) bool {
			return r.header.Get("X-RateLimit-Remaining") == "0" && r.header.Get("Retry-After") == ""
		}},
		"429 bare":        {"register=429-bare:x1", 429, false, func(r result) bool { return r.header.Get("X-RateLimit-Reset") == "" }},
		"429 with a wait": {"register=429-retry7:x1", 429, false, func(r result) bool { return r.header.Get("Retry-After") == "7" }},
		"slow drip":       {"register=drip-50ms:x1", 201, true, isRegistered},
		"delay":           {"register=delay-50ms:x1", 201, true, isRegistered},
		"not this one":    {"register=502:#2", 201, true, isRegistered},
		"another route":   {"list=502", 201, true, isRegistered},
		"writes":          {"writes=502:x1", 502, false, isEnvelope},
		"first rule wins": {"*=504-after:x1,register=500", 504, true, isEnvelope},
		"never":           {"register=502:0%", 201, true, isRegistered},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			docs := &documents{}
			docs.put(t, codeURL, codeDocument())
			w := open(t, Options{CIMD: true, Fetcher: docs})
			w.SetMischief(mustMischief(t, test.rules, 1))
			r, err := w.send("POST", "/api/v2/clients/cimd/register", w.auth(), `{"external_client_id":"`+codeURL+`"}`)
			if (err != nil) != (test.status == 0) || r.status != test.status {
				t.Errorf("%v, %d %s", err, r.status, r.raw)
			}
			if test.check != nil && !test.check(r) {
				t.Errorf("answer: %v %s", r.header, r.raw)
			}
			if _, found := w.FindByExternalID(codeURL); found != test.applied {
				t.Errorf("the client exists: %v, want %v", found, test.applied)
			}
			log := w.Log()
			if last := log[len(log)-1]; last.Applied != test.applied || last.Status != test.status || last.Route != "register" {
				t.Errorf("log: %+v", last)
			}
			w.SetMischief(nil)
			again := w.register(codeURL)
			if want := map[bool]int{true: 200, false: 201}[test.applied]; again.status != want {
				t.Errorf("afterwards: %d %s, want %d", again.status, again.raw, want)
			}
			if got := w.Writes(codeURL); got.Created != 1 {
				t.Errorf("writes: %+v", got)
			}
		})
	}
}

func isEnvelope(r result) bool {
	return r.body["statusCode"] == float64(r.status) && r.text("message") != ""
}
func isRegistered(r result) bool { return strings.HasPrefix(r.text("client_id"), "tpc_") }
func isPage(r result) bool {
	return r.body == nil && strings.HasPrefix(r.header.Get("Content-Type"), "text/html") && len(r.raw) > 0
}

func TestMischiefAtTheTokenEndpoint(t *testing.T) {
	w := open(t, Options{})
	w.SetMischief(mustMischief(t, "token=503:#1,token=429:#1", 1))
	for i, want := range []string{"server_error", "too_many_requests", ""} {
		if r := w.token(nil, nil); want != "" && r.text("error") != want {
			t.Errorf("%d: %d %s", i, r.status, r.raw)
		}
	}
	if c := w.Counts(); c.Faults["503-before"] != 1 || c.Faults["429"] != 1 {
		t.Errorf("counts: %+v", c)
	}
}

// TestMischiefIsRepeatable draws the fates of 2000 requests twice.
func TestMischiefIsRepeatable(t *testing.T) {
	fates := func(seed uint64) []string {
		f := mustMischief(t, "register=502-after:5%,register=drop:10%", seed)
		req, err := http.NewRequest("POST", "https://x/api/v2/clients/cimd/register", nil)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for n := range 2000 {
			out = append(out, f(n, req).String())
		}
		return out
	}
	first := fates(7)
	if !slices.Equal(first, fates(7)) {
		t.Error("the same seed gives other fates")
	}
	if slices.Equal(first, fates(8)) {
		t.Error("another seed gives the same fates")
	}
	count := map[string]int{}
	for _, fate := range first {
		count[fate]++
	}
	if n := count["502-after"]; n < 60 || n > 140 {
		t.Errorf("%d of 2000 at 5%%", n)
	}
	if n := count["drop-before"]; n < 140 || n > 240 {
		t.Errorf("%d of 1900 at 10%%", n)
	}
}

func TestParseMischiefRefuses(t *testing.T) {
	for _, text := range []string{"register", "nowhere=502", "register=200", "register=explode", "register=502-sideways",
		"register=502:5", "register=502:101%", "register=502:xx", "register=drip-fast", "register=drip-1s-2s", "register=429-retry0", "register=502:NaN%"} {
		if _, err := ParseMischief(text, 1); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
	if _, err := ParseMischief("nowhere=502", 1); err == nil || !strings.Contains(err.Error(), "there are *, writes, token,") {
		t.Errorf("a route that does not exist: %v", err)
	}
	for _, text := range []string{"", " register=502:5% , *=429 ", "*=delay", "credential-create=drop-after:#3"} {
		if _, err := ParseMischief(text, 1); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestLatency(t *testing.T) {
	l := RecordedLatency
	create, list := route{name: routeRegister}, route{name: routeList}
	var slow, fast int
	for n := range 5000 {
		d := l.draw(3, n, create)
		if d != l.draw(3, n, create) {
			t.Fatal("the same request waits for another time")
		}
		if d < l.Create.P0 || d > l.Create.Max {
			t.Fatalf("%v is outside of the percentiles", d)
		}
		if d > l.Create.P99 {
			slow++
		}
		if d <= l.Create.P50 {
			fast++
		}
		if d := l.draw(3, n, list); d > l.Usual.Max {
			t.Fatalf("a list takes %v", d)
		}
	}
	if slow < 20 || slow > 100 || fast < 2300 || fast > 2700 {
		t.Errorf("%d of 5000 above the 99th percentile, %d below the median", slow, fast)
	}
	if d := (&Latency{}).draw(3, 1, create); d != 0 {
		t.Errorf("the zero Latency takes %v", d)
	}
	w := open(t, Options{})
	p := 80 * time.Millisecond
	w.SetLatency(Latency{Usual: Percentiles{p, p, p, p, p}})
	start := time.Now()
	w.call("GET", "/api/v2/clients", nil)
	if took := time.Since(start); took < p {
		t.Errorf("a list took %v", took)
	}
}

// TestHookSeesEveryRequest is the hook written in Go.
func TestHookSeesEveryRequest(t *testing.T) {
	var seen []string
	w := open(t, Options{Mischief: func(n int, r *http.Request) Fault {
		seen = append(seen, fmt.Sprintf("%d %s", n, r.URL.Path))
		if n == 3 {
			return Fault{Status: 500}
		}
		return Fault{}
	}})
	got := []int{w.call("GET", "/api/v2/clients", nil).status, w.call("GET", "/api/v2/rules", nil).status, w.call("GET", "/api/v2/rules", nil).status}
	if !slices.Equal(got, []int{200, 500, 200}) {
		t.Errorf("statuses %v", got)
	}
	want := []string{"1 /oauth/token", "2 /api/v2/clients", "3 /api/v2/rules", "4 /api/v2/rules"}
	if !slices.Equal(seen, want) {
		t.Errorf("seen %q", seen)
	}
}
