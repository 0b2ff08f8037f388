package cloudformation

import (
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// An Alarm is an AWS::CloudWatch::Alarm, over one metric or over the sum of
// several.
type Alarm struct {
	LogicalID, Name, Description string
	Series                       []Series // summed up if there are several
	Statistic                    string   // such as Maximum or Sum
	Period                       time.Duration
	Periods, Datapoints          int // M out of N: Datapoints of the last Periods
	Threshold                    float64
	Comparison                   string // as ComparisonOperator
	Missing                      string // as TreatMissingData
}

// A Series is one metric with its dimensions.
type Series struct {
	Namespace, Metric string
	Dimensions        map[string]string
}

// sumOfAll is the one expression that is understood. What is missing of one of
// the metrics counts as nothing.
const sumOfAll = "SUM(FILL(METRICS(), 0))"

// comparisons are the operators that are understood.
var comparisons = []string{"GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanOrEqualToThreshold", "LessThanThreshold"}

// alarm reads an alarm; the defaults are CloudWatch's.
func (r *resolver) alarm(res *resource) Alarm {
	p := r.propertiesOf(res)
	a := Alarm{LogicalID: res.id, Periods: p.int("EvaluationPeriods", 1, 1, 8640)}
	a.Datapoints = p.int("DatapointsToAlarm", a.Periods, 1, a.Periods)
	a.Name, _ = p.string("AlarmName")
	a.Description, _ = p.string("AlarmDescription")
	a.Comparison = oneOf(p, "ComparisonOperator", comparisons...)
	a.Missing = or(oneOf(p, "TreatMissingData", "breaching", "notBreaching", "ignore", "missing"), "missing")
	threshold, _ := p.string("Threshold")
	value, err := strconv.ParseFloat(threshold, 64)
	if err != nil {
		r.mistakes.add(res.line, "%s.Threshold must be a number", res.id)
	}
	a.Threshold = value
	if metrics := p.get("Metrics"); metrics != nil {
		r.sum(&a, res, metrics)
	} else {
		a.Statistic, _ = p.string("Statistic")
		a.Period = time.Duration(p.int("Period", 60, 10, 86_400)) * time.Second
		one := Series{Dimensions: dimensions(p.get("Dimensions"))}
		one.Namespace, _ = p.string("Namespace")
		one.Metric, _ = p.string("MetricName")
		a.Series = []Series{one}
	}
	p.done()
	return a
}

// sum reads the metrics of an alarm over several.
func (r *resolver) sum(a *Alarm, res *resource, metrics *yaml.Node) {
	var list []struct {
		Expression string `yaml:"Expression"`
		MetricStat struct {
			Stat   string `yaml:"Stat"`
			Period string `yaml:"Period"` // a resolved value is text
			Metric struct {
				Namespace  string    `yaml:"Namespace"`
				Name       string    `yaml:"MetricName"`
				Dimensions yaml.Node `yaml:"Dimensions"`
			} `yaml:"Metric"`
		} `yaml:"MetricStat"`
	}
	if err := metrics.Decode(&list); err != nil {
		r.mistakes.add(res.line, "%s.Metrics cannot be read", res.id)
		return
	}
	for _, m := range list {
		switch {
		case m.Expression == sumOfAll:
		case m.Expression != "":
			r.mistakes.add(res.line, "%s.Metrics: the sandbox understands no expression but %s", res.id, sumOfAll)
		default:
			seconds, err := strconv.Atoi(m.MetricStat.Period)
			if err != nil {
				r.mistakes.add(res.line, "%s.Metrics: a Period must be a number of seconds", res.id)
			}
			a.Statistic, a.Period = m.MetricStat.Stat, time.Duration(seconds)*time.Second
			a.Series = append(a.Series, Series{m.MetricStat.Metric.Namespace, m.MetricStat.Metric.Name, dimensions(&m.MetricStat.Metric.Dimensions)})
		}
	}
}

func dimensions(n *yaml.Node) map[string]string {
	var list []struct {
		Name  string `yaml:"Name"`
		Value string `yaml:"Value"`
	}
	out := map[string]string{}
	if n == nil || n.Decode(&list) != nil {
		return out
	}
	for _, d := range list {
		out[d.Name] = d.Value
	}
	return out
}
