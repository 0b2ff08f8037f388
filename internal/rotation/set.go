package rotation

import (
	"cmp"
	"context"
	"time"

	"clientkeeper/internal/fault"
)

// A holding says whose value the tenant has for a client.
type holding int

const (
	holdsUnknown  holding = iota // it cannot be told
	holdsPending                 // the value that is being made
	holdsCurrent                 // AWSCURRENT's
	holdsPrevious                // AWSPREVIOUS's: somebody went back
	holdsForeign                 // none that is stored: somebody changed it
)

type setAction int

const (
	setNothing setAction = iota
	setSecret            // PATCH client_secret
	setSwitch            // PATCH the method and client_secret together
)

// planSet is the table of setSecret for shared secrets.
func planSet(method string, has holding) (do setAction, note string, err error) {
	switch {
	case method == KindKey:
		return setSwitch, "migrated", nil
	case !usesSecret(method):
		return 0, "", refuse("rotation.set", "not_a_secret_client",
			"the client logs in neither with a secret nor with a key of private_key_jwt", "change its authentication method in the tenant, or remove "+TagManaged)
	case has == holdsPending:
		return setNothing, "", nil
	case has == holdsPrevious || has == holdsForeign:
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
	if kindOf(pending.value) == KindKey {
		return w.setKey(ctx, pending)
	}
	c, err := w.Tenant.Client(ctx, w.settings.ClientID)
	if err != nil {
		return err
	}
	has := holdsUnknown
	if usesSecret(c.AuthMethod) {
		if has, err = w.holding(ctx, c, pending); err != nil {
			return err
		}
	}
	action, note, err := planSet(c.AuthMethod, has)
	if err != nil {
		return err
	}
	w.out.Note = note
	if action == setNothing {
		w.out.Did = "nothing"
		return nil
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
		err = w.useSecret(ctx, pending)
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
	_, err = admit(s, w.event.Token)
	return err
}

// holding finds out whose value the tenant has: by reading it where the scope
// allows, else by trial logins.
func (w *work) holding(ctx context.Context, c Client, pending stored) (holding, error) {
	if holds(pending, c.Secret) && !c.Secret.IsZero() {
		return holdsPending, nil
	}
	current, err := w.load(ctx, w.secret, Current)
	if err != nil {
		return 0, err
	}
	previous, err := w.load(ctx, w.secret, Previous)
	if err != nil {
		return 0, err
	}
	if !c.Secret.IsZero() {
		switch {
		case holds(current, c.Secret):
			return holdsCurrent, nil
		case holds(previous, c.Secret):
			return holdsPrevious, nil
		}
		return holdsForeign, nil
	}
	return w.probe(ctx, pending, current, previous)
}

// probe tries the stored values in turn. One that is accepted has been applied,
// and is or will soon be the only one.
func (w *work) probe(ctx context.Context, pending, current, previous stored) (holding, error) {
	for _, try := range []struct {
		stored
		means holding
	}{{pending, holdsPending}, {current, holdsCurrent}, {previous, holdsPrevious}} {
		if !try.usable(w.settings.ClientID) || kindOf(try.value) != KindSecret {
			continue
		}
		proof, err := w.prove(ctx, try.value)
		if err != nil {
			return 0, err
		}
		switch proof {
		case proven:
			return try.means, nil
		case undecided:
			return holdsUnknown, nil
		}
	}
	return holdsForeign, nil
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
