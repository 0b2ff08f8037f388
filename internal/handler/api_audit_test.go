package handler_test

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

// The log says who had what done, whatever the message says of itself.
func TestTheLogSaysWhoHadWhatDone(t *testing.T) {
	asked := `{"external_client_id":"https://agents.example.com/oauth/client.json","requested_by":"somebody else","request_id":"PLAT-1"}`
	about := map[string]any{"external_client_id": "https://agents.example.com/oauth/client.json", "requested_by": "somebody else", "request": "PLAT-1"}
	for name, test := range map[string]struct {
		ev     events.APIGatewayV2HTTPRequest
		caller any
		want   map[string]any
	}{
		"a client":         {apiRequest("POST", "/v1/clients", goodClient), "caller@clients", map[string]any{"made": "/v1/clients/abc123/credentials"}},
		"a credential":     {apiRequest("POST", "/v1/clients/abc123/credentials", "{}"), "caller@clients", map[string]any{"client_id": "abc123", "made": "/v1/clients/abc123/credentials/cred_1"}},
		"a registration":   {apiRequest("POST", "/v1/registrations", asked), "caller@clients", about},
		"one waited for":   {apiRequest("POST", "/v1/registrations", asked, header("prefer", "wait=9")), "caller@clients", about},
		"a preview":        {apiRequest("POST", "/v1/registrations/preview", asked), "caller@clients", about},
		"a webhook":        {signed(asked), nil, map[string]any{"external_client_id": about["external_client_id"], "request": "msg_1"}},
		"a host forbidden": {apiRequest("POST", "/v1/registrations", `{"external_client_id":"https://x.example.net/c"}`), "caller@clients", map[string]any{"external_client_id": "https://x.example.net/c"}},
	} {
		w := newWorld()
		w.answer(t, t.Context(), test.ev)
		var line map[string]any
		if err := json.Unmarshal(w.log.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for member, want := range test.want {
			if line[member] != want {
				t.Errorf("%s: %s is %v, want %v", name, member, line[member], want)
			}
		}
		if line["caller"] != test.caller {
			t.Errorf("%s: the caller is %v", name, line["caller"])
		}
	}
}
