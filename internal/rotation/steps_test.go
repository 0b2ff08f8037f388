package rotation

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
)

// at runs do once, just before the nth call of a name.
func (w *world) at(name string, nth int, do func()) {
	w.trouble = func(_ int, call string, _ bool) trouble {
		if call == name {
			if nth--; nth == 0 {
				do()
				w.past = append(w.past, w.state.clone())
			}
		}
		return none
	}
}

// every makes each call of a name fail.
func (w *world) every(name string, what trouble) {
	w.trouble = func(_ int, call string, _ bool) trouble {
		if call == name {
			return what
		}
		return none
	}
}

func begun(t *testing.T, name string) (*world, *Rotator) {
	w, r := scenarios()[name].prepare(t)
	w.begin(tokenOf(1))
	return w, r
}

func steal(w *world) func() {
	return func() { w.state.secrets[arn].label(Pending, "") }
}

func TestALabelThatIsTakenAwayStopsTheChange(t *testing.T) {
	for name, test := range map[string]struct {
		call    string
		nth     int
		patches int
	}{
		"before the last look":                {"Client", 1, 0},
		"between the last look and the PATCH": {"SetSecret", 1, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, r := begun(t, "secret, made here")
			if err := w.step(r, StepCreate, tokenOf(1)); err != nil {
				t.Fatal(err)
			}
			w.watching = false // for the moment in which it is put right
			w.at(test.call, test.nth, steal(w))
			err := w.step(r, StepSet, tokenOf(1))
			patches := 0
			for _, call := range w.calls {
				if call == "SetSecret" {
					patches++
				}
			}
			if fault.Reason(err) != "token_unknown" || patches != test.patches || !w.works() {
				t.Errorf("%s: %v, %d changes, works %v", name, err, patches, w.works())
			}
		})
	}
}

// There is nothing to give back where AWSCURRENT is no credential of the client.
func TestNothingIsGivenBackThatIsNotTheClients(t *testing.T) {
	for name, value := range map[string]string{"another's": `{"client_id":"another","client_secret":"theirs"}`, "none": `{}`} {
		synctest.Test(t, func(t *testing.T) {
			w, r := begun(t, "secret, made here")
			if err := w.step(r, StepCreate, tokenOf(1)); err != nil {
				t.Fatal(err)
			}
			w.watching = false
			w.at("SetSecret", 1, func() {
				steal(w)()
				w.state.secrets[arn].values["v0"] = value
			})
			err := w.step(r, StepSet, tokenOf(1))
			made, _ := clientsecretOf(w.state.secrets[arn], tokenOf(1))
			if fault.KindOf(err) != fault.Conflict || !w.state.clients[client].Secret.Equal(made.ClientSecret) {
				t.Errorf("%s: %v, and the tenant has another secret than the last that was set", name, err)
			}
		})
	}
}

func TestStepsOutOfOrderChangeNothing(t *testing.T) {
	for _, name := range []string{"secret, made here", "secret, scope hides it", "secret, grant comes first", "key", "secret to key", "key to secret", "made by the tenant"} {
		for _, made := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				w, r := begun(t, name)
				if made {
					if err := w.step(r, StepCreate, tokenOf(1)); err != nil {
						t.Fatal(err)
					}
				}
				generated := made && name == "made by the tenant" // it is applied as soon as it is made
				steps := []string{StepFinish, StepTest}
				if !made {
					steps = []string{StepFinish, StepSet}
				}
				for _, step := range steps {
					if err := w.step(r, step, tokenOf(1)); fault.KindOf(err) != fault.Unavailable && !generated {
						t.Errorf("%s, made %v: %s: %v", name, made, step, err)
					}
				}
				if !generated && w.state.secrets[arn].has(Current) != "v0" || !w.works() {
					t.Errorf("%s: AWSCURRENT moved", name)
				}
			})
		}
	}
}

func TestTheTestTakesTheWholeWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begun(t, "secret, made here")
		w.window = 0
		for _, step := range []string{StepCreate, StepSet} {
			if err := w.step(r, step, tokenOf(1)); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		if err := w.step(r, StepTest, tokenOf(1)); err != nil || time.Since(start) != 30*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestOnlyTestSecretChecksTheConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begun(t, "secret, made here")
		out, err := r.Step(t.Context(), Event{Step: StepTest, SecretID: arn, Token: tokenOf(1)})
		if err != nil || out.Did != "tested_configuration" || slices.ContainsFunc(w.writes, func(b bool) bool { return b }) {
			t.Errorf("%+v, %v, %v", out, err, w.calls)
		}
	})
}

func TestALostAnswerIsRecoveredAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begun(t, "made by the tenant")
		w.every("RotateSecret", answerLost)
		out, err := r.Step(t.Context(), Event{Step: StepCreate, SecretID: arn, Token: tokenOf(1)})
		if err != nil || out.Note != "recovered" || w.posts != 1 || !w.works() {
			t.Errorf("%+v, %v, %d posts", out, err, w.posts)
		}
	})
}

func TestWhatCannotBeStoredIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begun(t, "made by the tenant")
		w.every("PutPending", notDone)
		out, err := r.Step(t.Context(), Event{Step: StepCreate, SecretID: arn, Token: tokenOf(1)})
		if fault.KindOf(err) != fault.Unavailable || out.Note != "rolled_back" || !w.works() {
			t.Errorf("%+v, %v, works %v", out, err, w.works())
		}
	})
}

func TestTheTenantMakesNoSecretThatCannotBeReadBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begun(t, "made by the tenant")
		w.hidden = true
		if err := w.step(r, StepCreate, tokenOf(1)); fault.Reason(err) != "secret_unreadable" || w.posts != 0 {
			t.Errorf("%v, %d posts", err, w.posts)
		}
	})
}

func TestRetireLeavesARotationAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d, c := rotatedKey(t)
		time.Sleep(48 * time.Hour)
		w.begin(tokenOf(2))
		if moves, err := d.Retire(t.Context(), arn); moves != 0 || err != nil || len(c.pool) != 2 {
			t.Errorf("%d moves, %v", moves, err)
		}
	})
}

func TestReplicasAreWaitedFor(t *testing.T) {
	for _, step := range []string{StepSet, StepFinish} {
		synctest.Test(t, func(t *testing.T) {
			w, r := begun(t, "secret, made here")
			for _, before := range []string{StepCreate, StepSet, StepTest} {
				if before == step {
					break
				}
				if err := w.step(r, before, tokenOf(1)); err != nil {
					t.Fatal(err)
				}
			}
			in := func(s ReplicaState) { w.edit(func(f *fakeSecret) { f.Replicas = []Replica{{"eu-west-3", s}} }) }
			in(ReplicaFailed)
			if err := w.step(r, step, tokenOf(1)); fault.Reason(err) != "replica_failed" {
				t.Errorf("%s: %v", step, err)
			}
			in(ReplicaBehind)
			if err := w.step(r, step, tokenOf(1)); fault.Reason(err) != "replicas_behind" {
				t.Errorf("%s: %v", step, err)
			}
			go func() { time.Sleep(20 * time.Second); in(ReplicaInSync) }()
			start := time.Now()
			if err := w.step(r, step, tokenOf(1)); err != nil || time.Since(start) < 20*time.Second {
				t.Errorf("%s: %v after %v", step, err, time.Since(start))
			}
		})
	}
}

func TestWhatAKeyIsStoredAs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begun(t, "secret to key")
		if err := w.once(r, tokenOf(1)); err != nil {
			t.Fatal(err)
		}
		c, err := clientsecretOf(w.state.secrets[arn], tokenOf(1))
		_, kid, keyErr := publicHalf(c)
		if err != nil || keyErr != nil || !c.ClientSecret.IsZero() || c.KeyID != kid || c.Alg != "RS256" || c.AuthMethod != KindKey {
			t.Errorf("%+v, %v, %v", c, err, keyErr)
		}
	})
}

func TestATokenThatIsTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begun(t, "secret, made here")
		if err := w.once(r, tokenOf(1)); err != nil {
			t.Fatal(err)
		}
		calls := len(w.calls)
		for _, step := range []string{StepFinish, StepCreate, StepTest, StepSet, StepFinish} {
			out, err := r.Step(t.Context(), Event{Step: step, SecretID: arn, Token: tokenOf(1)})
			if err != nil || out.Did != "nothing" {
				t.Errorf("%s: %+v, %v", step, out, err)
			}
		}
		for _, call := range w.calls[calls:] {
			if call != "Describe" {
				t.Errorf("a rotation that is over made the call %s", call)
			}
		}
		if _, err := r.Step(t.Context(), Event{Step: "create_secret", SecretID: arn, Token: tokenOf(1)}); err != nil {
			t.Errorf("over is over, whatever the step: %v", err)
		}
	})
}

// The tenant's read is behind: the secret was rotated, and the read shows the
// one before, which is stored. A second one must not be made.
func TestAnOldReadMakesNoSecondSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begun(t, "made by the tenant")
		w.state.clients[client].Secret = secretOf("made already") // which no read shows yet
		if err := w.step(r, StepCreate, tokenOf(1)); fault.Reason(err) != "answers_disagree" || w.posts != 0 {
			t.Errorf("%v, %d posts", err, w.posts)
		}
	})
}
