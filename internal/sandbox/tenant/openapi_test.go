package tenant

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// A description is testdata/openapi.yaml, whose schemas are JSON Schema.
type description struct{ compiler *jsonschema.Compiler }

func readDescription(t *testing.T) description {
	t.Helper()
	raw, err := os.ReadFile("testdata/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("openapi.json", value); err != nil {
		t.Fatal(err)
	}
	return description{c}
}

// validate holds JSON against a schema of the description.
func (d description) validate(t *testing.T, name string, raw []byte) error {
	t.Helper()
	s, err := d.compiler.Compile("openapi.json#/components/schemas/" + name)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	return s.Validate(value)
}

// TestAnswersFollowTheDescription holds real answers against the schemas.
func TestAnswersFollowTheDescription(t *testing.T) {
	d := readDescription(t)
	docs := &documents{}
	docs.put(t, keyURL, keyDocument())
	docs.put(t, jwksURL, jwks(t, "key-number-1", "RS256"))
	w := open(t, Options{CIMD: true, Fetcher: docs})
	check := func(schema string, status int, r result) result {
		t.Helper()
		if r.status != status {
			t.Errorf("%s: %d %s", schema, r.status, r.raw)
		}
		if err := d.validate(t, schema, r.raw); err != nil {
			t.Errorf("%s: %v\n%s", schema, err, r.raw)
		}
		return r
	}
	id := check("CimdRegisterResponse", 201, w.register(keyURL)).text("client_id")
	check("CimdRegisterResponse", 200, w.register(keyURL))
	check("CimdPreviewResponse", 200, w.preview(keyURL))
	check("CimdPreviewResponse", 200, w.preview(keyURL+"x"))
	check("ManagementError", 400, w.register(keyURL+"x"))
	check("ManagementError", 404, w.call("GET", "/api/v2/clients/x", nil))
	check("Client", 200, w.call("GET", "/api/v2/clients/"+id, nil))
	check("Client", 200, w.call("PATCH", "/api/v2/clients/"+id, map[string]any{"description": "d"}))
	check("ClientOffsetPage", 200, w.call("GET", "/api/v2/clients?include_totals=true", nil))
	check("ClientCheckpointPage", 200, w.call("GET", "/api/v2/clients?take=1", nil))
	inline := map[string]any{"private_key_jwt": map[string]any{"credentials": []any{keyBody(recordedPEMs(t)[0])}}}
	own := check("Client", 201, w.call("POST", "/api/v2/clients", map[string]any{"name": "x", "client_authentication_methods": inline})).text("client_id")
	check("Credential", 201, w.call("POST", "/api/v2/clients/"+own+"/credentials", keyBody(recordedPEMs(t)[1])))
	check("OAuthError", 400, w.token(nil, nil))
	r := w.token(map[string][]string{"grant_type": {"client_credentials"}, "client_id": {w.id}, "client_secret": {w.secret}, "audience": {w.Audience()}}, nil)
	check("TokenResponse", 200, r)
	if d.validate(t, "Client", []byte(`{"client_id": 7}`)) == nil {
		t.Error("the description accepts anything")
	}
}

