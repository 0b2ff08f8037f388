package scheduler

import (
	"fmt"
	"strconv"
	"strings"
)

// A span is the values that a field can have, some of them with names.
type span struct {
	low, high int
	names     []string // of low and those after it
}

var (
	minuteRange  = span{low: 0, high: 59}
	hourRange    = span{low: 0, high: 23}
	dayRange     = span{low: 1, high: 31}
	monthRange   = span{1, 12, strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")}
	weekdayRange = span{1, 7, strings.Fields("SUN MON TUE WED THU FRI SAT")}
	yearRange    = span{low: firstYear, high: lastYear}
)

// value reads one value, as a number or a name.
func (r span) value(text string) (int, error) {
	for i, name := range r.names {
		if text == name {
			return r.low + i, nil
		}
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || int(n) < r.low || int(n) > r.high {
		return 0, fmt.Errorf("%q is not in %d to %d", clip(text), r.low, r.high)
	}
	return int(n), nil
}

// A set is the values that a field matches. The nil set matches none.
type set map[int]bool

// add reads a list of values, ranges and steps.
func (s *set) add(text string, r span) error {
	*s = set{}
	for part := range strings.SplitSeq(text, ",") {
		if err := s.addPart(part, r); err != nil {
			return err
		}
	}
	return nil
}

// addPart reads one of *, 5, 1-5, 5/10, 1-5/2 and */10.
func (s set) addPart(part string, r span) error {
	values, stepText, stepped := strings.Cut(part, "/")
	step := 1
	if stepped {
		n, err := strconv.ParseUint(stepText, 10, 16)
		if err != nil || n == 0 {
			return fmt.Errorf("step %q is no positive number", clip(stepText))
		}
		step = int(n)
	}
	from, to, err := r.limits(values, stepped)
	if err != nil {
		return err
	}
	for v := from; v <= to; v += step {
		s[v] = true
	}
	return nil
}

// limits are the first and the last value of *, 5 and 1-5. A single value with
// a step goes on to the end.
func (r span) limits(text string, stepped bool) (from, to int, err error) {
	if text == "*" {
		return r.low, r.high, nil
	}
	first, last, isRange := strings.Cut(text, "-")
	if from, err = r.value(first); err != nil {
		return 0, 0, err
	}
	switch {
	case isRange:
		if to, err = r.value(last); err == nil && to < from {
			err = fmt.Errorf("%q ends before it begins", clip(text))
		}
	case stepped:
		to = r.high
	default:
		to = from
	}
	return from, to, err
}

// clip bounds how much of an expression an error repeats.
func clip(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}
