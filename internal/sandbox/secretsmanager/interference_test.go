package secretsmanager_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/sandbox/secretsmanager"
)

// TestInterference lets something happen to a secret in the middle of its
// rotation, between setSecret and testSecret, and says what becomes of both.
func TestInterference(t *testing.T) {
	tests := map[string]struct {
		happens func(*testing.T, *service, string, rotationEvent)
		steps   []string
		stages  func(v1, v2 string) stages // of the versions of before and of the rotation
		ends    string
	}{
		"cancelled": {
			func(t *testing.T, s *service, name string, e rotationEvent) {
				out := s.works(t, "CancelRotateSecret", object{"SecretId": name})
				if out["VersionId"] != e.ClientRequestToken {
					t.Errorf("cancelled %v, want %s", out["VersionId"], e.ClientRequestToken)
				}
			},
			fourSteps[:2], func(v1, v2 string) stages { return stages{v1: {"AWSCURRENT"}, v2: {"AWSPENDING"}} }, "",
		},
		"put by hand": {
			func(t *testing.T, s *service, name string, _ rotationEvent) { s.put(t, name, "by hand") },
			fourSteps[:2], func(v1, _ string) stages { return stages{v1: {"AWSPREVIOUS"}, "hand": {"AWSCURRENT"}} }, "RotationAbandoned",
		},
		"updated by hand": {
			func(t *testing.T, s *service, name string, _ rotationEvent) {
				s.works(t, "UpdateSecret", object{"SecretId": name, "ClientRequestToken": token(), "SecretString": "by hand"})
			},
			fourSteps[:2], func(v1, _ string) stages { return stages{v1: {"AWSPREVIOUS"}, "hand": {"AWSCURRENT"}} }, "RotationAbandoned",
		},
		"pending label taken away": {
			func(t *testing.T, s *service, name string, e rotationEvent) {
				s.move(t, name, "AWSPENDING", e.ClientRequestToken, "")
			},
			fourSteps[:3], func(v1, _ string) stages { return stages{v1: {"AWSCURRENT"}} }, "RotationAbandoned",
		},
		"deletion scheduled": {
			func(t *testing.T, s *service, name string, _ rotationEvent) {
				s.works(t, "DeleteSecret", object{"SecretId": name})
			},
			fourSteps[:2], func(v1, v2 string) stages { return stages{v1: {"AWSCURRENT"}, v2: {"AWSPENDING"}} }, "",
		},
		"a value beside it": {
			func(t *testing.T, s *service, name string, _ rotationEvent) { s.put(t, name, "beside", "OTHER") },
			fourSteps, func(v1, v2 string) stages { return stages{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT"}, "hand": {"OTHER"}} },
			"RotationSucceeded",
		},
		"rolled back and forth": {
			func(t *testing.T, s *service, name string, e rotationEvent) {
				out := s.describe(t, name)
				for id, labels := range out.VersionIdsToStages {
					if labels[0] == "AWSCURRENT" {
						s.move(t, name, "AWSCURRENT", id, e.ClientRequestToken)
						s.move(t, name, "AWSCURRENT", e.ClientRequestToken, id)
					}
				}
			},
			fourSteps, func(v1, v2 string) stages { return stages{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT"}} }, "RotationSucceeded",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var kinds []string
				s := inside(t, secretsmanager.Options{Rotation: secretsmanager.Rotation{
					OnRotation: func(e secretsmanager.RotationEvent) { kinds = append(kinds, string(e.Kind)) }}})
				secret, v1 := s.create(t, "one")
				r := s.rotator(t)
				r.after = func(e rotationEvent) {
					if e.Step == "setSecret" {
						test.happens(t, s, secret, e)
					}
				}
				v2 := s.rotate(t, secret, r)
				time.Sleep(24 * time.Hour)
				r.wantSteps(t, test.steps...)
				got := stages{}
				for id, labels := range s.describe(t, secret).VersionIdsToStages {
					if id != v1 && id != v2 {
						id = "hand"
					}
					got[id] = labels
				}
				if want := test.stages(v1, v2); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("stages %v, want %v", got, want)
				}
				if last := kinds[len(kinds)-1]; test.ends != "" && last != test.ends || test.ends == "" && len(kinds) != 1 {
					t.Errorf("events %v, want %q in the end", kinds, test.ends)
				}
			})
		})
	}
}

func TestARotationThatLosesItsLabelBetweenTwoTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{start: time.Now()}
		s := inside(t, secretsmanager.Options{Rotation: secretsmanager.Rotation{RetryDelay: time.Minute, OnRotation: d.rotation}})
		name, v1 := s.create(t, "one")
		r := s.rotator(t, func(r *rotator) { r.fail = failing("setSecret") })
		v2 := s.begin(t, name, r)
		synctest.Wait()
		s.move(t, name, "AWSPENDING", v2, "")
		s.idle(t)
		r.wantSteps(t, fourSteps[:2]...)
		d.want(t, "0s RotationStarted", "0s RotationFailed, again at 1m0s", "1m0s RotationAbandoned")
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}})
	})
}

func TestIdleWaitsForFunctionsThatAreNotWantedAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := inside(t, secretsmanager.Options{})
		name, _ := s.create(t, "one")
		r := s.rotator(t, func(r *rotator) { r.after = func(rotationEvent) { time.Sleep(time.Hour) } })
		s.begin(t, name, r)
		synctest.Wait()
		s.works(t, "CancelRotateSecret", object{"SecretId": name})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.room.Idle(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("idle while a function runs: %v", err)
		}
		s.idle(t)
		r.wantSteps(t, "createSecret")
	})
}

