package rotation

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/fault"
)

// A takeover is what somebody may try who can write and tag secrets that the
// function rotates, and has no credential of the client.
type takeover struct {
	of    func(*testing.T, *Rotator) clientsecret.ClientSecret // the client that they want
	tags  map[string]string
	value func(*testing.T, *Rotator, *fakeClient) clientsecret.ClientSecret // what they store
	setup func(*world)
}

func aSecret(*testing.T, *Rotator) clientsecret.ClientSecret { return secretJSON("initial") }

func madeUp(*testing.T, *Rotator, *fakeClient) clientsecret.ClientSecret {
	return secretJSON("made up")
}

func ownKey(t *testing.T, r *Rotator, _ *fakeClient) clientsecret.ClientSecret { return keyJSON(t, r) }

func ownKeyByTheirName(t *testing.T, r *Rotator, c *fakeClient) clientsecret.ClientSecret {
	key := keyJSON(t, r)
	key.KeyID = c.pool[0].KeyID
	return key
}

func takeovers() map[string]takeover {
	hidden := func(w *world) { w.hidden = true }
	keys, made := map[string]string{TagKind: KindKey}, map[string]string{TagStrategy: StrategyGenerated}
	return map[string]takeover{
		"a secret":                       {aSecret, nil, madeUp, nil},
		"a secret, hidden":               {aSecret, nil, madeUp, hidden},
		"a secret, no grant":             {aSecret, nil, madeUp, func(w *world) { w.hidden, w.noGrant = true, true }},
		"a secret, nothing to be seen":   {aSecret, nil, madeUp, func(w *world) { w.hidden, w.noGrant, w.grantFirst = true, true, true }},
		"a secret, by the tenant":        {aSecret, made, madeUp, nil},
		"a secret, with a key":           {aSecret, keys, madeUp, nil},
		"a secret, with a key, hidden":   {aSecret, keys, madeUp, hidden},
		"a secret, by a key":             {aSecret, nil, ownKey, nil},
		"a key":                          {keyJSON, keys, ownKey, nil},
		"a key, by its kid":              {keyJSON, keys, ownKeyByTheirName, nil},
		"a key, by its kid, no grant":    {keyJSON, keys, ownKeyByTheirName, func(w *world) { w.noGrant, w.grantFirst = true, true }},
		"a key, with a secret":           {keyJSON, nil, madeUp, nil},
		"a key, with a secret, its kid":  {keyJSON, nil, ownKeyByTheirName, nil},
		"a key that has expired":         {keyJSON, keys, ownKeyByTheirName, func(w *world) { w.state.clients[client].pool[0].Expires = time.Now() }},
		"our own client":                 {aSecret, nil, madeUp, func(w *world) { w.management, w.session = true, true }},
		"our own client, with a key":     {aSecret, keys, madeUp, func(w *world) { w.management, w.session = true, true }},
		"our own client, made elsewhere": {aSecret, made, madeUp, func(w *world) { w.management, w.session = true, true }},
	}
}

// Whoever may write and tag a secret, start its rotation, and have the schedule
// and the doctor look at it, must not change a client whose credential they do
// not have, nor learn its secret.
func TestATagTakesNothingOver(t *testing.T) {
	for name, try := range takeovers() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r := w.rotator()
				c := w.put(try.tags, try.of(t, r))
				if try.setup != nil {
					try.setup(w)
				}
				if w.management {
					r.Self = func(context.Context) (string, error) { return client, nil }
				}
				w.watching = false
				time.Sleep(48 * time.Hour)
				text, err := try.value(t, r, c).Encode()
				if err != nil {
					t.Fatal(err)
				}
				w.edit(func(s *fakeSecret) { s.values["v0"] = text.Reveal() })
				before := w.state.clone().clients[client]
				w.attack(t, r, tokenOf(1))
				w.unchanged(t, before)
			})
		})
	}
}

