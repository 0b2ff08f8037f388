package handler

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/jsonobject"
	"clientkeeper/internal/registration"
	"clientkeeper/internal/telemetry"
	"clientkeeper/internal/webhook"
)

// RegistrationRequested is the type of the event, in an envelope of Standard
// Webhooks, whose data is a registration message.
const RegistrationRequested = "registration.requested"

// Webhook handles signed requests for registrations: it verifies the
// signature, puts a message into the queue, and knows nothing of the tenant.
// Its fields are set once.
//
// The body is a registration message (registration.Schema), or the envelope of
// Standard Webhooks, {"type": "registration.requested", "timestamp": "...",
// "data": {a registration message}}. An event of another type is acknowledged
// and left, as the specification asks: a sender that is told no tries again for
// days, and then stops sending anything.
//
// A request that comes twice is two messages, which is harmless: a registration
// is an upsert. In a FIFO queue it is one, by its id.
type Webhook struct {
	// Keys are the secrets in use, the current one and those before and after it.
	Keys     func(context.Context) ([]webhook.Key, error)
	Queue    Sender
	QueueURL string
	Log      *slog.Logger
	Metrics  telemetry.Metrics
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Handle answers one request. It returns no error, as [API.Handle].
func (h *Webhook) Handle(ctx context.Context, ev events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	start := h.now()
	ctx, cancel := keepBack(ctx)
	defer cancel()
	r := newRequest(ev, h.Log)
	out, err := h.answer(ctx, r)
	if err != nil {
		out = failed(err, ev.RequestContext.RequestID)
		if out.status == 401 {
			out = out.with("WWW-Authenticate", "StandardWebhooks")
		}
	}
	r.report(ctx, out, err, "duration_ms", h.now().Sub(start).Milliseconds())
	h.Metrics.Put(map[string]string{"Outcome": webhookOutcome(out, err)}, telemetry.Webhooks.Of(1))
	return out.event(), nil
}

func (h *Webhook) answer(ctx context.Context, r *httpRequest) (out reply, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked("handler.webhook", p)
		}
	}()
	if err := r.match(webhookRoutes); err != nil {
		return reply{}, err
	}
	if err := r.decodeBody(); err != nil {
		return reply{}, err
	}
	id, err := h.verify(ctx, r)
	if err != nil {
		return reply{}, err
	}
	if err := r.checkMediaType(); err != nil {
		return reply{}, err
	}
	m, wanted, err := readWebhook(r.body)
	if err != nil {
		return reply{}, err
	}
	if !wanted {
		return reply{status: 202, body: webhookAnswer{"ignored", id}}, nil
	}
	m.RequestID = id
	r.message = m
	if err := h.Queue.Send(ctx, h.QueueURL, messageOf(h.QueueURL, m, id)); err != nil {
		return reply{}, err
	}
	return reply{status: 202, body: webhookAnswer{"queued", id}}, nil
}

// webhookOutcome is what became of a request, as one of few words: strangers
// reach this function, and make up no dimensions.
func webhookOutcome(out reply, err error) string {
	switch reason := fault.Reason(err); {
	case err == nil:
		if a, ok := out.body.(webhookAnswer); ok {
			return a.Status
		}
		return "failed"
	case fault.KindOf(err) == fault.Unauthenticated && slices.Contains(signatureReasons, reason):
		return reason
	case out.status >= 500, out.status == 429:
		return "failed"
	}
	return "invalid"
}

// signatureReasons are those of [webhook.Verify].
var signatureReasons = []string{"signature_missing", "signature_malformed", "signature_stale", "signature_mismatch"}

type webhookAnswer struct {
	Status    string `json:"status"`
	WebhookID string `json:"webhook_id"`
}

// verify is all that is done before anything of the body is looked at.
func (h *Webhook) verify(ctx context.Context, r *httpRequest) (id string, err error) {
	d := webhook.Delivery{ID: r.header(webhook.HeaderID), Timestamp: r.header(webhook.HeaderTimestamp), Signature: r.header(webhook.HeaderSignature)}
	keys, err := h.Keys(ctx)
	if err != nil && !fault.KindOf(err).Transient() {
		err = &fault.Error{Kind: fault.Internal, Op: "handler.webhook", Reason: "webhook_secret_unreadable", Detail: "the signing secret cannot be read",
			Next: "check the secret that WEBHOOK_SECRET_ARN names and the function's permission to read it", Err: err}
	}
	if err != nil {
		return "", err
	}
	return d.ID, webhook.Verify(d, r.body, h.now(), keys...)
}

// readWebhook reads either form of the body. wanted is false for an event of
// another type.
func readWebhook(body []byte) (m registration.Request, wanted bool, err error) {
	o, err := jsonobject.Parse(body)
	if err != nil {
		return registration.Request{}, false, err
	}
	if !o.Has("type") && !o.Has("data") {
		m, err = readMessage(body, registration.Register)
		return m, true, err
	}
	o.Require("type", "data")
	kind := o.String("type", jsonobject.Text{Min: 1, Max: 128})
	if kind != "" && kind != RegistrationRequested {
		return registration.Request{}, false, nil
	}
	data := o.Raw("data")
	stamp := o.String("timestamp", jsonobject.Text{Max: 64})
	if _, err := time.Parse(time.RFC3339, stamp); o.Has("timestamp") && err != nil {
		o.Wrong("timestamp", "is not a time of RFC 3339")
	}
	if err := o.Err(); err != nil {
		return registration.Request{}, false, err
	}
	m, err = readMessage(json.RawMessage(data), registration.Register)
	return m, true, err
}

func (h *Webhook) now() time.Time {
	if h.Now != nil {
		return h.Now()
	}
	return time.Now()
}
