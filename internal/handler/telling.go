package handler

import (
	"context"
	"log/slog"
	"time"

	"clientkeeper/internal/event"
	"clientkeeper/internal/registration"
	"clientkeeper/internal/telemetry"
)

// announce sends an event. Where that fails, the work it tells of stands.
func announce(ctx context.Context, to *event.Announcer, log *slog.Logger, metrics telemetry.Metrics, correlationID string, what event.Data) {
	if err := to.Announce(ctx, correlationID, what); err != nil {
		log.WarnContext(ctx, "event lost", "event", what.Type(), "correlation_id", correlationID, "err", err)
		metrics.Put(nil, telemetry.EventsLost.Of(1))
	}
}

// clientOf is a registration as its events tell of it.
func clientOf(m registration.Request, o registration.Outcome) event.Client {
	return event.Client{ClientID: o.ClientID, ExternalClientID: m.ClientID.String(), RequestID: m.RequestID,
		RequestedBy: m.RequestedBy, Warnings: telemetry.Texts(o.Warnings)}
}

// timeLeft is what is left of an invocation's time.
func timeLeft(ctx context.Context) []telemetry.Metric {
	end, ok := ctx.Deadline()
	if !ok {
		return nil
	}
	return []telemetry.Metric{telemetry.TimeToDeadline.Of(float64(max(time.Until(end), 0).Milliseconds()))}
}
