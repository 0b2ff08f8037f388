package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	neturl "net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"clientkeeper/internal/credential"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/handler"
	"clientkeeper/internal/idempotency"
	"clientkeeper/internal/queue"
	"clientkeeper/internal/registration"
	"clientkeeper/internal/secret"
	"clientkeeper/internal/telemetry"
	"clientkeeper/internal/webhook"
)

// apiNow is when all of these tests happen.
var apiNow = time.Unix(1614265330, 0)

// A world is what stands behind the handlers of HTTP: it answers as it is told
// to, and remembers what was done.
type world struct {
	err         error // what every call fails with
	outcome     registration.Outcome
	registerErr error    // what the registrar fails with
	hang        bool     // the registrar waits for the end of its time
	writes      []string // what was made or changed
	asked       []string // what was read
	newest      credential.NewClient
	added       credential.NewCredential
	at          time.Time
	sent        []queue.Message
	requests    map[string]entry
	next        string // the cursor that a page ends with
	state       string // of a rotation
	resumed     bool   // what the ledger says of a first try
	refusal     error  // of grants
	log         bytes.Buffer
	metrics     bytes.Buffer
	queueURL    string
	hosts       []string // that are allowed
	keysErr     error
	events      box
	credentials handler.Credentials // nil: the world itself
}

type entry struct {
	digest [32]byte
	answer idempotency.Answer
	busy   bool
}

func newWorld() *world {
	return &world{hosts: []string{"agents.example.com"}, requests: map[string]entry{}, state: "running", queueURL: "https://sqs.eu-central-1.amazonaws.com/123456789012/registrations",
		outcome: registration.Outcome{ClientID: "tpc_1", Created: true, Mapped: registration.Mapped{Name: "Agents", AppType: "native", Callbacks: []string{"https://agents.example.com/cb"}},
			Validation: registration.Validation{Valid: true, Warnings: []string{"a warning"}}}}
}

func (w *world) wrote(what string) error {
	if w.err == nil {
		w.writes = append(w.writes, what)
	}
	return w.err
}

func (w *world) read(what string) error {
	w.asked = append(w.asked, what)
	return w.err
}

// Do is the registrar's, or by its request the ledger's.
func (w *world) Do(ctx context.Context, r registration.Request) (registration.Outcome, error) {
	if w.hang {
		<-ctx.Done()
		return registration.Outcome{}, ctx.Err()
	}
	if w.registerErr != nil {
		return registration.Outcome{}, w.registerErr
	}
	if r.Mode == registration.Preview {
		return w.outcome, w.read("preview " + r.ClientID.String())
	}
	return w.outcome, w.wrote("register " + r.ClientID.String() + " by " + r.RequestedBy)
}

type memoryLedger struct{ *world }

func (l memoryLedger) Known(_ context.Context, r idempotency.Request) (bool, error) {
	_, ok := l.requests[r.Caller+"\n"+r.Key]
	return ok, l.err
}

func (l memoryLedger) Do(ctx context.Context, r idempotency.Request, do idempotency.Work) (idempotency.Answer, bool, error) {
	id := r.Caller + "\n" + r.Key
	switch known, ok := l.requests[id]; {
	case ok && known.digest != r.Digest:
		return idempotency.Answer{}, false, &fault.Error{Kind: fault.Invalid, Op: "idempotency.do", Reason: "idempotency_key_reused", Detail: "the key was used for another request", Next: "use a new key"}
	case ok && known.busy:
		return idempotency.Answer{}, false, &fault.Error{Kind: fault.Conflict, Op: "idempotency.do", Reason: "idempotency_in_progress", Detail: "the first try is at work", Next: "ask again", RetryAfter: 7 * time.Second}
	case ok:
		return known.answer, true, nil
	}
	answer, err := do(ctx, idempotency.Operation{ID: "abcdefghijklmnopqrstuvwxyz", Resumed: l.resumed})
	if err == nil {
		l.requests[id] = entry{digest: r.Digest, answer: answer}
	}
	return answer, false, err
}

