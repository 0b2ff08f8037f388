package auth0

import (
	"context"
	"errors"
	"net/http"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// A LoginResult is what the token endpoint makes of a credential. The zero
// result, which only comes with an error, is that nobody knows.
type LoginResult string

// The results.
const (
	// Accepted: the tenant issued a token.
	Accepted LoginResult = "accepted"
	// Refused: the tenant does not accept the credential, or does not know the
	// client; it does not tell the two apart.
	Refused LoginResult = "refused"
	// GrantRefused: the tenant answered 403 with unauthorized_client (the client
	// may not use the client credentials grant) or access_denied (the client
	// may not use the audience, or the audience is no API). RFC 6749 section
	// 5.2 speaks of the authenticated client there, but Auth0 documents no
	// order of its checks. Who takes this for a proof that the credential is
	// good should see first that a wrong one is Refused.
	GrantRefused LoginResult = "grant_refused"
)

// Login asks for an access token with a credential, throws the token away, and
// says how it went. Nothing is cached and nothing assumed: every call is one
// request, made again only after a 429. Tokens are counted by the tenant, some
// plans charge for them, and a token once issued cannot be revoked, so this is
// not for idle curiosity.
//
// The audience is the Management API unless another is named: tokens for it do
// not count towards a plan's quota, and a client without access to it gives
// [GrantRefused]. Whatever is neither of the three results is an error: a rate
// limit, a failure on the way, an answer that makes no sense. A credential that
// cannot be used, such as a key that is no RSA key, is [fault.Invalid] with the
// reason "credential_unusable"; nothing is sent then.
//
// The requests share the tenant's bucket for the Authentication API with those
// for management tokens, and wait for it as their [Priority] says.
//
// Scopes: none. Sources: Auth0 docs "Client Credentials Flow", "Authenticate
// with Private Key JWT"; RFC 6749 sections 4.4 and 5.2.
func (c *Client) Login(ctx context.Context, cred Credential, audience ...string) (LoginResult, error) {
	const op = "auth0.login"
	wanted := c.audience
	if len(audience) > 0 && audience[0] != "" {
		wanted = audience[0]
	}
	var out struct {
		Token secret.Value `json:"access_token"`
	}
	_, err := c.repeat(ctx, c.auth, func() (request, error) {
		r, err := c.tokenRequest(cred, wanted)
		r.op, r.out, r.judge = op, &out, judgeLogin
		return r, err
	})
	refusal, answered := errors.AsType[*Refusal](err)
	switch {
	case err == nil && out.Token.IsZero():
		return "", strange(op, "the answer holds no token")
	case err == nil:
		return Accepted, nil
	case answered && refusal.refusesClient():
		return Refused, nil
	case answered && refusal.refusesGrant():
		return GrantRefused, nil
	}
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Reason == reasonUnusable {
		err = &fault.Error{Kind: fault.Invalid, Op: op, Reason: e.Reason, Detail: e.Detail}
	}
	return "", err
}

// refusesClient accepts any 401: which code comes with it differs between what
// Auth0 documents and what it has been seen to send. RFC 6749 allows 400.
func (r *Refusal) refusesClient() bool {
	return r.Status == http.StatusUnauthorized || r.Status == http.StatusBadRequest && r.Code == "invalid_client"
}

// refusesGrant wants the code as well: a firewall's 403 proves nothing.
func (r *Refusal) refusesGrant() bool {
	return r.Status == http.StatusForbidden && (r.Code == "unauthorized_client" || r.Code == "access_denied")
}

// judgeLogin words what [Client.Login] does not turn into a result.
func judgeLogin(_ envelope, e *fault.Error) {
	switch e.Kind {
	case fault.Invalid:
		e.Detail = "the tenant cannot make sense of the request for a token"
	case fault.Denied:
		e.Detail, e.Next = "something refuses the request for a token", "check what stands between here and AUTH0_DOMAIN"
	case fault.NotFound:
		e.Kind = fault.Internal
		e.Detail, e.Next = "there is no token endpoint", "check AUTH0_DOMAIN"
	}
}
