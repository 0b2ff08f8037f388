package tenant

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

const maxBody = 1 << 20 // the payload limit of the Management API

// A call is one request on its way through the tenant.
type call struct {
	*http.Request
	ctx     context.Context // outlives a client that hangs up
	n       int
	route   route
	params  map[string]string
	content []byte
	caller  identity // of Management API calls, once authenticated
	asking  string   // the client that asks for a token, once known
	applied bool     // something was changed
}

// ServeHTTP answers one request, after the mischief has had its say. A caller
// that gives up while it waits does not stop the work: that is one more way to
// lose an answer.
func (t *Tenant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	rt, params := match(r)
	c := &call{
		Request: r, ctx: context.WithoutCancel(r.Context()),
		n: t.log.next(), route: rt, params: params,
	}
	fault := (*t.mischief.Load())(c.n, r)
	t.pause(r.Context(), fault.Delay+t.latency.Load().draw(t.opts.Seed, c.n, rt))
	a, limits := t.answer(c, fault)
	a = fault.disguise(t, a, rt)
	t.note(c, a, fault, time.Since(began))
	t.send(w, r, a, limits, fault)
}

// answer does what was asked, unless the fault or the rate limit forbids it.
func (t *Tenant) answer(c *call, f Fault) (answer, reading) {
	limits := t.meters.Load().take(c.route, c.Request, t.opts.Now())
	t.watch.request(c)
	if f.prevents() {
		return answer{}, limits
	}
	if !limits.ok {
		return t.tooMany(c.route), limits
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, c.Body, maxBody))
	if err != nil {
		return t.unreadable(c, err), limits
	}
	c.content = body
	if c.route.management() {
		if refusal, ok := t.authorize(c); !ok {
			return refusal, limits
		}
	}
	a := t.run(c)
	t.watch.answered(c, a)
	if a.limits != nil {
		limits = *a.limits
	}
	return a, limits
}

// run does what was asked. A panic is a bug of this package that nobody would
// see behind the server's closed connection, so it becomes a violation.
func (t *Tenant) run(c *call) (a answer) {
	defer func() {
		if p := recover(); p != nil {
			t.watch.report("the tenant panicked in %s: %v", c.route.name, p)
			a = answer{status: http.StatusInternalServerError, body: envelope{
				StatusCode: http.StatusInternalServerError, Error: "Internal Server Error", Message: serverError}}
		}
	}()
	serve, ok := t.serve[c.route.name]
	if !ok {
		return t.refuse("route_missing")
	}
	return serve(c)
}

func (t *Tenant) unreadable(c *call, err error) answer {
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		return t.refuse("payload_size")
	}
	return t.refuse("payload_json") // nobody is there to read this
}

func (t *Tenant) tooMany(rt route) answer {
	if !rt.management() {
		return t.refuseToken("oauth_rate_limited")
	}
	return t.refuse("rate_limited")
}

// pause waits, or until the other side or the server has gone.
func (t *Tenant) pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// note records what happened before the answer is sent, so that whoever has
// the answer finds the record.
func (t *Tenant) note(c *call, a answer, f Fault, took time.Duration) {
	client := c.caller.clientID
	if client == "" {
		client = c.asking
	}
	e := Entry{
		N: c.n, Time: t.opts.Now(), Route: c.route.name, Method: c.Method, Path: c.route.template,
		Status: a.status, Client: client, CorrelationID: correlationID(c.Request),
		Fault: f.String(), Applied: c.applied, Duration: took,
	}
	if f.HangUp {
		e.Status = 0
	}
	t.log.add(e)
	if t.opts.OnRequest != nil {
		t.opts.OnRequest(e)
	}
}

// send puts the answer on the wire, as far as the fault lets it.
func (t *Tenant) send(w http.ResponseWriter, r *http.Request, a answer, limits reading, f Fault) {
	if f.HangUp {
		panic(http.ErrAbortHandler) // closes the connection without a word
	}
	h := w.Header()
	for name, values := range a.header {
		h[name] = values
	}
	if !f.NoHeaders {
		f.limits(limits, t.opts.Now()).write(h)
	}
	if wait := t.retryAfter(a, limits, f); wait != "" {
		h.Set("Retry-After", wait)
	}
	body := a.encode()
	if f.HTML {
		h.Set("Content-Type", "text/html; charset=utf-8")
		body = []byte(proxyPage)
	} else if body != nil {
		h.Set("Content-Type", "application/json; charset=utf-8")
	}
	w.WriteHeader(a.status)
	t.write(w, r, body, f.Drip)
}

// write sends body, in pieces over d if that is not zero.
func (t *Tenant) write(w http.ResponseWriter, r *http.Request, body []byte, d time.Duration) {
	const pieces = 10
	step := len(body)
	if d > 0 {
		step = max(1, len(body)/pieces)
	}
	for len(body) > 0 && r.Context().Err() == nil {
		n := min(step, len(body))
		if _, err := w.Write(body[:n]); err != nil {
			return // the other side has had enough
		}
		body = body[n:]
		if d > 0 {
			_ = http.NewResponseController(w).Flush() // a writer that cannot flush is not slow
			t.pause(r.Context(), d/pieces)
		}
	}
}
