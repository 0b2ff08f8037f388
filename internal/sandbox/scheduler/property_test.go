package scheduler

import (
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The cases are the same in every run, so that a red test says something of the
// change at hand; -rapid.seed=0 draws new ones.
func init() { _ = flag.Set("rapid.seed", "1") }

// matches is a second reader of cron expressions: it asks of one moment what
// the first one searches for. It is slow and takes no care of errors.
func matches(fields []string, wall time.Time) bool {
	return fieldMatches(fields[0], wall.Minute(), 0, 59, nil) && fieldMatches(fields[1], wall.Hour(), 0, 23, nil) &&
		dayMatches(fields[2], fields[4], wall) && fieldMatches(fields[3], int(wall.Month()), 1, 12, monthNames) &&
		fieldMatches(fields[5], wall.Year(), 1970, 2199, nil)
}

var (
	monthNames = []string{"", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	dayNames   = []string{"", "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
)

func number(text string, names []string) int {
	if i := slices.Index(names, text); i > 0 {
		return i
	}
	n, _ := strconv.Atoi(text)
	return n
}

func fieldMatches(field string, value, low, high int, names []string) bool {
	return slices.ContainsFunc(strings.Split(field, ","), func(part string) bool {
		body, step, stepped := strings.Cut(part, "/")
		from, to := low, high
		if body != "*" {
			first, last, isRange := strings.Cut(body, "-")
			from = number(first, names)
			switch {
			case isRange:
				to = number(last, names)
			case !stepped:
				to = from
			}
		}
		n := 1
		if stepped {
			n = number(step, nil)
		}
		return value >= from && value <= to && (value-from)%n == 0
	})
}

func dayMatches(days, weekdays string, wall time.Time) bool {
	tomorrow, nextWeek := wall.AddDate(0, 0, 1), wall.AddDate(0, 0, 7)
	weekday := int(wall.Weekday()) + 1
	for part := range strings.SplitSeq(days, ",") {
		wanted, nearest := strings.CutSuffix(part, "W")
		switch {
		case part == "?":
		case part == "L":
			if tomorrow.Month() != wall.Month() {
				return true
			}
		case nearest:
			if nearestMatches(wall, number(wanted, nil)) {
				return true
			}
		case fieldMatches(part, wall.Day(), 1, 31, nil):
			return true
		}
	}
	for part := range strings.SplitSeq(weekdays, ",") {
		last, isLast := strings.CutSuffix(part, "L")
		day, nth, isNth := strings.Cut(part, "#")
		switch {
		case part == "?":
		case part == "L":
			if weekday == 7 {
				return true
			}
		case isLast:
			if weekday == number(last, dayNames) && nextWeek.Month() != wall.Month() {
				return true
			}
		case isNth:
			if weekday == number(day, dayNames) && (wall.Day()-1)/7+1 == number(nth, nil) {
				return true
			}
		case fieldMatches(part, weekday, 1, 7, dayNames):
			return true
		}
	}
	return false
}

// nearestMatches tries the working days of the month by their distance.
func nearestMatches(wall time.Time, wanted int) bool {
	best := 0
	for d := range 31 {
		day := time.Date(wall.Year(), wall.Month(), d+1, 0, 0, 0, 0, time.UTC)
		if day.Month() != wall.Month() {
			break
		}
		if wd := day.Weekday(); wd != time.Saturday && wd != time.Sunday && (best == 0 || distance(d+1, wanted) < distance(best, wanted)) {
			best = d + 1
		}
	}
	return wall.Day() == best && time.Date(wall.Year(), wall.Month(), wanted, 0, 0, 0, 0, time.UTC).Month() == wall.Month()
}

func distance(a, b int) int { return max(a-b, b-a) }

// follows checks the answer of a timetable for a moment: it comes after it, it
// matches the fields, and no earlier minute of the next days does.
func follows(t interface{ Errorf(string, ...any) }, text string, zone *time.Location, after time.Time, budget int) {
	table, err := parse(text, zone, after)
	if err != nil {
		if table != nil {
			t.Errorf("%q: an error came with a timetable", text)
		}
		return
	}
	next, ok := table.next(after)
	if ok && !next.After(after) {
		t.Errorf("%q: %v is not after %v", text, next, after)
	}
	inner, isCron := strings.CutPrefix(text, "cron(")
	if !isCron {
		return
	}
	fields := strings.Split(strings.ToUpper(strings.TrimSuffix(inner, ")")), " ")
	if ok && !matches(fields, naive(next.In(zone))) {
		t.Errorf("%q: %v does not match", text, next.In(zone))
	}
	for minute := after.Truncate(time.Minute).Add(time.Minute); budget > 0 && (!ok || minute.Before(next)); budget-- {
		wall := naive(minute.In(zone))
		first, exists := resolve(wall, zone)
		if matches(fields, wall) && exists && first.Equal(minute) {
			t.Errorf("%q: %v matches before %v", text, minute.In(zone), next)
			return
		}
		minute = minute.Add(time.Minute)
	}
}

// item draws one part of a field.
func item(low, high int, names []string) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		name := func(n int) string {
			if names != nil && rapid.Bool().Draw(t, "named") {
				return names[n]
			}
			return strconv.Itoa(n)
		}
		a := rapid.IntRange(low, high).Draw(t, "from")
		step := rapid.IntRange(1, high-low+1).Draw(t, "step")
		return []string{"*", name(a), name(a) + "-" + name(rapid.IntRange(a, high).Draw(t, "to")), fmt.Sprintf("%s/%d", name(a), step), fmt.Sprintf("*/%d", step),
			fmt.Sprintf("%s-%s/%d", name(a), name(high), step)}[rapid.IntRange(0, 5).Draw(t, "form")]
	})
}

