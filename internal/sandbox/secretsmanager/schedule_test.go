package secretsmanager_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"clientkeeper/internal/sandbox/secretsmanager"
)

// TestAnnouncedDates sets schedules on Sunday, 1 March 2026, at noon.
func TestAnnouncedDates(t *testing.T) {
	tests := map[string]struct {
		rules object
		want  string
	}{
		"days":                       {object{"AutomaticallyAfterDays": 30}, "2026-03-31T23:59:59Z"},
		"days with a window":         {object{"AutomaticallyAfterDays": 30, "Duration": "1h"}, "2026-03-31T00:59:59Z"},
		"rate in hours":              {object{"ScheduleExpression": "rate(4 hours)"}, "2026-03-01T16:59:59Z"},
		"rate in hours, long window": {object{"ScheduleExpression": "rate(12 hours)", "Duration": "12h"}, "2026-03-02T11:59:59Z"},
		"rate in days":               {object{"ScheduleExpression": "rate(10 days)"}, "2026-03-11T23:59:59Z"},
		"rate in days with a window": {object{"ScheduleExpression": "rate(10 days)", "Duration": "3h"}, "2026-03-11T02:59:59Z"},
		"one day":                    {object{"ScheduleExpression": "rate(1 day)", "Duration": "24h"}, "2026-03-02T23:59:59Z"},
		"every day":                  {object{"ScheduleExpression": "cron(0 10 * * ? *)"}, "2026-03-02T23:59:59Z"},
		"every Saturday":             {object{"ScheduleExpression": "cron(0 18 ? * SAT *)", "Duration": "2h"}, "2026-03-07T19:59:59Z"},
		"up to midnight":             {object{"ScheduleExpression": "cron(0 22 ? * 7 *)", "Duration": "2h"}, "2026-03-07T23:59:59Z"},
		"first of the month":         {object{"ScheduleExpression": "cron(0 8 1 * ? *)"}, "2026-04-01T23:59:59Z"},
		"later today":                {object{"ScheduleExpression": "cron(0 16 1,15 * ? *)"}, "2026-03-01T23:59:59Z"},
		"every three months":         {object{"ScheduleExpression": "cron(0 1 * 1/3 SUN *)"}, "2026-04-05T23:59:59Z"},
		"named months":               {object{"ScheduleExpression": "cron(0 1 5 JAN,JUL ? *)"}, "2026-07-05T23:59:59Z"},
		"last day of the month":      {object{"ScheduleExpression": "cron(0 17 L * ? *)"}, "2026-03-31T23:59:59Z"},
		"on weekdays":                {object{"ScheduleExpression": "cron(0 8 ? * MON-FRI *)"}, "2026-03-02T23:59:59Z"},
		"first Sunday":               {object{"ScheduleExpression": "cron(0 0 ? * SUN#1 *)"}, "2026-04-05T23:59:59Z"},
		"last Sunday":                {object{"ScheduleExpression": "cron(0 0 ? * SUNL *)"}, "2026-03-29T23:59:59Z"},
		"last day of the week":       {object{"ScheduleExpression": "cron(0 0 ? * L *)"}, "2026-03-07T23:59:59Z"},
		"every eight hours":          {object{"ScheduleExpression": "cron(0 /8 * * ? *)"}, "2026-03-01T16:59:59Z"},
		"every eight hours from 2":   {object{"ScheduleExpression": "cron(0 2/8 * * ? *)", "Duration": "4h"}, "2026-03-01T21:59:59Z"},
		"every ten days":             {object{"ScheduleExpression": "cron(0 0 1-31/10 * ? *)"}, "2026-03-11T23:59:59Z"},
		"29 February":                {object{"ScheduleExpression": "cron(0 0 29 2 ? *)"}, "2028-02-29T23:59:59Z"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, _ := open(t, secretsmanager.Options{})
			secret, _ := s.create(t, "one")
			s.rotate(t, secret, s.rotator(t), object{"RotateImmediately": false, "RotationRules": test.rules})
			if got := aws.ToTime(s.describe(t, secret).NextRotationDate).UTC().Format(time.RFC3339); got != test.want {
				t.Errorf("next %s, want %s", got, test.want)
			}
		})
	}
}

