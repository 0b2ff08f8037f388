package rotation

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
)

var whsecs = []string{"whsec_" + strings.Repeat("a", 40), "whsec_" + strings.Repeat("b", 40)}

// signed is a signing secret to rotate, and nothing in the tenant.
func signed(t *testing.T) (*world, *Rotator) {
	w := newWorld(t)
	w.watching = false
	w.put(map[string]string{TagKind: KindWebhook}, secretJSON("not looked at"))
	delete(w.state.clients, client)
	w.edit(func(s *fakeSecret) {
		delete(s.Tags, TagClientID)
		s.values["v0"] = fmt.Sprintf(`{ "note": "\u00e9", "whsec" : %q,"x": {"whsec":1} }`, whsecs[0])
	})
	time.Sleep(48 * time.Hour)
	return w, w.rotator()
}

// verifies reports whether everybody who verifies accepts what a sender signs
// with: AWSCURRENT.
func (w *world) whsec(label string) string {
	s := w.state.secrets[arn]
	v, _, err := readSigning(secretOf(s.values[s.has(label)]))
	if err != nil {
		return ""
	}
	return v.Reveal()
}

func TestASigningSecretRotates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := signed(t)
		r.Window = 2 * time.Second // the tenant's, which verifiers do not know
		start := time.Now()
		if err := w.engine(r, tokenOf(1), 1); err != nil {
			t.Fatal(err)
		}
		if w.whsec(Previous) != whsecs[0] || w.whsec(Current) == whsecs[0] || !validWhsec(w.whsec(Current)) || w.state.secrets[arn].has(Pending) != "" {
			t.Errorf("current %q, previous %q", w.whsec(Current), w.whsec(Previous))
		}
		if want := fmt.Sprintf(`{ "note": "\u00e9", "whsec" : %q,"x": {"whsec":1} }`, w.whsec(Current)); w.state.secrets[arn].values[tokenOf(1)] != want {
			t.Errorf("stored %s, want %s", w.state.secrets[arn].values[tokenOf(1)], want)
		}
		if took := time.Since(start); took < time.Minute {
			t.Errorf("current after %v, and verifiers read once a minute", took)
		}
		for _, call := range w.calls {
			if !strings.Contains("Describe Value PutPending MoveCurrent RemoveLabel", call) {
				t.Errorf("the tenant was asked: %s", call)
			}
		}
	})
}

func TestNoCrashLosesASigningSecret(t *testing.T) {
	for n := range 30 {
		for what, text := range troubles {
			synctest.Test(t, func(t *testing.T) {
				w, r := signed(t)
				w.trouble = func(i int, _ string, _ bool) trouble {
					if i == n {
						return what
					}
					return none
				}
				if err := w.engine(r, tokenOf(1), tries); err != nil || w.whsec(Previous) != whsecs[0] || w.whsec(Current) == "" || len(w.twice) > 0 {
					t.Errorf("call %d %s: %v, %v", n, text, err, w.twice)
				}
			})
		}
	}
}

