package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"clientkeeper/internal/telemetry"
)

func TestEachMetricHasOneMeaning(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range telemetry.Definitions {
		if seen[d.Name] || d.Name == "" || d.Meaning == "" || d.Unit == "" {
			t.Errorf("%+v", d)
		}
		seen[d.Name] = true
		var b bytes.Buffer
		dimensions := map[string]string{}
		for _, name := range d.Dimensions {
			dimensions[name] = "x"
		}
		telemetry.NewMetrics(&b, "f").Put(dimensions, d.Of(2.5))
		var line map[string]any
		if err := json.Unmarshal(b.Bytes(), &line); err != nil || line[d.Name] != 2.5 {
			t.Errorf("%s: %v, %v", d.Name, line, err)
		}
	}
}

// Lambda drops lines that are less important than the level it was told to
// keep, and takes a line without a level for INFO.
func TestMetricsOutliveTheLevelOfTheLog(t *testing.T) {
	var b bytes.Buffer
	telemetry.NewMetrics(&b, "f").Put(nil, telemetry.QueueAge.Of(1))
	var line struct{ Level, Timestamp string }
	if err := json.Unmarshal(b.Bytes(), &line); err != nil || line.Level != "FATAL" || line.Timestamp == "" {
		t.Errorf("%s, %v", b.String(), err)
	}
}

func TestALineNamesItsTrace(t *testing.T) {
	for header, want := range map[string]any{
		"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1": "1-5759e988-bd862e3fe1be46a994272793",
		"Self=1-x;Root=1-y": "1-y",
		"":                  nil,
	} {
		var b bytes.Buffer
		//lint:ignore SA1029 aws-lambda-go has a string for a key
		ctx := context.WithValue(t.Context(), "x-amzn-trace-id", header)
		telemetry.Logger(&b, "f", "v", "").With("outcome", "x").InfoContext(ctx, "m")
		var line map[string]any
		if err := json.Unmarshal(b.Bytes(), &line); err != nil || line["trace_id"] != want || line["outcome"] != "x" {
			t.Errorf("%q: %s", header, b.String())
		}
	}
}
