package rotation

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// The stories are the same in every run, so that a red test says something of
// the change at hand; -rapid.seed=0 tells new ones.
func init() { _ = flag.Set("rapid.seed", "1") }

// A turnstile lets one call of one process through at a time, in an order that
// is given.
type turnstile struct {
	waiting chan chan struct{}
	order   []int
}

// pass waits for its turn. It is called before every remote call.
func (t *turnstile) pass() {
	turn := make(chan struct{})
	t.waiting <- turn
	<-turn
}

// serve lets calls through until every process has ended. Where all wait for
// the time to pass, it passes.
func (t *turnstile) serve(done <-chan struct{}) {
	var queue []chan struct{}
	for {
		synctest.Wait()
		for more := true; more; {
			select {
			case turn := <-t.waiting:
				queue = append(queue, turn)
				synctest.Wait()
			default:
				more = false
			}
		}
		if len(queue) == 0 {
			select {
			case <-done:
				return
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		i := 0
		if len(t.order) > 0 {
			i, t.order = t.order[0]%len(queue), t.order[1:]
		}
		close(queue[i])
		queue = append(queue[:i], queue[i+1:]...)
	}
}

// A busy secret: Secrets Manager rotates it, delivers every step twice at
// once, two schedules start it again, a doctor repairs and retires, and
// somebody changes the tenant by hand. Every order of their calls, with faults
// between, must leave the promises standing.
func TestInterleavings(t *testing.T) {
	all := scenarios()
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(name string) bool {
		return name == "made by the tenant" // which makes two, if it is asked twice at the same moment
	})
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.SampledFrom(names).Draw(rt, "scenario")
		order := rapid.SliceOfN(rapid.IntRange(0, 11), 0, 150).Draw(rt, "order")
		faults := rapid.MapOfN(rapid.IntRange(0, 120), rapid.SampledFrom([]trouble{notDone, answerLost}), 0, 4).Draw(rt, "faults")
		human := rapid.Bool().Draw(rt, "human")
		stuckFor := rapid.SampledFrom([]time.Duration{0, 2 * time.Hour}).Draw(rt, "begun before")
		var problems []string
		synctest.Test(t, func(t *testing.T) {
			problems = all[name].storm(t, order, faults, human, stuckFor)
		})
		for _, p := range problems {
			rt.Error(name, p)
		}
		if len(problems) > 0 {
			rt.FailNow()
		}
	})
}

func (sc scenario) storm(t *testing.T, order []int, faults map[int]trouble, human bool, stuckFor time.Duration) []string {
	w, r := sc.prepare(t)
	w.begin(tokenOf(1))
	time.Sleep(stuckFor) // now the doctor may think that it is stuck
	gate := &turnstile{waiting: make(chan chan struct{}, 16), order: order}
	w.gate = gate.pass
	w.trouble = func(n int, _ string, _ bool) trouble { return faults[n] }
	d := &Doctor{Rotator: r, Catalog: fakeCatalog{w}}
	processes := []func(){
		func() { _ = w.rounds(r, tokenOf(1), 2) },
		func() { _ = w.rounds(r, tokenOf(1), 1) },
		func() { w.schedule(r, d) },
		func() { w.schedule(r, d) },
		func() { w.attend(d) },
	}
	if human && !w.management { // who does that to our own client locks us out
		processes = append(processes, w.byHand)
	}
	done, left := make(chan struct{}), make(chan struct{}, len(processes))
	for _, p := range processes {
		go func() { p(); left <- struct{}{} }()
		synctest.Wait() // so that they always queue in the same order
	}
	go func() {
		for range processes {
			<-left
		}
		close(done)
	}()
	gate.serve(done)
	w.gate, w.trouble = nil, nil
	return w.settled(r, d, sc.kind)
}

// rounds is an engine whose processes do not die.
func (w *world) rounds(r *Rotator, token string, tries int) (err error) {
	for range tries {
		if err = w.once(r, token); err == nil {
			return nil
		}
		time.Sleep(time.Second)
	}
	return err
}

