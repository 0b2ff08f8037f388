package credential

import (
	"testing"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

func TestCredentialsAreListedWithTheirSecrets(t *testing.T) {
	w, s, made := furnished(t, PrivateKeyJWT)
	first, err := s.AddCredentials(t.Context(), operation(1), made.ClientID, NewCredential{})
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.AddCredentials(t.Context(), operation(2), made.ClientID, NewCredential{PEM: public(t, 0), Attach: true})
	if err != nil {
		t.Fatal(err)
	}
	c := w.clients[made.ClientID]
	c.credentials[0], c.credentials[2] = c.credentials[2], c.credentials[0] // the tenant promises no order
	all, err := s.Credentials(t.Context(), made.ClientID)
	if err != nil || len(all) != 3 || all[1].ID != first[0].ID || all[2].ID != second[0].ID {
		t.Fatalf("%+v, %v", all, err)
	}
	if all[1].SecretARN != first[0].SecretARN || all[1].Attached || all[2].SecretARN != "" || !all[2].Attached {
		t.Errorf("%+v", all)
	}
	one, err := s.Credential(t.Context(), made.ClientID, first[0].ID)
	if err != nil || one != all[1] {
		t.Errorf("%+v, %v", one, err)
	}
	if _, err := s.Credential(t.Context(), "nobody", first[0].ID); fault.Reason(err) != "client_not_found" {
		t.Error(err)
	}
	for _, op := range []string{"tenant.credentials", "store.describe"} {
		w.struck, w.holding = false, ""
		for n := 1; n < 6 && !w.struck; n++ {
			w.calls, w.point = nil, &point{n: n, op: op, way: failAll}
			all, err = s.Credentials(t.Context(), made.ClientID)
		}
		if !w.struck || fault.KindOf(err) != fault.Unavailable || all != nil {
			t.Errorf("without an answer of %s: %+v, %v", op, all, err)
		}
	}
}

// The name of a credential is whoever's who made it. One that points to the
// secret of another client, or to none that was made here, leads nowhere.
func TestANameThatPointsElsewhere(t *testing.T) {
	for name, test := range map[string]struct {
		short   string
		tags    map[string]string
		deleted bool
		found   bool
	}{
		"its own":                 {"aaaaaaaaaaaa", map[string]string{}, false, true},
		"another client's":        {"aaaaaaaaaaaa", map[string]string{TagKeyOf: "other"}, false, false},
		"no client's":             {"aaaaaaaaaaaa", map[string]string{TagKeyOf: ""}, false, false},
		"scheduled for deletion":  {"aaaaaaaaaaaa", map[string]string{}, true, false},
		"no name of ours":         {"../../../abc", map[string]string{}, false, false},
		"a name that is too long": {"aaaaaaaaaaaaa", map[string]string{}, false, false},
	} {
		w, s, made := furnished(t, PrivateKeyJWT)
		tags := map[string]string{TagKeyOf: made.ClientID}
		for key, value := range test.tags {
			tags[key] = value
		}
		at := s.secretName(keysFolder+made.ClientID, Operation{ID: test.short})
		if _, err := (fakeStore{w}).Create(t.Context(), at, "t", "", secret.New("{}"), tags); err != nil {
			t.Fatal(err)
		}
		w.secrets[at].Deleted = test.deleted
		c := w.clients[made.ClientID]
		c.credentials = append(c.credentials, Credential{ID: "cred_x", Type: typePublicKey, Name: "x" + keyMark(test.short)})
		k, err := s.Credential(t.Context(), made.ClientID, "cred_x")
		if err != nil || (k.SecretARN != "") != test.found {
			t.Errorf("%s: %q, %v", name, k.SecretARN, err)
		}
		if err := s.Remove(t.Context(), made.ClientID, "cred_x", false); err != nil || w.secrets[at].Deleted != (test.found || test.deleted) {
			t.Errorf("%s: removed, %v; its secret deleted: %v", name, err, w.secrets[at].Deleted)
		}
	}
}
