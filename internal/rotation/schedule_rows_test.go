package rotation

import (
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
)

func TestVersionsOfTheLastDay(t *testing.T) {
	at := func(ago time.Duration) Version { return Version{Created: noon.Add(-ago)} }
	if n := Recent(noon, []Version{at(0), at(day - time.Second), at(day), at(9 * day), {}}); n != 2 {
		t.Errorf("%d, want the two of the last day", n)
	}
}

// Whatever stops the rotation of a key, the doctor is told while its expiry can
// still be put off.
func TestKeysThatAreLate(t *testing.T) {
	gone := managed("a", 300*day, TagKind, KindKey)
	gone.Deleted = true
	for name, test := range map[string]struct {
		secret Secret
		late   bool
	}{
		"by an overlap":       {managed("a", 32*day, TagKind, KindKey, TagOverlap, "1d"), true},
		"by less":             {managed("a", 30*day, TagKind, KindKey, TagOverlap, "1d"), false},
		"though it is paused": {managed("a", 300*day, TagKind, KindKey, TagPaused, "an audit"), true},
		"a secret":            {managed("a", 300*day), false},
		"without an interval": {managed("a", 300*day, TagKind, KindKey, TagInterval, ""), false},
		"nobody's":            {managed("a", 300*day, TagKind, KindKey, TagManaged, "false"), false},
		"deleted":             {gone, false},
		"with bad tags":       {managed("a", 300*day, TagKind, KindKey, TagOverlap, "long"), false},
	} {
		if plan := PlanRotations(noon, []Secret{test.secret}, Policy{}); (len(plan.Late) == 1) != test.late {
			t.Errorf("%s: late %v", name, plan.Late)
		}
	}
}

func TestABudgetBeyondWhatIsDue(t *testing.T) {
	secrets := fleet(5, func(i int) time.Duration { return time.Duration(29+i) * day })
	for budget := range 9 {
		due := len(PlanRotations(noon, secrets, Policy{}).Start)
		want := due
		if budget > 0 {
			want = min(budget, due)
		}
		if plan := PlanRotations(noon, secrets, Policy{Budget: budget}); due < 2 || due == 5 || len(plan.Start) != want || len(plan.Start)+len(plan.Skip) != 5 {
			t.Errorf("budget %d of %d due: %d started, %d skipped", budget, due, len(plan.Start), len(plan.Skip))
		}
	}
}

// What is to be deleted, or names no client, stands in nobody's way.
func TestWhatIsNoSecondSecretOfAClient(t *testing.T) {
	deleted, bad := managed("b", 31*day, TagClientID, "c"), managed("b", 31*day, TagClientID, "c", TagInterval, "monthly")
	deleted.Deleted = true
	for name, other := range map[string]Secret{"deleted": deleted, "bad tags": bad} {
		plan := PlanRotations(noon, []Secret{managed("a", 31*day, TagClientID, "c"), other}, Policy{})
		if len(plan.Start) != 1 || plan.Start[0].Secret.ID != "a" {
			t.Errorf("%s: %+v", name, plan)
		}
	}
}

func TestAgesOfWhatRotates(t *testing.T) {
	never := managed("never", 0)
	never.LastRotated, never.Created = time.Time{}, noon.Add(-50*day)
	gone := managed("gone", 900*day)
	gone.Deleted = true
	left := []Secret{gone, managed("paused", 900*day, TagPaused, "an audit"), managed("nobody's", 900*day, TagManaged, "false"),
		managed("by hand", 900*day, TagInterval, ""), managed("bad", 900*day, TagInterval, "monthly")}
	for name, test := range map[string]struct {
		secrets []Secret
		oldest  time.Duration
		next    time.Duration // and up to a day less
		some    bool
	}{
		"none":              {nil, 0, 0, false},
		"none that rotates": {left, 0, 0, false},
		"one":               {append(left, managed("a", 10*day)), 10 * day, 20 * day, true},
		"young before old":  {append(left, managed("a", 10*day), managed("b", 40*day)), 40 * day, -10 * day, true},
		"old before young":  {append(left, managed("b", 40*day), managed("a", 10*day)), 40 * day, -10 * day, true},
		"never rotated":     {[]Secret{never}, 50 * day, -20 * day, true},
	} {
		oldest, next, some := Ages(noon, test.secrets, Policy{})
		if oldest != test.oldest || some != test.some || next > test.next || next < test.next-day {
			t.Errorf("%s: %v, %v, %v; want %v, %v, %v", name, oldest, next, some, test.oldest, test.next, test.some)
		}
	}
}

func TestWhatCannotBeReadIsNotJudged(t *testing.T) {
	for _, call := range []string{"Describe", "History"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			d := &Doctor{Rotator: w.rotator(), Catalog: fakeCatalog{w}}
			w.put(nil, secretJSON("initial"))
			time.Sleep(40 * day)
			w.every(call, notDone)
			if _, why, err := d.Due(t.Context(), time.Now(), arn, Policy{}); fault.KindOf(err) != fault.Unavailable || why != "" {
				t.Errorf("%s fails: %q, %v", call, why, err)
			}
		})
	}
}
