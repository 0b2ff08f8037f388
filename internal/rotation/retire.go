package rotation

import (
	"context"

	"clientkeeper/internal/clientsecret"
)

// retireMoves bounds one run: three keys to detach at once and delete.
const retireMoves = 8

// Retire ends overlaps: it detaches and deletes the keys whose overlap is over
// and the left-overs of ours that no version stores, and returns how many
// calls that took. It leaves at least one stored key that works, does nothing
// while a rotation is under way, and may be repeated. Where no version stores a
// key it does not ask the tenant, whatever the tags say: a client that went
// back to a secret has keys to retire, one that never had any has none.
func (d *Doctor) Retire(ctx context.Context, id string) (moves int, err error) {
	s, err := d.Store.Describe(ctx, id)
	if err != nil {
		return 0, err
	}
	for _, label := range []string{Current, Previous} {
		v, err := d.load(ctx, s, label)
		if err != nil {
			return 0, err
		}
		if keyID(v) != "" {
			return d.retire(ctx, id, func(*pool) {})
		}
	}
	return 0, nil
}

// Revoke ends overlaps now: whatever is stored as AWSPREVIOUS stops working.
// What is AWSCURRENT goes on; to revoke that, rotate first. A shared secret
// that was rotated is dead already, and there is nothing left to do. A signing
// secret loses the label that lets it be accepted.
func (d *Doctor) Revoke(ctx context.Context, id string) (moves int, err error) {
	s, err := d.Store.Describe(ctx, id)
	if err == nil && s.inFlight() {
		err = refuse("rotation.revoke", "in_flight", "a rotation is under way, and what is current is about to change", "wait for its end, or see clientkeeper doctor")
	}
	if err != nil {
		return 0, err
	}
	if s.Tags[TagKind] == KindWebhook {
		return d.revokeSigning(ctx, s)
	}
	return d.retire(ctx, id, func(p *pool) { p.overlap, p.age = p.now, 0 })
}

// retire makes one move after the other, and looks at everything anew before
// each, at the labels last: a rotation may have begun, and even ended, meanwhile.
func (d *Doctor) retire(ctx context.Context, id string, adjust func(*pool)) (moves int, err error) {
	for range retireMoves {
		moved, err := d.retireOne(ctx, id, adjust)
		if err != nil || !moved {
			return moves, err
		}
		moves++
	}
	return moves, nil
}

func (d *Doctor) retireOne(ctx context.Context, id string, adjust func(*pool)) (moved bool, err error) {
	s, err := d.dated(ctx, id)
	if err != nil || s.inFlight() {
		return false, err
	}
	settings, err := d.settingsOf(s)
	if err != nil {
		return false, err
	}
	current, err := d.load(ctx, s, Current)
	if err != nil {
		return false, err
	}
	p, c, err := d.look(ctx, s, settings)
	if err != nil {
		return false, err
	}
	adjust(&p)
	w := &work{Rotator: d.Rotator, secret: s, settings: settings}
	if works, err := w.keepsCurrent(ctx, c, p, current); err != nil || !works {
		return false, err // the doctor's business: nothing may go now
	}
	move := p.tidy()
	if move.do == keyDone {
		return false, nil
	}
	if now, err := d.Store.Describe(ctx, id); err != nil || now.inFlight() || now.labelled(Current) != s.labelled(Current) {
		return false, err
	}
	return true, d.make(ctx, p, move, clientsecret.ClientSecret{ClientID: settings.ClientID})
}

// keepsCurrent reports whether what is AWSCURRENT works. Where it does not, the
// keys may be another secret's.
func (w *work) keepsCurrent(ctx context.Context, c Client, p pool, current stored) (bool, error) {
	if !current.usable(w.settings.ClientID) {
		return false, nil
	}
	works, err := w.working(ctx, c, p, current)
	return works == worksYes, err
}
