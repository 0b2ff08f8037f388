package rotation

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
)

// Each row is a state that one step finds, and the reason of its refusal, or
// the note of its success.
func TestRowsOfTheSteps(t *testing.T) {
	foreign := func(w *world) {
		w.state.secrets[arn].values[tokenOf(1)] = `{"client_id":"another","client_secret":"theirs"}`
		w.state.clients["another"] = &fakeClient{Client: Client{ID: "another", AuthMethod: "client_secret_post", Secret: secretOf("theirs")}}
	}
	for name, test := range map[string]struct {
		scenario string
		before   []string // steps
		change   func(*world)
		step     string
		reason   string
		note     string
	}{
		"a value of another client is not tested":    {"secret, made here", nil, foreign, StepTest, "pending_foreign", ""},
		"a value of another client is not finished":  {"secret, made here", nil, foreign, StepFinish, "pending_foreign", ""},
		"a configuration without a credential":       {"secret, made here", nil, func(w *world) { w.state.secrets[arn].values["v0"] = `{}` }, StepTest, "no_current", ""},
		"nothing to move":                            {"secret, made here", []string{StepCreate, StepSet, StepTest}, func(w *world) { w.state.secrets[arn].label(Current, "") }, StepFinish, "no_current", ""},
		"cannot be told at the test":                 {"secret, grant comes first", []string{StepCreate, StepSet}, func(w *world) { w.hidden = true }, StepTest, "not_told", ""},
		"cannot be told at the end":                  {"secret, grant comes first", []string{StepCreate, StepSet, StepTest}, func(w *world) { w.hidden = true }, StepFinish, "not_told", ""},
		"read back where a login tells nothing":      {"secret, grant comes first", []string{StepCreate, StepSet}, nil, StepTest, "", "read_back"},
		"a refused grant tells of a key":             {"key, no grant", []string{StepCreate, StepSet}, nil, StepTest, "", ""},
		"a refused grant tells of a secret":          {"secret, no grant", []string{StepCreate, StepSet}, nil, StepTest, "", ""},
		"by the tenant, but it uses keys":            {"made by the tenant", nil, func(w *world) { w.state.clients[client].AuthMethod = KindKey }, StepCreate, "not_a_secret_client", ""},
		"by the tenant, our own client":              {"our own client, generated", nil, nil, StepCreate, "", "made_here"},
		"by the tenant, somebody went back":          {"made by the tenant", nil, goneBack, StepCreate, "", ""},
		"made for an earlier try, and then set here": {"made by the tenant", nil, madeAndLost, StepSet, "", "drift"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, r := begun(t, test.scenario)
				w.watching = false
				for _, step := range test.before {
					if err := w.step(r, step, tokenOf(1)); err != nil {
						t.Fatalf("%s: %v", step, err)
					}
				}
				if test.change != nil {
					w.mu.Lock()
					test.change(w)
					w.past = append(w.past, w.state.clone())
					w.mu.Unlock()
				}
				out, err := r.Step(t.Context(), Event{Step: test.step, SecretID: arn, Token: tokenOf(1)})
				if (err == nil) != (test.reason == "") || err != nil && fault.Reason(err) != test.reason || err == nil && out.Note != test.note {
					t.Errorf("%+v, %v; want reason %q, note %q", out, err, test.reason, test.note)
				}
			})
		})
	}
}

// goneBack is a client that somebody has given its last secret again.
func goneBack(w *world) {
	add(w.state.secrets[arn], "older", Previous, ours("older"), 100*day)
	w.state.clients[client].Secret = secretOf("older")
}

// madeAndLost is what a process leaves that died with the tenant's answer in its
// hands, before the strategy was changed and another value stored.
func madeAndLost(w *world) {
	s, c := w.state.secrets[arn], w.state.clients[client]
	c.Mark = (&work{secret: Secret{ID: arn, Versions: s.all}}).mark()
	c.Secret = secretOf("made by the tenant, and stored nowhere")
	s.Tags[TagStrategy] = StrategyLocal
	s.values[tokenOf(1)] = ours("made here")
}

// Who was faster in taking AWSPENDING away has done what was to be done.
func TestALabelThatIsGoneAlreadyIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begun(t, "secret, made here")
		w.at("RemoveLabel", 1, steal(w))
		if err := w.engine(r, tokenOf(1), 1); err != nil || w.finished(tokenOf(1), KindSecret) != "" {
			t.Errorf("%v, %s", err, w.finished(tokenOf(1), KindSecret))
		}
		w.report()
	})
}

// A key is added beside another, so its test does not take the time in which a
// secret's change spreads.
func TestTheTestOfAKeyIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begun(t, "key")
		for _, step := range []string{StepCreate, StepSet} {
			if err := w.step(r, step, tokenOf(1)); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		if err := w.step(r, StepTest, tokenOf(1)); err != nil || time.Since(start) != keyWindow {
			t.Errorf("took %v, %v", time.Since(start), err)
		}
	})
}

// What the tenant made and could not be stored is taken back, unless somebody
// has set another secret meanwhile.
func TestAPersonsSecretIsNotTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begun(t, "made by the tenant")
		w.watching = false
		c := w.state.clients[client]
		failed := 0
		w.trouble = func(_ int, call string, _ bool) trouble {
			if call != "PutPending" {
				return none
			}
			if failed++; failed == generateTries {
				c.Secret = secretOf("set by a person")
				w.past = append(w.past, w.state.clone())
			}
			return notDone
		}
		if err := w.step(r, StepCreate, tokenOf(1)); err == nil || failed < generateTries || c.Secret.Reveal() != "set by a person" {
			t.Errorf("%v after %d tries; the tenant has %q", err, failed, c.Secret.Reveal())
		}
	})
}

// Whoever may tag secrets must not have another's keys retired: a secret that
// names one of them by its kid, and stores another private half, has the rest
// of them look like left-overs.
func TestATagRetiresNobodysKeys(t *testing.T) {
	for n := range 2 {
		synctest.Test(t, func(t *testing.T) {
			w, d, c := rotatedKey(t)
			time.Sleep(48 * time.Hour)
			forged := keyJSON(t, d.Rotator)
			forged.KeyID = c.pool[n].KeyID
			text, err := forged.Encode()
			if err != nil {
				t.Fatal(err)
			}
			w.watching = false
			w.edit(func(s *fakeSecret) {
				s.all, s.values = nil, map[string]string{}
				add(s, "forged", Current, text.Reveal(), 100*day)
			})
			before := w.state.clone().clients[client]
			for range 3 {
				_, _ = d.Retire(t.Context(), arn)
				_, _ = d.Revoke(t.Context(), arn)
				findings, _ := d.Examine(t.Context(), arn)
				for _, f := range findings {
					if f.Safe {
						_, _ = d.Repair(t.Context(), f)
					}
				}
			}
			if after := w.state.clients[client]; !slices.Equal(after.Attached, before.Attached) || len(after.pool) != len(before.pool) {
				t.Errorf("by the kid of key %d: attached %v of %v", n, after.Attached, before.Attached)
			}
		})
	}
}
