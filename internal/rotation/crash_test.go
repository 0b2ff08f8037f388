package rotation

import (
	"fmt"
	"testing"
	"testing/synctest"
)

var troubles = map[trouble]string{
	notDone: "fails, not done", answerLost: "fails, done all the same", crashBefore: "crash before", crashAfter: "crash after",
}

// A point is a call of a rotation and what happens to it.
type point struct {
	n    int
	what trouble
}

// tries is how often the engine begins again: more often than there are faults.
const tries = 5

// run breaks a rotation at points and reports what the checker found, and
// how many calls were made in all.
func (sc scenario) run(t *testing.T, points ...point) (w *world, problems []string) {
	synctest.Test(t, func(t *testing.T) {
		var r *Rotator
		w, r = sc.prepare(t)
		w.trouble = func(n int, _ string, _ bool) trouble {
			for _, p := range points {
				if p.n == n {
					return p.what
				}
			}
			return none
		}
		err := w.engine(r, tokenOf(1), tries)
		if err != nil {
			problems = append(problems, fmt.Sprintf("not finished: %v", err))
		} else if wrong := w.finished(tokenOf(1), sc.kind); wrong != "" {
			problems = append(problems, "finished wrongly: "+wrong)
		}
		problems = append(problems, append(w.gaps, w.twice...)...)
		if w.posts > 1 {
			problems = append(problems, "the tenant made two secrets")
		}
	})
	return w, problems
}

// TestNoCrashLosesASecret breaks every call of every kind of rotation in every
// way. The calls are those that an undisturbed run made.
func TestNoCrashLosesASecret(t *testing.T) {
	for name, sc := range scenarios() {
		t.Run(name, func(t *testing.T) {
			plain, problems := sc.run(t)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			for n, call := range plain.calls {
				for what, text := range troubles {
					w, problems := sc.run(t, point{n, what})
					for _, problem := range problems {
						t.Errorf("call %d %s %s: %s; calls: %v", n, call, text, problem, w.calls)
					}
				}
			}
			t.Logf("%d points tried", len(plain.calls)*len(troubles))
		})
	}
}

// TestTwoFaultsInOneRotation breaks a write and any call after it, for each way
// to rotate.
func TestTwoFaultsInOneRotation(t *testing.T) {
	for _, name := range []string{"secret, made here", "made by the tenant", "key", "secret to key", "key to secret"} {
		sc := scenarios()[name]
		t.Run(name, func(t *testing.T) {
			plain, _ := sc.run(t)
			points := 0
			for n, call := range plain.calls {
				if !plain.writes[n] {
					continue
				}
				for first, firstText := range troubles {
					once, _ := sc.run(t, point{n, first})
					for m := n + 1; m < len(once.calls); m++ {
						for second, secondText := range troubles {
							points++
							if testing.Short() && points%5 != 0 {
								continue
							}
							w, problems := sc.run(t, point{n, first}, point{m, second})
							for _, problem := range problems {
								t.Errorf("call %d %s %s, call %d %s %s: %s; calls: %v", n, call, firstText, m, once.calls[m], secondText, problem, w.calls)
							}
						}
					}
				}
			}
			t.Logf("%d points tried", points)
		})
	}
}
