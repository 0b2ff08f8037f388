package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"clientkeeper/internal/handler"
)

// A request that was accepted under an earlier policy gives its answer again,
// whatever the policy is now; the same one with a new key is refused, and
// leaves nothing, not even a record of its key.
func TestAnAcceptedGrantIsReplayedAfterThePolicyNarrows(t *testing.T) {
	m := openMaker(t)
	m.tenant.AddAPI("https://orders.example.com/")
	ask := func(audiences []string, key string) events.APIGatewayV2HTTPResponse {
		t.Helper()
		m.options.Audiences = audiences
		service, ledger, err := Credentials(m.aws, m.options)
		if err != nil {
			t.Fatal(err)
		}
		h := &handler.API{Ledger: ledger, Credentials: service, Log: slog.New(slog.DiscardHandler)}
		ev := events.APIGatewayV2HTTPRequest{RawPath: "/v1/clients", Body: `{"name":"orders","grants":[{"audience":"https://orders.example.com/"}]}`,
			Headers: map[string]string{"content-type": "application/json", "idempotency-key": key}}
		ev.RequestContext.HTTP.Method = "POST"
		ev.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
			JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: map[string]string{"iss": "i", "sub": "s", "aud": "a", "scope": "clients:create"}}}
		out, err := h.Handle(context.Background(), ev)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	made := ask([]string{"https://orders.example.com/"}, "k1")
	if made.StatusCode != 201 {
		t.Fatalf("%d %s", made.StatusCode, made.Body)
	}
	clients, secrets := len(m.tenant.Clients()), len(m.secrets.Snapshot())
	if again := ask(nil, "k1"); again.StatusCode != 201 || again.Body != made.Body || again.Headers["Idempotency-Replayed"] != "true" {
		t.Errorf("again: %+v", again)
	}
	for range 2 {
		out := ask(nil, "k2")
		var p struct{ Type, Next string }
		if err := json.Unmarshal([]byte(out.Body), &p); err != nil || out.StatusCode != 403 || p.Type != "urn:clientkeeper:problem:audience_not_allowed" || !strings.Contains(p.Next, "ALLOWED_AUDIENCES") {
			t.Errorf("a new key: %d %s", out.StatusCode, out.Body)
		}
	}
	if len(m.tenant.Clients()) != clients || len(m.secrets.Snapshot()) != secrets {
		t.Errorf("%d clients, %d secrets; before %d, %d", len(m.tenant.Clients()), len(m.secrets.Snapshot()), clients, secrets)
	}
	if now := ask([]string{"*"}, "k2"); now.StatusCode != 201 {
		t.Errorf("once it is allowed: %d %s", now.StatusCode, now.Body)
	}
}
