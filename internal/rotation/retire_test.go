package rotation

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
)

// rotatedKey is a client whose key was rotated a moment ago.
func rotatedKey(t *testing.T) (*world, *Doctor, *fakeClient) {
	w := newWorld(t)
	r := w.rotator()
	c := w.put(map[string]string{TagKind: KindKey}, keyJSON(t, r))
	time.Sleep(48 * time.Hour)
	if err := w.engine(r, tokenOf(1), 1); err != nil {
		t.Fatal(err)
	}
	return w, &Doctor{Rotator: r, Catalog: fakeCatalog{w}}, c
}

func TestAnOldKeyStaysForTheOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d, c := rotatedKey(t)
		old := c.pool[0].ID
		fresh := c.pool[1]
		if want := time.Now().Add(30*day + day + 7*day); fresh.Expires.Sub(want).Abs() > time.Minute {
			t.Errorf("expires %v, want %v", fresh.Expires, want)
		}
		for _, after := range []struct {
			wait  time.Duration
			moves int
			left  int
		}{{0, 0, 2}, {23 * time.Hour, 0, 2}, {90 * time.Minute, 2, 1}, {0, 0, 1}} {
			time.Sleep(after.wait)
			moves, err := d.Retire(t.Context(), arn)
			if err != nil || moves != after.moves || len(c.pool) != after.left || len(c.Attached) != after.left {
				t.Fatalf("after %v: %d moves, %v, pool %v, attached %v", after.wait, moves, err, c.pool, c.Attached)
			}
		}
		if c.pool[0].ID == old {
			t.Error("the wrong key was retired")
		}
		w.report()
	})
}

func TestASecondRotationWaitsForTheOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d, c := rotatedKey(t)
		if err := w.engine(d.Rotator, tokenOf(2), 1); fault.Reason(err) != "overlap_running" {
			t.Errorf("%v, want overlap_running", err)
		}
		if _, stored := w.state.secrets[arn].values[tokenOf(2)]; stored || len(c.pool) != 2 {
			t.Error("something was done for a key that has no place")
		}
		time.Sleep(25 * time.Hour)
		if err := w.engine(d.Rotator, tokenOf(2), 1); err != nil {
			t.Error(err)
		}
		w.report()
	})
}

func TestRevoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d, c := rotatedKey(t)
		if _, err := d.Revoke(t.Context(), arn); err != nil || len(c.pool) != 1 || len(c.Attached) != 1 || !w.works() {
			t.Errorf("%v, pool %v", err, c.pool)
		}
		w.begin(tokenOf(2))
		if _, err := d.Revoke(t.Context(), arn); fault.Reason(err) != "in_flight" {
			t.Errorf("%v, want in_flight", err)
		}
		w.report()
	})
}

// A whole rotation may go by between two looks of one retirement. The key that
// it makes is in no version that was known before.
func TestARotationGoesByWhileKeysAreRetired(t *testing.T) {
	var looks []int // the calls that are no change
	synctest.Test(t, func(t *testing.T) {
		w, d, _ := rotatedKey(t)
		time.Sleep(48 * time.Hour)
		begun := len(w.calls)
		if moves, err := d.Revoke(t.Context(), arn); moves != 2 || err != nil {
			t.Fatalf("%d moves, %v", moves, err)
		}
		for i, write := range w.writes[begun:] {
			if !write {
				looks = append(looks, i)
			}
		}
	})
	for _, n := range looks {
		synctest.Test(t, func(t *testing.T) {
			w, d, _ := rotatedKey(t)
			time.Sleep(48 * time.Hour) // there is room for another key
			begun := len(w.calls)
			w.gate = func() {
				if len(w.calls) == begun+n {
					w.gate = nil
					_ = w.engine(d.Rotator, tokenOf(2), 3)
				}
			}
			_, _ = d.Revoke(t.Context(), arn)
			s, c := w.state.secrets[arn], w.state.clients[client]
			current, err := clientsecretOf(s, s.has(Current))
			if err != nil || !c.takes(current, c.now()) {
				t.Errorf("call %d: AWSCURRENT does not log in: %v; %v", n, err, w.calls[begun:])
			}
			w.report()
		})
	}
}

// Nothing is retired while what is current does not work.
func TestRetireKeepsWhatMayBeNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d, c := rotatedKey(t)
		time.Sleep(48 * time.Hour)
		c.Attached = c.Attached[:1] // somebody detached the current key
		w.past = append(w.past, w.state.clone())
		if moves, err := d.Retire(t.Context(), arn); moves != 0 || err != nil || !w.works() {
			t.Errorf("%d moves, %v", moves, err)
		}
	})
}

