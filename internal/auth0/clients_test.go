package auth0

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// replies serves the bodies in order, whatever is asked.
func replies(status int, bodies ...string) *stub {
	n := 0
	return &stub{api: func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, bodies[min(n, len(bodies)-1)])
		n++
	}}
}

const cimdAnswer = `{
  "client_id": "tpc_9aZ81kQwLmN20sXyVbT4rE",
  "mapped_fields": {
    "external_client_id": "https://client.example.org/oauth/client.json",
    "name": "Example Agent", "app_type": "regular_web", "callbacks": ["https://client.example.org/cb"],
    "logo_uri": "https://client.example.org/logo.png", "description": "Reads calendars",
    "grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "private_key_jwt",
    "jwks_uri": "https://client.example.org/jwks.json", "something_new": {"deep": [1]},
    "client_authentication_methods": {"private_key_jwt": {"credentials": [
      {"credential_type": "public_key", "kid": "2026-09-key-1", "alg": "RS256"}]}}},
  "validation": {"valid": true, "violations": [], "warnings": ["Ignoring unsupported properties: client_uri."], "new": 1},
  "another_new_field": null}`

var wantMapped = MappedFields{
	ExternalClientID: document, Name: "Example Agent", AppType: "regular_web",
	Callbacks: []string{"https://client.example.org/cb"}, LogoURI: "https://client.example.org/logo.png",
	Description: "Reads calendars", GrantTypes: []string{"authorization_code", "refresh_token"},
	TokenEndpointAuthMethod: "private_key_jwt", JWKSURI: "https://client.example.org/jwks.json",
	AuthenticationMethods: AuthenticationMethods{PrivateKeyJWT: EnabledCredentials{
		[]ClientCredential{{Type: "public_key", KeyID: "2026-09-key-1", Alg: "RS256"}}}},
}

func TestRegisterReadsTheWholeAnswer(t *testing.T) {
	for status, created := range map[int]bool{201: true, 200: false} {
		s := replies(status, cimdAnswer)
		c := onLoopback(t, s)
		got, err := c.RegisterCIMD(WithCorrelationID(t.Context(), "msg 1\r\n"+strings.Repeat("x", 100)), clientID(t, document))
		if err != nil {
			t.Fatal(err)
		}
		want := Registration{ClientID: "tpc_9aZ81kQwLmN20sXyVbT4rE", Created: created, Mapped: wantMapped,
			Validation: Validation{Valid: true, Warnings: []string{"Ignoring unsupported properties: client_uri."}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("HTTP %d: -want +got:\n%s", status, diff)
		}
		r := s.seen[0]
		if r.Method != "POST" || r.URL.Path != "/api/v2/clients/cimd/register" || s.bodies[0] != `{"external_client_id":"`+document+`"}` {
			t.Errorf("%s %s %s", r.Method, r.URL, s.bodies[0])
		}
		if id := r.Header.Get("X-Correlation-ID"); id != "msg1"+strings.Repeat("x", 60) {
			t.Errorf("X-Correlation-ID = %q", id)
		}
	}
}

func TestPreview(t *testing.T) {
	tests := map[string]struct {
		body string
		want Preview
		good bool
	}{
		"good, registered": {cimdAnswer, Preview{ClientID: "tpc_9aZ81kQwLmN20sXyVbT4rE", Mapped: wantMapped,
			Validation: &Validation{Valid: true, Warnings: []string{"Ignoring unsupported properties: client_uri."}}}, true},
		"bad": {`{"mapped_fields":{},"validation":{"valid":false,"violations":["client_name is missing"],"warnings":[]}}`,
			Preview{Validation: &Validation{Violations: []string{"client_name is missing"}}}, false},
		"not retrieved":                 {`{"errors":["no route"]}`, Preview{Errors: []string{"no route"}}, false},
		"not retrieved, but registered": {`{"errors":["no route"],"client_id":"tpc_1"}`, Preview{ClientID: "tpc_1", Errors: []string{"no route"}}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := replies(200, tt.body)
			got, err := onLoopback(t, s).PreviewCIMD(t.Context(), clientID(t, document))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if got.Valid() != tt.good {
				t.Errorf("Valid() = %v", got.Valid())
			}
			if s.seen[0].URL.Path != "/api/v2/clients/cimd/preview" {
				t.Errorf("path %s", s.seen[0].URL.Path)
			}
		})
	}
	for _, empty := range []string{`{}`, `{"client_id":"tpc_1"}`, `null`, `{"errors":[]}`} {
		if _, err := onLoopback(t, replies(200, empty)).PreviewCIMD(t.Context(), clientID(t, document)); fault.Reason(err) != "strange_answer" {
			t.Errorf("%s: err = %v", empty, err)
		}
	}
}

