package handler

import (
	"cmp"
	"context"
	"slices"
	"time"

	"clientkeeper/internal/rotation"
)

// Tenant is asked whether it answers, and how large its rate limit is.
type Tenant interface {
	// Burst is how many requests the tenant takes at once, or zero if it does
	// not say. It may read the client to find out.
	Burst(ctx context.Context, clientID string) (int, error)
}

// start starts what is due, the most overdue first, as long as there is time;
// before them the signing secrets, which no tenant knows. While the tenant does
// not answer nothing of a client is started: no rotation could get beyond its
// first step, and Secrets Manager would give each of them up.
//
// Each is looked at again first: the list may be minutes old (AWS Secrets
// Manager API Reference, "ListSecrets"), and since then somebody may have paused
// the secret, or another schedule have rotated it.
func (r *run) start(ctx context.Context, starts []rotation.Start, policy rotation.Policy) {
	all := slices.Clone(starts)
	slices.SortStableFunc(all, func(a, b rotation.Start) int { return cmp.Compare(min(1, cost(a.Secret)), min(1, cost(b.Secret))) })
	burst, asked := 0, false
	for i, s := range all {
		if i > 0 && !pause(ctx, r.pace(burst, all[i-1].Secret)) {
			r.out.Left = len(all) - i
			return
		}
		if !asked && cost(s.Secret) > 0 {
			var err error
			if burst, err = r.burst(ctx, s.Secret); err != nil {
				r.failed(ctx, s.Secret, "ask the tenant", err)
				r.out.Left = len(all) - i
				return
			}
			asked = true
		}
		r.one(ctx, s, policy)
	}
}

// one starts a rotation, if it is still due.
func (r *run) one(ctx context.Context, listed rotation.Start, policy rotation.Policy) {
	s, why, err := r.Doctor.Due(ctx, r.now(), listed.Secret.ID, policy)
	if err == nil && why != "" {
		r.log.InfoContext(ctx, "no longer due", "secret", listed.Secret.ID, "reason", why)
		return
	}
	if err == nil {
		err = r.Catalog.Rotate(ctx, s.Secret.ID, s.Token)
	}
	if err != nil {
		r.failed(ctx, listed.Secret, "start", err)
		return
	}
	r.out.Started++
	r.log.InfoContext(ctx, "started", "secret", s.Secret.ID, "version_id", s.Token)
}

func (r *run) burst(ctx context.Context, s rotation.Secret) (int, error) {
	if r.Tenant == nil {
		return 0, nil
	}
	settings, err := rotation.ParseTags(s.Tags)
	if err != nil {
		return 0, err
	}
	return r.Tenant.Burst(ctx, settings.ClientID)
}

// pace is how long to wait after a start. Rotations that follow each other
// faster than the tenant's rate limit is refilled would end up waiting for each
// other, be refused, and use up what others need. No plan refills more slowly
// than a fifth of its burst each second (Auth0 docs "Rate Limit Configurations").
func (r *run) pace(burst int, s rotation.Secret) time.Duration {
	if burst <= 0 {
		return r.Pace
	}
	return max(r.Pace, time.Duration(cost(s))*time.Second/time.Duration(max(burst/5, 1)))
}

// cost is how many calls of the Management API a rotation makes, with a third
// on top for other callers and for steps that have to be repeated. A signing
// secret is of no tenant.
func cost(s rotation.Secret) int {
	switch settings, err := rotation.ParseTags(s.Tags); {
	case err != nil, settings.Kind == rotation.KindWebhook:
		return 0
	case settings.Kind == rotation.KindKey:
		return 16
	case settings.Strategy == rotation.StrategyGenerated:
		return 6
	}
	return 4
}
