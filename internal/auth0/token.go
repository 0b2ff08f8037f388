package auth0

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
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
	issued  time.Time // by the clock of whoever fetched it
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

// outdated reports whether a new token may be answered otherwise: the tenant
// refuses this one (401), or it lacks a scope (403), which may have been granted
// since. As long as it is not, a call without it must not take a token each
// time: so not before this one is [ClaimFor] old.
func (t token) outdated(status int, scopes string) bool {
	switch status {
	case http.StatusUnauthorized:
		return true
	case http.StatusForbidden:
		return time.Since(t.issued).Abs() >= ClaimFor && t.lacks(scopes)
	}
	return false
}

// lacks reports whether a scope of these words is none of the token's, as far
// as the tenant has told what it has. A feature that the plan lacks may be
// answered like a scope.
func (t token) lacks(words string) bool {
	return len(t.scopes) == 0 || slices.ContainsFunc(strings.Fields(words), func(word string) bool {
		word = strings.TrimRight(word, ",")
		return strings.Contains(word, ":") && !slices.Contains(t.scopes, word)
	})
}

// tokens keeps one token for all calls.
type tokens struct {
	flight singleflight.Group
	mu     sync.Mutex
	held   token

	refused secret.Value // the last one that the tenant did
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
	s.refused = t.value
}

const opToken = "auth0.token"

// reasonNotAuthorised is of a refusal that no other credential would change.
const reasonNotAuthorised = "management_client_not_authorised"

const (
	// maxCredentials is how many credentials one token may take: in the middle
	// of a rotation there are the old one, the new one, and the one before.
	maxCredentials = 3

	// maxRounds is how often all of them are tried, and roundEvery how far apart.
	// While a change spreads, for 30 s, the tenant may refuse now the old secret
	// and now the new one (Auth0 docs "Rotate Client Secrets"), so both in a row.
	maxRounds  = 5
	roundEvery = 500 * time.Millisecond
)

// grant gets a token with the client credentials grant (RFC 6749 section 4.4).
// When the tenant refuses the credential it is read once more, for a rotation
// may have replaced it since it was last read, and again while that brings
// another one.
func (c *Client) grant(ctx context.Context) (token, error) {
	var last Credential
	for try := 1; ; try++ {
		cred, err := c.credential(ctx, try > 1)
		var t token
		if err != nil {
			err = withoutText(ctx, err)
		} else {
			t, err = c.grantWith(ctx, cred)
		}
		refused := err != nil && fault.KindOf(err) == fault.Unauthenticated && fault.Reason(err) != reasonNotAuthorised
		if !refused || try == maxRounds*maxCredentials || try > 1 && cred.same(last) {
			return t, err
		}
		if try%maxCredentials == 0 && (!fits(ctx, roundEvery) || !pause(ctx, roundEvery, nil)) {
			return t, err
		}
		last = cred
	}
}

func (cred Credential) same(other Credential) bool {
	return cred.ClientID == other.ClientID && cred.Secret.Equal(other.Secret) && cred.PrivateKeyPEM.Equal(other.PrivateKeyPEM)
}

func (c *Client) grantWith(ctx context.Context, cred Credential) (token, error) {
	var out struct {
		AccessToken secret.Value `json:"access_token"`
		TokenType   string       `json:"token_type"`
		ExpiresIn   int64        `json:"expires_in"`
		Scope       string       `json:"scope"`
	}
	start := time.Now()
	_, err := c.repeat(ctx, c.auth, func() (request, error) {
		start = time.Now()
		r, err := c.tokenRequest(cred, c.audience)
		r.op, r.out, r.repeatable, r.judge = opToken, &out, true, judgeGrant
		return r, err
	})
	if err != nil {
		return token{}, err
	}
	lifetime := time.Duration(min(out.ExpiresIn, int64(maxLifetime/time.Second))) * time.Second
	if !headerSafe(out.AccessToken) || lifetime <= 0 || !strings.EqualFold(out.TokenType, "Bearer") {
		return token{}, strange(opToken, "the answer holds no usable token")
	}
	return token{
		value: out.AccessToken, scopes: strings.Fields(out.Scope), issued: start,
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
		e.Detail, e.Err = "", cause // which says it in its own words
	}
	return e
}

// tokenRequest asks for a token for an audience: RFC 6749 section 2.3.1 with a
// secret, RFC 7523 section 2.2 with a key. An assertion may be used once, so
// every attempt needs a request of its own.
func (c *Client) tokenRequest(cred Credential, audience string) (request, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {cred.ClientID}, "audience": {audience}}
	r := request{
		method: http.MethodPost, url: c.issuer() + "oauth/token", timeout: c.tokenTimeout,
		contentType: "application/x-www-form-urlencoded",
	}
	switch method := cred.method(); {
	case cred.ClientID == "":
		return r, unusable("the credential lacks a client id")
	case method == privateKeyJWT && !cred.PrivateKeyPEM.IsZero():
		assertion, err := sign(cred, c.issuer(), time.Now())
		if err != nil {
			return r, err
		}
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion.Reveal())
	case method == secretPost && !cred.Secret.IsZero():
		form.Set("client_secret", cred.Secret.Reveal())
	case method == secretBasic && !cred.Secret.IsZero():
		form.Del("client_id")
		r.authorization = basic(cred)
	default:
		return r, unusable("the credential lacks the secret or key that its authentication method needs")
	}
	r.body = []byte(form.Encode())
	return r, nil
}

func (cred Credential) method() string {
	if cred.AuthMethod == "" && !cred.PrivateKeyPEM.IsZero() {
		return privateKeyJWT
	}
	return or(cred.AuthMethod, secretPost)
}

// basic encodes both halves as form values first, as RFC 6749 section 2.3.1
// wants it.
func basic(cred Credential) secret.Value {
	pair := url.QueryEscape(cred.ClientID) + ":" + url.QueryEscape(cred.Secret.Reveal())
	return secret.New("Basic " + base64.StdEncoding.EncodeToString([]byte(pair)))
}

// judgeGrant reads a refusal as what it is at the token endpoint. A bad
// assertion may be answered with 400 or 401 (neither is documented), and what
// is wrong is never the caller's input: it is who we are, so a caller with a
// queue must not take it for its message's fault.
func judgeGrant(_ envelope, e *fault.Error) {
	switch e.Kind {
	case fault.Invalid, fault.Unauthenticated:
		e.Kind = fault.Unauthenticated
		e.Detail = "the tenant refuses the management credential"
		e.Next = "check the client id and the secret or key in the management secret, and that its method is the client's"
	case fault.Denied:
		e.Kind, e.Reason = fault.Unauthenticated, reasonNotAuthorised
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
