package tenant

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// names lists the names of a bare array.
func names(t *testing.T, raw []byte) []string {
	t.Helper()
	var list []struct{ Name string }
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	out := []string{}
	for _, c := range list {
		out = append(out, c.Name)
	}
	return out
}

func TestListPages(t *testing.T) {
	w := open(t, Options{}) // has one client of its own, "clientkeeper"
	for i := range 4 {
		w.AddClient(fmt.Sprintf("c%d", i))
	}
	for query, want := range map[string][]string{
		"":                   {"clientkeeper", "c0", "c1", "c2", "c3"},
		"?per_page=2":        {"clientkeeper", "c0"},
		"?per_page=2&page=1": {"c1", "c2"},
		"?per_page=2&page=2": {"c3"},
		"?per_page=2&page=3": {},
		"?page=5000":         {},
		"?app_type=spa":      {},
		"?app_type=spa,non_interactive&per_page=1": {"clientkeeper"},
		"?is_first_party=false":                    {},
		"?is_global=true":                          {},
	} {
		if diff := cmp.Diff(want, names(t, w.call("GET", "/api/v2/clients"+query, nil).raw)); diff != "" {
			t.Errorf("%q:\n%s", query, diff)
		}
	}
	r := w.call("GET", "/api/v2/clients?include_totals=true&per_page=2&page=1", nil)
	if r.body["total"] != 5.0 || r.body["start"] != 2.0 || r.body["limit"] != 2.0 || len(r.body["clients"].([]any)) != 2 {
		t.Errorf("totals: %s", r.raw)
	}
}

func TestListCheckpoints(t *testing.T) {
	w := open(t, Options{})
	for i := range 4 {
		w.AddClient(fmt.Sprintf("c%d", i))
	}
	var got []string
	from := ""
	for range 10 {
		r := w.call("GET", "/api/v2/clients?take=2"+from, nil)
		clients, _ := json.Marshal(r.body["clients"])
		got = append(got, names(t, clients)...)
		if r.text("next") == "" {
			break
		}
		from = "&from=" + url.QueryEscape(r.text("next"))
	}
	if want := []string{"clientkeeper", "c0", "c1", "c2", "c3"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if r := w.call("GET", "/api/v2/clients?take=5", nil); r.body["next"] != nil {
		t.Errorf("a last page that is full has a next one: %s", r.raw)
	}
}

func TestListByExternalID(t *testing.T) {
	docs := &documents{}
	docs.put(t, codeURL, codeDocument())
	w := open(t, Options{CIMD: true, Fetcher: docs})
	w.register(codeURL)
	if got := names(t, w.call("GET", "/api/v2/clients?external_client_id="+url.QueryEscape(codeURL), nil).raw); !slices.Equal(got, []string{"Visual Studio Code"}) {
		t.Errorf("got %q", got)
	}
	if r := w.call("GET", "/api/v2/clients?external_client_id="+url.QueryEscape(codeURL+"x"), nil); string(r.raw) != "[]" {
		t.Errorf("got %s", r.raw)
	}
}

func TestListRefusesQueries(t *testing.T) {
	w := open(t, Options{Quirks: Quirks{MaxOffset: 1000}})
	for _, query := range []string{"per_page=101", "page=-1", "per_page=x", "take=0", "take=101", "take=5&page=0", "from=!&take=5",
		"is_global=yes", "unknown=1", "external_client_id=", "q=name:x", "include_totals=1"} {
		if r := w.call("GET", "/api/v2/clients?"+query, nil); r.status != 400 || r.text("errorCode") != "invalid_query_string" {
			t.Errorf("%s: %d %s", query, r.status, r.raw)
		}
	}
	w.want(w.call("GET", "/api/v2/clients?per_page=100&page=10", nil), 400, "invalid_paging", "Requesting page exceeds the allowed maximum of 1000 records.")
	if r := w.call("GET", "/api/v2/clients?per_page=100&page=9", nil); r.status != 200 {
		t.Errorf("the last page that is allowed: %d %s", r.status, r.raw)
	}
}
