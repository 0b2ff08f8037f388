package auth0

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// A token is a management token and what is known about it.
type token struct {
	value   secret.Value
	scopes  []string
	refresh time.Time // from here on a new one is wanted
	expiry  time.Time // from here on this one is of no use
}

const (
	// fetchTime bounds the fetching of a token, attempts and waits together.
	// It outlives the caller that began it, for the sake of those who wait.
	fetchTime = 30 * time.Second

	// earliest is the longest time before its expiry that a token is renewed.
	earliest = 10 * time.Minute

	// grace is how long a token that could not be renewed in time is used
	// before the next attempt.
	grace = 30 * time.Second

	// maxLifetime is the longest that Auth0 lets a token live.
	maxLifetime = 30 * 24 * time.Hour
)

// tokens keeps one token for all calls.
type tokens struct {
	flight singleflight.Group
	mu     sync.Mutex
	held   token
}

// get is the held token while it is fresh, else a new one. However many ask,
// one fetches; a caller whose context ends stops waiting and disturbs nobody.
func (s *tokens) get(ctx context.Context, fetch func(context.Context) (token, error)) (token, error) {
	if t, fresh := s.peek(); fresh {
		return t, nil
	}
	if ctx.Err() != nil {
		return token{}, ended(ctx, opToken)
	}
	arrived := s.flight.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTime)
		defer cancel()
		return s.renew(ctx, fetch)
	})
	select {
	case <-ctx.Done():
		return token{}, ended(ctx, opToken)
	case r := <-arrived:
		t, _ := r.Val.(token)
		return t, r.Err
	}
}

func (s *tokens) peek() (t token, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held, time.Now().Before(s.held.refresh)
}

// renew fetches a token. While the old one still works, a failure to renew it
// is nobody's problem yet.
func (s *tokens) renew(ctx context.Context, fetch func(context.Context) (token, error)) (token, error) {
	if t, fresh := s.peek(); fresh {
		return t, nil // another flight has just landed
	}
	t, err := fetch(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	switch {
	case err == nil:
		s.held = t
	case now.Add(grace).Before(s.held.expiry):
		s.held.refresh = now.Add(grace)
	default:
		return token{}, err
	}
	return s.held, nil
}

// drop forgets t because the tenant refused it, unless another call has
// replaced it already.
func (s *tokens) drop(t token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held.value.Equal(t.value) {
		s.held = token{}
	}
}

const opToken = "auth0.token"

// grant gets a token with the client credentials grant (RFC 6749 section 4.4).
// When the tenant refuses the credential it is read once more, for a rotation
// may have replaced it since it was last read.
func (c *Client) grant(ctx context.Context) (token, error) {
	t, err := c.grantWith(ctx, false)
	if err != nil && fault.KindOf(err) == fault.Unauthenticated {
		return c.grantWith(ctx, true)
	}
	return t, err
}

func (c *Client) grantWith(ctx context.Context, stale bool) (token, error) {
	cred, err := c.credential(ctx, stale)
	if err != nil {
		return token{}, withoutText(ctx, err)
	}
	var out struct {
		AccessToken secret.Value `json:"access_token"`
		TokenType   string       `json:"token_type"`
		ExpiresIn   int64        `json:"expires_in"`
		Scope       string       `json:"scope"`
	}
	start := time.Now()
	_, err = c.repeat(ctx, c.auth, func() (request, error) {
		form, err := c.grantForm(cred)
		if err != nil {
			return request{}, err
		}
		start = time.Now()
		return request{
			op: opToken, method: http.MethodPost, url: c.issuer() + "oauth/token",
			contentType: "application/x-www-form-urlencoded", body: []byte(form.Encode()),
			out: &out, timeout: c.tokenTimeout, repeatable: true, judge: judgeGrant,
		}, nil
	})
	if err != nil {
		return token{}, err
	}
	lifetime := time.Duration(min(out.ExpiresIn, int64(maxLifetime/time.Second))) * time.Second
	if !headerSafe(out.AccessToken) || lifetime <= 0 || !strings.EqualFold(out.TokenType, "Bearer") {
		return token{}, strange(opToken, "the answer holds no usable token")
	}
	return token{
		value: out.AccessToken, scopes: strings.Fields(out.Scope),
		refresh: start.Add(lifetime - min(lifetime/10, earliest)), expiry: start.Add(lifetime),
	}, nil
}

// withoutText keeps of a foreign error what is fit to be published.
func withoutText(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ended(ctx, opToken)
	}
	e := &fault.Error{Kind: fault.KindOf(err), Op: opToken, Reason: "credential_unreadable",
		Detail: "the management credential cannot be read", RetryAfter: fault.RetryAfter(err)}
	if cause, ok := errors.AsType[*fault.Error](err); ok {
		e.Err = cause
	}
	return e
}

// grantForm is the request's body: RFC 6749 section 2.3.1 with a secret, RFC
// 7523 section 2.2 with a key.
func (c *Client) grantForm(cred Credential) (url.Values, error) {
	form := url.Values{
		"grant_type": {"client_credentials"},
		"client_id":  {cred.ClientID},
		"audience":   {c.audience},
	}
	switch {
	case cred.ClientID == "" || cred.PrivateKeyPEM.IsZero() && cred.Secret.IsZero():
		return nil, unusable("the management credential lacks a client id, or a secret or key")
	case cred.PrivateKeyPEM.IsZero():
		form.Set("client_secret", cred.Secret.Reveal())
		return form, nil
	}
	assertion, err := sign(cred, c.issuer(), time.Now())
	if err != nil {
		return nil, err
	}
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", assertion.Reveal())
	return form, nil
}

// judgeGrant reads a refusal as what it is at the token endpoint. A bad
// assertion may be answered with 400 or 401 (neither is documented), and what
// is wrong is never the caller's input.
func judgeGrant(_ envelope, e *fault.Error) {
	switch e.Kind {
	case fault.Invalid, fault.Unauthenticated:
		e.Kind = fault.Unauthenticated
		e.Detail = "the tenant refuses the management credential"
		e.Next = "check the client id and the secret or key in the management secret, and that its method is the client's"
	case fault.Denied:
		e.Detail = "the management client may not have a token for the Management API"
		e.Next = "allow it the client credentials grant and authorise it for the Management API; " +
			"with a custom domain, set the audience to the canonical domain's"
	case fault.NotFound:
		e.Kind = fault.Internal
		e.Detail, e.Next = "there is no token endpoint", "check AUTH0_DOMAIN"
	}
}

// headerSafe reports whether v is a token in the sense of RFC 6750 section 2.1.
func headerSafe(v secret.Value) bool {
	return !v.IsZero() && !strings.ContainsFunc(v.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' })
}
