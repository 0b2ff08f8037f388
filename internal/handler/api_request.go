package handler

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"maps"
	"mime"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/jsonobject"
	"clientkeeper/internal/registration"
)

// maxRequest is how many bytes of body are read.
const maxRequest = 64 << 10

// httpRequest is one request on its way through a handler of HTTP.
type httpRequest struct {
	ev         events.APIGatewayV2HTTPRequest
	log        *slog.Logger
	route      *route
	allow      string // the methods of the path, where the request's is none
	parameters map[string]string
	query      url.Values
	body       []byte
	caller     caller
	message    registration.Request // that it asks for, if it does
	refusal    error                // by a policy that may be another one than when it was first made
}

// name is the route in logs and metrics.
func (r *httpRequest) name() string {
	if r.route == nil {
		return "none"
	}
	return r.route.method + " " + r.route.path
}

// newRequest is a request as API Gateway sends it: the names of headers in lower
// case, several of one name joined with commas. sam local start-api leaves names
// as they came.
func newRequest(ev events.APIGatewayV2HTTPRequest, log *slog.Logger) *httpRequest {
	headers := make(map[string]string, len(ev.Headers))
	for _, name := range slices.Sorted(maps.Keys(ev.Headers)) {
		lower, value := strings.ToLower(name), ev.Headers[name]
		if before, there := headers[lower]; there {
			value = before + "," + value
		}
		headers[lower] = value
	}
	ev.Headers = headers
	return &httpRequest{ev: ev, log: log.With("request_id", ev.RequestContext.RequestID)}
}

// header is a header's value.
func (r *httpRequest) header(name string) string { return r.ev.Headers[name] }

// readQuery takes the query apart and refuses what nobody would look at.
func (r *httpRequest) readQuery() error {
	wrong := func(detail string) error {
		return apiFault(fault.Invalid, "query_invalid", detail, "GET /v1/openapi.json lists the parameters")
	}
	query, err := url.ParseQuery(r.ev.RawQueryString)
	if err != nil {
		return wrong("the query cannot be read")
	}
	for name, values := range query {
		switch {
		case !slices.Contains(r.route.query, name):
			return wrong("the query has a parameter that is not known here")
		case len(values) > 1:
			return wrong("the query has " + name + " more than once")
		case !utf8.ValidString(values[0]):
			return wrong("the parameter " + name + " is not UTF-8")
		}
	}
	r.query = query
	return nil
}

// readBody decodes the body to the bytes that were sent, and sees that they
// are what the route takes.
func (r *httpRequest) readBody() error {
	if err := r.decodeBody(); err != nil {
		return err
	}
	switch {
	case r.route.body == noBody && len(r.body) > 0:
		return apiFault(fault.Invalid, "body_unexpected", "this request takes no body", "leave it out")
	case r.route.body == noBody, r.route.body == optionalBody && len(r.body) == 0:
		return nil
	}
	return r.checkMediaType()
}

// decodeBody undoes the base64 in which API Gateway wraps what it takes for
// binary: everything but a few media types.
func (r *httpRequest) decodeBody() error {
	tooLarge := apiFault(fault.Invalid, "body_too_large", fmt.Sprintf("the body has more than %d bytes", maxRequest), "send less")
	text := r.ev.Body
	if !r.ev.IsBase64Encoded {
		if len(text) > maxRequest {
			return tooLarge
		}
		r.body = []byte(text)
		return nil
	}
	if len(text) > base64.StdEncoding.EncodedLen(maxRequest) {
		return tooLarge
	}
	body, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return apiFault(fault.Invalid, "body_unreadable", "the body is said to be base64 and is not", "see that nothing between API Gateway and the function changes the event")
	}
	if len(body) > maxRequest {
		return tooLarge
	}
	r.body = body
	return nil
}

func (r *httpRequest) checkMediaType() error {
	wrong := func(detail string) error {
		return apiFault(fault.Invalid, "media_type", detail, "send Content-Type: application/json")
	}
	kind, with, err := mime.ParseMediaType(r.header("content-type"))
	if err != nil || kind != "application/json" {
		return wrong("the Content-Type is not application/json")
	}
	for name, value := range with {
		if name != "charset" || !strings.EqualFold(value, "utf-8") {
			return wrong("the Content-Type has a parameter other than charset=utf-8")
		}
	}
	if coding := r.header("content-encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return wrong("the body has a Content-Encoding, and none is understood")
	}
	return nil
}

// object reads the body.
func (r *httpRequest) object() (*jsonobject.Object, error) { return jsonobject.Parse(r.body) }

// report writes the request's one line.
func (r *httpRequest) report(ctx context.Context, out reply, err error, more ...any) {
	l := line(append([]any{"route", r.name(), "status", out.status}, more...))
	l.text("caller", r.caller.subject)
	l.text("client_id", r.parameters["client_id"])
	l.text("made", out.header["Location"])
	// The sender chose these; the caller is who it was.
	l.text("external_client_id", r.message.ClientID.String())
	l.text("request", r.message.RequestID)
	l.text("requested_by", r.message.RequestedBy)
	level := slog.LevelInfo
	if err != nil {
		l = append(l, "kind", fault.KindOf(err), "reason", fault.Reason(err), "err", err)
		level = slog.LevelWarn
	}
	if out.status >= 500 {
		level = slog.LevelError
	}
	r.log.Log(ctx, level, "request", l...)
}
