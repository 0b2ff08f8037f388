package auth0

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

func TestFiftyCallersOneToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{t: t, grants: func(_ int, w http.ResponseWriter, _ *http.Request) {
			time.Sleep(sec)
			grantToken(w, canaryToken, 86400)
		}}
		c := inMemory(t, s, func(c *Config) { c.Reserve = -1 })
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				if _, err := c.tokens.get(t.Context(), c.grant); err != nil {
					t.Errorf("caller %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		if _, tokens, _ := s.counts(); tokens != 1 {
			t.Errorf("%d requests for a token, want 1", tokens)
		}
	})
}

func TestCancelledCallerLeavesTheOthersWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{t: t, grants: func(_ int, w http.ResponseWriter, _ *http.Request) {
			time.Sleep(3 * sec)
			grantToken(w, canaryToken, 86400)
		}}
		c := inMemory(t, s)
		impatient, cancel := context.WithTimeout(t.Context(), sec)
		defer cancel()
		var first, second error
		var wg sync.WaitGroup
		wg.Go(func() { _, first = c.tokens.get(impatient, c.grant) })
		synctest.Wait() // the impatient one has begun the fetch
		wg.Go(func() { _, second = c.tokens.get(t.Context(), c.grant) })
		start := time.Now()
		wg.Wait()
		if !errors.Is(first, context.DeadlineExceeded) || fault.KindOf(first) != fault.Unavailable {
			t.Errorf("the impatient caller got %v", first)
		}
		if second != nil || time.Since(start) != 3*sec {
			t.Errorf("the patient caller got %v after %v", second, time.Since(start))
		}
		if _, tokens, _ := s.counts(); tokens != 1 {
			t.Errorf("%d requests for a token, want 1", tokens)
		}
	})
}

// A call whose first token is refused costs two calls and two tokens, however
// often the tenant refuses.
func TestTokenRefusedByTheAPI(t *testing.T) {
	tests := map[string]struct {
		befalls       func(int) befall
		want          error
		calls, tokens int
	}{
		"once":     {once(befall{status: 401}), nil, 2, 2},
		"for ever": {always(befall{status: 401}), fault.Unauthenticated, 2, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stub{t: t, befalls: tt.befalls, grants: numberedTokens}
				c := inMemory(t, s)
				_, err := c.RegisterCIMD(t.Context(), clientID(t, document))
				if !errors.Is(err, tt.want) {
					t.Errorf("err = %v, want %v", err, tt.want)
				}
				if calls, tokens, _ := s.counts(); calls != tt.calls || tokens != tt.tokens {
					t.Errorf("%d calls and %d tokens, want %d and %d", calls, tokens, tt.calls, tt.tokens)
				}
				last := s.seen[len(s.seen)-1].Header.Get("Authorization")
				if last != "Bearer token-2" {
					t.Errorf("the last call carried %q", last)
				}
			})
		})
	}
}

func numberedTokens(n int, w http.ResponseWriter, _ *http.Request) {
	grantToken(w, fmt.Sprintf("token-%d", n), 86400)
}

func TestManyRefusedCallsShareOneNewToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{t: t, grants: numberedTokens}
		s.api = func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(sec)
			if r.Header.Get("Authorization") != "Bearer token-2" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			fmt.Fprint(w, `{"client_id":"a"}`)
		}
		c := inMemory(t, s, func(c *Config) { c.MaxWait = time.Minute })
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, err := c.Client(t.Context(), "a"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if _, tokens, _ := s.counts(); tokens != 2 {
			t.Errorf("%d tokens, want 2", tokens)
		}
	})
}

