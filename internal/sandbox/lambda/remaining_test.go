package lambda

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestRemaining(t *testing.T) {
	const all = "a b c"
	tests := map[string]struct {
		payload   string
		failed    bool
		want      string
		wantPlain string // when failures are not to be reported
	}{
		"empty list":             {`{"batchItemFailures":[]}`, false, "", ""},
		"null list":              {`{"batchItemFailures":null}`, false, "", ""},
		"empty object":           {`{}`, false, "", ""},
		"null":                   {`null`, false, "", ""},
		"nothing":                {``, false, "", ""},
		"one":                    {`{"batchItemFailures":[{"itemIdentifier":"b"}]}`, false, "b", ""},
		"two, one of them twice": {`{"batchItemFailures":[{"itemIdentifier":"c"},{"itemIdentifier":"a"},{"itemIdentifier":"c"}]}`, false, "a c", ""},
		"more than was asked":    {`{"batchItemFailures":[{"itemIdentifier":"b","why":"x"}],"note":1}`, false, "b", ""},
		"not JSON":               {`{"batch`, false, all, ""},
		"not an object":          {`["b"]`, false, all, ""},
		"a text":                 {`"fine"`, false, all, ""},
		"wrong key":              {`{"foo":"notvalid"}`, false, all, ""},
		"wrong case":             {`{"BatchItemFailures":[]}`, false, all, ""},
		"not a list":             {`{"batchItemFailures":"b"}`, false, all, ""},
		"list of ids":            {`{"batchItemFailures":["b"]}`, false, all, ""},
		"list of null":           {`{"batchItemFailures":[null]}`, false, all, ""},
		"empty id":               {`{"batchItemFailures":[{"itemIdentifier":""}]}`, false, all, ""},
		"null id":                {`{"batchItemFailures":[{"itemIdentifier":null}]}`, false, all, ""},
		"number as id":           {`{"batchItemFailures":[{"itemIdentifier":7}]}`, false, all, ""},
		"wrong key in item":      {`{"batchItemFailures":[{"messageId":"b"}]}`, false, all, ""},
		"unknown id":             {`{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"z"}]}`, false, all, ""},
		"function error":         {`{"errorMessage":"x"}`, true, all, all},
		"error like an answer":   {`{"batchItemFailures":[]}`, true, all, all},
	}
	batch := []message{{id: "a"}, {id: "b"}, {id: "c"}}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := Result{Payload: []byte(tt.payload)}
			if tt.failed {
				r.FunctionError = "Unhandled"
			}
			for report, want := range map[bool]string{true: tt.want, false: tt.wantPlain} {
				got := strings.Join(slices.Sorted(maps.Keys(remaining(report, r, batch))), " ")
				if got != want {
					t.Errorf("reporting %v: %q stay, want %q", report, got, want)
				}
			}
		})
	}
}

func TestSplit(t *testing.T) {
	sizes := func(n ...int) (batch []message) {
		for _, size := range n {
			batch = append(batch, message{record: json.RawMessage(`"` + strings.Repeat("x", size-2) + `"`)})
		}
		return batch
	}
	tests := map[string]struct {
		batch []message
		want  []int // messages in each part
	}{
		"nothing":              {nil, nil},
		"one":                  {sizes(10), []int{1}},
		"all fit":              {sizes(30, 30), []int{2}},
		"the last is too much": {sizes(30, 30, 30), []int{2, 1}},
		"one alone too large":  {sizes(10, 200, 10), []int{1, 1, 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []int
			for _, part := range split(tt.batch, 80) {
				got = append(got, len(part))
				if e := event(part); !json.Valid(e) || len(part) > 1 && len(e) > 80 || len(e) > eventSize(part) {
					t.Errorf("%d messages make %d bytes: %s", len(part), len(e), e)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got parts of %v, want %v", got, tt.want)
			}
		})
	}
}
