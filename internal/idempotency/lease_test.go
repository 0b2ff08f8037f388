package idempotency

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
)

// A lease lasts until the invocation's deadline and what may still be on its
// way then: a try that was killed is taken over after that, and not before. One
// that comes back from the dead gets nothing said.
func TestALeaseEndsAfterTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Ledger{Store: newShelf()}
		entered, frozen, late := make(chan bool), make(chan bool), make(chan error)
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			_, _, err := l.Do(ctx, ask("k", 1), func(context.Context, Operation) (Answer, error) {
				close(entered)
				<-frozen // Lambda stops it in the middle
				return Answer{Status: 500}, nil
			})
			late <- err
		}()
		<-entered
		_, _, err := l.Do(within(t, time.Minute), ask("k", 1), nil)
		if fault.Reason(err) != "idempotency_in_progress" || fault.KindOf(err) != fault.Conflict || fault.RetryAfter(err) != 45*time.Second {
			t.Errorf("at once: %v; want to wait for the deadline and the margin", err)
		}
		time.Sleep(44 * time.Second)
		if _, _, err := l.Do(within(t, time.Minute), ask("k", 1), nil); fault.Reason(err) != "idempotency_in_progress" {
			t.Errorf("before the margin: %v", err)
		}
		time.Sleep(time.Second)
		answer, _, err := l.Do(within(t, time.Minute), ask("k", 1), func(_ context.Context, op Operation) (Answer, error) {
			if !op.Resumed {
				t.Error("not told of the first try")
			}
			return Answer{Status: 200}, nil
		})
		if err != nil || answer.Status != 200 {
			t.Errorf("after it: %+v, %v", answer, err)
		}
		close(frozen)
		if err := <-late; fault.Reason(err) != "idempotency_in_progress" {
			t.Errorf("the late one heard %v", err)
		}
		if answer, replayed, err := l.Do(within(t, time.Minute), ask("k", 1), nil); err != nil || !replayed || answer.Status != 200 {
			t.Errorf("%+v, %v, %v; want the taker's answer", answer, replayed, err)
		}
	})
}

// Without a deadline there is one all the same, so no lease lasts for ever.
func TestWorkAlwaysHasADeadline(t *testing.T) {
	l := &Ledger{Store: newShelf()}
	_, _, err := l.Do(t.Context(), ask("k", 1), func(ctx context.Context, _ Operation) (Answer, error) {
		if _, ok := ctx.Deadline(); !ok {
			t.Error("no deadline")
		}
		return Answer{}, nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Of many that come at once, at the beginning or to a record that is free or
// overdue, one works; whoever comes too early is told to come again.
func TestRaces(t *testing.T) {
	for name, before := range map[string]func(*testing.T, *Ledger){
		"nobody was there": func(*testing.T, *Ledger) {},
		"the first failed": func(t *testing.T, l *Ledger) {
			_, _, _ = l.Do(within(t, time.Minute), ask("k", 1), func(context.Context, Operation) (Answer, error) { return Answer{}, errLost })
		},
		"the first is overdue": func(t *testing.T, l *Ledger) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := l.try(ctx, ask("k", 1)).begin(ctx); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second + Margin)
		},
	} {
		for hide := range 3 {
			t.Run(fmt.Sprintf("%s, writes hidden from %d reads", name, hide), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { race(t, hide, before) })
			})
		}
	}
}

func race(t *testing.T, hide int, before func(*testing.T, *Ledger)) {
	s := newShelf()
	l := &Ledger{Store: s}
	before(t, l)
	s.hide = hide
	var working, worked atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				answer, _, err := l.Do(within(t, time.Minute), ask("k", 1), func(_ context.Context, op Operation) (Answer, error) {
					if working.Add(1) != 1 {
						t.Error("two work at once")
					}
					time.Sleep(100 * time.Millisecond)
					worked.Add(1)
					working.Add(-1)
					return Answer{Status: 201, Body: []byte(op.ID)}, nil
				})
				if err == nil {
					if string(answer.Body) != (&Ledger{}).operation(ask("k", 1)) {
						t.Errorf("answer %q", answer.Body)
					}
					return
				}
				if fault.Reason(err) != "idempotency_in_progress" {
					t.Errorf("heard %v", err)
				}
				time.Sleep(fault.RetryAfter(err))
			}
			t.Error("no answer after 50 tries")
		})
	}
	group.Wait()
	if n := worked.Load(); n != 1 {
		t.Errorf("worked %d times", n)
	}
}

// Every call is broken in both ways, and the request repeated until it
// succeeds: the work succeeds once or is told that it is resumed, no two work at
// once, and everybody gets one answer.
func TestEveryCallBroken(t *testing.T) {
	points := 0
	for _, made := range []bool{false, true} {
		for n := 1; ; n++ {
			hit := false
			synctest.Test(t, func(t *testing.T) { hit = breakCall(t, n, made) })
			if !hit {
				break
			}
			points++
		}
	}
	t.Logf("%d points", points)
	if points < 4 {
		t.Errorf("only %d points were broken", points)
	}
}

func breakCall(t *testing.T, n int, made bool) (hit bool) {
	s := newShelf()
	s.befall = func(call int, _ string) (bool, bool) {
		if call == n {
			hit = true
			return made, false
		}
		return true, true
	}
	l := &Ledger{Store: s}
	var answers []string
	works := 0
	for range 20 {
		if len(answers) == 2 {
			break
		}
		answer, _, err := l.Do(within(t, time.Minute), ask("k", 1), func(_ context.Context, op Operation) (Answer, error) {
			if works++; works > 1 && !op.Resumed {
				t.Errorf("call %d, made %v: a second try is not told of the first", n, made)
			}
			return Answer{Status: 201, Body: fmt.Append(nil, works)}, nil
		})
		if err != nil {
			time.Sleep(max(time.Second, fault.RetryAfter(err)))
			continue
		}
		answers = append(answers, string(answer.Body))
	}
	if len(answers) != 2 || answers[0] != answers[1] {
		t.Errorf("call %d, made %v: answers %q after %s", n, made, answers, s.describe())
	}
	return hit
}
