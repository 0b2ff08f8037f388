package handler_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/queue"
	"clientkeeper/internal/registration"
)

func TestASignedRequestBecomesAMessage(t *testing.T) {
	encoded := func(ev *events.APIGatewayV2HTTPRequest) {
		ev.Body, ev.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(ev.Body)), true
	}
	for name, ev := range map[string]events.APIGatewayV2HTTPRequest{
		"a message": signed(goodMessage), "an event": signed(goodEvent), "in base64": signed(goodEvent, encoded), "five minutes late": signedAs("msg_1", apiNow.Add(-5*time.Minute), goodMessage), "five minutes early": signedAs("msg_1", apiNow.Add(5*time.Minute), goodMessage),
		"with spaces": signed(" \n" + strings.ReplaceAll(goodMessage, ":{", ": {") + "\n"),
		"two signatures": signed(goodMessage, func(ev *events.APIGatewayV2HTTPRequest) {
			ev.Headers["webhook-signature"] = "v1,AAAA " + ev.Headers["webhook-signature"]
		}),
		"a character set": signed(goodMessage, header("content-type", "application/json; charset=UTF-8")),
	} {
		w := newWorld()
		out := w.answer(t, t.Context(), ev)
		if out.StatusCode != 202 || body(t, out)["status"] != "queued" || body(t, out)["webhook_id"] != "msg_1" || len(w.sent) != 1 {
			t.Errorf("%s: %d %s, %d sent", name, out.StatusCode, out.Body, len(w.sent))
			continue
		}
		m, err := registration.ParseRequest(w.sent[0].Body)
		if err != nil || m.ClientID.String() != "https://agents.example.com/oauth/client.json" || m.RequestID != "msg_1" || m.Labels["a"] != "b" || m.Mode != registration.Register {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

func TestAReplayIsHarmless(t *testing.T) {
	w := newWorld()
	for range 2 {
		if out := w.answer(t, t.Context(), signed(goodEvent)); out.StatusCode != 202 {
			t.Errorf("%d %s", out.StatusCode, out.Body)
		}
	}
	if len(w.sent) != 2 || w.sent[0].Body != w.sent[1].Body {
		t.Errorf("sent %v, want the same twice", w.sent)
	}
	w = newWorld()
	w.queueURL += ".fifo"
	w.answer(t, t.Context(), signed(goodEvent))
	want := queue.Message{Group: "https://agents.example.com/oauth/client.json", Deduplication: "msg_1"}
	if got := w.sent[0]; got.Group != want.Group || got.Deduplication != want.Deduplication {
		t.Errorf("a FIFO queue gets %+v", got)
	}
}

// A sender that is told no stops sending; an event that is not for here is no
// mistake of its.
func TestOtherEventsAreAcknowledgedAndLeft(t *testing.T) {
	for _, text := range []string{`{"type":"user.created","timestamp":"2021-02-25T15:02:10Z","data":{"id":7}}`, `{"type":"registration.removed","data":[],"more":1}`} {
		w := newWorld()
		out := w.answer(t, t.Context(), signed(text))
		if out.StatusCode != 202 || body(t, out)["status"] != "ignored" || len(w.sent) > 0 {
			t.Errorf("%s: %d %s, %d sent", text, out.StatusCode, out.Body, len(w.sent))
		}
	}
}

func TestAWebhookSaysWhenToTryAgain(t *testing.T) {
	for name, test := range map[string]struct {
		keys, queue error
		status      int
	}{
		"the secret is unreadable": {fault.Denied, nil, 500}, "the secret is not there": {fault.NotFound, nil, 500}, "Secrets Manager is away": {fault.Unavailable, nil, 503}, "Secrets Manager is busy": {fault.RateLimited, nil, 429},
		"the queue is away": {nil, &fault.Error{Kind: fault.Unavailable, Op: "queue.send"}, 503}, "the queue is forbidden": {nil, &fault.Error{Kind: fault.Denied, Op: "queue.send"}, 502}, "the queue is gone": {nil, &fault.Error{Kind: fault.NotFound, Op: "queue.send"}, 502},
	} {
		w := newWorld()
		w.keysErr, w.err = test.keys, test.queue
		out := w.answer(t, t.Context(), signed(goodMessage))
		decent(t, name, out)
		problemOf(t, name, out)
		if out.StatusCode != test.status || len(w.sent) > 0 {
			t.Errorf("%s: %d %s, want %d", name, out.StatusCode, out.Body, test.status)
		}
	}
}

// Strangers reach this function: what they send is counted in few words.
func TestWebhooksAreCountedByWhatBecameOfThem(t *testing.T) {
	away := &fault.Error{Kind: fault.Unavailable, Op: "queue.send"}
	for name, test := range map[string]struct {
		event       events.APIGatewayV2HTTPRequest
		keys, queue error
		want        string
	}{
		"a message":                   {event: signed(goodMessage), want: "queued"},
		"another event":               {event: signed(`{"type":"user.created","data":{}}`), want: "ignored"},
		"no signature":                {event: signed(goodMessage, header("webhook-signature", "")), want: "signature_missing"},
		"a signature of another kind": {event: signed(goodMessage, header("webhook-signature", "v1a,AAAA")), want: "signature_malformed"},
		"an old signature":            {event: signedAs("msg_1", apiNow.Add(-time.Hour), goodMessage), want: "signature_stale"},
		"another body":                {event: signed(goodMessage, func(ev *events.APIGatewayV2HTTPRequest) { ev.Body += " " }), want: "signature_mismatch"},
		"no message":                  {event: signed(`{"a":1}`), want: "invalid"},
		"the queue is away":           {event: signed(goodMessage), queue: away, want: "failed"},
		"Secrets Manager is busy":     {event: signed(goodMessage), keys: fault.RateLimited, want: "failed"},
		"no signing secret":           {event: signed(goodMessage), keys: fault.NotFound, want: "failed"},
	} {
		w := newWorld()
		w.keysErr, w.err = test.keys, test.queue
		w.answer(t, t.Context(), test.event)
		if got := names(t, w.metrics.String()); len(got) != 1 || got["Webhooks "+test.want] != 1 {
			t.Errorf("%s: %v, want %s", name, got, test.want)
		}
	}
}