var someClient = credential.Client{ClientID: "abc123", Name: "orders", AuthMethod: "private_key_jwt",
	SecretARN: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:clients/orders-AbCdEf", NextDue: apiNow.Add(time.Hour)}

var someCredential = credential.Credential{ID: "cred_1", Name: "orders", Type: "public_key", KeyID: "kid-1234567890", Alg: "RS256", Attached: true,
	Created: apiNow, Updated: apiNow, SecretARN: someClient.SecretARN}

func (w *world) MayGrant([]credential.Grant) error { return w.refusal }

func (w *world) CreateClient(_ context.Context, op credential.Operation, n credential.NewClient) (credential.Client, error) {
	w.newest = n
	return someClient, w.wrote("client " + op.ID)
}

func (w *world) Clients(_ context.Context, cursor string, limit int) ([]credential.Client, string, error) {
	return []credential.Client{someClient}, w.next, w.read("clients " + cursor + " " + strconv.Itoa(limit))
}

func (w *world) AddCredentials(_ context.Context, op credential.Operation, clientID string, n credential.NewCredential) ([]credential.Credential, error) {
	w.added = n
	out := []credential.Credential{someCredential}
	if n.JWKS != nil {
		out = append(out, credential.Credential{ID: "cred_2", Type: "public_key"})
	}
	return out, w.wrote("credential " + clientID + " " + op.ID)
}

func (w *world) Credentials(_ context.Context, clientID string) ([]credential.Credential, error) {
	return []credential.Credential{someCredential}, w.read("credentials " + clientID)
}

func (w *world) Credential(_ context.Context, clientID, id string) (credential.Credential, error) {
	return someCredential, w.read("credential " + clientID + " " + id)
}

func (w *world) SetExpiry(_ context.Context, clientID, id string, at time.Time) (credential.Credential, error) {
	w.at = at
	out := someCredential
	out.Expires = at
	return out, w.wrote("expiry " + clientID + " " + id)
}

func (w *world) Remove(_ context.Context, clientID, id string, force bool) error {
	return w.wrote("remove " + clientID + " " + id + " " + strconv.FormatBool(force))
}

func (w *world) StartRotation(_ context.Context, op credential.Operation, clientID string) (credential.Rotation, error) {
	return credential.Rotation{ID: "rot-1", ClientID: clientID, SecretARN: someClient.SecretARN, State: "running", Started: apiNow}, w.wrote("rotate " + clientID)
}

func (w *world) Rotation(_ context.Context, id string) (credential.Rotation, error) {
	return credential.Rotation{ID: id, ClientID: "abc123", SecretARN: someClient.SecretARN, State: w.state, Started: apiNow}, w.read("rotation " + id)
}

func (w *world) Send(_ context.Context, _ string, m queue.Message) error {
	if err := w.wrote("message"); err != nil {
		return err
	}
	w.sent = append(w.sent, m)
	return nil
}

const signingSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func signingKey() webhook.Key {
	k, err := webhook.ParseKey(secret.New(signingSecret))
	if err != nil {
		panic(err)
	}
	return k
}

// answer sends a request to the function whose it is.
func (w *world) answer(t testing.TB, ctx context.Context, ev events.APIGatewayV2HTTPRequest) events.APIGatewayV2HTTPResponse {
	t.Helper()
	policy, err := registration.NewPolicy(w.hosts, false, false)
	if err != nil {
		t.Fatal(err)
	}
	log := telemetry.Logger(&w.log, "api", "test", "DEBUG")
	now := func() time.Time { return apiNow }
	credentials := w.credentials
	if credentials == nil {
		credentials = w
	}
	handle := (&handler.API{Ledger: memoryLedger{w}, Credentials: credentials, Registrar: w, Policy: policy, Queue: w, QueueURL: w.queueURL,
		Withheld: []string{"https://example.eu.auth0.com/api/v2/"}, Log: log, Metrics: telemetry.NewMetrics(&w.metrics, "api"), Events: w.events.announcer(), Now: now}).Handle
	if strings.Contains(ev.RouteKey, " /v1/webhooks/") {
		handle = (&handler.Webhook{Keys: func(context.Context) ([]webhook.Key, error) {
			return []webhook.Key{signingKey()}, w.keysErr
		}, Queue: w, QueueURL: w.queueURL, Log: log, Metrics: telemetry.NewMetrics(&w.metrics, "webhook"), Now: now}).Handle
	}
	out, err := handle(ctx, ev)
	if err != nil {
		t.Fatalf("the handler failed: %v", err)
	}
	return out
}

// problemOf reads an answer as a problem and sees that it is a whole one.
func problemOf(t testing.TB, name string, out events.APIGatewayV2HTTPResponse) (reason string) {
	t.Helper()
	var p struct {
		Type, Title, Detail, Instance, Next string
		Status                              int
	}
	if err := json.Unmarshal([]byte(out.Body), &p); err != nil {
		t.Errorf("%s: %v in %q", name, err, out.Body)
	}
	if out.Headers["Content-Type"] != "application/problem+json" || p.Status != out.StatusCode || p.Title == "" || p.Detail == "" || p.Next == "" {
		t.Errorf("%s: not a whole problem: %v %s", name, out.Headers, out.Body)
	}
	if want := "urn:clientkeeper:request:" + neturl.PathEscape("JKJaXmPLvHcESHA="); p.Instance != want {
		t.Errorf("%s: instance %q, want %q", name, p.Instance, want)
	}
	return strings.TrimPrefix(p.Type, "urn:clientkeeper:problem:")
}

// decent is what holds for every answer.
func decent(t testing.TB, name string, out events.APIGatewayV2HTTPResponse) {
	t.Helper()
	if out.Headers["Cache-Control"] != "no-store" || out.Headers["X-Content-Type-Options"] != "nosniff" {
		t.Errorf("%s: headers %v", name, out.Headers)
	}
	for header, value := range out.Headers {
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%s: the header %s is %q", name, header, value)
		}
	}
	if out.StatusCode == 401 && out.Headers["Www-Authenticate"]+out.Headers["WWW-Authenticate"] == "" {
		t.Errorf("%s: 401 without WWW-Authenticate", name)
	}
	if slices.Contains([]int{429, 503}, out.StatusCode) && out.Headers["Retry-After"] == "" {
		t.Errorf("%s: %d without Retry-After", name, out.StatusCode)
	}
}
