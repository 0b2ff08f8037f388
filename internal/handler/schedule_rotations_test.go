package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/handler"
	"clientkeeper/internal/rotation"
	"clientkeeper/internal/telemetry"
)

// fleet is a catalog and a doctor of secrets that remember what was done.
type fleet struct {
	secrets   []rotation.Secret
	listErr   error
	rotateErr map[string]error
	findings  []rotation.Finding
	started   []string
	tokens    []string
	examined  []string
	repaired  int
	retired   []string
	since     map[string]string // why it is no longer due, since it was listed
}

func (f *fleet) List(context.Context) ([]rotation.Secret, error) { return f.secrets, f.listErr }

func (f *fleet) Rotate(_ context.Context, id, token string) error {
	f.started, f.tokens = append(f.started, id), append(f.tokens, token)
	return f.rotateErr[id]
}

func (f *fleet) Examine(_ context.Context, id string) ([]rotation.Finding, error) {
	f.examined = append(f.examined, id)
	return f.findings, nil
}

func (f *fleet) Repair(_ context.Context, x rotation.Finding) (bool, error) {
	f.repaired++
	return true, nil
}

func (f *fleet) Retire(_ context.Context, id string) (int, error) {
	f.retired = append(f.retired, id) // in an order that runs differ in
	slices.Sort(f.retired)
	return 1, nil
}

func (f *fleet) Due(_ context.Context, now time.Time, id string, policy rotation.Policy) (rotation.Start, string, error) {
	for _, s := range f.secrets {
		if plan := rotation.PlanRotations(now, []rotation.Secret{s}, policy); s.ID == id && len(plan.Start) == 1 {
			return plan.Start[0], f.since[id], nil
		}
	}
	return rotation.Start{}, "not_due", nil
}

// due is a secret that was last rotated days ago, on an interval of thirty.
func due(name string, days int, tags map[string]string) rotation.Secret {
	last := time.Now().Add(-time.Duration(days) * 24 * time.Hour)
	s := rotation.Secret{ID: name, Name: name, RotationEnabled: true, Created: last.Add(-time.Hour), LastRotated: last,
		Versions: []rotation.Version{{ID: "v1", Labels: []string{rotation.Current}}},
		Tags:     map[string]string{rotation.TagManaged: "true", rotation.TagClientID: "c-" + name, rotation.TagInterval: "30d"}}
	for k, v := range tags {
		s.Tags[k] = v
	}
	return s
}

func (f *fleet) run(t *testing.T, ctx context.Context, policy rotation.Policy, ev handler.ScheduleEvent) (handler.ScheduleAnswer, string, error) {
	t.Helper()
	var log, metrics bytes.Buffer
	h := handler.ScheduleRotations{Catalog: f, Doctor: f, Policy: policy, Pace: time.Second,
		Log: telemetry.Logger(&log, "schedule-rotations", "test", ""), Metrics: telemetry.NewMetrics(&metrics, "schedule-rotations")}
	out, err := h.Handle(ctx, ev)
	return out, log.String() + metrics.String(), err
}

func TestWhatIsDueIsStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{secrets: []rotation.Secret{due("old", 90, nil), due("older", 300, nil), due("fresh", 1, nil),
			due("paused", 90, map[string]string{rotation.TagPaused: "incident 7"})}}
		out, log, err := f.run(t, t.Context(), rotation.Policy{}, handler.ScheduleEvent{})
		if err != nil || out.Started != 2 || out.Managed != 4 {
			t.Errorf("%+v, %v", out, err)
		}
		if !slices.Equal(f.started, []string{"older", "old"}) {
			t.Errorf("started %v, want the most overdue first", f.started)
		}
		if !strings.Contains(log, `"RotationsStarted":2`) || !strings.Contains(log, `"started":2`) {
			t.Errorf("log %s", log)
		}

		// A second schedule at the same moment asks for the same versions.
		tokens := slices.Clone(f.tokens)
		f.tokens = nil
		if _, _, err := f.run(t, t.Context(), rotation.Policy{}, handler.ScheduleEvent{}); err != nil || !slices.Equal(tokens, f.tokens) {
			t.Errorf("tokens %v, then %v", tokens, f.tokens)
		}
	})
}

func TestAListThatCannotBeReadStartsNothing(t *testing.T) {
	f := &fleet{secrets: []rotation.Secret{due("a", 90, nil)}, listErr: &fault.Error{Kind: fault.Unavailable, Op: "secretstore.list"}}
	out, _, err := f.run(t, t.Context(), rotation.Policy{}, handler.ScheduleEvent{})
	if err == nil || out.Started != 0 || len(f.started)+len(f.retired)+len(f.examined) != 0 {
		t.Errorf("%+v, %v; did %v", out, err, f)
	}
}

func TestTheFuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{}
		for i := range 20 {
			f.secrets = append(f.secrets, due(fmt.Sprint("s", i), 90, nil))
		}
		out, log, err := f.run(t, t.Context(), rotation.Policy{MaxStarts: 10}, handler.ScheduleEvent{})
		if err == nil || !strings.Contains(err.Error(), "fuse") || !strings.Contains(err.Error(), "force") || len(f.started) != 0 || out.Fuse == "" {
			t.Errorf("%+v, %v; started %v", out, err, f.started)
		}
		if !strings.Contains(log, `"FuseTripped":1`) {
			t.Errorf("metrics %s", log)
		}
		if out, _, err := f.run(t, t.Context(), rotation.Policy{MaxStarts: 10}, handler.ScheduleEvent{Force: true}); err != nil || out.Started != 20 {
			t.Errorf("forced: %+v, %v", out, err)
		}
	})
}

func TestOneThatFailsDoesNotStopTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{secrets: []rotation.Secret{due("a", 90, nil), due("b", 80, nil), due("c", 70, nil)},
			rotateErr: map[string]error{"b": &fault.Error{Kind: fault.Denied, Op: "secretstore.rotate"}}}
		out, log, err := f.run(t, t.Context(), rotation.Policy{}, handler.ScheduleEvent{})
		if err == nil || out.Started != 2 || out.Failed != 1 || !strings.Contains(log, `"secret":"b"`) {
			t.Errorf("%+v, %v: %s", out, err, log)
		}
	})
}

func TestStartsArePacedAndEndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{}
		for i := range 100 {
			f.secrets = append(f.secrets, due(fmt.Sprint("s", i), 90, nil))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		out, _, err := f.run(t, ctx, rotation.Policy{}, handler.ScheduleEvent{})
		if err != nil || out.Started < 20 || out.Started > 30 || out.Started+out.Left != 100 || ctx.Err() != nil {
			t.Errorf("%+v, %v, %v", out, err, ctx.Err())
		}
	})
}

func TestOverlapsEndInTheirTimeAndNotForEver(t *testing.T) {
	key := map[string]string{rotation.TagKind: rotation.KindKey, rotation.TagOverlap: "24h"}
	f := &fleet{secrets: []rotation.Secret{due("over", 1, key), due("long over", 3, key), due("not yet", 0, key), due("a secret now", 1, nil)}}
	out, _, err := f.run(t, t.Context(), rotation.Policy{}, handler.ScheduleEvent{})
	if err != nil || out.Retired != 2 || !slices.Equal(f.retired, []string{"a secret now", "over"}) {
		t.Errorf("%+v, %v; retired %v", out, err, f.retired)
	}
}

// A rotation that the doctor has finished is none that Secrets Manager has ended.
func TestTheOverlapOfARotationThatTheDoctorFinishedEnds(t *testing.T) {
	tags := func(ago time.Duration) map[string]string {
		return map[string]string{rotation.TagKind: rotation.KindKey, rotation.TagFinished: time.Now().Add(-ago).UTC().Format(time.RFC3339)}
	}
	never := due("never ended", 90, tags(25*time.Hour))
	never.LastRotated = time.Time{}
	f := &fleet{secrets: []rotation.Secret{due("over", 20, tags(25*time.Hour)), never, due("runs", 20, tags(23*time.Hour))}}
	out, _, err := f.run(t, t.Context(), rotation.Policy{}, handler.ScheduleEvent{})
	if err != nil || !slices.Equal(f.retired, []string{"never ended", "over"}) || len(f.started) > 0 {
		t.Errorf("%+v, %v; retired %v, started %v", out, err, f.retired, f.started)
	}
}

func TestARareRunFindsTheOverlapsThatEndedBeforeIt(t *testing.T) {
	key := map[string]string{rotation.TagKind: rotation.KindKey, rotation.TagOverlap: "24h"}
	for every, want := range map[time.Duration][]string{0: {"over"}, 24 * time.Hour: {"long over", "over"}} {
		f := &fleet{secrets: []rotation.Secret{due("over", 1, key), due("long over", 2, key), due("older", 9, key)}}
		h := handler.ScheduleRotations{Catalog: f, Doctor: f, Every: every,
			Log: telemetry.Logger(io.Discard, "schedule-rotations", "test", ""), Metrics: telemetry.NewMetrics(io.Discard, "schedule-rotations")}
		if _, err := h.Handle(t.Context(), handler.ScheduleEvent{}); err != nil || !slices.Equal(f.retired, want) {
			t.Errorf("every %v: retired %v, %v; want %v", every, f.retired, err, want)
		}
	}
}

func TestAStuckRotationIsExaminedAndRepairedIfThatIsSafe(t *testing.T) {
	stuck := due("stuck", 90, nil)
	stuck.Versions = append(stuck.Versions, rotation.Version{ID: "v2", Labels: []string{rotation.Pending}, Created: time.Now().Add(-5 * time.Hour)})
	f := &fleet{secrets: []rotation.Secret{stuck}, findings: []rotation.Finding{{Slug: "pending_stale", Says: "it is stuck", Safe: true}, {Slug: "client_gone"}}}
	out, log, err := f.run(t, t.Context(), rotation.Policy{}, handler.ScheduleEvent{})
	if err != nil || out.Stuck != 1 || out.Repaired != 1 || f.repaired != 1 || !slices.Equal(f.examined, []string{"stuck"}) {
		t.Errorf("%+v, %v, %+v", out, err, f)
	}
	if !strings.Contains(log, "pending_stale") || !strings.Contains(log, "client_gone") {
		t.Errorf("log %s", log)
	}
}

