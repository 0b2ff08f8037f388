package scheduler

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestFiring lets an hour pass, or two.
func TestFiring(t *testing.T) {
	day := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // where fake time begins
	tests := map[string]struct {
		change func(*Schedule)
		wait   time.Duration
		want   string
	}{
		"a rate fires at once":     {func(s *Schedule) { s.Expression = "rate(20 minutes)" }, 45 * time.Minute, "0s 20m0s 40m0s"},
		"cron":                     {func(s *Schedule) { s.Expression = "cron(0/30 * * * ? *)" }, time.Hour, "0s 30m0s 1h0m0s"},
		"once":                     {func(s *Schedule) { s.Expression = "at(2000-01-01T00:10:00)" }, 2 * time.Hour, "10m0s"},
		"once, in a time zone":     {func(s *Schedule) { s.Expression, s.TimeZone = "at(2000-01-01T01:10:00)", "Europe/Berlin" }, time.Hour, "10m0s"},
		"once, in the past":        {func(s *Schedule) { s.Expression = "at(1999-01-01T00:00:00)" }, time.Hour, ""},
		"once, whatever the start": {func(s *Schedule) { s.Expression, s.Start = "at(2000-01-01T00:10:00)", day.Add(time.Hour) }, time.Hour, "10m0s"},
		"a rate with a start":      {func(s *Schedule) { s.Start = day.Add(7 * time.Minute) }, 30 * time.Minute, "7m0s 17m0s 27m0s"},
		"a rate that has begun":    {func(s *Schedule) { s.Start = day.Add(-3 * time.Minute) }, 20 * time.Minute, "7m0s 17m0s"},
		"an end":                   {func(s *Schedule) { s.End = day.Add(10 * time.Minute) }, time.Hour, "0s 10m0s"},
		"cron between start and end": {func(s *Schedule) {
			s.Expression, s.Start, s.End = "cron(0/10 * * * ? *)", day.Add(5*time.Minute), day.Add(25*time.Minute)
		}, time.Hour, "10m0s 20m0s"},
		"disabled": {func(s *Schedule) { s.Disabled = true }, time.Hour, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *Service, r *record) {
				one := schedule("x", "rate(10 minutes)")
				test.change(&one)
				must(t, s.Create(one))
				time.Sleep(test.wait)
				if got := r.times(); got != test.want {
					t.Errorf("fired at %q, want %q", got, test.want)
				}
			})
		})
	}
}

// TestMovedClock has a clock of its own, that jumps.
func TestMovedClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
		move := func(d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			now = now.Add(d)
		}
		r := &record{start: time.Now()}
		s := New(Options{Invoke: r.invoke, Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }})
		defer s.Close()
		must(t, s.Create(schedule("x", "cron(0 * * * ? *)")))
		count := func() int { synctest.Wait(); return len(s.Attempts()) }
		if count() != 1 {
			t.Errorf("%d at 12:00", count())
		}
		move(time.Hour)
		s.Wake()
		if n, got := count(), s.Attempts(); n != 2 || !got[n-1].Scheduled.Equal(now.Truncate(time.Hour)) {
			t.Errorf("after an hour: %+v", s.Attempts())
		}
		s.Wake()
		if count() != 2 {
			t.Errorf("%d after a second look", count())
		}
		move(30*24*time.Hour + time.Minute)
		s.Wake()
		if count() != 3 {
			t.Errorf("%d after a month, want one more", count())
		}
		if info, err := s.Get("x"); err != nil || !info.Next.Equal(time.Date(2026, 5, 31, 14, 0, 0, 0, time.UTC)) {
			t.Errorf("next %v, %v", info.Next, err)
		}
		move(-48 * time.Hour)
		s.Wake()
		if count() != 3 {
			t.Errorf("%d after the clock was set back", count())
		}
		move(49 * time.Hour)
		time.Sleep(time.Minute) // nobody says so, and it is noticed all the same
		if count() != 4 {
			t.Errorf("%d without a Wake", count())
		}
	})
}

func TestRunNow(t *testing.T) {
	bubble(t, func(t *testing.T, s *Service, r *record) {
		one := schedule("x", "cron(0 12 * * ? *)")
		one.Disabled = true
		must(t, s.Create(one))
		time.Sleep(time.Minute)
		must(t, s.RunNow("x"))
		must(t, s.RunNow("default/x"))
		if r.times() != "1m0s 1m0s" {
			t.Errorf("fired at %q", r.times())
		}
		if s.RunNow("y") == nil || s.Enable("y") == nil || s.Disable("y") == nil || s.Delete("y") == nil {
			t.Error("a schedule that is not there can be run")
		}
	})
}

