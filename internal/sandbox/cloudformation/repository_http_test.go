package cloudformation_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"clientkeeper/internal/sandbox/cloudformation"
)

// ownRoutes are the routes of the HTTP API with the scope that opens each.
var ownRoutes = map[string]string{
	"POST /v1/clients":                                           "clients:create",
	"GET /v1/clients":                                            "clients:read",
	"POST /v1/clients/{client_id}/credentials":                   "credentials:write",
	"GET /v1/clients/{client_id}/credentials":                    "credentials:read",
	"GET /v1/clients/{client_id}/credentials/{credential_id}":    "credentials:read",
	"PATCH /v1/clients/{client_id}/credentials/{credential_id}":  "credentials:write",
	"DELETE /v1/clients/{client_id}/credentials/{credential_id}": "credentials:write",
	"POST /v1/clients/{client_id}/rotations":                     "rotations:start",
	"GET /v1/rotations/{rotation_id}":                            "rotations:read",
	"POST /v1/registrations":                                     "registrations:create",
	"POST /v1/registrations/preview":                             "registrations:create",
	"GET /v1/openapi.json":                                       "",
	"POST /v1/webhooks/registrations":                            "",
	"ANY /v1/webhooks/{path+}":                                   "",
	"$default":                                                   anyScope,
}

// anyScope is for a caller with whatever scope.
const anyScope = "*"

// TestOwnRoutes: who may use each route, whichever way callers prove who they
// are. Only the description and the webhook, which is signed, are open.
func TestOwnRoutes(t *testing.T) {
	issuer := "https://" + required["Auth0Domain"] + "/"
	token := &cloudformation.Authorizer{Name: "ApiAuthorizer", Issuer: issuer, Audience: []string{"https://clientkeeper/api"}, IdentitySource: "$request.header.Authorization"}
	elsewhere := *token
	elsewhere.Issuer, elsewhere.Audience = "https://issuer.example/", []string{"urn:portal"}
	tests := map[string]struct {
		parameters map[string]string
		want       *cloudformation.Authorizer
		scopes     bool
	}{
		"by default":     {nil, token, true},
		"another issuer": {map[string]string{"ApiIssuer": "https://issuer.example/", "ApiAudience": "urn:portal"}, &elsewhere, true},
		"AWS IAM":        {map[string]string{"ApiAuth": "AWS_IAM"}, &cloudformation.Authorizer{Name: "AWS_IAM", IAM: true}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := readOwn(t, with(test.parameters))
			if err != nil {
				t.Fatal(err)
			}
			if len(s.HTTPAPIs) != 1 || len(s.HTTPAPIs[0].Routes) != len(ownRoutes) {
				t.Fatalf("%d APIs, want one with %d routes", len(s.HTTPAPIs), len(ownRoutes))
			}
			for _, r := range s.HTTPAPIs[0].Routes {
				checkRoute(t, r, test.want, test.scopes)
			}
		})
	}
}

func checkRoute(t *testing.T, r cloudformation.Route, want *cloudformation.Authorizer, scopes bool) {
	t.Helper()
	key := r.Method + " " + r.Path
	if r.Path == "" {
		key = "$default"
	}
	scope, known := ownRoutes[key]
	function := "ApiFunction"
	if strings.Contains(r.Path, "webhooks") {
		function = "WebhookFunction"
	}
	if !known || r.Function != function {
		t.Errorf("%s leads to %s, known: %v", key, r.Function, known)
	}
	var wantScopes []string
	if scope == "" {
		want = nil
	} else if scopes && scope != anyScope {
		wantScopes = []string{scope}
	}
	if diff := cmp.Diff(want, r.Authorizer); diff != "" || !slices.Equal(wantScopes, r.Scopes) {
		t.Errorf("%s: scopes %v, want %v\n%s", key, r.Scopes, wantScopes, diff)
	}
}

// The API throttles, its stage logs, and a line of the log has no place for a
// query, a header or a token. The function ends before API Gateway gives up.
func TestOwnAPILimits(t *testing.T) {
	s, err := readOwn(t, with(map[string]string{"ApiRate": "7", "ApiBurst": "9"}))
	if err != nil {
		t.Fatal(err)
	}
	api := s.HTTPAPIs[0]
	if api.Throttle != (cloudformation.Throttle{Rate: 7, Burst: 9}) || api.Stage != "$default" {
		t.Errorf("throttle %+v, stage %s", api.Throttle, api.Stage)
	}
	for _, variable := range []string{"query", "header", "authorization", "$context.integration.", "claims.scope"} {
		if strings.Contains(strings.ToLower(api.AccessLogFormat), variable) {
			t.Errorf("the access log has %s: %s", variable, api.AccessLogFormat)
		}
	}
	if !strings.Contains(api.AccessLogFormat, "$context.requestId") || strings.ContainsAny(api.AccessLogFormat, "\r\n") {
		t.Errorf("the access log is no line with an id: %q", api.AccessLogFormat)
	}
	for _, f := range s.Functions {
		if f.LogicalID == "ApiFunction" && f.Timeout >= 30*time.Second {
			t.Errorf("the function may still be at work when its caller has been told 503: %s", f.Timeout)
		}
	}
}

