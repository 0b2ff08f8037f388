package credential

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"clientkeeper/internal/fault"
)

// A meanwhile does something when a client is read for the n-th time, before
// it is: what another request or a rotation does in between.
type meanwhile struct {
	fakeTenant
	n  int
	do func(*fakeClient)
}

func (m *meanwhile) Client(ctx context.Context, id string) (State, error) {
	if m.n--; m.n == 0 {
		m.do(m.clients[id])
	}
	return m.fakeTenant.Client(ctx, id)
}

// Whoever changes the list of attached keys decides by what is there at that
// moment, not by what was there when the request began.
func TestTheListIsJudgedAsItIsWhenItIsChanged(t *testing.T) {
	migrated := func(c *fakeClient) { c.Method, c.Attached = ClientSecretPost, nil }
	for name, test := range map[string]struct {
		do     func(*fakeClient)
		act    func(*Service, string, []Credential) error
		reason string
		method string
		left   int // attached
	}{
		"a removal, and a migration to a secret": {migrated, func(s *Service, id string, own []Credential) error {
			return s.Remove(t.Context(), id, own[0].ID, false)
		}, "", ClientSecretPost, 0},
		"a key is attached, and a migration to a secret": {migrated, func(s *Service, id string, _ []Credential) error {
			_, err := s.AddCredentials(t.Context(), operation(2), id, NewCredential{PEM: public(t, 1), Attach: true})
			return err
		}, "other_method", ClientSecretPost, 0},
		"a removal, and one of the other key": {func(c *fakeClient) { c.Attached = c.Attached[1:] }, func(s *Service, id string, own []Credential) error {
			return s.Remove(t.Context(), id, own[0].ID, false)
		}, "last_credential", PrivateKeyJWT, 1},
		"the same, forced": {func(c *fakeClient) { c.Attached = c.Attached[1:] }, func(s *Service, id string, own []Credential) error {
			return s.Remove(t.Context(), id, own[0].ID, true)
		}, "", PrivateKeyJWT, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, s, made := furnished(t, PrivateKeyJWT)
				var own []Credential
				if test.reason != "other_method" {
					var err error
					if own, err = s.AddCredentials(t.Context(), operation(1), made.ClientID, NewCredential{PEM: public(t, 0), Attach: true}); err != nil {
						t.Fatal(err)
					}
				}
				s.Tenant = &meanwhile{fakeTenant{w}, 2, test.do}
				err := test.act(s, made.ClientID, own)
				if test.reason == "" && err != nil || test.reason != "" && (fault.Reason(err) != test.reason || fault.KindOf(err) != fault.Conflict) {
					t.Errorf("%v, want %q", err, test.reason)
				}
				c := w.clients[made.ClientID]
				if c.Method != test.method || len(c.Attached) != test.left {
					t.Errorf("the client logs in with %s, attached %v", c.Method, c.Attached)
				}
				if gone := test.reason == ""; len(own) > 0 && gone == slices.ContainsFunc(c.credentials, func(k Credential) bool { return k.ID == own[0].ID }) {
					t.Errorf("the credential is gone: %v", !gone)
				}
			})
		})
	}
}
