package rotation

import (
	"cmp"
	"context"
	"time"

	"clientkeeper/internal/fault"
)

type setAction int

const (
	setNothing setAction = iota
	setSecret            // PATCH client_secret
	setSwitch            // PATCH the method and client_secret together
	setPlace             // a key: see planner.go
)

// planSet is the table of setSecret: what is done for a pending credential of a
// kind, by how the client logs in and which stored credential it has.
func planSet(kind, method string, has holding) (do setAction, note string, err error) {
	const op = "rotation.set"
	switch {
	case method != KindKey && !usesSecret(method):
		return 0, "", refuse(op, "other_method", "the client logs in neither with a secret nor with a key of private_key_jwt",
			"change its authentication method in the tenant, or remove "+TagManaged)
	case has == holdsForeign:
		return 0, "", notHeld(op)
	case has == holdsUnknown:
		return 0, "", notTold(op)
	case kind == KindKey:
		return setPlace, "", nil
	case has == holdsPending:
		return setNothing, "", nil
	case method == KindKey:
		return setSwitch, "migrated", nil
	case has == holdsPrevious || has == holdsMade:
		return setSecret, "drift", nil
	}
	return setSecret, "", nil
}

func (w *work) set(ctx context.Context) error {
	pending, err := w.needPending(ctx)
	if err != nil {
		return err
	}
	// From here on AWSCURRENT may be refused, wherever it is read: the copies
	// in other regions have to have what replaces it.
	if err := w.awaitReplicas(ctx); err != nil {
		return err
	}
	c, err := w.Tenant.Client(ctx, w.settings.ClientID)
	if err != nil {
		return err
	}
	has := holdsUnknown
	if c.AuthMethod == KindKey || usesSecret(c.AuthMethod) {
		if has, err = w.holding(ctx, c, pending); err != nil {
			return err
		}
	}
	action, note, err := planSet(kindOf(pending.value), c.AuthMethod, has)
	if err != nil {
		return err
	}
	w.out.Note = note
	switch action {
	case setNothing:
		w.out.Did = "nothing"
		return nil
	case setPlace:
		return w.setKey(ctx, pending)
	}
	return w.apply(ctx, action, pending, c)
}

// apply changes the tenant's secret while the version is still AWSPENDING. The
// look before it keeps the time short in which somebody can take the label
// away unnoticed; the look after it puts right what happened in that time.
func (w *work) apply(ctx context.Context, action setAction, pending stored, c Client) error {
	if err := w.stillOurs(ctx); err != nil {
		return err
	}
	var err error
	if action == setSwitch {
		err = w.switchToSecret(ctx, pending)
	} else {
		err = w.Tenant.SetSecret(ctx, c.ID, pending.value.ClientSecret)
	}
	if err != nil {
		return err
	}
	w.out.Did = "applied"
	if err = w.stillOurs(ctx); err != nil && fault.KindOf(err) == fault.Conflict {
		w.takeBack(ctx, c)
	}
	return err
}

// switchToSecret lets a client that uses keys log in with a secret instead. The
// secret is set first and left to spread while the keys still work, where the
// tenant takes one from such a client; Auth0 does not document whether it does.
// Otherwise method and secret are changed together, and until the tenant's
// window is over a part of it may know the new method and not the new secret.
func (w *work) switchToSecret(ctx context.Context, pending stored) error {
	err := w.Tenant.SetSecret(ctx, pending.value.ClientID, pending.value.ClientSecret)
	switch kind := fault.KindOf(err); {
	case err == nil:
		if err := pause(ctx, w.window()); err != nil {
			return err
		}
		if err := w.stillOurs(ctx); err != nil {
			return err
		}
	case kind == fault.Invalid || kind == fault.Conflict:
		w.out.Note = "migrated_at_once"
	default:
		return err
	}
	return w.useSecret(ctx, pending)
}

func (w *work) useSecret(ctx context.Context, s stored) error {
	return w.Tenant.UseSecret(ctx, s.value.ClientID, cmp.Or(s.value.AuthMethod, "client_secret_post"), s.value.ClientSecret)
}

// takeBack gives the tenant what AWSCURRENT holds: its secret, or the keys that
// the client had before it was switched.
func (w *work) takeBack(ctx context.Context, before Client) {
	w.out.Note = "rolled_back"
	current, err := w.load(ctx, w.secret, Current)
	switch {
	case err != nil || !current.usable(before.ID):
	case before.AuthMethod != KindKey && kindOf(current.value) == KindSecret:
		_ = w.Tenant.SetSecret(ctx, before.ID, current.value.ClientSecret)
	case before.AuthMethod == KindKey && kindOf(current.value) == KindKey && len(before.Attached) > 0:
		_ = w.Tenant.UseKeys(ctx, before.ID, before.Attached)
	}
}

// stillOurs reads the labels again, and keeps what it read.
func (w *work) stillOurs(ctx context.Context) error {
	s, err := w.Store.Describe(ctx, w.secret.ID)
	if err != nil {
		return err
	}
	w.secret = s
	s.RotationEnabled = s.RotationEnabled || w.restoring
	_, err = admit(s, w.event.Token)
	return err
}

// awaitReplicas waits until every copy of the secret has what this region has.
func (w *work) awaitReplicas(ctx context.Context) error {
	const every = time.Second
	for {
		behind := false
		for _, replica := range w.secret.Replicas {
			if replica.State == ReplicaFailed {
				return refuse("rotation.replicas", "replica_failed", "the replica in "+replica.Region+" has failed", "replicate the secret there again, or remove that replica")
			}
			behind = behind || replica.State != ReplicaInSync
		}
		if !behind {
			return nil
		}
		if !fits(ctx, every) {
			return later("rotation.replicas", "replicas_behind", "a replica is not in sync yet", "let Secrets Manager try again")
		}
		if err := pause(ctx, every); err != nil {
			return err
		}
		if err := w.stillOurs(ctx); err != nil {
			return err
		}
	}
}
