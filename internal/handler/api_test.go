package handler_test

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"clientkeeper/internal/credential"
	"clientkeeper/internal/fault"
)

func body(t testing.TB, out events.APIGatewayV2HTTPResponse) map[string]any {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal([]byte(out.Body), &got); err != nil {
		t.Fatalf("%v in %q", err, out.Body)
	}
	return got
}

func TestANewClientIsAskedForAsItWasWritten(t *testing.T) {
	w := newWorld()
	out := w.answer(t, t.Context(), apiRequest("POST", "/v1/clients", goodClient))
	want := credential.NewClient{Name: "orders", Description: "d", AuthMethod: "private_key_jwt",
		Grants: []credential.Grant{{Audience: "https://api.example.com", Scopes: []string{"read:orders"}}},
		Quota:  credential.Quota{PerHour: 100, Enforce: true}, Interval: 30 * 24 * time.Hour, Overlap: 24 * time.Hour,
		Tags: map[string]string{"team": "platform"}, RequestedBy: "caller@clients"}
	if diff := cmp.Diff(want, w.newest); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if out.StatusCode != 201 || out.Headers["Location"] != "/v1/clients/abc123/credentials" || out.Headers["Idempotency-Replayed"] != "" {
		t.Errorf("%d %v", out.StatusCode, out.Headers)
	}
	if diff := cmp.Diff(map[string]any{"client_id": "abc123", "name": "orders", "token_endpoint_auth_method": "private_key_jwt",
		"secret_arn": someClient.SecretARN, "next_rotation": "2021-02-25T16:02:10Z"}, body(t, out)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	again := w.answer(t, t.Context(), apiRequest("POST", "/v1/clients", goodClient))
	if again.Body != out.Body || again.StatusCode != 201 || again.Headers["Idempotency-Replayed"] != "true" || again.Headers["Location"] != out.Headers["Location"] || len(w.writes) != 1 {
		t.Errorf("the same again: %d %v %s, %v", again.StatusCode, again.Headers, again.Body, w.writes)
	}
}

// What the policy refuses is neither asked for nor recorded, unless it is a
// request that was begun under another policy.
func TestARefusedGrantIsNotRecorded(t *testing.T) {
	refusal := &fault.Error{Kind: fault.Denied, Op: "credential.create_client", Reason: "audience_not_allowed", Detail: "not that API", Next: "see ALLOWED_AUDIENCES"}
	w := newWorld()
	w.refusal = refusal
	if out := w.answer(t, t.Context(), apiRequest("POST", "/v1/clients", goodClient)); out.StatusCode != 403 || body(t, out)["type"] != "urn:clientkeeper:problem:audience_not_allowed" || len(w.requests)+len(w.writes) > 0 {
		t.Errorf("%d %s; %v", out.StatusCode, out.Body, w.writes)
	}
	w.refusal = nil
	first := w.answer(t, t.Context(), apiRequest("POST", "/v1/clients", goodClient))
	w.refusal = refusal
	if again := w.answer(t, t.Context(), apiRequest("POST", "/v1/clients", goodClient)); again.StatusCode != 201 || again.Body != first.Body || len(w.writes) != 1 {
		t.Errorf("%d %s; %v", again.StatusCode, again.Body, w.writes)
	}
	w.err = &fault.Error{Kind: fault.Unavailable, Op: "app.record"}
	if out := w.answer(t, t.Context(), apiRequest("POST", "/v1/clients", goodClient)); out.StatusCode != 503 {
		t.Errorf("where nobody knows: %d %s", out.StatusCode, out.Body)
	}
}

func TestAKeyBelongsToItsCallerAndItsRequest(t *testing.T) {
	iam := func(arn string) func(*events.APIGatewayV2HTTPRequest) {
		return func(ev *events.APIGatewayV2HTTPRequest) {
			ev.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
				IAM: &events.APIGatewayV2HTTPRequestContextAuthorizerIAMDescription{UserARN: arn}}
		}
	}
	token := func(issuer, subject string) func(*events.APIGatewayV2HTTPRequest) {
		return claims(map[string]string{"iss": issuer, "sub": subject, "scope": allScopes})
	}
	const quoted = `"3a8c1f0e-4b7d-4b51-9e0f-2d6c1b7a9f10"`
	tests := map[string]struct {
		first, second events.APIGatewayV2HTTPRequest
		status        int
		made          int
	}{
		"the same":                         {again("createClient"), again("createClient"), 201, 1},
		"the same, the key quoted":         {again("createClient"), with(again("createClient"), header("idempotency-key", quoted)), 201, 1},
		"another body":                     {again("createClient"), apiRequest("POST", "/v1/clients", `{"name":"other"}`), 422, 1},
		"the same with another space":      {again("createClient"), apiRequest("POST", "/v1/clients", goodClient+" "), 422, 1},
		"the same body elsewhere":          {apiRequest("POST", "/v1/clients", `{"name":"x"}`), apiRequest("POST", "/v1/clients/abc123/credentials", `{"name":"x"}`), 422, 1},
		"the same for another client":      {apiRequest("POST", "/v1/clients/a/credentials", "{}"), apiRequest("POST", "/v1/clients/b/credentials", "{}"), 422, 1},
		"another key":                      {again("createClient"), with(again("createClient"), header("idempotency-key", "other")), 201, 2},
		"another subject":                  {again("createClient"), with(again("createClient"), token("https://example.eu.auth0.com/", "other@clients")), 201, 2},
		"another issuer":                   {again("createClient"), with(again("createClient"), token("https://other.eu.auth0.com/", "caller@clients")), 201, 2},
		"a role's two sessions":            {with(again("createClient"), iam("arn:aws:sts::123456789012:assumed-role/workload/i-1")), with(again("createClient"), iam("arn:aws:sts::123456789012:assumed-role/workload/i-2")), 201, 1},
		"two roles":                        {with(again("createClient"), iam("arn:aws:sts::123456789012:assumed-role/workload/i-1")), with(again("createClient"), iam("arn:aws:sts::123456789012:assumed-role/other/i-1")), 201, 2},
		"a token that names itself a role": {with(again("createClient"), iam("arn:aws:iam::123456789012:user/x")), with(again("createClient"), token("iam", "arn:aws:iam::123456789012:user/x")), 201, 2},
	}
	for name, test := range tests {
		w := newWorld()
		w.answer(t, t.Context(), test.first)
		out := w.answer(t, t.Context(), test.second)
		if out.StatusCode != test.status || len(w.writes) != test.made {
			t.Errorf("%s: %d, %d were made; want %d, %d (%s)", name, out.StatusCode, len(w.writes), test.status, test.made, out.Body)
		}
	}
}

