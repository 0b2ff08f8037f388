package secretsmanager_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/sandbox/secretsmanager"
)

// inProcess carries requests to a handler without a network, which a bubble of
// package synctest could not see through.
type inProcess struct{ handler http.Handler }

// RoundTrip serves the request.
func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

// inside opens a room for use in a bubble, where it is midnight.
func inside(t *testing.T, o secretsmanager.Options) *service {
	t.Helper()
	s := furnish(o)
	s.url, s.http = "http://room.test", &http.Client{Transport: inProcess{s.room}}
	t.Cleanup(s.room.Close)
	return s
}

// A diary is what the hooks were told.
type diary struct {
	mu    sync.Mutex
	start time.Time
	lines []string
}

func (d *diary) add(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) step(e secretsmanager.StepEvent) {
	d.add("%v %d %s %s", e.At.Sub(d.start), e.Attempt, e.Step, e.Outcome)
}

func (d *diary) rotation(e secretsmanager.RotationEvent) {
	line := fmt.Sprintf("%v %s", e.At.Sub(d.start), e.Kind)
	if !e.Retry.IsZero() {
		line += fmt.Sprintf(", again at %v", e.Retry.Sub(d.start))
	}
	d.add("%s", line)
}

func (d *diary) want(t *testing.T, want ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(d.lines, want) {
		t.Errorf("diary:\n%s\nwant:\n%s", strings.Join(d.lines, "\n"), strings.Join(want, "\n"))
	}
}

func TestRetriesBackOffAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{start: time.Now()}
		s := inside(t, secretsmanager.Options{Rotation: secretsmanager.Rotation{Attempts: 4, RetryDelay: time.Minute,
			OnStep: d.step, OnRotation: d.rotation}})
		name, _ := s.create(t, "one")
		s.rotate(t, name, s.rotator(t, func(r *rotator) { r.fail = failing("createSecret") }))
		time.Sleep(240 * time.Hour)
		d.want(t, "0s RotationStarted", "0s 1 createSecret failed", "0s RotationFailed, again at 1m0s",
			"1m0s 2 createSecret failed", "1m0s RotationFailed, again at 3m0s",
			"3m0s 3 createSecret failed", "3m0s RotationFailed, again at 7m0s",
			"7m0s 4 createSecret failed", "7m0s RotationFailed")
	})
}

// TestNoStepBeforeItsRotationWasTold has a hook that takes its time.
func TestNoStepBeforeItsRotationWasTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{start: time.Now()}
		slowly := func(e secretsmanager.RotationEvent) {
			time.Sleep(time.Minute)
			d.rotation(e)
		}
		s := inside(t, secretsmanager.Options{Rotation: secretsmanager.Rotation{Attempts: 2, RetryDelay: time.Second,
			OnStep: d.step, OnRotation: slowly}})
		name, _ := s.create(t, "one")
		s.rotate(t, name, s.rotator(t, func(r *rotator) { r.fail = failing("createSecret") }))
		time.Sleep(time.Hour)
		d.want(t, "0s RotationStarted", "1m0s 1 createSecret failed", "1m0s RotationFailed, again at 1m1s",
			"2m0s 2 createSecret failed", "2m0s RotationFailed")
	})
}

func TestRotateSecretAnswersBeforeAnythingIsInvoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := inside(t, secretsmanager.Options{})
		name, _ := s.create(t, "one")
		answered := make(chan struct{})
		r := s.rotator(t, func(r *rotator) { r.before = func(rotationEvent) { <-answered } })
		s.begin(t, name, r) // would be a deadlock
		synctest.Wait()
		if v := s.room.Snapshot()[0]; !v.Rotating || !v.RotationEnabled || !v.LastRotated.IsZero() {
			t.Errorf("rotating %v, enabled %v, last %v", v.Rotating, v.RotationEnabled, v.LastRotated)
		}
		close(answered)
		s.idle(t)
		if v := s.room.Snapshot()[0]; v.Rotating || v.LastRotated.IsZero() {
			t.Errorf("afterwards rotating %v, last %v", v.Rotating, v.LastRotated)
		}
	})
}

// unlucky is the invocation of each step in turn, if none but these end badly.
func unlucky(n int) bool { return n == 1 || n == 3 || n == 6 || n == 10 }

