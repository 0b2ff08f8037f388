package scheduler

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A timetable says when a schedule is due.
type timetable interface {
	// next is the first time after t, if there is one.
	next(t time.Time) (time.Time, bool)
}

// parse reads an expression: at(yyyy-mm-ddThh:mm:ss), rate(value unit) or
// cron(fields). A rate counts from base, which is its first time.
func parse(expression string, zone *time.Location, base time.Time) (timetable, error) {
	kind, rest, found := strings.Cut(expression, "(")
	inner, closed := strings.CutSuffix(rest, ")")
	if !found || !closed {
		return nil, fmt.Errorf("an expression is at(...), rate(...) or cron(...)")
	}
	switch kind {
	case "at":
		return parseAt(inner, zone)
	case "rate":
		return parseRate(inner, base)
	case "cron":
		return parseCron(inner, zone)
	}
	return nil, fmt.Errorf("an expression is at(...), rate(...) or cron(...)")
}

// once is at(): one time and no other.
type once struct{ at time.Time }

func parseAt(text string, zone *time.Location) (timetable, error) {
	at, err := time.ParseInLocation("2006-01-02T15:04:05", text, zone)
	if err != nil {
		return nil, fmt.Errorf("at() wants yyyy-mm-ddThh:mm:ss")
	}
	return once{at}, nil
}

func (o once) next(t time.Time) (time.Time, bool) { return o.at, o.at.After(t) }

// every is rate(): base and each period after it. A day is 24 hours, whatever
// the time zone does.
type every struct {
	base   time.Time
	period time.Duration
}

const maxRate = 100 * 365 * 24 * time.Hour

var units = map[string]time.Duration{
	"minute": time.Minute, "minutes": time.Minute, "hour": time.Hour, "hours": time.Hour,
	"day": 24 * time.Hour, "days": 24 * time.Hour,
}

func parseRate(text string, base time.Time) (timetable, error) {
	value, name, _ := strings.Cut(text, " ")
	n, err := strconv.ParseUint(value, 10, 31)
	unit := units[name]
	if err != nil || n == 0 || unit == 0 || n > uint64(maxRate/unit) {
		return nil, fmt.Errorf("rate() wants a positive number and minutes, hours or days")
	}
	return every{base, time.Duration(n) * unit}, nil
}

func (e every) next(t time.Time) (time.Time, bool) {
	if t.Before(e.base) {
		return e.base, true
	}
	passed := t.Sub(e.base) / e.period
	return e.base.Add((passed + 1) * e.period), true
}
