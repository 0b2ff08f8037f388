package jsontext_test

import (
	"encoding/json"
	"testing"

	"clientkeeper/internal/jsontext"
)

func TestHalfSurrogate(t *testing.T) {
	for text, want := range map[string]int{
		`"plain"`:                           -1,
		`"\u00e9"`:                          -1,
		`"\ud83d\ude00"`:                    -1,
		`"\uD83D\uDE00 twice \ud83d\uDe00"`: -1,
		`"\\ud800"`:                         -1, // an escaped backslash
		`"\ud800"`:                          1,
		`"\udc00"`:                          1,
		`"\ud800\ud800"`:                    1,
		`"\ud800\u0041"`:                    1,
		`"\ud800 \udc00"`:                   1,
		`"a\ud83d\ude00\ude00"`:             14,
		`{"\ud800":1}`:                      2,
		`"\ud800\\udc00"`:                   1,
	} {
		if !json.Valid([]byte(text)) {
			t.Fatalf("%s is not JSON", text)
		}
		if got := jsontext.HalfSurrogate([]byte(text)); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}
