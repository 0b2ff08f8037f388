package tenant

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAuthentication(t *testing.T) {
	now := time.Now()
	w := open(t, Options{Now: func() time.Time { return now }})
	w.AddAPI("https://api.example.org/")
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	forger, err := newSigner(stranger)
	if err != nil {
		t.Fatal(err)
	}
	good := accessClaims{Issuer: issuerOf(w.Domain()), Audience: w.Audience(), Expires: now.Unix() + 60, Party: w.id, Scope: "read:clients"}
	with := func(s *signer, change func(*accessClaims)) string {
		c := good
		change(&c)
		token, err := s.issue(c)
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + token
	}
	tests := map[string]struct {
		header  string
		status  int
		message string
	}{
		"good":           {with(w.signer, func(*accessClaims) {}), 200, ""},
		"none":           {"", 401, "Missing authentication"},
		"one word":       {"Bearer", 400, "Bad HTTP authentication header format"},
		"three words":    {"Bearer a b", 400, "Bad HTTP authentication header format"},
		"basic":          {"Basic eDp5", 401, "Missing authentication"},
		"no JWT":         {"Bearer nonsense", 401, "Invalid token"},
		"expired":        {with(w.signer, func(c *accessClaims) { c.Expires = now.Unix() }), 401, "Expired token received for JSON Web Token validation"},
		"forged":         {with(forger, func(*accessClaims) {}), 401, "Invalid signature received for JSON Web Token validation"},
		"other audience": {with(w.signer, func(c *accessClaims) { c.Audience = "https://api.example.org/" }), 401, "Invalid token"},
		"other issuer":   {with(w.signer, func(c *accessClaims) { c.Issuer = "https://elsewhere/" }), 401, "Invalid token"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			if test.header != "" {
				h.Set("Authorization", test.header)
			}
			r, err := w.send("GET", "/api/v2/clients", h, "")
			if err != nil || r.status != test.status || r.text("message") != test.message {
				t.Errorf("%v, %d %s", err, r.status, r.raw)
			}
			attributes, _ := r.body["attributes"].(map[string]any)
			if jwtLayer := test.status == 401 && test.message != "Missing authentication"; jwtLayer && attributes["error"] != test.message {
				t.Errorf("attributes: %s", r.raw)
			}
		})
	}
}

// TestScopeBeforeValidation sends bodies that are wrong, too.
func TestScopeBeforeValidation(t *testing.T) {
	w := open(t, Options{CIMD: true})
	none := w.as("read:nothing")
	none.want(none.call("POST", "/api/v2/clients", "{"), 403, "insufficient_scope", "Insufficient scope, expected any of: create:clients")
	none.want(none.call("GET", "/api/v2/clients?page=x", nil), 403, "insufficient_scope",
		"Insufficient scope, expected any of: read:clients, read:client_keys, read:client_credentials, read:client_summary")
	none.want(none.call("POST", "/api/v2/clients/x/credentials", "{}"), 403, "insufficient_scope", "Insufficient scope, expected any of: create:client_credentials")
	none.want(none.call("POST", "/api/v2/clients/x/rotate-secret", nil), 403, "insufficient_scope", "Insufficient scope, expected any of: update:client_keys")
	none.want(none.call("POST", "/api/v2/clients/cimd/preview", "{"), 403, "insufficient_scope", "Insufficient scope, expected any of: read:clients, create:clients, update:clients")
	none.want(none.call("GET", "/api/v2/nonsense", nil), 404, "", "Not Found")
}

