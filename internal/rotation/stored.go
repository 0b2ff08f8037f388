package rotation

import (
	"context"
	"time"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/fault"
)

// A stored is what a version of a secret holds.
type stored struct {
	version string // empty: no version has the label
	present bool   // it has a value
	value   clientsecret.ClientSecret
	bad     error // it has a value that is not a client's
}

// usable reports whether it is a credential of the client.
func (s stored) usable(client string) bool {
	return s.present && s.bad == nil && s.value.ClientID == client
}

// load reads a version by its label, or nothing if none has it.
func (r *Rotator) load(ctx context.Context, s Secret, label string) (stored, error) {
	return r.loadVersion(ctx, s, s.labelled(label))
}

func (r *Rotator) loadVersion(ctx context.Context, s Secret, version string) (stored, error) {
	out := stored{version: version}
	if version == "" {
		return out, nil
	}
	v, err := r.Store.Value(ctx, s.ID, version)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return out, nil
		}
		return out, err
	}
	out.present = true
	parse := clientsecret.Parse
	if s.Tags[TagKind] == KindWebhook {
		parse = parseSigning
	}
	out.value, out.bad = parse(v)
	return out, nil
}

// visible is how often, and how far apart, a value that must be there is asked
// for: a version can be invisible for a moment after it was written.
const (
	visibleTries = 4
	visibleEvery = 500 * time.Millisecond
)

// loadPending reads the version that is being made, which has a value by now.
func (w *work) loadPending(ctx context.Context) (stored, error) {
	for try := 1; ; try++ {
		p, err := w.loadVersion(ctx, w.secret, w.event.Token)
		if err != nil || p.present || try == visibleTries {
			return p, err
		}
		if err := pause(ctx, visibleEvery); err != nil {
			return p, err
		}
	}
}

// needPending is loadPending for the steps that cannot go on without.
func (w *work) needPending(ctx context.Context) (stored, error) {
	p, err := w.loadPending(ctx)
	switch {
	case err != nil:
		return p, err
	case !p.present:
		return p, later("rotation.pending", "no_value", "AWSPENDING has no value yet", "let the rotation begin again with createSecret")
	case !p.usable(w.settings.ClientID):
		return p, foreignPending()
	}
	if w.settings.Kind != KindWebhook {
		w.out.Kind = kindOf(p.value)
	}
	return p, nil
}

func foreignPending() error {
	return refuse("rotation.pending", "pending_foreign", "AWSPENDING holds a value that is no credential of this secret's kind and client",
		"see what it is, then remove the label AWSPENDING (clientkeeper doctor shows how) and rotate again")
}

// kindOf says how a stored credential logs in. The value decides, not the tag:
// the tag may change while a rotation is under way.
func kindOf(c clientsecret.ClientSecret) string {
	if c.AuthMethod == KindKey || c.AuthMethod == "" && c.ClientSecret.IsZero() {
		return KindKey
	}
	return KindSecret
}

// reserve is what a step keeps back of its deadline for what comes after a wait.
const reserve = 3 * time.Second

// fits reports whether ctx leaves room to wait d and still do the work.
func fits(ctx context.Context, d time.Duration) bool {
	end, ok := ctx.Deadline()
	return !ok || time.Until(end) > d+reserve
}

// pause waits d, if the deadline can pay for it.
func pause(ctx context.Context, d time.Duration) error {
	if !fits(ctx, d) {
		return later("rotation.wait", "deadline_too_short", "the function's time does not pay for the wait", "raise the function's timeout if this repeats")
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
