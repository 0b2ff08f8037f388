// Package cloudwatch collects metrics and judges alarms over them, so that it
// can be shown that an alarm rings when it has to, and only then.
//
// [Service.Line] takes what a function writes and keeps what is in CloudWatch's
// embedded metric format; [Service.Put] takes the metrics of AWS's own
// services. [Service.Judge] says whether an alarm rings now. What an alarm is
// about comes from the template; where the words are CloudWatch's, so are their
// meanings. (Amazon CloudWatch User Guide, "Alarm evaluation", "Configuring how
// CloudWatch alarms treat missing data", "Specification: Embedded metric
// format".)
//
// # Divergences
//
//   - A metric counts at the time at which it is taken in, by the service's
//     own clock, not at the time in its line: so a day can pass in a test.
//   - Periods end now, and are not aligned to the clock.
//   - There are no percentiles, no anomaly detection, and of metric math only
//     the sum of all metrics, where missing ones count as nothing.
//   - Where the state is undecided by the data (missing, ignore) it is
//     INSUFFICIENT_DATA; nothing is remembered from one look to the next.
//   - Nothing is forgotten, and nobody is notified.
package cloudwatch

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options configure a [Service]. The zero Options are ready for use.
type Options struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// A Service collects metrics. Make one with [New]; it is safe for concurrent
// use.
type Service struct {
	now func() time.Time

	mu     sync.Mutex
	points map[string][]point // by series
	units  map[string]string  // of each metric, by namespace and name
	wrong  []string
}

type point struct {
	at    time.Time
	value float64
}

// New returns a service without metrics.
func New(o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Service{now: o.Now, points: map[string][]point{}, units: map[string]string{}}
}

// A Series is one metric with its dimensions.
type Series struct {
	Namespace, Metric string
	Dimensions        map[string]string
}

// String names a series the same way every time.
func (s Series) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", s.Namespace, s.Metric)
	for _, name := range slices.Sorted(maps.Keys(s.Dimensions)) {
		fmt.Fprintf(&b, " %s=%s", name, s.Dimensions[name])
	}
	return b.String()
}

// Put takes in one value.
func (s *Service) Put(of Series, value float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(of, value)
}

func (s *Service) put(of Series, value float64) {
	key := of.String()
	s.points[key] = append(s.points[key], point{s.now(), value})
}

// The limits of the format.
const (
	maxMetrics    = 100
	maxDimensions = 30
)

type embedded struct {
	AWS *struct {
		Timestamp         int64
		CloudWatchMetrics []struct {
			Namespace  string
			Dimensions [][]string
			Metrics    []struct{ Name, Unit string }
		}
	} `json:"_aws"`
}

// Line takes in the metrics of one line of a log, if it has any. What the
// format does not allow is kept for [Service.Mistakes].
func (s *Service) Line(line []byte) {
	var e embedded
	if json.Unmarshal(line, &e) != nil || e.AWS == nil {
		return
	}
	var members map[string]any
	if json.Unmarshal(line, &members) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.AWS.Timestamp <= 0 {
		s.mistake("a line without a time")
	}
	for _, d := range e.AWS.CloudWatchMetrics {
		if d.Namespace == "" || len(d.Metrics) == 0 || len(d.Metrics) > maxMetrics {
			s.mistake("a directive without a namespace, or with %d metrics", len(d.Metrics))
		}
		for _, m := range d.Metrics {
			s.metric(d.Namespace, m.Name, m.Unit, d.Dimensions, members)
		}
	}
}

// metric takes in one metric under each of its sets of dimensions.
func (s *Service) metric(namespace, name, unit string, sets [][]string, members map[string]any) {
	value, ok := members[name].(float64)
	if !ok {
		s.mistake("%s has no value in its line", name)
		return
	}
	key := namespace + " " + name
	if before, seen := s.units[key]; seen && before != unit {
		s.mistake("%s is in %s and in %s", name, before, unit)
	}
	s.units[key] = unit
	for _, set := range sets {
		dimensions := map[string]string{}
		for _, d := range set {
			text, ok := members[d].(string)
			if !ok || text == "" || len(set) > maxDimensions {
				s.mistake("%s has no value for its dimension %s", name, d)
			}
			dimensions[d] = text
		}
		s.put(Series{namespace, name, dimensions}, value)
	}
}

func (s *Service) mistake(format string, args ...any) {
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

// Mistakes are the ways in which lines broke the format.
func (s *Service) Mistakes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.wrong)
}

// Metrics are the names of the metrics of a namespace that were seen in lines.
func (s *Service) Metrics(namespace string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for key := range s.units {
		if name, ok := strings.CutPrefix(key, namespace+" "); ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
