package handler_test

import (
	"bytes"
	"context"
	"fmt"
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

// limited is a tenant that takes so many requests at once.
type limited struct {
	burst int
	err   error
	asked []string
}

func (l *limited) Burst(_ context.Context, clientID string) (int, error) {
	l.asked = append(l.asked, clientID)
	return l.burst, l.err
}

func (f *fleet) runAt(t *testing.T, ctx context.Context, tenant *limited) (handler.ScheduleAnswer, error) {
	t.Helper()
	var log bytes.Buffer
	h := handler.ScheduleRotations{Catalog: f, Doctor: f, Tenant: tenant, Pace: time.Second,
		Log: telemetry.Logger(&log, "schedule-rotations", "test", "")}
	return h.Handle(ctx, handler.ScheduleEvent{})
}

// No more is started than the tenant's rate limit is refilled for.
func TestStartsAreNoFasterThanTheTenant(t *testing.T) {
	generated := map[string]string{rotation.TagStrategy: rotation.StrategyGenerated}
	key := map[string]string{rotation.TagKind: rotation.KindKey}
	for name, tt := range map[string]struct {
		burst int
		tags  map[string]string
		want  time.Duration // between two starts
	}{
		"not told":                     {0, nil, time.Second},
		"the Free plan":                {2, nil, 4 * time.Second},
		"Enterprise, not production":   {10, nil, 2 * time.Second},
		"Enterprise, production":       {50, nil, time.Second},
		"secrets that it makes itself": {10, generated, 3 * time.Second},
		"keys, which need more calls":  {10, key, 8 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fleet{}
				for i := range 11 {
					f.secrets = append(f.secrets, due(fmt.Sprint("s", i), 30, tt.tags))
				}
				tenant, start := &limited{burst: tt.burst}, time.Now()
				out, err := f.runAt(t, t.Context(), tenant)
				if took := time.Since(start); err != nil || out.Started != 11 || took != 10*tt.want {
					t.Errorf("%+v, %v; took %v, want %v", out, err, took, 10*tt.want)
				}
				if !slices.Equal(tenant.asked, []string{"c-" + f.started[0]}) {
					t.Errorf("asked about %v, want one question about the first", tenant.asked)
				}
			})
		})
	}
}

func TestNothingIsStartedWhileTheTenantDoesNotAnswer(t *testing.T) {
	f := &fleet{secrets: []rotation.Secret{due("a", 90, nil), due("b", 80, nil)}}
	out, err := f.runAt(t, t.Context(), &limited{err: &fault.Error{Kind: fault.Unavailable, Op: "auth0.get_client"}})
	if err == nil || !strings.Contains(err.Error(), "incomplete") || out.Started != 0 || out.Left != 2 || out.Failed != 1 || len(f.started) > 0 {
		t.Errorf("%+v, %v; started %v", out, err, f.started)
	}
	quiet := &limited{}
	f = &fleet{secrets: []rotation.Secret{due("fresh", 1, nil)}}
	if out, err := f.runAt(t, t.Context(), quiet); err != nil || len(quiet.asked) > 0 {
		t.Errorf("%+v, %v: asked the tenant although nothing is due", out, err)
	}
}

// A signing secret has nothing to do with the tenant: it is neither asked about
// nor waited for, and is started though the tenant does not answer.
func TestSigningSecretsDoNotWaitForTheTenant(t *testing.T) {
	signing := map[string]string{rotation.TagKind: rotation.KindWebhook, rotation.TagClientID: ""}
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{secrets: []rotation.Secret{due("w1", 90, signing), due("w2", 40, signing), due("a", 80, nil), due("b", 70, nil)}}
		tenant, start := &limited{burst: 10}, time.Now()
		out, err := f.runAt(t, t.Context(), tenant)
		if took := time.Since(start); err != nil || out.Started != 4 || took != 4*time.Second || !slices.Equal(tenant.asked, []string{"c-a"}) {
			t.Errorf("%+v, %v; took %v, asked about %v", out, err, took, tenant.asked)
		}
		f.started = nil
		out, err = f.runAt(t, t.Context(), &limited{err: &fault.Error{Kind: fault.Unavailable, Op: "auth0.get_client"}})
		if err == nil || out.Started != 2 || out.Left != 2 || out.Failed != 1 || !slices.Equal(f.started, []string{"w1", "w2"}) {
			t.Errorf("no tenant: %+v, %v; started %v", out, err, f.started)
		}
		quiet := &limited{}
		f = &fleet{secrets: f.secrets[:2]}
		if out, err := f.runAt(t, t.Context(), quiet); err != nil || out.Started != 2 || len(quiet.asked) > 0 {
			t.Errorf("%+v, %v; asked about %v", out, err, quiet.asked)
		}
	})
}
