package tenant

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func kinds(changes []Change) string {
	var out []string
	for _, c := range changes {
		out = append(out, string(c.Kind))
	}
	return strings.Join(out, " ")
}

// TestChanges is the life of a client in the change log.
func TestChanges(t *testing.T) {
	c := newClock()
	w := open(t, Options{Now: c.now})
	pems := recordedPEMs(t)
	id := w.call("POST", "/api/v2/clients", map[string]any{"name": "x", "client_authentication_methods": map[string]any{
		"private_key_jwt": map[string]any{"credentials": []any{keyBody(pems[0])}}}}).text("client_id")
	path := "/api/v2/clients/" + id
	first := w.Credentials(id)[0].CredentialID
	steps := []struct {
		name string
		do   func()
		want string
	}{
		{"created with a key", func() {}, "client-created credential-created credential-attached keys-enabled"},
		{"another key", func() { w.call("POST", path+"/credentials", keyBody(pems[1])) }, "credential-created"},
		{"the same key again", func() { w.call("POST", path+"/credentials", keyBody(pems[1])) }, ""},
		{"an expiry", func() {
			w.call("PATCH", path+"/credentials/"+first, map[string]any{"expires_at": "2027-01-01T00:00:00Z"})
		}, "credential-expiry"},
		{"swapped", func() {
			w.call("PATCH", path, map[string]any{"client_authentication_methods": oneKey(w.Credentials(id)[1].CredentialID)})
		}, "credential-attached credential-detached"},
		{"swapped again", func() {
			w.call("PATCH", path, map[string]any{"client_authentication_methods": oneKey(w.Credentials(id)[1].CredentialID)})
		}, ""},
		{"deleted", func() { w.call("DELETE", path+"/credentials/"+first, nil) }, "credential-deleted"},
		{"deleted again", func() { w.call("DELETE", path+"/credentials/"+first, nil) }, ""},
		{"back to a secret", func() {
			w.call("PATCH", path, map[string]any{"client_authentication_methods": nil, "token_endpoint_auth_method": "client_secret_post"})
		}, "credential-detached keys-disabled"},
		{"set", func() { w.patchSecret(id, "canary-1") }, "secret-set"},
		{"set again", func() { w.patchSecret(id, "canary-1") }, "secret-repeated"},
		{"rotated", func() { w.call("POST", path+"/rotate-secret", nil) }, "secret-generated"},
		{"renamed", func() { w.call("PATCH", path, map[string]any{"name": "y"}) }, ""},
		{"removed", func() { w.call("DELETE", path, nil) }, "credential-deleted client-deleted"},
	}
	seen := 0
	for _, step := range steps {
		c.advance(time.Minute)
		step.do()
		all := w.Changes(id)
		if got := kinds(all[seen:]); got != step.want {
			t.Errorf("%s: %q, want %q", step.name, got, step.want)
		}
		for _, change := range all[max(seen, 4):] {
			if !change.Time.Equal(c.now()) || change.By != w.id || change.Request != w.Counts().Requests {
				t.Errorf("%s: %+v at %v in request %d", step.name, change, c.now(), w.Counts().Requests)
			}
		}
		seen = len(all)
	}
	want := map[ChangeKind]int{ClientCreated: 1, ClientDeleted: 1, CredentialCreated: 2, CredentialAttached: 2, CredentialDetached: 2,
		CredentialDeleted: 2, CredentialExpiry: 1, KeysEnabled: 1, KeysDisabled: 1, SecretSet: 1, SecretRepeated: 1, SecretGenerated: 1}
	if got := w.ChangeCounts(id); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("counts %v, want %v", got, want)
	}
	if text := fmt.Sprintf("%+v %+v", w.Changes(id), w.ChangeCounts(id)); strings.Contains(text, "canary") {
		t.Error("the log holds a secret")
	}
}

// TestDeletedClientTakesAllWithIt has nothing left to log in with.
func TestDeletedClientTakesAllWithIt(t *testing.T) {
	w := open(t, Options{})
	id, secret := w.AddManagementClient("read:clients")
	public, _ := pemOf(t)
	cred, err := w.AddCredential(id, NewKey{PEM: public})
	if err != nil {
		t.Fatal(err)
	}
	if r := w.call("DELETE", "/api/v2/clients/"+id, nil); r.status != 204 {
		t.Fatalf("%d %s", r.status, r.raw)
	}
	w.want(w.call("GET", "/api/v2/clients/"+id+"/credentials", nil), 404, "inexistent_client", "The client does not exist")
	w.want(w.call("GET", "/api/v2/clients/"+id+"/credentials/"+cred, nil), 404, "inexistent_client", "The client does not exist")
	if w.Accepts(id, secret) || w.WillAccept(id, secret) || w.Credentials(id) != nil || w.AttachedKeys(id) != nil {
		t.Error("something is left")
	}
	if _, there := w.Client(id); there {
		t.Error("the client is left")
	}
	withKey, _ := w.AddClient("x")
	if _, err := w.AddKey(withKey, public, ""); err != nil {
		t.Fatal(err)
	}
	seen := len(w.Changes(withKey))
	w.call("DELETE", "/api/v2/clients/"+withKey, nil)
	if got := kinds(w.Changes(withKey)[seen:]); got != "credential-detached credential-deleted client-deleted" {
		t.Errorf("a client with a key: %q", got)
	}
}

