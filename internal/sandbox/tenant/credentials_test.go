package tenant

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
)

// recordedPEMs are two public keys of 4096 bits from the recordings.
func recordedPEMs(t *testing.T) [2]string {
	t.Helper()
	raw, err := os.ReadFile("testdata/recordings/Client_CreateCredential.json")
	if err != nil {
		t.Fatal(err)
	}
	var talk []exchange
	if err := json.Unmarshal(raw, &talk); err != nil {
		t.Fatal(err)
	}
	methods := talk[0].Request.Body["client_authentication_methods"].(map[string]any)
	inline := methods["private_key_jwt"].(map[string]any)["credentials"].([]any)[0].(map[string]any)
	return [2]string{inline["pem"].(string), talk[1].Request.Body["pem"].(string)}
}

func keyBody(pem string) map[string]any {
	return map[string]any{"credential_type": "public_key", "pem": pem}
}

// TestKeyRotation is the life of a key: create, attach, detach, delete.
func TestKeyRotation(t *testing.T) {
	w := open(t, Options{})
	pems := recordedPEMs(t)
	id, _ := w.AddClient("x")
	client, pool := "/api/v2/clients/"+id, "/api/v2/clients/"+id+"/credentials"
	first := w.call("POST", pool, keyBody(pems[0]))
	second := w.call("POST", pool, keyBody(pems[1]))
	if first.status != 201 || second.status != 201 || first.text("kid") != "4e7yYf0TKdyTLbVnpq2wLN6mZ8t7eb9UJkMksyHj9iU" {
		t.Fatalf("%s, %s", first.raw, second.raw)
	}
	w.want(w.call("POST", pool, keyBody(pems[0])), 400, "", "credentials contains public keys that already exist in client")
	attach := func(ids ...string) result {
		refs := []any{}
		for _, id := range ids {
			refs = append(refs, map[string]any{"id": id})
		}
		return w.call("PATCH", client, map[string]any{"token_endpoint_auth_method": nil,
			"client_authentication_methods": map[string]any{"private_key_jwt": map[string]any{"credentials": refs}}})
	}
	a, b := first.text("id"), second.text("id")
	if r := attach(a, b); r.status != 200 || r.body["client_secret"] != nil {
		t.Fatalf("%d %s", r.status, r.raw)
	}
	if r := attach(a, b, a); r.status != 400 || !strings.Contains(r.text("message"), "Array is too long (3), maximum 2") {
		t.Errorf("three: %d %s", r.status, r.raw)
	}
	if r := attach("cred_unknown"); r.status != 400 {
		t.Errorf("unknown: %d %s", r.status, r.raw)
	}
	w.want(w.call("POST", client+"/rotate-secret", nil), 400, "", "The secret of a client that uses private_key_jwt cannot be rotated")
	w.want(w.call("DELETE", pool+"/"+a, nil), 400, "", "Cannot delete credential still associated with a client")
	if r := attach(b); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.raw)
	}
	for range 2 {
		if r := w.call("DELETE", pool+"/"+a, nil); r.status != 204 {
			t.Errorf("delete: %d %s", r.status, r.raw)
		}
	}
	w.want(w.call("GET", pool+"/"+a, nil), 404, "", "Credential does not exist")
	back := w.call("PATCH", client, map[string]any{"client_authentication_methods": nil, "token_endpoint_auth_method": "client_secret_post"})
	if back.status != 200 || back.text("client_secret") == "" || back.body["client_authentication_methods"] != nil {
		t.Errorf("back to a secret: %d %s", back.status, back.raw)
	}
}

func TestMethodRules(t *testing.T) {
	w := open(t, Options{})
	pems := recordedPEMs(t)
	id, _ := w.AddClient("x")
	if _, err := w.AddKey(id, pems[0], ""); err != nil {
		t.Fatal(err)
	}
	methods := map[string]any{"private_key_jwt": map[string]any{"credentials": []any{}}}
	for name, body := range map[string]map[string]any{
		"both set":           {"client_authentication_methods": methods, "token_endpoint_auth_method": "client_secret_post"},
		"both cleared":       {"client_authentication_methods": nil, "token_endpoint_auth_method": nil},
		"keys cleared alone": {"client_authentication_methods": nil},
		"secret beside keys": {"token_endpoint_auth_method": "client_secret_post"},
		"HS256":              {"client_authentication_methods": methods, "jwt_configuration": map[string]any{"alg": "HS256"}},
	} {
		if r := w.call("PATCH", "/api/v2/clients/"+id, body); r.status != 400 {
			t.Errorf("%s: %d %s", name, r.status, r.raw)
		}
	}
	if r := w.call("PATCH", "/api/v2/clients/"+id, map[string]any{"client_authentication_methods": methods}); r.status != 200 {
		t.Errorf("an empty slot is legal: %d %s", r.status, r.raw)
	}
	create := map[string]any{"name": "y", "token_endpoint_auth_method": "none", "client_authentication_methods": map[string]any{
		"private_key_jwt": map[string]any{"credentials": []any{keyBody(pems[0])}}}}
	if r := w.call("POST", "/api/v2/clients", create); r.status != 400 {
		t.Errorf("create with both: %d %s", r.status, r.raw)
	}
	delete(create, "token_endpoint_auth_method")
	w.SetPlan(plans["free"])
	w.want(w.call("POST", "/api/v2/clients", create), 403, "insufficient_entitlement", "Please upgrade your subscription to use private_key_jwt.")
}

