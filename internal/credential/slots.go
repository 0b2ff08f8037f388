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
	if !force {
		if err := s.mayGo(ctx, c, k); err != nil {
			return err
		}
	}
	if k.Attached {
		err := s.changeSlot(ctx, &c, managed, c.Method, func(now []string) ([]string, error) {
			return slices.DeleteFunc(slices.Clone(now), func(other string) bool { return other == id }), nil
		})
		if err != nil {
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

// mayGo refuses to remove what the client still needs.
func (s *Service) mayGo(ctx context.Context, c State, k Credential) error {
	if strings.HasPrefix(k.Name, managedPrefix) && k.Attached {
		return managedKey()
	}
	if !k.Attached || s.expired(k) {
		return nil
	}
	pool, err := s.Tenant.Credentials(ctx, c.ID)
	if err != nil {
		return err
	}
	for _, other := range pool {
		if other.ID != k.ID && slices.Contains(c.Attached, other.ID) && !s.expired(other) {
			return nil
		}
	}
	return conflict("last_credential", "it is the last credential with which the client can log in", "attach another first, or force it")
}

func (s *Service) expired(k Credential) bool { return !k.Expires.IsZero() && !k.Expires.After(s.now()) }

// changeSlot changes the list of attached credentials in one PATCH. A rotation
// changes the same list, so while one is under way nothing is changed here.
func (s *Service) changeSlot(ctx context.Context, c *State, managed Stored, method string, change func(now []string) ([]string, error)) error {
	if err := s.quiet(ctx, managed); err != nil {
		return err
	}
	now, err := s.Tenant.Client(ctx, c.ID)
	if err != nil {
		return err
	}
	attached := now.Attached
	if now.Method != method {
		attached = nil
	}
	next, err := change(attached)
	if err != nil {
		return err
	}
	if now.Method != method || !slices.Equal(next, attached) {
		if err := s.Tenant.Attach(ctx, c.ID, method, next); err != nil {
			return err
		}
	}
	now.Method, now.Attached = method, next
	*c = now
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
