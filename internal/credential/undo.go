package credential

import (
	"context"
	"time"

	"clientkeeper/internal/fault"
)

// withdraw removes what an earlier try made for grants that are no longer
// allowed, and returns the refusal. What that try has made whole stays: its
// grants were made while they were allowed.
func (m *making) withdraw(ctx context.Context, refusal error) error {
	if !m.op.Resumed {
		return refusal
	}
	found, err := m.find(ctx, m.secretName(slugOf(m.want.Name), m.op), false)
	switch {
	case err != nil:
		return err
	case !found:
		return refusal
	case m.value.ClientID != "":
		return nil
	}
	if _, err := m.marked(ctx); err != nil {
		return err
	}
	return undone(refusal, m.undo(ctx))
}

// undo removes what was made for a client that the tenant refuses: first the
// client, if there is one, then the secret, so that a crash in between leaves a
// secret that says what it belongs to.
func (m *making) undo(ctx context.Context) error {
	if m.arn == "" {
		return nil
	}
	if m.clientID != "" {
		if err := m.Tenant.DeleteClient(ctx, m.clientID); err != nil {
			return err
		}
	}
	return m.Store.Erase(ctx, m.arn)
}

// undone is what a refused request fails with. Where what was made could not be
// removed for now, it is to be repeated, to be refused again; where it may not
// be removed, the doctor names it.
func undone(refusal, err error) error {
	if err == nil || !fault.KindOf(err).Transient() {
		return refusal
	}
	return &fault.Error{Kind: fault.Unavailable, Op: "credential.undo", Reason: "refused_half_way", Err: err, RetryAfter: time.Second,
		Detail: "the tenant refuses this, and what was made for it could not be removed yet", Next: "repeat the request with the same key to hear why"}
}
