package telemetry

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
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

// NewMetrics returns metrics of a function, written to w a line each. The
// function is named as it is deployed, so that two stacks do not add up.
func NewMetrics(w io.Writer, function string) Metrics {
	return Metrics{w: w, function: function, now: time.Now, mu: new(sync.Mutex)}
}

// A Metric is one value of a [Definition].
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
	now := m.now()
	// A line without a level is INFO to Lambda, which drops it where only
	// warnings are kept (AWS docs "Log-level filtering"). FATAL is never dropped.
	line := map[string]any{"Function": m.function, "level": "FATAL", "timestamp": now.UTC().Format(time.RFC3339Nano), "message": "metrics"}
	names := []string{"Function"}
	for _, name := range slices.Sorted(maps.Keys(dimensions)) {
		line[name], names = dimensions[name], append(names, name)
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
	sets := [][]string{{"Function"}}
	if len(names) > 1 {
		sets = append(sets, names)
	}
	line["_aws"] = map[string]any{
		"Timestamp": now.UnixMilli(),
		"CloudWatchMetrics": []any{map[string]any{
			"Namespace": Namespace, "Dimensions": sets, "Metrics": definitions,
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