func TestWhatASigningSecretMayBe(t *testing.T) {
	for text, ok := range map[string]bool{
		fmt.Sprintf(`{"whsec":%q}`, whsecs[0]): true, fmt.Sprintf(" {\"a\":[1],\"whsec\":%q}\n", whsecs[0]): true,
		`{"whsec":"whsec_YQ=="}`: false, `{"whsec":1}`: false, `{}`: false, ``: false, `[]`: false, `"whsec"`: false,
		fmt.Sprintf(`{"whsec":%q,"whsec":%q}`, whsecs[0], whsecs[1]): false, fmt.Sprintf(`{"whsec":%q} x`, whsecs[0]): false,
		fmt.Sprintf(`{"whsec":%q`, whsecs[0]): false, fmt.Sprintf(`{"whsec":%q}`, whsecs[0][6:]): true,
	} {
		v, at, err := readSigning(secretOf(text))
		if (err == nil) != ok || ok && text[at.begin:at.end] != `"`+v.Reveal()+`"` || err != nil && strings.Contains(err.Error(), whsecs[0]) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The rows of createSecret's table that a signing secret can come to.
func TestStatesOfASigningSecret(t *testing.T) {
	good := func(i int) string { return fmt.Sprintf(`{"whsec":%q}`, whsecs[i]) }
	for name, test := range map[string]struct{ pending, current, reason string }{
		"nothing yet":         {"", good(0), ""},
		"an earlier try's":    {good(1), good(0), ""},
		"no signing secret":   {ours("x"), good(0), "pending_foreign"},
		"what is current":     {good(0), good(0), "pending_stale"},
		"nothing is current":  {"", "", "no_current"},
		"a client is current": {"", ours("x"), "secret_malformed"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, r := signed(t)
			w.begin(tokenOf(1))
			w.edit(func(s *fakeSecret) { s.values["v0"], s.values[tokenOf(1)] = test.current, test.pending })
			err := w.once(r, tokenOf(1))
			if (err == nil) != (test.reason == "") || err != nil && fault.Reason(err) != test.reason {
				t.Errorf("%s: %v, want %q", name, err, test.reason)
			}
		})
	}
}

func TestTheDoctorOfASigningSecret(t *testing.T) {
	for name, test := range map[string]struct {
		make    func(*fakeSecret)
		want    string // empty: well
		safe    bool
		current string // afterwards
	}{
		"well":      {func(*fakeSecret) {}, "", true, "v0"},
		"stuck":     {func(s *fakeSecret) { add(s, "p", Pending, fmt.Sprintf(`{"whsec":%q}`, whsecs[1]), 2*time.Hour) }, "pending_stuck", true, "p"},
		"stale":     {func(s *fakeSecret) { add(s, "p", Pending, fmt.Sprintf(`{"whsec":%q}`, whsecs[1]), 90*day) }, "pending_stale", true, "v0"},
		"foreign":   {func(s *fakeSecret) { add(s, "p", Pending, ours("x"), 2*time.Hour) }, "pending_foreign", false, "v0"},
		"malformed": {func(s *fakeSecret) { s.values["v0"] = ours("x") }, "current_unusable", false, "v0"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, r := signed(t)
			w.edit(test.make)
			d := &Doctor{Rotator: r, Catalog: fakeCatalog{w}}
			found, err := d.Examine(t.Context(), arn)
			if err != nil || (test.want == "") != (len(found) == 0) {
				t.Fatalf("%s: %+v, %v", name, found, err)
			}
			for _, f := range found {
				if f.Slug != test.want || f.Safe != test.safe {
					t.Errorf("%s: %+v", name, f)
				}
				if f.Safe {
					_, err = d.Repair(t.Context(), f)
				}
			}
			if got := w.state.secrets[arn].has(Current); err != nil || got != test.current {
				t.Errorf("%s: %v, AWSCURRENT on %s", name, err, got)
			}
		})
	}
}

func TestAnOldSigningSecretIsRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := signed(t)
		if err := w.engine(r, tokenOf(1), 1); err != nil {
			t.Fatal(err)
		}
		d := &Doctor{Rotator: r, Catalog: fakeCatalog{w}}
		for want := 1; want >= 0; want-- {
			if moves, err := d.Revoke(t.Context(), arn); moves != want || err != nil || w.whsec(Previous) != "" {
				t.Errorf("%d moves, %v, previous %q", moves, err, w.whsec(Previous))
			}
		}
		if moves, err := d.Retire(t.Context(), arn); moves != 0 || err != nil {
			t.Errorf("%d moves, %v", moves, err)
		}
	})
}

func TestSigningSecretsShareNoClient(t *testing.T) {
	now := time.Now()
	var all []Secret
	for i := range 3 {
		all = append(all, Secret{ID: fmt.Sprint(i), Tags: map[string]string{TagManaged: "true", TagKind: KindWebhook, TagInterval: "30d"},
			Created: now.Add(-90 * day), Versions: []Version{{ID: "v", Labels: []string{Current}}}, RotationEnabled: true})
	}
	if plan := PlanRotations(now, all, Policy{}); len(plan.Start) != 3 {
		t.Errorf("%+v", plan)
	}
}