func TestTokenIsRenewedEarlyAndMissedGently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := false
		s := &stub{t: t, grants: func(n int, w http.ResponseWriter, r *http.Request) {
			if broken {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			grantToken(w, fmt.Sprintf("token-%d", n), 3600)
		}}
		c := inMemory(t, s)
		get := func() string {
			t.Helper()
			held, err := c.tokens.get(t.Context(), c.grant)
			if err != nil {
				t.Fatalf("%v: %v", time.Now(), err)
			}
			return held.value.Reveal()
		}
		get()
		time.Sleep(53 * time.Minute)
		if got := get(); got != "token-1" {
			t.Errorf("after 53 minutes of 60: %s", got)
		}
		time.Sleep(2 * time.Minute)
		if got := get(); got != "token-2" {
			t.Errorf("after 55 minutes of 60: %s", got)
		}
		broken = true
		time.Sleep(56 * time.Minute)
		if got := get(); got != "token-2" {
			t.Errorf("with a broken token endpoint: %s", got)
		}
		_, before, _ := s.counts()
		get()
		if _, after, _ := s.counts(); after != before {
			t.Errorf("asked the broken endpoint again at once")
		}
		time.Sleep(5 * time.Minute)
		if _, err := c.tokens.get(t.Context(), c.grant); !errors.Is(err, fault.Unavailable) {
			t.Errorf("after the expiry: %v", err)
		}
	})
}

// The credential is read once more when the tenant refuses it, and again as long
// as that brings another one: three credentials, five times over.
func TestRotatedCredentialIsReadOnceMore(t *testing.T) {
	tests := map[string]struct {
		secrets   []string // by read
		status    int      // of a refusal
		want      error
		reads     []bool // stale, by read
		wantToken int
	}{
		"good":                        {[]string{"new"}, 401, nil, []bool{false}, 1},
		"rotated":                     {[]string{"old", "new"}, 401, nil, []bool{false, true}, 2},
		"rotated, refused as bad":     {[]string{"old", "new"}, 400, nil, []bool{false, true}, 2},
		"in the middle of a rotation": {[]string{"current", "pending", "new"}, 401, nil, []bool{false, true, true}, 3},
		"refused twice in the middle": {[]string{"current", "pending", "previous", "current", "new"}, 401, nil, []bool{false, true, true, true, true}, 5},
		"none of three": {[]string{"current", "pending", "previous"}, 401, fault.Unauthenticated,
			append([]bool{false}, slices.Repeat([]bool{true}, 14)...), 15},
		"another, then that again":     {[]string{"current", "pending", "pending"}, 401, fault.Unauthenticated, []bool{false, true, true}, 3},
		"wrong":                        {[]string{"old", "old"}, 401, fault.Unauthenticated, []bool{false, true}, 2},
		"caught half-changed":          {[]string{"", "new"}, 401, nil, []bool{false, true}, 1},
		"not authorised for the API":   {[]string{"old"}, 403, fault.Unauthenticated, []bool{false}, 1},
		"no token endpoint":            {[]string{"old"}, 404, fault.Internal, []bool{false}, 1},
		"token quota used up for long": {[]string{"old"}, 429, fault.RateLimited, []bool{false}, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stub{t: t, grants: func(_ int, w http.ResponseWriter, r *http.Request) {
					if r.PostFormValue("client_secret") == "new" {
						grantToken(w, canaryToken, 60)
						return
					}
					w.Header().Set("Retry-After", "3000")
					w.WriteHeader(tt.status)
					fmt.Fprintf(w, `{"error":"access_denied","error_description":%q}`, canaryBody)
				}}
				var reads []bool
				c := inMemory(t, s, func(c *Config) {
					c.Credential = func(_ context.Context, stale bool) (Credential, error) {
						reads = append(reads, stale)
						return Credential{ClientID: "mgmt", Secret: secret.New(tt.secrets[(len(reads)-1)%len(tt.secrets)])}, nil
					}
				})
				_, err := c.RegisterCIMD(t.Context(), clientID(t, document))
				if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
					t.Errorf("err = %v, want %v", err, tt.want)
				}
				if fmt.Sprint(reads) != fmt.Sprint(tt.reads) {
					t.Errorf("reads = %v, want %v", reads, tt.reads)
				}
				if _, tokens, _ := s.counts(); tokens != tt.wantToken {
					t.Errorf("%d requests for a token, want %d", tokens, tt.wantToken)
				}
				if found := leaks(fmt.Sprintf("%+v", err)); found != nil {
					t.Errorf("the error leaks %v: %v", found, err)
				}
			})
		})
	}
}

