package tenant

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"clientkeeper/internal/openapi"
)

// A description is testdata/openapi.yaml.
type description struct{ *openapi.Description }

func readDescription(t *testing.T) description {
	t.Helper()
	text, err := os.ReadFile("testdata/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d, err := openapi.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return description{d}
}

// validate holds JSON against a schema of the description.
func (d description) validate(t *testing.T, name string, raw []byte) error {
	t.Helper()
	return d.Validate(name, raw)
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
			{"name":"x","signed_request_object":{"required":true,"credentials":[{"credential_type":"public_key","pem":"p"}]}}
			{"name":"x","signed_request_object":{"credentials":[{"id":"cred_1"}]}}
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
			{"signed_request_object":{"required":false,"credentials":[{"id":"cred_1"}]}}
			{"signed_request_object":null}
			{"signed_request_object":{"credentials":[{"credential_type":"public_key","pem":"p"}]}}
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
		{"ClientGrantCreate", grantCreateSchema, `
			{"client_id":"a","audience":"https://a/"}
			{"client_id":"a","audience":"https://a/","scope":["a:b"],"subject_type":"client","organization_usage":"deny","allow_any_organization":false,"allow_all_scopes":true,"authorization_details_types":["x"]}
			{"default_for":"third_party_clients","audience":"https://a/"}
			{"client_id":"a"}
			{"client_id":"a","audience":""}
			{"client_id":"a","audience":"https://a/","scope":[""]}
			{"client_id":"a","audience":"https://a/","scope":null}
			{"client_id":"a","audience":"https://a/","subject_type":"robot"}
			{"client_id":"a","audience":"https://a/","id":"cgr_1"}`},
		{"ClientGrantUpdate", grantUpdateSchema, `
			{}
			{"scope":null,"organization_usage":null,"allow_any_organization":null,"allow_all_scopes":null,"authorization_details_types":null}
			{"scope":["a:b"],"organization_usage":"require","allow_any_organization":true}
			{"scope":"a:b"}
			{"audience":"https://a/"}
			{"organization_usage":"never"}`},
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
