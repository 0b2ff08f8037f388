package auth0

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/secret"
)

// place is a Share as Secrets Manager makes one, with a temper.
type place struct {
	mu       sync.Mutex
	shared   Shared
	versions int
	claims   map[string]bool

	slow                              time.Duration
	getErr, claimErr, putErr, putLost error // putLost: put, and then said to have failed
}

func (p *place) Get(ctx context.Context) (Shared, error) {
	if err := p.wait(ctx); err != nil {
		return Shared{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shared, p.getErr
}

func (p *place) Claim(ctx context.Context, s Shared) (bool, error) {
	if err := p.wait(ctx); err != nil || p.claimErr != nil {
		return false, errors.Join(err, p.claimErr)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key := s.Version + time.Now().Truncate(ClaimFor).String()
	if p.claims == nil {
		p.claims = map[string]bool{}
	}
	mine := !p.claims[key]
	p.claims[key] = true
	return mine, nil
}

func (p *place) Put(ctx context.Context, s Shared) error {
	if err := p.wait(ctx); err != nil || p.putErr != nil {
		return errors.Join(err, p.putErr)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.versions++
	s.Version = strconv.Itoa(p.versions)
	p.shared = s
	return p.putLost
}

func (p *place) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(20*time.Millisecond + p.slow):
		return nil
	}
}

// issuer counts the tokens that a tenant gave, numbered, and the calls that
// came with another one.
type issuer struct {
	mu      sync.Mutex
	issued  int
	down    bool
	unknown int
}

// api serves a client to whoever asks.
func (i *issuer) api(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	var n int
	if _, err := fmt.Sscanf(r.Header.Get("Authorization"), "Bearer token-%d", &n); err != nil || n < 1 || n > i.issued {
		i.unknown++
	}
	i.mu.Unlock()
	serveClient(w, r)
}

func (i *issuer) grant(_ int, w http.ResponseWriter, _ *http.Request) {
	time.Sleep(300 * time.Millisecond)
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	i.issued++
	grantToken(w, fmt.Sprintf("token-%d", i.issued), 86400)
}

// cold starts so many instances at once, each of which makes one call.
func cold(t *testing.T, n int, p *place, s *stub) (failed int) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range n {
		c := inMemory(t, s, func(c *Config) { c.Share = p })
		wg.Go(func() {
			if _, err := c.Client(t.Context(), "a"); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed++
			}
		})
	}
	wg.Wait()
	return failed
}

func TestManyColdStartsCostOneToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const instances = 500
		i, p := &issuer{}, &place{}
		s := &stub{t: t, grants: i.grant, api: i.api}
		if failed := cold(t, instances, p, s); failed > 0 || i.issued != 1 || p.versions != 1 {
			t.Errorf("%d calls failed; %d tokens were issued, %d put", failed, i.issued, p.versions)
		}
		// So early before its end that none is ever without one, it is renewed
		// by one of all.
		time.Sleep(24*time.Hour - 5*time.Minute)
		if failed := cold(t, instances, p, s); failed > 0 || i.issued != 2 {
			t.Errorf("%d calls failed; %d tokens were issued", failed, i.issued)
		}
		if i.unknown > 0 {
			t.Errorf("%d calls came with no token that was issued", i.unknown)
		}
	})
}

// Whatever the share does, no call fails, and none waits for long.
func TestAShareThatFailsIsNotMissed(t *testing.T) {
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		place  *place
		tokens int // that five instances need at most
	}{
		"it cannot be read":                {&place{getErr: broken}, 5},
		"it does not answer":               {&place{slow: time.Hour}, 5},
		"nobody can claim":                 {&place{claimErr: broken}, 5},
		"the token cannot be put":          {&place{putErr: broken}, 5},
		"it is put, and said to be not":    {&place{putLost: broken}, 1},
		"whoever claimed it died":          {&place{claims: map[string]bool{}}, 5},
		"it holds what has expired":        {&place{shared: Shared{Version: "v", Token: secret.New("old"), Issued: time.Unix(1, 0), Expires: time.Unix(2, 0)}}, 1},
		"it holds what no header may hold": {&place{shared: Shared{Version: "v", Token: secret.New("a b"), Expires: time.Unix(1<<40, 0)}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := &issuer{}
				if tt.place.claims != nil {
					tt.place.claims[time.Now().Truncate(ClaimFor).String()] = true
				}
				start := time.Now()
				failed := cold(t, 5, tt.place, &stub{t: t, grants: i.grant, api: i.api})
				if failed > 0 || i.issued > tt.tokens || i.unknown > 0 || time.Since(start) > 12*sec {
					t.Errorf("%d calls failed; %d tokens; %d calls without one; took %v", failed, i.issued, i.unknown, time.Since(start))
				}
			})
		})
	}
}

