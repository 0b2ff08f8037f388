package tenant

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

const keyURL = "https://agent.example.org/oauth/client.json"
const jwksURL = "https://agent.example.org/oauth/jwks.json"

func keyDocument() map[string]any {
	return map[string]any{
		"client_id": keyURL, "client_name": "Example Agent", "redirect_uris": []string{"https://agent.example.org/cb"},
		"grant_types": []string{"authorization_code"}, "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": jwksURL,
	}
}

func jwks(t *testing.T, kid, alg string) string {
	t.Helper()
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &testKey().PublicKey, KeyID: kid, Algorithm: alg, Use: "sig"}}}
	b, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// otherJWKS has a key of 2048 bits that is not the test key.
func otherJWKS(t *testing.T, kid string) string {
	t.Helper()
	raw, err := os.ReadFile("testdata/recordings/Client_CreateCredential.json")
	if err != nil {
		t.Fatal(err)
	}
	var talk []exchange
	if err := json.Unmarshal(raw, &talk); err != nil {
		t.Fatal(err)
	}
	key, _, err := readPEM(talk[1].Request.Body["pem"].(string))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key, KeyID: kid, Algorithm: "RS256", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestKeysOfACIMDClient(t *testing.T) {
	docs := &documents{}
	docs.put(t, keyURL, keyDocument())
	docs.put(t, jwksURL, jwks(t, "key-number-1", "PS256"))
	w := open(t, Options{CIMD: true, Fetcher: docs})
	r := w.register(keyURL)
	mapped, _ := r.body["mapped_fields"].(map[string]any)
	want := map[string]any{"private_key_jwt": map[string]any{"credentials": []any{
		map[string]any{"credential_type": "public_key", "kid": "key-number-1", "alg": "PS256"}}}}
	if diff := cmp.Diff(any(want), mapped["client_authentication_methods"]); r.status != 201 || diff != "" {
		t.Fatalf("%d %s\n%s", r.status, r.raw, diff)
	}
	id := r.text("client_id")
	first := w.credentials(id)
	if len(first) != 1 || first[0].KeyID != "key-number-1" || first[0].Alg != "PS256" {
		t.Fatalf("credentials: %+v", first)
	}
	if got := w.get(id); got["client_secret"] != nil || got["jwks_uri"] != jwksURL || got["token_endpoint_auth_method"] != nil {
		t.Errorf("client: %v", got)
	}

	// A new key under the old kid is not taken.
	docs.put(t, jwksURL, otherJWKS(t, "key-number-1"))
	r = w.register(keyURL)
	if warnings := r.body["validation"].(map[string]any)["warnings"].([]any); r.status != 200 || len(warnings) != 1 {
		t.Errorf("same kid: %d %s", r.status, r.raw)
	}
	if diff := cmp.Diff(first, w.credentials(id), cmp.Comparer(func(a, b credential) bool { return a == b })); diff != "" {
		t.Errorf("same kid: the credential changed:\n%s", diff)
	}

	// Under a new kid it replaces the one that is gone.
	docs.put(t, jwksURL, otherJWKS(t, "key-number-2"))
	w.register(keyURL)
	if got := w.credentials(id); len(got) != 1 || got[0].KeyID != "key-number-2" || got[0].ID == first[0].ID {
		t.Errorf("new kid: %+v", got)
	}
	if v, _ := w.FindByExternalID(keyURL); v.AuthMethod != "private_key_jwt" || !slices.Equal(v.KeyIDs, []string{"key-number-2"}) {
		t.Errorf("view: %+v", v)
	}
}

func (w *world) credentials(id string) []credential {
	w.t.Helper()
	var out []credential
	r := w.call("GET", "/api/v2/clients/"+id+"/credentials", nil)
	if err := json.Unmarshal(r.raw, &out); err != nil {
		w.t.Fatalf("%v in %s", err, r.raw)
	}
	return out
}

func TestKeysThatAreRefused(t *testing.T) {
	private, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: testKey(), KeyID: "key-number-1"}}})
	if err != nil {
		t.Fatal(err)
	}
	rejected := "The Client Metadata document at " + keyURL + " cannot be applied."
	tests := map[string]struct {
		set     string
		options Options
		status  int
		message string
	}{
		"private key":        {set: string(private), status: 400, message: rejected},
		"no keys":            {set: `{"keys":[]}`, status: 400, message: rejected},
		"no set":             {status: 400, message: "The Client Metadata at " + keyURL + " could not be retrieved."},
		"plan without keys":  {set: jwks(t, "k1", ""), options: Options{Plan: plans["essentials"]}, status: 403, message: "Please upgrade your subscription to use private_key_jwt."},
		"same kid, strictly": {set: jwks(t, "k1", ""), options: Options{Quirks: Quirks{SameKeyID: SameKeyIDViolates}}, status: 400, message: rejected},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			docs := &documents{}
			test.options.CIMD, test.options.Fetcher = true, docs
			w := open(t, test.options)
			docs.put(t, keyURL, keyDocument())
			if strings.HasPrefix(name, "same kid") {
				docs.put(t, jwksURL, otherJWKS(t, "k1"))
				w.register(keyURL)
			}
			if test.set != "" {
				docs.put(t, jwksURL, test.set)
			}
			if r := w.register(keyURL); r.status != test.status || r.text("message") != test.message {
				t.Errorf("%d %s", r.status, r.raw)
			}
		})
	}
}
