package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"clientkeeper/internal/event"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/handler"
	"clientkeeper/internal/registration"
	"clientkeeper/internal/rotation"
	"clientkeeper/internal/telemetry"
)

// box keeps what is announced, or refuses it.
type box struct {
	bodies []string
	err    error
}

func (b *box) announcer() *event.Announcer {
	return event.NewAnnouncer("example.eu.auth0.com", func(_ context.Context, body string) error {
		if b.err == nil {
			b.bodies = append(b.bodies, body)
		}
		return b.err
	})
}

// types are the types of what was announced, in their order.
func (b *box) types(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, body := range b.bodies {
		var e struct{ Type string }
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Fatal(err)
		}
		out = append(out, e.Type)
	}
	return out
}

// names are the metrics that were written, each with its values of the other
// dimensions, such as "Registrations created".
func names(t *testing.T, text string) map[string]float64 {
	t.Helper()
	out := map[string]float64{}
	for line := range strings.Lines(text) {
		var l struct {
			AWS struct {
				CloudWatchMetrics []struct {
					Dimensions [][]string
					Metrics    []struct{ Name string }
				}
			} `json:"_aws"`
		}
		var members map[string]any
		if json.Unmarshal([]byte(line), &l) != nil || len(l.AWS.CloudWatchMetrics) == 0 {
			continue
		}
		if err := json.Unmarshal([]byte(line), &members); err != nil {
			t.Fatal(err)
		}
		d := l.AWS.CloudWatchMetrics[0]
		for _, m := range d.Metrics {
			name := m.Name
			for _, dimension := range d.Dimensions[len(d.Dimensions)-1][1:] {
				name += " " + members[dimension].(string)
			}
			out[name] += members[m.Name].(float64)
		}
	}
	return out
}

func TestWhatIsToldOfAMessage(t *testing.T) {
	refused := &fault.Error{Kind: fault.Invalid, Reason: "document_invalid"}
	busy := &fault.Error{Kind: fault.RateLimited}
	tests := map[string]struct {
		err    error
		gone   bool // when it is to be moved
		event  string
		metric string
	}{
		"registered":                 {nil, false, "client.registered", "Registrations created"},
		"brought up to date":         {nil, false, "client.changed", "Registrations updated"},
		"rejected":                   {refused, false, "client.rejected", "Registrations rejected"},
		"settled by another":         {refused, true, "", "Registrations duplicate"},
		"postponed":                  {busy, false, "", "Registrations postponed"},
		"to be tried again":          {fault.Unavailable, false, "", "Registrations returned"},
		"registered, but not sent":   {nil, false, "lost", "Registrations created"},
		"rejected, and not sent too": {refused, false, "lost", "Registrations rejected"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(succeed)
			if test.err != nil {
				b = newBench(failWith(test.err))
			}
			if test.event == "client.changed" {
				b = newBench(func(context.Context, registration.Request) (registration.Outcome, error) {
					return registration.Outcome{ClientID: "tpc_1"}, nil
				})
			}
			if test.gone {
				b.queue.errs = map[string]error{"hide": &fault.Error{Kind: fault.NotFound, Reason: "message_gone"}}
			}
			var metrics bytes.Buffer
			sent := box{}
			if test.event == "lost" {
				sent.err = fault.Unavailable
			}
			b.Metrics, b.Events = telemetry.NewMetrics(&metrics, "f"), sent.announcer()
			r := record(1, `{"external_client_id":"`+url(1)+`","request_id":"PLAT-7"}`)
			r.Attributes["ApproximateFirstReceiveTimestamp"] = millis(time.Now().Add(-90 * time.Second))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			b.handle(t, ctx, r)

			var want []string
			if test.event != "" && test.event != "lost" {
				want = []string{test.event}
			}
			if got := sent.types(t); !slices.Equal(got, want) {
				t.Errorf("announced %v, want %v", got, want)
			}
			for _, body := range sent.bodies {
				if !strings.Contains(body, `"correlation_id":"PLAT-7"`) {
					t.Errorf("the event does not name the work: %s", body)
				}
			}
			got := names(t, metrics.String())
			if got[test.metric] != 1 || got["QueueAge"] < 90 || got["TimeToDeadline"] <= 0 || got["EventsLost"] != map[bool]float64{true: 1}[test.event == "lost"] {
				t.Errorf("metrics %v, want %s", got, test.metric)
			}
			if !strings.Contains(b.log.String(), `"correlation_id":"PLAT-7"`) {
				t.Errorf("the log does not name the work: %s", b.log.String())
			}
		})
	}
}

