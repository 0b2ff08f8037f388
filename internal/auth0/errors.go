package auth0

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"clientkeeper/internal/fault"
)

// Reasons that this package gives of its own accord. Others are the tenant's
// errorCode, as it is.
const (
	reasonTooLarge    = "answer_too_large"
	reasonUntrusted   = "certificate_untrusted"
	reasonMismatch    = "certificate_mismatch"
	reasonUnknownHost = "unknown_host"
	reasonNoTLS       = "not_tls"
	reasonUnknown     = "outcome_unknown"
	reasonUnusable    = "credential_unusable"
)

// A Refusal is what the tenant answered instead of doing what it was asked, as
// far as that may be repeated. It is the cause inside a [fault.Error]; find it
// with errors.AsType.
type Refusal struct {
	// Status is the HTTP status.
	Status int
	// Code is the tenant's errorCode, or the token endpoint's error. Empty if
	// there was none, or if it was not a plain word.
	Code string
	// RequestID is what Auth0's support asks for. Empty if the answer had none.
	RequestID string
}

// Error is the status and the request's id; the code is the fault's reason.
func (r *Refusal) Error() string {
	s := "HTTP " + strconv.Itoa(r.Status)
	if r.RequestID != "" {
		s += ", request id " + r.RequestID
	}
	return s
}

// An envelope is the body of a refusal. The Management API fills errorCode and
// has the status's name in error; the token endpoint has its code in error.
type envelope struct {
	code    string // a slug, or empty
	message string // the tenant's words: to be compared, never to be repeated
}

// readEnvelope never fails: a proxy's page is an empty envelope.
func readEnvelope(body []byte) envelope {
	var in struct {
		ErrorCode string `json:"errorCode"`
		Error     string `json:"error"`
		Message   string `json:"message"`
	}
	// A field of an unexpected type leaves the others readable.
	_ = json.Unmarshal(body, &in)
	code := slug(in.ErrorCode)
	if code == "" {
		code = slug(in.Error)
	}
	return envelope{code: code, message: in.Message}
}

// slug is s if it is a plain word such as "insufficient_scope", else nothing.
// Lower case without digits is what Auth0's codes look like, and what no
// secret, token or id does.
func slug(s string) string {
	if len(s) > 48 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return ""
	}
	return s
}

// requestID is the answer's name in Auth0's logs, or in those of the network
// in front of it, if it looks like one.
func requestID(h http.Header) string {
	for _, name := range [...]string{"X-Auth0-RequestId", "X-Request-Id", "Cf-Ray"} {
		id := h.Get(name)
		plain := func(r rune) bool {
			return r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		}
		if id != "" && len(id) <= 40 && !strings.ContainsFunc(id, func(r rune) bool { return !plain(r) }) {
			return id
		}
	}
	return ""
}

// refused turns an answer that is not a success into a fault.
func refused(r request, a answer, body []byte) error {
	said := readEnvelope(body)
	e := &fault.Error{
		Kind: kindOf(a.status), Op: r.op, Reason: said.code,
		Err: &Refusal{Status: a.status, Code: said.code, RequestID: requestID(a.header)},
	}
	if e.Kind.Transient() {
		e.RetryAfter = advice(a, time.Now())
	}
	e.Detail, e.Next = explain(e.Kind, a.status, r.scopes, said.code)
	if r.judge != nil {
		r.judge(said, e)
	}
	return e
}

// kindOf classifies a status that is not a success. One that Auth0 does not
// document, a redirect among them, is Internal.
func kindOf(status int) fault.Kind {
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return fault.Invalid
	case http.StatusUnauthorized:
		return fault.Unauthenticated
	case http.StatusForbidden:
		return fault.Denied
	case http.StatusNotFound:
		return fault.NotFound
	case http.StatusConflict:
		return fault.Conflict
	case http.StatusTooManyRequests:
		return fault.RateLimited
	case http.StatusRequestTimeout:
		return fault.Unavailable
	}
	if status >= 500 {
		return fault.Unavailable
	}
	return fault.Internal
}

// explain is what a person should read: what is wrong, and what to do. The
// codes only choose the words, because Auth0 has been seen to send
// insufficient_scope where an upgrade was meant.
func explain(kind fault.Kind, status int, scopes, code string) (detail, next string) {
	switch {
	case status >= 300 && status < 400:
		return "the answer is a redirect, which is never followed", "check AUTH0_DOMAIN"
	case code == "insufficient_scope":
		return "the management client may not do this",
			"grant it " + scopes + ", which takes effect within 15 minutes; if it has them, the tenant's plan may lack the feature"
	case code == "insufficient_entitlement":
		return "the tenant's plan does not include this", "upgrade the plan, or do without the feature"
	case code == "too_many_entities":
		return "the tenant has as many clients as it may have", "delete clients that are not used, or raise the tenant's limit"
	case kind == fault.Denied:
		return "the tenant does not allow this", "check the management client's scopes (" + scopes + ") and the tenant's plan"
	case kind == fault.Unauthenticated:
		return "the tenant refuses the management token",
			"check that the audience is the Management API of the tenant that AUTH0_DOMAIN names"
	case kind == fault.Invalid:
		return "the tenant refuses the request as it stands", ""
	case kind == fault.NotFound:
		return "the tenant knows no such thing", "check its id, and that AUTH0_DOMAIN names its tenant"
	case kind == fault.Conflict:
		return "the tenant's state is in the way", ""
	case kind == fault.RateLimited:
		return "the tenant's rate limit is used up", ""
	case kind == fault.Unavailable:
		return "the tenant, or something in front of it, failed", ""
	}
	return "the tenant gave an answer that is not documented", "check AUTH0_DOMAIN"
}