func TestClosedSchemas(t *testing.T) {
	w := open(t, Options{CIMD: true})
	id, _ := w.AddClient("x")
	payload := func(s string) string { return "Payload validation error: " + s + "." }
	tests := map[string]struct {
		method, path string
		body         any
		message      string
	}{
		"unknown property":  {"POST", "/api/v2/clients", map[string]any{"name": "x", "foo": 1}, payload("'Additional properties not allowed: foo'")},
		"secret on create":  {"POST", "/api/v2/clients", map[string]any{"name": "x", "client_secret": "s"}, payload("'Additional properties not allowed: client_secret'")},
		"missing name":      {"POST", "/api/v2/clients", map[string]any{}, payload("'Missing required property: name'")},
		"wrong type":        {"POST", "/api/v2/clients", map[string]any{"name": 7}, payload("'Expected type string but found type integer' on property name")},
		"markup":            {"POST", "/api/v2/clients", map[string]any{"name": "<b>"}, payload("'String does not match pattern ^[^<>]+$: <b>' on property name")},
		"long description":  {"POST", "/api/v2/clients", map[string]any{"name": "x", "description": strings.Repeat("ü", 141)}, payload("'String is too long (141 chars), maximum 140' on property description")},
		"unknown app_type":  {"POST", "/api/v2/clients", map[string]any{"name": "x", "app_type": "app"}, payload(`'No enum match for: "app"' on property app_type`)},
		"nested unknown":    {"POST", "/api/v2/clients", map[string]any{"name": "x", "refresh_token": map[string]any{"rotation_type": "rotating", "expiration_type": "expiring", "x": 1}}, payload("'Additional properties not allowed: x' on property refresh_token")},
		"fraction":          {"POST", "/api/v2/clients", map[string]any{"name": "x", "par_request_expiry": 10.5}, payload("'Expected type integer but found type number' on property par_request_expiry")},
		"too small":         {"POST", "/api/v2/clients", map[string]any{"name": "x", "par_request_expiry": 9}, payload("'Value 9 is less than minimum 10' on property par_request_expiry")},
		"two methods":       {"PATCH", "/api/v2/clients/" + id, map[string]any{"client_authentication_methods": map[string]any{"private_key_jwt": map[string]any{"credentials": []any{}}, "tls_client_auth": map[string]any{"credentials": []any{}}}}, payload("'Too many properties defined (2), maximum 1' on property client_authentication_methods")},
		"full record":       {"PATCH", "/api/v2/clients/" + id, map[string]any{"client_authentication_methods": map[string]any{"private_key_jwt": map[string]any{"credentials": []any{map[string]any{"id": "x", "pem": "y"}}}}}, payload("'Additional properties not allowed: pem' on property client_authentication_methods.private_key_jwt.credentials[0]")},
		"empty patch":       {"PATCH", "/api/v2/clients/" + id, map[string]any{}, payload("'Too few properties defined (0), minimum 1'")},
		"null create field": {"POST", "/api/v2/clients", map[string]any{"name": "x", "token_quota": nil}, payload("'Expected type object but found type null' on property token_quota")},
		"register":          {"POST", "/api/v2/clients/cimd/register", map[string]any{"external_client_id": "https://a.example/c", "force": true}, payload("'Additional properties not allowed: force'")},
		"credential":        {"POST", "/api/v2/clients/" + id + "/credentials", map[string]any{"credential_type": "public_key", "kid": "short"}, payload("'String is too short (5 chars), minimum 10' on property kid")},
		"expiry":            {"POST", "/api/v2/clients/" + id + "/credentials", map[string]any{"credential_type": "public_key", "expires_at": "tomorrow"}, payload("'Object didn't pass validation for format date-time: tomorrow' on property expires_at")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w.want(w.call(test.method, test.path, test.body), 400, "invalid_body", test.message)
		})
	}
	w.want(w.call("POST", "/api/v2/clients", "{"), 400, "", "Invalid request payload JSON format")
	w.want(w.call("POST", "/api/v2/clients", `{"name":"x"} {}`), 400, "", "Invalid request payload JSON format")
	if r := w.call("POST", "/api/v2/clients", `{"name":"`+strings.Repeat("x", maxBody)+`"}`); r.status != 413 {
		t.Errorf("a body over the limit: %d", r.status)
	}
}

func TestFieldVisibility(t *testing.T) {
	w := open(t, Options{})
	id := w.call("POST", "/api/v2/clients", map[string]any{"name": "x", "description": "d", "app_type": "spa"}).text("client_id")
	tests := map[string]struct {
		scope         string
		sees, seesNot []string
	}{
		"summary":     {"read:client_summary", []string{"client_id", "name", "description", "app_type"}, []string{"tenant", "callbacks", "grant_types", "client_secret"}},
		"clients":     {"read:clients", []string{"client_id", "tenant", "grant_types", "jwt_configuration"}, []string{"client_secret"}},
		"keys":        {"read:client_keys", []string{"client_secret", "grant_types"}, nil},
		"credentials": {"read:client_credentials", []string{"client_secret", "name"}, []string{"grant_types", "tenant"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := w.as(test.scope).get(id)
			for _, field := range test.sees {
				if got[field] == nil {
					t.Errorf("%s is not shown", field)
				}
			}
			for _, field := range test.seesNot {
				if got[field] != nil {
					t.Errorf("%s is shown", field)
				}
			}
		})
	}
	reader := w.as("read:clients")
	for _, path := range []string{"/api/v2/clients", "/api/v2/clients/" + id} {
		reader.want(reader.call("GET", path+"?fields=client_id,client_secret", nil), 403, "insufficient_scope", "You cannot read the following fields: client_secret")
	}
	got := reader.call("GET", "/api/v2/clients/"+id+"?fields=client_id,callbacks&include_fields=true", nil)
	if diff := cmp.Diff(map[string]any{"client_id": id}, got.body); diff != "" {
		t.Errorf("fields: %s", diff)
	}
	if got := reader.call("GET", "/api/v2/clients/"+id+"?fields=name&include_fields=false", nil); got.body["name"] != nil || got.body["client_id"] != id {
		t.Errorf("excluded fields: %s", got.raw)
	}
}

