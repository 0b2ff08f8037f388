package auth0

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/secret"
)

// What one instance does with what it finds in the share: whose token it takes,
// when it looks again, how long it waits, and what it leaves there. A look at
// the share takes 20 ms here, and a token of the tenant's 300 ms.
func TestWhatTheShareIsGoodFor(t *testing.T) {
	const (
		day     = 24 * time.Hour
		renewed = day - 10*time.Minute // after it was issued
		look    = 20 * time.Millisecond
		ask     = 300 * time.Millisecond
		anyhow  = -1
	)
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		age, lifetime time.Duration // of the shared token
		place         *place
		taken         bool // another one has the claim
		refused       bool // the tenant has just refused the token
		down          bool // the tenant gives none

		want    string
		refresh time.Duration // from the start on
		took    time.Duration
		puts    int
	}{
		"fresh":                      {age: time.Hour, lifetime: day, want: "shared", refresh: renewed - time.Hour, took: look},
		"fresh, of a short life":     {age: time.Minute, lifetime: 10 * time.Minute, want: "shared", refresh: 8 * time.Minute, took: look},
		"due":                        {age: day - 5*time.Minute, lifetime: day, want: "token-1", refresh: renewed + 2*look, took: 3*look + ask, puts: 1},
		"due, of a short life":       {age: 9*time.Minute + 5*sec, lifetime: 10 * time.Minute, want: "token-1", refresh: renewed + 2*look, took: 3*look + ask, puts: 1},
		"due, and another renews it": {age: day - 5*time.Minute, lifetime: day, taken: true, want: "shared", refresh: look + grace, took: 2 * look},
		"due, and nobody can claim":  {age: day - 5*time.Minute, lifetime: day, place: &place{claimErr: broken}, want: "shared", refresh: look + grace, took: 2 * look},
		"due, and there is none":     {age: day - 5*time.Minute, lifetime: day, down: true, want: "shared", refresh: look + grace, took: anyhow},
		"past":                       {age: 2 * day, lifetime: day, want: "token-1", refresh: renewed + 2*look, took: 3*look + ask, puts: 1},
		"past, and nobody can claim": {age: 2 * day, lifetime: day, place: &place{claimErr: broken}, want: "token-1", refresh: renewed + 2*look, took: 2*look + ask},
		"past, and there is none":    {age: 2 * day, lifetime: day, down: true, took: anyhow},
		"young, and refused":         {age: time.Minute, lifetime: day, refused: true, want: "token-1", refresh: renewed + look, took: look + ask},
		"old, and refused":           {age: time.Hour, lifetime: day, refused: true, want: "token-1", refresh: renewed + 2*look, took: 3*look + ask, puts: 1},
		"not to be read":             {age: time.Hour, lifetime: day, place: &place{getErr: broken}, want: "token-1", refresh: renewed + look, took: look + ask},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, i := tt.place, &issuer{down: tt.down}
				if p == nil {
					p = &place{}
				}
				c := inMemory(t, &stub{t: t, grants: i.grant, api: i.api}, func(c *Config) { c.Share = p })
				start := time.Now()
				issued := start.Add(-tt.age)
				p.shared = Shared{Version: "v", Token: secret.New("shared"), Issued: issued, Expires: issued.Add(tt.lifetime)}
				if tt.taken {
					p.claims = map[string]bool{"v" + start.Truncate(ClaimFor).String(): true}
				}
				if tt.refused {
					c.tokens.refused = p.shared.Token
				}
				got, err := c.obtain(t.Context())
				if took := time.Since(start); (err == nil) != (tt.want != "") || got.value.Reveal() != tt.want || tt.took != anyhow && took != tt.took {
					t.Errorf("%q, %v after %v; want %q after %v", got.value.Reveal(), err, took, tt.want, tt.took)
				}
				if after := got.refresh.Sub(start); err == nil && after != tt.refresh {
					t.Errorf("looks again after %v, want %v", after, tt.refresh)
				}
				if kept := p.shared.Token.Reveal() == "shared"; p.versions != tt.puts || kept == (tt.puts > 0) {
					t.Errorf("%d put, want %d; the shared token is there: %v", p.versions, tt.puts, kept)
				}
			})
		})
	}
}

// Whoever finds a token in the share knows as much of it as the one that got it.
func TestASharedTokenIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, i := &place{}, &issuer{}
		s := &stub{t: t, grants: i.grant}
		share := func(c *Config) { c.Share = p }
		put, err := inMemory(t, s, share).obtain(t.Context())
		if err != nil || len(put.scopes) == 0 {
			t.Fatalf("%v, scopes %q", err, put.scopes)
		}
		got, err := inMemory(t, s, share).obtain(t.Context())
		if err != nil || i.issued != 1 || !got.value.Equal(put.value) || !slices.Equal(got.scopes, put.scopes) {
			t.Errorf("%v; scopes %q, want %q; %d tokens", err, got.scopes, put.scopes, i.issued)
		}
		if !got.issued.Equal(put.issued) || !got.refresh.Equal(put.refresh) || !got.expiry.Equal(put.expiry) {
			t.Errorf("issued %v, renewed %v, until %v; want %v, %v, %v", got.issued, got.refresh, got.expiry, put.issued, put.refresh, put.expiry)
		}
	})
}