func TestSchedulesThatAreRefused(t *testing.T) {
	s, _ := open(t, secretsmanager.Options{})
	name, v1 := s.create(t, "one")
	for _, expression := range []string{
		"rate(3 hours)", "rate(1000 days)", "rate(0 days)", "rate(-4 hours)", "rate(4 minutes)", "rate(4hours)", "rate(4 hours", "at(now)",
		"cron(5 10 * * ? *)", "cron(0 10 * * ? 2027)", "cron(0 10 1 * SAT *)", "cron(0 10 ? * ? *)", "cron(0 24 * * ? *)",
		"cron(0 0 31 2 ? *)", "cron(0 10 * 13 ? *)", "cron(0 10 0 * ? *)", "cron(0 10 ? * SUN#6 *)", "cron(0 10 ? * FOO *)",
		"cron(0 10 ? * 8L *)", "cron(0 10 * * ?)", "cron(0 1,3 * * ? *)", "cron(0 * * * ? *)", "cron(0 1,22 * * ? *)", "cron(0 5-1 * * ? *)",
		"cron(0 /0 * * ? *)", "cron(0  * * ? *)", "cron(0 10 , * ? *)",
	} {
		s.fails(t, "RotateSecret", rotation(name, object{"ScheduleExpression": expression}), "InvalidParameterException")
	}
	for _, rules := range []object{
		{"ScheduleExpression": "rate(4 hours)", "Duration": "5h"}, {"ScheduleExpression": "rate(10 days)", "Duration": "25h"},
		{"ScheduleExpression": "rate(10 days)", "Duration": "0h"}, {"ScheduleExpression": "rate(10 days)", "Duration": "3"},
		{"ScheduleExpression": "rate(10 days)", "Duration": "100h"}, {"ScheduleExpression": "cron(0 23 * * ? *)", "Duration": "2h"},
		{"ScheduleExpression": "cron(0 /8 * * ? *)", "Duration": "9h"}, {"Duration": "3h"},
		{"AutomaticallyAfterDays": 30, "ScheduleExpression": "rate(30 days)"},
	} {
		s.fails(t, "RotateSecret", rotation(name, rules), "InvalidParameterException")
	}
	for _, days := range []int{0, 1001} {
		s.fails(t, "RotateSecret", rotation(name, object{"AutomaticallyAfterDays": days}), "ValidationException")
	}
	if _, ok := s.works(t, "DescribeSecret", object{"SecretId": name})["RotationEnabled"]; ok {
		t.Error("a refused schedule has enabled rotation")
	}
	s.wantStages(t, name, stages{v1: {"AWSCURRENT"}})
}

// began lists when rotations began, counted from midnight.
func began(d *diary) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

func startDiary(d *diary) func(secretsmanager.RotationEvent) {
	return func(e secretsmanager.RotationEvent) {
		if e.Kind == secretsmanager.RotationStarted && !e.Test {
			d.add("%v", e.At.Sub(d.start))
		}
	}
}

func TestAScheduleFiresWithoutAnybodyCalling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{start: time.Now()}
		s := inside(t, secretsmanager.Options{Rotation: secretsmanager.Rotation{OnRotation: startDiary(d)}})
		hourly, _ := s.create(t, "one")
		r := s.rotator(t)
		s.rotate(t, hourly, r, object{"RotateImmediately": false, "RotationRules": object{"ScheduleExpression": "rate(4 hours)"}})
		time.Sleep(12*time.Hour + time.Minute)
		if got, want := began(d), []string{"4h0m0s", "8h0m0s", "12h0m0s"}; !slices.Equal(got, want) {
			t.Errorf("rotations at %v, want %v", got, want)
		}
		if got, want := s.describe(t, hourly).NextRotationDate.Sub(d.start), 17*time.Hour-time.Second; got != want {
			t.Errorf("next after %v, want %v", got, want)
		}
		s.works(t, "CancelRotateSecret", object{"SecretId": hourly})
		time.Sleep(1000 * time.Hour)
		if got := len(began(d)); got != 3 {
			t.Errorf("%d rotations after it was cancelled, want 3", got)
		}
	})
}

