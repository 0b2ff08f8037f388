package scheduler

import (
	"fmt"
	"strings"
	"time"
)

const (
	firstYear = 1970
	lastYear  = 2199
)

// A cron is a cron expression: minutes, hours, day of month, month, day of
// week, year. Exactly one of the two kinds of day is "?", for no matter.
type cron struct {
	zone                      *time.Location
	minutes, hours, months    set
	years                     set
	days                      set   // of the month; nil for ?
	lastDay                   bool  // L
	nearest                   []int // 15W: the weekday nearest to the 15th
	weekdays                  set   // 1 is Sunday; nil for ?
	lastWeekdays, nthWeekdays set   // 6L: the last Friday; 6#3: the third one, as weekday*10 + n
}

// parseCron reads the six fields.
func parseCron(text string, zone *time.Location) (timetable, error) {
	fields := strings.Split(text, " ")
	if len(fields) != 6 {
		return nil, fmt.Errorf("cron() wants 6 fields, not %d", len(fields))
	}
	if (fields[2] == "?") == (fields[4] == "?") {
		return nil, fmt.Errorf("one of day-of-month and day-of-week must be ?, and not both")
	}
	c := &cron{zone: zone}
	for i, read := range []func(string) error{
		into(&c.minutes, minuteRange), into(&c.hours, hourRange), c.readDays, into(&c.months, monthRange),
		c.readWeekdays, into(&c.years, yearRange),
	} {
		if err := read(strings.ToUpper(fields[i])); err != nil {
			return nil, fmt.Errorf("cron field %d: %w", i+1, err)
		}
	}
	return c, nil
}

func into(s *set, r span) func(string) error {
	return func(text string) error { return s.add(text, r) }
}

// readDays reads the day of month, with L and W.
func (c *cron) readDays(text string) error {
	if text == "?" {
		return nil
	}
	c.days = set{}
	for part := range strings.SplitSeq(text, ",") {
		day, nearest := strings.CutSuffix(part, "W")
		switch {
		case part == "L":
			c.lastDay = true
		case nearest:
			n, err := dayRange.value(day)
			if err != nil {
				return err
			}
			c.nearest = append(c.nearest, n)
		default:
			if err := c.days.addPart(part, dayRange); err != nil {
				return err
			}
		}
	}
	return nil
}

// readWeekdays reads the day of week, with L, 6L and 6#3.
func (c *cron) readWeekdays(text string) error {
	if text == "?" {
		return nil
	}
	c.weekdays, c.lastWeekdays, c.nthWeekdays = set{}, set{}, set{}
	for part := range strings.SplitSeq(text, ",") {
		last, isLast := strings.CutSuffix(part, "L")
		nth, n, isNth := strings.Cut(part, "#")
		switch {
		case part == "L": // of the week, which ends on Saturday
			c.weekdays[7] = true
		case isLast:
			day, err := weekdayRange.value(last)
			if err != nil {
				return err
			}
			c.lastWeekdays[day] = true
		case isNth:
			day, err := weekdayRange.value(nth)
			count, countErr := span{low: 1, high: 5}.value(n)
			if err != nil || countErr != nil {
				return fmt.Errorf("%q is no weekday and number", clip(part))
			}
			c.nthWeekdays[day*10+count] = true
		default:
			if err := c.weekdays.addPart(part, weekdayRange); err != nil {
				return err
			}
		}
	}
	return nil
}

// next looks for the first wall-clock time that matches and comes after t. A
// time that does not exist, because the clock is set forward, is skipped; one
// that comes twice, because it is set back, counts the first time only.
func (c *cron) next(t time.Time) (time.Time, bool) {
	wall := naive(t.In(c.zone)).Truncate(time.Minute)
	for {
		var found bool
		if wall, found = c.nextWall(wall); !found {
			return time.Time{}, false
		}
		if at, exists := resolve(wall, c.zone); exists && at.After(t) {
			return at, true
		}
		wall = wall.Add(time.Minute)
	}
}

// nextWall is the first match at or after wall, a time in UTC that stands for
// one without a zone.
func (c *cron) nextWall(wall time.Time) (time.Time, bool) {
	day := time.Date(max(wall.Year(), firstYear), wall.Month(), wall.Day(), 0, 0, 0, 0, time.UTC)
	for day.Year() <= lastYear {
		switch {
		case !c.years[day.Year()]:
			day = time.Date(day.Year()+1, 1, 1, 0, 0, 0, 0, time.UTC)
			continue
		case !c.months[int(day.Month())]:
			day = time.Date(day.Year(), day.Month()+1, 1, 0, 0, 0, 0, time.UTC)
			continue
		case c.matchesDay(day):
			if at, found := c.nextMinute(day, wall); found {
				return at, true
			}
		}
		day = day.AddDate(0, 0, 1)
	}
	return time.Time{}, false
}

// nextMinute is the first matching minute of day at or after wall.
func (c *cron) nextMinute(day, wall time.Time) (time.Time, bool) {
	for h := range 24 {
		if !c.hours[h] {
			continue
		}
		for m := range 60 {
			at := day.Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute)
			if c.minutes[m] && !at.Before(wall) {
				return at, true
			}
		}
	}
	return time.Time{}, false
}

func (c *cron) matchesDay(day time.Time) bool {
	weekday, n := int(day.Weekday())+1, day.Day()
	if c.weekdays != nil {
		isLast := day.AddDate(0, 0, 7).Month() != day.Month()
		return c.weekdays[weekday] || c.lastWeekdays[weekday] && isLast || c.nthWeekdays[weekday*10+(n+6)/7]
	}
	if c.days[n] || c.lastDay && n == daysIn(day) {
		return true
	}
	for _, wanted := range c.nearest {
		if n == nearestWeekday(day, wanted) {
			return true
		}
	}
	return false
}

// nearestWeekday is the day from Monday to Friday nearest to the wanted one,
// within the month of day. A month that is too short has none.
func nearestWeekday(day time.Time, wanted int) int {
	last := daysIn(day)
	if wanted > last {
		return 0
	}
	switch time.Date(day.Year(), day.Month(), wanted, 0, 0, 0, 0, time.UTC).Weekday() {
	case time.Saturday:
		if wanted == 1 {
			return 3
		}
		return wanted - 1
	case time.Sunday:
		if wanted == last {
			return wanted - 2
		}
		return wanted + 1
	}
	return wanted
}

func daysIn(day time.Time) int {
	return time.Date(day.Year(), day.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// naive has the fields of t and no zone.
func naive(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// resolve is the first time at which a clock in the zone shows wall, if it
// ever does.
func resolve(wall time.Time, zone *time.Location) (first time.Time, exists bool) {
	const around = 3 * time.Hour // more than any clock is set forward or back
	guess := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), 0, 0, zone)
	for _, near := range []time.Time{guess.Add(-around), guess.Add(around)} {
		_, offset := near.Zone()
		at := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		if naive(at).Equal(wall) && (!exists || at.Before(first)) {
			first, exists = at, true
		}
	}
	return first, exists
}