// What the token endpoint refused for an hour is not asked for again by the
// next call.
func TestQuotaOfTokensIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{t: t, grants: func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3540")
			w.WriteHeader(http.StatusTooManyRequests)
		}}
		c := inMemory(t, s)
		for range 5 {
			_, err := c.Client(t.Context(), "a")
			if !errors.Is(err, fault.RateLimited) || fault.RetryAfter(err) != 3540*sec {
				t.Errorf("err = %v", err)
			}
		}
		if _, tokens, _ := s.counts(); tokens != 1 {
			t.Errorf("%d requests for a token, want 1", tokens)
		}
	})
}

func TestUnusableAnswersOfTheTokenEndpoint(t *testing.T) {
	tests := map[string]string{
		"nothing":          `{}`,
		"no lifetime":      `{"access_token":"` + canaryToken + `","token_type":"Bearer"}`,
		"another type":     `{"access_token":"` + canaryToken + `","token_type":"DPoP","expires_in":60}`,
		"a line break":     `{"access_token":"` + canaryToken + `\r\nX: y","token_type":"Bearer","expires_in":60}`,
		"not JSON":         canaryToken,
		"another shape":    `[]`,
		"a huge lifetime ": `{"access_token":"` + canaryToken + `","token_type":"Bearer","expires_in":1e300}`,
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stub{t: t, grants: func(_ int, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }}
				_, err := inMemory(t, s).Client(t.Context(), "a")
				if err == nil {
					t.Fatal("no error")
				}
				if found := leaks(fmt.Sprintf("%+v", err)); found != nil {
					t.Errorf("the error leaks %v: %v", found, err)
				}
				if calls, _, _ := s.counts(); calls != 0 {
					t.Errorf("%d calls without a token", calls)
				}
			})
		})
	}
}

func TestUnreadableCredential(t *testing.T) {
	own := &fault.Error{Kind: fault.Denied, Op: "secretstore.get", Next: "allow the function to read it"}
	tests := map[string]struct {
		err      error
		kind     fault.Kind
		mentions string
	}{
		"a fault is passed on":         {own, fault.Denied, "allow the function to read it"},
		"a foreign text is not":        {errors.New(canarySecret), fault.Internal, "cannot be read"},
		"a time limit of the provider": {context.DeadlineExceeded, fault.Unavailable, "cannot be read"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := onLoopback(t, &stub{t: t}, func(c *Config) {
				c.Credential = func(context.Context, bool) (Credential, error) { return Credential{}, tt.err }
			})
			_, err := c.Client(t.Context(), "a")
			if fault.KindOf(err) != tt.kind || !strings.Contains(err.Error(), tt.mentions) {
				t.Errorf("err = %v", err)
			}
			if found := leaks(fmt.Sprintf("%+v", err)); found != nil {
				t.Errorf("the error leaks %v", found)
			}
		})
	}
}

func TestSecretGrant(t *testing.T) {
	var form url.Values
	s := &stub{t: t, grants: func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.Header.Get("Authorization") != "" {
			t.Errorf("headers: %v", r.Header)
		}
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		form = r.PostForm
		grantToken(w, canaryToken, 60)
	}}
	c := onLoopback(t, s)
	if _, err := c.grant(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := url.Values{"grant_type": {"client_credentials"}, "client_id": {"mgmt"}, "client_secret": {canarySecret},
		"audience": {"https://" + c.domain + "/api/v2/"}}
	if form.Encode() != want.Encode() {
		t.Errorf("form = %v, want %v", form, want)
	}
}
