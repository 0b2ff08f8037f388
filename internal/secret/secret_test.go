package secret_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"clientkeeper/internal/secret"
)

const canary = "canary-7f3a"

type holder struct {
	Name   string
	hidden secret.Value
	Shown  secret.Value
	list   []secret.Value
	byName map[string]secret.Value
	ptr    *secret.Value
}

func TestNoWayOfPrintingShowsTheText(t *testing.T) {
	v := secret.New(canary)
	h := holder{"n", v, v, []secret.Value{v}, map[string]secret.Value{"k": v}, &v}
	var text, structured bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("x", "v", v, "h", h, "p", &h, slog.Group("g", "v", v))
	slog.New(slog.NewJSONHandler(&structured, nil)).Info("x", "v", v, "h", h, "p", &h, slog.Group("g", "v", v))

	ways := map[string]string{
		"slog text":     text.String(),
		"slog JSON":     structured.String(),
		"wrapped error": fmt.Errorf("outer: %w", fmt.Errorf("value %v and %v", v, h)).Error(),
		"joined error":  errors.Join(fmt.Errorf("%#v", h), fmt.Errorf("%s", v)).Error(),
		"string":        v.String(),
		"panic text":    recovered(func() { panic(h) }),
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%T", "%08.3f", "%U", "%c", "%!"} {
		ways[verb] = fmt.Sprintf(verb, v)
		ways[verb+" in a struct"] = fmt.Sprintf(verb, h)
		ways[verb+" behind a pointer"] = fmt.Sprintf(verb, &h)
		ways[verb+" in a slice"] = fmt.Sprintf(verb, []any{v, h})
	}
	for way, got := range ways {
		if strings.Contains(got, canary) || strings.Contains(got, fmt.Sprintf("%x", canary)) {
			t.Errorf("%s shows the secret: %s", way, got)
		}
	}
	if got := fmt.Sprint(v); got != "[secret]" {
		t.Errorf("Sprint = %q, want the mask", got)
	}
}

func recovered(f func()) (text string) {
	defer func() { text = fmt.Sprintf("%+v", recover()) }()
	f()
	return ""
}

func TestEncodingFailsRatherThanStoreAMask(t *testing.T) {
	v := secret.New(canary)
	for name, encode := range map[string]func() ([]byte, error){
		"json":          func() ([]byte, error) { return json.Marshal(v) },
		"json struct":   func() ([]byte, error) { return json.Marshal(struct{ V secret.Value }{v}) },
		"json map key":  func() ([]byte, error) { return json.Marshal(map[string]any{"k": &v}) },
		"xml":           func() ([]byte, error) { return xml.Marshal(v) },
		"gob":           func() ([]byte, error) { var b bytes.Buffer; err := gob.NewEncoder(&b).Encode(v); return b.Bytes(), err },
		"text":          v.MarshalText,
		"the zero one":  func() ([]byte, error) { return json.Marshal(secret.Value{}) },
		"pointer field": func() ([]byte, error) { return json.Marshal(struct{ V *secret.Value }{&v}) },
	} {
		out, err := encode()
		if err == nil {
			t.Errorf("%s: encoded to %q, want an error", name, out)
		}
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the error shows the secret", name)
		}
	}
}

func TestRevealIsTheWayOutAndDecodingTheWayIn(t *testing.T) {
	var in struct {
		V secret.Value `json:"v"`
	}
	if err := json.Unmarshal([]byte(`{"v":"`+canary+`"}`), &in); err != nil || in.V.Reveal() != canary {
		t.Errorf("decoded %q, %v; want the text", in.V.Reveal(), err)
	}
	if !in.V.Equal(secret.New(canary)) || in.V.Equal(secret.New("other")) || in.V.Equal(secret.Value{}) {
		t.Error("Equal does not compare the text")
	}
	if !(secret.Value{}).IsZero() || !secret.New("").IsZero() || in.V.IsZero() {
		t.Error("IsZero is wrong")
	}
	if (secret.Value{}).Reveal() != "" {
		t.Error("the zero Value holds text")
	}
}
