package sandbox

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/uuid"

	"clientkeeper/internal/app"
	"clientkeeper/internal/handler"
	"clientkeeper/internal/rotation"
	"clientkeeper/internal/sandbox/secretsmanager"
)

// A crashProcess is a function's process: everything it remembers dies with it.
type crashProcess struct {
	rotate   *handler.RotateSecret
	schedule *handler.ScheduleRotations
}

// start builds what functions/rotate-secret and functions/schedule-rotations
// build.
func (w *crashWorld) start() (*crashProcess, error) {
	r, catalog, err := app.RotationIn(w.aws, w.config, crashWindow)
	if err != nil {
		return nil, err
	}
	r.Spread = crashWindow * 5 / 2
	log := slog.New(slog.DiscardHandler)
	return &crashProcess{
		rotate:   &handler.RotateSecret{Rotator: r, Log: log},
		schedule: &handler.ScheduleRotations{Catalog: catalog, Doctor: &rotation.Doctor{Rotator: r, Catalog: catalog}, Log: log},
	}, nil
}

// invoke is how Secrets Manager reaches the function.
func (w *crashWorld) invoke(ctx context.Context, _ string, text []byte) (functionError string, err error) {
	if w.check == nil {
		return "", nil // a world in which something is made: nothing is rotated
	}
	var ev events.SecretsManagerSecretRotationEvent
	if err := json.Unmarshal(text, &ev); err != nil {
		return "", err
	}
	return w.run(ctx, ev.Step, func(ctx context.Context, p *crashProcess) error { return p.rotate.Handle(ctx, ev) })
}

// run makes one invocation, in the process of the one before if that lives.
func (w *crashWorld) run(ctx context.Context, step string, f func(context.Context, *crashProcess) error) (functionError string, err error) {
	if w.process == nil || w.kind.cold {
		if w.process, err = w.start(); err != nil {
			return "", err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, crashTimeout)
	defer cancel()
	w.stage.enter(step, cancel)
	err = f(ctx, w.process)
	switch killed := w.stage.leave(); {
	case killed:
		w.process = nil
		return "Runtime.ExitError", nil
	case err != nil:
		w.check.heard(step, err)
		return "Unhandled", nil
	}
	return "", nil
}

// crashStarts is how often a rotation is started at most: again where Secrets
// Manager has given it up.
const crashStarts = 3

// rotate rotates the secret, as a scheduler would that sees it is not done.
func (w *crashWorld) rotate(ctx context.Context) error {
	for n := range crashStarts {
		if w.events.done() {
			return nil
		}
		if n > 0 {
			w.check.restarted()
		}
		err := w.ask("RotateSecret", map[string]any{
			"SecretId": w.arn, "ClientRequestToken": uuid.NewString(), "RotationLambdaARN": crashFunction,
		}, nil)
		if err != nil && !strings.Contains(err.Error(), "A previous rotation isn't complete") {
			return err // that one is tried again, with or without the error
		}
		if err := w.secrets.Idle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// tidy runs functions/schedule-rotations until a run succeeds: it ends the
// overlap.
func (w *crashWorld) tidy(ctx context.Context) error {
	for range crashStarts {
		functionError, err := w.run(ctx, "schedule", func(ctx context.Context, p *crashProcess) error {
			_, err := p.schedule.Handle(ctx, handler.ScheduleEvent{})
			return err
		})
		if err != nil || functionError == "" {
			w.events.end("schedule")
			return err
		}
	}
	return nil
}

// crashEvents are what Secrets Manager says of rotations.
type crashEvents struct {
	mu   sync.Mutex
	over time.Time // when the rotation had succeeded
	last time.Time // when everything had
}

func (e *crashEvents) add(ev secretsmanager.RotationEvent) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if ev.Kind == secretsmanager.RotationSucceeded {
		e.over = time.Now()
	}
}

func (e *crashEvents) end(string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last = time.Now()
}

func (e *crashEvents) done() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.over.IsZero()
}

// forget lets another rotation be waited for.
func (e *crashEvents) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.over = time.Time{}
}

// recovered is when everything was well again after a fault at a time.
func (e *crashEvents) recovered(struck time.Time) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case struck.IsZero():
		return 0
	case struck.Before(e.over):
		return e.over.Sub(struck)
	}
	return max(0, e.last.Sub(struck))
}
