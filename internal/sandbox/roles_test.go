package sandbox_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"clientkeeper/internal/sandbox"
)

// A grant is one action on one class of resources: the logical id of a queue or
// of a secret of the stack, the management secret, the secrets that the HTTP
// API makes, its records, the managed secrets, or all.
type grant struct{ action, on string }

// unseen are actions that a role needs and no function is seen to ask for, and
// why.
var unseen = map[string]string{
	"logs:CreateLogStream":     "Lambda writes the logs",
	"logs:PutLogEvents":        "Lambda writes the logs",
	"xray:PutTraceSegments":    "Lambda sends the traces",
	"xray:PutTelemetryRecords": "Lambda sends the traces",
	"kms:Decrypt":              "SQS and Secrets Manager ask in the function's name, and the sandbox has no KMS",
	"kms:GenerateDataKey":      "SQS and Secrets Manager ask in the function's name, and the sandbox has no KMS",
	"lambda:InvokeFunction":    "Secrets Manager asks whether its caller may",
	"sqs:GetQueueAttributes":   "Lambda asks when it makes the event source mapping",
}

// renewal is what the function asks for whose management token is the first to
// end, for all of them: any may be the one, and one is seen.
var renewal = []grant{
	{"secretsmanager:GetSecretValue", "management"},
	{"secretsmanager:PutSecretValue", "ManagementTokenSecret"},
}

// elsewhere are the functions that this test does not drive.
var elsewhere = map[string]string{
	"CheckDeploymentFunction": "it is invoked below",
}

// checkRoles compares what each role of the template allows with what its
// function was seen to do: no more, no less.
func checkRoles(t *testing.T, s *sandbox.Sandbox) {
	t.Helper()
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]yaml.Node `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	renewed := map[grant]bool{}
	for _, f := range s.Stack.Functions {
		if why, ok := elsewhere[f.LogicalID]; ok {
			t.Logf("%s: %s", f.LogicalID, why)
			continue
		}
		role, ok := template.Resources[strings.TrimSuffix(f.LogicalID, "Function")+"Role"]
		if !ok {
			t.Errorf("%s has no role of its own", f.LogicalID)
			continue
		}
		allowed := grants(&role)
		seen := map[grant]bool{}
		calls := s.Calls(f.LogicalID)
		if len(calls) == 0 {
			t.Errorf("%s was not seen to do anything", f.LogicalID)
		}
		for call := range calls {
			covered := false
			for _, g := range classes(call) {
				if slices.Contains(allowed, g) {
					seen[g], covered = true, true
					break // what a narrower grant allows needs no wider one
				}
			}
			if !covered {
				t.Errorf("%s asks for %s on %q, which its role does not allow", f.LogicalID, call.Action, call.On)
			}
		}
		for _, g := range allowed {
			if slices.Contains(renewal, g) {
				renewed[g] = renewed[g] || seen[g]
			} else if !seen[g] && unseen[g.action] == "" {
				t.Errorf("%s may %s on %s, and was never seen to", f.LogicalID, g.action, g.on)
			}
		}
	}
	for _, g := range renewal {
		if !renewed[g] {
			t.Errorf("no function was seen to %s on %s", g.action, g.on)
		}
	}
}

// classes are the grants that would allow a call, the narrowest first.
func classes(c sandbox.Call) []grant {
	if !strings.HasPrefix(c.Action, "secretsmanager:") {
		return []grant{{c.Action, c.On}}
	}
	if c.On == "" {
		return []grant{{c.Action, "*"}}
	}
	name := c.On
	if _, after, ok := strings.Cut(c.On, ":secret:"); ok {
		name = after // and six characters of Secrets Manager's own
	}
	switch {
	case strings.HasPrefix(name, "clientkeeper/requests/"):
		return []grant{{c.Action, "records"}}
	case strings.HasPrefix(name, "clientkeeper/management-token"): // not managed
		return []grant{{c.Action, "ManagementTokenSecret"}}
	case strings.HasPrefix(name, "clientkeeper/management"): // which is a managed secret too
		return []grant{{c.Action, "management"}, {c.Action, "managed"}}
	case strings.HasPrefix(name, "clientkeeper/webhook"): // and so is this
		return []grant{{c.Action, "WebhookSecret"}, {c.Action, "managed"}}
	case strings.HasPrefix(name, "clients/"):
		return []grant{{c.Action, "made"}, {c.Action, "managed"}}
	}
	return []grant{{c.Action, "managed"}}
}

// grants are what the statements of a role allow, whatever their conditions in
// the template.
func grants(n *yaml.Node) (out []grant) {
	var s struct {
		Effect   string    `yaml:"Effect"`
		Action   yaml.Node `yaml:"Action"`
		Resource yaml.Node `yaml:"Resource"`
	}
	if n.Kind == yaml.MappingNode && n.Decode(&s) == nil && s.Effect == "Allow" && s.Resource.Kind != 0 {
		for _, action := range words(&s.Action) {
			for _, resource := range words(&s.Resource) {
				out = append(out, grant{action, class(resource)})
			}
		}
		return out
	}
	for _, child := range n.Content {
		out = append(out, grants(child)...)
	}
	return out
}

func words(n *yaml.Node) []string {
	if n.Kind == yaml.ScalarNode {
		return []string{n.Value}
	}
	var out []string
	for _, child := range n.Content {
		out = append(out, child.Value)
	}
	return out
}

// class is what a resource of a statement stands for.
func class(resource string) string {
	switch {
	case resource == "ManagementSecretArn":
		return "management"
	case strings.HasSuffix(resource, ":secret:clientkeeper/requests/*"):
		return "records"
	case strings.HasSuffix(resource, ":secret:${SecretPrefix}*"):
		return "made"
	case strings.HasSuffix(resource, ":secret:*"):
		return "managed"
	}
	return strings.TrimSuffix(resource, ".Arn")
}
