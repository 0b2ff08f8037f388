package tenant

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clientkeeper/internal/openapi"
)

// never are described answers that the tenant does not give, and why.
var never = map[string][]int{
	"createClient":           {404}, // "The Client ID for Invitations could not be found.": there are no invitations
	"updateClientCredential": {201}, // what the published description says; Quirks.PatchCredentialStatus
}

// TestEveryOperationFollowsTheDescription asks for every operation of the
// description until it has given every answer that is described for it.
func TestEveryOperationFollowsTheDescription(t *testing.T) {
	d := readDescription(t)
	docs := &documents{}
	docs.put(t, keyURL, keyDocument())
	docs.put(t, jwksURL, jwks(t, "key-number-1", "RS256"))
	w := open(t, Options{CIMD: true, Fetcher: docs, Quirks: Quirks{GlobalClient: true}})
	w.AddAPI(orders, "read:orders")
	tap := &openapi.Tap{Description: d.Description, Next: w.client.Transport}
	w.client.Transport = tap
	t.Cleanup(func() { w.client.Transport = tap.Next })

	for name, drive := range map[string]func(*testing.T, *world){
		"clients": driveClients, "credentials": driveCredentials, "CIMD": driveCIMD, "grants": driveGrants, "tokens": driveTokens,
	} {
		t.Run(name, func(t *testing.T) { w.t = t; drive(t, w) })
	}
	w.t = t
	driveRefusals(t, w, d)
	for _, problem := range tap.Problems() {
		t.Error(problem)
	}
	for _, o := range d.Operations() {
		for _, status := range o.Statuses {
			if !slices.Contains(tap.Seen(o.ID), status) && !slices.Contains(never[o.ID], status) {
				t.Errorf("%s never answered %d", o.ID, status)
			}
		}
	}
}

// must makes a call that has to be answered with a status.
func (w *world) must(status int, method, path string, body any) result {
	w.t.Helper()
	r := w.call(method, path, body)
	if r.status != status {
		w.t.Fatalf("%s %s: %d, want %d: %s", method, path, r.status, status, r.raw)
	}
	return r
}

func driveClients(_ *testing.T, w *world) {
	made := w.must(201, "POST", "/api/v2/clients", map[string]any{"name": "x", "client_aliases": []string{"one"}, "app_type": "non_interactive",
		"token_quota": map[string]any{"client_credentials": map[string]any{"enforce": true, "per_hour": 9}}})
	client := "/api/v2/clients/" + made.text("client_id")
	w.must(409, "POST", "/api/v2/clients", map[string]any{"name": "y", "client_aliases": []string{"one"}})
	w.must(400, "POST", "/api/v2/clients", map[string]any{"name": "y", "colour": "red"})
	for _, query := range []string{"", "?include_totals=true&page=0&per_page=2", "?take=1", "?is_global=false&app_type=spa,native", "?fields=client_id&include_fields=true"} {
		w.must(200, "GET", "/api/v2/clients"+query, nil)
	}
	next := w.must(200, "GET", "/api/v2/clients?take=1", nil).text("next")
	w.must(200, "GET", "/api/v2/clients?take=1&from="+url.QueryEscape(next), nil)
	w.must(400, "GET", "/api/v2/clients?take=101", nil)
	w.must(200, "GET", client, nil)
	w.must(200, "GET", client+"?fields=name&include_fields=false", nil)
	w.must(400, "GET", client+"?include_fields=perhaps", nil)
	w.must(200, "PATCH", client, map[string]any{"client_secret": "chosen", "token_quota": nil, "client_metadata": map[string]any{"a": "b", "c": nil}})
	w.must(400, "PATCH", client, map[string]any{})
	w.must(200, "POST", client+"/rotate-secret", nil)
	w.must(200, "PATCH", client, map[string]any{"token_endpoint_auth_method": "none"})
	w.must(400, "POST", client+"/rotate-secret", nil)
	for _, c := range []struct{ method, path string }{{"GET", ""}, {"PATCH", ""}, {"POST", "/rotate-secret"}} {
		body := map[string]any{"name": "z"}
		if c.method != "PATCH" {
			body = nil
		}
		w.must(404, c.method, "/api/v2/clients/nobody"+c.path, body)
	}
	w.must(204, "DELETE", client, nil)
	var global []struct {
		ID string `json:"client_id"`
	}
	if err := json.Unmarshal(w.must(200, "GET", "/api/v2/clients?is_global=true", nil).raw, &global); err != nil || len(global) != 1 {
		w.t.Fatalf("%v, %v", err, global)
	}
	w.must(400, "DELETE", "/api/v2/clients/"+global[0].ID, nil)
}

