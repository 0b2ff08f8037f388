package handler

import (
	"context"
	"iter"
	"math/rand/v2"
	"time"

	"clientkeeper/internal/event"
	"clientkeeper/internal/rotation"
)

// What comes before the starts takes these parts of the time that is left: a
// tenant that hangs, and secrets that nobody can repair, must not keep others
// from being rotated.
const (
	repairing = 1. / 3
	retiring  = 1. / 2
)

// retireWithin is how long after the end of an overlap its key is looked for,
// or for two runs where they are rarer. What is left then is for the doctor:
// looking at every key in every run would cost the tenant's budget for nothing.
const retireWithin = 2 * time.Hour

// repair lets the doctor look at what is stuck, and do what is safe.
func (r *run) repair(ctx context.Context, stuck []rotation.Secret) {
	for s := range within(ctx, repairing, stuck) {
		findings, err := r.Doctor.Examine(ctx, s.ID)
		if err != nil {
			r.failed(ctx, s, "examine", err)
			continue
		}
		for _, f := range findings {
			r.cure(ctx, s, f)
		}
	}
}

// cure logs a finding, and repairs it if that is safe.
func (r *run) cure(ctx context.Context, s rotation.Secret, f rotation.Finding) {
	r.log.WarnContext(ctx, "finding", "secret", s.ID, "finding", f.Slug, "says", f.Says, "next", f.Repair)
	if !f.Safe {
		return
	}
	done, err := r.Doctor.Repair(ctx, f)
	if err != nil {
		r.failed(ctx, s, "repair", err)
	}
	if done {
		r.out.Repaired++
	}
}

// retire ends the overlaps that have come to their end. The tags do not say
// whether there is one: a client may have gone back from a key to a secret.
func (r *run) retire(ctx context.Context, secrets []rotation.Secret) {
	var over []rotation.Secret
	for _, s := range secrets {
		settings, err := rotation.ParseTags(s.Tags)
		rotated := rotation.Rotated(s, settings)
		since := r.now().Sub(rotated.Add(settings.Overlap))
		if err == nil && !rotated.IsZero() && since >= 0 && since <= max(retireWithin, 2*r.Every) {
			over = append(over, s)
		}
	}
	for s := range within(ctx, retiring, over) {
		moves, err := r.Doctor.Retire(ctx, s.ID)
		if err != nil {
			r.failed(ctx, s, "retire", err)
		}
		if moves > 0 {
			r.out.Retired++
			announce(ctx, r.Events, r.log, r.Metrics, r.id, event.OverlapEnded{SecretARN: s.ID, ClientID: s.Tags[rotation.TagClientID]})
		}
	}
}

// within yields secrets until a part of the time that is left is over, in
// another order each time: what one run does not come to, others do.
func within(ctx context.Context, part float64, secrets []rotation.Secret) iter.Seq[rotation.Secret] {
	return func(yield func(rotation.Secret) bool) {
		end, bounded := ctx.Deadline()
		over := time.Now().Add(time.Duration(part * float64(time.Until(end))))
		for _, i := range rand.Perm(len(secrets)) {
			if bounded && !time.Now().Before(over) || !yield(secrets[i]) {
				return
			}
		}
	}
}
