package handler_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"clientkeeper/internal/credential"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/registration"
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
		out := w.answer(t, t.Context(), apiRequest("POST", "/v1/clients/abc123/credentials", text))
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
		"wait longer than numbers":     {"wait=99999999999999999999", nil, false, 202, "", true},
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
	if w.sent[0].Group != "" || w.sent[0].Deduplication != "" {
		t.Errorf("a standard queue gets %+v", w.sent[0])
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

func orEmpty(v any) any {
	if v == nil {
		return ""
	}
	return v
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
