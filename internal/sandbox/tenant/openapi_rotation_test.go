package tenant

import (
	"encoding/json"
	"testing"
)

// TestRotationFollowsTheDescription holds both sides of every request that a
// rotation makes against the description.
func TestRotationFollowsTheDescription(t *testing.T) {
	d := readDescription(t)
	w := open(t, Options{})
	pems := recordedPEMs(t)
	id, _ := w.AddManagementClient("read:clients")
	client := "/api/v2/clients/" + id
	pool := client + "/credentials"
	// do sends a body that follows schema in, and wants an answer that follows
	// schema out; either may be empty, for no body.
	do := func(method, path, in string, body any, status int, out string) result {
		t.Helper()
		if in != "" {
			if err := d.validate(t, in, []byte(encoded(t, body))); err != nil {
				t.Errorf("%s %s: the request: %v", method, path, err)
			}
		}
		r := w.call(method, path, body)
		if r.status != status {
			t.Fatalf("%s %s: %d %s", method, path, r.status, r.raw)
		}
		if out == "" && len(r.raw) > 0 {
			t.Errorf("%s %s: an answer without a body has one: %s", method, path, r.raw)
		}
		if out != "" {
			if err := d.validate(t, out, r.raw); err != nil {
				t.Errorf("%s %s: the answer: %v\n%s", method, path, err, r.raw)
			}
		}
		return r
	}
	type body = map[string]any
	do("PATCH", client, "ClientUpdate", body{"client_secret": "chosen"}, 200, "Client")
	do("POST", client+"/rotate-secret", "", nil, 200, "Client")
	key := do("POST", pool, "CredentialCreate", body{"credential_type": "public_key", "name": "one", "pem": pems[0], "alg": "PS256",
		"kid": "my_key-0001", "expires_at": "2099-01-01T00:00:00Z"}, 201, "Credential").text("id")
	other := do("POST", pool, "CredentialCreate", keyBody(pems[1]), 201, "Credential").text("id")
	cert, _ := certificateOf(t, testKey())
	do("POST", pool, "CredentialCreate", body{"credential_type": "x509_cert", "pem": cert}, 201, "Credential")
	name := do("POST", pool, "CredentialCreate", body{"credential_type": "cert_subject_dn", "subject_dn": "CN=x"}, 201, "Credential").text("id")
	do("POST", pool, "CredentialCreate", keyBody(publicPEM(t, &testKey().PublicKey)), 400, "ManagementError")
	do("GET", pool+"/"+key, "", nil, 200, "Credential")
	do("PATCH", pool+"/"+key, "CredentialUpdate", body{"expires_at": nil}, 200, "Credential")
	do("PATCH", pool+"/"+key, "", body{"alg": "RS256"}, 400, "ManagementError")
	do("GET", pool+"/cred_unknown", "", nil, 404, "ManagementError")
	do("PATCH", client, "ClientUpdate", body{"token_endpoint_auth_method": nil, "client_authentication_methods": oneKey(key, other)}, 200, "Client")
	do("GET", client, "", nil, 200, "Client")
	do("POST", client+"/rotate-secret", "", nil, 400, "ManagementError")
	do("DELETE", pool+"/"+key, "", nil, 400, "ManagementError")
	do("PATCH", client, "ClientUpdate", body{"client_authentication_methods": oneKey()}, 200, "Client")
	do("PATCH", client, "ClientUpdate", body{"token_endpoint_auth_method": "client_secret_basic", "client_authentication_methods": nil}, 200, "Client")
	for secret, status := range map[string]int{"wrong": 401, w.call("GET", client, nil).text("client_secret"): 403} {
		if err := w.SetGrantTypes(id, "authorization_code"); err != nil {
			t.Fatal(err)
		}
		r := w.token(map[string][]string{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}, "audience": {w.Audience()}}, nil)
		if err := d.validate(t, "OAuthError", r.raw); err != nil || r.status != status {
			t.Errorf("login: %d, want %d, %v: %s", r.status, status, err, r.raw)
		}
	}
	do("DELETE", pool+"/"+name, "", nil, 204, "")
	do("DELETE", client, "", nil, 204, "")
}

// TestCredentialListFollowsTheDescription has a record of each type.
func TestCredentialListFollowsTheDescription(t *testing.T) {
	d := readDescription(t)
	w := open(t, Options{})
	id, _ := w.AddClient("x")
	pool := "/api/v2/clients/" + id + "/credentials"
	cert, _ := certificateOf(t, testKey())
	for _, body := range []map[string]any{keyBody(cert), {"credential_type": "x509_cert", "pem": cert}, {"credential_type": "cert_subject_dn", "pem": cert}} {
		if r := w.call("POST", pool, body); r.status != 201 {
			t.Fatalf("%d %s", r.status, r.raw)
		}
	}
	r := w.call("GET", pool+"?include_totals=true&per_page=50", nil)
	var records []json.RawMessage
	if err := json.Unmarshal(r.raw, &records); err != nil || len(records) != 3 {
		t.Fatalf("%v: %s", err, r.raw)
	}
	for i, record := range records {
		if err := d.validate(t, "Credential", record); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if d.validate(t, "Credential", []byte(`{"id": 7}`)) == nil {
		t.Error("the description accepts anything")
	}
}
