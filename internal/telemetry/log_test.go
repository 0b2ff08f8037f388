package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
	"clientkeeper/internal/telemetry"
)

const canary = "canary-51c0"

func lines(t *testing.T, level string, log func(*slog.Logger)) []map[string]any {
	t.Helper()
	var b bytes.Buffer
	log(telemetry.Logger(&b, "register-client", "v1.2.3", level))
	var out []map[string]any
	for line := range strings.Lines(b.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("not a JSON line: %q", line)
		}
		out = append(out, m)
	}
	return out
}

func TestALineIsWhatLambdaExpects(t *testing.T) {
	got := lines(t, "", func(l *slog.Logger) {
		l.With("request_id", "r1").Warn("returned to the queue", "message_id", "m1", "created", true, "retry_in", 3*time.Second)
	})
	if len(got) != 1 {
		t.Fatalf("%d lines, want 1", len(got))
	}
	line := got[0]
	if _, err := time.Parse(time.RFC3339, line["timestamp"].(string)); err != nil {
		t.Errorf("timestamp: %v", err)
	}
	for key, want := range map[string]any{"level": "WARN", "message": "returned to the queue", "function": "register-client",
		"version": "v1.2.3", "request_id": "r1", "message_id": "m1", "created": true} {
		if line[key] != want {
			t.Errorf("%s = %v, want %v", key, line[key], want)
		}
	}
}

func TestLevels(t *testing.T) {
	for level, want := range map[string]int{"": 3, "INFO": 3, "debug": 4, "TRACE": 4, "WARN": 2, "ERROR": 1, "FATAL": 1, "loud": 3} {
		got := lines(t, level, func(l *slog.Logger) {
			l.Debug("d")
			l.Info("i")
			l.Warn("w")
			l.Error("e")
		})
		if len(got) != want {
			t.Errorf("level %q writes %d lines, want %d", level, len(got), want)
		}
	}
}

type mode string

type leaky struct{ Token string }

func (l leaky) Error() string { return "refused " + l.Token }

func TestOnlyTheAllowListGetsOut(t *testing.T) {
	tests := map[string]struct {
		key   string
		value any
		want  any
	}{
		"a key that nobody listed":   {"password", canary, "[redacted]"},
		"a group":                    {"outcome", slog.GroupValue(slog.String("token", canary)), map[string]any{"token": "[redacted]"}},
		"a struct":                   {"outcome", leaky{canary}.asAny(), "[redacted]"},
		"a map":                      {"outcome", map[string]string{"x": canary}, "[redacted]"},
		"bytes":                      {"outcome", []byte(canary), "[redacted]"},
		"a secret":                   {"client_id", secret.New(canary), "[secret]"},
		"a string type":              {"mode", mode("preview"), "preview"},
		"a kind":                     {"kind", fault.RateLimited, "rate_limited"},
		"a private key in a warning": {"warnings", []string{"fine", "-----BEGIN RSA PRIVATE KEY-----" + canary}, []any{"fine", "[redacted]"}},
		"a private JWK":              {"violations", []string{`{"kty":"RSA","d":"` + canary + `"}`}, []any{"[redacted]"}},
		"a token":                    {"message_id", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0." + canary, "[redacted]"},
		"a stranger's error":         {"err", leaky{canary}, "telemetry_test.leaky (its text is withheld)"},
		"a stranger beside a friend": {"err", errors.Join(&fault.Error{Kind: fault.Denied, Op: "op"}, leaky{canary}), "op: denied; telemetry_test.leaky (its text is withheld)"},
		"both, wrapped":              {"err", fmt.Errorf("%s: %w", canary, errors.Join(leaky{canary}, fault.Conflict)), "telemetry_test.leaky (its text is withheld); conflict"},
		"the end of the time":        {"err", fmt.Errorf("%s: %w", canary, context.Canceled), "the deadline passed"},
		"the deadline":               {"err", fmt.Errorf("%s: %w", canary, context.DeadlineExceeded), "the deadline passed"},
		"a classified error":         {"err", fmt.Errorf("wrapped: %w", &fault.Error{Kind: fault.Denied, Op: "op"}), "wrapped: op: denied"},
	}
	for name, test := range tests {
		got := lines(t, "", func(l *slog.Logger) { l.Info("x", test.key, test.value) })
		text, _ := json.Marshal(got)
		if strings.Contains(string(text), canary) {
			t.Errorf("%s: the canary is out: %s", name, text)
		}
		if fmt.Sprint(got[0][test.key]) != fmt.Sprint(test.want) {
			t.Errorf("%s: %v, want %v", name, got[0][test.key], test.want)
		}
	}
}

func (l leaky) asAny() any { return struct{ T string }{l.Token} }

func TestLongTextIsCut(t *testing.T) {
	got := lines(t, "", func(l *slog.Logger) {
		l.Info("x", "err", &fault.Error{Err: errors.New(strings.Repeat("é", 5000))}, "violations", make([]string, 500))
	})
	if n := len(got[0]["err"].(string)); n > 2100 {
		t.Errorf("err has %d bytes", n)
	}
	if n := len(got[0]["violations"].([]any)); n != 20 {
		t.Errorf("%d violations, want 20", n)
	}
}
