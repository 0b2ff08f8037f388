package credential

import (
	"slices"
	"strings"
	"testing"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// Whoever owns a secret may give its members names of their own, or put
// something else in it. A repetition of the request that made it, also one
// after its record has expired, answers as before or is refused, and takes
// nothing away.
func TestASecretThatWasChangedIsNotErased(t *testing.T) {
	renamed := func(names, what string) func(string) string {
		return func(text string) string {
			return `{"clientkeeper:names":{` + names + `},` + strings.Replace(text[1:], what, `"own":`, 1)
		}
	}
	for name, test := range map[string]struct {
		method string
		change func(string) string
		reason string
	}{
		"a name for the id":     {ClientSecretPost, renamed(`"client_id":"own"`, `"client_id":`), ""},
		"a name for the secret": {ClientSecretPost, renamed(`"client_secret":"own"`, `"client_secret":`), ""},
		"a name for the key":    {PrivateKeyJWT, renamed(`"private_key_pem":"own"`, `"private_key_pem":`), ""},
		"something else":        {ClientSecretPost, func(string) string { return `{"username":"x"}` }, "secret_changed"},
		"no id any more":        {ClientSecretPost, func(text string) string { return strings.Replace(text, `"client_id"`, `"id"`, 1) }, "secret_changed"},
	} {
		for _, resumed := range []bool{false, true} {
			w := newWorld(t)
			s := w.service()
			n := NewClient{Name: "orders", AuthMethod: test.method}
			made, err := s.CreateClient(t.Context(), testOperation, n)
			if err != nil {
				t.Fatal(err)
			}
			there := fakeStore{w}.find(made.SecretARN)
			there.versions["changed"], there.current = secret.New(test.change(there.versions[there.current].Reveal())), "changed"
			w.calls = nil
			op := testOperation
			op.Resumed = resumed
			again, err := s.CreateClient(t.Context(), op, n)
			if test.reason == "" && (err != nil || again != made) || test.reason != "" && (fault.Reason(err) != test.reason || fault.KindOf(err) != fault.Conflict) {
				t.Errorf("%s, resumed %v: %+v, %v; want %q", name, resumed, again, err, test.reason)
			}
			if len(w.clients) != 1 || len(w.secrets) != 1 || slices.ContainsFunc(w.calls, func(op string) bool { return strings.HasPrefix(op, "tenant.") && slices.Contains(writes, op) }) {
				t.Errorf("%s, resumed %v: %d clients, %d secrets after %v", name, resumed, len(w.clients), len(w.secrets), w.calls)
			}
		}
	}
}

// The same of an additional key, which its owner may have begun to use.
func TestAKeysSecretThatWasChangedIsNotErased(t *testing.T) {
	w, s, made := furnished(t, PrivateKeyJWT)
	added, err := s.AddCredentials(t.Context(), testOperation, made.ClientID, NewCredential{})
	if err != nil {
		t.Fatal(err)
	}
	there := fakeStore{w}.find(added[0].SecretARN)
	there.versions[there.current] = secret.New(`{"username":"x"}`)
	op := testOperation
	op.Resumed = true
	_, err = s.AddCredentials(t.Context(), op, made.ClientID, NewCredential{})
	if fault.Reason(err) != "secret_changed" || len(w.secrets) != 2 || len(w.clients[made.ClientID].credentials) != 2 {
		t.Errorf("%v; %d secrets, %d credentials", err, len(w.secrets), len(w.clients[made.ClientID].credentials))
	}
}
