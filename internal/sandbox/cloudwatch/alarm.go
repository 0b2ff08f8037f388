package cloudwatch

import (
	"fmt"
	"time"
)

// An Alarm compares a statistic of each period with a threshold.
type Alarm struct {
	Series              []Series // summed up if there are several
	Statistic           string   // Sum, Maximum, Minimum, Average or SampleCount
	Period              time.Duration
	Periods, Datapoints int // M out of N
	Threshold           float64
	Comparison          string // as ComparisonOperator
	Missing             string // as TreatMissingData
}

// A State is an alarm's.
type State string

// The states.
const (
	OK           State = "OK"
	Ringing      State = "ALARM"
	Insufficient State = "INSUFFICIENT_DATA"
)

// Judge is the state of an alarm now, and its values in words, the last
// period's first.
func (s *Service) Judge(a Alarm) (State, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, breaching, missing, story := s.now(), 0, 0, ""
	for i := range a.Periods {
		end := now.Add(-time.Duration(i) * a.Period)
		value, ok := s.value(a, end.Add(-a.Period), end)
		if !ok {
			story += " -"
			if a.Missing == "breaching" {
				breaching++
			} else if a.Missing != "notBreaching" {
				missing++
			}
			continue
		}
		story += fmt.Sprintf(" %g", value)
		if compare(a.Comparison, value, a.Threshold) {
			breaching++
		}
	}
	switch {
	case breaching >= a.Datapoints:
		return Ringing, story
	case missing == a.Periods:
		return Insufficient, story
	}
	return OK, story
}

// value is the alarm's value in a period after begin, until end.
func (s *Service) value(a Alarm, begin, end time.Time) (float64, bool) {
	var sum float64
	some := false
	for _, series := range a.Series {
		var in []float64
		for _, p := range s.points[series.String()] {
			if p.at.After(begin) && !p.at.After(end) {
				in = append(in, p.value)
			}
		}
		if v, ok := statistic(a.Statistic, in); ok {
			sum, some = sum+v, true
		}
	}
	// The sum of several is over metrics whose gaps are filled with zeros.
	return sum, some || len(a.Series) > 1
}

func statistic(name string, values []float64) (float64, bool) {
	if len(values) == 0 {
		return 0, false
	}
	least, most, sum := values[0], values[0], 0.0
	for _, v := range values {
		least, most, sum = min(least, v), max(most, v), sum+v
	}
	switch name {
	case "Sum":
		return sum, true
	case "Maximum":
		return most, true
	case "Minimum":
		return least, true
	case "Average":
		return sum / float64(len(values)), true
	case "SampleCount":
		return float64(len(values)), true
	}
	return 0, false
}

func compare(how string, value, threshold float64) bool {
	switch how {
	case "GreaterThanOrEqualToThreshold":
		return value >= threshold
	case "GreaterThanThreshold":
		return value > threshold
	case "LessThanOrEqualToThreshold":
		return value <= threshold
	case "LessThanThreshold":
		return value < threshold
	}
	return false
}
