package cimd

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A response is what a URL of a case serves.
type response struct {
	Status     int             `json:"status"`
	Headers    map[string]any  `json:"headers"`
	Body       json.RawMessage `json:"body"`
	BodyBase64 string          `json:"body_base64"`
	Fault      any             `json:"fault"`
}

type testCase struct {
	response
	ID       string              `json:"id"`
	Group    string              `json:"group"`
	Stage    string              `json:"stage"`
	URL      string              `json:"url"`
	Expect   string              `json:"expect"`
	Why      string              `json:"why"`
	Mode     string              `json:"mode"`
	Resolve  map[string][]string `json:"resolve"`
	Routes   map[string]response `json:"routes"`
	Redirect *string             `json:"request_redirect_uri"`
	Previous *struct {
		Routes map[string]response `json:"routes"`
	} `json:"previous"`
	Auth0 *struct {
		Expect string `json:"expect"`
	} `json:"auth0"`
}

func (c testCase) want(book Rules) string {
	if book == Auth0 && c.Auth0 != nil {
		return c.Auth0.Expect
	}
	return c.Expect
}

// payload are the bytes that a client would read, or false if it would read
// none.
func (r response) payload(t *testing.T) ([]byte, bool) {
	t.Helper()
	if r.Fault != nil || r.Status != 200 || r.Headers["content-encoding"] != nil {
		return nil, false
	}
	var body []byte
	switch {
	case r.BodyBase64 != "":
		raw, err := base64.StdEncoding.DecodeString(r.BodyBase64)
		if err != nil {
			t.Fatal(err)
		}
		body = raw
	case len(r.Body) == 0:
		return nil, false
	case r.Body[0] == '"':
		var s string
		if err := json.Unmarshal(r.Body, &s); err != nil {
			t.Fatal(err)
		}
		body = []byte(s)
	default:
		var b bytes.Buffer
		if err := json.Compact(&b, r.Body); err != nil {
			t.Fatal(err)
		}
		body = b.Bytes()
	}
	if s, ok := r.Headers["content-length"].(string); ok {
		if n, err := strconv.Atoi(s); err == nil && n < len(body) {
			body = body[:n]
		}
	}
	return body, true
}

func readCases(t *testing.T) []testCase {
	t.Helper()
	raw, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []testCase
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 600 {
		t.Fatalf("read %d cases", len(cases))
	}
	return cases
}

// judgement is all that pure functions can say about a case.
type judgement struct {
	findings Findings
	unjudged []string // what would need a network
}

func judgeCase(t *testing.T, c testCase, book Rules) judgement {
	t.Helper()
	id, findings := CheckURL(c.URL, book)
	out := judgement{findings: findings}
	for _, host := range slices.Sorted(maps.Keys(c.Resolve)) {
		for _, a := range c.Resolve[host] {
			out.findings = append(out.findings, CheckAddress(netip.MustParseAddr(a))...)
		}
	}
	body, ok := c.payload(t)
	if !ok || c.Group == "url" || c.Stage == "connect" {
		return out
	}
	doc, findings := CheckDocument(id, body, book)
	out.findings = append(out.findings, findings...)
	if c.Redirect != nil {
		out.findings = append(out.findings, MatchRedirect(doc.RedirectURIs, *c.Redirect, book)...)
	}
	for _, u := range slices.Sorted(maps.Keys(c.Routes)) {
		served, ok := c.Routes[u].payload(t)
		switch {
		case u == doc.JWKSURI && ok:
			keys, findings := CheckKeys(served, book)
			out.findings = append(out.findings, findings...)
			out.findings = append(out.findings, rotation(t, c, u, keys, book)...)
		default:
			out.unjudged = append(out.unjudged, u)
		}
	}
	return out
}

func rotation(t *testing.T, c testCase, u string, keys []Key, book Rules) Findings {
	t.Helper()
	if c.Previous == nil {
		return nil
	}
	body, ok := c.Previous.Routes[u].payload(t)
	if !ok {
		return nil
	}
	before, _ := CheckKeys(body, Draft)
	return CheckRotation(before, keys, book)
}

// pure are the stages whose verdict lies in what is read.
var pure = []string{"url", "parse", "document", "keys", "logo", "request"}

