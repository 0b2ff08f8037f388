package tenant

import (
	"errors"
	"math/rand/v2"
	"time"

	"clientkeeper/internal/secret"
)

// maxPropagation is the longest that a changed secret takes, after the docs
// page "Rotate Client Secrets": for up to 30 s the tenant may accept the old
// secret or the new one.
const maxPropagation = 30 * time.Second

// Acceptance says which secrets a login may use while a change spreads. Once
// the window is over all of them come to the same: only the newest works.
type Acceptance int

const (
	// AcceptBoth takes every secret that was in force during the window.
	AcceptBoth Acceptance = iota
	// AcceptEither draws one of the other three for each login, by
	// [Options.Seed] and the order of the client's logins.
	AcceptEither
	// AcceptOld takes only the secret from before the window.
	AcceptOld
	// AcceptNew takes only the newest: a change shows at once.
	AcceptNew
)

// A SecretLogin is one try to log in with a secret while a change spreads.
type SecretLogin struct {
	ClientID string
	N        int           // counts such tries of the client, from 1
	Since    time.Duration // since the newest change
}

// A Propagation is how changed secrets spread. The zero Propagation has them
// in force at once, everywhere.
type Propagation struct {
	// Window is how long a change takes by the tenant's clock, up to 30 s.
	Window time.Duration
	// Accept is what works until then.
	Accept Acceptance
	// Script, if set, decides in place of Accept. It is called with the tenant
	// locked: it must not call the tenant.
	Script func(SecretLogin) Acceptance
}

// SetPropagation replaces how changed secrets spread, also those whose change
// is under way. It refuses a window of more than 30 s.
func (t *Tenant) SetPropagation(p Propagation) error {
	if p.Window < 0 || p.Window > maxPropagation {
		return errors.New("tenant: secrets propagate within 30 s")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state.propagation = p
	return nil
}

// A reign is the time from which a secret was the client's.
type reign struct {
	secret secret.Value
	from   time.Time
}

// reigns are a client's secrets, oldest first: the one in force, and those
// before it that a login could still meet.
type reigns []reign

// current is the newest secret.
func (r reigns) current() secret.Value { return r[len(r)-1].secret }

// old is the index of the secret that was in force a window ago.
func (r reigns) old(now time.Time, window time.Duration) int {
	i := len(r) - 1
	for i > 0 && r[i].from.After(now.Add(-window)) {
		i--
	}
	return i
}

// accepted are the secrets that a login meets.
func (r reigns) accepted(a Acceptance, now time.Time, window time.Duration) reigns {
	old := r.old(now, window)
	switch a {
	case AcceptOld:
		return r[old : old+1]
	case AcceptNew:
		return r[len(r)-1:]
	}
	return r[old:]
}

// hold reports whether one of them is s. It looks at all of them, whatever it
// finds.
func (r reigns) hold(s secret.Value) bool {
	found := false
	for _, one := range r {
		found = one.secret.Equal(s) || found
	}
	return found && !s.IsZero()
}

// setSecret makes s the client's secret from now on, and reports whether it
// was another one.
func (t *Tenant) setSecret(c *client, s string) bool {
	t.watch.remember(s)
	now, value := t.opts.Now(), secret.New(s)
	if len(c.secrets) > 0 && c.secrets.current().Equal(value) {
		return false
	}
	if len(c.secrets) > 0 {
		c.secrets = c.secrets[c.secrets.old(now, maxPropagation):]
	}
	c.secrets = append(c.secrets[:len(c.secrets):len(c.secrets)], reign{value, now})
	return true
}

// knows reports whether a login with s succeeds. Asking counts as a login.
func (t *Tenant) knows(c *client, s string) bool {
	p, now := t.state.propagation, t.opts.Now()
	if c.secrets.old(now, p.Window) == len(c.secrets)-1 {
		return c.secrets.accepted(AcceptNew, now, p.Window).hold(secret.New(s))
	}
	c.logins++
	a := p.Accept
	if p.Script != nil {
		a = p.Script(SecretLogin{ClientID: c.id, N: c.logins, Since: now.Sub(c.secrets[len(c.secrets)-1].from)})
	}
	if a == AcceptEither {
		a = t.draw(c)
	}
	return c.secrets.accepted(a, now, p.Window).hold(secret.New(s))
}

// draw decides for one login of a client what AcceptEither means.
func (t *Tenant) draw(c *client) Acceptance {
	r := rand.New(rand.NewPCG(t.opts.Seed, uint64(c.seq)<<32|uint64(c.logins)))
	return []Acceptance{AcceptBoth, AcceptOld, AcceptNew}[r.IntN(3)]
}

// mayKnow reports whether a login with s could succeed, now or, with
// eventually, once all changes have spread. Asking is free.
func (t *Tenant) mayKnow(c *client, s string, eventually bool) bool {
	p := t.state.propagation
	a := p.Accept
	if a == AcceptEither || p.Script != nil {
		a = AcceptBoth
	}
	if eventually {
		a = AcceptNew
	}
	return c.secrets.accepted(a, t.opts.Now(), p.Window).hold(secret.New(s))
}
