package rotation

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
)

// Each row of the way back that is not about a change by hand.
func TestRowsOfTheWayBack(t *testing.T) {
	for name, test := range map[string]struct {
		change  func(*world)
		reason  string
		current string // the secret that is AWSCURRENT then
	}{
		"the tenant has pending's":  {func(w *world) { w.state.clients[client].Secret = secretOf("next") }, "", "next"},
		"the tenant has current's":  {func(*world) {}, "", "initial"},
		"the tenant has previous's": {goneBack, "previous_held", "initial"},
		"it cannot be told":         {func(w *world) { w.hidden, w.noGrant, w.grantFirst = true, true, true }, "not_told", "initial"},
		"there is no current": {func(w *world) {
			w.state.clients[client].Secret = secretOf("by hand")
			w.state.secrets[arn].label(Current, "")
		}, "no_current", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				a := &Adopter{Rotator: w.rotator(), Catalog: fakeCatalog{w}}
				w.put(nil, secretJSON("initial"))
				time.Sleep(48 * time.Hour)
				w.watching = false
				add(w.state.secrets[arn], tokenOf(1), Pending, ours("next"), time.Minute)
				test.change(w)
				w.past = append(w.past, w.state.clone())
				if err := a.again(t, KindSecret); (err == nil) != (test.reason == "") || err != nil && fault.Reason(err) != test.reason {
					t.Errorf("%v, want %q", err, test.reason)
				}
				s := w.state.secrets[arn]
				if got, _ := clientsecretOf(s, s.has(Current)); got.ClientSecret.Reveal() != test.current {
					t.Errorf("AWSCURRENT is %q, want %q", got.ClientSecret.Reveal(), test.current)
				}
			})
		})
	}
}

// Where the tenant's side is not known, no repair of a stuck rotation is safe.
func TestNothingIsRepairedInTheDark(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*world)
		says   string
	}{
		"the tenant does not answer": {func(w *world) { w.every("Client", notDone) }, "let Secrets Manager go on"},
		"a login tells nothing":      {func(w *world) { w.hidden, w.noGrant, w.grantFirst = true, true, true }, "read:client_keys"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				d := &Doctor{Rotator: w.rotator(), Catalog: fakeCatalog{w}}
				w.put(nil, secretJSON("initial"))
				time.Sleep(48 * time.Hour)
				w.edit(func(s *fakeSecret) { add(s, tokenOf(1), Pending, ours("next"), 2*time.Hour) })
				test.change(w)
				findings, err := d.Examine(t.Context(), arn)
				if err != nil {
					t.Fatal(err)
				}
				stuck := false
				for _, f := range findings {
					if f.Safe {
						t.Errorf("%+v is called safe", f)
					}
					stuck = stuck || f.Slug == "pending_stuck" && strings.Contains(f.Repair, test.says)
				}
				if !stuck {
					t.Errorf("%+v", findings)
				}
			})
		})
	}
}
