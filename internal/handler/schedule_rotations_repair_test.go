package handler_test

import (
	"context"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/handler"
	"clientkeeper/internal/rotation"
	"clientkeeper/internal/telemetry"
)

// slow is a fleet whose doctor takes its time, as at a tenant that hangs.
type slow struct {
	*fleet
	seen map[string]int
}

func (s slow) wait(ctx context.Context, id string) error {
	s.seen[id]++
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Minute):
		return nil
	}
}

func (s slow) Examine(ctx context.Context, id string) ([]rotation.Finding, error) {
	return nil, s.wait(ctx, id)
}

func (s slow) Retire(ctx context.Context, id string) (int, error) { return 0, s.wait(ctx, id) }

// Secrets that nobody can repair, and keys that take long to retire, keep
// nobody from being rotated, and not always the same ones from being looked at.
func TestSlowRepairsLeaveTimeToStart(t *testing.T) {
	const many = 40
	over := map[string]string{rotation.TagKind: rotation.KindKey, rotation.TagOverlap: "24h"}
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{}
		for i := range many {
			stuck := due(fmt.Sprint("stuck", i), 90, nil)
			stuck.Versions = append(stuck.Versions, rotation.Version{ID: "v2", Labels: []string{rotation.Pending}, Created: time.Now().Add(-5 * time.Hour)})
			f.secrets = append(f.secrets, stuck, due(fmt.Sprint("over", i), 1, over))
		}
		f.secrets = append(f.secrets, due("a", 90, nil), due("b", 80, nil))
		s := slow{f, map[string]int{}}
		const runs = 300
		begin := time.Now()
		for range runs {
			f.started = nil
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
			h := handler.ScheduleRotations{Catalog: f, Doctor: s, Pace: time.Second, Now: func() time.Time { return begin },
				Log: telemetry.Logger(io.Discard, "schedule-rotations", "test", ""), Metrics: telemetry.NewMetrics(io.Discard, "schedule-rotations")}
			out, err := h.Handle(ctx, handler.ScheduleEvent{})
			cancel()
			if err != nil || out.Started != 2 || out.Failed > 0 || len(f.started) != 2 {
				t.Fatalf("%+v, %v; started %v", out, err, f.started)
			}
		}
		if len(s.seen) != 2*many {
			t.Errorf("in %d runs %d of %d were looked at", runs, len(s.seen), 2*many)
		}
	})
}