// TestDashboardChanges are made without a token, and logged as such.
func TestDashboardChanges(t *testing.T) {
	w := open(t, Options{})
	id, _ := w.AddManagementClient("read:clients")
	public, _ := pemOf(t)
	chosen, err := w.ChangeSecret(id, "chosen-by-hand")
	if err != nil || chosen != "chosen-by-hand" || w.secretLogin(id, chosen) != 200 {
		t.Errorf("%v", err)
	}
	generated, err := w.ChangeSecret(id, "")
	if err != nil || len(generated) != 64 || w.secretLogin(id, generated) != 200 {
		t.Errorf("%v", err)
	}
	cred, err := w.AddKey(id, public, "PS256")
	if err != nil {
		t.Fatal(err)
	}
	if keys := w.AttachedKeys(id); len(keys) != 1 || keys[0].Alg != "PS256" {
		t.Errorf("%+v", keys)
	}
	if err := w.DeleteCredential(id, cred); err != nil {
		t.Error(err)
	}
	if err := w.UseSecret(id, "client_secret_basic"); err != nil || w.secretLogin(id, generated) != 200 {
		t.Error(err)
	}
	if v, there := w.Client(id); !there || v.AuthMethod != "client_secret_basic" {
		t.Errorf("%+v", v)
	}
	got := w.Changes(id)
	if want := "client-created grant-created secret-set secret-generated credential-created credential-attached keys-enabled " +
		"credential-detached credential-deleted keys-disabled"; kinds(got) != want {
		t.Errorf("changes %q", kinds(got))
	}
	if slices.ContainsFunc(got, func(c Change) bool { return c.Request != 0 || c.By != "" }) {
		t.Errorf("somebody is said to have done it: %+v", got)
	}
	for name, f := range map[string]func() error{
		"secret of nobody":     func() error { _, err := w.ChangeSecret("nobody", "x"); return err },
		"credential of nobody": func() error { _, err := w.AddCredential("nobody", NewKey{PEM: public}); return err },
		"key of nobody":        func() error { _, err := w.AddKey("nobody", public, ""); return err },
		"no key":               func() error { _, err := w.AddCredential(id, NewKey{PEM: "x"}); return err },
		"unknown credential":   func() error { return w.Attach(id, "cred_unknown") },
		"unknown method":       func() error { return w.UseSecret(id, "private_key_jwt") },
	} {
		if f() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestHistoryIsBounded sets a secret more often than is kept.
func TestHistoryIsBounded(t *testing.T) {
	w := open(t, Options{})
	id, _ := w.AddClient("x")
	const times = maxHistory + 100
	for i := range times {
		if _, err := w.ChangeSecret(id, fmt.Sprintf("secret-%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w.Changes(id)); n > maxHistory || n < maxHistory*8/10 {
		t.Errorf("%d changes are kept", n)
	}
	if n := w.ChangeCounts(id)[SecretSet]; n != times {
		t.Errorf("%d changes are counted", n)
	}
}

// TestReferencedElsewhere refuses to delete what another property refers to.
func TestReferencedElsewhere(t *testing.T) {
	for _, property := range []string{"signed_request_object", "token_vault_privileged_access"} {
		w := open(t, Options{}, append(slices.Clone(allScopes), "update:client_token_vault_privileged_access")...)
		id, _ := w.AddClient("x")
		public, _ := pemOf(t)
		cred, err := w.AddCredential(id, NewKey{PEM: public})
		if err != nil {
			t.Fatal(err)
		}
		path := "/api/v2/clients/" + id
		if r := w.call("PATCH", path, map[string]any{property: oneKey(cred)["private_key_jwt"]}); r.status != 200 {
			t.Fatalf("%s: %d %s", property, r.status, r.raw)
		}
		w.want(w.call("DELETE", path+"/credentials/"+cred, nil), 400, "", "Cannot delete credential still associated with a client")
		if r := w.call("PATCH", path, map[string]any{property: nil}); r.status != 200 {
			t.Fatalf("%s: %d %s", property, r.status, r.raw)
		}
		if r := w.call("DELETE", path+"/credentials/"+cred, nil); r.status != 204 {
			t.Errorf("%s: %d %s", property, r.status, r.raw)
		}
	}
}
