package cloudwatch_test

import (
	"slices"
	"testing"
	"time"

	"clientkeeper/internal/sandbox/cloudwatch"
)

func TestAnAlarmRingsWhenCloudWatchWouldRingIt(t *testing.T) {
	one := []cloudwatch.Series{{Namespace: "n", Metric: "m"}}
	two := append(one, cloudwatch.Series{Namespace: "n", Metric: "m", Dimensions: map[string]string{"F": "x"}})
	most := func(n, of int, missing string) cloudwatch.Alarm {
		return cloudwatch.Alarm{Series: one, Statistic: "Maximum", Period: time.Minute, Periods: of, Datapoints: n, Threshold: 5,
			Comparison: "GreaterThanOrEqualToThreshold", Missing: missing}
	}
	with := func(a cloudwatch.Alarm, change func(*cloudwatch.Alarm)) cloudwatch.Alarm { change(&a); return a }
	type values map[int][]float64 // by minutes ago, of the first series
	tests := map[string]struct {
		alarm  cloudwatch.Alarm
		first  values
		second values
		want   cloudwatch.State
	}{
		"nothing known":                 {most(1, 1, "missing"), nil, nil, cloudwatch.Insufficient},
		"nothing known, ignored":        {most(1, 1, "ignore"), nil, nil, cloudwatch.Insufficient},
		"nothing known, which is good":  {most(1, 1, "notBreaching"), nil, nil, cloudwatch.OK},
		"nothing known, which is bad":   {most(1, 1, "breaching"), nil, nil, cloudwatch.Ringing},
		"below":                         {most(1, 1, "missing"), values{0: {4, 4.9}}, nil, cloudwatch.OK},
		"at the threshold":              {most(1, 1, "missing"), values{0: {4, 5}}, nil, cloudwatch.Ringing},
		"above, but long ago":           {most(1, 1, "notBreaching"), values{1: {9}}, nil, cloudwatch.OK},
		"two of two":                    {most(2, 2, "notBreaching"), values{0: {9}, 1: {9}}, nil, cloudwatch.Ringing},
		"one of two":                    {most(2, 2, "notBreaching"), values{0: {9}, 1: {1}}, nil, cloudwatch.OK},
		"two of three, with a gap":      {most(2, 3, "notBreaching"), values{0: {9}, 2: {9}}, nil, cloudwatch.Ringing},
		"one of two, the other unknown": {most(2, 2, "missing"), values{0: {9}}, nil, cloudwatch.OK},
		"a sum":                         {with(most(1, 1, "missing"), func(a *cloudwatch.Alarm) { a.Statistic = "Sum" }), values{0: {2, 3}}, nil, cloudwatch.Ringing},
		"a mean":                        {with(most(1, 1, "missing"), func(a *cloudwatch.Alarm) { a.Statistic = "Average" }), values{0: {2, 7}}, nil, cloudwatch.OK},
		"a minimum below": {with(most(1, 1, "missing"), func(a *cloudwatch.Alarm) {
			a.Statistic, a.Comparison = "Minimum", "LessThanOrEqualToThreshold"
		}), values{0: {9, 5}}, nil, cloudwatch.Ringing},
		"a count": {with(most(1, 1, "missing"), func(a *cloudwatch.Alarm) {
			a.Statistic, a.Comparison, a.Threshold = "SampleCount", "LessThanThreshold", 2
		}), values{0: {9}}, nil, cloudwatch.Ringing},
		"a sum of two":        {with(most(1, 1, "missing"), func(a *cloudwatch.Alarm) { a.Series = two }), values{0: {2}}, values{0: {3}}, cloudwatch.Ringing},
		"a sum with a gap":    {with(most(1, 1, "missing"), func(a *cloudwatch.Alarm) { a.Series = two }), nil, values{0: {6}}, cloudwatch.Ringing},
		"a sum of nothing":    {with(most(1, 1, "missing"), func(a *cloudwatch.Alarm) { a.Series = two }), nil, nil, cloudwatch.OK},
		"above, not at least": {with(most(1, 1, "missing"), func(a *cloudwatch.Alarm) { a.Comparison = "GreaterThanThreshold" }), values{0: {5}}, nil, cloudwatch.OK},
	}
	for name, test := range tests {
		now := time.Unix(1e9, 0)
		clock := now
		s := cloudwatch.New(cloudwatch.Options{Now: func() time.Time { return clock }})
		for i, all := range []values{test.first, test.second} {
			for ago, list := range all {
				clock = now.Add(-time.Duration(ago) * time.Minute)
				for _, v := range list {
					s.Put(two[i], v)
				}
			}
		}
		clock = now
		if got, story := s.Judge(test.alarm); got != test.want {
			t.Errorf("%s: %s (%s), want %s", name, got, story, test.want)
		}
	}
}

const line = `{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"n","Dimensions":[["F"],["F","D"]],"Metrics":[{"Name":"m","Unit":"Count"}]}]},"F":"f","D":"d","m":3}`

func TestAMetricOfALineIsThereUnderEachSetOfDimensions(t *testing.T) {
	s := cloudwatch.New(cloudwatch.Options{})
	for _, text := range []string{line, `{"level":"INFO"}`, `not JSON`, `[]`} {
		s.Line([]byte(text))
	}
	for _, dimensions := range []map[string]string{{"F": "f"}, {"F": "f", "D": "d"}} {
		a := cloudwatch.Alarm{Series: []cloudwatch.Series{{Namespace: "n", Metric: "m", Dimensions: dimensions}}, Statistic: "Sum", Period: time.Minute,
			Periods: 1, Datapoints: 1, Threshold: 3, Comparison: "GreaterThanOrEqualToThreshold"}
		if got, story := s.Judge(a); got != cloudwatch.Ringing {
			t.Errorf("%v: %s %s", dimensions, got, story)
		}
	}
	if got := s.Metrics("n"); !slices.Equal(got, []string{"m"}) || len(s.Mistakes()) > 0 {
		t.Errorf("metrics %v, mistakes %v", got, s.Mistakes())
	}
}

func TestALineThatBreaksTheFormatIsAMistake(t *testing.T) {
	for name, text := range map[string]string{
		"no value":          `{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"n","Dimensions":[["F"]],"Metrics":[{"Name":"m","Unit":"Count"}]}]},"F":"f"}`,
		"no dimension":      `{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"n","Dimensions":[["F"]],"Metrics":[{"Name":"m","Unit":"Count"}]}]},"m":3}`,
		"no time":           `{"_aws":{"CloudWatchMetrics":[{"Namespace":"n","Dimensions":[["F"]],"Metrics":[{"Name":"m","Unit":"Count"}]}]},"F":"f","m":3}`,
		"no namespace":      `{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Dimensions":[["F"]],"Metrics":[{"Name":"m","Unit":"Count"}]}]},"F":"f","m":3}`,
		"another unit":      `{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"n","Dimensions":[["F"]],"Metrics":[{"Name":"m","Unit":"Seconds"}]}]},"F":"f","m":3}`,
		"nothing to say it": `{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"n","Dimensions":[["F"]],"Metrics":[]}]},"F":"f"}`,
	} {
		s := cloudwatch.New(cloudwatch.Options{})
		s.Line([]byte(line))
		s.Line([]byte(text))
		if len(s.Mistakes()) == 0 {
			t.Errorf("%s passes", name)
		}
	}
}
