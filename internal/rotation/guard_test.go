package rotation

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// Whoever may tag and write some secret must not get at the client that
// everything depends on.
func TestOnlyItsOwnSecretRotatesTheManagementClient(t *testing.T) {
	for home, allowed := range map[string]bool{"": true, arn: true, arn[:len(arn)-7]: true, "app": true, "management": false, arn + "-AbCdEf": false} {
		synctest.Test(t, func(t *testing.T) {
			w, r := begun(t, "our own client")
			r.SelfSecret = home
			before := w.state.clients[client].Secret.Reveal()
			err := w.once(r, tokenOf(1))
			changed := w.state.clients[client].Secret.Reveal() != before
			if allowed != (err == nil) || allowed != changed || !allowed && fault.Reason(err) != "management_client" {
				t.Errorf("at home in %q: %v, changed %v", home, err, changed)
			}
			w.report()
		})
	}
	synctest.Test(t, func(t *testing.T) {
		w, r := begun(t, "secret, made here")
		r.SelfSecret = "management"
		r.Self = func(context.Context) (string, error) { return "another client", nil }
		if err := w.once(r, tokenOf(1)); err != nil {
			t.Error(err)
		}
	})
}

// Removing the tag is how a person ends the management of a secret, which may
// still have a schedule of Secrets Manager's own.
func TestWhatIsNotManagedIsNotRotated(t *testing.T) {
	for tag, managed := range map[string]bool{"true": true, "false": false, "": false} {
		for _, step := range []string{StepCreate, StepSet, StepTest, StepFinish} {
			synctest.Test(t, func(t *testing.T) {
				w, r := begun(t, "secret, made here")
				w.edit(func(s *fakeSecret) { s.Tags[TagManaged] = tag })
				err := w.step(r, step, tokenOf(1))
				if refused := fault.Reason(err) == "not_managed"; refused == managed {
					t.Errorf("%s=%q, %s: %v", TagManaged, tag, step, err)
				}
			})
		}
	}
}

func TestAKeyWithoutAnIntervalDoesNotExpire(t *testing.T) {
	for interval, expires := range map[string]bool{"": false, "0s": false, "30d": true} {
		synctest.Test(t, func(t *testing.T) {
			w, r := scenarios()["key"].prepare(t)
			w.edit(func(s *fakeSecret) { s.Tags[TagInterval] = interval })
			if err := w.engine(r, tokenOf(1), 1); err != nil {
				t.Fatal(err)
			}
			if k := w.state.clients[client].pool[1]; k.Expires.IsZero() == expires {
				t.Errorf("interval %q: expires %v", interval, k.Expires)
			}
			time.Sleep(500 * day) // the first key is gone by then
			if w.works() == expires {
				t.Errorf("interval %q, long after: works %v", interval, w.works())
			}
		})
	}
}

func TestALabelThatIsTakenAwayTakesASwitchBack(t *testing.T) {
	for name, call := range map[string]string{"key to secret": "UseSecret", "secret to key": "UseKeys"} {
		synctest.Test(t, func(t *testing.T) {
			w, r := begun(t, name)
			if err := w.step(r, StepCreate, tokenOf(1)); err != nil {
				t.Fatal(err)
			}
			w.watching = false // for the moment in which it is put right
			w.at(call, 1, steal(w))
			if err := w.step(r, StepSet, tokenOf(1)); fault.Reason(err) != "token_unknown" || !w.works() {
				t.Errorf("%s: %v, works %v", name, err, w.works())
			}
		})
	}
}

// Without a method in the value the switch would set a secret and no method.
func TestAKeyThatIsStoredWithoutItsMethodCanBeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := w.rotator()
		key := keyJSON(t, r)
		key.AuthMethod = ""
		c := w.put(nil, key)
		time.Sleep(48 * time.Hour)
		if err := w.engine(r, tokenOf(1), 1); err != nil || c.AuthMethod != "client_secret_post" {
			t.Errorf("%v, the method is %q", err, c.AuthMethod)
		}
		w.report()
	})
}

