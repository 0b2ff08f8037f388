package secretsmanager

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

type rotationRules struct {
	AutomaticallyAfterDays *int    `json:",omitempty"`
	Duration               *string `json:",omitempty"`
	ScheduleExpression     *string `json:",omitempty"`
}

var (
	rateExpression = regexp.MustCompile(`^rate\(([1-9]\d{0,5}) (hour|hours|day|days)\)$`)
	windowLength   = regexp.MustCompile(`^[0-9]{1,2}h$`)
)

const aDay = 24 * time.Hour

func (r *rotationRules) empty() bool { return r == nil || *r == rotationRules{} }

func (r *rotationRules) isCron() bool {
	return r != nil && r.ScheduleExpression != nil && strings.HasPrefix(*r.ScheduleExpression, "cron(")
}

// check holds rules to the API reference and to the user guide's page
// "Rotation schedules".
func (r *rotationRules) check() error {
	if r.empty() {
		return nil
	}
	var v validation
	v.number("AutomaticallyAfterDays", r.AutomaticallyAfterDays, 1, 1000)
	if err := v.err(); err != nil {
		return err
	}
	if r.AutomaticallyAfterDays != nil && r.ScheduleExpression != nil {
		return invalidParameter("You can't specify both AutomaticallyAfterDays and ScheduleExpression.")
	}
	if r.AutomaticallyAfterDays == nil && r.ScheduleExpression == nil {
		return invalidParameter("A rotation window needs a schedule.")
	}
	longest, err := r.longestWindow()
	if err != nil || r.Duration == nil {
		return err
	}
	if !windowLength.MatchString(*r.Duration) || r.duration() == 0 {
		return invalidParameter("Duration must be a number of hours, such as 3h.")
	}
	if r.duration() > longest {
		return invalidParameter("A rotation window can't extend into the next one or into the next UTC day.")
	}
	return nil
}

// duration is the length of the window, or 0 if the schedule decides.
func (r *rotationRules) duration() time.Duration {
	if r.Duration == nil {
		return 0
	}
	hours, _ := strconv.Atoi(strings.TrimSuffix(*r.Duration, "h")) // checked before
	return time.Duration(hours) * time.Hour
}

const tooOften = "A secret can be rotated every 4 hours at most, and every 999 days at least."

// longestWindow is how long a window of the schedule may be, if the schedule is
// one that there may be.
func (r *rotationRules) longestWindow() (time.Duration, error) {
	if r.ScheduleExpression == nil {
		return aDay, nil
	}
	if r.isCron() {
		c, err := parseCron(*r.ScheduleExpression)
		if err != nil {
			return 0, err
		}
		gap, untilMidnight := c.tightest()
		if gap < 4*time.Hour {
			return 0, invalidParameter(tooOften)
		}
		return min(gap, untilMidnight), nil
	}
	every := rateOf(*r.ScheduleExpression)
	if every == 0 {
		return 0, invalidParameter("Invalid ScheduleExpression. Use cron(...) or rate(...).")
	}
	if every < 4*time.Hour || every > 999*aDay {
		return 0, invalidParameter(tooOften)
	}
	return min(every, aDay), nil
}

// rateOf is the interval of a rate expression, or 0 if it is none.
func rateOf(expression string) time.Duration {
	m := rateExpression.FindStringSubmatch(expression)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	every := time.Duration(n) * time.Hour
	if strings.HasPrefix(m[2], "day") {
		every *= 24
	}
	return every
}

// window is the first one of a schedule that starts counting at the time from:
// when it opens, and its last second. Both are zero without a schedule.
// Windows open on the hour; those of a schedule in days at midnight, UTC.
func (r *rotationRules) window(from time.Time) (opens, last time.Time) {
	from = from.UTC()
	var closes time.Time
	switch {
	case r.empty():
		return time.Time{}, time.Time{}
	case r.isCron():
		c, err := parseCron(*r.ScheduleExpression)
		if err != nil {
			return time.Time{}, time.Time{} // refused before it was stored
		}
		opens = c.next(from)
		if closes = midnightAfter(opens); c.hourly() {
			closes = opens.Add(time.Hour)
		}
	case r.AutomaticallyAfterDays != nil:
		opens = from.Truncate(aDay).AddDate(0, 0, *r.AutomaticallyAfterDays)
		closes = midnightAfter(opens)
	default:
		every := rateOf(*r.ScheduleExpression)
		if strings.Contains(*r.ScheduleExpression, "day") {
			opens = from.Truncate(aDay).Add(every)
			closes = midnightAfter(opens)
		} else {
			opens = from.Truncate(time.Hour).Add(every)
			closes = opens.Add(time.Hour)
		}
	}
	if d := r.duration(); d > 0 {
		closes = opens.Add(d)
	}
	return opens, closes.Add(-time.Second)
}

func midnightAfter(t time.Time) time.Time { return t.Truncate(aDay).Add(aDay) }