func TestCases(t *testing.T) {
	cases := readCases(t)
	for _, book := range []Rules{Draft, Auth0} {
		t.Run(book.String(), func(t *testing.T) {
			judged, open, elsewhere := 0, map[string]int{}, map[string][]string{}
			for _, c := range cases {
				if !slices.Contains(pure, c.Stage) {
					elsewhere[c.Stage] = append(elsewhere[c.Stage], c.ID)
					continue
				}
				got := judgeCase(t, c, book)
				if again := judgeCase(t, c, book); fmt.Sprint(got.findings) != fmt.Sprint(again.findings) {
					t.Errorf("%s: judged twice, found two things", c.ID)
				}
				switch verdict, want := got.findings.Verdict().String(), c.want(book); {
				case want == "unknown":
					open[verdict]++
				case verdict == want:
					judged++
				case len(got.unjudged) > 0 && got.findings.Verdict() == Accept:
					elsewhere[c.Stage+", answers of another URL"] = append(elsewhere[c.Stage+", answers of another URL"], c.ID)
				default:
					t.Errorf("%s: %s, want %s: %s\n\t%v", c.ID, verdict, want, c.Why, got.findings)
				}
			}
			t.Logf("%d of %d cases judged; %d open questions answered %v", judged, len(cases), open["accept"]+open["warn"]+open["reject"], open)
			for _, stage := range slices.Sorted(maps.Keys(elsewhere)) {
				t.Logf("not a pure question (%s): %d: %s", stage, len(elsewhere[stage]), strings.Join(elsewhere[stage], " "))
			}
		})
	}
}

// TestAddressCases judges the addresses of the cases about server-side request
// forgery: hosts that are addresses, and what names resolve to.
func TestAddressCases(t *testing.T) {
	literals, answers := 0, 0
	for _, c := range readCases(t) {
		if c.Group != "ssrf" || c.Stage != "connect" || c.Mode == "development" {
			continue
		}
		_, findings := CheckURL(c.URL, Draft)
		u, err := url.Parse(c.URL)
		switch {
		case len(c.Resolve) > 0:
			answers++
			for _, addresses := range c.Resolve {
				for _, a := range addresses {
					findings = append(findings, CheckAddress(netip.MustParseAddr(a))...)
				}
			}
		case err != nil || strings.HasPrefix(c.ID, "ssrf-v") || strings.HasPrefix(c.ID, "ssrf-form"):
			literals++
		default:
			t.Logf("not a question of addresses: %s: %s", c.ID, c.Why)
			continue
		}
		if got := findings.Verdict().String(); got != c.Expect {
			t.Errorf("%s: %s, want %s: %s\n\t%v", c.ID, got, c.Expect, c.Why, findings)
		}
		if _, strict := CheckURL(c.URL, Auth0); c.Expect == "reject" && len(c.Resolve) == 0 && strict.Verdict() != Reject {
			t.Errorf("%s: Auth0's book does not refuse", c.ID)
		}
		if err != nil {
			continue
		}
		if a, err := netip.ParseAddr(u.Hostname()); err == nil && !a.Is4In6() {
			if got := PublicAddress(a); got != (c.Expect == "accept") {
				t.Errorf("%s: PublicAddress(%s) = %v", c.ID, a, got)
			}
		}
	}
	t.Logf("%d literal hosts and %d answers of resolvers judged", literals, answers)
	if literals < 60 || answers < 20 {
		t.Error("too few")
	}
}

// TestFetchedDocuments reads the documents of the cases about fetching, whose
// own verdicts lie elsewhere: a case that is accepted has an acceptable
// document, and too many bytes are too many however they arrive.
func TestFetchedDocuments(t *testing.T) {
	fine, large := 0, 0
	for _, c := range readCases(t) {
		body, ok := c.payload(t)
		if !ok || c.Stage != "fetch" && c.Stage != "cache" {
			continue
		}
		id, _ := CheckURL(c.URL, Draft)
		_, findings := CheckDocument(id, body, Draft)
		switch {
		case len(body) > MaxDocument:
			large++
			if !findings.Has("document_too_large") || c.Expect != "reject" {
				t.Errorf("%s: %d bytes: %v", c.ID, len(body), findings)
			}
		case c.Expect != "reject":
			fine++
			if findings.Verdict() == Reject {
				t.Errorf("%s: %v", c.ID, findings)
			}
		}
	}
	if fine < 20 || large < 2 {
		t.Errorf("only %d fine and %d large documents", fine, large)
	}
}