func TestWhatAPersonHasToSeeToIsReported(t *testing.T) {
	empty := due("empty", 90, nil)
	empty.Versions = nil
	off := due("off", 90, nil)
	off.RotationEnabled = false
	f := &fleet{secrets: []rotation.Secret{off, due("typo", 90, map[string]string{rotation.TagInterval: "monthly"}), empty,
		due("one", 90, map[string]string{rotation.TagClientID: "c"}), due("two", 90, map[string]string{rotation.TagClientID: "c"}), due("fresh", 1, nil)}}
	out, log, err := f.run(t, t.Context(), rotation.Policy{}, handler.ScheduleEvent{})
	if err != nil || out.Blocked != 5 || len(f.started) != 0 || !strings.Contains(log, `"RotationsBlocked":5`) {
		t.Errorf("%+v, %v; started %v; log %s", out, err, f.started, log)
	}
	for _, want := range []string{`"secret":"typo","reason":"bad_tags"`, `"secret":"empty","reason":"no_current"`, `"secret":"off","reason":"rotation_disabled"`, `"secret":"two","reason":"duplicate_client"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s: %s", want, log)
		}
	}
}

func TestWhatHasChangedSinceItWasListedIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{secrets: []rotation.Secret{due("a", 90, nil), due("b", 80, nil)}, since: map[string]string{"a": "paused"}}
		out, _, err := f.run(t, t.Context(), rotation.Policy{}, handler.ScheduleEvent{})
		if err != nil || out.Started != 1 || !slices.Equal(f.started, []string{"b"}) {
			t.Errorf("%+v, %v; started %v", out, err, f.started)
		}
	})
}

func TestAFuseThatHasTrippedStopsEverything(t *testing.T) {
	key := map[string]string{rotation.TagKind: rotation.KindKey, rotation.TagOverlap: "24h"}
	stuck := due("stuck", 90, nil)
	stuck.Versions = append(stuck.Versions, rotation.Version{ID: "v2", Labels: []string{rotation.Pending}, Created: time.Now().Add(-5 * time.Hour)})
	f := &fleet{secrets: []rotation.Secret{due("a", 90, nil), due("b", 90, nil), due("over", 1, key), stuck}}
	out, _, err := f.run(t, t.Context(), rotation.Policy{MaxStarts: 1}, handler.ScheduleEvent{})
	if err == nil || out.Fuse == "" || len(f.started)+len(f.retired)+len(f.examined) > 0 {
		t.Errorf("%+v, %v; started %v, retired %v, examined %v", out, err, f.started, f.retired, f.examined)
	}
}

func TestAKeyThatIsNotReplacedIsKeptAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := map[string]string{rotation.TagKind: rotation.KindKey, rotation.TagOverlap: "24h", rotation.TagPaused: "an audit"}
		f := &fleet{secrets: []rotation.Secret{due("long paused", 32, key), due("just paused", 3, key)},
			findings: []rotation.Finding{{Slug: "key_expiring", Safe: true}, {Slug: "orphan_credential", Safe: true}}}
		out, _, err := f.run(t, t.Context(), rotation.Policy{}, handler.ScheduleEvent{})
		if err != nil || out.Repaired != 1 || f.repaired != 1 || !slices.Equal(f.examined, []string{"long paused"}) {
			t.Errorf("%+v, %v; examined %v, %d repaired", out, err, f.examined, f.repaired)
		}
	})
}

type panicky struct{ fleet }

func (*panicky) List(context.Context) ([]rotation.Secret, error) { panic(errors.New("canary-panic")) }

func TestARunThatPanicsTellsNothing(t *testing.T) {
	var log bytes.Buffer
	p := &panicky{}
	h := handler.ScheduleRotations{Catalog: p, Doctor: &p.fleet, Log: telemetry.Logger(&log, "schedule-rotations", "test", "")}
	if _, err := h.Handle(t.Context(), handler.ScheduleEvent{}); err == nil || strings.Contains(err.Error()+log.String(), "canary") {
		t.Errorf("err = %v, log %s", err, log.String())
	}
}

func TestEverySampleEventIsARun(t *testing.T) {
	files, err := filepath.Glob("../../events/schedule-rotations.*.json")
	if err != nil || len(files) < 2 {
		t.Fatalf("%d sample events, %v", len(files), err)
	}
	forced := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var ev handler.ScheduleEvent
		if err := json.Unmarshal(text, &ev); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if ev.Force {
			forced++
		}
	}
	if forced != 1 {
		t.Errorf("%d samples force, want 1", forced)
	}
}
