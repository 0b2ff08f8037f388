package handler_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"clientkeeper/internal/registration"
)

// Whatever a request is, there is an answer that the description knows, a
// failure is a whole problem, and only a success has made something.
func FuzzRequest(f *testing.F) {
	for _, ev := range goodRequests() {
		f.Add(ev.RequestContext.HTTP.Method, ev.RawPath, ev.RawQueryString, ev.Headers["content-type"], ev.Headers["idempotency-key"], ev.Body, false)
	}
	for i, test := range hostileTable() {
		if i%4 == 0 && len(test.ev.Body) < 1000 {
			f.Add(test.ev.RequestContext.HTTP.Method, test.ev.RawPath, test.ev.RawQueryString, test.ev.Headers["content-type"], test.ev.Headers["idempotency-key"], test.ev.Body, test.ev.IsBase64Encoded)
		}
	}
	d := readDescription(f)
	f.Fuzz(func(t *testing.T, method, path, query, media, key, text string, encoded bool) {
		ev := apiRequest(method, "/", text)
		ev.RawPath, ev.RawQueryString, ev.IsBase64Encoded = path, query, encoded
		ev.RouteKey = routeKey(ev)
		ev.Headers = map[string]string{"content-type": media, "idempotency-key": key, "prefer": query}
		w := newWorld()
		out := w.answer(t, t.Context(), ev)
		decent(t, "fuzz", out)
		if id := d.operationOf(ev); id != "" {
			d.check(t, "fuzz", id, out)
		}
		if out.StatusCode >= 500 {
			t.Errorf("%d for %q: %s", out.StatusCode, text, w.log.String())
		}
		if out.StatusCode >= 400 {
			problemOf(t, "fuzz", out)
			if len(w.writes)+len(w.sent) > 0 {
				t.Errorf("%d, and something was made: %v", out.StatusCode, w.writes)
			}
		}
	})
}

// A signed body, whatever it is, is a message that the registrar understands,
// or an event for others, or a problem.
func FuzzWebhookBody(f *testing.F) {
	for _, text := range []string{goodMessage, goodEvent, `{"type":"x","data":{}}`, `{"data":{"external_client_id":"https://a.example/c"}}`, "\xff", "[]"} {
		f.Add(text)
	}
	d := readDescription(f)
	f.Fuzz(func(t *testing.T, text string) {
		w := newWorld()
		out := w.answer(t, t.Context(), signed(text, header("content-type", "application/json")))
		d.check(t, "fuzz", "receiveWebhook", out)
		var got struct{ Status any }
		if err := json.Unmarshal([]byte(out.Body), &got); err != nil {
			t.Fatal(err)
		}
		if queued := got.Status == "queued"; queued != (len(w.sent) == 1) {
			t.Errorf("%d %s, %d sent", out.StatusCode, out.Body, len(w.sent))
		}
		for _, m := range w.sent {
			if _, err := registration.ParseRequest(m.Body); err != nil {
				t.Errorf("%s became %s: %v", text, m.Body, err)
			}
		}
	})
}

// A Prefer header never fails a request, and never makes it wait for longer
// than it may.
func FuzzPrefer(f *testing.F) {
	for _, text := range []string{"wait=10", `respond-async, wait="5"`, "wait=0", "WAIT = 7;x", ",,,", "wait=wait=1", strings.Repeat("wait=1,", 1000)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		w := newWorld()
		out := w.answer(t, t.Context(), with(again("register"), func(ev *events.APIGatewayV2HTTPRequest) { ev.Headers["prefer"] = text }))
		if applied := out.Headers["Preference-Applied"]; out.StatusCode != 202 && (out.StatusCode != 201 || !strings.HasPrefix(applied, "wait=") || len(applied) > len("wait=20")) {
			t.Errorf("%q: %d %q", text, out.StatusCode, applied)
		}
	})
}
