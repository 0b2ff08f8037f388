package rotation

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"clientkeeper/internal/clientsecret"
)

// restore brings a managed secret and its client together again after somebody
// changed the credential in the tenant, which stops rotations. It is for a
// person alone, who says which client it is: tags prove nothing.
//
//	the tenant has    do
//	current's         nothing
//	pending's         make it AWSCURRENT
//	previous's        previous_held: a rotation is what helps
//	none, of a key    store a new key as AWSPENDING, place it, make it AWSCURRENT
//	none, a secret    store it as AWSPENDING, make it AWSCURRENT
//	cannot be told    not_told
//
// What AWSPENDING held is dropped in the rows of none, for a rotation that
// stopped there cannot go on. A secret that was created without a value gets its
// first one by them, too; one that has lost AWSCURRENT, no_current. The tenant is
// not changed but for a key beside the others.
func (w *work) restore(ctx context.Context, s Secret, c Client) error {
	w.restoring = true
	w.secret, w.event = s, Event{SecretID: s.ID, Token: s.labelled(Pending)}
	pending, err := w.load(ctx, s, Pending)
	if err != nil {
		return err
	}
	if err := mayUseKeys(c); err != nil {
		return err
	}
	has, err := w.holding(ctx, c, pending)
	switch {
	case err != nil:
		return err
	case has == holdsCurrent:
		return w.settle(ctx, s.ID)
	case has == holdsPending:
		return w.promote(ctx)
	case has == holdsPrevious:
		return refuse("rotation.adopt", "previous_held", "the tenant accepts AWSPREVIOUS", "clientkeeper rotate sets a new credential in both")
	case has == holdsUnknown:
		return notTold("rotation.adopt")
	case s.labelled(Current) == "" && !s.empty():
		return refuse("rotation.adopt", "no_current", "the secret has no AWSCURRENT", "store the client's credential as its value")
	case !s.empty() && w.interrupted(s):
		return w.settle(ctx, s.ID)
	case c.AuthMethod == KindKey:
		return w.restoreKey(ctx, pending)
	}
	return w.restoreSecret(ctx, c)
}

// interrupted reports whether an adoption of a client with keys has just begun:
// the key is stored and not placed yet. Later, it may have been taken away on
// purpose.
func (w *work) interrupted(s Secret) bool {
	return s.labelled(Pending) == "" && s.labelled(Previous) == "" && s.LastRotated.IsZero() && time.Since(s.Created) < stuckAfter
}

// empty reports whether the secret was created without a value.
func (s Secret) empty() bool {
	return s.labelled(Current) == "" && s.labelled(Pending) == "" && s.labelled(Previous) == ""
}

// base is what a restored value begins with: the members that others put there.
func (w *work) base(ctx context.Context) (clientsecret.ClientSecret, error) {
	current, err := w.load(ctx, w.secret, Current)
	if err != nil {
		return clientsecret.ClientSecret{}, err
	}
	if current.usable(w.settings.ClientID) {
		return current.value, nil
	}
	return w.fresh(), nil
}

func (w *work) restoreSecret(ctx context.Context, c Client) error {
	if c.Secret.IsZero() {
		return unreadable()
	}
	value, err := w.base(ctx)
	if err != nil {
		return err
	}
	value = withSecret(value, c.Secret)
	value.AuthMethod = cmp.Or(c.AuthMethod, "client_secret_post")
	if err := w.storeNew(ctx, value); err != nil {
		return err
	}
	return w.promote(ctx)
}

// restoreKey places a key of ours beside what the client has: the one in
// AWSPENDING, which never was in use, or else a new one.
func (w *work) restoreKey(ctx context.Context, pending stored) error {
	if keyID(pending) == "" || !pending.usable(w.settings.ClientID) {
		if err := w.checkRoom(ctx); err != nil {
			return err
		}
		value, err := w.base(ctx)
		if err == nil {
			value, err = w.withNewKey(value)
		}
		if err == nil {
			err = w.storeNew(ctx, value)
		}
		if err != nil {
			return err
		}
		if pending, err = w.loadPending(ctx); err != nil {
			return err
		}
	}
	if _, err := w.place(ctx, pending); err != nil {
		return err
	}
	return w.promote(ctx)
}

// storeNew stores a value as a version of its own that is AWSPENDING.
func (w *work) storeNew(ctx context.Context, value clientsecret.ClientSecret) error {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // crypto/rand never fails
	w.event.Token = hex.EncodeToString(id)
	return w.put(ctx, value)
}

// promote makes AWSPENDING current, and tries it out.
func (w *work) promote(ctx context.Context) error {
	for range visibleTries {
		if err := w.refresh(ctx); err != nil {
			return err
		}
		if w.secret.labelled(Pending) == w.event.Token {
			break
		}
		if err := pause(ctx, visibleEvery); err != nil {
			return err
		}
	}
	pending, err := w.loadPending(ctx)
	if err == nil {
		err = w.forgetKeys(ctx, pending)
	}
	if current := w.secret.labelled(Current); err == nil && current != w.event.Token { // as a secret's first version is
		err = w.move(ctx, current)
	}
	if err != nil {
		return err
	}
	if err := w.clearPending(ctx); err != nil {
		return err
	}
	return w.testCurrent(ctx, pending) // the labels may be read as they were before
}