func TestPatchMerges(t *testing.T) {
	w := open(t, Options{})
	made := w.call("POST", "/api/v2/clients", map[string]any{"name": "x", "callbacks": []string{"https://a.example/1", "https://a.example/2"},
		"client_metadata": map[string]any{"keep": "1", "drop": "2"}, "description": "d", "cross_origin_loc": "https://l"})
	id := made.text("client_id")
	w.call("PATCH", "/api/v2/clients/"+id, map[string]any{
		"jwt_configuration": map[string]any{"alg": "RS256"}, "callbacks": []string{"https://a.example/3"},
		"client_metadata": map[string]any{"drop": nil, "new": "3"}, "cross_origin_loc": nil})
	got := w.get(id)
	want := map[string]any{
		"jwt_configuration": map[string]any{"alg": "RS256", "lifetime_in_seconds": 36000.0, "secret_encoded": false},
		"callbacks":         []any{"https://a.example/3"}, "client_metadata": map[string]any{"keep": "1", "new": "3"}, "description": "d",
	}
	for name, value := range want {
		if diff := cmp.Diff(value, got[name]); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	if _, there := got["cross_origin_loc"]; there {
		t.Error("null did not clear cross_origin_loc")
	}
	w.want(w.call("PATCH", "/api/v2/clients/nobody", map[string]any{"name": "y"}), 404, "inexistent_client", "The client does not exist")
}

func TestPatchScopesPerField(t *testing.T) {
	w := open(t, Options{})
	id, _ := w.AddClient("x")
	path := "/api/v2/clients/" + id
	w.as("update:clients").want(w.as("update:clients").call("PATCH", path, map[string]any{"client_secret": "s"}), 403, "insufficient_scope", "You cannot update the following fields: client_secret")
	keys := w.as("update:client_keys")
	if r := keys.call("PATCH", path, map[string]any{"client_secret": "chosen"}); r.status != 200 || r.text("client_secret") != "chosen" {
		t.Errorf("%d %s", r.status, r.raw)
	}
	keys.want(keys.call("PATCH", path, map[string]any{"name": "y"}), 403, "insufficient_scope", "You cannot update the following fields: name")
	if r := w.as("update:clients").call("PATCH", path, map[string]any{"name": "y"}); r.status != 200 || r.body["client_secret"] != nil {
		t.Errorf("%d %s", r.status, r.raw)
	}
}

func TestCIMDClientsAreHardlyEditable(t *testing.T) {
	docs := &documents{}
	docs.put(t, codeURL, codeDocument())
	w := open(t, Options{CIMD: true, Fetcher: docs})
	path := "/api/v2/clients/" + w.register(codeURL).text("client_id")
	for name, body := range map[string]map[string]any{
		"name": {"name": "x"}, "callbacks": {"callbacks": []string{}}, "method": {"token_endpoint_auth_method": "none"},
		"conformance": {"oidc_conformant": false}, "grants": {"grant_types": []string{"client_credentials"}},
	} {
		if r := w.call("PATCH", path, body); r.status != 400 {
			t.Errorf("%s: %d %s", name, r.status, r.raw)
		}
	}
	if r := w.call("PATCH", path, map[string]any{"jwt_configuration": map[string]any{"lifetime_in_seconds": 60}, "oidc_conformant": true}); r.status != 200 {
		t.Errorf("%d %s", r.status, r.raw)
	}
}

func TestDeleteIsIdempotent(t *testing.T) {
	w := open(t, Options{Quirks: Quirks{GlobalClient: true}})
	id, _ := w.AddClient("x")
	for range 2 {
		if r := w.call("DELETE", "/api/v2/clients/"+id, nil); r.status != 204 || len(r.raw) > 0 {
			t.Errorf("%d %s", r.status, r.raw)
		}
	}
	w.want(w.call("GET", "/api/v2/clients/"+id, nil), 404, "inexistent_client", "The client does not exist")
	w.want(w.call("DELETE", "/api/v2/clients/"+w.Clients()[0].ID, nil), 400, "", "Global client cannot be deleted.")
}

func TestSettingsAndRules(t *testing.T) {
	w := open(t, Options{CIMD: true, Rules: []string{"greet"}})
	if r := w.call("GET", "/api/v2/tenants/settings", nil); r.body["client_id_metadata_document_supported"] != true {
		t.Errorf("%s", r.raw)
	}
	if r := w.call("GET", "/api/v2/rules", nil); !strings.Contains(string(r.raw), `"name":"greet"`) {
		t.Errorf("%s", r.raw)
	}
	if r := open(t, Options{}).call("GET", "/api/v2/rules", nil); string(r.raw) != "[]" {
		t.Errorf("%s", r.raw)
	}
}
