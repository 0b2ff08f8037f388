package secretsmanager

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A cron is a schedule as the user guide's page "Rotation schedules" has it:
// cron(Minutes Hours Day-of-month Month Day-of-week Year), in UTC, where the
// minutes are 0, the year is *, and one of the two days is ? or *.
type cron struct {
	hours, days, months set
	lastDay             bool // L in the day of the month
	weekdays            set  // Sunday is 1
	nth                 [8]set
	lastOf              set // weekdays followed by L
	byWeekday           bool
}

// A set holds small numbers.
type set uint64

func (s set) has(n int) bool { return s&(1<<n) != 0 }

var cronExpression = regexp.MustCompile(`^cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)$`)

func badCron() error {
	return invalidParameter("Invalid ScheduleExpression. A cron expression has 0 minutes, any year, and a ? for one of the days.")
}

func parseCron(expression string) (*cron, error) {
	m := cronExpression.FindStringSubmatch(expression)
	if m == nil || m[1] != "0" || m[6] != "*" {
		return nil, badCron()
	}
	c := &cron{byWeekday: m[5] != "?" && m[5] != "*"}
	if (c.byWeekday && m[3] != "?" && m[3] != "*") || (m[3] == "?" && m[5] == "?") {
		return nil, badCron()
	}
	ok := c.hours.add(m[2], 0, 23, nil) && c.months.add(m[4], 1, 12, monthNames)
	if c.byWeekday {
		ok = ok && c.addWeekdays(m[5])
	} else {
		ok = ok && c.addDays(m[3])
	}
	if !ok || c.next(leapYear).IsZero() {
		return nil, badCron()
	}
	return c, nil
}

var (
	monthNames = strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")
	dayNames   = strings.Fields("SUN MON TUE WED THU FRI SAT")
	leapYear   = time.Date(2023, 12, 31, 23, 59, 59, 0, time.UTC) // one begins a second later
)

func (c *cron) addDays(field string) bool {
	if field == "?" {
		field = "*"
	}
	if field == "L" {
		c.lastDay = true
		return true
	}
	return c.days.add(field, 1, 31, nil)
}

// addWeekdays knows SUN#1, the first Sunday; SUNL, the last; and L, Saturday.
func (c *cron) addWeekdays(field string) bool {
	for part := range strings.SplitSeq(field, ",") {
		name, n, numbered := strings.Cut(part, "#")
		switch {
		case numbered:
			d, k := ordinal(name, dayNames), ordinal(n, nil)
			if d < 1 || d > 7 || k < 1 || k > 5 {
				return false
			}
			c.nth[d] |= 1 << k
		case part == "L":
			c.weekdays |= 1 << 7
		case strings.HasSuffix(part, "L"):
			d := ordinal(strings.TrimSuffix(part, "L"), dayNames)
			if d < 1 || d > 7 {
				return false
			}
			c.lastOf |= 1 << d
		case !c.weekdays.add(part, 1, 7, dayNames):
			return false
		}
	}
	return true
}

// add reads lists, ranges and increments of numbers or names.
func (s *set) add(field string, low, high int, names []string) bool {
	for part := range strings.SplitSeq(field, ",") {
		span, increment, stepped := strings.Cut(part, "/")
		step := 1
		if stepped {
			step = ordinal(increment, nil)
		}
		from, to := low, high
		if span != "*" && (span != "" || !stepped) {
			first, last, ranged := strings.Cut(span, "-")
			from = ordinal(first, names)
			switch {
			case ranged:
				to = ordinal(last, names)
			case !stepped:
				to = from
			}
		}
		if step < 1 || from < low || to > high || from > to {
			return false
		}
		for n := from; n <= to; n += step {
			*s |= 1 << n
		}
	}
	return true
}

// ordinal reads a number, or the place of a name counted from 1; -1 is neither.
func ordinal(text string, names []string) int {
	for i, name := range names {
		if name == text {
			return i + 1
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || len(text) > 3 || n < 0 {
		return -1
	}
	return n
}

// next is the first time after from, or zero if there is none within nine
// years, the longest time between two 29ths of February.
func (c *cron) next(from time.Time) time.Time {
	from = from.UTC()
	for day, n := from.Truncate(aDay), 0; n < 9*366; day, n = day.AddDate(0, 0, 1), n+1 {
		if !c.onDay(day) {
			continue
		}
		for h := range 24 {
			if t := day.Add(time.Duration(h) * time.Hour); c.hours.has(h) && t.After(from) {
				return t
			}
		}
	}
	return time.Time{}
}

func (c *cron) onDay(day time.Time) bool {
	if !c.months.has(int(day.Month())) {
		return false
	}
	last := day.AddDate(0, 0, 1).Month() != day.Month()
	if !c.byWeekday {
		return c.days.has(day.Day()) || (c.lastDay && last)
	}
	weekday := int(day.Weekday()) + 1
	lastWeek := day.AddDate(0, 0, 7).Month() != day.Month()
	return c.weekdays.has(weekday) || c.nth[weekday].has((day.Day()+6)/7) || (c.lastOf.has(weekday) && lastWeek)
}

// hourly reports whether the schedule is in hours rather than in days.
func (c *cron) hourly() bool { return c.hours&(c.hours-1) != 0 }

// tightest looks at a leap year for the shortest time between two windows, and
// from the opening of one to midnight.
func (c *cron) tightest() (gap, untilMidnight time.Duration) {
	gap, untilMidnight = 366*aDay, aDay
	end := leapYear.AddDate(1, 0, 2)
	for t := c.next(leapYear); !t.IsZero() && t.Before(end); {
		untilMidnight = min(untilMidnight, midnightAfter(t).Sub(t))
		following := c.next(t)
		if !following.IsZero() {
			gap = min(gap, following.Sub(t))
		}
		t = following
	}
	return gap, untilMidnight
}
