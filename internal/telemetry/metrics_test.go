package telemetry_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"clientkeeper/internal/telemetry"
)

func TestAMetricIsALineOfTheEmbeddedFormat(t *testing.T) {
	var b bytes.Buffer
	m := telemetry.NewMetrics(&b, "rotate-secret")
	m.Put(map[string]string{"Step": "setSecret"}, telemetry.Metric{Name: "RotationStepFailed", Unit: telemetry.Count, Value: 1},
		telemetry.Metric{Name: "RotationStepTime", Unit: telemetry.Milliseconds, Value: 12})
	var line struct {
		AWS struct {
			Timestamp         int64
			CloudWatchMetrics []struct {
				Namespace  string
				Dimensions [][]string
				Metrics    []struct{ Name, Unit string }
			}
		} `json:"_aws"`
		Function, Step     string
		RotationStepFailed float64
	}
	if err := json.Unmarshal(b.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	d := line.AWS.CloudWatchMetrics[0]
	if line.AWS.Timestamp == 0 || d.Namespace != "clientkeeper" || len(d.Metrics) != 2 || line.Function != "rotate-secret" || line.Step != "setSecret" || line.RotationStepFailed != 1 {
		t.Errorf("%s", b.String())
	}
	if len(d.Dimensions) != 2 || !slices.Equal(d.Dimensions[0], []string{"Function"}) || len(d.Dimensions[1]) != 2 {
		t.Errorf("dimensions %v, want the function's alone and all together", d.Dimensions)
	}
	if strings.Count(b.String(), "\n") != 1 || !strings.HasPrefix(b.String(), "{") {
		t.Errorf("not one line of JSON alone: %q", b.String())
	}
}

func TestMetricsThatCannotBeWrittenAreLeftOut(t *testing.T) {
	telemetry.Metrics{}.Put(nil, telemetry.Metric{Name: "x", Value: 1}) // the zero one
	var b bytes.Buffer
	m := telemetry.NewMetrics(&b, "f")
	m.Put(nil)
	m.Put(nil, telemetry.Metric{Name: "x", Value: math.NaN()})
	if b.Len() > 0 {
		t.Errorf("written: %q", b.String())
	}
}

func TestMetricsFromManyGoroutinesDoNotMix(t *testing.T) {
	var b bytes.Buffer
	m := telemetry.NewMetrics(&b, "f")
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			m.Put(map[string]string{"D": fmt.Sprint(i)}, telemetry.Metric{Name: "x", Unit: telemetry.Count, Value: 1})
		})
	}
	group.Wait()
	for line := range strings.Lines(b.String()) {
		if !json.Valid([]byte(line)) {
			t.Fatalf("not JSON: %q", line)
		}
	}
}