// TestInvocationsThatEndBadly wants every rotation done in the end, with one
// value, whatever becomes of single invocations.
func TestInvocationsThatEndBadly(t *testing.T) {
	type invoke = func(context.Context, string, []byte) (string, error)
	tests := map[string]func(real invoke, n int) invoke{
		"delivered twice": func(real invoke, _ int) invoke {
			return func(ctx context.Context, arn string, event []byte) (string, error) {
				if text, err := real(ctx, arn, event); text != "" || err != nil {
					return text, err
				}
				return real(ctx, arn, event)
			}
		},
		"crashed before anything": func(real invoke, n int) invoke {
			return func(ctx context.Context, arn string, event []byte) (string, error) {
				if unlucky(n) {
					return "", errors.New("the process died")
				}
				return real(ctx, arn, event)
			}
		},
		"crashed after everything": func(real invoke, n int) invoke {
			return func(ctx context.Context, arn string, event []byte) (string, error) {
				text, err := real(ctx, arn, event)
				if unlucky(n) {
					return "Unhandled", err
				}
				return text, err
			}
		},
		"hung": func(real invoke, n int) invoke {
			return func(ctx context.Context, arn string, event []byte) (string, error) {
				if unlucky(n) {
					<-ctx.Done()
					return "", ctx.Err()
				}
				return real(ctx, arn, event)
			}
		},
		"given up, and finished all the same": func(real invoke, n int) invoke {
			return func(ctx context.Context, arn string, event []byte) (string, error) {
				if !unlucky(n) {
					return real(ctx, arn, event)
				}
				go func() {
					time.Sleep(90 * time.Second) // into the next attempt
					_, _ = real(context.Background(), arn, event)
				}()
				<-ctx.Done()
				return "", ctx.Err()
			}
		},
	}
	for name, wrap := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s *service
				n := 0
				s = inside(t, secretsmanager.Options{Rotation: secretsmanager.Rotation{InvokeTimeout: time.Minute,
					Invoke: func(ctx context.Context, arn string, event []byte) (string, error) {
						n++
						return wrap(s.functions.invoke, n)(ctx, arn, event)
					}}})
				secret, v1 := s.create(t, "one")
				r := s.rotator(t)
				v2 := s.rotate(t, secret, r)
				time.Sleep(time.Hour) // for what was given up
				s.wantStages(t, secret, stages{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT"}})
				if r.stored != 1 {
					t.Errorf("%d values were stored", r.stored)
				}
			})
		})
	}
}

func TestCloseAndStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{start: time.Now()}
		var s *service
		hang := true
		s = inside(t, secretsmanager.Options{Rotation: secretsmanager.Rotation{OnStep: d.step, OnRotation: d.rotation, Attempts: 1,
			Invoke: func(ctx context.Context, arn string, event []byte) (string, error) {
				if hang && strings.Contains(string(event), "testSecret") {
					<-ctx.Done()
					return "", ctx.Err()
				}
				return s.functions.invoke(ctx, arn, event)
			}}})
		name, v1 := s.create(t, "one")
		other, _ := s.create(t, "one")
		v2 := s.begin(t, name, s.rotator(t))
		time.Sleep(time.Minute)
		s.room.Close()
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}, v2: {"AWSPENDING"}})
		s.begin(t, other, s.rotator(t)) // is begun after the start
		s.idle(t)                       // nothing goes on while it is closed
		time.Sleep(time.Hour)
		hang = false
		s.room.Start()
		s.idle(t)
		s.wantStages(t, name, stages{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT"}})
		if got := s.current(t, other); got == "one" {
			t.Error("a rotation that began while the engine was closed was forgotten")
		}
		want := []string{"0s RotationStarted", "0s 1 createSecret succeeded", "0s 1 setSecret succeeded", "0s 1 testSecret not invoked",
			"1m0s RotationStarted"}
		if got := d.lines[:5]; !slices.Equal(got, want) {
			t.Errorf("until the start: %q, want %q", got, want)
		}
		if all := strings.Join(d.lines, "\n"); strings.Count(all, "1h1m0s 1 createSecret succeeded") != 2 ||
			strings.Count(all, "RotationSucceeded") != 2 || strings.Contains(all, "RotationFailed") {
			t.Errorf("diary:\n%s", all)
		}
	})
}

func TestIdleWaitsForRetries(t *testing.T) {
	c := newClock()
	failed := make(chan bool, 1)
	s := serve(t, secretsmanager.Options{Now: c.Now, Rotation: secretsmanager.Rotation{RetryDelay: time.Hour,
		OnRotation: func(e secretsmanager.RotationEvent) {
			if e.Kind == secretsmanager.RotationFailed {
				failed <- true
			}
		}}})
	name, v1 := s.create(t, "one")
	v2 := s.begin(t, name, s.rotator(t, func(r *rotator) { r.fail = failingOnce("setSecret") }))
	<-failed
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.room.Idle(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("idle although another attempt is to come: %v", err)
	}
	s.wantStages(t, name, stages{v1: {"AWSCURRENT"}, v2: {"AWSPENDING"}})
	c.move(time.Hour)
	s.room.Wake()
	s.idle(t)
	s.wantStages(t, name, stages{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT"}})
}
