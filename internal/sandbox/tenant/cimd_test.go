package tenant

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const codeURL = "https://vscode.dev/oauth/client-metadata.json"

// codeDocument is Visual Studio Code's, as it was published in 2026.
func codeDocument() map[string]any {
	return map[string]any{
		"client_id": codeURL, "client_name": "Visual Studio Code", "client_uri": "https://vscode.dev/product",
		"logo_uri": "https://code.visualstudio.com/assets/branding/code-stable.png", "application_type": "native",
		"grant_types":    []string{"authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"},
		"response_types": []string{"code"}, "redirect_uris": []string{"http://127.0.0.1:33418/", "https://vscode.dev/redirect"},
		"token_endpoint_auth_method": "none",
	}
}

func (w *world) register(url string) result {
	w.t.Helper()
	return w.call("POST", "/api/v2/clients/cimd/register", map[string]any{"external_client_id": url})
}

func (w *world) preview(url string) result {
	w.t.Helper()
	return w.call("POST", "/api/v2/clients/cimd/preview", map[string]any{"external_client_id": url})
}

func (w *world) get(id string) map[string]any {
	w.t.Helper()
	r := w.call("GET", "/api/v2/clients/"+id, nil)
	if r.status != 200 {
		w.t.Fatalf("get: %d %s", r.status, r.raw)
	}
	return r.body
}

func TestRegisterMapsTheDocument(t *testing.T) {
	docs := &documents{}
	docs.put(t, codeURL, codeDocument())
	w := open(t, Options{CIMD: true, Fetcher: docs})
	if got := w.preview(codeURL); got.status != 200 || got.body["client_id"] != nil {
		t.Errorf("preview of an unknown client: %d %s", got.status, got.raw)
	}
	r := w.register(codeURL)
	want := map[string]any{
		"external_client_id": codeURL, "name": "Visual Studio Code", "app_type": "native",
		"callbacks":   []any{"http://127.0.0.1:33418/", "https://vscode.dev/redirect"},
		"logo_uri":    "https://code.visualstudio.com/assets/branding/code-stable.png",
		"grant_types": []any{"authorization_code", "refresh_token"}, "token_endpoint_auth_method": "none",
	}
	if diff := cmp.Diff(want, r.body["mapped_fields"]); r.status != 201 || diff != "" {
		t.Errorf("%d, mapped_fields, want (-), got (+):\n%s", r.status, diff)
	}
	v := r.body["validation"].(map[string]any)
	const ignoring = "Ignoring unsupported properties: client_uri. These properties are not validated or mapped to the Auth0 client configuration."
	if v["valid"] != true || len(v["violations"].([]any)) != 0 || !slices.Contains(v["warnings"].([]any), any(ignoring)) {
		t.Errorf("validation: %v", v)
	}
	id := r.text("client_id")
	if !strings.HasPrefix(id, "tpc_") || len(id) != 26 {
		t.Errorf("client_id %q", id)
	}
	for name, value := range want {
		if diff := cmp.Diff(value, w.get(id)[name]); diff != "" {
			t.Errorf("%s of the client:\n%s", name, diff)
		}
	}
	if got := w.preview(codeURL); got.body["client_id"] != id {
		t.Errorf("preview of a known client: %s", got.raw)
	}
	if got := w.Writes(codeURL); got != (Writes{Created: 1}) {
		t.Errorf("writes: %+v", got)
	}
}

func TestRefreshOverwritesWhatIsMapped(t *testing.T) {
	docs := &documents{}
	docs.put(t, codeURL, codeDocument())
	w := open(t, Options{CIMD: true, Fetcher: docs})
	id := w.register(codeURL).text("client_id")
	patched := w.call("PATCH", "/api/v2/clients/"+id, map[string]any{
		"app_type": "spa", "grant_types": []string{"authorization_code"}, "description": "by hand",
		"client_metadata": map[string]any{"team": "x"}})
	if patched.status != 200 || patched.body["external_client_id"] != nil || patched.body["external_metadata_type"] != nil {
		t.Errorf("PATCH: %d %s", patched.status, patched.raw)
	}
	if got := w.get(id); got["external_client_id"] != codeURL || got["app_type"] != "spa" {
		t.Errorf("after PATCH: %v", got)
	}
	doc := codeDocument()
	delete(doc, "logo_uri")
	docs.put(t, codeURL, doc)
	if r := w.register(codeURL); r.status != 200 || r.text("client_id") != id {
		t.Errorf("second register: %d %s", r.status, r.raw)
	}
	got := w.get(id)
	if got["app_type"] != "native" || len(got["grant_types"].([]any)) != 2 || got["logo_uri"] != nil {
		t.Errorf("the refresh did not overwrite: %v", got)
	}
	if got["description"] != "by hand" || got["client_metadata"] == nil {
		t.Errorf("the refresh undid what it should leave alone: %v", got)
	}
	w.register(codeURL)
	if got := w.Writes(codeURL); got != (Writes{Created: 1, Changed: 1, Unchanged: 1}) {
		t.Errorf("writes: %+v", got)
	}
	w.call("DELETE", "/api/v2/clients/"+id, nil)
	if got := w.Writes(codeURL); got.Deleted != 1 {
		t.Errorf("writes after delete: %+v", got)
	}
	if _, found := w.FindByExternalID(codeURL); found {
		t.Error("the deleted client can be found")
	}
}

