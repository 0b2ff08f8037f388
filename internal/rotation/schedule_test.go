package rotation

import (
	"fmt"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// managed is a secret that was rotated so long ago, with more tags.
func managed(name string, ago time.Duration, tags ...string) Secret {
	s := Secret{ID: name, Name: name, RotationEnabled: true, Created: noon.Add(-1000 * 24 * time.Hour), LastRotated: noon.Add(-ago),
		Tags:     map[string]string{TagManaged: "true", TagClientID: "client of " + name, TagInterval: "30d"},
		Versions: []Version{{ID: "v1", Labels: []string{Current}, Created: noon.Add(-ago)}}}
	for i := 0; i+1 < len(tags); i += 2 {
		s.Tags[tags[i]] = tags[i+1]
	}
	return s
}

func pendingFor(s Secret, ago time.Duration) Secret {
	s.Versions = append(s.Versions, Version{ID: "v2", Labels: []string{Pending}, Created: noon.Add(-ago)})
	return s
}

const day = 24 * time.Hour

func TestTheScheduleDecides(t *testing.T) {
	never := managed("a", 0)
	never.LastRotated = time.Time{}
	empty := managed("a", 31*day)
	empty.Versions = nil
	gone := managed("a", 31*day)
	gone.Deleted = true
	adopted := managed("a", 0, TagAdopted, noon.Add(-day).Format(time.RFC3339))
	adopted.LastRotated, adopted.Versions[0].Created = time.Time{}, noon.Add(-900*day)
	byHand := managed("a", 31*day)
	byHand.Versions[0].Created = noon.Add(-time.Minute)
	leftover := managed("a", 31*day)
	leftover.Versions[0].Labels = []string{Current, Pending}
	undated := pendingFor(managed("a", 31*day), 0)
	undated.Versions[1].Created = time.Time{}
	off := managed("a", 31*day)
	off.RotationEnabled = false
	tests := map[string]struct {
		secret Secret
		want   string // empty: started
	}{
		"due":                          {managed("a", 31*day), ""},
		"due, label left over":         {leftover, ""},
		"due for long":                 {managed("a", 300*day), ""},
		"not due":                      {managed("a", 20*day), "not_due"},
		"never rotated, old":           {func() Secret { s := never; s.Versions = managed("a", 31*day).Versions; return s }(), ""},
		"adopted yesterday":            {adopted, "not_due"},
		"the doctor finished it":       {managed("a", 300*day, TagFinished, noon.Add(-2*time.Hour).Format(time.RFC3339)), "not_due"},
		"the doctor did so long ago":   {managed("a", 300*day, TagFinished, noon.Add(-31*day).Format(time.RFC3339)), ""},
		"paused":                       {managed("a", 31*day, TagPaused, "an audit"), "paused"},
		"paused is false":              {managed("a", 31*day, TagPaused, "false"), ""},
		"no interval":                  {managed("a", 31*day, TagInterval, ""), "no_interval"},
		"bad tags":                     {managed("a", 31*day, TagInterval, "monthly"), "bad_tags"},
		"not managed":                  {managed("a", 31*day, TagManaged, "no"), "not_managed"},
		"no value":                     {empty, "no_current"},
		"its rotation was cancelled":   {off, "rotation_disabled"},
		"deleted":                      {gone, "deleted"},
		"under way":                    {pendingFor(managed("a", 31*day), time.Minute), "in_flight"},
		"stuck":                        {pendingFor(managed("a", 31*day), 2*time.Hour), "stuck"},
		"pending since nobody knows":   {undated, "stuck"},
		"a minute's interval":          {managed("a", 14*time.Minute, TagInterval, "1m"), "floor"},
		"a minute's interval, floor":   {managed("a", 16*time.Minute, TagInterval, "1m"), ""},
		"changed by hand a minute ago": {byHand, "floor"},
		"key, overlap runs":            {managed("a", 2*time.Hour, TagKind, KindKey, TagInterval, "1h"), "not_due"},
	}
	for name, test := range tests {
		plan := PlanRotations(noon, []Secret{test.secret}, Policy{})
		got := ""
		switch {
		case len(plan.Stuck) == 1:
			got = "stuck"
		case len(plan.Skip) == 1:
			got = plan.Skip[0].Why
		case len(plan.Start) != 1:
			got = "lost"
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func fleet(n int, ago func(i int) time.Duration) (out []Secret) {
	for i := range n {
		out = append(out, managed(fmt.Sprintf("secret-%03d", i), ago(i)))
	}
	return out
}

func TestTheFuse(t *testing.T) {
	tests := map[string]struct {
		due, of int
		policy  Policy
		started int
		tripped bool
	}{
		"no limit":                  {100, 100, Policy{}, 100, false},
		"below the number":          {10, 100, Policy{MaxStarts: 10}, 10, false},
		"above the number":          {11, 100, Policy{MaxStarts: 10}, 0, true},
		"below the share":           {50, 100, Policy{MaxShare: 0.5}, 50, false},
		"above the share":           {51, 100, Policy{MaxShare: 0.5}, 0, true},
		"a share of few":            {5, 5, Policy{MaxShare: 0.1}, 5, false},
		"above, but told otherwise": {51, 100, Policy{MaxShare: 0.5, MaxStarts: 1, Force: true}, 51, false},
		"a budget does not hide it": {51, 100, Policy{MaxShare: 0.5, Budget: 3}, 0, true},
		"a budget":                  {51, 100, Policy{Budget: 3}, 3, false},
	}
	for name, test := range tests {
		secrets := fleet(test.of, func(i int) time.Duration {
			if i < test.due {
				return time.Duration(31+i) * day
			}
			return day
		})
		plan := PlanRotations(noon, secrets, test.policy)
		if len(plan.Start) != test.started || (plan.Fuse != "") != test.tripped || len(plan.Start)+len(plan.Skip) != test.of {
			t.Errorf("%s: %d started, fuse %q, %d skipped", name, len(plan.Start), plan.Fuse, len(plan.Skip))
		}
		for i := 1; i < len(plan.Start); i++ {
			if plan.Start[i].Due.Before(plan.Start[i-1].Due) {
				t.Errorf("%s: not the most overdue first", name)
			}
		}
	}
}

func TestTwoSecretsOfOneClientAreLeftAlone(t *testing.T) {
	secrets := []Secret{managed("a", 31*day, TagClientID, "c", TagTenant, "one"), managed("b", 31*day, TagClientID, "c", TagTenant, "one"),
		managed("c", 31*day, TagClientID, "c", TagTenant, "another")}
	plan := PlanRotations(noon, secrets, Policy{})
	if len(plan.Start) != 1 || plan.Start[0].Secret.ID != "c" || len(plan.Skip) != 2 || plan.Skip[0].Why != "duplicate_client" {
		t.Errorf("%+v", plan)
	}
	// One that does not say whose tenant it is may be of either.
	secrets = append(secrets, managed("d", 31*day, TagClientID, "c"))
	if plan = PlanRotations(noon, secrets, Policy{}); len(plan.Start) != 0 || len(plan.Skip) != 4 {
		t.Errorf("with one of no tenant: %+v", plan)
	}
}

func TestJitterIsSteadyAndSpreads(t *testing.T) {
	seen := map[time.Duration]bool{}
	for i := range 1000 {
		name := fmt.Sprintf("secret-%d", i)
		j := jitter(name, 30*day)
		if j != jitter(name, 30*day) || j < 0 || j >= day {
			t.Fatalf("jitter %v", j)
		}
		seen[j.Truncate(time.Hour)] = true
	}
	if len(seen) != 24 {
		t.Errorf("a day's jitter falls into %d hours", len(seen))
	}
}

func TestTwoSchedulesAskForOneVersion(t *testing.T) {
	s := managed("a", 31*day)
	if startToken(noon, s) != startToken(noon.Add(time.Minute), s) || len(startToken(noon, s)) < 32 {
		t.Error("two starts of one rotation differ")
	}
	next := s
	next.Versions = []Version{{ID: "v2", Labels: []string{Current}}}
	if startToken(noon, s) == startToken(noon, next) || startToken(noon, s) == startToken(noon.Add(time.Hour), s) {
		t.Error("a later rotation has the same token")
	}
}

// Secrets Manager lists no time of a version without a value: a createSecret
// that is at work must not look like one that was given up.
func TestARotationThatHasJustBegunIsNotStuck(t *testing.T) {
	now := time.Now()
	s := Secret{ID: "a", Name: "a", RotationEnabled: true, Created: now.Add(-90 * 24 * time.Hour), LastRotated: now.Add(-60 * 24 * time.Hour),
		Versions: []Version{{ID: "v1", Labels: []string{Current}}, {ID: "v2", Labels: []string{Pending}}},
		Tags:     map[string]string{TagManaged: "true", TagClientID: "c", TagInterval: "30d"}}
	for changed, stuck := range map[time.Duration]int{time.Minute: 0, 2 * time.Hour: 1} {
		s.Changed = now.Add(-changed)
		if p := PlanRotations(now, []Secret{s}, Policy{}); len(p.Stuck) != stuck || len(p.Start) != 0 {
			t.Errorf("changed %v ago: %d stuck and %d started, want %d and none", changed, len(p.Stuck), len(p.Start), stuck)
		}
	}
}
