package app

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"clientkeeper/internal/auth0"
	"clientkeeper/internal/config"
	"clientkeeper/internal/event"
	"clientkeeper/internal/queue"
	"clientkeeper/internal/telemetry"
)

// observer lets the tenant's log show the correlation id, counts the requests
// made to the tenant, and writes metrics about each.
func observer(metrics telemetry.Metrics) func(context.Context, string) (context.Context, func() int) {
	return func(ctx context.Context, correlationID string) (context.Context, func() int) {
		ctx = auth0.WithWatch(auth0.WithCorrelationID(ctx, correlationID), func(a auth0.Attempt) { measure(metrics, a) })
		ctx, tally := auth0.WithTally(ctx)
		return ctx, tally.Requests
	}
}

func measure(metrics telemetry.Metrics, a auth0.Attempt) {
	metrics.Put(map[string]string{"Operation": strings.TrimPrefix(a.Op, "auth0."), "Status": statusClass(a.Status)}, telemetry.TenantCalls.Of(1))
	var more []telemetry.Metric
	if a.Status == 429 {
		more = append(more, telemetry.Throttled.Of(1))
	}
	if a.Left >= 0 {
		more = append(more, telemetry.BudgetLeft.Of(float64(a.Left)))
	}
	if a.Op == "auth0.token" {
		refused := a.Status >= 400 && a.Status < 500 && a.Status != 429
		more = append(more, telemetry.TokenRequests.Of(1), telemetry.ManagementLoginsRefused.If(refused))
	}
	metrics.Put(nil, more...)
}

// statusClass is a status as a dimension: one of few.
func statusClass(status int) string {
	switch {
	case status == 0:
		return "none"
	case status == 429:
		return "429"
	case status >= 500:
		return "5xx"
	case status >= 400:
		return "4xx"
	case status >= 300:
		return "3xx"
	}
	return "2xx"
}

// announcer sends domain events to a queue; without one, none.
func announcer(cfg aws.Config, t config.Tenant, queueURL string) *event.Announcer {
	if queueURL == "" {
		return nil
	}
	q := queue.New(cfg)
	return event.NewAnnouncer(t.Domain, func(ctx context.Context, body string) error {
		return q.Send(ctx, queueURL, queue.Message{Body: body})
	})
}
