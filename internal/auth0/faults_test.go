package auth0

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
)

// Each row is one thing that can go wrong between a tenant and us. wantClients
// tells what was done, wantCalls what it cost.
func TestFaults(t *testing.T) {
	in := func(d time.Duration) string { return strconv.FormatInt(time.Now().Add(d).Unix(), 10) }
	bucket := func(reset time.Duration) map[string]string {
		return map[string]string{"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": in(reset)}
	}
	tests := map[string]struct {
		befalls     func() func(int) befall // made inside the bubble, for its clock
		wantErr     error
		wantReason  string
		wantCalls   int
		wantClients int
		wantAfter   time.Duration // RetryAfter of the error
		least, most time.Duration // time that the call takes
	}{
		"quiet tenant":                {func() func(int) befall { return nil }, nil, "", 1, 1, 0, 0, 0},
		"failed before the change":    {fixed(once(befall{status: 502})), nil, "", 2, 1, 0, 0, sec},
		"changed, answer lost":        {fixed(once(befall{status: 504, applied: true})), nil, "", 2, 1, 0, 0, sec},
		"connection dropped":          {fixed(once(befall{hangUp: true})), nil, "", 2, 1, 0, 0, sec},
		"changed, connection dropped": {fixed(once(befall{hangUp: true, applied: true})), nil, "", 2, 1, 0, 0, sec},
		"request timeout":             {fixed(once(befall{status: 408})), nil, "", 2, 1, 0, 0, sec},
		"a proxy's page as failure":   {fixed(once(befall{status: 502, body: "<html>" + canaryBody})), nil, "", 2, 1, 0, 0, sec},
		"a proxy's page as success":   {fixed(once(befall{status: 200, body: "<html>" + canaryBody})), nil, "", 2, 1, 0, 0, sec},
		"a proxy's page for ever":     {fixed(always(befall{status: 200, body: "<html>"})), fault.Unavailable, "not_json", 4, 0, 0, 0, 3 * sec},
		"broken for ever":             {fixed(always(befall{status: 500})), fault.Unavailable, "unavailable", 4, 0, 0, 0, 3 * sec},
		"slow drip": {fixed(always(befall{body: strings.Repeat("x", 100), drip: sec})),
			fault.Unavailable, "timeout", 4, 0, 0, 80 * sec, 83 * sec},
		"slow drip of a refusal keeps its status": {fixed(always(befall{status: 400, drip: sec})), fault.Invalid, "", 1, 0, 0, 20 * sec, 20 * sec},

		"busy, Retry-After": {fixed(once(befall{status: 429, header: map[string]string{"Retry-After": "2"}})), nil, "", 2, 1, 0, 2 * sec, 3 * sec},
		"busy, only reset": {func() func(int) befall { return once(befall{status: 429, header: bucket(3 * sec)}) },
			nil, "", 2, 1, 0, 3 * sec, 5 * sec},
		"busy, no advice": {fixed(once(befall{status: 429, code: "too_many_requests"})), nil, "", 2, 1, 0, sec, 2 * sec},
		"busy for ever": {fixed(always(befall{status: 429, code: "too_many_requests", header: map[string]string{"Retry-After": "1"}})),
			fault.RateLimited, "too_many_requests", 4, 0, sec, 3 * sec, 4 * sec},
		"busy again, and the waits add up": {fixed(always(befall{status: 429, header: map[string]string{"Retry-After": "3"}})),
			fault.RateLimited, "rate_limited", 2, 0, 3 * sec, 3 * sec, 4 * sec},
		"busy for longer than is worth waiting": {fixed(always(befall{status: 429, header: map[string]string{"Retry-After": "900"}})),
			fault.RateLimited, "rate_limited", 1, 0, 900 * sec, 0, 0},
		"unavailable with advice": {fixed(once(befall{status: 503, header: map[string]string{"Retry-After": "3"}})), nil, "", 2, 1, 0, 3 * sec, 4 * sec},

		"redirect": {fixed(always(befall{status: 307, header: map[string]string{"Location": "https://evil.example/" + canaryBody}})),
			fault.Internal, "internal", 1, 0, 0, 0, 0},
		"no scope":          {fixed(always(befall{status: 403, code: "insufficient_scope"})), fault.Denied, "insufficient_scope", 1, 0, 0, 0, 0},
		"no plan":           {fixed(always(befall{status: 403, code: "insufficient_entitlement"})), fault.Denied, "insufficient_entitlement", 1, 0, 0, 0, 0},
		"full":              {fixed(always(befall{status: 403, code: "too_many_entities"})), fault.Denied, "too_many_entities", 1, 0, 0, 0, 0},
		"bad body":          {fixed(always(befall{status: 400, code: "invalid_body"})), fault.Invalid, "invalid_body", 1, 0, 0, 0, 0},
		"conflict":          {fixed(always(befall{status: 409})), fault.Conflict, "conflict", 1, 0, 0, 0, 0},
		"no such operation": {fixed(always(befall{status: 404, message: "Not Found"})), fault.Internal, "internal", 1, 0, 0, 0, 0},
		"document unreachable": {fixed(always(befall{status: 400, message: "The Client Metadata at https://x could not be retrieved."})),
			fault.Invalid, "invalid", 1, 0, 0, 0, 0},
		"document refused": {fixed(always(befall{status: 400, message: "The Client Metadata document at https://x cannot be applied."})),
			fault.Invalid, "invalid", 1, 0, 0, 0, 0},
		"a code that is no word":   {fixed(always(befall{status: 400, code: canarySecret})), fault.Invalid, "invalid", 1, 0, 0, 0, 0},
		"success without a client": {fixed(always(befall{status: 200, body: `{}`})), fault.Internal, "strange_answer", 1, 0, 0, 0, 0},
		"success of another shape": {fixed(always(befall{status: 200, body: `{"client_id":[]}`})), fault.Internal, "strange_answer", 1, 0, 0, 0, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stub{t: t, befalls: tt.befalls()}
				c := inMemory(t, s)
				start := time.Now()
				// Bulk work would go back to its queue where the bucket is empty.
				got, err := c.RegisterCIMD(WithPriority(t.Context(), Urgent), clientID(t, document))
				took := time.Since(start)
				if !errors.Is(err, tt.wantErr) || (err == nil) != (tt.wantErr == nil) {
					t.Fatalf("err = %v, want %v", err, tt.wantErr)
				}
				if err == nil && got.ClientID != "tpc_1" {
					t.Errorf("ClientID = %q", got.ClientID)
				}
				if err != nil && tt.wantReason != "" && fault.Reason(err) != tt.wantReason {
					t.Errorf("reason = %q, want %q", fault.Reason(err), tt.wantReason)
				}
				if after := fault.RetryAfter(err); after != tt.wantAfter {
					t.Errorf("RetryAfter = %v, want %v", after, tt.wantAfter)
				}
				if calls, _, clients := s.counts(); calls != tt.wantCalls || clients != tt.wantClients {
					t.Errorf("%d calls made %d clients, want %d and %d", calls, clients, tt.wantCalls, tt.wantClients)
				}
				if took < tt.least || took > tt.most {
					t.Errorf("took %v, want %v to %v", took, tt.least, tt.most)
				}
				if found := leaks(fmt.Sprintf("%v %+v %#v", err, err, err)); found != nil {
					t.Errorf("the error leaks %v: %v", found, err)
				}
			})
		})
	}
}

