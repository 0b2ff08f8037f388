package rotation

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
)

// A step in which one call fails, and nothing else, has failed: what could not
// be read is never taken for an answer. The next try of it succeeds.
func TestAStepSaysWhatFailed(t *testing.T) {
	steps := []string{StepCreate, StepSet, StepTest, StepFinish}
	for name := range scenarios() {
		for at, step := range steps {
			calls := -1
			for n := -1; n < calls || n < 0; n++ {
				synctest.Test(t, func(t *testing.T) {
					w, r := begun(t, name)
					w.watching = false
					for _, before := range steps[:at] {
						if err := w.step(r, before, tokenOf(1)); err != nil {
							t.Fatal(err)
						}
					}
					begin, failed := len(w.calls), ""
					w.trouble = func(i int, call string, _ bool) trouble {
						if i != begin+n {
							return none
						}
						failed = call
						return notDone
					}
					err := w.step(r, step, tokenOf(1))
					if n < 0 {
						calls = len(w.calls) - begin
					}
					if failed == "PutPending" && err == nil && slices.Contains(w.calls, "RotateSecret") {
						return // tried again at once, for what the tenant made is stored nowhere else
					}
					if (err != nil) != (failed != "") || err != nil && (fault.KindOf(err) != fault.Unavailable || fault.Reason(err) != "unavailable") {
						t.Errorf("%s, %s, call %d, %s: %v", name, step, n, failed, err)
					}
				})
			}
		}
	}
}

// What the tenant refuses is said as it was said, and not waited for.
func TestAMoveThatFailsSaysWhy(t *testing.T) {
	for call, before := range map[string]func(*fakeClient){
		"AddKey":  nil,
		"UseKeys": nil,
		"DeleteKey": func(c *fakeClient) {
			for _, id := range []string{"a", "b", "x"} {
				c.own(id, id, false, 2*day, 9*day)
			}
			c.pool[1].Name, c.pool[2].Name = foreignName, foreignName
		},
		"SetExpiry": func(c *fakeClient) { c.pool[len(c.pool)-1].Expires = time.Now().Add(time.Minute) },
	} {
		synctest.Test(t, func(t *testing.T) {
			w, r := begun(t, "key")
			steps := []string{StepCreate}
			if call == "SetExpiry" {
				steps = append(steps, StepSet)
			}
			for _, step := range steps {
				if err := w.step(r, step, tokenOf(1)); err != nil {
					t.Fatal(err)
				}
			}
			if before != nil {
				w.edit(func(*fakeSecret) { before(w.state.clients[client]) })
			}
			w.every(call, notDone)
			start := time.Now()
			if err := w.step(r, StepSet, tokenOf(1)); fault.Reason(err) != "unavailable" || time.Since(start) > 0 {
				t.Errorf("%s: %v after %v", call, err, time.Since(start))
			}
		})
	}
}

// A tenant that does not show a change is waited for, but not for ever, and not
// beyond the deadline; the change is made once.
func TestATenantThatShowsNothingIsGivenUp(t *testing.T) {
	for reason, timeout := range map[string]time.Duration{"unsteady": time.Hour, "deadline_too_short": 4 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w, r := begun(t, "key")
			if err := w.step(r, StepCreate, tokenOf(1)); err != nil {
				t.Fatal(err)
			}
			w.tenantLag = time.Hour
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			_, err := r.Step(ctx, Event{Step: StepSet, SecretID: arn, Token: tokenOf(1)})
			uploads := 0
			for _, call := range w.calls {
				if call == "AddKey" {
					uploads++
				}
			}
			if fault.Reason(err) != reason || ctx.Err() != nil || uploads != 1 {
				t.Errorf("%v, want %s; %d uploads", err, reason, uploads)
			}
		})
	}
}

// The test of a secret takes the tenant's window, and does not begin where the
// deadline cannot pay for it.
func TestATestThatCannotEndDoesNotBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begun(t, "secret, made here")
		for _, step := range []string{StepCreate, StepSet} {
			if err := w.step(r, step, tokenOf(1)); err != nil {
				t.Fatal(err)
			}
		}
		w.calls = nil
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		start := time.Now()
		_, err := r.Step(ctx, Event{Step: StepTest, SecretID: arn, Token: tokenOf(1)})
		if fault.Reason(err) != "deadline_too_short" || time.Since(start) > 0 || slices.Contains(w.calls, "Login") {
			t.Errorf("%v after %v, calls %v", err, time.Since(start), w.calls)
		}
	})
}

func TestWhatIsNotThisTenantsOrNoStep(t *testing.T) {
	for name, test := range map[string]struct{ domain, tag, step, reason string }{
		"this tenant's":      {"acme.example", "acme.example", StepCreate, ""},
		"of no named tenant": {"acme.example", "", StepCreate, ""},
		"of a named tenant":  {"", "acme.example", StepCreate, ""},
		"another tenant's":   {"acme.example", "other.example", StepCreate, "other_tenant"},
		"a step of tomorrow": {"", "", "lockSecret", "unknown_step"},
		"no step":            {"", "", "", "unknown_step"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, r := begun(t, "secret, made here")
			r.Domain = test.domain
			w.edit(func(s *fakeSecret) { s.Tags[TagTenant] = test.tag })
			out, err := r.Step(t.Context(), Event{Step: test.step, SecretID: arn, Token: tokenOf(1)})
			if (err == nil) != (test.reason == "") || err != nil && fault.Reason(err) != test.reason || test.reason != "" && slices.Contains(w.writes, true) || err == nil && out.ClientID != client {
				t.Errorf("%s: %+v, %v, want %q; calls %v", name, out, err, test.reason, w.calls)
			}
		})
	}
}

// A rotation whose last label cannot be removed has not ended.
func TestTheEndIsNotReportedBeforeTheLabelIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begun(t, "secret, made here")
		if err := w.once(r, tokenOf(1)); err != nil {
			t.Fatal(err)
		}
		w.edit(func(s *fakeSecret) { s.label(Pending, tokenOf(1)) })
		w.every("RemoveLabel", notDone)
		if err := w.step(r, StepFinish, tokenOf(1)); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%v, want the removal's failure", err)
		}
	})
}

// A tenant that goes on refusing is left to the next try before the deadline,
// and no two trials are nearer to each other for it.
func TestATestEndsBeforeItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := begun(t, "secret, made here")
		for _, step := range []string{StepCreate, StepSet} {
			if err := w.step(r, step, tokenOf(1)); err != nil {
				t.Fatal(err)
			}
		}
		w.watching = false
		w.edit(func(*fakeSecret) { w.state.clients[client].become("client_secret_post", "by hand") })
		ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
		defer cancel()
		out, err := r.Step(ctx, Event{Step: StepTest, SecretID: arn, Token: tokenOf(1)})
		if fault.Reason(err) != "deadline_too_short" || ctx.Err() != nil || out.Refusals == 0 || out.Refusals > 5 {
			t.Errorf("%+v, %v", out, err)
		}
	})
}
