package rotation

import (
	"slices"
	"strings"
	"time"
)

// The limits of the tenant: credentials in a slot and in a client's pool.
const (
	maxAttached = 2
	maxPooled   = 4
)

// NamePrefix begins the name of every credential that we upload.
const NamePrefix = "clientkeeper "

// orphanAge is how old a credential of ours that no version stores has to be
// before it is deleted as a left-over.
const orphanAge = time.Hour

// A pool is what the planner knows of a client's keys.
type pool struct {
	now         time.Time
	credentials []Credential
	attached    []string // ids in the private_key_jwt slot
	elsewhere   []string // ids that other slots use

	want     string // kid of the key to attach; empty: none, only tidy up
	current  string // kids of the stored versions; empty: none, or no key
	previous string
	unseen   bool          // AWSCURRENT has a version whose value cannot be read
	overlap  time.Time     // until when the previous key stays attached
	age      time.Duration // how old a left-over has to be to be tidied up
	renew    time.Time     // expiry that a key gets; zero: none
	renewBy  time.Time     // a wanted key that expires before this is renewed
}

type keyAction int

const (
	keyDone   keyAction = iota
	keyUpload           // the public half of the wanted key
	keyAttach           // set: the whole new slot, with the wanted key
	keyDetach           // set: the whole new slot, without something of ours
	keyDelete           // id
	keyRenew            // id: its expiry is too near
)

// A keyMove is one call to the tenant.
type keyMove struct {
	do  keyAction
	id  string
	set []string
}

func attached(c Client, k Credential) bool { return slices.Contains(c.Attached, k.ID) }

func expired(k Credential, now time.Time) bool { return !k.Expires.IsZero() && !k.Expires.After(now) }

// stored reports whether a version holds the private half.
func (p pool) stored(k Credential) bool {
	return k.KeyID != "" && (k.KeyID == p.want || k.KeyID == p.current || k.KeyID == p.previous)
}

// ours reports whether we may touch a credential.
func (p pool) ours(k Credential) bool { return p.stored(k) || strings.HasPrefix(k.Name, NamePrefix) }

// disposable reports whether nobody is meant to log in with it any more.
func (p pool) disposable(k Credential) bool {
	switch {
	case !p.ours(k), k.KeyID != "" && (k.KeyID == p.want || k.KeyID == p.current):
		return false
	case expired(k, p.now):
		return true
	}
	return k.KeyID != p.previous || !p.now.Before(p.overlap)
}

func (p pool) isAttached(k Credential) bool { return slices.Contains(p.attached, k.ID) }

func (p pool) byKeyID(kid string) (Credential, bool) {
	i := slices.IndexFunc(p.credentials, func(k Credential) bool { return kid != "" && k.KeyID == kid })
	if i < 0 {
		return Credential{}, false
	}
	return p.credentials[i], true
}

// keepsOne reports whether a slot has a key that works and that is stored.
func (p pool) keepsOne(slot []string) bool {
	return slices.ContainsFunc(p.credentials, func(k Credential) bool {
		return slices.Contains(slot, k.ID) && p.stored(k) && !expired(k, p.now)
	})
}

// next is the table of setSecret for keys: the one call that leads on from
// here, or why there is none. Each is safe by itself, for it may be the last.
func (p pool) next() (keyMove, error) {
	k, uploaded := p.byKeyID(p.want)
	switch {
	case uploaded && !k.Expires.IsZero() && k.Expires.Before(p.renewBy):
		return keyMove{do: keyRenew, id: k.ID}, nil
	case uploaded && p.isAttached(k):
		return keyMove{}, nil
	}
	slot, err := p.slotFor(k)
	if err != nil {
		return keyMove{}, err
	}
	if uploaded {
		return keyMove{do: keyAttach, set: slot}, nil
	}
	if len(p.credentials) < maxPooled {
		return keyMove{do: keyUpload}, nil
	}
	return p.freePool()
}

// slotFor is the slot with k, which takes the place of something disposable
// where there are two already.
func (p pool) slotFor(k Credential) ([]string, error) {
	if len(p.attached) < maxAttached {
		return append(slices.Clone(p.attached), k.ID), nil
	}
	for _, drop := range p.credentials {
		if p.isAttached(drop) && p.disposable(drop) {
			return append(without(p.attached, drop.ID), k.ID), nil
		}
	}
	if old, ok := p.byKeyID(p.previous); ok && p.isAttached(old) && p.previous != p.current {
		return nil, refuse("rotation.keys", "overlap_running",
			"both places of the client are taken: the previous key stays attached until "+p.overlap.UTC().Format(time.RFC3339),
			"wait until then, or end the overlap with clientkeeper revoke")
	}
	return nil, refuse("rotation.keys", "slots_taken", "both places for attached keys are taken, by a key in use and by one that is not clientkeeper's",
		"detach in the tenant the key that is no longer used")
}

// freePool is the call that makes room in a full pool: it deletes something of
// ours that is not attached, or detaches something so that it can be deleted.
// The last one stays attached, though it has expired: the tenant may take no
// empty slot, and it is a person's to delete another.
func (p pool) freePool() (keyMove, error) {
	for _, k := range p.credentials {
		if p.disposable(k) && !p.isAttached(k) && !slices.Contains(p.elsewhere, k.ID) {
			return keyMove{do: keyDelete, id: k.ID}, nil
		}
	}
	for _, k := range p.credentials {
		rest := without(p.attached, k.ID)
		if p.isAttached(k) && p.disposable(k) && !slices.Contains(p.elsewhere, k.ID) && len(rest) > 0 && (expired(k, p.now) || p.keepsOne(rest)) {
			return keyMove{do: keyDetach, id: k.ID, set: rest}, nil
		}
	}
	return keyMove{}, refuse("rotation.keys", "pool_full", "the client has four credentials, and none that clientkeeper may delete now",
		"delete in the tenant a credential that is no longer used, or wait for the end of an overlap")
}

// tidy is the table of retirement: the one call that removes what is over.
func (p pool) tidy() keyMove {
	rest := slices.Clone(p.attached)
	for _, k := range p.credentials {
		if p.isAttached(k) && p.disposable(k) && p.old(k) {
			rest = without(rest, k.ID)
		}
	}
	if len(rest) < len(p.attached) && p.keepsOne(rest) {
		return keyMove{do: keyDetach, set: rest}
	}
	for _, k := range p.credentials {
		if !p.isAttached(k) && p.disposable(k) && p.old(k) && !slices.Contains(p.elsewhere, k.ID) {
			return keyMove{do: keyDelete, id: k.ID}
		}
	}
	return keyMove{}
}

// old keeps tidy away from what another run may just have uploaded and stored
// where it cannot be seen yet.
func (p pool) old(k Credential) bool { return p.stored(k) || p.now.Sub(k.Created) >= p.age }

func without(ids []string, id string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(s string) bool { return s == id })
}
