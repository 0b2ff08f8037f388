package rotation

import (
	"context"
	"slices"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/fault"
)

// forgetKey deletes the key that AWSPREVIOUS holds while a client that went
// back to a secret gets its next one: the coming move leaves no version with
// that key, and [Doctor.Retire] would never learn of it. Nobody can log in with
// it any more. Where the tenant does not let us, the rotation is worth more.
func (w *work) forgetKey(ctx context.Context, pending stored) error {
	if kindOf(pending.value) == KindKey {
		return nil // the planner knows what it may do with keys
	}
	previous, err := w.load(ctx, w.secret, Previous)
	if err != nil || keyID(previous) == "" || previous.version == w.event.Token {
		return err
	}
	p, c, err := w.look(ctx, w.secret, w.settings)
	if err != nil {
		return unlessDenied(err)
	}
	k, there := p.byKeyID(p.previous)
	if !there || c.AuthMethod == KindKey || p.current != "" || p.isAttached(k) || slices.Contains(p.elsewhere, k.ID) {
		return nil
	}
	return unlessDenied(w.make(ctx, p, keyMove{do: keyDelete, id: k.ID}, clientsecret.ClientSecret{ClientID: w.settings.ClientID}))
}

// unlessDenied keeps an error that another try of the step may not meet.
func unlessDenied(err error) error {
	if fault.KindOf(err).Transient() {
		return err
	}
	return nil
}
