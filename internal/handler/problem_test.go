package handler_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/handler"
	"clientkeeper/internal/registration"
	"clientkeeper/internal/telemetry"
	"clientkeeper/internal/webhook"
)

// What is the caller's mistake is told to the caller in its own words; what
// this installation may not do, or cannot, in ours.
func TestWhatAFailureIsTold(t *testing.T) {
	of := func(kind fault.Kind, op, reason string) *fault.Error {
		return &fault.Error{Kind: kind, Op: op, Reason: reason, Detail: "in detail", Next: "do this"}
	}
	within := func(kind fault.Kind, op string) error {
		e := of(kind, "credential.x", "")
		e.Err = of(kind, op, "")
		return e
	}
	later := of(fault.Unavailable, "auth0.x", "")
	later.RetryAfter = 7500 * time.Millisecond
	for name, test := range map[string]struct {
		err    error
		status int
		reason string
		words  bool // those of the error
		retry  string
	}{
		"the caller may not":              {of(fault.Denied, "credential.x", "tenant_api"), 403, "tenant_api", true, ""},
		"the tenant lets us not":          {of(fault.Denied, "auth0.x", "scope"), 502, "installation_refused", false, ""},
		"the same, further in":            {within(fault.Denied, "auth0.x"), 502, "installation_refused", false, ""},
		"Secrets Manager lets us not":     {of(fault.Denied, "secretstore.x", ""), 502, "installation_refused", false, ""},
		"the records let us not":          {of(fault.Denied, "app.x", ""), 502, "installation_refused", false, ""},
		"the tenant does not know us":     {of(fault.Unauthenticated, "auth0.x", ""), 503, "installation_unauthenticated", false, "5"},
		"the caller is not known":         {of(fault.Unauthenticated, "credential.x", ""), 401, "unauthenticated", true, ""},
		"the tenant has no such client":   {of(fault.NotFound, "auth0.x", ""), 404, "not_found", true, ""},
		"the queue is not there":          {of(fault.NotFound, "queue.x", ""), 502, "installation_refused", false, ""},
		"the tenant is away":              {of(fault.Unavailable, "auth0.x", ""), 503, "unavailable", false, "5"},
		"the tenant says until when":      {later, 503, "unavailable", false, "8"},
		"too many requests":               {of(fault.RateLimited, "auth0.x", ""), 429, "rate_limited", true, "5"},
		"another try is at work":          {of(fault.Conflict, "idempotency.do", "idempotency_in_progress"), 409, "idempotency_in_progress", true, "5"},
		"another conflict":                {of(fault.Conflict, "credential.x", "pool_full"), 409, "pool_full", true, ""},
		"a reason that is no slug":        {of(fault.Invalid, "credential.x", "Some Text"), 400, "invalid", true, ""},
		"a bug":                           {of(fault.Internal, "credential.x", "oops"), 500, "internal", false, ""},
		"a kind, and nothing said of it":  {fault.NotFound, 404, "not_found", false, ""},
		"a reason that has its own state": {of(fault.Invalid, "registration.judge", "document_invalid"), 422, "document_invalid", true, ""},
	} {
		w := newWorld()
		w.err = test.err
		out := w.answer(t, t.Context(), again("listCredentials"))
		got := body(t, out)
		words := got["detail"] == "in detail" && got["next"] == "do this"
		if reason := problemOf(t, name, out); out.StatusCode != test.status || reason != test.reason || words != test.words || out.Headers["Retry-After"] != test.retry {
			t.Errorf("%s: %d %v %s; want %d %s, its own words %v, Retry-After %q", name, out.StatusCode, out.Headers, out.Body, test.status, test.reason, test.words, test.retry)
		}
		decent(t, name, out)
	}
}

func TestAProblemListsWhatIsWrong(t *testing.T) {
	w := newWorld()
	got := body(t, w.answer(t, t.Context(), apiRequest("POST", "/v1/clients", `{"name":7,"more":1}`)))
	if all, _ := got["errors"].([]any); len(all) != 2 || fmt.Sprint(all[0]) != "map[detail:is not a string pointer:/name]" {
		t.Errorf("%v", got["errors"])
	}
	w.registerErr = &fault.Error{Kind: fault.Invalid, Op: "registration.judge", Reason: "document_invalid", Err: &registration.Refusal{Violations: []string{"v"}, Warnings: []string{"w"}}}
	got = body(t, w.answer(t, t.Context(), apiRequest("POST", "/v1/registrations", goodMessage, header("prefer", "wait=10"))))
	if fmt.Sprint(got["violations"], got["warnings"]) != "[v] [w]" {
		t.Errorf("%v", got)
	}
}

func TestAWebhookIsToldHowToSign(t *testing.T) {
	out := newWorld().answer(t, t.Context(), signed(goodMessage, header("webhook-signature", "")))
	if out.StatusCode != 401 || out.Headers["WWW-Authenticate"] != "StandardWebhooks" {
		t.Errorf("%d %v", out.StatusCode, out.Headers)
	}
	w := newWorld()
	w.keysErr = fault.Unavailable
	if out := w.answer(t, t.Context(), signed(goodMessage)); out.StatusCode != 503 || out.Headers["WWW-Authenticate"] != "" {
		t.Errorf("%d %v", out.StatusCode, out.Headers)
	}
}

func TestAPanicOfAWebhookIsAnswered(t *testing.T) {
	w := newWorld()
	h := handler.Webhook{Keys: func(context.Context) ([]webhook.Key, error) { panic(canary) }, Queue: w, QueueURL: w.queueURL, Log: telemetry.Logger(&w.log, "webhook", "test", ""),
		Metrics: telemetry.NewMetrics(&w.metrics, "webhook"), Now: func() time.Time { return apiNow }}
	out, err := h.Handle(t.Context(), signed(goodMessage))
	if err != nil || out.StatusCode != 500 || problemOf(t, "panic", out) != "internal" {
		t.Errorf("%d %s, %v", out.StatusCode, out.Body, err)
	}
}
