package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
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
			if strings.Contains(log.String(), "redacted") {
				t.Errorf("%s", log.String())
			}
		})
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