func TestTheTenantsTextsAreTamed(t *testing.T) {
	long := strings.Repeat("é", 1000)
	many := make([]string, 500)
	many[0], many[1], many[2] = "line\nbreak\x00\x1b[31m", long, "right\u202eleft"
	got := tame(many)
	if len(got) != maxTexts {
		t.Errorf("%d texts", len(got))
	}
	if got[0] != "line break  [31m" || got[2] != "right left" {
		t.Errorf("got %q and %q", got[0], got[2])
	}
	if n := len([]rune(got[1])); n != maxText {
		t.Errorf("%d characters", n)
	}
	if tame(nil) != nil {
		t.Error("nothing became something")
	}
}

func TestClient(t *testing.T) {
	s := replies(200, `{"client_id":"a","client_secret":"`+canarySecret+`","is_first_party":false,
		"client_metadata":{"team":"payments","old":7},"jwt_configuration":{"alg":"RS256","lifetime_in_seconds":3600,"secret_encoded":false},
		"signing_keys":[{"key":"private"}],"refresh_token":null,"client_authentication_methods":null,"unheard_of":{}}`)
	got, err := onLoopback(t, s).Client(t.Context(), "a", "client_id", "client_secret")
	if err != nil {
		t.Fatal(err)
	}
	if !got.Secret.Equal(secret.New(canarySecret)) || got.Metadata["team"] != "payments" || len(got.Metadata) != 1 ||
		got.FirstParty == nil || *got.FirstParty || got.OIDCConformant != nil || got.JWTConfiguration.LifetimeInSeconds != 3600 {
		t.Errorf("got %+v", got)
	}
	if q := s.seen[0].URL.RawQuery; q != "fields=client_id%2Cclient_secret&include_fields=true" {
		t.Errorf("query %s", q)
	}
	if s.seen[0].Header.Get("X-Correlation-ID") != "" {
		t.Error("a read carries a correlation id")
	}
	if text := fmt.Sprintf("%v %+v %#v", got, got, got); leaks(text) != nil {
		t.Errorf("printing leaks: %s", text)
	}
	if out, err := json.Marshal(got); err == nil {
		t.Errorf("a client with a secret was encoded: %s", out)
	}
	got.Secret = secret.Value{}
	if _, err := json.Marshal(got); err != nil {
		t.Errorf("a client without a secret: %v", err)
	}
}