func TestAFirstTryThatIsAtWork(t *testing.T) {
	w := newWorld()
	ev := again("createClient")
	w.answer(t, t.Context(), ev)
	for id, r := range w.requests {
		r.busy = true
		w.requests[id] = r
	}
	out := w.answer(t, t.Context(), ev)
	if out.StatusCode != 409 || out.Headers["Retry-After"] != "7" || problemOf(t, "busy", out) != "idempotency_in_progress" {
		t.Errorf("%d %v %s", out.StatusCode, out.Headers, out.Body)
	}
}

// A failure is not remembered: the next try with the key is a new one.
func TestAFailureIsTriedAgain(t *testing.T) {
	w := newWorld()
	w.err = fault.Unavailable
	if out := w.answer(t, t.Context(), again("createClient")); out.StatusCode != 503 {
		t.Errorf("%d %s", out.StatusCode, out.Body)
	}
	w.err = nil
	if out := w.answer(t, t.Context(), again("createClient")); out.StatusCode != 201 || len(w.writes) != 1 {
		t.Errorf("%d %s", out.StatusCode, out.Body)
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	for id, ev := range goodRequests() {
		if ev.RequestContext.Authorizer == nil {
			continue
		}
		scope := ""
		for _, s := range strings.Fields(allScopes) {
			w := newWorld()
			out := w.answer(t, t.Context(), with(again(id), claims(map[string]string{"iss": "i", "sub": "s", "scope": s})))
			switch {
			case out.StatusCode < 300:
				scope += s
			case out.StatusCode != 403 || problemOf(t, id, out) != "scope_missing" || len(w.writes)+len(w.asked) > 0:
				t.Errorf("%s with %s: %d %s %v", id, s, out.StatusCode, out.Body, w.writes)
			case !strings.Contains(out.Headers["WWW-Authenticate"], `error="insufficient_scope"`):
				t.Errorf("%s: %v", id, out.Headers)
			}
		}
		if strings.Count(scope, ":") != 1 {
			t.Errorf("%s is allowed by %q, want one scope", id, scope)
		}
	}
}

func TestACredentialIsAskedForAsItWasWritten(t *testing.T) {
	for text, want := range map[string]credential.NewCredential{
		`{}`: {},
		`{"name":"n","alg":"PS256","key_size":4096,"expires_in":3600,"attach":true}`: {Name: "n", Alg: "PS256", KeySize: 4096, ExpiresIn: time.Hour, Attach: true},
		`{"pem":"-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n"}`:     {PEM: "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n"},
		`{"jwk":{"kty":"RSA","n":"x","e":"AQAB"}}`:                                   {JWK: []byte(`{"kty":"RSA","n":"x","e":"AQAB"}`)},
		`{"jwks":{"keys":[]}}`:                                    {JWKS: []byte(`{"keys":[]}`)},
		`{"jwks_uri":"https://a.example/jwks"}`:                   {JWKSURI: "https://a.example/jwks"},
		`{"certificate":"c","use":"self_signed_tls_client_auth"}`: {Certificate: "c", Use: "self_signed_tls_client_auth"},
		`{"subject_dn":"CN=x","use":"tls_client_auth"}`:           {SubjectDN: "CN=x", Use: "tls_client_auth"},
	} {
		w := newWorld()
		out := w.answer(t, t.Context(), apiRequest("POST", "/v1/clients/abc123/credentials", text,
			claims(map[string]string{"iss": "i", "sub": "s", "scope": allScopes, "aud": "[https://other https://clientkeeper/api]"})))
		want.Withheld = []string{"https://example.eu.auth0.com/api/v2/", "https://other", "https://clientkeeper/api"}
		if diff := cmp.Diff(want, w.added); diff != "" || out.StatusCode != 201 {
			t.Errorf("%s: %d %s (-want +got)\n%s", text, out.StatusCode, out.Body, diff)
		}
		location := "/v1/clients/abc123/credentials"
		if want.JWKS == nil {
			location += "/cred_1"
		}
		if out.Headers["Location"] != location {
			t.Errorf("%s: Location %q", text, out.Headers["Location"])
		}
	}
}

func TestAnExpiryIsATimeToCome(t *testing.T) {
	for text, ok := range map[string]bool{
		"2021-02-25T15:02:11Z": true, "2021-02-25T15:02:10Z": false, "2020-12-31T00:00:00Z": false, "2031-02-22T00:00:00Z": true, "2031-12-31T00:00:00Z": false,
		"2021-02-25T16:02:11+01:00": true, "2021-02-25T15:02:11.5Z": true, "0000-01-01T00:00:00Z": false, "9999-12-31T23:59:59Z": false,
	} {
		w := newWorld()
		out := w.answer(t, t.Context(), apiRequest("PATCH", credentialPath, `{"expires_at":"`+text+`"}`))
		if ok != (out.StatusCode == 200) || ok != (len(w.writes) == 1) || !ok && problemOf(t, text, out) != "body_invalid" {
			t.Errorf("%s: %d %s", text, out.StatusCode, out.Body)
		}
	}
}

func TestPagesFollowEachOther(t *testing.T) {
	w := newWorld()
	w.next = "AQE/+= token"
	out := w.answer(t, t.Context(), apiRequest("GET", "/v1/clients", ""))
	cursor, _ := body(t, out)["next_cursor"].(string)
	w.next = ""
	out = w.answer(t, t.Context(), apiRequest("GET", "/v1/clients?limit=7&cursor="+cursor, ""))
	if want := []string{"clients  50", "clients AQE/+= token 7"}; !slices.Equal(w.asked, want) {
		t.Errorf("asked %q, want %q", w.asked, want)
	}
	if _, more := body(t, out)["next_cursor"]; more || out.StatusCode != 200 {
		t.Errorf("%d %s", out.StatusCode, out.Body)
	}
	for i := range cursor {
		changed := []byte(cursor)
		changed[i] ^= 1
		w := newWorld()
		out := w.answer(t, t.Context(), apiRequest("GET", "/v1/clients?cursor="+string(changed), ""))
		if out.StatusCode != 400 || len(w.asked) > 0 {
			t.Errorf("a cursor with another letter %d: %d", i, out.StatusCode)
		}
	}
}

func TestARemovalIsForcedByItsWord(t *testing.T) {
	for query, want := range map[string]string{"": "false", "?force=false": "false", "?force=true": "true"} {
		w := newWorld()
		out := w.answer(t, t.Context(), apiRequest("DELETE", credentialPath+query, ""))
		if out.StatusCode != 204 || out.Body != "" || len(w.writes) != 1 || w.writes[0] != "remove abc123 cred_1 "+want {
			t.Errorf("%q: %d %q %v", query, out.StatusCode, out.Body, w.writes)
		}
	}
}

func TestARotationIsFollowed(t *testing.T) {
	w := newWorld()
	out := w.answer(t, t.Context(), with(apiRequest("POST", "/v1/clients/abc123/rotations", ""), withoutHeader("idempotency-key")))
	if out.StatusCode != 202 || out.Headers["Location"] != "/v1/rotations/rot-1" {
		t.Errorf("%d %v %s", out.StatusCode, out.Headers, out.Body)
	}
	for state, retry := range map[string]string{"running": "5", "succeeded": "", "superseded": "", "failed": ""} {
		w.state = state
		out = w.answer(t, t.Context(), apiRequest("GET", "/v1/rotations/rot-1", ""))
		if out.StatusCode != 200 || out.Headers["Retry-After"] != retry || body(t, out)["state"] != state {
			t.Errorf("%s: %d %v %s", state, out.StatusCode, out.Headers, out.Body)
		}
	}
}

// API Gateway wraps what it takes for binary.
func TestABodyInBase64IsTheSameBody(t *testing.T) {
	ev := again("createClient")
	ev.Body, ev.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(ev.Body)), true
	w := newWorld()
	if out := w.answer(t, t.Context(), ev); out.StatusCode != 201 || w.newest.Name != "orders" {
		t.Errorf("%d %s", out.StatusCode, out.Body)
	}
	again := w.answer(t, t.Context(), apiRequest("POST", "/v1/clients", goodClient))
	if again.Headers["Idempotency-Replayed"] != "true" {
		t.Errorf("it is another request as text: %d %s", again.StatusCode, again.Body)
	}
}

func TestANamedStageIsNoPartOfThePath(t *testing.T) {
	w := newWorld()
	out := w.answer(t, t.Context(), with(again("listClients"), func(ev *events.APIGatewayV2HTTPRequest) {
		ev.RequestContext.Stage, ev.RawPath = "prod", "/prod/v1/clients"
	}))
	if out.StatusCode != 200 {
		t.Errorf("%d %s", out.StatusCode, out.Body)
	}
}
