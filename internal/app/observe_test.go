package app

import (
	"bytes"
	"strings"
	"testing"

	"clientkeeper/internal/auth0"
	"clientkeeper/internal/telemetry"
)

func TestARequestToTheTenantIsMeasured(t *testing.T) {
	tests := map[string]struct {
		attempt auth0.Attempt
		want    []string
		not     []string
	}{
		"answered":        {auth0.Attempt{Op: "auth0.get_client", Status: 200, Left: 7}, []string{`"Operation":"get_client"`, `"Status":"2xx"`, `"TenantCalls":1`, `"BudgetLeft":7`}, []string{"Throttled", "Token"}},
		"refused as busy": {auth0.Attempt{Op: "auth0.get_client", Status: 429, Left: 0}, []string{`"Status":"429"`, `"Throttled":1`, `"BudgetLeft":0`}, nil},
		"lost":            {auth0.Attempt{Op: "auth0.get_client", Left: -1}, []string{`"Status":"none"`}, []string{"BudgetLeft"}},
		"a token":         {auth0.Attempt{Op: "auth0.token", Status: 200, Left: -1}, []string{`"TokenRequests":1`, `"ManagementLoginsRefused":0`}, nil},
		"a token refused": {auth0.Attempt{Op: "auth0.token", Status: 401, Left: -1}, []string{`"TokenRequests":1`, `"ManagementLoginsRefused":1`, `"Status":"4xx"`}, nil},
		"a token, busy":   {auth0.Attempt{Op: "auth0.token", Status: 429, Left: -1}, []string{`"ManagementLoginsRefused":0`, `"Throttled":1`}, nil},
		"a trial login":   {auth0.Attempt{Op: "auth0.login", Status: 401, Left: -1}, []string{`"Operation":"login"`}, []string{"ManagementLoginsRefused"}},
		"an outage":       {auth0.Attempt{Op: "auth0.get_client", Status: 503, Left: -1}, []string{`"Status":"5xx"`}, nil},
	}
	for name, test := range tests {
		var b bytes.Buffer
		measure(telemetry.NewMetrics(&b, "f"), test.attempt)
		for _, want := range test.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: no %s in %s", name, want, b.String())
			}
		}
		for _, not := range test.not {
			if strings.Contains(b.String(), not) {
				t.Errorf("%s: %s in %s", name, not, b.String())
			}
		}
	}
}
