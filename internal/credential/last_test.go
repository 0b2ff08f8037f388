package credential

import (
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
)

// The last credential is the last one that works: one that has expired does not
// count, and may itself be removed. For ever is a time to come.
func TestTheLastCredentialThatWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, made := furnished(t, PrivateKeyJWT)
		added, err := s.AddCredentials(t.Context(), operation(1), made.ClientID, NewCredential{Attach: true, ExpiresIn: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		c := w.clients[made.ClientID]
		managed := c.credentials[0].ID
		time.Sleep(2 * time.Hour)
		c.credentials[0].Name = "of somebody" // what rotation looks after is refused before
		if err := s.Remove(t.Context(), made.ClientID, managed, false); fault.Reason(err) != "last_credential" || len(c.Attached) != 2 {
			t.Errorf("%v, attached %v", err, c.Attached)
		}
		if k, err := s.SetExpiry(t.Context(), made.ClientID, added[0].ID, time.Time{}); err != nil || !k.Expires.IsZero() {
			t.Errorf("for ever: %+v, %v", k, err)
		}
		if err := s.Remove(t.Context(), made.ClientID, managed, false); err != nil || len(c.Attached) != 1 {
			t.Errorf("%v, attached %v", err, c.Attached)
		}
		c.credentials[0].Expires = time.Now().Add(-time.Minute)
		if err := s.Remove(t.Context(), made.ClientID, added[0].ID, false); err != nil || len(c.Attached) != 0 {
			t.Errorf("one that has expired: %v, attached %v", err, c.Attached)
		}
	})
}