// schedule starts a rotation, as two schedules may at the same time, and runs
// what Secrets Manager then runs.
func (w *world) schedule(r *Rotator, d *Doctor) {
	s, err := r.Store.Describe(context.Background(), arn)
	if err != nil || d.Catalog.Rotate(context.Background(), arn, startToken(time.Now(), s)) != nil {
		return
	}
	w.mu.Lock()
	token := w.started[len(w.started)-1]
	w.mu.Unlock()
	_ = w.rounds(r, token, 1)
}

func (w *world) attend(d *Doctor) {
	for range 3 {
		findings, _ := d.Examine(context.Background(), arn)
		for _, f := range findings {
			if f.Safe {
				_, _ = d.Repair(context.Background(), f)
			}
		}
		_, _ = d.Retire(context.Background(), arn)
		time.Sleep(time.Minute)
	}
}

func (w *world) byHand() {
	w.gate()
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.state.clients[client]
	if c.AuthMethod != KindKey {
		w.human = true
		c.Secret = secret.New("typed into the dashboard")
		w.past = append(w.past, w.state.clone())
	}
}

// settled reports what is wrong once everybody has stopped and Secrets Manager
// and the doctor have had time.
func (w *world) settled(r *Rotator, d *Doctor, kind string) []string {
	time.Sleep(3 * time.Hour)
	for range 3 {
		findings, err := d.Examine(context.Background(), arn)
		if err != nil {
			return []string{err.Error()}
		}
		for _, f := range findings {
			if f.Safe {
				_, _ = d.Repair(context.Background(), f)
			}
		}
	}
	var problems []string
	if !w.works() {
		problems = w.wayBack(d)
	}
	token := w.state.secrets[arn].describe().labelled(Pending)
	if token == "" {
		token = tokenOf(99)
	}
	time.Sleep(25 * time.Hour) // every overlap is over
	if err := w.engine(r, token, 2); err != nil {
		problems = append(problems, "not finished in the end: "+err.Error())
	} else if wrong := w.finished(token, kind); wrong != "" {
		problems = append(problems, wrong)
	}
	problems = append(problems, append(w.gaps, w.twice...)...)
	if len(problems) > 0 {
		problems = append(problems, fmt.Sprint(w.calls))
	}
	return problems
}

// wayBack is what a person does whose change in the tenant has stopped the
// rotations, which the doctor has to say.
func (w *world) wayBack(d *Doctor) (problems []string) {
	if !w.human {
		problems = append(problems, "nothing stored logs in, and nobody changed it by hand")
	}
	typed := w.state.clients[client].Secret
	findings, err := d.Examine(context.Background(), arn)
	if err != nil || !slices.ContainsFunc(findings, func(f Finding) bool {
		return !f.Safe && (f.Slug == "login_refused" || f.Slug == "pending_stuck") && strings.Contains(f.Repair, "adopt")
	}) {
		problems = append(problems, fmt.Sprintf("the doctor says %+v, %v", findings, err))
	}
	adopt := func() error {
		a := &Adopter{Rotator: d.Rotator, Catalog: d.Catalog}
		return a.AdoptSecret(context.Background(), arn, client, map[string]string{TagKind: w.state.secrets[arn].Tags[TagKind]})
	}
	if w.hidden {
		if err := adopt(); fault.Reason(err) != "secret_unreadable" {
			problems = append(problems, fmt.Sprintf("adopted what cannot be read: %v", err))
		}
		w.hidden = false
	}
	if err := adopt(); err != nil || !w.works() {
		problems = append(problems, fmt.Sprintf("adopted: %v, works %v", err, w.works()))
	}
	if !w.state.clients[client].Secret.Equal(typed) {
		problems = append(problems, "the secret that a person set was overwritten")
	}
	w.human = false
	return problems
}
