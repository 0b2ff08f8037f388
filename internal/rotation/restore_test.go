package rotation

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
)

// drifts are what a person does in the dashboard, and what adoption makes of it.
var drifts = map[string]struct {
	kind    string
	change  func(*world, *fakeClient)
	stuck   bool // a rotation had begun
	reason  string
	current string // the secret that is AWSCURRENT then; empty: not looked at
}{
	"a secret is changed":              {KindSecret, func(_ *world, c *fakeClient) { c.Secret = secretOf("by hand") }, false, "", "by hand"},
	"a secret is changed, stuck":       {KindSecret, func(_ *world, c *fakeClient) { c.Secret = secretOf("by hand") }, true, "", "by hand"},
	"a secret is changed, not shown":   {KindSecret, func(w *world, c *fakeClient) { c.Secret, w.hidden = secretOf("by hand"), true }, false, "secret_unreadable", "initial"},
	"the method is changed":            {KindSecret, func(_ *world, c *fakeClient) { c.AuthMethod, c.exact = "client_secret_basic", true }, false, "", "initial"},
	"the method is changed, stuck":     {KindSecret, func(_ *world, c *fakeClient) { c.AuthMethod, c.exact = "client_secret_basic", true }, true, "", "initial"},
	"the method is changed, no matter": {KindSecret, func(_ *world, c *fakeClient) { c.AuthMethod = "client_secret_basic" }, false, "", "initial"},
	"nothing":                          {KindSecret, func(*world, *fakeClient) {}, false, "", "initial"},
	"a client is made public":          {KindSecret, func(_ *world, c *fakeClient) { c.AuthMethod = "none" }, false, "other_method", "initial"},
	"a key is taken away":              {KindKey, func(_ *world, c *fakeClient) { c.pool, c.Attached = nil, nil }, false, "", ""},
	"a key is taken away, stuck":       {KindKey, func(_ *world, c *fakeClient) { c.pool, c.Attached = nil, nil }, true, "", ""},
	"a key is replaced by another":     {KindKey, func(_ *world, c *fakeClient) { c.pool[0].KeyID, c.pool[0].Name = "other", foreignName }, false, "", ""},
	"keys are replaced by a secret":    {KindKey, func(_ *world, c *fakeClient) { c.become("client_secret_post", "by hand"); c.Attached = nil }, false, "", "by hand"},
	"a secret is replaced by keys": {KindSecret, func(_ *world, c *fakeClient) {
		c.become(KindKey, "")
		c.own("f", "f", true, 0, day)
		c.pool[0].Name = foreignName
	}, true, "", ""},
	"the method is changed back": {KindSecret, func(w *world, c *fakeClient) {
		add(w.state.secrets[arn], "older", Previous, oursBy("client_secret_basic", "initial"), time.Hour)
		c.AuthMethod, c.exact = "client_secret_basic", true
	}, false, "", "initial"},
	"a key is replaced by two others": {KindKey, func(_ *world, c *fakeClient) { foreignKeys(c) }, false, "slots_taken", ""},
}

func foreignKeys(c *fakeClient) {
	c.pool, c.Attached = nil, nil
	for _, id := range []string{"f1", "f2"} {
		c.own(id, id, true, 0, day)
		c.pool[len(c.pool)-1].Name = foreignName
	}
}

// drifted is a managed secret whose client was changed by hand.
func drifted(t *testing.T, name string) (*world, *Adopter, *fakeClient) {
	drift := drifts[name]
	w := newWorld(t)
	w.human = true
	r := w.rotator()
	initial := secretJSON("initial")
	if drift.kind == KindKey {
		initial = keyJSON(t, r)
	}
	c := w.put(map[string]string{TagKind: drift.kind}, initial)
	time.Sleep(48 * time.Hour)
	if drift.stuck {
		w.begin(tokenOf(1))
		if err := w.step(r, StepCreate, tokenOf(1)); err != nil {
			t.Fatal(err)
		}
	}
	drift.change(w, c)
	time.Sleep(time.Minute) // the tenant's window
	w.past = append(w.past, w.state.clone())
	return w, &Adopter{Rotator: r, Catalog: fakeCatalog{w}}, c
}

func (a *Adopter) again(t *testing.T, kind string) error {
	return a.AdoptSecret(t.Context(), arn, client, map[string]string{TagKind: kind})
}

func TestAdoptIsTheWayBack(t *testing.T)             { theWayBack(t, 0) }
func TestTheWayBackBelievesNoOldLabels(t *testing.T) { theWayBack(t, time.Second) }