func field(low, high int, names []string, special ...string) *rapid.Generator[string] {
	one := item(low, high, names)
	if len(special) > 0 {
		one = rapid.OneOf(one, rapid.SampledFrom(special))
	}
	return rapid.Map(rapid.SliceOfN(one, 1, 3), func(parts []string) string { return strings.Join(parts, ",") })
}

var zones = []string{"UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kolkata"}

// TestCronProperty draws valid expressions, zones and moments.
func TestCronProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		days, weekdays := "?", field(1, 7, dayNames, "L", "6L", "MONL", "FRI#3", "1#5").Draw(t, "weekdays")
		if rapid.Bool().Draw(t, "by day") {
			days, weekdays = field(1, 31, nil, "L", "1W", "15W", "31W").Draw(t, "days"), "?"
		}
		text := fmt.Sprintf("cron(%s %s %s %s %s %s)", field(0, 59, nil).Draw(t, "minutes"), field(0, 23, nil).Draw(t, "hours"),
			days, field(1, 12, monthNames).Draw(t, "months"), weekdays, field(2025, 2030, nil).Draw(t, "years"))
		loc, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parse(text, loc, time.Time{}); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		after := time.Unix(rapid.Int64Range(1735000000, 1925000000).Draw(t, "after"), 0)
		follows(t, text, loc, after, 3000)
	})
}

// TestRateProperty: the times of a rate are one period apart, from its base.
func TestRateProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 36500).Draw(t, "n")
		unit := rapid.SampledFrom([]string{"minute", "minutes", "hour", "hours", "day", "days"}).Draw(t, "unit")
		base := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "base"), 0)
		after := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "after"), rapid.Int64Range(0, 999999999).Draw(t, "nanos"))
		table, err := parse(fmt.Sprintf("rate(%d %s)", n, unit), time.UTC, base)
		if err != nil {
			t.Fatal(err)
		}
		period := time.Duration(n) * units[unit]
		next, ok := table.next(after)
		if !ok || !next.After(after) || next.Before(base) || next.Sub(base)%period != 0 || next.Sub(after) > period && !next.Equal(base) {
			t.Errorf("every %v from %v: after %v comes %v", period, base, after, next)
		}
	})
}

func FuzzExpression(f *testing.F) {
	for _, text := range []string{"rate(5 minutes)", "at(2026-11-20T13:00:00)", "cron(0/15 8-18 ? * MON-FRI 2026)", "cron(0 0 L,15W * ? *)",
		"cron(0 9 ? * 6#3,2L *)", "cron(* * * * ? *)", "cron(59 23 31 12 ? 2199)"} {
		f.Add(text, int64(1790000000), uint8(1))
	}
	f.Fuzz(func(t *testing.T, text string, after int64, zone uint8) {
		loc, err := time.LoadLocation(zones[int(zone)%len(zones)])
		if err != nil {
			t.Fatal(err)
		}
		const century = 36525 * 24 * 3600
		follows(t, text, loc, time.Unix(after%century, 0), 200)
	})
}