func TestAKeyWhoseVersionCannotBeSeenIsNoLeftOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begun(t, "key")
		c := w.state.clients[client]
		if err := w.step(r, StepCreate, tokenOf(1)); err != nil {
			t.Fatal(err)
		}
		c.own("f", "f", true, 0, day)
		c.pool[1].Name = foreignName
		s := w.state.secrets[arn]
		delete(s.values, "v0")
		w.past = append(w.past, w.state.clone())
		attached := slices.Clone(c.Attached)
		if err := w.step(r, StepSet, tokenOf(1)); fault.KindOf(err) != fault.Unavailable || !slices.Equal(c.Attached, attached) {
			t.Errorf("%v, attached %v, before %v", err, c.Attached, attached)
		}
	})
}

// A kid is a word that anybody can write beside a private key.
func TestAKidMakesNoKeyCurrent(t *testing.T) {
	for name, kid := range map[string]string{"the current key's": "-", "none": ""} {
		synctest.Test(t, func(t *testing.T) {
			w, r := begun(t, "key")
			c := w.state.clients[client]
			other := keyJSON(t, r)
			if other.KeyID = kid; kid != "" {
				other.KeyID = c.pool[0].KeyID
			}
			text, err := other.Encode()
			if err != nil {
				t.Fatal(err)
			}
			w.edit(func(s *fakeSecret) {
				c.own("certificate", "", true, 0, day) // attached, and no public key
				s.values[tokenOf(1)] = text.Reveal()
			})
			err = w.step(r, StepFinish, tokenOf(1))
			if fault.Reason(err) != "not_applied" || w.state.secrets[arn].has(Current) != "v0" {
				t.Errorf("%s: %v, AWSCURRENT is %s", name, err, w.state.secrets[arn].has(Current))
			}
		})
	}
}

// A value that no login can be tried with would be applied and never proven.
func TestAMethodThatUsesNoSecretIsNotKept(t *testing.T) {
	for method, want := range map[string]string{"": "", "none": "client_secret_post", "client_secret_jwt": "client_secret_post",
		KindKey: "client_secret_post", "client_secret_basic": "client_secret_basic"} {
		if got := withSecret(clientsecret.ClientSecret{AuthMethod: method, ClientSecret: secret.New("old")}, secret.New("x")).AuthMethod; got != want {
			t.Errorf("%q becomes %q, want %q", method, got, want)
		}
	}
}

func TestThePausedAreNotRotatedByTheDoctor(t *testing.T) {
	for _, name := range []string{"gone back", "not applied yet", "key detached, gone back"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			d := &Doctor{Rotator: w.rotator(), Catalog: fakeCatalog{w}}
			sick, initial := sicknesses[name], secretJSON("initial")
			if sick.kind == KindKey {
				initial = keyJSON(t, d.Rotator)
			}
			w.put(map[string]string{TagKind: orDefault(sick.kind, KindSecret), TagPaused: "an audit"}, initial)
			time.Sleep(48 * time.Hour)
			sick.make(t, w, w.state.secrets[arn], w.state.clients[client], d.Rotator)
			w.past = append(w.past, w.state.clone())
			findings, err := d.Examine(t.Context(), arn)
			if err != nil || len(findings) == 0 {
				t.Fatal(findings, err)
			}
			for _, f := range findings {
				if _, err := d.Repair(t.Context(), f); f.Safe || fault.Reason(err) != "not_safe" {
					t.Errorf("%s: %+v, %v", name, f, err)
				}
			}
			if len(w.started) > 0 {
				t.Errorf("%s: %d rotations started", name, len(w.started))
			}
		})
	}
}

func TestWhatIsDueIsLookedAtAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		d := &Doctor{Rotator: w.rotator(), Catalog: fakeCatalog{w}}
		w.put(nil, secretJSON("initial"))
		time.Sleep(40 * day)
		for tag, want := range map[string]string{"": "", "an audit": "paused"} {
			w.edit(func(s *fakeSecret) { s.Tags[TagPaused] = tag })
			start, why, err := d.Due(t.Context(), time.Now(), arn, Policy{})
			if err != nil || why != want || start.Secret.ID != arn || len(start.Token) < 32 {
				t.Errorf("%q: %+v, %q, %v", tag, start, why, err)
			}
		}
		w.edit(func(s *fakeSecret) {
			s.Tags[TagPaused] = ""
			s.all[0].Created = time.Now().Add(-time.Minute) // by hand
		})
		if _, why, err := d.Due(t.Context(), time.Now(), arn, Policy{}); err != nil || why != "floor" {
			t.Errorf("%q, %v", why, err)
		}
	})
}
