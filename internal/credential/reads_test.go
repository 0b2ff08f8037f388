package credential

import (
	"slices"
	"testing"
	"testing/synctest"

	"clientkeeper/internal/fault"
)

// What cannot be read is not taken for nothing: whatever is read for a request,
// at its first try and when it is repeated, nothing is written from the read
// that fails on, and the request fails for now.
func TestAReadThatFailsEndsTheRequest(t *testing.T) {
	for _, k := range kinds(t) {
		for _, resumed := range []bool{false, true} {
			points := 0
			for n := 1; ; n++ {
				met := false
				synctest.Test(t, func(t *testing.T) { met = breakRead(t, k, resumed, n) })
				if !met {
					break
				}
				points++
			}
			if points < 3 {
				t.Errorf("%s, resumed %v: only %d calls", k.name, resumed, points)
			}
		}
	}
}

// breakRead lets the n-th call fail if it is a read, and reports whether there
// is one.
func breakRead(t *testing.T, k kind, resumed bool, n int) bool {
	t.Helper()
	w := newWorld(t)
	k.setUp(w)
	op := testOperation
	if resumed {
		if _, err := k.make(w, op); err != nil {
			t.Fatal(err)
		}
		op.Resumed, w.calls = true, nil
	}
	w.anyOp, w.point = true, &point{n: n, way: failAll}
	_, err := k.make(w, op)
	if len(w.calls) < n || slices.Contains(writes, w.calls[n-1]) {
		return w.struck
	}
	if err == nil || !fault.KindOf(err).Transient() {
		t.Errorf("%s, resumed %v, call %d %s: %v", k.name, resumed, n, w.calls[n-1], err)
	}
	if slices.ContainsFunc(w.calls[n:], func(op string) bool { return slices.Contains(writes, op) }) {
		t.Errorf("%s, resumed %v, call %d %s: something was written after it: %v", k.name, resumed, n, w.calls[n-1], w.calls)
	}
	return true
}