func theWayBack(t *testing.T, lag time.Duration) {
	for name, drift := range drifts {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, a, c := drifted(t, name)
				w.storeLag, w.tenantLag = lag, lag
				time.Sleep(lag)
				secret, attached := c.Secret.Reveal(), slices.Clone(c.Attached)
				err := a.again(t, drift.kind)
				if (err == nil) != (drift.reason == "") || err != nil && fault.Reason(err) != drift.reason {
					t.Fatalf("%v, want %q", err, drift.reason)
				}
				if c.Secret.Reveal() != secret || slices.ContainsFunc(attached, func(id string) bool { return !slices.Contains(c.Attached, id) }) {
					t.Error("what a person had set in the tenant was changed")
				}
				s := w.state.secrets[arn]
				if got, err := clientsecretOf(s, s.has(Current)); drift.current != "" && (err != nil || got.ClientSecret.Reveal() != drift.current) {
					t.Errorf("AWSCURRENT is not %q, %v", drift.current, err)
				}
				if err != nil {
					return
				}
				if !w.works() || s.has(Pending) != "" {
					t.Fatalf("works %v, AWSPENDING on %q", w.works(), s.has(Pending))
				}
				w.human = false
				time.Sleep(lag)
				if len(c.Attached) == maxAttached { // nobody uses theirs any more
					c.Attached = c.Attached[1:]
					w.past = append(w.past, w.state.clone())
				}
				if err := w.engine(a.Rotator, tokenOf(2), 2); err != nil || w.finished(tokenOf(2), drift.kind) != "" {
					t.Errorf("the next rotation: %v, %s", err, w.finished(tokenOf(2), drift.kind))
				}
				w.report()
			})
		})
	}
}

// The way back is broken at every call in every way, and then gone again.
func TestTheWayBackIsRepeatable(t *testing.T) {
	for _, name := range []string{"a secret is changed", "a secret is changed, stuck", "a key is taken away", "a key is taken away, stuck"} {
		for n := range 30 {
			for what, text := range troubles {
				synctest.Test(t, func(t *testing.T) {
					w, a, c := drifted(t, name)
					w.trouble = func(i int, _ string, _ bool) trouble {
						if i == n {
							return what
						}
						return none
					}
					var err error
					for range 3 {
						if err = w.tryAgain(t, a, drifts[name].kind); err == nil {
							break
						}
						time.Sleep(time.Minute)
					}
					if err != nil || !w.works() || len(w.twice) > 0 || len(c.pool) > 1 || w.state.secrets[arn].has(Pending) != "" {
						t.Fatalf("%s: call %d %s: %v, works %v, %v, %d keys; calls %v", name, n, text, err, w.works(), w.twice, len(c.pool), w.calls)
					}
				})
			}
		}
	}
}

func (w *world) tryAgain(t *testing.T, a *Adopter, kind string) (err error) {
	defer func() {
		if dead, ok := recover().(crash); ok {
			err = errDied(dead)
		}
	}()
	return a.again(t, kind)
}

type errDied crash

func (e errDied) Error() string { return "the process died at " + e.at }

// What has just been given the client's credential is not rotated at once, by
// whichever name it was adopted again.
func TestTheWayBackForcesNoRotation(t *testing.T) {
	for _, name := range []string{"a secret is changed", "a key is taken away"} {
		synctest.Test(t, func(t *testing.T) {
			w, a, _ := drifted(t, name)
			time.Sleep(60 * day)
			id, err := a.Adopt(t.Context(), Adoption{ClientID: client, Name: arn})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour) // past the cadence floor
			s, err := a.Store.Describe(t.Context(), id)
			if plan := PlanRotations(time.Now(), []Secret{s}, Policy{}); err != nil || len(plan.Start) > 0 || plan.Skip[0].Why != "not_due" {
				t.Errorf("%s: %v, %+v", name, err, plan)
			}
			if w.state.secrets[arn].Tags[TagInterval] != "30d" {
				t.Errorf("%s: the other tags are %v", name, w.state.secrets[arn].Tags)
			}
		})
	}
}

// Who adopts again and again what is well does not put its rotation off.
func TestAdoptingAgainPutsNoRotationOff(t *testing.T) {
	for what, again := range map[string]func(*Adopter, context.Context) error{
		"a secret that exists": func(a *Adopter, ctx context.Context) error { return a.AdoptSecret(ctx, arn, client, nil) },
		"a client": func(a *Adopter, ctx context.Context) error {
			_, err := a.Adopt(ctx, Adoption{ClientID: client, Name: arn})
			return err
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, a, _ := drifted(t, "nothing")
			since := "2000-01-01T00:00:00Z"
			w.edit(func(s *fakeSecret) { s.Tags[TagAdopted] = since })
			time.Sleep(20 * day)
			if err := again(a, t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := w.state.secrets[arn].Tags[TagAdopted]; got != since {
				t.Errorf("%s: adopted since %s, was %s", what, got, since)
			}
		})
	}
}