const sec = time.Second

func fixed(f func(int) befall) func() func(int) befall { return func() func(int) befall { return f } }

func TestNothingOutlivesTheDeadline(t *testing.T) {
	tests := map[string]struct {
		befall   befall
		deadline time.Duration
		want     error
		calls    int
		after    time.Duration
	}{
		"a wait that would not fit is not begun": {
			befall{status: 429, header: map[string]string{"Retry-After": "4"}}, 4500 * time.Millisecond, fault.RateLimited, 1, 4 * sec},
		"an answer that drips": {befall{body: strings.Repeat("x", 100), drip: sec}, 3 * sec, fault.Unavailable, 1, 0},
		"a server that hangs":  {befall{body: "x", drip: time.Hour}, 3 * sec, context.DeadlineExceeded, 1, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stub{t: t, befalls: always(tt.befall)}
				c := inMemory(t, s)
				ctx, cancel := context.WithTimeout(t.Context(), tt.deadline)
				defer cancel()
				start := time.Now()
				_, err := c.RegisterCIMD(ctx, clientID(t, document))
				if !errors.Is(err, tt.want) {
					t.Errorf("err = %v, want %v", err, tt.want)
				}
				if took := time.Since(start); took > tt.deadline {
					t.Errorf("took %v of %v", took, tt.deadline)
				}
				if calls, _, _ := s.counts(); calls != tt.calls {
					t.Errorf("%d calls, want %d", calls, tt.calls)
				}
				if after := fault.RetryAfter(err); after != tt.after {
					t.Errorf("RetryAfter = %v, want %v", after, tt.after)
				}
			})
		})
	}
}

// Creating a client has been seen to take 11 s. Whoever waits for less gives up
// on what is done, and asks for it again.
func TestTheSlowestAnswerEverSeenIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{t: t, api: func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(11 * sec)
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, cimdAnswer)
		}}
		r, err := inMemory(t, s).RegisterCIMD(t.Context(), clientID(t, document))
		if calls, _, _ := s.counts(); err != nil || !r.Created || calls != 1 {
			t.Errorf("%+v, %v after %d calls", r, err, calls)
		}
	})
}