func TestWhatIsToldOfAStep(t *testing.T) {
	tests := map[string]struct {
		step    string
		out     rotation.Outcome
		err     error
		event   string
		metrics []string // besides those of every step
	}{
		"a step":      {"setSecret", rotation.Outcome{Kind: "client_secret", Did: "applied"}, nil, "", nil},
		"a trial":     {"testSecret", rotation.Outcome{Kind: "client_secret", Did: "tested", Refusals: 2, Settling: time.Second}, nil, "", []string{"PropagationTime client_secret", "TrialLoginsRefused client_secret"}},
		"the end":     {"finishSecret", rotation.Outcome{ClientID: "c", Kind: "client_secret", Did: "finished"}, nil, "secret.rotated", []string{"Rotations client_secret succeeded"}},
		"once more":   {"finishSecret", rotation.Outcome{Did: "nothing"}, nil, "", nil},
		"failed":      {"setSecret", rotation.Outcome{Kind: "private_key_jwt"}, fault.Unavailable, "rotation.failed", []string{"Rotations private_key_jwt failed"}},
		"trial fails": {"testSecret", rotation.Outcome{Kind: "client_secret", Refusals: 9}, fault.Unavailable, "rotation.failed", []string{"Rotations client_secret failed", "TrialLoginsRefused client_secret"}},
		"strange":     {"dropTable", rotation.Outcome{}, fault.Invalid, "rotation.failed", []string{"Rotations unknown failed"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var metrics, log bytes.Buffer
			sent := box{}
			h := handler.RotateSecret{Log: telemetry.Logger(&log, "rotate-secret", "test", ""), Metrics: telemetry.NewMetrics(&metrics, "f"), Events: sent.announcer(),
				Rotator: rotatorFunc(func(context.Context, rotation.Event) (rotation.Outcome, error) { return test.out, test.err })}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := h.Handle(ctx, events.SecretsManagerSecretRotationEvent{Step: test.step, SecretID: "arn:x", ClientRequestToken: "v2"}); (err == nil) != (test.err == nil) {
				t.Fatal(err)
			}
			var want []string
			if test.event != "" {
				want = []string{test.event}
			}
			if got := sent.types(t); !slices.Equal(got, want) {
				t.Errorf("announced %v, want %v", got, want)
			}
			step := map[bool]string{true: "unknown", false: test.step}[test.step == "dropTable"]
			outcome := map[bool]string{true: "succeeded", false: "failed"}[test.err == nil]
			wanted := append([]string{"RotationStepTime " + step, "RotationSteps " + outcome + " " + step, "TimeToDeadline"}, test.metrics...)
			slices.Sort(wanted)
			if got := slices.Sorted(maps.Keys(names(t, metrics.String()))); !slices.Equal(got, wanted) {
				t.Errorf("metrics %v, want %v", got, wanted)
			}
		})
	}
}

func TestWhatIsToldOfARun(t *testing.T) {
	refused := rotation.Finding{Slug: "login_refused", SecretID: "young"}
	stuck := due("stuck", 3, nil)
	stuck.Versions = append(stuck.Versions, rotation.Version{ID: "v2", Labels: []string{rotation.Pending}, Created: time.Now().Add(-2 * time.Hour)})
	fleet := &fleet{secrets: []rotation.Secret{due("young", 1, nil), stuck}, findings: []rotation.Finding{refused}}
	// Its overlap of a day ended just now.
	fleet.secrets[0].LastRotated = time.Now().Add(-24*time.Hour - time.Minute)
	var metrics, log bytes.Buffer
	sent := box{}
	h := handler.ScheduleRotations{Catalog: fleet, Doctor: fleet, Sample: 1, Log: telemetry.Logger(&log, "schedule-rotations", "test", ""),
		Metrics: telemetry.NewMetrics(&metrics, "f"), Events: sent.announcer()}
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "run-1"})
	if _, err := h.Handle(ctx, handler.ScheduleEvent{}); err != nil {
		t.Fatal(err)
	}
	if got := sent.types(t); !slices.Equal(got, []string{"overlap.ended"}) || !strings.Contains(sent.bodies[0], `"correlation_id":"run-1"`) {
		t.Errorf("announced %v", sent.bodies)
	}
	got := names(t, metrics.String())
	for name, want := range map[string]float64{"SecretsManaged": 2, "RotationsStuck": 1, "SecretsLockedOut": 1, "OverlapsEnded": 1, "FuseTripped": 0} {
		if got[name] != want {
			t.Errorf("%s = %v, want %v", name, got[name], want)
		}
	}
	if day := 24 * 3600.0; got["SecretAge"] < 2.9*day || got["SecretAge"] > 3.1*day || got["NextDue"] < 20*day || got["NextDue"] > 27*day {
		t.Errorf("SecretAge %v, NextDue %v", got["SecretAge"], got["NextDue"])
	}
	if strings.Contains(log.String(), `"[redacted]"`) {
		t.Errorf("something that is meant to be read is redacted: %s", log.String())
	}
}

// A run that could not list the secrets knows nothing of them: zeros would
// look like an account that has none.
func TestARunWithoutAListSaysNothingOfTheSecrets(t *testing.T) {
	fleet := &fleet{listErr: errors.New("down")}
	_, text, err := fleet.run(t, t.Context(), rotation.Policy{}, handler.ScheduleEvent{})
	if err == nil {
		t.Fatal("no error")
	}
	got := names(t, text)
	if _, told := got["SecretsManaged"]; told || got["ScheduleFailures"] != 1 {
		t.Errorf("metrics %v", got)
	}
}

// Each secret has its turn, a run looks into one of them, and repairs nothing.
func TestRunsTakeTurnsLookingIntoSecrets(t *testing.T) {
	fleet := &fleet{findings: []rotation.Finding{{Slug: "login_refused", Safe: true}}}
	for _, name := range []string{"a", "b", "c"} {
		fleet.secrets = append(fleet.secrets, due(name, 3, nil))
	}
	now := time.Now()
	var log bytes.Buffer
	h := handler.ScheduleRotations{Catalog: fleet, Doctor: fleet, Sample: 1, Log: telemetry.Logger(&log, "f", "test", ""), Now: func() time.Time { return now }}
	for range 3 {
		out, err := h.Handle(t.Context(), handler.ScheduleEvent{})
		if err != nil || out.LockedOut != 1 {
			t.Errorf("%+v, %v", out, err)
		}
		now = now.Add(15 * time.Minute)
	}
	slices.Sort(fleet.examined)
	if !slices.Equal(fleet.examined, []string{"a", "b", "c"}) || fleet.repaired != 0 {
		t.Errorf("looked into %v, repaired %d", fleet.examined, fleet.repaired)
	}
}