// A token that the tenant refuses is replaced once, and not again and again.
func TestARefusedSharedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, p := &issuer{}, &place{}
		refuse := ""
		s := &stub{t: t, grants: i.grant, api: func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "Bearer "+refuse {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			serveClient(w, r)
		}}
		cold(t, 1, p, s)
		refuse = "token-1"
		if failed := cold(t, 5, p, s); failed > 0 || p.versions != 1 || i.issued != 6 {
			t.Errorf("just issued: %d failed, %d put, %d issued", failed, p.versions, i.issued)
		}
		time.Sleep(ClaimFor)
		if failed := cold(t, 5, p, s); failed > 0 || p.versions != 2 || i.issued != 7 {
			t.Errorf("later: %d failed, %d put, %d issued", failed, p.versions, i.issued)
		}
	})
}

// A scope that was granted after the shared token was issued is missed for a
// quarter of an hour, and one that is never granted costs no more than a token
// in each.
func TestAScopeThatIsGrantedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, issued, granted := &place{}, 0, false
		s := &stub{t: t,
			grants: func(_ int, w http.ResponseWriter, _ *http.Request) {
				issued++
				scope := "create:clients"
				if granted {
					scope += " read:clients"
				}
				fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":86400,"scope":%q}`, issued, scope)
			},
			api: func(w http.ResponseWriter, r *http.Request) {
				if !granted || r.Header.Get("Authorization") == "Bearer token-1" || r.Header.Get("Authorization") == "Bearer token-2" {
					w.WriteHeader(http.StatusForbidden)
					_, _ = io.WriteString(w, `{"statusCode":403,"error":"Forbidden","message":"Insufficient scope","errorCode":"insufficient_scope"}`)
					return
				}
				serveClient(w, r)
			}}
		warm := inMemory(t, s, func(c *Config) { c.Share = p })
		ask := func(when string, works bool, tokens int) {
			t.Helper()
			_, err := warm.Client(t.Context(), "a")
			if failed := cold(t, 3, p, s); failed > 0 == works || (err == nil) != works || issued != tokens {
				t.Errorf("%s: %d of 3 cold instances failed, the warm one %v; %d tokens, want %d", when, failed, err, issued, tokens)
			}
		}
		ask("at first", false, 1)
		ask("at once", false, 1)
		time.Sleep(ClaimFor)
		ask("later", false, 2)
		ask("and at once", false, 2)
		granted = true
		ask("when it was granted", false, 2)
		time.Sleep(ClaimFor)
		ask("later still", true, 3)
	})
}

// What the plan lacks is refused like a scope, and no token would change it.
func TestATokenIsOutdated(t *testing.T) {
	old, young := time.Now().Add(-time.Hour), time.Now()
	for name, tt := range map[string]struct {
		token  token
		status int
		scopes string
		want   bool
	}{
		"refused":                {token{issued: young}, 401, "read:clients", true},
		"without the scope":      {token{issued: old, scopes: []string{"read:clients"}}, 403, "read:clients and update:clients", true},
		"without one of three":   {token{issued: old, scopes: []string{"read:clients", "update:clients"}}, 403, "read:clients, create:clients and update:clients", true},
		"but young":              {token{issued: young, scopes: []string{"read:clients"}}, 403, "update:clients", false},
		"of the future":          {token{issued: young.Add(time.Hour)}, 403, "update:clients", true},
		"with every scope":       {token{issued: old, scopes: []string{"read:clients", "create:clients"}}, 403, "read:clients, create:clients", false},
		"with unknown scopes":    {token{issued: old}, 403, "read:clients", true},
		"another kind of answer": {token{issued: old}, 404, "read:clients", false},
		"no answer":              {token{issued: old}, 0, "read:clients", false},
	} {
		if got := tt.token.outdated(tt.status, tt.scopes); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A clock that was far ahead must not keep a refused token in its place until
// its time has come.
func TestATokenOfTheFutureIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, p := &issuer{}, &place{}
		s := &stub{t: t, grants: i.grant, api: func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "Bearer of-the-future" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			serveClient(w, r)
		}}
		year := time.Now().AddDate(1, 0, 0)
		p.shared = Shared{Version: "0", Token: secret.New("of-the-future"), Issued: year, Expires: year.Add(24 * time.Hour)}
		for range 3 {
			if failed := cold(t, 5, p, s); failed > 0 {
				t.Errorf("%d calls failed", failed)
			}
		}
		if p.versions != 1 || i.issued > 5 {
			t.Errorf("%d put, %d issued", p.versions, i.issued)
		}
	})
}

// While the tenant gives none, a shared token is used until its end.
func TestASharedTokenOutlivesTheTokenEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, p := &issuer{}, &place{}
		s := &stub{t: t, grants: i.grant, api: i.api}
		cold(t, 1, p, s)
		i.down = true
		time.Sleep(24*time.Hour - 5*time.Minute)
		if failed := cold(t, 5, p, s); failed > 0 || i.unknown > 0 || p.versions != 1 {
			t.Errorf("%d calls failed, %d came without a token; %d put", failed, i.unknown, p.versions)
		}
	})
}
