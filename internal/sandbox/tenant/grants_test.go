package tenant

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const orders = "https://orders.example.com/"

// TestGrantsDecideTokens has a client ask for tokens while its grant comes and
// goes, and verifies what it gets as an API would: by discovery and JWKS.
func TestGrantsDecideTokens(t *testing.T) {
	w := open(t, Options{})
	w.AddAPI(orders, "read:orders", "write:orders")
	id, secret := w.AddClient("machine")
	ask := func(scope string) result {
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}, "audience": {orders}}
		if scope != "" {
			form.Set("scope", scope)
		}
		return w.token(form, nil)
	}
	if r := ask(""); r.status != 403 || r.text("error") != "access_denied" || !strings.Contains(r.text("error_description"), "client-grant") {
		t.Errorf("without a grant: %d %s", r.status, r.raw)
	}
	made := w.call("POST", "/api/v2/client-grants", map[string]any{"client_id": id, "audience": orders, "scope": []string{"read:orders"}})
	grant := made.text("id")
	if made.status != 201 || !strings.HasPrefix(grant, "cgr_") || made.text("audience") != orders || made.text("client_id") != id {
		t.Fatalf("%d %s", made.status, made.raw)
	}
	claims := verified(w, ask("").text("access_token"))
	for name, want := range map[string]any{"iss": "https://" + w.Domain() + "/", "aud": orders, "scope": "read:orders",
		"azp": id, "sub": id + "@clients", "gty": "client-credentials"} {
		if claims[name] != want {
			t.Errorf("%s = %v, want %v", name, claims[name], want)
		}
	}
	if claims["exp"].(float64)-claims["iat"].(float64) != 86400 {
		t.Errorf("lifetime: %v", claims)
	}
	patch := func(body any) {
		t.Helper()
		if r := w.call("PATCH", "/api/v2/client-grants/"+grant, body); r.status != 200 {
			t.Fatalf("%v: %d %s", body, r.status, r.raw)
		}
	}
	steps := []struct {
		patch string
		ask   string
		scope string // of the token; "-" if there is none
	}{
		{`{"scope":["read:orders","write:orders"]}`, "", "read:orders write:orders"},
		{`{}`, "write:orders", "write:orders"},
		{`{"scope":["read:orders"]}`, "write:orders", "-"},
		{`{"scope":null}`, "", ""},
		{`{"allow_all_scopes":true}`, "", "read:orders write:orders"},
		{`{"allow_all_scopes":null}`, "", ""},
	}
	for _, step := range steps {
		patch(step.patch)
		r := ask(step.ask)
		got := r.text("scope")
		if r.status == 403 {
			got = "-"
		}
		if got != step.scope {
			t.Errorf("%s then %q: %d %s", step.patch, step.ask, r.status, r.raw)
		}
	}
	for range 2 {
		if r := w.call("DELETE", "/api/v2/client-grants/"+grant, nil); r.status != 204 {
			t.Errorf("delete: %d %s", r.status, r.raw)
		}
	}
	if r := ask(""); r.status != 403 {
		t.Errorf("without a grant again: %d", r.status)
	}
	if got := kinds(w.Changes(id)); got != "client-created grant-created grant-changed grant-changed grant-changed grant-changed grant-changed grant-changed grant-deleted" {
		t.Errorf("changes %s", got)
	}
}

