package auth0

import (
	"context"
	"math/rand/v2"
	"time"

	"clientkeeper/internal/secret"
)

// A Share is a place in which all instances find one management token, so that
// they do not get one each: machine-to-machine tokens are metered. It may be
// slow, wrong or gone. Whatever it does, a call waits for it for some seconds at
// the most, and asks the tenant then.
type Share interface {
	// Get is what is there. The zero Shared, at most with its Version, means
	// that there is no token of this tenant and audience.
	Get(context.Context) (Shared, error)
	// Claim reports whether the caller is the one that may replace what Get
	// returned. It is true for one caller in each [ClaimFor] of the clock: for
	// another in the next, in case the first one died.
	Claim(context.Context, Shared) (bool, error)
	Put(context.Context, Shared) error
}

// Shared is a token in a [Share].
type Shared struct {
	Version         string // of the place, as Get found it
	Token           secret.Value
	Scopes          []string
	Issued, Expires time.Time
}

const (
	// shareTime bounds one look at the share. Starting cold costs as much.
	shareTime = 3 * time.Second

	// awaitTime is how long an instance without a token waits for the one that
	// fetches it, and awaitEvery how often it looks.
	awaitTime  = 5 * time.Second
	awaitEvery = 250 * time.Millisecond

	// ClaimFor is how long a claim lasts. A token that was refused though it is
	// younger is not replaced: the next one might be refused as well, and the
	// place keeps a hundred versions a day at most.
	ClaimFor = 15 * time.Minute
)

// obtain is a token of the share, or else of the tenant.
func (c *Client) obtain(ctx context.Context) (token, error) {
	if c.share == nil {
		return c.grant(ctx)
	}
	s, err := c.glance(ctx)
	if err != nil {
		return c.grant(ctx)
	}
	now := time.Now()
	t := s.token()
	good := c.tokens.good(t, now)
	if good && now.Before(t.refresh) {
		return t, nil
	}
	if !good && now.Sub(s.Issued).Abs() < ClaimFor {
		return c.grant(ctx)
	}
	claimed, err := c.claim(ctx, s)
	var fresh token
	switch {
	case err != nil && !good:
		return c.grant(ctx)
	case claimed:
		fresh, err = c.replace(ctx)
	case !good:
		return c.await(ctx)
	}
	if good && (err != nil || !claimed) { // it does, until it is renewed
		t.refresh = now.Add(grace)
		return t, nil
	}
	return fresh, err
}

func (c *Client) glance(ctx context.Context) (Shared, error) {
	ctx, cancel := context.WithTimeout(ctx, shareTime)
	defer cancel()
	return c.share.Get(ctx)
}

func (c *Client) claim(ctx context.Context, s Shared) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, shareTime)
	defer cancel()
	return c.share.Claim(ctx, s)
}

// replace fetches a token for all. That it cannot be put there is the loss of
// the others alone, and only of a request each.
func (c *Client) replace(ctx context.Context) (token, error) {
	issued := time.Now()
	t, err := c.grant(ctx)
	if err != nil {
		return token{}, err
	}
	putting, cancel := context.WithTimeout(ctx, shareTime)
	defer cancel()
	_ = c.share.Put(putting, Shared{Token: t.value, Scopes: t.scopes, Issued: issued, Expires: t.expiry})
	return t, nil
}

// await looks until the token is there that somebody else fetches.
func (c *Client) await(ctx context.Context) (token, error) {
	for end := time.Now().Add(awaitTime); time.Now().Before(end); {
		if !pause(ctx, awaitEvery+rand.N(awaitEvery), nil) {
			break
		}
		s, err := c.glance(ctx)
		if err != nil {
			break
		}
		if t := s.token(); c.tokens.good(t, time.Now()) {
			return t, nil
		}
	}
	return c.grant(ctx)
}

func (s Shared) token() token {
	lifetime := s.Expires.Sub(s.Issued)
	return token{value: s.Token, scopes: s.Scopes, issued: s.Issued, refresh: s.Expires.Add(-min(lifetime/10, earliest)), expiry: s.Expires}
}

// good reports whether a token may be used: it is one, it lasts for a while,
// and the tenant has not just refused it.
func (s *tokens) good(t token, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return headerSafe(t.value) && now.Add(grace).Before(t.expiry) && !t.value.Equal(s.refused)
}
