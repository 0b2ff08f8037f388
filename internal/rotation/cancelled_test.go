package rotation

import (
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/secret"
)

// RotateSecret switches on again what somebody has cancelled (AWS Secrets
// Manager API Reference, "CancelRotateSecret"), so neither the doctor nor the
// schedule, which lets it repair what is stuck, starts a rotation of such a
// secret. What ends without one is repaired all the same.
func TestTheDoctorStartsNothingThatWasCancelled(t *testing.T) {
	for name, each := range map[string]struct {
		make func(*fakeSecret, *fakeClient)
		done int // repairs that are safe
	}{
		"not applied yet": {func(s *fakeSecret, _ *fakeClient) { add(s, "p", Pending, ours("next"), 2*time.Hour) }, 0},
		"gone back": {func(s *fakeSecret, c *fakeClient) {
			add(s, "older", Previous, ours("older"), 100*day)
			c.Secret = secret.New("older")
		}, 0},
		"applied, not finished": {func(s *fakeSecret, c *fakeClient) {
			add(s, "p", Pending, ours("next"), 2*time.Hour)
			c.Secret = secret.New("next")
		}, 1},
		"empty": {func(s *fakeSecret, _ *fakeClient) { add(s, "p", Pending, "", 2*time.Hour) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				d := &Doctor{Rotator: w.rotator(), Catalog: fakeCatalog{w}}
				w.put(nil, secretJSON("initial"))
				time.Sleep(48 * time.Hour)
				w.watching = false
				w.edit(func(s *fakeSecret) {
					s.RotationEnabled = false
					each.make(s, w.state.clients[client])
				})
				findings, err := d.Examine(t.Context(), arn)
				if err != nil {
					t.Fatal(err)
				}
				repaired := 0
				for _, f := range findings {
					if done, _ := d.Repair(t.Context(), f); done {
						repaired++
					}
				}
				if len(w.started) > 0 || repaired != each.done || !w.works() {
					t.Errorf("%d repaired, want %d; started %v; %+v", repaired, each.done, w.started, findings)
				}
			})
		})
	}
}
