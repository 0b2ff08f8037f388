package telemetry

import (
	"encoding/json"
	"io"
	"sync"
	"time"
)

// Namespace is the CloudWatch namespace of every metric.
const Namespace = "clientkeeper"

// A Unit is a CloudWatch unit.
type Unit string

// The units in use.
const (
	Count        Unit = "Count"
	Milliseconds Unit = "Milliseconds"
	Seconds      Unit = "Seconds"
)

// Metrics writes metrics in CloudWatch's embedded metric format: a JSON line in
// the log is all it takes, no agent and no call. (AWS docs "Specification:
// Embedded metric format".) The zero Metrics writes nothing.
type Metrics struct {
	w        io.Writer
	function string
	now      func() time.Time
	mu       *sync.Mutex
}

// NewMetrics returns metrics of a function, written to w a line each.
func NewMetrics(w io.Writer, function string) Metrics {
	return Metrics{w: w, function: function, now: time.Now, mu: new(sync.Mutex)}
}

// A Metric is one value. Its name has one meaning and one unit everywhere.
type Metric struct {
	Name  string
	Unit  Unit
	Value float64
}

// Put writes values that share dimensions. The function's name is always one.
// Dimensions must come from small fixed sets, never from input: each
// combination is a metric that costs money.
func (m Metrics) Put(dimensions map[string]string, metrics ...Metric) {
	if m.w == nil || len(metrics) == 0 {
		return
	}
	line := map[string]any{"Function": m.function}
	names := []string{"Function"}
	for name, value := range dimensions {
		line[name], names = value, append(names, name)
	}
	type definition struct {
		Name string
		Unit Unit
	}
	var definitions []definition
	for _, x := range metrics {
		line[x.Name] = x.Value
		definitions = append(definitions, definition{x.Name, x.Unit})
	}
	line["_aws"] = map[string]any{
		"Timestamp": m.now().UnixMilli(),
		"CloudWatchMetrics": []any{map[string]any{
			"Namespace": Namespace, "Dimensions": [][]string{{"Function"}, names}, "Metrics": definitions,
		}},
	}
	text, err := json.Marshal(line)
	if err != nil { // a value that is no number
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _ = m.w.Write(append(text, '\n'))
}
