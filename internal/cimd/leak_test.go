package cimd

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestPrivateValuesAreNeverRepeated takes every private or secret value out of
// testdata/cases.json and looks for it in what is said about them.
func TestPrivateValuesAreNeverRepeated(t *testing.T) {
	checked := 0
	for _, c := range readCases(t) {
		var private []string
		collect := func(raw json.RawMessage) {
			var v any
			if json.Unmarshal(raw, &v) == nil {
				private = append(private, privateValues(v)...)
			}
		}
		collect(c.Body)
		for _, r := range c.Routes {
			collect(r.Body)
		}
		for _, book := range []Rules{Draft, Auth0} {
			said := fmt.Sprintf("%+v", judgeCase(t, c, book).findings)
			for _, s := range private {
				checked++
				if strings.Contains(said, s) {
					t.Errorf("%s: a private value is repeated", c.ID)
				}
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d values", checked)
	}
}

func privateValues(v any) []string {
	var out []string
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			out = append(out, privateValues(item)...)
		}
	case map[string]any:
		for name, item := range v {
			if s, ok := item.(string); ok && len(s) > 4 && (privateMember[name] || name == "client_secret" || strings.Contains(s, "PRIVATE KEY")) {
				out = append(out, s)
			}
			out = append(out, privateValues(item)...)
		}
	}
	return out
}
