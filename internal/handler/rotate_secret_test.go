package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/handler"
	"clientkeeper/internal/rotation"
	"clientkeeper/internal/telemetry"
)

type rotatorFunc func(context.Context, rotation.Event) (rotation.Outcome, error)

func (f rotatorFunc) Step(ctx context.Context, e rotation.Event) (rotation.Outcome, error) {
	return f(ctx, e)
}

func rotate(t *testing.T, ctx context.Context, ev events.SecretsManagerSecretRotationEvent, do rotatorFunc) (log, metrics string, err error) {
	t.Helper()
	var l, m bytes.Buffer
	h := handler.RotateSecret{Rotator: do, Log: telemetry.Logger(&l, "rotate-secret", "test", ""), Metrics: telemetry.NewMetrics(&m, "rotate-secret")}
	err = h.Handle(ctx, ev)
	return l.String(), m.String(), err
}

func TestEverySampleEventIsAStep(t *testing.T) {
	files, err := filepath.Glob("../../events/rotate-secret.*.json")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d sample events, %v", len(files), err)
	}
	steps := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		var ev events.SecretsManagerSecretRotationEvent
		if err := d.Decode(&ev); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var got rotation.Event
		log, metrics, err := rotate(t, t.Context(), ev, func(_ context.Context, e rotation.Event) (rotation.Outcome, error) {
			got = e
			return rotation.Outcome{ClientID: "c1", Kind: "client_secret", Did: "stored"}, nil
		})
		if err != nil || got.Step != ev.Step || got.SecretID != ev.SecretID || got.Token != ev.ClientRequestToken || got.RotationToken.Reveal() != ev.RotationToken {
			t.Errorf("%s: %+v, %v", file, got, err)
		}
		if !strings.Contains(log, `"outcome":"stored"`) || !strings.Contains(metrics, `"Rotation`) {
			t.Errorf("%s: log %s, metrics %s", file, log, metrics)
		}
		if strings.Contains(log+metrics, ev.RotationToken) {
			t.Errorf("%s: the rotation token is written", file)
		}
		steps[ev.Step] = true
	}
	if len(steps) != 4 {
		t.Errorf("samples for %v, want all four steps", steps)
	}
}

func TestAStepThatFailsTellsNoSecret(t *testing.T) {
	ev := events.SecretsManagerSecretRotationEvent{Step: "setSecret", SecretID: "arn:x", ClientRequestToken: "v2", RotationToken: "canary-token"}
	tests := map[string]struct {
		do   rotatorFunc
		want string
	}{
		"classified": {func(context.Context, rotation.Event) (rotation.Outcome, error) {
			return rotation.Outcome{}, &fault.Error{Kind: fault.Unavailable, Op: "rotation.set", Reason: "tenant_down"}
		}, "rotation.set: unavailable (tenant_down)"},
		"a stranger": {func(context.Context, rotation.Event) (rotation.Outcome, error) {
			return rotation.Outcome{}, errors.New("canary-error")
		}, "*errors.errorString (its text is withheld)"},
		"a panic": {func(context.Context, rotation.Event) (rotation.Outcome, error) {
			panic("canary-panic")
		}, "handler.rotate_secret: internal (panic): a panic with a string"},
	}
	for name, test := range tests {
		log, metrics, err := rotate(t, t.Context(), ev, test.do)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: err = %v, want %q", name, err, test.want)
		}
		if strings.Contains(log+metrics+err.Error(), "canary") {
			t.Errorf("%s: a canary is out: %s %s", name, log, metrics)
		}
		if !strings.Contains(log, `"level":"ERROR"`) || !strings.Contains(metrics, `"Outcome":"failed","RotationSteps":1,`) {
			t.Errorf("%s: log %s, metrics %s", name, log, metrics)
		}
	}
}

func TestAStepEndsBeforeItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		_, _, err := rotate(t, ctx, events.SecretsManagerSecretRotationEvent{Step: "testSecret"}, func(ctx context.Context, _ rotation.Event) (rotation.Outcome, error) {
			<-ctx.Done()
			return rotation.Outcome{}, ctx.Err()
		})
		if left := time.Until(deadline(ctx)); err == nil || left < time.Second {
			t.Errorf("err = %v with %v left to answer", err, left)
		}
	})
}

func deadline(ctx context.Context) time.Time {
	end, _ := ctx.Deadline()
	return end
}