// What is not about the client that was asked for says nothing of its secret or
// keys, and least of all that it has none.
func TestAnAnswerAboutAnotherClient(t *testing.T) {
	for body, fields := range map[string][]string{
		`{}`: nil, `null`: nil, `{"client_id":"b","name":"another"}`: nil, `{"client_id":null}`: nil, `{"name":"a"}`: {"client_id", "name"},
	} {
		c := onLoopback(t, replies(200, body))
		if got, err := c.Client(t.Context(), "a", fields...); fault.Reason(err) != "strange_answer" || got.Name != "" {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
	if _, err := onLoopback(t, replies(200, `{}`)).ClientWithSecret(t.Context(), "a"); fault.Reason(err) != "strange_answer" {
		t.Errorf("with its secret: %v", err)
	}
	if _, err := onLoopback(t, replies(200, `{"name":"a"}`)).Client(t.Context(), "a", "name"); err != nil {
		t.Errorf("a field that was asked for alone: %v", err)
	}
}

// An id may not climb out of its place in the path.
func TestIDsAreEscaped(t *testing.T) {
	s := replies(404, `{}`)
	c := onLoopback(t, s)
	for id, want := range map[string]string{
		"tpc_1": "/api/v2/clients/tpc_1", "a/../b": "/api/v2/clients/a%2F..%2Fb",
		"a?x=1": "/api/v2/clients/a%3Fx=1", "a#b": "/api/v2/clients/a%23b", "%2e%2e": "/api/v2/clients/%252e%252e",
	} {
		if _, err := c.Client(t.Context(), id); !errors.Is(err, fault.NotFound) {
			t.Fatal(err)
		}
		if got := s.seen[len(s.seen)-1].RequestURI; got != want {
			t.Errorf("%q was asked for as %s, want %s", id, got, want)
		}
	}
	calls := len(s.seen)
	for _, id := range []string{"", ".", "..", strings.Repeat("x", 129)} {
		_, get := c.Client(t.Context(), id)
		set := c.SetClientMetadata(t.Context(), id, map[string]string{"a": "b"})
		for _, err := range []error{get, set, c.DeleteClient(t.Context(), id)} {
			if !errors.Is(err, fault.Invalid) {
				t.Errorf("%q: %v", id, err)
			}
		}
	}
	if len(s.seen) != calls {
		t.Error("a bad id was sent")
	}
}

func TestDeleteClient(t *testing.T) {
	tests := map[string]struct {
		befall befall
		want   error
	}{
		"deleted":           {befall{status: 204, body: " "}, nil},
		"gone already":      {befall{status: 404, code: "inexistent_client"}, nil},
		"some other 404":    {befall{status: 404}, fault.NotFound},
		"the global client": {befall{status: 400}, fault.Invalid},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := &stub{t: t, befalls: always(tt.befall)}
			if err := onLoopback(t, s).DeleteClient(t.Context(), "a"); !errors.Is(err, tt.want) {
				t.Errorf("err = %v, want %v", err, tt.want)
			}
			if s.seen[0].Method != "DELETE" || s.bodies[0] != "" || s.seen[0].Header.Get("Content-Type") != "" {
				t.Errorf("%s with %q", s.seen[0].Method, s.bodies[0])
			}
		})
	}
}

func TestSetClientMetadata(t *testing.T) {
	eleven := map[string]string{}
	for i := range 11 {
		eleven[fmt.Sprint(i)] = ""
	}
	tests := map[string]struct {
		in   map[string]string
		want error
		body string // sent; empty if nothing is
	}{
		"two keys":       {map[string]string{"a": "1", "b": ""}, nil, `{"client_metadata":{"a":"1","b":""}}`},
		"nothing":        {nil, nil, ""},
		"longest value":  {map[string]string{"a": strings.Repeat("é", 255)}, nil, `{"client_metadata":{"a":"` + strings.Repeat("é", 255) + `"}}`},
		"value too long": {map[string]string{"a": strings.Repeat("x", 256)}, fault.Invalid, ""},
		"key too long":   {map[string]string{strings.Repeat("x", 256): ""}, fault.Invalid, ""},
		"empty key":      {map[string]string{"": "x"}, fault.Invalid, ""},
		"eleven keys":    {eleven, fault.Invalid, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := replies(200, `{}`)
			if err := onLoopback(t, s).SetClientMetadata(t.Context(), "a", tt.in); !errors.Is(err, tt.want) {
				t.Errorf("err = %v, want %v", err, tt.want)
			}
			if got := strings.Join(s.bodies, ""); got != tt.body {
				t.Errorf("sent %s, want %s", got, tt.body)
			}
		})
	}
}
