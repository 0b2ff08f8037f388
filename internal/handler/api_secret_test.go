package handler_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"clientkeeper/internal/credential"
	"clientkeeper/internal/fault"
)

const canary = "canary-5b1f"

// Whatever a request holds, its values reach no answer, no header, no log line
// and no metric; neither does what goes wrong behind the handler, unless it is
// made to be told.
func TestNothingSecretGetsOut(t *testing.T) {
	leaks := func(name string, w *world, ev events.APIGatewayV2HTTPRequest) {
		t.Helper()
		out := w.answer(t, t.Context(), ev)
		for what, text := range map[string]string{"body": out.Body, "headers": fmt.Sprint(out.Headers), "log": w.log.String(), "metrics": w.metrics.String()} {
			if strings.Contains(text, canary) {
				t.Errorf("%s: the canary is in the %s: %s", name, what, text)
			}
		}
	}
	for id, ev := range goodRequests() {
		for what, err := range map[string]error{
			"a stranger's error":      errors.New(canary),
			"inside a fault":          &fault.Error{Kind: fault.Unavailable, Op: "auth0.x", Err: errors.New("x")},
			"a fault around a secret": &fault.Error{Kind: fault.Internal, Op: "credential.x", Detail: "d", Next: "n", Err: errors.Join(fault.Invalid, fault.Conflict)},
			"a reason that is a text": &fault.Error{Kind: fault.Invalid, Op: "auth0.x", Reason: "Some Text"},
		} {
			w := newWorld()
			w.err = err
			leaks(id+", "+what, w, ev)
		}
		for _, name := range []string{"authorization", "cookie", "x-api-key", "x-amz-security-token", "user-agent", "referer", "prefer"} {
			leaks(id+" with "+name, newWorld(), with(again(id), header(name, canary)))
		}
		if ev.Body == "" {
			continue
		}
		var whole map[string]any
		if err := json.Unmarshal([]byte(ev.Body), &whole); err != nil {
			t.Fatal(err)
		}
		for _, name := range append(memberNames(whole), "client_secret", "password") {
			for _, value := range []any{canary + "\n", []any{canary}, map[string]any{"x": canary}, map[string]any{"kty": "RSA", "d": canary}, "-----BEGIN PRIVATE KEY-----" + canary} {
				changed := map[string]any{}
				for k, v := range whole {
					changed[k] = v
				}
				changed[name] = value
				text, _ := json.Marshal(changed)
				leaks(id+" with another "+name, newWorld(), signIfNeeded(with(again(id), func(ev *events.APIGatewayV2HTTPRequest) { ev.Body = string(text) })))
			}
		}
	}
}

func memberNames(m map[string]any) (out []string) {
	for name := range m {
		out = append(out, name)
	}
	return out
}

type panicking struct{ *world }

func (panicking) CreateClient(context.Context, credential.Operation, credential.NewClient) (credential.Client, error) {
	panic(canary)
}

func TestAPanicIsAnswered(t *testing.T) {
	w := newWorld()
	w.credentials = panicking{w}
	out := w.answer(t, t.Context(), again("createClient"))
	if out.StatusCode != 500 || problemOf(t, "panic", out) != "internal" || strings.Contains(out.Body+w.log.String(), canary) {
		t.Errorf("%d %s %s", out.StatusCode, out.Body, w.log.String())
	}
	if !strings.Contains(w.log.String(), `"reason":"panic"`) {
		t.Errorf("the log does not say so: %s", w.log.String())
	}
}

func TestEachRequestHasOneLineAndItsMetrics(t *testing.T) {
	w := newWorld()
	w.answer(t, t.Context(), again("listCredentials"))
	w.err = fault.Unavailable
	w.answer(t, t.Context(), again("listCredentials"))
	w.err = fault.NotFound
	w.answer(t, t.Context(), again("listCredentials"))
	lines := strings.Split(strings.TrimSpace(w.log.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines: %s", len(lines), w.log.String())
	}
	for i, want := range []map[string]any{
		{"level": "INFO", "status": 200.0, "route": "GET /v1/clients/{client_id}/credentials", "client_id": "abc123", "caller": "caller@clients", "request_id": "JKJaXmPLvHcESHA="},
		{"level": "ERROR", "status": 503.0, "kind": "unavailable"},
		{"level": "WARN", "status": 404.0, "kind": "not_found"},
	} {
		var got map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		for name, value := range want {
			if got[name] != value {
				t.Errorf("line %d: %s is %v, want %v", i, name, got[name], value)
			}
		}
	}
	for _, want := range []string{`"Route":"GET /v1/clients/{client_id}/credentials"`, `"Status":"2xx"`, `"Status":"5xx"`, `"RequestTime"`} {
		if !strings.Contains(w.metrics.String(), want) {
			t.Errorf("the metrics do not hold %s: %s", want, w.metrics.String())
		}
	}
}
