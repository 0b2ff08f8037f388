package handler

import (
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/jsonobject"
	"clientkeeper/internal/registration"
)

// A reply is an answer before it is put into the event's form.
type reply struct {
	status int
	header map[string]string
	body   any // nil: none
}

// with adds a header to a copy.
func (a reply) with(name, value string) reply {
	header := map[string]string{}
	maps.Copy(header, a.header)
	header[name] = value
	a.header = header
	return a
}

func (a reply) encode() ([]byte, error) {
	if a.body == nil {
		return nil, nil
	}
	return json.Marshal(a.body)
}

// event is the answer for API Gateway. Nothing of it may be kept by a cache or
// taken for another media type.
func (a reply) event() events.APIGatewayV2HTTPResponse {
	out := events.APIGatewayV2HTTPResponse{StatusCode: a.status, Headers: map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}}
	body, err := a.encode()
	if err != nil {
		out.StatusCode, body = 500, nil
	}
	if raw, ok := a.body.(json.RawMessage); ok && len(raw) == 0 {
		body = nil
	}
	if len(body) > 0 {
		out.Headers["Content-Type"] = "application/json"
		out.Body = string(body)
	}
	maps.Copy(out.Headers, a.header)
	return out
}

// A problem is what is told of a failure. Source: RFC 9457; next and instance's
// form are ours.
type problem struct {
	Type     string `json:"type"`  // stable: urn:clientkeeper:problem:<reason>
	Title    string `json:"title"` // the same for every problem of the type
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Instance string `json:"instance"` // names the request, as the log does
	Next     string `json:"next"`     // what to do now

	Errors     jsonobject.Mistakes `json:"errors,omitempty"`
	Violations []string            `json:"violations,omitempty"`
	Warnings   []string            `json:"warnings,omitempty"`
}

// problemType begins the type of every problem.
const problemType = "urn:clientkeeper:problem:"

// slug is how a reason looks.
var slug = regexp.MustCompile(`^[a-z0-9_]{1,64}$`)

// statuses are of reasons whose kind does not say it all.
var statuses = map[string]int{
	"method_not_allowed":     405,
	"body_too_large":         413,
	"message_too_long":       413,
	"media_type":             415,
	"idempotency_key_reused": 422,
	"document_invalid":       422,
	"document_has_warnings":  422,
}

// retrySoon is for failures that name no time.
const retrySoon = 5 * time.Second

// failed is the answer to a request that failed. The fields of the outermost
// [fault.Error] are made to be published; what happened inside this
// installation, which its caller cannot do anything about, is for the log.
func failed(err error, requestID string) reply {
	p := problem{Status: statusOf(err), Instance: "urn:clientkeeper:request:" + url.PathEscape(requestID)}
	reason := fault.Reason(err)
	if e, ok := errors.AsType[*fault.Error](err); ok {
		p.Detail, p.Next = e.Detail, e.Next
	}
	if p.Status >= 500 {
		reason, p.Detail, p.Next = ours(p.Status, err)
	}
	if !slug.MatchString(reason) {
		reason = fault.KindOf(err).String()
	}
	p.Type, p.Title = problemType+reason, title(reason)
	if p.Detail == "" {
		p.Detail = p.Title
	}
	if p.Next == "" {
		p.Next = "correct the request"
	}
	p.Errors, _ = errors.AsType[jsonobject.Mistakes](err)
	if refusal, ok := errors.AsType[*registration.Refusal](err); ok {
		p.Violations, p.Warnings = refusal.Violations, refusal.Warnings
	}
	out := reply{status: p.Status, body: p, header: map[string]string{"Content-Type": "application/problem+json"}}
	return out.explained(err)
}

// explained adds the headers that belong to a status.
func (a reply) explained(err error) reply {
	if m, ok := errors.AsType[*methodError](err); ok {
		a = a.with("Allow", m.allow)
	}
	if s, ok := errors.AsType[*scopeError](err); ok {
		a = a.with("WWW-Authenticate", `Bearer error="insufficient_scope", scope="`+s.scope+`"`)
	}
	if a.status == 401 {
		a = a.with("WWW-Authenticate", "Bearer")
	}
	wait := fault.RetryAfter(err)
	if wait == 0 && (a.status == 429 || a.status == 503 || fault.Reason(err) == "idempotency_in_progress") {
		wait = retrySoon
	}
	if wait > 0 {
		a = a.with("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	return a
}

// statusOf maps an error to a status:
//
//	invalid          400, or as statuses says
//	unauthenticated  401 if it is the caller, 503 if the tenant refuses us
//	denied           403 if it is the caller, 502 if it is us
//	any of the queue 502 unless a later try may help
//	not found        404
//	conflict         409
//	rate limited     429
//	unavailable      503
//	internal         500
func statusOf(err error) int {
	if status, ok := statuses[fault.Reason(err)]; ok {
		return status
	}
	kind, mine := fault.KindOf(err), ofInstallation(err)
	switch {
	case mine && kind == fault.Unauthenticated:
		return 503
	case mine && (kind == fault.Denied || kind.Permanent() && ofQueue(err)):
		return 502
	}
	return [...]int{fault.Internal: 500, fault.Invalid: 400, fault.Unauthenticated: 401, fault.Denied: 403,
		fault.NotFound: 404, fault.Conflict: 409, fault.RateLimited: 429, fault.Unavailable: 503}[kind]
}

// ofInstallation reports whether a refusal is about what this installation may
// do at the tenant or in its AWS account, and not about the caller.
func ofInstallation(err error) bool {
	for e, ok := errors.AsType[*fault.Error](err); ok; e, ok = errors.AsType[*fault.Error](e.Err) {
		switch adapter, _, _ := strings.Cut(e.Op, "."); adapter {
		case "auth0", "secretstore", "queue", "app":
			return true
		}
	}
	return false
}

// ofQueue reports whether it was the queue that failed, about which no request
// has anything to say.
func ofQueue(err error) bool {
	e, ok := errors.AsType[*fault.Error](err)
	return ok && strings.HasPrefix(e.Op, "queue.")
}

// ours is what a caller is told of a failure on our side.
func ours(status int, err error) (reason, detail, next string) {
	switch status {
	case 502:
		return "installation_refused", "the tenant or AWS refuses what clientkeeper asks of it", "tell whoever runs it; its log says what is missing, under this request's id"
	case 503:
		if fault.KindOf(err) == fault.Unauthenticated {
			return "installation_unauthenticated", "the tenant does not accept clientkeeper's own credential", "try again later, and tell whoever runs it if it stays so"
		}
		return fault.Reason(err), "the tenant, AWS or the way to them failed, or it took too long", "make the same request again, with the same Idempotency-Key if it had one"
	}
	return "internal", "something went wrong that nobody foresaw", "make the same request again; tell whoever runs clientkeeper if it stays so"
}

// title makes words of a reason, which is one of ours.
func title(reason string) string {
	words := strings.ReplaceAll(reason, "_", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}
