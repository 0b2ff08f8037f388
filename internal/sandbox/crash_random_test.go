package sandbox

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"clientkeeper/internal/app"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/handler"
	"clientkeeper/internal/rotation"
	"clientkeeper/internal/sandbox/tenant"
)

// The stories are the same in every run, so that a red test says something of
// the change at hand; -rapid.seed=0 tells new ones.
func init() { _ = flag.Set("rapid.seed", "1") }

// An incident is something that happens when a world sees its n-th call,
// whoever makes it.
type incident struct {
	n    int
	what string
}

func (i incident) String() string { return fmt.Sprintf("%d: %s", i.n, i.what) }

// fates are what can befall the call itself.
var fates = map[string]crashWay{
	"killed before": killBefore, "killed after": killAfter, "fails": failOnce, "answer lost": lostOnce, "answer dropped": dropOnce,
}

// doings are what others do meanwhile.
var doings = map[string]func(*turmoil){
	"a second rotation is asked for": (*turmoil).rotateAgain,
	"a doctor comes by":              (*turmoil).attend,
	"a scheduled run begins":         (*turmoil).schedule,
	"somebody changes the secret":    (*turmoil).changeSecret,
	"somebody adds a key":            (*turmoil).addKey,
}

// TestNoTurmoilLosesASecret plays what no enumeration covers: faults and
// crashes at any call, of the rotation or of its recovery, while a second
// rotation, doctors, scheduled runs and people interfere. Whatever happened, a
// rotation that is left alone afterwards has to end well.
func TestNoTurmoilLosesASecret(t *testing.T) {
	stories := 4
	if testing.Short() {
		stories = 1
	}
	few(t, stories)
	t.Parallel()
	shared := sharedBy(t)
	kinds := []string{"secret", "secret-unreadable", "secret-generated", "key", "secret-to-key", "key-to-secret", "management-secret", "management-key"}
	whats := append(slices.Sorted(maps.Keys(fates)), slices.Sorted(maps.Keys(doings))...)
	rapid.Check(t, func(rt *rapid.T) {
		incidents := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) incident {
			return incident{rapid.IntRange(1, 90).Draw(rt, "call"), rapid.SampledFrom(whats).Draw(rt, "what")}
		}), 1, 7).Draw(rt, "incidents")
		problems := make([][]string, len(kinds))
		var all sync.WaitGroup
		for i, kind := range kinds {
			all.Go(func() { problems[i] = storm(t.Context(), shared, kind, incidents) })
		}
		all.Wait()
		for i, kind := range kinds {
			for _, problem := range problems[i] {
				rt.Errorf("%s: %v: %s", kind, incidents, problem)
			}
		}
	})
}

// few bounds the stories of this test: each takes seconds of real time. Whoever
// asks for a number on the command line gets it.
func few(t *testing.T, n int) {
	t.Helper()
	checks := flag.Lookup("rapid.checks")
	if before := checks.Value.String(); before == checks.DefValue {
		t.Cleanup(func() { _ = checks.Value.Set(before) })
		if err := checks.Value.Set(fmt.Sprint(n)); err != nil {
			t.Fatal(err)
		}
	}
}

// A turmoil is a world in which incidents happen.
type turmoil struct {
	w    *crashWorld
	ctx  context.Context
	busy atomic.Int64 // others, who are at work

	mu     sync.Mutex
	errors []string // of the arrangement itself, which must not fail
	keys   int
	typed  string // the secret that somebody set last
}

