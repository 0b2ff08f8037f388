package tenant

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// A realClient is a document that somebody really publishes, completed with
// the members that Auth0 demands where they were not known.
type realClient struct {
	URL      string         `json:"url"`
	Document map[string]any `json:"document"`
}

func realClients(t *testing.T) []realClient {
	t.Helper()
	raw, err := os.ReadFile("testdata/real-clients.json")
	if err != nil {
		t.Fatal(err)
	}
	var out []realClient
	if err := json.Unmarshal(raw, &out); err != nil || len(out) < 8 {
		t.Fatalf("%d clients, %v", len(out), err)
	}
	return out
}

// TestRealClients registers what is in the wild, and looks at the clients.
func TestRealClients(t *testing.T) {
	docs := &documents{}
	clients := realClients(t)
	for _, c := range clients {
		docs.put(t, c.URL, c.Document)
		if uri, has := c.Document["jwks_uri"].(string); has {
			docs.put(t, uri, jwks(t, "key-number-1", "RS256"))
		}
	}
	w := open(t, Options{CIMD: true, Fetcher: docs})
	for _, c := range clients {
		if r := w.register(c.URL); r.status != 201 {
			t.Errorf("%s: %d %s", c.URL, r.status, r.raw)
			p := w.preview(c.URL)
			t.Logf("preview: %s", p.raw)
			continue
		}
		v, _ := w.FindByExternalID(c.URL)
		checkRealClient(t, c, v)
	}
	if n := len(w.Clients()); n != len(clients)+1 {
		t.Errorf("%d clients", n)
	}
}

func checkRealClient(t *testing.T, c realClient, v View) {
	t.Helper()
	redirects, _ := json.Marshal(c.Document["redirect_uris"])
	callbacks, _ := json.Marshal(v.Callbacks)
	appType := map[any]string{"native": "native", nil: "regular_web"}[c.Document["application_type"]]
	switch {
	case v.Name != c.Document["client_name"] || v.AuthMethod != c.Document["token_endpoint_auth_method"] || v.AppType != appType:
		t.Errorf("%s: %+v", c.URL, v)
	case string(redirects) != string(callbacks):
		t.Errorf("%s: callbacks %s, want %s", c.URL, callbacks, redirects)
	case slices.ContainsFunc(v.GrantTypes, func(g string) bool { return strings.HasPrefix(g, "urn:") }):
		t.Errorf("%s: grants %q", c.URL, v.GrantTypes)
	case (c.Document["jwks_uri"] != nil) != slices.Equal(v.KeyIDs, []string{"key-number-1"}) || v.FirstParty:
		t.Errorf("%s: %+v", c.URL, v)
	}
}
