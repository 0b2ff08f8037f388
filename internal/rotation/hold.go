package rotation

import (
	"cmp"
	"context"
	"slices"
	"time"

	"clientkeeper/internal/fault"
)

// A holding says which stored credential the client's is.
type holding int

const (
	holdsUnknown  holding = iota // it cannot be told
	holdsPending                 // the value that is being made
	holdsCurrent                 // AWSCURRENT's
	holdsPrevious                // AWSPREVIOUS's: somebody went back
	holdsMade                    // one that the tenant made for an earlier try of ours, which could not store it
	holdsForeign                 // none that is stored: somebody changed it, or it never was this secret's
)

// A candidate is a stored credential that may be the client's.
type candidate struct {
	stored
	means holding
}

// holding finds out which stored credential the tenant accepts. Nothing is
// changed for a secret that stores none of them: tags say whose it is, and
// whoever may write tags could take over a client.
func (w *work) holding(ctx context.Context, c Client, pending stored) (holding, error) {
	current, err := w.load(ctx, w.secret, Current)
	if err != nil {
		return 0, err
	}
	previous, err := w.load(ctx, w.secret, Previous)
	if err != nil {
		return 0, err
	}
	next := w.next(current, pending)
	all := []candidate{{pending, holdsPending}, {current.sentAs(next), holdsCurrent}, {previous.sentAs(next), holdsPrevious}}
	kind := KindSecret
	if c.AuthMethod == KindKey {
		kind = KindKey
	}
	all = slices.DeleteFunc(all, func(s candidate) bool { return !s.usable(w.settings.ClientID) || kindOf(s.value) != kind })
	has := holdsForeign
	switch {
	case kind == KindKey:
		has, err = w.attachedOf(ctx, c, all)
	case c.Secret.IsZero():
		has, err = w.probe(ctx, all)
	default:
		has, err = w.shown(ctx, c, all)
	}
	if err == nil && has == holdsForeign && current.version != "" && !current.present {
		err = later("rotation.holding", "current_unseen", "AWSCURRENT cannot be read, and its credential may be the client's", "let Secrets Manager try again")
	}
	return has, err
}

// shown finds the stored secret that the tenant shows. One that is stored with
// another login method than the client's has to log in, or to be one of which a
// login tells nothing: it depends on the tenant whether it minds.
func (w *work) shown(ctx context.Context, c Client, all []candidate) (holding, error) {
	all = slices.DeleteFunc(all, func(s candidate) bool { return !holds(s.stored, c.Secret) })
	i := slices.IndexFunc(all, func(s candidate) bool { return sameMethod(s.stored, c) })
	switch {
	case i >= 0:
		return all[i].means, nil
	case len(all) > 0:
		has, err := w.probe(ctx, all)
		if has == holdsUnknown {
			has = all[0].means
		}
		return has, err
	case c.Mark != "" && c.Mark == w.mark():
		return holdsMade, nil
	}
	return holdsForeign, nil
}

// next is what a rotation goes by: the value that is being made, or the one that
// it would be made of.
func (w *work) next(current, pending stored) stored {
	if pending.usable(w.settings.ClientID) {
		return pending
	}
	return current
}

// sentAs is a stored secret with the login method of the one that is to replace
// it: that another method works says nothing of whether the new secret will.
func (s stored) sentAs(next stored) stored {
	if kindOf(s.value) == KindSecret && kindOf(next.value) == KindSecret {
		s.value.AuthMethod = withSecret(next.value, s.value.ClientSecret).AuthMethod
	}
	return s
}

// sameMethod reports whether a stored secret is sent as the client's method
// says. Where either names none that is client_secret_post.
func sameMethod(s stored, c Client) bool {
	const usual = "client_secret_post"
	return cmp.Or(s.value.AuthMethod, usual) == cmp.Or(c.AuthMethod, usual)
}

// probe tries the stored secrets in turn. One that is accepted has been
// applied. That none is counts after the tenant's window alone: until then one
// part of it may refuse the new secret, and another the old one.
func (w *work) probe(ctx context.Context, all []candidate) (holding, error) {
	every := w.window() / time.Duration(w.probes()-1)
	for try := 1; len(all) > 0; try++ {
		for _, s := range all {
			switch proof, err := w.prove(ctx, s.value); {
			case err != nil:
				return 0, err
			case proof == proven:
				return s.means, nil
			case proof == undecided:
				return holdsUnknown, nil
			}
		}
		if try == w.probes() {
			break
		}
		if err := pause(ctx, every); err != nil {
			return 0, err
		}
	}
	return holdsForeign, nil
}

// attachedOf finds the stored key that the client logs in with.
func (w *work) attachedOf(ctx context.Context, c Client, all []candidate) (holding, error) {
	pool, err := w.Tenant.Credentials(ctx, c.ID)
	if err != nil {
		return 0, err
	}
	has := holdsForeign
	for _, s := range all {
		switch proof, err := w.proveKey(ctx, c, pool, s.stored); {
		case err != nil:
			return 0, err
		case proof == proven:
			return s.means, nil
		case proof == undecided:
			has = holdsUnknown
		}
	}
	return has, nil
}

// proveKey finds out whether a stored private key is one that the client logs
// in with now. The kid that is stored beside it says nothing: anybody can write
// one. Its thumbprint does, and where the tenant knows the key by another kid,
// only a login does.
func (w *work) proveKey(ctx context.Context, c Client, pool []Credential, s stored) (proof, error) {
	_, thumb, err := publicHalf(s.value)
	if err != nil {
		return unproven, nil
	}
	named := false
	for _, k := range pool {
		if !attached(c, k) || expired(k, time.Now()) {
			continue
		}
		if k.KeyID == thumb {
			return proven, nil
		}
		named = named || k.KeyID != "" && k.KeyID == s.value.KeyID
	}
	if !named {
		return unproven, nil
	}
	return w.prove(ctx, s.value)
}

// notHeld refuses to change a client whose credential is not stored.
func notHeld(op string) error {
	return refuse(op, "not_held",
		"the tenant accepts nothing that the secret stores: somebody changed the client's credential or login method there, or the secret is not this client's",
		"find out who changed it; clientkeeper adopt stores what the client has, or a new key, and rotations go on")
}

// notTold refuses to change a client of which nothing can be learned.
func notTold(op string) error {
	return &fault.Error{Kind: fault.Denied, Op: op, Reason: "not_told",
		Detail: "the tenant neither shows the client's secret nor tells by a login whether it accepts one",
		Next:   "grant read:client_keys to the management client, or the client_credentials grant to the client"}
}