// storm plays the incidents, then leaves everything alone, and reports what
// the checker found.
func storm(ctx context.Context, shared *crashShared, kind string, incidents []incident) (problems []string) {
	kinds, err := crashKindsNamed([]string{kind})
	if err != nil {
		return []string{err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, crashLimit)
	defer cancel()
	w, err := newCrashWorld(shared, kinds[0])
	if err != nil {
		return []string{err.Error()}
	}
	m := &turmoil{w: w, ctx: ctx}
	defer func() { m.note(nil, w.close()); problems = append(problems, m.errors...) }()
	w.kind.cold, w.check.loose = true, true
	w.stage.play(m.script(incidents))
	m.note(nil, w.rotate(ctx))
	m.settle()
	w.stage.play(func(int) fate { return fate{} })
	m.settle() // what others do makes others come, as long as the script is played
	m.note(nil, w.tidy(ctx))
	m.wayBack()
	w.events.forget()
	m.note(nil, w.rotate(ctx))
	m.note(nil, w.tidy(ctx))
	return w.outcome().problems
}

func (m *turmoil) note(_ any, err error) {
	if err == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.errors = append(m.errors, "the test itself: "+err.Error())
}

// others do something meanwhile.
func (m *turmoil) others(do func()) {
	m.busy.Add(1)
	go func() {
		defer m.busy.Add(-1)
		do()
	}()
}

// settle waits for the others, and for the rotation that they may have asked for.
func (m *turmoil) settle() {
	for m.busy.Load() > 0 {
		if err := wait(m.ctx, time.Millisecond); err != nil {
			m.note(nil, err)
			return
		}
	}
	m.note(nil, m.w.secrets.Idle(m.ctx))
}

// script is called with the turn held: what others do by themselves, beside
// their calls, must wait until it is over.
func (m *turmoil) script(incidents []incident) func(n int) fate {
	return func(n int) (f fate) {
		for _, i := range incidents {
			if i.n != n {
				continue
			}
			if way, is := fates[i.what]; is {
				f = fate{strike: true, way: way}
			} else {
				doings[i.what](m)
			}
		}
		return f
	}
}

func (m *turmoil) rotateAgain() {
	m.others(func() {
		// A refusal because of the rotation in progress is what has to happen.
		_ = m.w.ask("RotateSecret", map[string]any{"SecretId": m.w.arn, "ClientRequestToken": uuid.NewString()}, nil)
	})
}

func (m *turmoil) schedule() {
	m.others(func() {
		p, err := m.w.start()
		if m.note(nil, err); err == nil {
			_, _ = p.schedule.Handle(m.ctx, handler.ScheduleEvent{}) // it may meet the faults as well
		}
	})
}

// attend examines the secret, repairs what is safe to repair, and retires keys.
func (m *turmoil) attend() {
	m.others(func() {
		r, catalog, err := app.RotationIn(m.w.aws, m.w.config, crashWindow)
		if err != nil {
			m.note(nil, err)
			return
		}
		d := &rotation.Doctor{Rotator: r, Catalog: catalog}
		findings, err := d.Examine(m.ctx, m.w.arn)
		if err != nil {
			return
		}
		for _, f := range findings {
			if f.Safe {
				_, _ = d.Repair(m.ctx, f) // it may meet the faults as well
			}
		}
	})
}

// changeSecret is somebody in the dashboard. Whoever does that to the
// management client without telling us locks us out, and there is no remedy.
func (m *turmoil) changeSecret() {
	if m.w.kind.management {
		return
	}
	typed, err := m.w.tenant.ChangeSecret(m.w.client, "")
	m.note(nil, err)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.typed = typed
}

// wayBack is what the doctor tells a person whose change has stopped the
// rotations: nothing that is stored logs in, and nobody overwrites the change.
func (m *turmoil) wayBack() {
	c := m.w.check
	m.w.stage.turn.Lock()
	by, works := c.changedByHand(), slices.ContainsFunc(c.stored(c.secret()), func(v storedCredential) bool { _, later := c.works(v); return later })
	m.w.stage.turn.Unlock()
	if works {
		return
	}
	if !by {
		m.note(nil, errors.New("nothing that is stored logs in, and nobody changed it by hand"))
	}
	r, catalog, err := app.RotationIn(m.w.aws, m.w.config, crashWindow)
	if err == nil {
		a := &rotation.Adopter{Rotator: r, Catalog: catalog}
		err = a.AdoptSecret(m.ctx, m.w.arn, m.w.client, map[string]string{rotation.TagKind: m.w.tagKind()})
	}
	if fault.Reason(err) == "secret_unreadable" && m.w.kind.unreadable {
		_, err = m.w.secrets.Put("client", m.w.stored(m.w.client, m.typed, nil), nil) // by hand, that is
	}
	m.note(nil, err)
}

// addKey is somebody who uploads a key beside ours, once: with another one the
// pool would be full of keys that nobody may delete.
func (m *turmoil) addKey() {
	m.mu.Lock()
	m.keys++
	again := m.keys > 1
	m.mu.Unlock()
	if again {
		return
	}
	text, err := publicPEM(m.w.shared.signer)
	if err != nil {
		m.note(nil, err)
		return
	}
	id, err := m.w.tenant.AddCredential(m.w.client, tenant.NewKey{PEM: text, Name: "of a person"})
	if err != nil {
		if !strings.Contains(err.Error(), "credential") {
			m.note(nil, err)
		}
		return // the pool is full at the moment
	}
	for _, k := range m.w.tenant.Credentials(m.w.client) {
		if k.CredentialID == id {
			m.w.check.pool[id] = k
		}
	}
}