func TestPoolLimitAndExpiry(t *testing.T) {
	w := open(t, Options{Now: newClock().now, Quirks: Quirks{PoolLimit: 1, PatchCredentialStatus: 201}})
	pems := recordedPEMs(t)
	id, _ := w.AddClient("x")
	pool := "/api/v2/clients/" + id + "/credentials"
	body := keyBody(pems[0])
	body["expires_at"] = "2027-03-01T10:00:30.535694+02:00"
	made := w.call("POST", pool, body)
	if made.status != 201 || made.text("expires_at") != "2027-03-01T08:00:30.535Z" {
		t.Fatalf("%d %s", made.status, made.raw)
	}
	w.want(w.call("POST", pool, keyBody(pems[1])), 400, "", "A client can have a maximum of 1 credentials.")
	one := pool + "/" + made.text("id")
	if r := w.call("PATCH", one, map[string]any{"expires_at": nil}); r.status != 201 || r.body["expires_at"] != nil {
		t.Errorf("%d %s", r.status, r.raw)
	}
	if r := w.call("PATCH", one, map[string]any{"name": "y"}); r.status != 400 {
		t.Errorf("%d %s", r.status, r.raw)
	}
	for name, bad := range map[string]map[string]any{
		"no PEM": keyBody("x"), "garbage": keyBody("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"),
		"private":                  keyBody(strings.ReplaceAll(pems[1], "PUBLIC", "PRIVATE")),
		"expiry of no certificate": {"credential_type": "public_key", "pem": pems[1], "parse_expiry_from_cert": true},
		"certificate that is none": {"credential_type": "x509_cert", "pem": pems[1]},
		"two expiries":             {"credential_type": "public_key", "pem": pems[1], "parse_expiry_from_cert": true, "expires_at": "2027-03-01T10:00:00Z"},
		"name of nothing":          {"credential_type": "cert_subject_dn"},
	} {
		if r := w.call("POST", pool, bad); r.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, r.status, r.raw)
		}
	}
}

// TestSignedRequestObject is the other property with credentials: whole ones
// when a client is made, ids in a PATCH, and nothing is deleted that it uses.
func TestSignedRequestObject(t *testing.T) {
	w := open(t, Options{})
	type body = map[string]any
	pems := recordedPEMs(t)
	made := w.must(201, "POST", "/api/v2/clients", body{"name": "x", "signed_request_object": body{"required": true, "credentials": []any{keyBody(pems[0])}}})
	client := "/api/v2/clients/" + made.text("client_id")
	object, _ := made.body["signed_request_object"].(map[string]any)
	ids := references(object)
	if len(ids) != 1 || object["required"] != true || strings.Contains(string(made.raw), "PUBLIC KEY") {
		t.Fatalf("%s", made.raw)
	}
	w.must(400, "DELETE", client+"/credentials/"+ids[0], nil)
	cert, _ := certificateOf(t, testKey())
	x509 := w.must(201, "POST", client+"/credentials", body{"credential_type": "x509_cert", "pem": cert}).text("id")
	for name, bad := range map[string]any{
		"unknown":       body{"credentials": []any{body{"id": "cred_x"}}},
		"of its type":   body{"credentials": []any{body{"id": x509}}},
		"three":         body{"credentials": []any{body{"id": ids[0]}, body{"id": ids[0]}, body{"id": ids[0]}}},
		"a whole one":   body{"credentials": []any{keyBody(pems[1])}},
		"with a colour": body{"colour": "red"},
	} {
		if r := w.call("PATCH", client, body{"signed_request_object": bad}); r.status != 400 {
			t.Errorf("%s: %d %s", name, r.status, r.raw)
		}
	}
	w.must(200, "PATCH", client, body{"signed_request_object": nil})
	w.must(204, "DELETE", client+"/credentials/"+ids[0], nil)
	w.must(400, "POST", "/api/v2/clients", body{"name": "x", "signed_request_object": body{"credentials": []any{keyBody(pems[0])}},
		"client_authentication_methods": body{"private_key_jwt": body{"credentials": []any{keyBody(pems[0])}}}})
}

// TestThirdPartiesStayStrict has what is fixed at creation stay as it is.
func TestThirdPartiesStayStrict(t *testing.T) {
	w := open(t, Options{})
	type body = map[string]any
	strict := "/api/v2/clients/" + w.must(201, "POST", "/api/v2/clients", body{"name": "x", "is_first_party": false}).text("client_id")
	lenient := "/api/v2/clients/" + w.must(201, "POST", "/api/v2/clients", body{"name": "x", "is_first_party": false, "third_party_security_mode": "permissive"}).text("client_id")
	own := "/api/v2/clients/" + w.must(201, "POST", "/api/v2/clients", body{"name": "x"}).text("client_id")
	for _, test := range []struct {
		client string
		body   body
		status int
	}{
		{strict, body{"is_first_party": true}, 400},
		{strict, body{"third_party_security_mode": "permissive"}, 400},
		{strict, body{"third_party_security_mode": "strict", "is_first_party": false}, 200},
		{lenient, body{"third_party_security_mode": "strict"}, 400},
		{lenient, body{"is_first_party": true}, 200},
		{own, body{"third_party_security_mode": "strict"}, 400},
		{own, body{"is_first_party": false}, 200},
	} {
		if r := w.call("PATCH", test.client, test.body); r.status != test.status {
			t.Errorf("%v: %d, want %d: %s", test.body, r.status, test.status, r.raw)
		}
	}
	for query, status := range map[string]int{"q=client_grant.allow_any_organization:true": 200, "q=client_grant.allow_any_organization:true&is_global=false": 400, "q=name:x": 400} {
		if r := w.call("GET", "/api/v2/clients?"+query, nil); r.status != status {
			t.Errorf("%s: %d %s", query, r.status, r.raw)
		}
	}
}