// verified are the claims of a token, whose key is found as OpenID Connect
// Discovery says.
func verified(w *world, token string) map[string]any {
	w.t.Helper()
	discovery := w.call("GET", "/.well-known/openid-configuration", nil)
	path, found := strings.CutPrefix(discovery.text("jwks_uri"), "https://"+w.Domain())
	if !found {
		w.t.Fatalf("discovery: %s", discovery.raw)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(w.call("GET", path, nil).raw, &set); err != nil {
		w.t.Fatal(err)
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		w.t.Fatalf("%q: %v", token, err)
	}
	var claims map[string]any
	if err := parsed.Claims(set.Key(parsed.Headers[0].KeyID)[0], &claims); err != nil {
		w.t.Fatal(err)
	}
	return claims
}

func TestGrantRules(t *testing.T) {
	w := open(t, Options{})
	w.AddAPI(orders, "read:orders")
	id, _ := w.AddClient("machine")
	third := w.call("POST", "/api/v2/clients", map[string]any{"name": "x", "is_first_party": false}).text("client_id")
	w.AddGrant(w.id, orders, "read:orders")
	tests := map[string]struct {
		method, path, body string
		status             int
		code, message      string
	}{
		"unknown API":       {"POST", "", `{"client_id":"` + id + `","audience":"https://x/"}`, 404, "", "Resource server not found"},
		"unknown client":    {"POST", "", `{"client_id":"nobody","audience":"` + orders + `"}`, 404, "", "Client not found"},
		"a second one":      {"POST", "", `{"client_id":"` + w.id + `","audience":"` + orders + `"}`, 409, "", "A resource server with the same identifier already exists."},
		"undefined scope":   {"POST", "", `{"client_id":"` + id + `","audience":"` + orders + `","scope":["x:y"]}`, 400, "invalid_body", "The API does not define the scope x:y"},
		"all of a system":   {"POST", "", `{"client_id":"` + id + `","audience":"` + w.Audience() + `","allow_all_scopes":false}`, 400, "", "`allow_all_scopes` cannot be provided when `audience` is a system API"},
		"third party":       {"POST", "", `{"client_id":"` + third + `","audience":"` + w.Audience() + `"}`, 400, "", "Client grants for this API cannot be created for third-party clients."},
		"for nobody":        {"POST", "", `{"audience":"` + orders + `"}`, 400, "invalid_body", "Payload validation error: 'Exactly one of client_id and default_for must be set'."},
		"no audience":       {"POST", "", `{"client_id":"` + id + `"}`, 400, "invalid_body", "Payload validation error: 'Missing required property: audience'."},
		"unknown member":    {"POST", "", `{"client_id":"` + id + `","audience":"` + orders + `","scopes":[]}`, 400, "invalid_body", "Payload validation error: 'Additional properties not allowed: scopes'."},
		"an empty scope":    {"POST", "", `{"client_id":"` + id + `","audience":"` + orders + `","scope":[""]}`, 400, "invalid_body", "Payload validation error: 'String is too short (0 chars), minimum 1' on property scope[0]."},
		"another client":    {"PATCH", "/cgr_x", `{"client_id":"` + id + `"}`, 400, "invalid_body", "Payload validation error: 'Additional properties not allowed: client_id'."},
		"update of nothing": {"PATCH", "/cgr_x", `{"scope":[]}`, 404, "", "The client grant does not exist."},
		"read of nothing":   {"GET", "/cgr_x", ``, 404, "", "The client grant does not exist."},
		"unknown filter":    {"GET", "?scope=x", ``, 400, "invalid_query_string", "Query validation error: 'Additional properties not allowed: scope'."},
		"two pagings":       {"GET", "?page=0&take=1", ``, 400, "invalid_query_string", "Query validation error: 'page and per_page cannot be combined with from and take'."},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w.want(w.call(test.method, "/api/v2/client-grants"+test.path, test.body), test.status, test.code, test.message)
		})
	}
	if got := w.Grants(id); got != nil {
		t.Errorf("refusals made grants: %+v", got)
	}
	for method, scope := range map[string]string{"GET": "read", "POST": "create"} {
		w.want(w.as("read:clients").call(method, "/api/v2/client-grants", nil), 403, "insufficient_scope", "Insufficient scope, expected any of: "+scope+":client_grants")
	}
}

// TestDefaultGrant is one for all third-party clients, before which one of
// their own comes.
func TestDefaultGrant(t *testing.T) {
	w := open(t, Options{})
	w.AddAPI(orders, "read:orders", "write:orders")
	made := w.call("POST", "/api/v2/clients", map[string]any{"name": "x", "is_first_party": false, "grant_types": []string{"client_credentials"}, "token_endpoint_auth_method": "client_secret_post"})
	own, _ := w.AddClient("own")
	if r := w.call("POST", "/api/v2/client-grants", map[string]any{"default_for": "third_party_clients", "audience": orders, "scope": []string{"read:orders"}}); r.status != 201 || r.text("default_for") == "" {
		t.Fatalf("%d %s", r.status, r.raw)
	}
	id := made.text("client_id")
	ask := func() string {
		return w.token(url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {made.text("client_secret")}, "audience": {orders}}, nil).text("scope")
	}
	if got := ask(); got != "read:orders" {
		t.Errorf("by default: %q", got)
	}
	w.AddGrant(id, orders, "write:orders")
	if got := ask(); got != "write:orders" {
		t.Errorf("by its own: %q", got)
	}
	if w.grantFor(w.state.clients[own], orders) != nil {
		t.Error("a first-party client has the default of others")
	}
}

