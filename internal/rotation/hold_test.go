package rotation

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
)

// Each row is what the tenant has for the private key that is AWSCURRENT, and
// what is found out about it.
func TestWhoseKeyTheClientHas(t *testing.T) {
	const theirs = "a-kid-that-the-tenant-chose"
	blind := func(w *world) { w.noGrant, w.grantFirst = true, true } // a login tells nothing
	for name, test := range map[string]struct {
		change func(c *fakeClient)
		setup  func(*world)
		kid    string // stored beside the key; empty: its thumbprint
		want   holding
		logins int
	}{
		"attached":                           {func(*fakeClient) {}, nil, "", holdsCurrent, 0},
		"attached, a login tells nothing":    {func(*fakeClient) {}, blind, "", holdsCurrent, 0},
		"in the pool alone":                  {func(c *fakeClient) { c.Attached = nil }, nil, "", holdsForeign, 0},
		"expired":                            {func(c *fakeClient) { c.pool[0].Expires = time.Now().Add(-time.Second) }, nil, "", holdsForeign, 0},
		"nowhere":                            {func(c *fakeClient) { c.pool, c.Attached = nil, nil }, nil, "", holdsForeign, 0},
		"known by another kid":               {func(c *fakeClient) { c.pool[0].KeyID = theirs }, nil, "", holdsForeign, 0},
		"known by the kid that is stored":    {func(c *fakeClient) { c.pool[0].KeyID = theirs }, nil, theirs, holdsForeign, 1},
		"known by that kid, a login is told": {func(c *fakeClient) { c.pool[0].KeyID = theirs }, blind, theirs, holdsUnknown, 2},
		"that kid is in the pool alone":      {func(c *fakeClient) { c.pool[0].KeyID, c.Attached = theirs, nil }, blind, theirs, holdsForeign, 0},
		"that kid has expired":               {func(c *fakeClient) { c.pool[0].KeyID, c.pool[0].Expires = theirs, time.Now() }, blind, theirs, holdsForeign, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r := w.rotator()
				c := w.put(map[string]string{TagKind: KindKey}, keyJSON(t, r))
				time.Sleep(time.Hour)
				if test.kid != "" {
					mine, err := clientsecretOf(w.state.secrets[arn], "v0")
					if err != nil {
						t.Fatal(err)
					}
					mine.KeyID = test.kid
					text, _ := mine.Encode()
					w.edit(func(s *fakeSecret) { s.values["v0"] = text.Reveal() })
				}
				if test.setup != nil {
					test.setup(w)
				}
				test.change(c)
				w.past = append(w.past, w.state.clone())
				s, _ := r.Store.Describe(t.Context(), arn)
				look, _ := r.Tenant.Client(t.Context(), client)
				step := &work{Rotator: r, secret: s, settings: Settings{ClientID: client, KeySize: 2048, Alg: "RS256"}}
				has, err := step.holding(t.Context(), look, stored{})
				logins := 0
				for _, call := range w.calls {
					if call == "Login" {
						logins++
					}
				}
				if has != test.want || err != nil || logins != test.logins {
					t.Errorf("%d after %d logins, %v; want %d after %d", has, logins, err, test.want, test.logins)
				}
			})
		})
	}
}

// A secret that is not shown, of a client whose logins tell nothing, may be the
// client's or not: that is another reason than that it is not.
func TestWhatCannotBeToldIsSaidToBeThat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begun(t, "secret, grant comes first")
		w.hidden = true
		if err := w.engine(r, tokenOf(1), 1); fault.Reason(err) != "not_told" || fault.KindOf(err) != fault.Denied {
			t.Errorf("%v, want not_told", err)
		}
		w.report()
	})
}

// A client that may send its secret by its own method alone, which somebody
// changed: a rotation would leave it with a secret that never passes its test.
func TestAnotherLoginMethodStopsTheRotation(t *testing.T) {
	for name, test := range map[string]struct {
		exact, noGrant, grantFirst bool
		reason                     string
	}{
		"the tenant minds":                   {true, false, false, "not_held"},
		"it minds, and there is no grant":    {true, true, false, "not_held"},
		"it does not":                        {false, false, false, ""},
		"it does not, and there is no grant": {false, true, false, ""},
		"a login tells nothing":              {false, true, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.human, w.noGrant, w.grantFirst = true, test.noGrant, test.grantFirst
				c := w.put(nil, secretJSON("initial"))
				c.AuthMethod, c.exact = "client_secret_basic", test.exact
				w.past = append(w.past, w.state.clone())
				err := w.engine(w.rotator(), tokenOf(1), 2)
				if (err == nil) != (test.reason == "") || err != nil && fault.Reason(err) != test.reason {
					t.Fatalf("%v, want %q", err, test.reason)
				}
				if err != nil && c.Secret.Reveal() != "initial" {
					t.Error("the secret in the tenant was changed")
				}
			})
		})
	}
}

// The new secret is sent as pending says, so that is the method by which the one
// that it replaces has to work, whichever method is stored beside that.
func TestWhatIsReplacedWorksAsTheNewOneWill(t *testing.T) {
	const post, basic = "client_secret_post", "client_secret_basic"
	type value struct{ secret, method string }
	for name, test := range map[string]struct {
		tenant, current, previous, pending value
		generated                          bool
		reason                             string
	}{
		"changed back after adoption":         {value{"a", post}, value{"a", basic}, value{"a", post}, value{}, false, "not_held"},
		"gone back with the method":           {value{"a", post}, value{"b", basic}, value{"a", post}, value{}, false, "not_held"},
		"gone back, made by the tenant":       {value{"a", post}, value{"b", basic}, value{"a", post}, value{}, true, "answers_disagree"},
		"corrected by hand under a rotation":  {value{"a", basic}, value{"a", basic}, value{}, value{"b", post}, false, "not_held"},
		"stored with one that is not used":    {value{"a", post}, value{"a", "client_secret_jwt"}, value{}, value{}, false, ""},
		"gone back by the method that stayed": {value{"a", basic}, value{"b", basic}, value{"a", basic}, value{}, false, ""},
	} {
		for _, hidden := range []bool{false, true} {
			if hidden && test.generated {
				continue // it takes a secret that is shown
			}
			t.Run(fmt.Sprintf("%s, hidden %v", name, hidden), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					w.human, w.hidden = true, hidden
					c := w.put(nil, secretJSON(test.tenant.secret))
					c.AuthMethod, c.exact = test.tenant.method, true
					w.edit(func(s *fakeSecret) {
						s.all, s.values = nil, map[string]string{}
						for label, v := range map[string]value{Current: test.current, Previous: test.previous, Pending: test.pending} {
							if v.secret != "" {
								add(s, map[string]string{Current: "v0", Previous: "v1", Pending: tokenOf(1)}[label], label, oursBy(v.method, v.secret), time.Hour)
							}
						}
						if test.generated {
							s.Tags[TagStrategy] = StrategyGenerated
						}
					})
					err := w.engine(w.rotator(), tokenOf(1), 2)
					if (err == nil) != (test.reason == "") || err != nil && fault.Reason(err) != test.reason {
						t.Errorf("%v, want %q", err, test.reason)
					}
					if err != nil && c.Secret.Reveal() != test.tenant.secret {
						t.Error("the secret in the tenant was changed")
					}
					if err == nil && !w.works() {
						t.Error("nothing stored logs in")
					}
				})
			})
		}
	}
}