// attack rotates, lets the doctor and the schedule come by, and calls the steps
// in any order.
func (w *world) attack(t *testing.T, r *Rotator, token string) {
	t.Helper()
	if err := w.engine(r, token, 3); !slices.Contains([]string{"not_held", "not_told", "answers_disagree"}, fault.Reason(err)) {
		t.Errorf("the rotation ends with %v", err)
	}
	d := &Doctor{Rotator: r, Catalog: fakeCatalog{w}}
	for range 3 {
		time.Sleep(2 * time.Hour)
		findings, err := d.Examine(t.Context(), arn)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range findings {
			if f.Safe {
				_, _ = d.Repair(t.Context(), f)
			}
		}
		_, _ = d.Retire(t.Context(), arn)
		_, _ = d.Revoke(t.Context(), arn)
		for _, step := range []string{StepFinish, StepTest, StepSet, StepCreate, StepFinish, StepSet} {
			_ = w.step(r, step, token)
		}
	}
}

func (w *world) unchanged(t *testing.T, before *fakeClient) {
	t.Helper()
	after := w.state.clients[client]
	if after.AuthMethod != before.AuthMethod || !after.Secret.Equal(before.Secret) || !slices.Equal(after.Attached, before.Attached) ||
		!slices.Equal(after.pool, before.pool) || w.posts > 0 {
		t.Errorf("the client was changed: %v", w.calls)
	}
	for id, v := range w.state.secrets[arn].values {
		if c, err := clientsecret.Parse(secretOf(v)); err == nil && after.takes(c, after.now()) {
			t.Errorf("version %s came to hold the client's credential", id)
		}
	}
}

// A secret that the tenant shows and that is stored nowhere is taken for ours
// only where the client carries the mark from before it was made.
func TestOnlyAMarkedSecretIsRecovered(t *testing.T) {
	for marked, reason := range map[bool]string{true: "", false: "not_held"} {
		synctest.Test(t, func(t *testing.T) {
			w, r := begun(t, "made by the tenant")
			w.trouble = func(_ int, call string, _ bool) trouble {
				if call == "RotateSecret" {
					return crashAfter
				}
				return none
			}
			_ = w.step(r, StepCreate, tokenOf(1))
			w.trouble = nil
			if !marked {
				w.state.clients[client].Mark = "another"
				w.past = append(w.past, w.state.clone())
			}
			out, err := r.Step(t.Context(), Event{Step: StepCreate, SecretID: arn, Token: tokenOf(1)})
			if (err == nil) != marked || !marked && fault.Reason(err) != reason || marked && out.Note != "recovered" || w.posts != 1 {
				t.Errorf("marked %v: %+v, %v, %d posts", marked, out, err, w.posts)
			}
		})
	}
}

// What was recovered may have been set by a person: it is never taken back.
func TestWhatWasRecoveredIsNotOverwritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begun(t, "made by the tenant")
		w.watching = false
		w.every("RotateSecret", crashAfter)
		_ = w.step(r, StepCreate, tokenOf(1))
		c := w.state.clients[client]
		c.Secret = secretOf("set by a person")
		w.past = append(w.past, w.state.clone())
		w.every("PutPending", notDone)
		if err := w.step(r, StepCreate, tokenOf(1)); err == nil || c.Secret.Reveal() != "set by a person" {
			t.Errorf("%v; the tenant has %q", err, c.Secret.Reveal())
		}
	})
}

// Two refusals in the tenant's window mean nothing: one part of it may not know
// the new secret yet, and another may have forgotten the old one.
func TestTheWindowIsWaitedForBeforeASecretIsForeign(t *testing.T) {
	for n := range 20 {
		synctest.Test(t, func(t *testing.T) {
			w, r := begun(t, "secret, scope hides it")
			for range n {
				w.rng.IntN(2)
			}
			for _, step := range []string{StepCreate, StepSet, StepSet} {
				if err := w.step(r, step, tokenOf(1)); err != nil {
					t.Errorf("%s: %v", step, err)
				}
			}
			w.report()
		})
	}
}
