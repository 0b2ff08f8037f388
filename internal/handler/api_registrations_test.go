package handler_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"clientkeeper/internal/event"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/registration"
)

func TestARegistrationIsQueuedOrWaitedFor(t *testing.T) {
	denied := &fault.Error{Kind: fault.Denied, Op: "registration.policy", Reason: "x"}
	busy := &fault.Error{Kind: fault.RateLimited, Op: "auth0.register_client"}
	invalid := &fault.Error{Kind: fault.Invalid, Op: "registration.judge", Reason: "document_invalid", Err: &registration.Refusal{Violations: []string{"v"}}}
	tests := map[string]struct {
		prefer  string
		err     error
		old     bool
		status  int
		applied string
		queued  bool
	}{
		"no preference":                {"", nil, false, 202, "", true},
		"wait":                         {"wait=10", nil, false, 201, "wait=10", false},
		"wait for what is there":       {"wait=10", nil, true, 200, "wait=10", false},
		"wait beyond all patience":     {"wait=3000", nil, false, 201, "wait=20", false},
		"among others":                 {`respond-async, WAIT = "5"; x=y, foo`, nil, false, 201, "wait=5", false},
		"no wait":                      {"wait=0", nil, false, 202, "", true},
		"wait without a number":        {"wait", nil, false, 202, "", true},
		"wait with a word":             {"wait=long", nil, false, 202, "", true},
		"wait below zero":              {"wait=-1", nil, false, 202, "", true},
		"wait for a day":               {"wait=86400", nil, false, 201, "wait=20", false},
		"wait longer than numbers":     {"wait=99999999999999999999", nil, false, 201, "wait=20", false},
		"wait with zeros before it":    {"wait=0000000000000000000007", nil, false, 201, "wait=7", false},
		"wait with a sign":             {"wait=+5", nil, false, 202, "", true},
		"wait with a fraction":         {"wait=5.0", nil, false, 202, "", true},
		"wait in half a quotation":     {`wait="5`, nil, false, 202, "", true},
		"wait in an empty quotation":   {`wait=""`, nil, false, 202, "", true},
		"wait in another's quotation":  {`foo="a, wait=5, b"`, nil, false, 202, "", true},
		"wait behind a quotation":      {`foo="a \", wait=5, b", wait=6`, nil, false, 201, "wait=6", false},
		"a quotation without an end":   {`foo="a, wait=5`, nil, false, 202, "", true},
		"wait as a parameter":          {`foo; wait=5`, nil, false, 202, "", true},
		"wait twice":                   {`wait=3, wait=9`, nil, false, 201, "wait=3", false},
		"wait in other digits":         {"wait=٥", nil, false, 202, "", true},
		"asynchronously":               {"respond-async", nil, false, 202, "", true},
		"wait, and the tenant is busy": {"wait=10", busy, false, 202, "", true},
		"wait, and it is away":         {"wait=10", fault.Unavailable, false, 202, "", true},
		"wait, and a bug":              {"wait=10", errors.New("canary"), false, 202, "", true},
		"wait, and it is refused":      {"wait=10", invalid, false, 422, "", false},
		"wait, and it is denied":       {"wait=10", denied, false, 403, "", false},
	}
	for name, test := range tests {
		w := newWorld()
		w.outcome.Created = !test.old
		w.registerErr = test.err
		out := w.answer(t, t.Context(), apiRequest("POST", "/v1/registrations", goodMessage, header("prefer", test.prefer)))
		if out.StatusCode != test.status || out.Headers["Preference-Applied"] != test.applied || (len(w.sent) == 1) != test.queued {
			t.Errorf("%s: %d %v %s, %d sent", name, out.StatusCode, out.Headers, out.Body, len(w.sent))
		}
	}
	w := newWorld()
	w.answer(t, t.Context(), apiRequest("POST", "/v1/registrations", goodMessage))
	m, err := registration.ParseRequest(w.sent[0].Body)
	if err != nil || m.RequestedBy != "caller@clients" || m.RequestID != "JKJaXmPLvHcESHA=" || m.Labels["a"] != "b" || m.Mode != registration.Register {
		t.Errorf("%+v, %v", m, err)
	}
	w.answer(t, t.Context(), apiRequest("POST", "/v1/registrations", goodMessage, header("idempotency-key", "k2"), claims(map[string]string{"iss": "i", "sub": strings.Repeat("é", 300), "scope": allScopes})))
	if m, err := registration.ParseRequest(w.sent[1].Body); err != nil || m.RequestedBy != strings.Repeat("é", 256) {
		t.Errorf("of a caller with a long name: %q, %v", m.RequestedBy, err)
	}
	if w.sent[0].Group != "" || w.sent[0].Deduplication != "" {
		t.Errorf("a standard queue gets %+v", w.sent[0])
	}
}

