package rotation

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
)

// fullSlot is a client whose two places are taken, by the current key and by
// the previous one in its overlap or by somebody else's, and a rotation that
// has stored a third.
func fullSlot(t *testing.T, previous bool) (*world, *Rotator, *fakeClient) {
	w, d, c := rotatedKey(t)
	w.begin(tokenOf(2))
	third, err := keyJSON(t, d.Rotator).Encode()
	if err != nil {
		t.Fatal(err)
	}
	w.edit(func(s *fakeSecret) {
		s.values[tokenOf(2)] = third.Reveal()
		if !previous {
			s.label(Previous, "")
			c.pool[0].Name = foreignName
		}
	})
	w.calls, w.writes = nil, nil
	return w, d.Rotator, c
}

// A stored key that cannot be read is no left-over: nothing of the client's
// makes way for a new key, whichever read fails or finds nothing.
func TestWhatCannotBeReadMakesNoWay(t *testing.T) {
	for _, previous := range []bool{true, false} {
		for _, call := range []string{"Value", "Client", "Credentials", "Describe"} {
			for n := 1; n <= 12; n++ {
				for _, lost := range []bool{false, true} {
					if lost && call != "Value" {
						continue
					}
					synctest.Test(t, func(t *testing.T) {
						w, r, c := fullSlot(t, previous)
						if lost {
							w.at(call, n, func() { delete(w.state.secrets[arn].values, w.state.secrets[arn].has(Current)) })
						} else {
							w.fail(call, n)
						}
						attached := slices.Clone(c.Attached)
						err := w.step(r, StepSet, tokenOf(2))
						if err == nil || !slices.Equal(c.Attached, attached) || len(c.pool) != 2 || slices.Contains(w.writes, true) {
							t.Errorf("previous %v, %s %d, lost %v: %v, attached %v of %d, was %v; calls %v", previous, call, n, lost, err, c.Attached, len(c.pool), attached, w.calls)
						}
					})
				}
			}
		}
	}
}

// fail makes the nth call of a name fail.
func (w *world) fail(name string, nth int) {
	w.trouble = func(_ int, call string, _ bool) trouble {
		if call == name {
			if nth--; nth == 0 {
				return notDone
			}
		}
		return none
	}
}

// The label is looked at before each move, not only before the first.
func TestAKeyWithoutItsLabelIsNotAttached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begun(t, "key")
		if err := w.step(r, StepCreate, tokenOf(1)); err != nil {
			t.Fatal(err)
		}
		w.at("AddKey", 1, steal(w))
		err := w.step(r, StepSet, tokenOf(1))
		if fault.Reason(err) != "token_unknown" || slices.Contains(w.calls, "UseKeys") {
			t.Errorf("%v; calls %v", err, w.calls)
		}
		w.report()
	})
}

// A key that lost its label after it was attached is taken back only where
// that gives a client its secret again, and nobody else a surprise.
func TestOnlyASwitchIsTakenBack(t *testing.T) {
	theirs := func(_ *world, c *fakeClient) {
		c.own("theirs", "theirs", true, 0, day)
		c.pool[len(c.pool)-1].Name = foreignName
	}
	for name, test := range map[string]struct {
		scenario string
		after    func(*world, *fakeClient) // of the key's attachment
		method   string
		keys     int
	}{
		"a switch":                             {"secret to key", nil, "client_secret_post", 0},
		"a switch, and a person adds a key":    {"secret to key", theirs, KindKey, 2},
		"a switch, and another takes the keys": {"secret to key", func(_ *world, c *fakeClient) { c.Attached = nil; theirs(nil, c) }, KindKey, 1},
		"a key whose other a person detaches":  {"key", func(_ *world, c *fakeClient) { c.Attached = c.Attached[1:] }, KindKey, 1},
		"a key beside another":                 {"key", nil, KindKey, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, r := begun(t, test.scenario)
			if err := w.step(r, StepCreate, tokenOf(1)); err != nil {
				t.Fatal(err)
			}
			w.watching = false
			c := w.state.clients[client]
			attached := false
			w.trouble = func(_ int, call string, _ bool) trouble {
				switch {
				case call == "UseKeys" && !attached:
					attached = true
					steal(w)()
				case attached && call == "Describe" && test.after != nil:
					test.after(w, c)
					test.after = nil
				default:
					return none
				}
				w.past = append(w.past, w.state.clone())
				return none
			}
			out, err := r.Step(t.Context(), Event{Step: StepSet, SecretID: arn, Token: tokenOf(1)})
			if fault.Reason(err) != "token_unknown" || c.AuthMethod != test.method || len(c.Attached) != test.keys || (out.Note == "rolled_back") != (test.keys == 0) {
				t.Errorf("%s: %+v, %v; it uses %s, attached %v", name, out, err, c.AuthMethod, c.Attached)
			}
		})
	}
}

// The overlap counts from the latest time at which the key can have come into
// use.
func TestTheOverlapBeginsWithTheKey(t *testing.T) {
	settings := Settings{Overlap: day}
	at := func(ago time.Duration) time.Time { return noon.Add(-ago) }
	for name, test := range map[string]struct{ rotated, uploaded, stored, want time.Time }{
		"by the rotation": {at(time.Hour), at(9 * day), at(9 * day), at(time.Hour)},
		"by the key":      {at(9 * day), at(time.Hour), at(9 * day), at(time.Hour)},
		"by the version":  {at(9 * day), at(9 * day), at(time.Hour), at(time.Hour)},
		"by no key":       {at(9 * day), time.Time{}, at(time.Hour), at(time.Hour)},
	} {
		p := pool{current: "cur"}
		if !test.uploaded.IsZero() {
			p.credentials = []Credential{{ID: "cur", KeyID: "cur", Created: test.uploaded}}
		}
		s := Secret{LastRotated: test.rotated, Versions: []Version{{ID: "v", Labels: []string{Current}, Created: test.stored}, {ID: "w", Labels: []string{Pending}, Created: noon}}}
		if got := overlapEnd(s, p, settings); !got.Equal(test.want.Add(day)) {
			t.Errorf("%s: ends %v, want %v", name, got, test.want.Add(day))
		}
	}
}
