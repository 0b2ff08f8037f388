package scheduler

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"clientkeeper/internal/fault"
)

// TestEnvelope is the event of a schedule without an input.
func TestEnvelope(t *testing.T) {
	bubble(t, func(t *testing.T, s *Service, r *record) {
		must(t, s.Create(schedule("nightly", "cron(30 2 * * ? *)")))
		time.Sleep(3 * time.Hour)
		_, payload, _ := strings.Cut(r.all()[0], " ")
		var event map[string]any
		must(t, json.Unmarshal([]byte(payload), &event))
		want := map[string]any{"version": "0", "detail-type": "Scheduled Event", "source": "aws.scheduler", "account": "123456789012",
			"time": "2000-01-01T02:30:00Z", "region": "us-east-1", "detail": "{}"}
		for name, value := range want {
			if event[name] != value {
				t.Errorf("%s = %#v, want %#v", name, event[name], value)
			}
		}
		if list, _ := event["resources"].([]any); len(list) != 1 || list[0] != "arn:aws:scheduler:us-east-1:123456789012:schedule/default/nightly" {
			t.Errorf("resources %v", event["resources"])
		}
		if len(event) != 9 || event["id"] == "" {
			t.Errorf("%d members: %s", len(event), payload)
		}
	})
}

// TestInput has every keyword replaced, in two attempts.
func TestInput(t *testing.T) {
	bubble(t, func(t *testing.T, s *Service, r *record) {
		r.fail = func(n int) error {
			if n == 1 {
				return errors.New("busy")
			}
			return nil
		}
		one := schedule("x", "at(2000-01-01T00:01:00)")
		one.Target.Input = `{"at":"<aws.scheduler.scheduled-time>","by":"<aws.scheduler.schedule-arn>","n":<aws.scheduler.attempt-number>,"x":"<aws.scheduler.execution-id>","y":"<aws.other>"}`
		must(t, s.Create(one))
		time.Sleep(5 * time.Minute)
		var ids []any
		for i, call := range r.all() {
			var got map[string]any
			_, payload, _ := strings.Cut(call, " ")
			must(t, json.Unmarshal([]byte(payload), &got))
			if got["at"] != "2000-01-01T00:01:00Z" || got["by"] != "arn:aws:scheduler:us-east-1:123456789012:schedule/default/x" ||
				got["n"] != float64(i+1) || got["y"] != "<aws.other>" {
				t.Errorf("%s", payload)
			}
			ids = append(ids, got["x"])
		}
		if len(ids) != 2 || ids[0] == ids[1] || len(ids[0].(string)) != 16 {
			t.Errorf("execution ids %v", ids)
		}
	})
}

// TestRetries lets deliveries fail until they are given up, or not.
func TestRetries(t *testing.T) {
	busy := errors.New("busy")
	tests := map[string]struct {
		retry     *Retry
		err       func(n int) error
		want      string // when it was tried
		exhausted string
		letters   int
	}{
		"taken at the third try": {nil, func(n int) error {
			if n < 3 {
				return busy
			}
			return nil
		}, "0s 1s 3s", "", 0},
		"three retries": {&Retry{3, 24 * time.Hour}, func(int) error { return busy }, "0s 1s 3s 7s", "MaximumRetryAttempts", 1},
		"no retry":      {&Retry{0, time.Minute}, func(int) error { return busy }, "0s", "MaximumRetryAttempts", 1},
		"one minute":    {&Retry{185, time.Minute}, func(int) error { return busy }, "0s 1s 3s 7s 15s 31s", "MaximumEventAgeInSeconds", 1},
		"hopeless":      {nil, func(int) error { return &fault.Error{Kind: fault.NotFound, Op: "lambda.invoke"} }, "0s", "", 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *Service, r *record) {
				r.fail = test.err
				one := schedule("x", "at(2000-01-01T00:01:00)")
				one.Target.Retry, one.Target.DeadLetterARN, one.Target.Input = test.retry, queue, "{}"
				r.start = r.start.Add(time.Minute)
				must(t, s.Create(one))
				time.Sleep(2 * time.Hour)
				if got := r.times(); got != test.want {
					t.Errorf("tried at %q, want %q", got, test.want)
				}
				letters := r.buried()
				if len(letters) != test.letters {
					t.Fatalf("dead letters %+v", letters)
				}
				tries := len(strings.Fields(test.want))
				for _, d := range letters {
					a := d.Attributes()
					if d.Exhausted != test.exhausted || d.Attempts != tries-1 || string(d.Payload) != "{}" || a["TARGET_ARN"] != target ||
						a["RETRY_ATTEMPTS"] != fmt.Sprint(tries-1) || a["EXHAUSTED_RETRY_CONDITION"] != test.exhausted || a["SCHEDULED_TIME"] != "2000-01-01T00:01:00Z" {
						t.Errorf("%+v %v", d, a)
					}
				}
				log := s.Attempts()
				if last := log[len(log)-1]; len(log) != tries || last.Number != tries || last.Last != (test.letters == 1) {
					t.Errorf("attempts %+v", log)
				}
			})
		})
	}
}

// TestRetriesWithoutEnd uses up the default of 185 retries.
func TestRetriesWithoutEnd(t *testing.T) {
	bubble(t, func(t *testing.T, s *Service, r *record) {
		r.fail = func(int) error { return errors.New("busy") }
		must(t, s.Create(schedule("x", "at(2000-01-01T00:01:00)")))
		time.Sleep(48 * time.Hour)
		if n := len(strings.Fields(r.times())); n != 186 || len(r.buried()) != 0 {
			t.Errorf("%d attempts, dead letters %v without a queue for them", n, r.buried())
		}
	})
}