// TestSchemasAgree gives bodies to the schemas in Go and to those of the
// description, which must come to the same verdict.
func TestSchemasAgree(t *testing.T) {
	d := readDescription(t)
	tests := []struct {
		name   string
		schema *schema
		bodies string // one JSON text per line
	}{
		{"CimdRequest", cimdSchema, `
			{"external_client_id":"https://a.example/c"}
			{"external_client_id":""}
			{"external_client_id":"` + strings.Repeat("x", 121) + `"}
			{"external_client_id":7}
			{}
			{"external_client_id":"https://a.example/c","x":1}
			[]`},
		{"ClientCreate", clientCreateSchema, `
			{"name":"x"}
			{"name":""}
			{"name":"a<b"}
			{"name":"x","description":null}
			{"name":"x","app_type":"spa","callbacks":["https://a"],"grant_types":[]}
			{"name":"x","grant_types":[""]}
			{"name":"x","client_secret":"s"}
			{"name":"x","jwt_configuration":{"alg":"RS256","more":1}}
			{"name":"x","jwt_configuration":{"alg":"ES256"}}
			{"name":"x","client_metadata":{"a":"b","c":null}}
			{"name":"x","client_metadata":{"a":1}}
			{"name":"x","token_quota":{"client_credentials":{"per_hour":0}}}
			{"name":"x","token_quota":{"client_credentials":{}}}
			{"name":"x","refresh_token":null,"encryption_key":null,"compliance_level":null}
			{"name":"x","refresh_token":{"rotation_type":"rotating"}}
			{"name":"x","organization_usage":null}
			{"name":"x","default_organization":{"organization_id":"o","flows":["client_credentials"]}}
			{"name":"x","default_organization":{"organization_id":"o"}}
			{"name":"x","client_authentication_methods":{"private_key_jwt":{"credentials":[{"credential_type":"public_key","pem":"p"}]}}}
			{"name":"x","client_authentication_methods":{"private_key_jwt":{"credentials":[{"id":"cred_1"}]}}}
			{"name":"x","client_authentication_methods":{}}`},
		{"ClientUpdate", clientUpdateSchema, `
			{}
			{"name":"x"}
			{"client_secret":""}
			{"client_secret":"s","token_endpoint_auth_method":null,"client_authentication_methods":null}
			{"organization_usage":null,"token_quota":null,"default_organization":null,"addons":null}
			{"name":null}
			{"client_authentication_methods":{"private_key_jwt":{"credentials":[{"id":"cred_1"}]}}}
			{"client_authentication_methods":{"private_key_jwt":{"credentials":[{"credential_type":"public_key"}]}}}
			{"client_authentication_methods":{"private_key_jwt":{"credentials":[]}},"token_endpoint_auth_method":null}
			{"client_authentication_methods":{"private_key_jwt":{"credentials":[{"id":"cred_1"}]},"tls_client_auth":{"credentials":[]}}}
			{"client_authentication_methods":{}}
			{"client_authentication_methods":null,"token_endpoint_auth_method":"client_secret_post","client_secret":"s"}
			{"token_endpoint_auth_method":"private_key_jwt"}
			{"client_secret":null}
			{"token_quota":{"client_credentials":{"enforce":true,"per_day":1}}}
			{"resource_server_identifier":"x"}
			{"par_request_expiry":601}`},
		{"CredentialCreate", credentialSchema, `
			{"credential_type":"public_key","pem":"p","alg":"PS256"}
			{"credential_type":"public_key","pem":"p","alg":"ES256"}
			{"credential_type":"x509_cert","pem":"p"}
			{"credential_type":"cert_subject_dn","subject_dn":"CN=x"}
			{"credential_type":"cert_subject_dn","subject_dn":""}
			{"credential_type":"public_key","pem":"p","parse_expiry_from_cert":true,"kid":"my_key-0001"}
			{"credential_type":"public_key","pem":"p","parse_expiry_from_cert":"yes"}
			{"credential_type":"public_key","pem":"p","id":"cred_1"}
			{"credential_type":"key"}
			{"credential_type":"public_key","kid":"has a space"}
			{"credential_type":"public_key","name":"` + strings.Repeat("n", 129) + `"}
			{"pem":"p"}`},
		{"CredentialUpdate", credentialUpdateSchema, `
			{}
			{"expires_at":null}
			{"expires_at":"2027-03-01T00:00:00.000Z"}
			{"expires_at":7}
			{"expires_at":null,"alg":"RS256"}
			{"name":"x"}`},
	}
	for _, test := range tests {
		verdicts := map[bool]int{}
		for line := range strings.Lines(strings.TrimSpace(test.bodies)) {
			var body any
			if err := json.Unmarshal([]byte(line), &body); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			problem, err := test.schema.check("", body), d.validate(t, test.name, []byte(line))
			if (problem == "") != (err == nil) {
				t.Errorf("%s %s: ours says %q, the description %v", test.name, strings.TrimSpace(line), problem, err)
			}
			verdicts[err == nil]++
		}
		if verdicts[true] == 0 || verdicts[false] == 0 {
			t.Errorf("%s: all bodies have one verdict: %v", test.name, verdicts)
		}
	}
}
