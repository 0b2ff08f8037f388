package handler

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/registration"
	"clientkeeper/internal/telemetry"
)

func outcomeName(r registration.Request, o registration.Outcome) string {
	switch {
	case r.Mode == registration.Preview:
		return "previewed"
	case o.Created:
		return "created"
	}
	return "updated"
}

// report writes the message's one line.
func (b *batch) report(ctx context.Context, m *message, r result, outcome string, wait time.Duration) {
	l := line{"message_id", m.record.MessageId, "outcome", outcome, "receives", m.receives,
		"tenant_calls", r.calls, "duration_ms", r.took.Milliseconds()}
	if m.originID != m.record.MessageId {
		l.text("origin_id", m.originID)
	}
	l.text("external_client_id", m.request.ClientID.String())
	l.text("mode", string(m.request.Mode))
	l.text("request", m.request.RequestID)
	l.text("requested_by", m.request.RequestedBy)
	l.text("correlation_id", m.correlationID())
	if r.err != nil {
		l = append(l, "kind", fault.KindOf(r.err), "reason", fault.Reason(r.err), "err", r.err)
	} else {
		l.text("client_id", r.outcome.ClientID)
		l = append(l, "created", r.outcome.Created)
	}
	violations, warnings := r.findings()
	l.texts("violations", violations)
	l.texts("warnings", warnings)
	if wait > 0 {
		l.text("retry_in", wait.Round(time.Second).String())
	}
	b.log.Log(ctx, levelOf(outcome, r.err), "registration", l...)
	b.measure(m, outcome)
}

// measure counts what became of a message, and how old it was then.
func (b *batch) measure(m *message, outcome string) {
	b.Metrics.Put(map[string]string{"Outcome": outcome}, telemetry.Registrations.Of(1))
	b.Metrics.Put(nil, telemetry.QueueAge.Of(m.age.Seconds()))
}

// findings are what the tenant says of the document.
func (r result) findings() (violations, warnings []string) {
	if refusal, ok := errors.AsType[*registration.Refusal](r.err); ok {
		return refusal.Violations, refusal.Warnings
	}
	return r.outcome.Violations, r.outcome.Warnings
}

// A line is what is logged of a message, as slog takes it: names and values.
type line []any

func (l *line) text(name, value string) {
	if value != "" {
		*l = append(*l, name, value)
	}
}

func (l *line) texts(name string, values []string) {
	if len(values) > 0 {
		*l = append(*l, name, values)
	}
}

func levelOf(outcome string, err error) slog.Level {
	switch {
	case outcome == "rejected":
		return slog.LevelError
	case err != nil:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}
