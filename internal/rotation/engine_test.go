package rotation

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/secret"
)

// engine rotates as Secrets Manager does: steps in order, each with a time
// limit, and the whole again from createSecret when one failed.
func (w *world) engine(r *Rotator, token string, tries int) error {
	w.begin(token)
	var err error
	for range tries {
		if err = w.once(r, token); err == nil {
			w.edit(func(s *fakeSecret) { s.LastRotated = time.Now() })
			return nil
		}
		time.Sleep(time.Minute)
	}
	return err
}

func (w *world) once(r *Rotator, token string) error {
	for _, step := range []string{StepCreate, StepSet, StepTest, StepFinish} {
		if err := w.step(r, step, token); err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
	}
	return nil
}

// step runs one step in a process that may die.
func (w *world) step(r *Rotator, step, token string) (err error) {
	defer func() {
		if dead, ok := recover().(crash); ok {
			err = fmt.Errorf("the process died at %s", dead.at)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	_, err = r.Step(ctx, Event{Step: step, SecretID: arn, Token: token})
	return err
}

// A scenario is a way to rotate, for every test that breaks something.
type scenario struct {
	tags    map[string]string
	initial func(*testing.T, *Rotator) clientsecret.ClientSecret
	setup   func(*world)
	kind    string // what AWSCURRENT must be at the end
}

func scenarios() map[string]scenario {
	local := func(*testing.T, *Rotator) clientsecret.ClientSecret { return secretJSON("initial") }
	keyTags := map[string]string{TagKind: KindKey}
	return map[string]scenario{
		"secret, made here":           {nil, local, nil, KindSecret},
		"secret, scope hides it":      {nil, local, func(w *world) { w.hidden = true }, KindSecret},
		"secret, no grant":            {nil, local, func(w *world) { w.noGrant = true }, KindSecret},
		"secret, hidden and no grant": {nil, local, func(w *world) { w.hidden, w.noGrant = true, true }, KindSecret},
		"secret, grant comes first":   {nil, local, func(w *world) { w.noGrant, w.grantFirst = true, true }, KindSecret},
		"secret, slow reads":          {nil, local, func(w *world) { w.storeLag, w.tenantLag = time.Second, time.Second }, KindSecret},
		"made by the tenant":          {map[string]string{TagStrategy: StrategyGenerated}, local, nil, KindSecret},
		"key":                         {keyTags, keyJSON, nil, KindKey},
		"key, slow reads":             {keyTags, keyJSON, func(w *world) { w.storeLag, w.tenantLag = time.Second, time.Second }, KindKey},
		"key, no grant":               {keyTags, keyJSON, func(w *world) { w.noGrant = true }, KindKey},
		"secret to key":               {keyTags, local, nil, KindKey},
		"key to secret":               {nil, keyJSON, nil, KindSecret},
		"key to secret, at once":      {nil, keyJSON, func(w *world) { w.strict = true }, KindSecret},
		"our own client":              {nil, local, func(w *world) { w.management = true }, KindSecret},
		"our own client's key":        {keyTags, keyJSON, func(w *world) { w.management = true }, KindKey},
		"our own client, to a key":    {keyTags, local, func(w *world) { w.management = true }, KindKey},
		"our own client, generated":   {map[string]string{TagStrategy: StrategyGenerated}, local, func(w *world) { w.management = true }, KindSecret},
	}
}

// prepare sets a scenario up.
func (sc scenario) prepare(t *testing.T) (*world, *Rotator) {
	w := newWorld(t)
	r := w.rotator()
	w.put(sc.tags, sc.initial(t, r))
	if sc.setup != nil {
		sc.setup(w)
	}
	if w.management {
		r.Self = func(context.Context) (string, error) { return client, nil }
	}
	time.Sleep(48 * time.Hour) // no window and no overlap is open
	return w, r
}

// finished reports what is wrong with the end of a rotation.
func (w *world) finished(token, kind string) string {
	s := w.state.secrets[arn]
	c, err := clientsecretOf(s, token)
	switch {
	case s.has(Current) != token:
		return "AWSCURRENT is elsewhere"
	case s.has(Pending) != "":
		return "AWSPENDING is left over"
	case err != nil || kindOf(c) != kind:
		return fmt.Sprintf("AWSCURRENT holds %v, %v", kindOf(c), err)
	case !w.state.clients[client].takes(c, w.state.clients[client].now()):
		return "AWSCURRENT does not log in"
	}
	return ""
}

func TestEveryKindRotates(t *testing.T) {
	for name, sc := range scenarios() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, r := sc.prepare(t)
				if err := w.engine(r, tokenOf(1), 1); err != nil {
					t.Fatal(err)
				}
				if wrong := w.finished(tokenOf(1), sc.kind); wrong != "" {
					t.Error(wrong)
				}
				w.report()
				if w.strict != (w.waits > 0) {
					t.Errorf("%d looks found a secret that does not log in everywhere yet", w.waits)
				}
			})
		})
	}
}

// report fails the test for what the checker saw.
func (w *world) report() {
	w.t.Helper()
	for _, gap := range w.gaps {
		w.t.Errorf("%s (calls: %v)", gap, w.calls)
	}
	for _, twice := range w.twice {
		w.t.Errorf("%s (calls: %v)", twice, w.calls)
	}
}

func clientsecretOf(s *fakeSecret, version string) (clientsecret.ClientSecret, error) {
	return clientsecret.Parse(secret.New(s.values[version]))
}
