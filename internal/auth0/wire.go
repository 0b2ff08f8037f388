package auth0

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// answerLimit bounds what is read of an answer. The API itself takes no more
// than 1 MB in the other direction.
const answerLimit = 1 << 20

// A request is what goes over the wire in one attempt.
type request struct {
	op, method, url string
	contentType     string
	body            []byte
	authorization   secret.Value // the whole header; zero sends none
	correlation     string
	out             any
	limit           int64
	timeout         time.Duration
	scopes          string
	repeatable      bool
	judge           func(envelope, *fault.Error)
}

// An answer is what came back, as far as it is of use to all callers. Without
// a status there was none, and sent tells whether the tenant may have seen the
// request all the same.
type answer struct {
	status int
	header http.Header
	sent   bool
}

// send makes one attempt. The answer is there even when the tenant refused;
// it has no status when the request, or the answer's head, was lost.
func (c *Client) send(ctx context.Context, r request) (answer, error) {
	attempt, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	attempt, connected := watchConnection(attempt)
	req, err := http.NewRequestWithContext(attempt, r.method, r.url, bytes.NewReader(r.body))
	if err != nil {
		return answer{}, &fault.Error{Kind: fault.Internal, Op: r.op, Detail: "the request cannot be made"}
	}
	c.dress(req, r)
	tallyOf(ctx).requests.Add(1)
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{sent: connected.Load()}, lost(ctx, r, err)
	}
	defer func() { _ = resp.Body.Close() }()
	a := answer{resp.StatusCode, resp.Header, true}
	limit := or(r.limit, answerLimit)
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case a.status < 200 || a.status > 299:
		return a, refused(r, a, body) // the status is known, whatever befell the body
	case err != nil:
		return a, lost(ctx, r, err)
	case int64(len(body)) > limit:
		return a, &fault.Error{Kind: fault.Internal, Op: r.op, Reason: reasonTooLarge,
			Detail: "the answer is larger than any that this call expects"}
	}
	return a, decode(r, body)
}

// watchConnection tells whether a request got as far as a connection that is
// ready for it. Before that not a byte of it has left.
func watchConnection(ctx context.Context) (context.Context, *atomic.Bool) {
	connected := new(atomic.Bool)
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	return httptrace.WithClientTrace(ctx, trace), connected
}

// dress sets every header that a request has.
func (c *Client) dress(req *http.Request, r request) {
	h := req.Header
	h.Set("Accept", "application/json")
	h.Set("User-Agent", c.agent)
	h.Set("Auth0-Client", c.telemetry)
	if r.contentType != "" {
		h.Set("Content-Type", r.contentType)
	}
	if !r.authorization.IsZero() {
		h.Set("Authorization", r.authorization.Reveal())
	}
	if r.correlation != "" {
		h.Set("X-Correlation-ID", r.correlation)
	}
}

// decode reads a successful answer. Text that is not JSON is the work of
// something between us and the tenant, and may pass; JSON of another shape
// will not.
func decode(r request, body []byte) error {
	if r.out == nil {
		return nil
	}
	if !json.Valid(body) {
		return &fault.Error{Kind: fault.Unavailable, Op: r.op, Reason: "not_json", Detail: "the answer is not JSON",
			Next: "check that nothing between here and AUTH0_DOMAIN answers in the tenant's place"}
	}
	if json.Unmarshal(body, r.out) != nil {
		return strange(r.op, "the answer does not have the expected shape")
	}
	return nil
}

// strange is an answer that succeeded but makes no sense. What it was meant to
// say is unknown, so nothing may be concluded from it.
func strange(op, detail string) error {
	return &fault.Error{Kind: fault.Internal, Op: op, Reason: "strange_answer", Detail: detail}
}
