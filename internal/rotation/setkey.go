package rotation

import (
	"context"
	"slices"
	"time"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/fault"
)

// keyMoves bounds the calls that one step makes to place a key: from the worst
// start it takes detach, delete, upload, renew, attach, and each may have to be
// looked at twice.
const keyMoves = 12

// look reads the client's keys and the kids of the stored versions.
func (r *Rotator) look(ctx context.Context, s Secret, settings Settings) (pool, Client, error) {
	c, err := r.Tenant.Client(ctx, settings.ClientID)
	if err != nil {
		return pool{}, c, err
	}
	credentials, err := r.Tenant.Credentials(ctx, settings.ClientID)
	if err != nil {
		return pool{}, c, err
	}
	current, err := r.load(ctx, s, Current)
	if err != nil {
		return pool{}, c, err
	}
	previous, err := r.load(ctx, s, Previous)
	if err != nil {
		return pool{}, c, err
	}
	p := pool{now: time.Now(), credentials: credentials, attached: c.Attached, elsewhere: c.Elsewhere, age: orphanAge,
		current: keyID(current), previous: keyID(previous), unseen: current.version != "" && !current.present}
	p.overlap = overlapEnd(s, p, settings)
	p.renew = r.expiry(p.now, settings)
	p.renewBy = p.now.Add(min(settings.Overlap, r.margin()))
	return p, c, nil
}

// expiry is when a key that is placed now stops working. Nobody knows when one
// without an interval of ours is rotated next: it does not expire.
func (r *Rotator) expiry(now time.Time, settings Settings) time.Time {
	if settings.Interval == 0 {
		return time.Time{}
	}
	return now.Add(settings.Interval + settings.Overlap + r.margin())
}

// overlapEnd counts from when the present credential became current: the end
// of the last rotation, which Secrets Manager or the doctor notes, or when it was
// made where that is later.
func overlapEnd(s Secret, p pool, settings Settings) time.Time {
	since := Rotated(s, settings)
	if k, ok := p.byKeyID(p.current); ok {
		since = latest(since, k.Created)
	}
	for _, v := range s.Versions {
		if slices.Contains(v.Labels, Current) {
			since = latest(since, v.Created)
		}
	}
	return since.Add(settings.Overlap)
}

// checkRoom reports whether a new key could be placed now.
func (w *work) checkRoom(ctx context.Context) error {
	_, _, err := w.nextMove(ctx, w.secret, w.settings, stored{})
	return err
}

// mayUseKeys keeps our hands off clients that log in with something else.
func mayUseKeys(c Client) error {
	if c.AuthMethod == KindKey || usesSecret(c.AuthMethod) {
		return nil
	}
	return refuse("rotation.keys", "other_method", "the client logs in neither with a secret nor with private_key_jwt",
		"change its authentication method in the tenant, or remove "+TagManaged)
}

// setKey places the pending key beside what the client has.
func (w *work) setKey(ctx context.Context, pending stored) error {
	did, err := w.place(ctx, pending)
	w.out.Did = did
	if did == "applied" && err != nil && fault.KindOf(err) == fault.Conflict {
		w.switchBack(ctx, pending)
	}
	return err
}

// switchBack lets a client log in with AWSCURRENT's secret again, if its only
// key is the one that has just lost AWSPENDING.
func (w *work) switchBack(ctx context.Context, pending stored) {
	if w.stillOurs(ctx) == nil {
		return // it was something else
	}
	current, err := w.load(ctx, w.secret, Current)
	if err != nil || !current.usable(w.settings.ClientID) || kindOf(current.value) != KindSecret {
		return
	}
	p, c, err := w.look(ctx, w.secret, w.settings)
	k, there := p.byKeyID(keyID(pending))
	if err == nil && there && slices.Equal(c.Attached, []string{k.ID}) && w.useSecret(ctx, current) == nil {
		w.out.Note = "rolled_back"
	}
}

// place repeats look and move until the key is attached. A call whose answer
// was lost is not repeated but looked at: if it was made, the table leads on
// from there. One that was made and cannot be seen yet is waited for.
func (w *work) place(ctx context.Context, key stored) (did string, err error) {
	did = "nothing"
	var last keyMove
	var failed error
	for range keyMoves {
		if err := w.stillOurs(ctx); err != nil {
			return did, err
		}
		move, p, err := w.nextMove(ctx, w.secret, w.settings, key)
		switch {
		case err != nil || move.do == keyDone:
			return did, err
		case !same(move, last):
			failed, last, did = w.make(ctx, p, move, key.value), move, "applied"
		case failed != nil && !behind(failed):
			return did, failed
		default:
			if err := pause(ctx, visibleEvery); err != nil {
				return did, err
			}
		}
	}
	if failed == nil {
		failed = later("rotation.keys", "unsteady", "the tenant does not show what was changed", "let Secrets Manager try again")
	}
	return did, failed
}

func (r *Rotator) nextMove(ctx context.Context, s Secret, settings Settings, key stored) (keyMove, pool, error) {
	p, c, err := r.look(ctx, s, settings)
	if err == nil {
		err = mayUseKeys(c)
	}
	if err != nil {
		return keyMove{}, p, err
	}
	if p.unseen {
		return keyMove{}, p, later("rotation.keys", "current_unseen", "AWSCURRENT cannot be read, and its key would look like a left-over",
			"let Secrets Manager try again")
	}
	p.want = keyID(key)
	move, err := p.next()
	return move, p, err
}

func same(a, b keyMove) bool { return a.do == b.do && a.id == b.id && slices.Equal(a.set, b.set) }

// behind reports whether a failure says that what we saw was not the latest.
func behind(err error) bool {
	reason := fault.Reason(err)
	return reason == ReasonDuplicateKey || reason == ReasonPoolFull || reason == ReasonStillAttached
}

// make makes one move.
func (r *Rotator) make(ctx context.Context, p pool, m keyMove, key clientsecret.ClientSecret) error {
	client := key.ClientID
	switch m.do {
	case keyUpload:
		return r.upload(ctx, p, key)
	case keyAttach, keyDetach:
		return r.Tenant.UseKeys(ctx, client, m.set)
	case keyDelete:
		return r.Tenant.DeleteKey(ctx, client, m.id)
	case keyRenew:
		return r.Tenant.SetExpiry(ctx, client, m.id, p.renew)
	}
	return nil
}

func (r *Rotator) upload(ctx context.Context, p pool, key clientsecret.ClientSecret) error {
	public, kid, err := publicHalf(key)
	if err != nil {
		return err
	}
	if key.KeyID != "" {
		kid = key.KeyID
	}
	_, err = r.Tenant.AddKey(ctx, key.ClientID, NewKey{
		Name: NamePrefix + kid[:min(len(kid), 16)], PublicPEM: public, KeyID: kid, Alg: key.Alg, Expires: p.renew,
	})
	return err
}
