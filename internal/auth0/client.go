// Package auth0 is a thin client of an Auth0 tenant's Management API: the few
// calls that clientkeeper needs, and one way out for all of them.
//
// What every call gets, because it exists once:
//
//   - HTTPS to the configured domain and nowhere else. Redirects are refused.
//   - A management token, fetched by one goroutine for all, renewed before it
//     expires, and fetched once more when the tenant refuses it.
//   - A deadline for each attempt, and another attempt only where repeating
//     the call is harmless, the failure may pass, and the context, as well as
//     [Config.MaxWait], can pay for the wait. The tenant's advice (Retry-After,
//     then X-RateLimit-Reset) beats our guess.
//   - A [fault.Error] for every failure, with a [Refusal] inside it when the
//     tenant answered. Neither ever holds a body, a URL, a header's text or a
//     token: what the other side wrote may repeat what we sent.
//   - A share of the tenant's rate limit: see the file budget.go.
//
// One attempt may be seen twice by the tenant, for an answer can be lost after
// the change was made. That is why calls say whether they are repeatable, and
// why those that create something never are: when nobody can know whether the
// tenant did what such a call asked for, its error has the reason
// "outcome_unknown", and the caller reads back before it decides.
//
// The package knows nothing of queues, secrets' homes or policies, and it never
// fetches a metadata document: the tenant does.
//
// Sources: Auth0 docs "Management API", "Register Applications with CIMD",
// "Authenticate with Private Key JWT", "Rate Limit Policy".
package auth0

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// Client talks to one tenant. Make it with [New]; it is safe for concurrent
// use, and is meant to live as long as the process.
type Client struct {
	domain     string // host or host:port, lower case
	audience   string
	credential func(ctx context.Context, stale bool) (Credential, error)
	http       *http.Client
	tokens     tokens
	share      Share // nil: none

	// The Management API and the Authentication API have buckets of their own.
	api, auth *budget

	callTimeout, tokenTimeout, maxWait time.Duration
	priority                           Priority
	agent, telemetry                   string // User-Agent and Auth0-Client
}

// Format prints the tenant's domain for every verb, and nothing of what the
// client holds, which other goroutines may be changing.
func (c *Client) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "auth0.Client("+c.domain+")") }

// A call is one operation of the Management API, as its method describes it.
type call struct {
	op     string   // constant, such as "auth0.get_client"
	method string   // such as http.MethodGet
	path   []string // below /api/v2, element by element, unescaped
	query  url.Values
	in     any    // sent as JSON; nil sends no body
	out    any    // pointer that the answer is decoded into; nil ignores it
	limit  int64  // bytes of answer to read; zero means answerLimit
	scopes string // what the token needs, in words for the advice in an error

	// repeatable says that doing it twice has the effect of doing it once.
	// What is not is made again only after a 401, 403 or 429, which say that
	// nothing was done.
	repeatable bool

	// judge may change what a refusal means; nil leaves it. Only here is the
	// tenant's text in reach, and only to be compared.
	judge func(envelope, *fault.Error)
}

// do is the way out for every call to the Management API. It returns the
// status of a successful answer. A token that is refused and outdated is dropped
// and the call made once more: a 401 and a 403 say that nothing was done.
func (c *Client) do(ctx context.Context, in call) (int, error) {
	r, err := c.request(ctx, in)
	if err != nil {
		return 0, err
	}
	for again := false; ; again = true {
		t, err := c.tokens.get(ctx, c.obtain)
		if err != nil {
			return 0, err
		}
		r.authorization = secret.New("Bearer " + t.value.Reveal())
		a, err := c.repeat(ctx, c.api, func() (request, error) { return r, nil })
		if again || !t.outdated(a.status, in.scopes) {
			return a.status, in.judgeOutcome(a, err)
		}
		c.tokens.drop(t)
	}
}

// request is the call as it goes over the wire, but for the token.
func (c *Client) request(ctx context.Context, in call) (request, error) {
	r := request{
		op: in.op, method: in.method, url: c.endpoint(in.path, in.query), limit: in.limit, out: in.out,
		scopes: in.scopes, repeatable: in.repeatable, judge: in.judge, timeout: c.callTimeout,
	}
	if in.method != http.MethodGet {
		r.correlation = correlationOf(ctx)
	}
	if in.in == nil {
		return r, nil
	}
	body, err := json.Marshal(in.in)
	if err != nil {
		// The encoder's text may quote a value.
		return r, &fault.Error{Kind: fault.Internal, Op: in.op, Detail: "the request cannot be encoded"}
	}
	r.body, r.contentType = body, "application/json"
	return r, nil
}

// endpoint escapes the elements one by one, so that an id cannot climb out of
// its place in the path.
func (c *Client) endpoint(path []string, query url.Values) string {
	var b strings.Builder
	b.WriteString("https://" + c.domain + "/api/v2")
	for _, element := range path {
		b.WriteString("/" + url.PathEscape(element))
	}
	if len(query) > 0 {
		b.WriteString("?" + query.Encode())
	}
	return b.String()
}

// issuer is the tenant's name for itself: with a trailing slash.
func (c *Client) issuer() string { return "https://" + c.domain + "/" }
