package credential

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// A lossy tenant adds a credential, and its first answer is lost.
type lossy struct {
	fakeTenant
	lost bool
}

func (l *lossy) AddCredential(ctx context.Context, id string, k PublicKey) (Credential, error) {
	out, err := l.fakeTenant.AddCredential(ctx, id, k)
	if err == nil && !l.lost {
		l.lost = true
		return Credential{}, gone("tenant.add")
	}
	return out, err
}

// A credential whose answer was lost is found by the same try, and one of an
// earlier try takes no second place in a pool that is full with it.
func TestACredentialThatWasMadeIsFound(t *testing.T) {
	for name, n := range map[string]NewCredential{"made here": {}, "sent": {PEM: public(t, 0)}} {
		w, s, made := furnished(t, PrivateKeyJWT)
		for i := range 2 {
			if _, err := s.AddCredentials(t.Context(), operation(i+1), made.ClientID, NewCredential{}); err != nil {
				t.Fatal(err)
			}
		}
		s.Tenant = &lossy{fakeTenant: fakeTenant{w}}
		op := operation(3)
		added, err := s.AddCredentials(t.Context(), op, made.ClientID, n)
		if err != nil || len(added) != 1 {
			t.Fatalf("%s: %+v, %v after %v", name, added, err, w.calls)
		}
		op.Resumed = true
		again, err := s.AddCredentials(t.Context(), op, made.ClientID, n)
		if err != nil || len(again) != 1 || again[0].ID != added[0].ID || len(w.clients[made.ClientID].credentials) != 4 {
			t.Errorf("%s: again %+v, %v", name, again, err)
		}
	}
}

// What is removed for a refused request is what that request has made: a secret
// of its name that says otherwise stays.
func TestUndoLeavesTheSecretsOfOthers(t *testing.T) {
	for name, test := range map[string]struct {
		request string
		deleted bool
		left    int
	}{
		"its own":               {testOperation.ID, false, 1},
		"another request's":     {"aaaaaaaaaaaaaaaaaaaaaaaaaa", false, 2},
		"its own, deleted then": {testOperation.ID, true, 2},
	} {
		w, s, made := furnished(t, PrivateKeyJWT)
		at := s.secretName(keysFolder+made.ClientID, testOperation)
		if _, err := (fakeStore{w}).Create(t.Context(), at, "t", "", secret.New("{}"), map[string]string{TagRequest: test.request, TagKeyOf: made.ClientID}); err != nil {
			t.Fatal(err)
		}
		w.secrets[at].Deleted = test.deleted
		w.clients[made.ClientID].grants = []Grant{{Audience: "https://acme.eu.auth0.com/api/v2/"}}
		op := testOperation
		op.Resumed = true
		_, err := s.AddCredentials(t.Context(), op, made.ClientID, NewCredential{})
		if fault.Reason(err) != "privileged_client" || len(w.secrets) != test.left {
			t.Errorf("%s: %v, %d secrets left", name, err, len(w.secrets))
		}
	}
}

// A key that an earlier try has stored is added as it would have been then.
func TestAStoredKeyKeepsItsExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, made := furnished(t, PrivateKeyJWT)
		c, op, n := w.clients[made.ClientID], operation(1), NewCredential{ExpiresIn: time.Hour}
		w.anyOp, w.point = true, &point{n: 6, way: killBefore} // what adds the key
		if _, err := s.AddCredentials(t.Context(), op, made.ClientID, n); err == nil || len(c.credentials) != 1 || len(w.secrets) != 2 {
			t.Fatalf("%v after %v", err, w.calls)
		}
		w.point, w.dead, op.Resumed = nil, false, true
		added, err := s.AddCredentials(t.Context(), op, made.ClientID, n)
		if err != nil || len(added) != 1 || !added[0].Expires.Equal(time.Now().Add(n.ExpiresIn)) || len(w.secrets) != 2 {
			t.Errorf("%+v, %v; %d secrets", added, err, len(w.secrets))
		}
	})
}
