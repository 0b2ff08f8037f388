package handler

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"clientkeeper/internal/event"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/rotation"
	"clientkeeper/internal/secret"
	"clientkeeper/internal/telemetry"
)

// Rotator performs one step of a rotation. It may be called again with the
// same event.
type Rotator interface {
	Step(context.Context, rotation.Event) (rotation.Outcome, error)
}

// RotateSecret handles the steps that Secrets Manager asks for. Its fields are
// set once; it keeps nothing between two steps.
type RotateSecret struct {
	Rotator Rotator
	Log     *slog.Logger
	Metrics telemetry.Metrics
	Events  *event.Announcer // nil sends none
	// Observe is as in [RegisterClient].
	Observe func(ctx context.Context, correlationID string) (context.Context, func() int)
}

// Handle performs a step. Its error is Lambda's answer, so it says only what
// may be published; Secrets Manager takes any error as a step that failed, and
// begins again with createSecret later.
func (h *RotateSecret) Handle(ctx context.Context, ev events.SecretsManagerSecretRotationEvent) (err error) {
	start := time.Now()
	log := h.Log.With("step", ev.Step, "secret", ev.SecretID, "version_id", ev.ClientRequestToken, "correlation_id", ev.ClientRequestToken)
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		log = log.With("request_id", lc.AwsRequestID)
	}
	ctx, cancel := keepBack(ctx)
	defer cancel()
	calls := func() int { return 0 }
	if h.Observe != nil {
		ctx, calls = h.Observe(ctx, ev.ClientRequestToken)
	}
	var out rotation.Outcome
	defer func() {
		if p := recover(); p != nil {
			err = panicked("handler.rotate_secret", p)
		}
		attrs := []any{"tenant_calls", calls(), "duration_ms", time.Since(start).Milliseconds()}
		attrs = append(attrs, pairs("client_id", out.ClientID, "credential", out.Kind, "outcome", out.Did, "note", out.Note)...)
		h.measure(ctx, ev.Step, out, err, time.Since(start))
		h.tell(ctx, log, ev, out, err)
		if err != nil {
			log.ErrorContext(ctx, "rotation", append(attrs, "kind", fault.KindOf(err), "reason", fault.Reason(err), "err", err)...)
			err = errors.New(telemetry.ErrorText(err))
			return
		}
		log.InfoContext(ctx, "rotation", attrs...)
	}()
	out, err = h.Rotator.Step(ctx, rotation.Event{
		Step: ev.Step, SecretID: ev.SecretID, Token: ev.ClientRequestToken, RotationToken: secret.New(ev.RotationToken),
	})
	return err
}

// tell announces the end of a rotation, and a step that failed.
func (h *RotateSecret) tell(ctx context.Context, log *slog.Logger, ev events.SecretsManagerSecretRotationEvent, out rotation.Outcome, err error) {
	var what event.Data
	switch {
	case err != nil:
		what = event.RotationFailed{SecretARN: ev.SecretID, VersionID: ev.ClientRequestToken, ClientID: out.ClientID, Step: stepName(ev.Step), Reason: fault.Reason(err)}
	case out.Did == "finished":
		what = event.SecretRotated{SecretARN: ev.SecretID, VersionID: ev.ClientRequestToken, ClientID: out.ClientID, Credential: out.Kind}
	default:
		return
	}
	// The step's own time may be over, which is then what there is to tell.
	announce(context.WithoutCancel(ctx), h.Events, log, h.Metrics, ev.ClientRequestToken, what)
}

// measure counts steps, and rotations that came to their end.
func (h *RotateSecret) measure(ctx context.Context, step string, out rotation.Outcome, err error, took time.Duration) {
	step = stepName(step)
	outcome := "succeeded"
	if err != nil {
		outcome = "failed"
	}
	h.Metrics.Put(map[string]string{"Step": step, "Outcome": outcome}, telemetry.RotationSteps.Of(1))
	h.Metrics.Put(map[string]string{"Step": step}, telemetry.RotationStepTime.Of(float64(took.Milliseconds())))
	h.Metrics.Put(nil, timeLeft(ctx)...)
	kind := cmp.Or(out.Kind, "unknown")
	if err != nil || out.Did == "finished" {
		h.Metrics.Put(map[string]string{"Kind": kind, "Outcome": outcome}, telemetry.Rotations.Of(1))
	}
	if step == rotation.StepTest {
		h.Metrics.Put(map[string]string{"Kind": kind}, telemetry.TrialLoginsRefused.Of(float64(out.Refusals)))
	}
	if step == rotation.StepTest && err == nil && out.Did == "tested" {
		h.Metrics.Put(map[string]string{"Kind": kind}, telemetry.PropagationTime.Of(float64(out.Settling.Milliseconds())))
	}
}

// stepName is a step as a dimension: one of few.
func stepName(step string) string {
	if slices.Contains([]string{rotation.StepCreate, rotation.StepSet, rotation.StepTest, rotation.StepFinish}, step) {
		return step
	}
	return "unknown"
}

// keptBack is the time in which to say what was not finished.
const keptBack = 2 * time.Second

// keepBack ends ctx early enough to answer for what was not finished.
func keepBack(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, end.Add(-keptBack))
}

// pairs are the attributes that are not empty.
func pairs(namesAndValues ...string) []any {
	var out []any
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		if namesAndValues[i+1] != "" {
			out = append(out, namesAndValues[i], namesAndValues[i+1])
		}
	}
	return out
}
