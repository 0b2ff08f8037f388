// Package telemetry writes what a function has to say about itself: structured
// log lines that Lambda and CloudWatch understand, and that cannot carry a
// secret by accident.
//
// Redaction is by allow-list: an attribute whose key is not in keys is
// written as "[redacted]", whatever it holds. A new key is a line in that list,
// and the line is where a reviewer asks what may be in it. An error is written
// with its text only if it is a fault.Error, whose text is made to be
// published; of any other only the type is told.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"regexp"
	"strings"

	"clientkeeper/internal/fault"
)

// keys are the attributes that may be written, and what each holds.
var keys = map[string]string{
	"timestamp":          "when, RFC 3339",
	"level":              "DEBUG, INFO, WARN or ERROR",
	"message":            "what happened, a constant",
	"function":           "the function's name",
	"version":            "the function's build",
	"request_id":         "Lambda's id of the invocation",
	"message_id":         "SQS's id of the message",
	"origin_id":          "the id of the message that this one is a copy of",
	"outcome":            "what became of the message",
	"mode":               "register or preview",
	"external_client_id": "the metadata document's URL",
	"client_id":          "the tenant's id of the client",
	"created":            "whether the client is new",
	"requested_by":       "who asked, as the message says",
	"request":            "the requester's own id of the request",
	"violations":         "why the document is refused",
	"warnings":           "what the tenant warns about in the document",
	"kind":               "the kind of failure",
	"reason":             "the reason, a stable slug",
	"err":                "the failure, in words",
	"retry_in":           "when the message is visible again",
	"receives":           "how often the message was received",
	"tenant_calls":       "requests made to the tenant",
	"duration_ms":        "milliseconds spent",
	"messages":           "messages in the batch",
	"trace_id":           "the id of the X-Ray trace",
	"correlation_id":     "the name of the work in the tenant's log",
	"event":              "the type of a domain event",
	"handed_back":        "messages of the batch that stay in the queue",
	"next":               "the next action",
	"route":              "method and path of a request, as the table of routes has them",
	"status":             "the status of an answer",
	"caller":             "who made a request: a token's subject or the ARN of a role",
	"made":               "the path of what a request has made",
	"step":               "the step of a rotation, as Secrets Manager names it",
	"secret":             "the secret's ARN",
	"version_id":         "the id of the version that is being made",
	"credential":         "what is rotated: client_secret or private_key_jwt",
	"note":               "what an operator may want to know, a stable slug",
	"finding":            "what is wrong with a secret, a stable slug",
	"says":               "the same in a sentence",
	"managed":            "secrets that are managed",
	"started":            "rotations started",
	"blocked":            "secrets that are never due until a person has seen to them",
	"left":               "rotations that are due and left to the next run",
	"retired":            "secrets whose old key's overlap was ended",
	"stuck":              "rotations that should have ended long ago",
	"repaired":           "repairs made",
	"failed":             "secrets that could not be dealt with",
}

const (
	redacted  = "[redacted]"
	maxString = 2048 // bytes of one attribute; CloudWatch takes 1 MB a line
	maxList   = 20   // entries of one attribute
)

// Logger returns a logger that writes one JSON object a line to w, in the form
// that Lambda's JSON logging filters by level (members timestamp, level and
// message). The level is that of name: DEBUG, INFO, WARN or ERROR; anything
// else, as Lambda's TRACE and FATAL, becomes the nearest of these.
func Logger(w io.Writer, function, version, level string) *slog.Logger {
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: parseLevel(level), ReplaceAttr: replace})
	return slog.New(traced{h}).With("function", function, "version", version)
}

// traced adds the id of the X-Ray trace that a line belongs to. aws-lambda-go
// puts the trace header into an invocation's context.
type traced struct{ slog.Handler }

func (t traced) Handle(ctx context.Context, r slog.Record) error {
	header, _ := ctx.Value("x-amzn-trace-id").(string)
	for part := range strings.SplitSeq(header, ";") {
		if root, ok := strings.CutPrefix(part, "Root="); ok {
			r.AddAttrs(slog.String("trace_id", root))
		}
	}
	return t.Handler.Handle(ctx, r)
}

func (t traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{t.Handler.WithAttrs(attrs)} }
func (t traced) WithGroup(name string) slog.Handler       { return traced{t.Handler.WithGroup(name)} }

func parseLevel(name string) slog.Level {
	switch strings.ToUpper(strings.TrimSpace(name)) {
	case "TRACE", "DEBUG":
		return slog.LevelDebug
	case "WARN":
		return slog.LevelWarn
	case "ERROR", "FATAL":
		return slog.LevelError
	}
	return slog.LevelInfo
}

// replace renames the built-in keys as Lambda expects them and lets through
// what the allow-list names.
func replace(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 {
		switch a.Key {
		case slog.TimeKey:
			a.Key = "timestamp"
		case slog.MessageKey:
			a.Key = "message"
		}
	}
	if _, ok := keys[a.Key]; !ok {
		return slog.String(a.Key, redacted)
	}
	return slog.Attr{Key: a.Key, Value: clean(a.Value.Resolve())}
}

func clean(v slog.Value) slog.Value {
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(scrub(v.String()))
	case slog.KindAny:
		return cleanAny(v)
	}
	return v
}

func cleanAny(v slog.Value) slog.Value {
	switch x := v.Any().(type) {
	case nil:
		return v
	case error:
		return slog.StringValue(ErrorText(x))
	case slog.Level:
		return v
	case []string:
		return slog.AnyValue(Texts(x))
	case fmt.Stringer:
		return slog.StringValue(scrub(x.String()))
	}
	// A string type of the caller's own, such as an outcome; other kinds may
	// hold anything, so they are not walked.
	if r := reflect.ValueOf(v.Any()); r.Kind() == reflect.String {
		return slog.StringValue(scrub(r.String()))
	}
	return slog.StringValue(redacted)
}

// ErrorText is what may be told of err: the text of a classified error and of
// what wraps it, of any other only its type. Of errors that were joined, each
// is told for itself: one that is classified does not vouch for the others.
func ErrorText(err error) string {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		switch x := inner.(type) {
		case *fault.Error:
			return scrub(err.Error())
		case fault.Kind:
			return x.String()
		case interface{ Unwrap() []error }:
			var texts []string
			for _, one := range x.Unwrap() {
				texts = append(texts, ErrorText(one))
			}
			return scrub(strings.Join(texts, "; "))
		}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return "the deadline passed"
	}
	return fmt.Sprintf("%T (its text is withheld)", err)
}

// secretText finds what looks like key material or a token in text that
// others wrote. It is the second line of defence, behind secret.Value and the
// list of keys.
var secretText = regexp.MustCompile(`(?i)-----BEGIN[^-]*PRIVATE KEY|eyJ[\w-]{10,}\.[\w-]{10,}|"(?:d|p|q|dp|dq|qi|client_secret)"\s*:`)

// Texts are what others wrote as it may be published: no more than a line of a
// log holds, cut, and without what looks like a secret.
func Texts(all []string) []string {
	out := make([]string, 0, min(len(all), maxList))
	for _, s := range all[:min(len(all), maxList)] {
		out = append(out, scrub(s))
	}
	return out
}

func scrub(s string) string {
	if secretText.MatchString(s) {
		return redacted
	}
	if len(s) > maxString {
		s = strings.ToValidUTF8(s[:maxString], "") + "..."
	}
	return s
}