// TestBadDocuments has what must not become a client, and in which of the two
// ways register and preview say so.
func TestBadDocuments(t *testing.T) {
	const url = "https://client.example.com/oauth/client.json"
	change := func(name string, value any) map[string]any {
		doc := map[string]any{"client_id": url, "client_name": "Example", "redirect_uris": []string{"https://client.example.com/cb"},
			"grant_types": []string{"authorization_code"}}
		if doc[name] = value; value == nil {
			delete(doc, name)
		}
		return doc
	}
	tests := map[string]struct {
		document any
		unread   bool
	}{
		"other client_id":      {change("client_id", url+"/"), false},
		"no client_name":       {change("client_name", nil), false},
		"no redirect_uris":     {change("redirect_uris", nil), false},
		"no grant_types":       {change("grant_types", nil), false},
		"grants we cannot use": {change("grant_types", []string{"implicit"}), false},
		"shared secret":        {change("token_endpoint_auth_method", "client_secret_post"), false},
		"inline jwks":          {change("jwks", map[string]any{"keys": []any{}}), false},
		"long description":     {change("description", strings.Repeat("x", 141)), false},
		"unknown type":         {change("application_type", "service"), false},
		"http redirect":        {change("redirect_uris", []string{"http://client.example.com/cb"}), false},
		"jwks_uri of other origin": {map[string]any{"client_id": url, "client_name": "Example", "redirect_uris": []string{"https://client.example.com/cb"},
			"grant_types": []string{"authorization_code"}, "token_endpoint_auth_method": "private_key_jwt",
			"jwks_uri": "https://keys.example.org/jwks.json"}, false},
		"not JSON":      {"<html></html>", true},
		"not an object": {"[]", true},
		"too large":     {change("client_uri", strings.Repeat("x", 6000)), true},
		"not there":     {nil, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			docs := &documents{}
			if test.document != nil {
				docs.put(t, url, test.document)
			}
			w := open(t, Options{CIMD: true, Fetcher: docs, Quirks: Quirks{ViolationsIn400: true}})
			message := fmt.Sprintf("The Client Metadata document at %s cannot be applied.", url)
			if test.unread {
				message = fmt.Sprintf("The Client Metadata at %s could not be retrieved.", url)
			}
			r := w.register(url)
			w.want(r, 400, "", message)
			if violations, _ := r.body["violations"].([]any); (len(violations) == 0) != test.unread {
				t.Errorf("register: %s", r.raw)
			}
			checkBadPreview(t, w.preview(url), test.unread)
			if _, found := w.FindByExternalID(url); found || w.Counts().Applied > 0 {
				t.Error("something was written")
			}
		})
	}
}

func checkBadPreview(t *testing.T, p result, unread bool) {
	t.Helper()
	v, _ := p.body["validation"].(map[string]any)
	errs, _ := p.body["errors"].([]any)
	switch {
	case p.status != 200:
		t.Errorf("preview: %d %s", p.status, p.raw)
	case unread && (v != nil || len(errs) == 0 || p.body["mapped_fields"] != nil):
		t.Errorf("preview of an unreadable document: %s", p.raw)
	case !unread && (len(errs) > 0 || v["valid"] != false || len(v["violations"].([]any)) == 0):
		t.Errorf("preview of a bad document: %s", p.raw)
	}
}

func TestQuirkUnreadableIsViolation(t *testing.T) {
	docs := &documents{}
	docs.put(t, codeURL, "no JSON")
	w := open(t, Options{CIMD: true, Fetcher: docs, Quirks: Quirks{UnreadableIsViolation: true}})
	w.want(w.register(codeURL), 400, "", "The Client Metadata document at "+codeURL+" cannot be applied.")
	checkBadPreview(t, w.preview(codeURL), false)
}

