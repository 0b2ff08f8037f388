package credential

import (
	"context"
	"slices"
	"strings"
	"time"

	"clientkeeper/internal/fault"
)

// Credentials lists the credentials of a client, the oldest first.
func (s *Service) Credentials(ctx context.Context, clientID string) ([]Credential, error) {
	c, _, err := s.open(ctx, clientID)
	if err != nil {
		return nil, err
	}
	pool, err := s.Tenant.Credentials(ctx, clientID)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(pool, func(a, b Credential) int {
		if by := a.Created.Compare(b.Created); by != 0 {
			return by
		}
		return strings.Compare(a.ID, b.ID)
	})
	for i := range pool {
		if pool[i], err = s.whole(ctx, c, pool[i]); err != nil {
			return nil, err
		}
	}
	return pool, nil
}

// Credential reads one credential of a client.
func (s *Service) Credential(ctx context.Context, clientID, id string) (Credential, error) {
	c, _, err := s.open(ctx, clientID)
	if err != nil {
		return Credential{}, err
	}
	return s.one(ctx, c, id)
}

func (s *Service) one(ctx context.Context, c State, id string) (Credential, error) {
	missing := &fault.Error{Kind: fault.NotFound, Op: "credential", Reason: "credential_not_found",
		Detail: "the client has no such credential", Next: "see the list of its credentials"}
	if id == "" || len(id) > maxID || !plain(id) {
		return Credential{}, missing
	}
	k, err := s.Tenant.Credential(ctx, c.ID, id)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			err = missing
		}
		return Credential{}, err
	}
	return s.whole(ctx, c, k)
}

// whole fills in what the tenant's record does not say.
func (s *Service) whole(ctx context.Context, c State, k Credential) (Credential, error) {
	k.Attached = slices.Contains(c.Attached, k.ID)
	name, made := s.keySecret(c.ID, k)
	if !made {
		return k, nil
	}
	there, err := s.Store.Describe(ctx, name)
	switch {
	case err == nil && there.Tags[TagKeyOf] == c.ID && !there.Deleted:
		k.SecretARN = there.ARN
	case err != nil && fault.KindOf(err) != fault.NotFound:
		return k, err
	}
	return k, nil
}

// keySecret is the name of the secret with the private half, of a credential
// that was made here.
func (s *Service) keySecret(clientID string, k Credential) (name string, made bool) {
	at := strings.LastIndex(k.Name, " (key ")
	if at < 0 {
		return "", false
	}
	short, closed := strings.CutSuffix(k.Name[at+len(" (key "):], ")")
	if !closed || len(short) != 12 || !plain(short) {
		return "", false
	}
	return s.secretName(keysFolder+clientID, Operation{ID: short}), true
}

// SetExpiry changes when a credential stops working; the zero time: never.
// Certificates say that for themselves.
func (s *Service) SetExpiry(ctx context.Context, clientID, id string, at time.Time) (Credential, error) {
	c, _, err := s.open(ctx, clientID)
	if err != nil {
		return Credential{}, err
	}
	k, err := s.one(ctx, c, id)
	switch {
	case err != nil:
		return Credential{}, err
	case k.Type != typePublicKey:
		return Credential{}, conflict("expiry_fixed", "a certificate's expiry cannot be changed", "add another certificate, and remove this one")
	case !at.IsZero() && !at.After(s.now()):
		return Credential{}, invalid("expiry_past", "that time is past", "name a time to come, or remove the credential")
	case strings.HasPrefix(k.Name, managedPrefix):
		return Credential{}, managedKey()
	}
	changed, err := s.Tenant.SetExpiry(ctx, clientID, id, at.UTC().Truncate(time.Millisecond))
	if err != nil {
		return Credential{}, err
	}
	return s.whole(ctx, c, changed)
}

func managedKey() error {
	return conflict("managed_credential", "the credential belongs to the client's managed secret, and its rotation looks after it",
		"start a rotation, which replaces it")
}

// Remove takes a credential away from a client: detaches it in one PATCH that
// leaves the others, deletes it, and schedules the deletion of its secret if it
// was made here. The last one with which the client can log in is refused, and
// so is the managed secret's own, unless it is forced. It may be repeated.
func (s *Service) Remove(ctx context.Context, clientID, id string, force bool) error {
	c, managed, err := s.open(ctx, clientID)
	if err != nil {
		return err
	}
	k, err := s.one(ctx, c, id)
	if err != nil {
		return err
	}
	if k.Attached {
		if !force && strings.HasPrefix(k.Name, managedPrefix) {
			return managedKey()
		}
		if err := s.changeSlot(ctx, &c, managed, func(now State) (State, error) { return s.without(ctx, now, k, force) }); err != nil {
			return err
		}
	}
	// The private half goes last: as long as the tenant has the public one, it
	// may be needed. The doctor names one that is left over.
	if err := s.Tenant.DeleteCredential(ctx, clientID, id); err != nil || k.SecretARN == "" {
		return err
	}
	return s.Store.Discard(ctx, k.SecretARN)
}

// without is a client that may no longer use a credential. Unless it is forced,
// another one has to be left that works.
func (s *Service) without(ctx context.Context, now State, k Credential, force bool) (State, error) {
	at := slices.Index(now.Attached, k.ID)
	if at < 0 { // a rotation has moved the client to another method meanwhile
		return now, nil
	}
	now.Attached = slices.Delete(slices.Clone(now.Attached), at, at+1)
	if force || s.expired(k) {
		return now, nil
	}
	pool, err := s.Tenant.Credentials(ctx, now.ID)
	if err != nil {
		return now, err
	}
	for _, other := range pool {
		if slices.Contains(now.Attached, other.ID) && !s.expired(other) {
			return now, nil
		}
	}
	return now, conflict("last_credential", "it is the last credential with which the client can log in", "attach another first, or force it")
}

func (s *Service) expired(k Credential) bool { return !k.Expires.IsZero() && !k.Expires.After(s.now()) }

// changeSlot changes what a client logs in with, in one PATCH. A rotation
// changes the same, so while one is under way nothing is changed here; change
// decides by what the rotation has left.
func (s *Service) changeSlot(ctx context.Context, c *State, managed Stored, change func(now State) (State, error)) error {
	if err := s.quiet(ctx, managed); err != nil {
		return err
	}
	now, err := s.Tenant.Client(ctx, c.ID)
	if err != nil {
		return err
	}
	next, err := change(now)
	if err != nil {
		return err
	}
	if next.Method != now.Method || !slices.Equal(next.Attached, now.Attached) {
		if err := s.Tenant.Attach(ctx, c.ID, next.Method, next.Attached); err != nil {
			return err
		}
	}
	*c = next
	return nil
}

// quiet waits a little for a rotation to end: to switch one on takes a moment
// in which it looks as if one were under way.
func (s *Service) quiet(ctx context.Context, managed Stored) error {
	for wait := 250 * time.Millisecond; managed.ARN != ""; wait *= 2 {
		there, err := s.Store.Describe(ctx, managed.ARN)
		if err != nil {
			return err
		}
		pending := labelled(there, "AWSPENDING")
		if pending == "" || pending == labelled(there, "AWSCURRENT") {
			return nil
		}
		if wait > 2*time.Second || !pause(ctx, wait) {
			return &fault.Error{Kind: fault.Conflict, Op: "credential.attach", Reason: "rotation_in_progress", RetryAfter: time.Minute,
				Detail: "a rotation of the client's secret is under way, and changes the same list", Next: "wait for its end"}
		}
	}
	return nil
}
