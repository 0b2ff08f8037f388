package sandbox

import (
	"context"
	"maps"
	"testing"
	"time"
)

// open runs a sandbox on free ports until the test ends.
func open(t *testing.T, o Options, parameters map[string]string) *Sandbox {
	t.Helper()
	o.Dir, o.Source, o.Parameters = t.TempDir(), "../..", maps.Clone(SurgeParameters)
	maps.Copy(o.Parameters, parameters)
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return s
}

func TestWhatIsDueAtOnceIsRotatedWithoutAStorm(t *testing.T) {
	t.Parallel()
	s := open(t, Options{}, map[string]string{"StartPace": "100ms"})
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	r, err := s.Surge(ctx, SurgeOrder{Secrets: 30, Registrations: 60, Plan: "private-100"})
	if err != nil {
		t.Fatal(err)
	}
	if r.Bad() || r.Rotated != 30 || r.Registered != 60 {
		t.Errorf("%+v", r)
	}
	if r.Requests < 3*30+60 || r.Logins == 0 || r.LastRotation == 0 || r.LastRegister == 0 || r.LongestStepTook == 0 {
		t.Errorf("the report has not counted everything: %+v", r)
	}
	t.Logf("%+v", r)
}

func TestABrokenPromiseIsBad(t *testing.T) {
	for name, tt := range map[string]struct {
		report SurgeReport
		bad    bool
	}{
		"all is well":     {SurgeReport{Secrets: 9, Rotated: 9, Requests: 1000, Throttled: 9, Retried: 3, Postponed: 50}, false},
		"not rotated":     {SurgeReport{NotRotated: 1}, true},
		"does not log in": {SurgeReport{Refused: 1}, true},
		"not registered":  {SurgeReport{NotRegistered: 1}, true},
		"a dead letter":   {SurgeReport{DeadLettered: 1}, true},
		"a leak":          {SurgeReport{Leaks: 1}, true},
		"a broken rule":   {SurgeReport{Violations: []string{"two clients"}}, true},
		"given up":        {SurgeReport{GivenUp: 1}, true},
		"1% answered 429": {SurgeReport{Requests: 1000, Throttled: 10}, true},
		"a few of a few":  {SurgeReport{Requests: 100, Throttled: 5}, false},
		"more of a few":   {SurgeReport{Requests: 100, Throttled: 6}, true},
	} {
		if got := tt.report.Bad(); got != tt.bad {
			t.Errorf("%s: Bad() = %v", name, got)
		}
	}
}