func TestRegisterRefusesURLs(t *testing.T) {
	w := open(t, Options{CIMD: true, Fetcher: &documents{}})
	for name, url := range map[string]string{
		"http": "http://a.example/c", "query": "https://a.example/c?x=1", "fragment": "https://a.example/c#x",
		"loopback": "https://127.0.0.1/c", "localhost": "https://localhost/c", "root": "https://a.example/",
		"dots": "https://a.example/x/%2e%2e/c", "user": "https://me@a.example/c", "long": "https://a.example/" + strings.Repeat("x", 120),
		"port 0": "https://a.example:0/c", "space": " https://a.example/c",
	} {
		for _, path := range []string{"register", "preview"} {
			r := w.call("POST", "/api/v2/clients/cimd/"+path, map[string]any{"external_client_id": url})
			if r.status != 400 || r.text("errorCode") != "invalid_body" {
				t.Errorf("%s: %s %q = %d %s", name, path, url, r.status, r.raw)
			}
		}
	}
}

func TestRegisterNeedsTheRightScope(t *testing.T) {
	docs := &documents{}
	docs.put(t, codeURL, codeDocument())
	w := open(t, Options{CIMD: true, Fetcher: docs})
	creator, updater, reader := w.as("create:clients"), w.as("update:clients"), w.as("read:clients")
	w.want(reader.register(codeURL), 403, "insufficient_scope", "Insufficient scope, expected any of: create:clients, update:clients")
	w.want(updater.register(codeURL), 403, "insufficient_scope", "Insufficient scope, expected any of: create:clients")
	if r := creator.register(codeURL); r.status != 201 {
		t.Errorf("creator: %d %s", r.status, r.raw)
	}
	w.want(creator.register(codeURL), 403, "insufficient_scope", "Insufficient scope, expected any of: update:clients")
	if r := updater.register(codeURL); r.status != 200 {
		t.Errorf("updater: %d %s", r.status, r.raw)
	}
	if r := reader.preview(codeURL); r.status != 200 {
		t.Errorf("preview with read:clients: %d %s", r.status, r.raw)
	}
}

func TestTenantFlag(t *testing.T) {
	docs := &documents{}
	docs.put(t, codeURL, codeDocument())
	w := open(t, Options{Fetcher: docs})
	if r := w.register(codeURL); r.status != 400 || r.text("errorCode") != "operation_not_supported" {
		t.Errorf("flag off: %d %s", r.status, r.raw)
	}
	r := w.call("PATCH", "/api/v2/tenants/settings", map[string]any{"client_id_metadata_document_supported": true})
	if r.status != 200 || r.body["client_id_metadata_document_supported"] != true {
		t.Errorf("PATCH settings: %d %s", r.status, r.raw)
	}
	meta := w.call("GET", "/.well-known/oauth-authorization-server", nil)
	if meta.body["client_id_metadata_document_supported"] != true || meta.text("issuer") != "https://"+w.Domain()+"/" {
		t.Errorf("metadata: %s", meta.raw)
	}
	if r := w.register(codeURL); r.status != 201 {
		t.Errorf("flag on: %d %s", r.status, r.raw)
	}
}

func TestEntityLimit(t *testing.T) {
	docs := &documents{}
	docs.put(t, codeURL, codeDocument())
	plan := plans["unlimited"]
	plan.Entities = 2
	w := open(t, Options{Plan: plan, CIMD: true, Fetcher: docs})
	if r := w.call("POST", "/api/v2/clients", map[string]any{"name": "second"}); r.status != 201 {
		t.Fatalf("%d %s", r.status, r.raw)
	}
	const message = "You reached the limit of entities of this type for this tenant."
	w.want(w.call("POST", "/api/v2/clients", map[string]any{"name": "third"}), 403, "too_many_entities", message)
	w.want(w.register(codeURL), 403, "too_many_entities", message)
}

// TestConcurrentRegistersOfOneURL runs the race that two deliveries of one
// message are.
func TestConcurrentRegistersOfOneURL(t *testing.T) {
	docs := &documents{}
	docs.put(t, codeURL, codeDocument())
	w := open(t, Options{CIMD: true, Fetcher: docs})
	const n = 20
	statuses := make([]int, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			r, err := w.send("POST", "/api/v2/clients/cimd/register", w.auth(), `{"external_client_id":"`+codeURL+`"}`)
			if err == nil {
				statuses[i] = r.status
			}
		})
	}
	wg.Wait()
	slices.Sort(statuses)
	if statuses[0] != http.StatusOK || statuses[n-2] != http.StatusOK || statuses[n-1] != http.StatusCreated {
		t.Errorf("statuses: %v", statuses)
	}
	if got := w.Writes(codeURL); got != (Writes{Created: 1, Unchanged: n - 1}) || len(w.Clients()) != 2 {
		t.Errorf("writes: %+v, %d clients", got, len(w.Clients()))
	}
	if v := w.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
}
