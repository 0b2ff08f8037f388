package tenant

import (
	"net/http"
	"testing"
)

func oneKey(ids ...string) map[string]any {
	refs := []any{}
	for _, id := range ids {
		refs = append(refs, map[string]any{"id": id})
	}
	return map[string]any{"private_key_jwt": map[string]any{"credentials": refs}}
}

// secretHolders makes one client of each kind that differs in what its secret
// is good for.
func (w *world) secretHolders() map[string]string {
	w.t.Helper()
	ids := map[string]string{}
	for _, kind := range []string{"unset", "post", "basic", "public", "keys", "no keys"} {
		ids[kind], _ = w.AddClient(kind)
	}
	for kind, method := range map[string]string{"post": "client_secret_post", "basic": "client_secret_basic", "public": "none"} {
		if err := w.UseSecret(ids[kind], method); err != nil {
			w.t.Fatal(err)
		}
	}
	public, _ := pemOf(w.t)
	if _, err := w.AddKey(ids["keys"], public, ""); err != nil {
		w.t.Fatal(err)
	}
	if err := w.Attach(ids["no keys"]); err != nil {
		w.t.Fatal(err)
	}
	ids["CIMD"] = w.register(codeURL).text("client_id")
	ids["CIMD with keys"] = w.register(keyURL).text("client_id")
	return ids
}

// TestWhoseSecretMayChange has rotate-secret and PATCH client_secret for each
// kind of client, without and with the quirk UnusedSecrets.
func TestWhoseSecretMayChange(t *testing.T) {
	const ok, bad = http.StatusOK, http.StatusBadRequest
	type statuses struct{ rotate, patch, quirkRotate, quirkPatch int }
	tests := map[string]statuses{
		"unset":          {ok, ok, ok, ok},
		"post":           {ok, ok, ok, ok},
		"basic":          {ok, ok, ok, ok},
		"public":         {bad, bad, ok, ok},
		"keys":           {bad, bad, bad, ok},
		"no keys":        {bad, bad, bad, ok},
		"CIMD":           {bad, bad, ok, bad},
		"CIMD with keys": {bad, bad, bad, bad},
	}
	for _, quirk := range []bool{false, true} {
		docs := &documents{}
		docs.put(t, codeURL, codeDocument())
		docs.put(t, keyURL, keyDocument())
		docs.put(t, jwksURL, jwks(t, "key-number-1", "RS256"))
		w := open(t, Options{CIMD: true, Fetcher: docs, Quirks: Quirks{UnusedSecrets: quirk}})
		ids := w.secretHolders()
		for kind, want := range tests {
			path := "/api/v2/clients/" + ids[kind]
			got := [2]int{w.call("POST", path+"/rotate-secret", nil).status, w.call("PATCH", path, map[string]any{"client_secret": "s"}).status}
			if quirk {
				want.rotate, want.patch = want.quirkRotate, want.quirkPatch
			}
			if got != [2]int{want.rotate, want.patch} {
				t.Errorf("%s (quirk %v): rotate and patch = %v, want %d and %d", kind, quirk, got, want.rotate, want.patch)
			}
			counts := w.ChangeCounts(ids[kind])
			if made := counts[SecretGenerated] == 1; made != (want.rotate == ok) || counts[SecretSet] == 1 != (want.patch == ok) {
				t.Errorf("%s (quirk %v): counts %v", kind, quirk, counts)
			}
		}
	}
}

// TestRefusalsCanBeReplaced has another status for each refusal of a rotate.
func TestRefusalsCanBeReplaced(t *testing.T) {
	docs := &documents{}
	docs.put(t, codeURL, codeDocument())
	docs.put(t, keyURL, keyDocument())
	docs.put(t, jwksURL, jwks(t, "key-number-1", "RS256"))
	w := open(t, Options{CIMD: true, Fetcher: docs, Replies: map[string]Reply{
		"rotate_refused":        {403, "operation_not_supported", "keys"},
		"rotate_refused_public": {409, "", "public"},
		"rotate_refused_cimd":   {422, "", "document"},
	}})
	ids := w.secretHolders()
	for kind, want := range map[string]int{"keys": 403, "public": 409, "CIMD": 422} {
		if r := w.call("POST", "/api/v2/clients/"+ids[kind]+"/rotate-secret", nil); r.status != want {
			t.Errorf("%s: %d %s", kind, r.status, r.raw)
		}
	}
}