// What creates something is never repeated, whatever its failure promises,
// except after a 401 or a 429, which say that nothing was done.
func TestUnrepeatableCallsAreMadeOnce(t *testing.T) {
	tests := map[string]struct {
		befall befall
		calls  int
		reason string
	}{
		"server error":         {befall{status: 502}, 1, "outcome_unknown"},
		"internal error":       {befall{status: 500}, 1, "outcome_unknown"},
		"several choices":      {befall{status: 300}, 1, "internal"},
		"changed, answer lost": {befall{status: 504, applied: true}, 1, "outcome_unknown"},
		"request timeout":      {befall{status: 408}, 1, "outcome_unknown"},
		"connection dropped":   {befall{hangUp: true}, 1, "outcome_unknown"},
		"a proxy's page":       {befall{status: 200, body: "<html>" + canaryBody}, 1, "outcome_unknown"},
		"half an answer":       {befall{body: `{"client_id":"x","name":"` + strings.Repeat("x", 100), drip: sec}, 1, "outcome_unknown"},
		"another shape":        {befall{status: 201, body: `[]`}, 1, "outcome_unknown"},
		"too much":             {befall{status: 201, body: `"` + strings.Repeat("x", answerLimit) + `"`}, 1, "outcome_unknown"},
		"busy":                 {befall{status: 429, header: map[string]string{"Retry-After": "1"}}, 4, "rate_limited"},
		"busy for long":        {befall{status: 429, header: map[string]string{"Retry-After": "900"}}, 1, "rate_limited"},
		"token refused":        {befall{status: 401}, 2, "unauthenticated"},
		"redirect":             {befall{status: 302}, 1, "internal"},
		"refused":              {befall{status: 400, code: "invalid_body"}, 1, "invalid_body"},
		"in the way":           {befall{status: 409}, 1, "conflict"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stub{t: t, befalls: always(tt.befall)}
				c := inMemory(t, s)
				var out struct{ Any string }
				_, err := c.do(t.Context(), call{op: "auth0.create", method: http.MethodPost, path: []string{"clients"}, in: struct{}{}, out: &out})
				if err == nil || fault.Reason(err) != tt.reason {
					t.Errorf("err = %v, want the reason %s", err, tt.reason)
				}
				if unknown := tt.reason == "outcome_unknown"; unknown && fault.KindOf(err) != fault.Unavailable {
					t.Errorf("kind %v", fault.KindOf(err))
				}
				if found := leaks(fmt.Sprintf("%v %+v %#v", err, err, err)); found != nil {
					t.Errorf("the error leaks %v: %v", found, err)
				}
				if calls, _, _ := s.counts(); calls != tt.calls {
					t.Errorf("%d calls, want %d", calls, tt.calls)
				}
			})
		})
	}
}

// A request that never left has a known outcome, however it failed.
func TestWhatWasNeverSentIsNotUnknown(t *testing.T) {
	create := call{op: "auth0.create", method: http.MethodPost, path: []string{"clients"}, in: struct{}{}}
	tests := map[string]func(t *testing.T) (*Client, context.Context){
		"nobody listens": func(t *testing.T) (*Client, context.Context) {
			c := onLoopback(t, &stub{t: t})
			prime(t, c)
			c.domain = "127.0.0.1:1"
			return c, t.Context()
		},
		"not trusted": func(t *testing.T) (*Client, context.Context) {
			c := onLoopback(t, &stub{t: t})
			prime(t, c)
			c.http.Transport.(*http.Transport).CloseIdleConnections()
			c.http.Transport.(*http.Transport).TLSClientConfig.RootCAs = nil
			return c, t.Context()
		},
		"cancelled before": func(t *testing.T) (*Client, context.Context) {
			c := onLoopback(t, &stub{t: t})
			prime(t, c)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return c, ctx
		},
		"no token": func(t *testing.T) (*Client, context.Context) {
			return onLoopback(t, &stub{t: t, grants: func(_ int, w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusForbidden)
			}}), t.Context()
		},
		"held back": func(t *testing.T) (*Client, context.Context) {
			c := onLoopback(t, &stub{t: t})
			prime(t, c)
			c.api.closed = time.Now().Add(time.Hour)
			return c, t.Context()
		},
	}
	for name, arrange := range tests {
		t.Run(name, func(t *testing.T) {
			c, ctx := arrange(t)
			if _, err := c.do(ctx, create); err == nil || fault.Reason(err) == "outcome_unknown" {
				t.Errorf("err = %v", err)
			}
		})
	}
}

// prime gives c a token.
func prime(t *testing.T, c *Client) {
	t.Helper()
	if _, err := c.tokens.get(t.Context(), c.grant); err != nil {
		t.Fatal(err)
	}
}

func TestRefusalKeepsWhatMayBeRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{t: t, befalls: always(befall{status: 403, code: "insufficient_scope",
			header: map[string]string{"X-Request-Id": "no spaces please", "Cf-Ray": "8f3c21aa-FRA"}})}
		_, err := inMemory(t, s).RegisterCIMD(t.Context(), clientID(t, document))
		got, ok := errors.AsType[*Refusal](err)
		if !ok || *got != (Refusal{403, "insufficient_scope", "8f3c21aa-FRA"}) {
			t.Errorf("Refusal = %+v", got)
		}
		want := "auth0.register_client: denied (insufficient_scope): the management client may not do this: " +
			"HTTP 403, request id 8f3c21aa-FRA; grant it create:clients and update:clients, " +
			"which takes effect within 15 minutes; if it has them, the tenant's plan may lack the feature"
		if err.Error() != want {
			t.Errorf("Error() =\n%s\nwant\n%s", err, want)
		}
	})
}
