package app

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"clientkeeper/internal/config"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/telemetry"
)

// The whole graph, but for Lambda: an event goes in, and the message's line
// says that the tenant was asked.
func TestRegisterClientIsWiredUp(t *testing.T) {
	r := openSecrets(t)
	r.environment(t)
	tn, reach := openTenant(t, "management")
	id, secret := tn.AddManagementClient("read:clients", "create:clients", "update:clients")
	r.put(t, stored(t, id, secret))
	var log bytes.Buffer
	h, err := RegisterClient(t.Context(), config.RegisterClient{
		Tenant: reach, AllowedHosts: []string{"agents.example.com"}, Concurrency: 1, MaxTries: 5, RetryMax: time.Second, MaxAge: time.Hour,
	}, telemetry.Logger(&log, "register-client", Version, ""), telemetry.Metrics{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	body := `{"external_client_id":"https://agents.example.com/client.json","request_id":"PLAT-7"}`
	if _, err := h.Handle(ctx, events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m1", Body: body}}}); err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(log.String(), "\n")
	var line struct {
		Reason      string
		TenantCalls int `json:"tenant_calls"`
	}
	// A tenant without a way to fetch documents can read none.
	if err := json.Unmarshal([]byte(first), &line); err != nil || line.Reason != "document_unreachable" || line.TenantCalls != 3 {
		t.Errorf("line %s, %v; want three calls to the tenant: a token, a registration, a preview", first, err)
	}
	correlated := 0
	for _, e := range tn.Log() {
		if e.CorrelationID == "PLAT-7" {
			correlated++
		}
	}
	if correlated != 2 {
		t.Errorf("%d of the tenant's log entries carry the correlation id, want the registration and the preview", correlated)
	}
	if strings.Contains(log.String(), secret) {
		t.Error("the management secret is in the log")
	}
}

func TestABadPolicyFailsTheStart(t *testing.T) {
	if h, err := RegisterClient(t.Context(), config.RegisterClient{AllowedHosts: []string{"*"}}, nil, telemetry.Metrics{}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("%v, %v; want invalid", h, err)
	}
}