func driveCredentials(t *testing.T, w *world) {
	type body = map[string]any
	pems := recordedPEMs(t)
	inline := body{"private_key_jwt": body{"credentials": []any{keyBody(pems[0])}}}
	client := "/api/v2/clients/" + w.must(201, "POST", "/api/v2/clients", body{"name": "x", "client_authentication_methods": inline}).text("client_id")
	pool := client + "/credentials"
	cert, _ := certificateOf(t, testKey())
	key := w.must(201, "POST", pool, body{"credential_type": "public_key", "name": "one", "pem": pems[1], "alg": "PS256", "kid": "my_key-0001", "expires_at": "2099-01-01T00:00:00Z"}).text("id")
	x509 := w.must(201, "POST", pool, body{"credential_type": "x509_cert", "pem": cert}).text("id")
	name := w.must(201, "POST", pool, body{"credential_type": "cert_subject_dn", "subject_dn": "CN=x"}).text("id")
	w.must(400, "POST", pool, body{"credential_type": "public_key", "pem": pems[0]})
	w.must(404, "POST", "/api/v2/clients/nobody/credentials", keyBody(pems[0]))
	w.must(200, "GET", pool, nil)
	w.must(404, "GET", "/api/v2/clients/nobody/credentials", nil)
	w.must(200, "GET", pool+"/"+key, nil)
	w.must(404, "GET", pool+"/cred_x", nil)
	w.must(200, "PATCH", pool+"/"+key, body{"expires_at": nil})
	w.must(400, "PATCH", pool+"/"+key, body{"alg": "RS256"})
	w.must(404, "PATCH", pool+"/cred_x", body{"expires_at": nil})
	for method, id := range map[string]string{"private_key_jwt": key, "tls_client_auth": name, "self_signed_tls_client_auth": x509} {
		slot := body{method: body{"credentials": []any{body{"id": id}}}}
		shown := w.must(200, "PATCH", client, body{"client_authentication_methods": slot, "token_endpoint_auth_method": nil})
		if got := shown.body["client_authentication_methods"]; encoded(t, got) != encoded(t, slot) {
			t.Errorf("attached %v, shown %v", slot, got)
		}
		w.must(400, "DELETE", pool+"/"+id, nil)
		for other := range slotTypes {
			if other != method {
				w.must(400, "PATCH", client, body{"client_authentication_methods": body{other: slot[method]}})
			}
		}
	}
	w.must(200, "PATCH", client, body{"client_authentication_methods": nil, "token_endpoint_auth_method": "client_secret_post"})
	w.must(204, "DELETE", pool+"/"+key, nil)
}

func driveCIMD(_ *testing.T, w *world) {
	document := func(url string) map[string]any { return map[string]any{"external_client_id": url} }
	id := w.must(201, "POST", "/api/v2/clients/cimd/register", document(keyURL)).text("client_id")
	w.must(200, "POST", "/api/v2/clients/cimd/register", document(keyURL))
	w.must(400, "POST", "/api/v2/clients/cimd/register", document(keyURL+"x"))
	w.must(200, "POST", "/api/v2/clients/cimd/preview", document(keyURL))
	w.must(200, "POST", "/api/v2/clients/cimd/preview", document(keyURL+"x"))
	w.must(400, "POST", "/api/v2/clients/cimd/preview", document("ftp://x"))
	w.must(200, "GET", "/api/v2/clients?external_client_id="+url.QueryEscape(keyURL), nil)
	w.must(200, "PATCH", "/api/v2/clients/"+id, map[string]any{"description": "d"})
	w.must(200, "GET", "/api/v2/clients/"+id, nil)
}

func driveGrants(_ *testing.T, w *world) {
	id, _ := w.AddClient("machine")
	body := map[string]any{"client_id": id, "audience": orders, "scope": []string{"read:orders"}}
	grant := "/api/v2/client-grants/" + w.must(201, "POST", "/api/v2/client-grants", body).text("id")
	w.must(409, "POST", "/api/v2/client-grants", body)
	w.must(404, "POST", "/api/v2/client-grants", map[string]any{"client_id": id, "audience": "https://x/"})
	w.must(400, "POST", "/api/v2/client-grants", map[string]any{})
	w.must(201, "POST", "/api/v2/client-grants", map[string]any{"default_for": "third_party_clients", "audience": orders, "allow_all_scopes": true})
	for _, query := range []string{"", "?include_totals=true&per_page=1", "?take=1", "?client_id=" + id, "?default_for=third_party_clients", "?subject_type=client&allow_any_organization=false"} {
		w.must(200, "GET", "/api/v2/client-grants"+query, nil)
	}
	w.must(400, "GET", "/api/v2/client-grants?take=0", nil)
	w.must(200, "GET", grant, nil)
	w.must(404, "GET", grant+"x", nil)
	w.must(200, "PATCH", grant, map[string]any{"scope": nil})
	w.must(400, "PATCH", grant, map[string]any{"audience": orders})
	w.must(404, "PATCH", grant+"x", map[string]any{"scope": nil})
	w.must(204, "DELETE", grant, nil)
}