func TestListGrants(t *testing.T) {
	w := open(t, Options{})
	var ids []string
	for _, audience := range []string{"https://a/", "https://b/", "https://c/"} {
		w.AddAPI(audience)
		id, _ := w.AddClient(audience)
		w.AddGrant(id, audience)
		ids = append(ids, id)
	}
	w.AddGrant(ids[0], "https://c/")
	audiences := func(raw []byte) string {
		var grants []struct {
			Audience string `json:"audience"`
		}
		if err := json.Unmarshal(raw, &grants); err != nil {
			t.Fatalf("%v: %s", err, raw)
		}
		var out []string
		for _, g := range grants {
			out = append(out, strings.TrimPrefix(g.Audience, "https://"))
		}
		return strings.Join(out, " ")
	}
	of := func(r result) string { raw, _ := json.Marshal(r.body["client_grants"]); return audiences(raw) }
	for query, want := range map[string]string{
		"?client_id=" + ids[0]: "a/ c/", "?audience=https%3A%2F%2Fc%2F": "c/ c/", "?client_id=nobody": "",
		"?client_id=" + ids[0] + "&audience=https://a/": "a/", "?audience=" + url.QueryEscape(w.Audience()): w.Domain() + "/api/v2/",
		"?subject_type=user": "", "?per_page=2&page=1": "b/ c/", "?per_page=2&page=9": "", "?allow_any_organization=true": "",
	} {
		if got := audiences(w.call("GET", "/api/v2/client-grants"+query, nil).raw); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	r := w.call("GET", "/api/v2/client-grants?include_totals=true&per_page=2", nil)
	if r.body["total"] != 5.0 || r.body["limit"] != 2.0 || r.body["start"] != 0.0 || len(r.body["client_grants"].([]any)) != 2 {
		t.Errorf("%s", r.raw)
	}
	var seen []string
	for from := ""; ; {
		r := w.call("GET", "/api/v2/client-grants?take=2"+from, nil)
		seen = append(seen, of(r))
		if r.text("next") == "" {
			break
		}
		from = "&from=" + r.text("next")
	}
	if want := []string{w.Domain() + "/api/v2/ a/", "b/ c/", "c/"}; !slices.Equal(seen, want) {
		t.Errorf("%q, want %q", seen, want)
	}
	w.call("DELETE", "/api/v2/clients/"+ids[0], nil)
	if got := w.Grants(ids[0]); got != nil {
		t.Errorf("a deleted client has grants: %+v", got)
	}
}

func TestAPIs(t *testing.T) {
	w := open(t, Options{})
	w.AddAPI(orders, "read:orders")
	w.AddAPI(orders, "read:orders", "write:orders")
	r := w.call("GET", "/api/v2/resource-servers?include_totals=true", nil)
	list, _ := r.body["resource_servers"].([]any)
	if r.body["total"] != 2.0 || len(list) != 2 {
		t.Fatalf("%s", r.raw)
	}
	api := list[1].(map[string]any)
	if api["identifier"] != orders || len(api["scopes"].([]any)) != 2 || list[0].(map[string]any)["identifier"] != w.Audience() {
		t.Errorf("%v", list)
	}
	for _, id := range []string{api["id"].(string), url.PathEscape(orders)} {
		if r := w.call("GET", "/api/v2/resource-servers/"+id, nil); r.status != 200 || r.text("identifier") != orders {
			t.Errorf("%s: %d %s", id, r.status, r.raw)
		}
	}
	w.want(w.call("GET", "/api/v2/resource-servers/x", nil), 404, "", "Resource server not found")
}
