package sandbox

import "testing"

// A thin cut through the whole matrix: `clientkeeper crash` is all of it.
func TestNoCrashMakesTwo(t *testing.T) {
	t.Parallel()
	every := 17
	if testing.Short() {
		every = 53
	}
	r, err := MakingMatrix(t.Context(), CrashOptions{Every: every})
	if err != nil {
		t.Fatal(err)
	}
	points := 0
	for _, k := range r.Kinds {
		points += k.Points
		if k.Bad() || k.Calls < 8 || k.Checks < k.Calls*(k.Points+1)/2 {
			t.Errorf("%+v", k)
		}
	}
	if len(r.Kinds) != len(MakingKinds()) {
		t.Errorf("%d kinds, want %d", len(r.Kinds), len(MakingKinds()))
	}
	t.Logf("%d points in %s", points, r.Took)
}