// The webhooks' signing secret is base64 of 24 to 64 bytes, and rotated by the
// product.
func TestOwnWebhookSecret(t *testing.T) {
	s, err := readOwn(t, required)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Secrets) != 2 {
		t.Fatalf("%d secrets", len(s.Secrets))
	}
	i := slices.IndexFunc(s.Secrets, func(w cloudformation.Secret) bool { return w.LogicalID == "WebhookSecret" })
	if i < 0 {
		t.Fatal("there is no WebhookSecret")
	}
	w := s.Secrets[i]
	if g := w.Generate; g == nil || g.Key != "whsec" || g.Length%4 != 0 || g.Length < 32 || g.Length > 84 || !g.NoPunctuation || g.Space {
		t.Errorf("generated as %+v", g)
	}
	want := map[string]string{"clientkeeper:managed": "true", "clientkeeper:kind": "webhook_secret", "clientkeeper:interval": "90d", "clientkeeper:tenant": "localhost:8443"}
	if diff := cmp.Diff(want, w.Tags); diff != "" {
		t.Errorf("tags (-want +got)\n%s", diff)
	}
	// Without a function nothing could start its rotation; at once, the secret
	// that a partner was just given would be the one before; by a schedule of
	// Secrets Manager, 0d would not leave it alone.
	if diff := cmp.Diff(&cloudformation.Rotation{FunctionARN: "arn:aws:lambda:us-east-1:123456789012:function:clientkeeper-rotate-secret"}, w.Rotation); diff != "" {
		t.Errorf("rotation (-want +got)\n%s", diff)
	}
	for _, f := range s.Functions {
		if arn := f.Env["WEBHOOK_SECRET_ARN"]; (arn != "") != (f.LogicalID == "WebhookFunction") {
			t.Errorf("%s has WEBHOOK_SECRET_ARN %q", f.LogicalID, arn)
		}
		calls := !slices.Contains([]string{"WebhookFunction", "CheckDeploymentFunction"}, f.LogicalID)
		if arn := f.Env["AUTH0_TOKEN_SECRET_ARN"]; (arn != "") != calls {
			t.Errorf("%s has AUTH0_TOKEN_SECRET_ARN %q", f.LogicalID, arn)
		}
	}
}

// TestOwnRoles: what the functions that strangers reach may do, and no more.
func TestOwnRoles(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var own struct {
		Resources map[string]yaml.Node `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(text, &own); err != nil {
		t.Fatal(err)
	}
	tests := map[string][]string{
		"WebhookRole": {"kms:Decrypt", "kms:GenerateDataKey", "logs:CreateLogStream", "logs:PutLogEvents", "secretsmanager:GetSecretValue", "sqs:SendMessage", "sts:AssumeRole",
			"xray:PutTelemetryRecords", "xray:PutTraceSegments"},
		"ApiRole": {"kms:Decrypt", "kms:GenerateDataKey", "lambda:InvokeFunction", "logs:CreateLogStream", "logs:PutLogEvents",
			"secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue",
			"secretsmanager:ListSecretVersionIds", "secretsmanager:ListSecrets", "secretsmanager:PutSecretValue", "secretsmanager:RotateSecret",
			"secretsmanager:TagResource", "sqs:SendMessage", "sts:AssumeRole", "xray:PutTelemetryRecords", "xray:PutTraceSegments"},
	}
	for role, want := range tests {
		node := own.Resources[role]
		if diff := cmp.Diff(want, actions(&node)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", role, diff)
		}
	}
}

// actions are those of every statement below a node, once and sorted.
func actions(n *yaml.Node) []string {
	var out []string
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Value == "Action" {
			if child.Kind == yaml.ScalarNode {
				out = append(out, child.Value)
			}
			for _, one := range child.Content {
				out = append(out, one.Value)
			}
			continue
		}
		out = append(out, actions(child)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
