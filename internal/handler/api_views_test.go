package handler_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"clientkeeper/internal/credential"
)

// lists are of several, with times to the nanosecond and none.
type lists struct{ *world }

func (lists) Clients(context.Context, string, int) ([]credential.Client, string, error) {
	later := someClient
	later.ClientID, later.NextDue = "def456", time.Time{}
	first := someClient
	first.NextDue = first.NextDue.Add(time.Millisecond).In(time.FixedZone("", 3600))
	return []credential.Client{first, later}, "", nil
}

func (lists) Credentials(context.Context, string) ([]credential.Credential, error) {
	return []credential.Credential{someCredential, {ID: "cred_2", Type: "public_key"}}, nil
}

func TestListsHoldWhatIsThere(t *testing.T) {
	for path, want := range map[string]string{
		"/v1/clients": `{"clients":[{"client_id":"abc123","name":"orders","token_endpoint_auth_method":"private_key_jwt","secret_arn":"` + someClient.SecretARN + `","next_rotation":"2021-02-25T16:02:10Z"},` +
			`{"client_id":"def456","name":"orders","token_endpoint_auth_method":"private_key_jwt","secret_arn":"` + someClient.SecretARN + `"}]}`,
		"/v1/clients/abc123/credentials": `{"credentials":[{"id":"cred_1","name":"orders","credential_type":"public_key","kid":"kid-1234567890","alg":"RS256","attached":true,` +
			`"created_at":"2021-02-25T15:02:10Z","updated_at":"2021-02-25T15:02:10Z","secret_arn":"` + someClient.SecretARN + `"},{"id":"cred_2","credential_type":"public_key","attached":false}]}`,
	} {
		w := newWorld()
		w.credentials = lists{w}
		out := w.answer(t, t.Context(), apiRequest("GET", path, ""))
		var wanted map[string]any
		if err := json.Unmarshal([]byte(want), &wanted); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wanted, body(t, out)); diff != "" {
			t.Errorf("%s: %d (-want +got)\n%s", path, out.StatusCode, diff)
		}
	}
}

func TestAClientMayHaveSeveralAPIs(t *testing.T) {
	w := newWorld()
	out := w.answer(t, t.Context(), apiRequest("POST", "/v1/clients", `{"name":"x","grants":[{"audience":"a"},{"audience":"b"}]}`, header("content-encoding", "identity")))
	if out.StatusCode != 201 || len(w.newest.Grants) != 2 {
		t.Errorf("%d %s: %+v", out.StatusCode, out.Body, w.newest.Grants)
	}
}

// A token without a subject speaks for the client that it was given to.
func TestATokenWithoutASubject(t *testing.T) {
	w := newWorld()
	out := w.answer(t, t.Context(), with(again("createClient"), claims(map[string]string{"iss": "i", "azp": "caller", "scope": allScopes})))
	if out.StatusCode != 201 || w.newest.RequestedBy != "caller" {
		t.Errorf("%d %s, asked for by %q", out.StatusCode, out.Body, w.newest.RequestedBy)
	}
}

func TestAnotherMethodIsToldWhichThereAre(t *testing.T) {
	for path, want := range map[string]string{"/v1/clients": "GET, POST", credentialPath: "DELETE, GET, PATCH", webhookPath: "POST"} {
		w := newWorld()
		if out := w.answer(t, t.Context(), apiRequest("PUT", path, goodClient)); out.StatusCode != 405 || out.Headers["Allow"] != want {
			t.Errorf("%s: %d %v, want %s", path, out.StatusCode, out.Headers, want)
		}
		line := w.log.String()
		if known := strings.Contains(line, `"caller":"caller@clients"`); known != (path != webhookPath) || strings.Contains(line, "client_id") {
			t.Errorf("%s is logged as %s", path, line)
		}
	}
}

// A spelling that the gateway takes for no route, and the function for one,
// would get round what the gateway asks of callers on that route.
func TestTheDefaultRouteServesNothing(t *testing.T) {
	for name, ev := range goodRequests() {
		ev.RouteKey = "$default"
		w := newWorld()
		out := w.answer(t, t.Context(), ev)
		if reason := problemOf(t, name, out); out.StatusCode != 404 || reason != "route_unknown" || len(w.writes)+len(w.sent)+len(w.asked)+len(w.requests) > 0 {
			t.Errorf("%s: %d %s, and %v %v %v", name, out.StatusCode, reason, w.writes, w.sent, w.asked)
		}
	}
}