func TestEnableAndDisable(t *testing.T) {
	bubble(t, func(t *testing.T, s *Service, r *record) {
		must(t, s.Create(schedule("x", "rate(10 minutes)")))
		time.Sleep(15 * time.Minute)
		must(t, s.Disable("x"))
		if info, err := s.Get("x"); err != nil || !info.Disabled || !info.Next.IsZero() || info.Modified.Equal(info.Created) {
			t.Errorf("%+v, %v", info, err)
		}
		time.Sleep(20 * time.Minute)
		must(t, s.Enable("x"))
		time.Sleep(10 * time.Minute)
		must(t, s.Delete("x"))
		time.Sleep(time.Hour)
		if want := "0s 10m0s 40m0s"; r.times() != want {
			t.Errorf("fired at %q, want %q", r.times(), want)
		}
		if len(s.List()) != 0 {
			t.Errorf("%+v", s.List())
		}
	})
}

// TestFlexibleWindow fires within the window, at random but repeatably.
func TestFlexibleWindow(t *testing.T) {
	var fates []string
	for range 2 {
		bubble(t, func(t *testing.T, s *Service, r *record) {
			one := schedule("x", "rate(1 hour)")
			one.Window = 15 * time.Minute
			must(t, s.Create(one))
			time.Sleep(20*time.Hour - time.Second)
			fates = append(fates, r.times())
			for i, a := range s.Attempts() {
				late := a.Time.Sub(a.Scheduled)
				if late < 0 || late >= one.Window || !a.Scheduled.Equal(r.start.Add(time.Duration(i)*time.Hour)) {
					t.Errorf("%d: %v after %v", i, late, a.Scheduled)
				}
			}
		})
	}
	times := strings.Fields(fates[0])
	if len(times) != 20 || fates[0] != fates[1] || len(slices.Compact(times)) < 15 {
		t.Errorf("fired at %q, then at %q", fates[0], fates[1])
	}
}

func TestUpdate(t *testing.T) {
	bubble(t, func(t *testing.T, s *Service, r *record) {
		must(t, s.Create(schedule("x", "rate(10 minutes)")))
		time.Sleep(5 * time.Minute)
		same := schedule("x", "rate(10 minutes)")
		same.Target.Input = "second"
		must(t, s.Update(same)) // keeps its beat
		time.Sleep(7 * time.Minute)
		must(t, s.Update(schedule("x", "rate(4 minutes)"))) // begins anew
		time.Sleep(5 * time.Minute)
		if want := "0s 10m0s 12m0s 16m0s"; r.times() != want {
			t.Errorf("fired at %q, want %q", r.times(), want)
		}
		if calls := r.all(); !strings.HasSuffix(calls[1], "second") || strings.HasSuffix(calls[2], "second") {
			t.Errorf("calls %q", calls)
		}
		info, err := s.Get("x")
		if err != nil || !info.Created.Equal(r.start) || !info.Modified.Equal(r.start.Add(12*time.Minute)) {
			t.Errorf("%+v, %v", info, err)
		}
		if s.Update(schedule("y", "rate(1 hour)")) == nil || s.Update(schedule("x", "rate(1 year)")) == nil {
			t.Error("what cannot be is updated")
		}
	})
}

func TestDeleteAfterCompletion(t *testing.T) {
	bubble(t, func(t *testing.T, s *Service, r *record) {
		one, kept := schedule("gone", "at(2000-01-01T00:10:00)"), schedule("kept", "at(2000-01-01T00:10:00)")
		one.DeleteAfter = true
		must(t, s.Create(one))
		must(t, s.Create(kept))
		time.Sleep(time.Hour)
		if list := s.List(); len(list) != 1 || list[0].Name != "kept" || !list[0].Next.IsZero() || len(r.all()) != 2 {
			t.Errorf("%+v, calls %q", list, r.all())
		}
	})
}

// TestClose ends an invocation that takes for ever, and fires no more.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended error
		s := New(Options{Invoke: func(ctx context.Context, _ string, _ []byte) error {
			<-ctx.Done()
			ended = ctx.Err()
			return ended
		}, DeadLetter: func(context.Context, string, DeadLetter) error {
			t.Error("a dead letter of a service that is closed")
			return nil
		}})
		one := schedule("x", "rate(1 minute)")
		one.Target.Retry, one.Target.DeadLetterARN = &Retry{0, time.Minute}, queue
		must(t, s.Create(one))
		synctest.Wait()
		s.Close()
		if !errors.Is(ended, context.Canceled) {
			t.Errorf("the invocation ended with %v", ended)
		}
		before := len(s.Attempts())
		must(t, s.RunNow("x"))
		time.Sleep(time.Hour)
		s.Wake()
		s.Close()
		if n := len(s.Attempts()); n != before {
			t.Errorf("%d attempts after Close", n-before)
		}
	})
}

func TestWithoutInvoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		defer s.Close()
		must(t, s.Create(schedule("x", "rate(1 hour)")))
		synctest.Wait()
		if a := s.Attempts(); len(a) != 1 || a[0].Err == nil || a[0].Last {
			t.Errorf("%+v", a)
		}
	})
}
