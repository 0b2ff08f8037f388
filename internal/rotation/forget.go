package rotation

import (
	"context"
	"slices"

	"clientkeeper/internal/fault"
)

// forgetKeys deletes the keys that no version will name once AWSPREVIOUS is
// forgotten: its own, where the overlap is over and nobody can log in with it,
// and all of a client that went back to a secret and is given another. What is
// not stored and lacks our name would count as somebody else's for ever.
func (w *work) forgetKeys(ctx context.Context, pending stored) error {
	current, err := w.load(ctx, w.secret, Current)
	if err != nil {
		return err
	}
	previous, err := w.load(ctx, w.secret, Previous)
	if err != nil || keyID(previous) == "" || !previous.usable(w.settings.ClientID) || keyID(previous) == keyID(pending) || keyID(previous) == keyID(current) {
		return err
	}
	p, c, err := w.look(ctx, w.secret, w.settings)
	if err != nil {
		return err
	}
	p.want = keyID(pending)
	secrets := keyID(pending) == "" && keyID(current) == "" && usesSecret(c.AuthMethod)
	for _, k := range p.credentials {
		gone := k.KeyID == p.previous && p.disposable(k) || secrets && p.ours(k) && p.old(k)
		if !gone || p.isAttached(k) || slices.Contains(p.elsewhere, k.ID) {
			continue
		}
		if err := w.Tenant.DeleteKey(ctx, c.ID, k.ID); err != nil && fault.KindOf(err).Transient() {
			return err // else it is left over, which is no reason to stop here
		}
	}
	return nil
}