// TestRotateSecret loses nothing and repeats nothing: each call makes one
// secret, which a later read shows again.
func TestRotateSecret(t *testing.T) {
	w := open(t, Options{})
	id, first := w.AddManagementClient("read:clients")
	path := "/api/v2/clients/" + id
	second := w.call("POST", path+"/rotate-secret", nil).text("client_secret")
	third := w.call("POST", path+"/rotate-secret", nil).text("client_secret")
	if len(second) != 64 || second == first || third == second {
		t.Errorf("%d characters; the same again: %v", len(second), third == second)
	}
	if w.call("GET", path, nil).text("client_secret") != third {
		t.Error("a read shows another secret")
	}
	if r := w.as("read:clients").call("GET", path, nil); r.body["client_secret"] != nil {
		t.Error("the secret is shown without a key scope")
	}
	w.want(w.as("update:clients").call("POST", path+"/rotate-secret", nil), 403, "insufficient_scope",
		"Insufficient scope, expected any of: update:client_keys")
	w.want(w.call("POST", "/api/v2/clients/nobody/rotate-secret", nil), 404, "inexistent_client", "The client does not exist")
	if counts := w.ChangeCounts(id); counts[SecretGenerated] != 2 {
		t.Errorf("counts %v", counts)
	}
}

// TestSwitchAndBack moves a client to keys and back, in one PATCH each.
func TestSwitchAndBack(t *testing.T) {
	w := open(t, Options{})
	id, secret := w.AddManagementClient("read:clients")
	path := "/api/v2/clients/" + id
	public, _ := pemOf(t)
	cred, err := w.AddCredential(id, NewKey{PEM: public})
	if err != nil {
		t.Fatal(err)
	}
	w.call("PATCH", path, map[string]any{"token_endpoint_auth_method": "client_secret_basic"})
	away := w.call("PATCH", path, map[string]any{"token_endpoint_auth_method": nil, "client_authentication_methods": oneKey(cred)})
	if away.status != 200 || away.body["client_secret"] != nil || away.body["token_endpoint_auth_method"] != nil {
		t.Fatalf("to keys: %d %s", away.status, away.raw)
	}
	if w.secretLogin(id, secret) != 401 || w.Accepts(id, secret) || w.WillAccept(id, secret) {
		t.Error("the secret works beside keys")
	}
	if keys := w.AttachedKeys(id); len(keys) != 1 || keys[0].CredentialID != cred || !keys[0].Public.Equal(&testKey().PublicKey) {
		t.Errorf("keys %+v", keys)
	}
	back := w.call("PATCH", path, map[string]any{"token_endpoint_auth_method": "client_secret_post", "client_authentication_methods": nil})
	if back.text("client_secret") != secret || back.body["client_authentication_methods"] != nil {
		t.Errorf("back: %d, the same secret: %v", back.status, back.text("client_secret") == secret)
	}
	if w.secretLogin(id, secret) != 200 || !w.Accepts(id, secret) || w.AttachedKeys(id) != nil {
		t.Error("the secret does not work again")
	}
	if pool := w.Credentials(id); len(pool) != 1 || pool[0].Attached {
		t.Errorf("pool %+v", pool)
	}
	fresh := w.call("PATCH", path, map[string]any{"token_endpoint_auth_method": nil, "client_authentication_methods": oneKey(cred)})
	both := w.call("PATCH", path, map[string]any{"token_endpoint_auth_method": "client_secret_post", "client_authentication_methods": nil,
		"client_secret": "chosen-meanwhile"})
	if fresh.status != 200 || both.status != 200 || w.secretLogin(id, "chosen-meanwhile") != 200 {
		t.Errorf("back with another secret in one PATCH: %d %d %s", fresh.status, both.status, both.raw)
	}
}
