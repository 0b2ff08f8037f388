package rotation

import (
	"context"

	"clientkeeper/internal/fault"
)

func (w *work) finish(ctx context.Context) error {
	pending, err := w.needPending(ctx)
	if err != nil {
		return err
	}
	if err := w.awaitReplicas(ctx); err != nil {
		return err
	}
	if err := w.confirm(ctx, pending); err != nil {
		return err
	}
	if err := w.forgetKeys(ctx, pending); err != nil {
		return err
	}
	return w.moveOn(ctx)
}

// moveOn makes AWSPENDING current.
func (w *work) moveOn(ctx context.Context) error {
	from := w.secret.labelled(Current)
	if from == "" {
		return refuse("rotation.finish", "no_current", "the secret has no AWSCURRENT to move", "clientkeeper doctor says what to do")
	}
	if err := w.move(ctx, from); err != nil {
		return err
	}
	w.out.Did = "finished"
	return w.clearPending(ctx)
}

// confirm keeps a step that came out of order from making a value current that
// the tenant does not know. It reads where it can, for a login costs a token;
// where a login proves nothing, what was read decides.
func (w *work) confirm(ctx context.Context, pending stored) error {
	has, known, err := w.tenantHas(ctx, pending)
	if err != nil || known && has {
		return err
	}
	p, err := w.prove(ctx, pending.value)
	switch {
	case err != nil || p == proven:
		return err
	case p == undecided && !known:
		return notTold("rotation.finish")
	}
	return later("rotation.finish", "not_applied", "the tenant does not accept the value that is to become AWSCURRENT", "let the rotation begin again with createSecret")
}

// move is a compare-and-swap. Where somebody else was faster, or the answer to
// an earlier try was lost, the labels say whether it is done.
func (w *work) move(ctx context.Context, from string) error {
	err := w.Store.MoveCurrent(ctx, w.secret.ID, w.event.Token, from)
	if kind := fault.KindOf(err); err == nil || kind != fault.Conflict && !kind.Transient() {
		return err
	}
	if readErr := w.refresh(ctx); readErr == nil && w.secret.labelled(Current) == w.event.Token {
		return nil
	}
	return err
}

func (w *work) refresh(ctx context.Context) error {
	s, err := w.Store.Describe(ctx, w.secret.ID)
	if err == nil {
		w.secret = s
	}
	return err
}

// clearPending takes AWSPENDING off the version that has become AWSCURRENT.
// Secrets Manager does so itself at the end, some say; where it does not, the
// label confuses the next rotation.
func (w *work) clearPending(ctx context.Context) error {
	p := w.secret.labelled(Pending)
	if p == "" || p != w.event.Token {
		return nil
	}
	err := w.Store.RemoveLabel(ctx, w.secret.ID, Pending, p)
	if fault.KindOf(err) == fault.Conflict && err != nil {
		return nil // it is no longer there
	}
	return err
}
