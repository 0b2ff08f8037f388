package tenant

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An exchange is one request of a recorded conversation, with its answer.
type exchange struct {
	Request struct {
		Method string         `json:"method"`
		Path   string         `json:"path"`
		Body   map[string]any `json:"body"`
	} `json:"request"`
	Response struct {
		Status int `json:"status"`
		Body   any `json:"body"`
	} `json:"response"`
}

// TestRecordings has the conversations of a real tenant again.
func TestRecordings(t *testing.T) {
	files, err := filepath.Glob("testdata/recordings/*.json")
	if err != nil || len(files) < 7 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) { replay(t, file) })
	}
}

func replay(t *testing.T, file string) {
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var talk []exchange
	if err := json.Unmarshal(raw, &talk); err != nil {
		t.Fatal(err)
	}
	docs := &documents{}
	docs.put(t, "https://client.dev/oauth/metadata.json", map[string]any{
		"client_id": "https://client.dev/oauth/metadata.json", "client_name": "client.dev",
		"redirect_uris": []string{"https://client.dev/oauth/callback"}, "grant_types": []string{"authorization_code"},
		"token_endpoint_auth_method": "none",
	})
	w := open(t, Options{Name: "go-auth0-dev", CIMD: true, Fetcher: docs})
	ids := map[string]string{} // recorded to ours
	for i, x := range talk {
		path := x.Request.Path
		for recorded, ours := range ids {
			path = strings.ReplaceAll(path, recorded, ours)
		}
		var body any
		if x.Request.Body != nil {
			body = x.Request.Body
		}
		got := w.call(x.Request.Method, path, body)
		if got.status != x.Response.Status {
			t.Fatalf("%d: %s %s = %d, recorded %d: %s", i, x.Request.Method, path, got.status, x.Response.Status, got.raw)
		}
		compareBodies(t, i, got.raw, x, ids)
	}
	if v := w.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
}

func compareBodies(t *testing.T, i int, raw []byte, x exchange, ids map[string]string) {
	if x.Response.Status >= 400 || x.Response.Body == nil {
		if x.Response.Body == nil && len(raw) > 0 {
			t.Errorf("%d: an empty answer was recorded, not %s", i, raw)
		}
		return // the recorder replaced the bodies of errors
	}
	var got any
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if page, isPage := x.Response.Body.(map[string]any); isPage && page["clients"] != nil {
		comparePages(t, i, got.(map[string]any), page, ids)
		return
	}
	collectIDs(got, x.Response.Body, ids)
	want := normalize(x.Response.Body, ids)
	have := normalize(got, ids)
	if wantMap, isMap := want.(map[string]any); isMap {
		have = only(t, i, have.(map[string]any), wantMap)
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("%d: %s %s: recorded (-), ours (+):\n%s", i, x.Request.Method, x.Request.Path, diff)
	}
}

// comparePages looks for the recorded clients in ours: the recorder left out
// those that the tenant had besides.
func comparePages(t *testing.T, i int, got, want map[string]any, ids map[string]string) {
	if got["start"] != want["start"] || got["limit"] != want["limit"] || got["total"] == nil {
		t.Errorf("%d: page %v, recorded %v", i, got, want)
	}
	for _, c := range want["clients"].([]any) {
		found := slices.ContainsFunc(got["clients"].([]any), func(o any) bool {
			return cmp.Equal(normalize(c, ids), normalize(o, nil))
		})
		if !found {
			t.Errorf("%d: no client is as recorded: %v in %v", i, c, got["clients"])
		}
	}
}

// fieldsNotKept are what the SDK's struct did not have when it recorded, and
// what register answers besides the id that the recorder kept of it.
var fieldsNotKept = []string{"tenant", "global", "callback_url_template", "encrypted", "cross_origin_auth",
	"cross_origin_authentication", "mapped_fields", "validation"}

// only drops the fields that recordings do not show. Any other that was not
// recorded is a mistake of ours.
func only(t *testing.T, i int, got, want map[string]any) map[string]any {
	out := maps.Clone(got)
	for name := range got {
		if _, recorded := want[name]; recorded {
			continue
		}
		if !slices.Contains(fieldsNotKept, name) {
			t.Errorf("%d: we show %s, the recording does not", i, name)
		}
		delete(out, name)
	}
	return out
}

// collectIDs learns which of our ids stands for a recorded one.
func collectIDs(got, want any, ids map[string]string) {
	switch w := want.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		for _, name := range []string{"client_id", "id"} {
			recorded, _ := w[name].(string)
			ours, _ := g[name].(string)
			if recorded != "" && ours != "" && len(recorded) == len(ours) {
				ids[recorded] = ours
			}
		}
		for name := range w {
			collectIDs(g[name], w[name], ids)
		}
	case []any:
		g, _ := got.([]any)
		for i := range min(len(w), len(g)) {
			collectIDs(g[i], w[i], ids)
		}
	}
}

// normalize makes recorded ids ours, times a placeholder, and drops what the
// recorder made up and members that are null, as lists had them in 2023.
func normalize(v any, ids map[string]string) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, value := range v {
			switch {
			case name == "client_secret" || name == "signing_keys" || value == nil:
			case name == "created_at" || name == "updated_at":
				out[name] = "some time"
			default:
				out[name] = normalize(value, ids)
			}
		}
		return out
	case []any:
		out := []any{}
		for _, value := range v {
			out = append(out, normalize(value, ids))
		}
		return out
	case string:
		if ours, known := ids[v]; known {
			return ours
		}
	}
	return v
}