func TestTheClockIsMoved(t *testing.T) {
	c := newClock() // noon
	d := &diary{start: c.Now().Add(-12 * time.Hour)}
	s := serve(t, secretsmanager.Options{Now: c.Now, Rotation: secretsmanager.Rotation{OnRotation: startDiary(d)}})
	name, _ := s.create(t, "one")
	s.rotate(t, name, s.rotator(t), object{"RotateImmediately": false,
		"RotationRules": object{"ScheduleExpression": "cron(0 6 * * ? *)"}})
	for _, by := range []time.Duration{17 * time.Hour, time.Hour, 3 * 24 * time.Hour, time.Hour, 23 * time.Hour} {
		c.move(by)
		s.room.Wake()
		s.idle(t)
	}
	// One for the three mornings that were jumped over, and no more before the next.
	if got, want := began(d), []string{"30h0m0s", "102h0m0s", "126h0m0s"}; !slices.Equal(got, want) {
		t.Errorf("rotations at %v, want %v", got, want)
	}
}

// TestAChangeByHandCountsAsRotation: for a schedule in days, and for no other.
func TestAChangeByHandCountsAsRotation(t *testing.T) {
	tests := map[string]struct {
		rules object
		want  time.Duration // from the change to the last second of the window
	}{
		"days": {object{"AutomaticallyAfterDays": 30}, 31 * 24 * time.Hour},
		"rate": {object{"ScheduleExpression": "rate(30 days)"}, 30 * 24 * time.Hour},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := inside(t, secretsmanager.Options{})
				secret, _ := s.create(t, "one")
				s.rotate(t, secret, s.rotator(t), object{"RotationRules": test.rules})
				last := s.describe(t, secret).LastRotatedDate
				time.Sleep(24 * time.Hour)
				s.put(t, secret, "by hand")
				out := s.describe(t, secret)
				if got := time.Until(*out.NextRotationDate); got != test.want-time.Second {
					t.Errorf("next in %v, want %v", got, test.want)
				}
				if !out.LastRotatedDate.Equal(*last) {
					t.Errorf("LastRotatedDate moved to %v, but the service did not rotate", out.LastRotatedDate)
				}
			})
		})
	}
}

func TestAFailureOfAScheduledRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{start: time.Now()}
		s := inside(t, secretsmanager.Options{Rotation: secretsmanager.Rotation{Attempts: 2, OnRotation: startDiary(d)}})
		name, v1 := s.create(t, "one")
		r := s.rotator(t, func(r *rotator) { r.fail = func(step string, n int) bool { return step == "setSecret" && n <= 2 } })
		s.rotate(t, name, r, object{"RotateImmediately": false, "RotationRules": object{"ScheduleExpression": "rate(1 day)"}})
		time.Sleep(26 * time.Hour)
		out := s.describe(t, name)
		if !slices.Equal(out.VersionIdsToStages[v1], []string{"AWSCURRENT"}) || len(out.VersionIdsToStages) != 2 {
			t.Errorf("after the failure: %v", out.VersionIdsToStages)
		}
		time.Sleep(21 * time.Hour)
		if out := s.describe(t, name); out.NextRotationDate.After(d.start.Add(48 * time.Hour)) {
			t.Errorf("next %v, want it to stay until a success", out.NextRotationDate)
		}
		time.Sleep(2 * time.Hour)
		s.idle(t)
		if got, want := began(d), []string{"24h0m0s", "48h0m0s"}; !slices.Equal(got, want) {
			t.Errorf("rotations at %v, want %v", got, want)
		}
		for _, e := range r.events[1:] {
			if e.ClientRequestToken != r.events[1].ClientRequestToken {
				t.Error("the second rotation made another version, want the pending one")
			}
		}
		s.wantStages(t, name, stages{v1: {"AWSPREVIOUS"}, r.events[1].ClientRequestToken: {"AWSCURRENT"}})
	})
}

// TestAnOldSlotMayStillFire: when a schedule is changed without a rotation.
func TestAnOldSlotMayStillFire(t *testing.T) {
	for expression, want := range map[string][]string{
		"rate(10 days)": {"24h0m0s", "264h0m0s"}, "cron(0 0 11 * ? *)": {"240h0m0s"},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &diary{start: time.Now()}
			s := inside(t, secretsmanager.Options{Rotation: secretsmanager.Rotation{OnRotation: startDiary(d)}})
			name, _ := s.create(t, "one")
			for _, e := range []string{"rate(1 day)", expression} {
				s.rotate(t, name, s.rotator(t), object{"RotateImmediately": false, "RotationRules": object{"ScheduleExpression": e}})
			}
			time.Sleep(12 * 24 * time.Hour)
			if got := began(d); !slices.Equal(got, want) {
				t.Errorf("%s: rotations at %v, want %v", expression, got, want)
			}
		})
	}
}