// What was registered at once is told here; what is queued, by whoever takes the
// message; what is refused, to the caller alone.
func TestARegistrationThatWasWaitedForIsTold(t *testing.T) {
	refused := &fault.Error{Kind: fault.Invalid, Op: "registration.judge", Reason: "document_invalid"}
	for name, test := range map[string]struct {
		prefer string
		old    bool
		err    error
		lost   bool
		want   []string
	}{
		"new":             {"wait=10", false, nil, false, []string{"client.registered"}},
		"there already":   {"wait=10", true, nil, false, []string{"client.changed"}},
		"queued":          {"", false, nil, false, nil},
		"refused":         {"wait=10", false, refused, false, nil},
		"new, and untold": {"wait=10", false, nil, true, nil},
	} {
		w := newWorld()
		w.outcome.Created, w.registerErr = !test.old, test.err
		if test.lost {
			w.events.err = fault.Unavailable
		}
		request := func() events.APIGatewayV2HTTPResponse {
			return w.answer(t, t.Context(), apiRequest("POST", "/v1/registrations", goodMessage, header("prefer", test.prefer), header("idempotency-key", "k")))
		}
		out := request()
		request() // and a repetition is told no second time
		if got := w.events.types(t); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
		if lost := names(t, w.metrics.String())["EventsLost"]; test.lost && (lost != 1 || out.StatusCode != 201) {
			t.Errorf("%s: %d, %g events lost", name, out.StatusCode, lost)
		}
		for _, body := range w.events.bodies {
			var e struct {
				Correlation string `json:"correlation_id"`
				Data        event.Client
			}
			if err := json.Unmarshal([]byte(body), &e); err != nil || e.Correlation != "JKJaXmPLvHcESHA=" || e.Data.ClientID != "tpc_1" || e.Data.RequestedBy != "caller@clients" {
				t.Errorf("%s: %s, %v", name, body, err)
			}
		}
	}
}

func TestARegistrationThatTakesTooLongIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for seconds, want := range map[int]time.Duration{29: 10 * time.Second, 9: 4 * time.Second, 4: 0} {
			w := newWorld()
			w.hang = true
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(seconds)*time.Second)
			start := time.Now()
			out := w.answer(t, ctx, apiRequest("POST", "/v1/registrations", goodMessage, header("prefer", "wait=10")))
			if took := time.Since(start); out.StatusCode != 202 || len(w.sent) != 1 || took != want {
				t.Errorf("with %d s left: %d after %v, want 202 after %v", seconds, out.StatusCode, took, want)
			}
			cancel()
		}
	})
}

func TestAPreviewSaysWhatWouldHappen(t *testing.T) {
	tests := map[string]struct {
		url     string
		outcome registration.Outcome
		err     error
		want    string // outcome and reason
		status  int
	}{
		"a new client":          {"https://agents.example.com/c", registration.Outcome{Validation: registration.Validation{Valid: true}}, nil, "create ", 200},
		"one that is there":     {"https://agents.example.com/c", registration.Outcome{ClientID: "tpc_1", Validation: registration.Validation{Valid: true}}, nil, "update ", 200},
		"one with violations":   {"https://agents.example.com/c", registration.Outcome{Validation: registration.Validation{Violations: []string{"v"}}}, nil, "refuse document_invalid", 200},
		"a host nobody allowed": {"https://stranger.example.org/c", registration.Outcome{}, nil, "refuse host_not_allowed", 200},
		"an unreachable one":    {"https://agents.example.com/c", registration.Outcome{}, &fault.Error{Kind: fault.Unavailable, Op: "registration.preview", Reason: "document_unreachable", Detail: "d", Next: "n"}, "unreachable document_unreachable", 200},
		"one with warnings":     {"https://agents.example.com/c", registration.Outcome{}, &fault.Error{Kind: fault.Invalid, Op: "registration.judge", Reason: "document_has_warnings", Detail: "d", Next: "n"}, "refuse document_has_warnings", 200},
		"the tenant is away":    {"https://agents.example.com/c", registration.Outcome{}, fault.Unavailable, " ", 503},
		"the tenant is busy":    {"https://agents.example.com/c", registration.Outcome{}, fault.RateLimited, " ", 429},
	}
	d := readDescription(t)
	for name, test := range tests {
		w := newWorld()
		w.outcome, w.registerErr = test.outcome, test.err
		out := w.answer(t, t.Context(), apiRequest("POST", "/v1/registrations/preview", `{"external_client_id":"`+test.url+`"}`))
		d.check(t, name, "previewRegistration", out)
		got := body(t, out)
		if text := fmt.Sprintf("%s %s", got["outcome"], orEmpty(got["reason"])); out.StatusCode != test.status || test.status == 200 && text != test.want || len(w.writes) > 0 {
			t.Errorf("%s: %d %s, want %s", name, out.StatusCode, out.Body, test.want)
		}
	}
}

func TestAPreviewShowsWhatTheTenantSays(t *testing.T) {
	w := newWorld()
	got := body(t, w.answer(t, t.Context(), apiRequest("POST", "/v1/registrations/preview", goodMessage)))
	if mapped, _ := got["mapped_fields"].(map[string]any); got["client_id"] != "tpc_1" || mapped == nil || fmt.Sprint(got["warnings"]) != "[a warning]" {
		t.Errorf("%v", got)
	}
	w.outcome.Validation = registration.Validation{Violations: []string{"v"}}
	got = body(t, w.answer(t, t.Context(), apiRequest("POST", "/v1/registrations/preview", goodMessage)))
	if fmt.Sprint(got["violations"]) != "[v]" || orEmpty(got["detail"]) == "" || orEmpty(got["next"]) == "" {
		t.Errorf("%v", got)
	}
}

func orEmpty(v any) any {
	if v == nil {
		return ""
	}
	return v
}