func driveTokens(t *testing.T, w *world) {
	id, secret := w.AddClient("machine")
	w.AddGrant(id, orders, "read:orders")
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}, "audience": {orders}}
	body := map[string]string{}
	for name := range form {
		body[name] = form.Get(name)
	}
	asJSON, err := w.send("POST", "/oauth/token", http.Header{"Content-Type": {"application/json"}}, encoded(t, body))
	if err != nil || asJSON.status != 200 {
		t.Errorf("%v, %d %s", err, asJSON.status, asJSON.raw)
	}
	for name, status := range map[string]int{"": 200, "grant_type": 400, "client_secret": 401, "audience": 403} {
		changed := url.Values{}
		for k, v := range form {
			if k != name {
				changed[k] = v
			}
		}
		if r := w.token(changed, nil); r.status != status {
			t.Errorf("without %q: %d %s", name, r.status, r.raw)
		}
	}
}

// driveRefusals has every operation refuse a stranger and somebody without a
// scope, and fail.
func driveRefusals(t *testing.T, w *world, d description) {
	none := w.as("read:nothing")
	for _, o := range d.Operations() {
		path := strings.NewReplacer("{id}", "x", "{client_id}", "x", "{credential_id}", "y").Replace(o.Path)
		if strings.HasPrefix(path, "/api/v2/") {
			stranger := *w
			stranger.bearer = "nonsense"
			stranger.must(401, o.Method, path, nil)
			none.must(403, o.Method, path, nil)
		}
		for _, status := range []int{429, 500} {
			w.SetMischief(func(int, *http.Request) Fault { return Fault{Status: status} })
			if slices.Contains(o.Statuses, status) {
				w.must(status, o.Method, path, nil)
			}
		}
		w.SetMischief(nil)
	}
}

// TestRoutesAreDescribed has every operation of the description served, and
// every route described but those that show what is not the tenant's API.
func TestRoutesAreDescribed(t *testing.T) {
	d := readDescription(t)
	beside := []string{"discovery", "metadata", "jwks", "rules", "settings", "settings-update", "api-list", "api-get"}
	found := map[string]bool{}
	for _, rt := range routes {
		path := strings.NewReplacer("{id}", "x", "{credential}", "y").Replace(rt.template)
		r, err := http.NewRequest(rt.method, "https://example.com"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		o, described := d.Find(r)
		if described == slices.Contains(beside, rt.name) {
			t.Errorf("%s: described: %v", rt.name, described)
		}
		found[o.ID] = true
	}
	for _, o := range d.Operations() {
		if !found[o.ID] {
			t.Errorf("%s is not served", o.ID)
		}
	}
}

// TestRecordingsFollowTheDescription holds what a real tenant said against the
// description, so that the two cannot part.
func TestRecordingsFollowTheDescription(t *testing.T) {
	d := readDescription(t)
	files, err := filepath.Glob("testdata/recordings/*.json")
	if err != nil || len(files) < 7 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var talk []struct {
			Request struct {
				Method, Path string
				Body         json.RawMessage
			}
			Response struct {
				Status int
				Body   json.RawMessage
			}
		}
		if err := json.Unmarshal(raw, &talk); err != nil {
			t.Fatal(err)
		}
		for i, x := range talk {
			r, err := http.NewRequest(x.Request.Method, "https://example.com"+x.Request.Path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			e := openapi.Exchange{Request: r, Sent: unlessNull(x.Request.Body), Status: x.Response.Status, Body: unlessNull(x.Response.Body),
				Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}}
			if e.Status >= 400 || strings.HasSuffix(x.Request.Path, "/cimd/register") {
				continue // the recorder replaced the bodies of errors, and kept the id alone of a registration
			}
			o, err := d.Check(e)
			if err != nil {
				t.Errorf("%s, %d: %v", filepath.Base(file), i, err)
			}
			seen[o.ID] = true
		}
	}
	if len(seen) < 7 {
		t.Errorf("only %d operations were recorded: %v", len(seen), seen)
	}
}

func unlessNull(raw json.RawMessage) []byte {
	if string(raw) == "null" {
		return nil
	}
	return raw
}
