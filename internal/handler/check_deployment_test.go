package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"clientkeeper/internal/auth0"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/handler"
	"clientkeeper/internal/telemetry"
)

func TestADeploymentFailsIfTheTenantIsNotReady(t *testing.T) {
	fine := []auth0.Fact{{Name: "token", Status: auth0.OK, Detail: "It was issued."}, {Name: "rules", Status: auth0.Warn, Detail: "There are some."}}
	poor := append(fine, auth0.Fact{Name: "scopes", Status: auth0.Fail, Detail: "It lacks update:clients.", Next: "Grant it."})
	config := &fault.Error{Kind: fault.Invalid, Op: "config", Reason: "bad_configuration", Detail: "AUTH0_DOMAIN is not set"}
	tests := map[string]struct {
		request string
		facts   []auth0.Fact
		broken  error
		status  string
		reason  string
	}{
		"ready":                     {"Create", fine, nil, "SUCCESS", ""},
		"changed, ready":            {"Update", fine, nil, "SUCCESS", ""},
		"a scope is missing":        {"Create", poor, nil, "FAILED", "It lacks update:clients. Grant it."},
		"changed, scope is missing": {"Update", poor, nil, "FAILED", "It lacks update:clients."},
		"a wrong configuration":     {"Create", nil, config, "FAILED", "AUTH0_DOMAIN is not set"},
		"more than can be shown":    {"Create", []auth0.Fact{{Name: "scopes", Status: auth0.Fail, Detail: strings.Repeat("é", 5000)}}, nil, "FAILED", "é..."},
		"deleted all the same":      {"Delete", poor, nil, "SUCCESS", ""},
		"deleted, broken":           {"Delete", nil, config, "SUCCESS", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var answer struct{ Status, Reason, PhysicalResourceID, StackID, RequestID string }
			s3 := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if err := json.NewDecoder(r.Body).Decode(&answer); err != nil || r.Method != http.MethodPut {
					t.Errorf("%s %v", r.Method, err)
				}
			}))
			defer s3.Close()
			var log bytes.Buffer
			h := handler.CheckDeployment{Log: telemetry.Logger(&log, "check-deployment", "test", ""), Broken: test.broken,
				Look: func(context.Context) []auth0.Fact { return test.facts }}
			ev := fmt.Sprintf(`{"RequestType":%q,"ResponseURL":%q,"StackId":"s","RequestId":"r","LogicalResourceId":"DeploymentCheck","ResourceType":"Custom::DeploymentCheck"}`, test.request, s3.URL)
			if _, err := h.Handle(t.Context(), json.RawMessage(ev)); err != nil {
				t.Fatal(err)
			}
			if answer.Status != test.status || !strings.Contains(answer.Reason, test.reason) || answer.StackID != "s" || answer.RequestID != "r" || answer.PhysicalResourceID == "" {
				t.Errorf("CloudFormation is told %+v", answer)
			}
			if len(answer.Reason) > 2000 {
				t.Errorf("a reason of %d bytes", len(answer.Reason))
			}
			if strings.Contains(log.String(), "redacted") {
				t.Errorf("%s", log.String())
			}
		})
	}
}