func TestRetirementBrokenAtEveryCall(t *testing.T) {
	for n := range 36 {
		for what, text := range troubles {
			synctest.Test(t, func(t *testing.T) {
				w, d, c := rotatedKey(t)
				time.Sleep(48 * time.Hour)
				begun := len(w.calls)
				w.trouble = func(i int, _ string, _ bool) trouble {
					if i == begun+n {
						return what
					}
					return none
				}
				for range 3 {
					func() {
						defer func() { _ = recover() }()
						_, _ = d.Retire(context.Background(), arn)
					}()
				}
				if len(c.pool) != 1 || len(w.gaps)+len(w.twice) > 0 {
					t.Errorf("call %d %s: pool %v, %v %v", n, text, c.pool, w.gaps, w.twice)
				}
			})
		}
	}
}

// After a way back to a secret, Secrets Manager says a moment later that the
// rotation has ended; until then the version's age counts.
func TestAKeyOutlivesTheWayBackToASecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begun(t, "key to secret")
		d := &Doctor{Rotator: r, Catalog: fakeCatalog{w}}
		w.edit(func(s *fakeSecret) { s.LastRotated = time.Now().Add(-30 * day) })
		if err := w.once(r, tokenOf(1)); err != nil {
			t.Fatal(err)
		}
		if moves, err := d.Retire(t.Context(), arn); moves != 0 || err != nil {
			t.Errorf("%d moves, %v", moves, err)
		}
		time.Sleep(25 * time.Hour)
		if moves, err := d.Retire(t.Context(), arn); moves != 1 || err != nil {
			t.Errorf("%d moves, %v", moves, err)
		}
		w.report()
	})
}

// The version that stores the key of a client that went back to a secret loses
// its last label with the second rotation: the key goes before that.
func TestASecondSecretTakesTheOldKeyAway(t *testing.T) {
	for n := -1; n < 40; n++ {
		for what, text := range troubles {
			synctest.Test(t, func(t *testing.T) {
				w, r := scenarios()["key to secret"].prepare(t)
				if err := w.engine(r, tokenOf(1), 1); err != nil {
					t.Fatal(err)
				}
				c := w.state.clients[client]
				if len(c.pool) != 1 {
					t.Fatalf("%d keys within the overlap", len(c.pool))
				}
				time.Sleep(time.Hour)
				begin := len(w.calls)
				w.trouble = func(i int, _ string, _ bool) trouble {
					if n >= 0 && i == begin+n {
						return what
					}
					return none
				}
				if err := w.engine(r, tokenOf(2), tries); err != nil || len(c.pool) != 0 {
					t.Errorf("call %d %s: %v, %d keys are left", n, text, err, len(c.pool))
				}
				w.report()
			})
		}
	}
}

// Secrets Manager knows nothing of a rotation that the doctor has finished.
func TestTheOverlapBeginsWhenTheDoctorFinishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begun(t, "key")
		for _, step := range []string{StepCreate, StepSet, StepTest} {
			if err := w.step(r, step, tokenOf(1)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(30 * time.Hour) // longer than the overlap
		d := &Doctor{Rotator: r, Catalog: fakeCatalog{w}}
		findings, err := d.Examine(t.Context(), arn)
		if err != nil || len(findings) != 1 {
			t.Fatalf("%+v, %v", findings, err)
		}
		if _, err := d.Repair(t.Context(), findings[0]); err != nil || w.state.secrets[arn].has(Current) != tokenOf(1) {
			t.Fatal(err)
		}
		c := w.state.clients[client]
		for after, keys := range []int{2, 2, 1} {
			if _, err := d.Retire(t.Context(), arn); err != nil || len(c.pool) != keys {
				t.Errorf("%d times 12 hours later: %d keys, %v; want %d", after, len(c.pool), err, keys)
			}
			time.Sleep(12*time.Hour + time.Second)
		}
	})
}

// The last key of a slot is not detached, though it has expired: the tenant's
// answer to that would help nobody.
func TestAFullPoolSaysWhatToDo(t *testing.T) {
	now := time.Now()
	p := pool{now: now, attached: []string{"a"}, want: "new", credentials: []Credential{{ID: "a", KeyID: "a", Name: NamePrefix + "a", Expires: now.Add(-day)}}}
	for _, id := range []string{"f1", "f2", "f3"} {
		p.credentials = append(p.credentials, Credential{ID: id, KeyID: id, Name: foreignName})
	}
	if m, err := p.next(); fault.Reason(err) != "pool_full" {
		t.Errorf("%+v, %v", m, err)
	}
}

// A key that was adopted with its own name is ours as long as it is stored. It
// is gone before it is forgotten.
func TestAKeyOfAnotherNameIsNotLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := scenarios()["key"].prepare(t)
		c := w.state.clients[client]
		c.pool[0].Name = "from before clientkeeper"
		for n := range 3 {
			if err := w.engine(r, tokenOf(n), 1); err != nil {
				t.Fatal(err)
			}
			time.Sleep(48 * time.Hour) // and no schedule retires anything
		}
		for _, k := range c.pool {
			if k.Name == "from before clientkeeper" {
				t.Errorf("it is still there: %+v", c.pool)
			}
		}
		w.report()
	})
}
