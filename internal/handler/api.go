package handler

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"clientkeeper/internal/cimd"
	"clientkeeper/internal/credential"
	"clientkeeper/internal/event"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/idempotency"
	"clientkeeper/internal/queue"
	"clientkeeper/internal/registration"
	"clientkeeper/internal/telemetry"
)

// Ledger lets a request with an Idempotency-Key be made once; see package
// idempotency.
type Ledger interface {
	Do(context.Context, idempotency.Request, idempotency.Work) (answer idempotency.Answer, replayed bool, err error)
	Known(context.Context, idempotency.Request) (bool, error)
}

// Credentials makes machine clients and credentials; see package credential.
type Credentials interface {
	MayGrant([]credential.Grant) error
	CreateClient(context.Context, credential.Operation, credential.NewClient) (credential.Client, error)
	Clients(ctx context.Context, cursor string, limit int) (page []credential.Client, next string, err error)
	AddCredentials(ctx context.Context, op credential.Operation, clientID string, n credential.NewCredential) ([]credential.Credential, error)
	Credentials(ctx context.Context, clientID string) ([]credential.Credential, error)
	Credential(ctx context.Context, clientID, id string) (credential.Credential, error)
	SetExpiry(ctx context.Context, clientID, id string, at time.Time) (credential.Credential, error)
	Remove(ctx context.Context, clientID, id string, force bool) error
	StartRotation(ctx context.Context, op credential.Operation, clientID string) (credential.Rotation, error)
	Rotation(ctx context.Context, id string) (credential.Rotation, error)
}

// Policy says what may be registered, before anybody is asked.
type Policy interface {
	Check(cimd.ClientID) error
	Judge(registration.Validation) error
}

// Sender puts messages into a queue.
type Sender interface {
	Send(ctx context.Context, queueURL string, m queue.Message) error
}

// API handles the requests that API Gateway sends on from an HTTP API, in
// payload format 2.0. Its fields are set once; it keeps nothing between two
// requests.
//
// API Gateway has authenticated the caller: with a JWT, whose scopes are
// checked here once more, or by IAM, whose policy names the routes. A request
// without a caller is refused, whatever the gateway was told.
type API struct {
	Ledger      Ledger
	Credentials Credentials
	Registrar   Registrar
	Policy      Policy
	Queue       Sender
	QueueURL    string // of the registrations
	// Withheld are the audiences that no client is given: those of the
	// Management API, with which a caller who may make clients could do
	// everything, and this API's own, or it could give itself the scopes that it
	// lacks. The audience of the caller's own token is one of them too.
	Withheld []string
	Log      *slog.Logger
	Metrics  telemetry.Metrics
	// Events tells of registrations that were made while the caller waited; the
	// function that takes the messages tells of the others. A refusal is no
	// event: its caller is told.
	Events *event.Announcer
	// Observe is as in [RegisterClient].
	Observe func(ctx context.Context, correlationID string) (context.Context, func() int)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Handle answers one request. It returns no error, for the caller would get a
// 500 without a word.
func (h *API) Handle(ctx context.Context, ev events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	start := h.now()
	defer func(ctx context.Context) { h.Metrics.Put(nil, timeLeft(ctx)...) }(ctx)
	ctx, cancel := keepBack(ctx)
	defer cancel()
	calls := func() int { return 0 }
	if h.Observe != nil {
		ctx, calls = h.Observe(ctx, ev.RequestContext.RequestID)
	}
	r := newRequest(ev, h.Log)
	out, err := h.answer(ctx, r)
	if err != nil {
		out = failed(err, ev.RequestContext.RequestID)
	}
	took := h.now().Sub(start)
	r.report(ctx, out, err, "tenant_calls", calls(), "duration_ms", took.Milliseconds())
	h.measure(r.name(), out.status, took)
	return out.event(), nil
}

// answer finds the caller, the route and what is asked for, in this order, and
// does it.
func (h *API) answer(ctx context.Context, r *httpRequest) (out reply, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked("handler.api", p)
		}
	}()
	r.identify()
	if err := r.match(apiRoutes); err != nil {
		return reply{}, err
	}
	if r.route.scope != "" {
		if err := r.admit(); err != nil {
			return reply{}, err
		}
	}
	for _, read := range []func() error{r.readParameters, r.readQuery, r.readBody} {
		if err := read(); err != nil {
			return reply{}, err
		}
	}
	work, err := r.route.serve(h, r)
	if err != nil {
		return reply{}, err
	}
	return h.once(ctx, r, work)
}

// measure counts the answers. The route is one of the table's, so that no
// stranger makes up dimensions.
func (h *API) measure(route string, status int, took time.Duration) {
	class := [...]string{"other", "1xx", "2xx", "3xx", "4xx", "5xx"}[min(status/100, 5)]
	h.Metrics.Put(map[string]string{"Route": route, "Status": class},
		telemetry.Requests.Of(1), telemetry.RequestTime.Of(float64(took.Milliseconds())))
}

func (h *API) now() time.Time {
	if h.Now != nil {
		return h.Now()
	}
	return time.Now()
}

// apiFault is a refusal of the handler's own.
func apiFault(kind fault.Kind, reason, detail, next string) error {
	return &fault.Error{Kind: kind, Op: "handler.api", Reason: reason, Detail: detail, Next: next}
}