func TestARotationGoesOnWhenItsSecretIsRestored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := inside(t, secretsmanager.Options{})
		name, v1 := s.create(t, "one")
		deleted := false
		r := s.rotator(t)
		r.after = func(e rotationEvent) {
			if e.Step == "setSecret" && !deleted {
				deleted = true
				s.works(t, "DeleteSecret", object{"SecretId": name})
			}
		}
		v2 := s.rotate(t, name, r)
		r.wantSteps(t, fourSteps[:2]...)
		s.works(t, "RestoreSecret", object{"SecretId": name})
		s.idle(t)
		r.wantSteps(t, slices.Concat(fourSteps[:2], fourSteps)...)
		s.wantStages(t, name, stages{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT"}})
	})
}

func TestADeletedSecretIsNotRotated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := inside(t, secretsmanager.Options{})
		name, _ := s.create(t, "one")
		r := s.rotator(t)
		s.rotate(t, name, r, object{"RotationRules": object{"ScheduleExpression": "rate(4 hours)"}})
		s.works(t, "DeleteSecret", object{"SecretId": name})
		time.Sleep(10 * time.Hour)
		r.wantSteps(t, fourSteps...)
		s.works(t, "RestoreSecret", object{"SecretId": name})
		s.idle(t)
		if got := len(r.steps()); got != 8 {
			t.Errorf("%d steps after it was restored, want one rotation for the missed windows", got)
		}
		s.works(t, "DeleteSecret", object{"SecretId": name, "ForceDeleteWithoutRecovery": true})
		time.Sleep(10 * time.Hour)
		if got := len(r.steps()); got != 8 {
			t.Errorf("%d steps after it was gone, want 8", got)
		}
	})
}

// TestHousekeeping: what a function leaves on the version that is current now.
func TestHousekeeping(t *testing.T) {
	for keep, want := range map[bool][]string{false: {"AWSCURRENT"}, true: {"AWSCURRENT", "AWSPENDING"}} {
		synctest.Test(t, func(t *testing.T) {
			s := inside(t, secretsmanager.Options{Rotation: secretsmanager.Rotation{KeepPending: keep}})
			name, v1 := s.create(t, "one")
			v2 := s.rotate(t, name, s.rotator(t))
			s.wantStages(t, name, stages{v1: {"AWSPREVIOUS"}, v2: want})
			v3 := s.rotate(t, name, s.rotator(t))
			s.wantStages(t, name, stages{v2: {"AWSPREVIOUS"}, v3: want})
		})
	}
}

func TestAFunctionThatForgetsToFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := inside(t, secretsmanager.Options{Rotation: secretsmanager.Rotation{Attempts: 2}})
		name, v1 := s.create(t, "one")
		r := s.rotator(t, func(r *rotator) { r.forgetful = true })
		v2 := s.rotate(t, name, r)
		r.wantSteps(t, slices.Concat(fourSteps, fourSteps)...)
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}, v2: {"AWSPENDING"}})
		if out := s.describe(t, name); out.LastRotatedDate != nil {
			t.Errorf("rotated at %v although AWSCURRENT did not move", out.LastRotatedDate)
		}
	})
}

// TestTheNextStepDoesNotSeeTheValueYet is what happens to functions that read
// AWSPENDING right after another invocation has put it.
func TestTheNextStepDoesNotSeeTheValueYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{start: time.Now()}
		s := inside(t, secretsmanager.Options{Rotation: secretsmanager.Rotation{OnStep: d.step}})
		name, v1 := s.create(t, "one")
		s.room.SetMischief(once("PutSecretValue", secretsmanager.Fault{Delay: 2 * time.Second}))
		r := s.rotator(t)
		v2 := s.rotate(t, name, r)
		s.wantStages(t, name, stages{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT"}})
		// The second try makes another value, which is refused: the first is there.
		d.want(t, "0s 1 createSecret succeeded", "0s 1 setSecret failed", "1s 2 createSecret failed",
			"3s 3 createSecret succeeded", "3s 3 setSecret succeeded", "3s 3 testSecret succeeded", "3s 3 finishSecret succeeded")
		if r.stored != 1 || !strings.Contains(fmt.Sprint(r.errs), "ResourceExistsException") {
			t.Errorf("%d values, errors %v", r.stored, r.errs)
		}
	})
}

// TestHooksTellNoSecrets prints everything that the hooks are told.
func TestHooksTellNoSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told strings.Builder
		s := inside(t, secretsmanager.Options{Rotation: secretsmanager.Rotation{
			OnStep:     func(e secretsmanager.StepEvent) { fmt.Fprintf(&told, "%+v\n", e) },
			OnRotation: func(e secretsmanager.RotationEvent) { fmt.Fprintf(&told, "%+v\n", e) },
		}})
		name, _ := s.create(t, "canary-7")
		r := s.rotator(t, func(r *rotator) { r.fail = failingOnce("testSecret") })
		id := s.rotate(t, name, r)
		text := told.String()
		for _, secret := range []string{"canary-7", s.current(t, name), r.events[0].RotationToken} {
			if strings.Contains(text, secret) {
				t.Error("a hook was told a value or a rotation token")
			}
		}
		for _, want := range []string{name, id, "FunctionError:Unhandled", "Step:finishSecret Attempt:2 Outcome:succeeded"} {
			if !strings.Contains(text, want) {
				t.Errorf("the hooks were not told %s:\n%s", want, text)
			}
		}
	})
}