// The id of the resource is the description of published versions: another
// configuration publishes the next one, and the same one nothing.
func TestAConfigurationIsCheckedOnceAndHasItsID(t *testing.T) {
	var answer struct{ Status, Reason, PhysicalResourceID string }
	s3 := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
			t.Error(err)
		}
	}))
	defer s3.Close()
	looked, away := 0, false
	h := handler.CheckDeployment{Log: telemetry.Logger(io.Discard, "check-deployment", "test", ""),
		Look: func(context.Context) []auth0.Fact {
			looked++
			if away {
				return []auth0.Fact{{Name: "discovery", Status: auth0.Fail, Detail: "It does not answer."}}
			}
			return nil
		},
		Wrong: func(getenv func(string) string) error {
			if getenv("MAX_TRIES") == "0" {
				return &fault.Error{Kind: fault.Invalid, Op: "config", Reason: "bad_configuration", Detail: "MAX_TRIES is wrong"}
			}
			return nil
		}}
	ask := func(request, id, properties string) string {
		t.Helper()
		answer.Status, answer.Reason, answer.PhysicalResourceID = "", "", ""
		ev := fmt.Sprintf(`{"RequestType":%q,"ResponseURL":%q,"StackId":"s","RequestId":"r","LogicalResourceId":"DeploymentCheck","PhysicalResourceId":%q,"ResourceProperties":%s}`, request, s3.URL, id, properties)
		if _, err := h.Handle(t.Context(), json.RawMessage(ev)); err != nil {
			t.Fatal(err)
		}
		return answer.PhysicalResourceID
	}
	const first, second = `{"CheckTenant":"true","Variables":{"MAX_TRIES":"5"}}`, `{"CheckTenant":"true","Variables":{"MAX_TRIES":"6"}}`
	a := ask("Create", "", first)
	b := ask("Update", a, second)
	if a == "" || b == "" || a == b || looked != 2 {
		t.Fatalf("ids %q and %q after %d looks", a, b, looked)
	}
	away = true
	if id := ask("Update", b, first); answer.Status != "FAILED" || id != b {
		t.Errorf("a tenant that is away: %+v", answer)
	}
	// CloudFormation goes back, with the properties that it had.
	if id := ask("Update", b, second); answer.Status != "SUCCESS" || id != b || looked != 3 {
		t.Errorf("the way back: %+v after %d looks", answer, looked)
	}
	if ask("Update", b, `{"CheckTenant":"false","Variables":{"MAX_TRIES":"7"}}`); answer.Status != "SUCCESS" || looked != 3 {
		t.Errorf("unchecked: %+v after %d looks", answer, looked)
	}
	if id := ask("Update", b, `{"CheckTenant":"false","Variables":{"MAX_TRIES":"0"}}`); answer.Status != "FAILED" || !strings.Contains(answer.Reason, "MAX_TRIES is wrong") || id != b {
		t.Errorf("a wrong variable: %+v", answer)
	}
}

func TestAPersonIsToldThatAllIsWell(t *testing.T) {
	h := handler.CheckDeployment{Log: telemetry.Logger(io.Discard, "check-deployment", "test", ""),
		Look: func(context.Context) []auth0.Fact { return []auth0.Fact{{Name: "token", Status: auth0.OK}} }}
	got, err := h.Handle(t.Context(), json.RawMessage(`{}`))
	if answer, ok := got.(handler.CheckAnswer); err != nil || !ok || !answer.Ready {
		t.Errorf("%+v, %v", got, err)
	}
	h.Broken = &fault.Error{Kind: fault.Invalid, Op: "config", Reason: "bad_configuration", Detail: "AUTH0_DOMAIN is not set"}
	if got, err := h.Handle(t.Context(), json.RawMessage(`{}`)); err == nil || !strings.Contains(err.Error(), "AUTH0_DOMAIN is not set") {
		t.Errorf("a broken configuration: %+v, %v", got, err)
	}
}

func TestAPersonMayAskWhetherTheTenantIsReady(t *testing.T) {
	var log bytes.Buffer
	h := handler.CheckDeployment{Log: telemetry.Logger(&log, "check-deployment", "test", ""),
		Look: func(context.Context) []auth0.Fact { return []auth0.Fact{{Name: "cimd", Status: auth0.Fail}} }}
	for _, ev := range []string{`{}`, `null`, `"hello"`} {
		got, err := h.Handle(t.Context(), json.RawMessage(ev))
		if answer, ok := got.(handler.CheckAnswer); err != nil || !ok || answer.Ready || len(answer.Facts) != 1 {
			t.Errorf("%s: %+v, %v", ev, got, err)
		}
	}
}
