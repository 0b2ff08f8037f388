package internal_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"clientkeeper/internal/event"
	"clientkeeper/internal/telemetry"
)

// resource is a resource of the template, with its lines.
type resource struct {
	Type           string    `yaml:"Type"`
	DeletionPolicy string    `yaml:"DeletionPolicy"`
	Properties     yaml.Node `yaml:"Properties"`
}

// ours reads the repository's template.
func ours(t *testing.T) (map[string]resource, []string) {
	t.Helper()
	text, err := os.ReadFile("../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]resource `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	if len(template.Resources) < 20 {
		t.Fatalf("only %d resources", len(template.Resources))
	}
	return template.Resources, strings.Split(string(text), "\n")
}

// each calls f for every mapping in n, and every value in it.
func each(n *yaml.Node, f func(key string, value *yaml.Node)) {
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			f(n.Content[i].Value, n.Content[i+1])
		}
	}
	for _, child := range n.Content {
		each(child, f)
	}
}

// scalars are all texts below n.
func scalars(n *yaml.Node) (out []string) {
	if n.Kind == yaml.ScalarNode {
		return []string{n.Value}
	}
	for _, child := range n.Content {
		out = append(out, scalars(child)...)
	}
	return out
}

func member(r resource, name string) *yaml.Node {
	for i := 0; i+1 < len(r.Properties.Content); i += 2 {
		if r.Properties.Content[i].Value == name {
			return r.Properties.Content[i+1]
		}
	}
	return &yaml.Node{}
}

// statements are the policy statements of a resource.
func statements(r resource) (out []*yaml.Node) {
	var walk func(*yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind == yaml.MappingNode {
			for i := 0; i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value == "Effect" {
					out = append(out, n)
					return
				}
			}
		}
		for _, child := range n.Content {
			walk(child)
		}
	}
	walk(&r.Properties)
	return out
}

// A statement that allows names its actions, and has a reason beside it, on its
// first line or above it, where it names no resource.
func TestNoRoleIsWiderThanItSays(t *testing.T) {
	resources, lines := ours(t)
	allowed := 0
	for id, r := range resources {
		for _, s := range statements(r) {
			effect, actions, all := "", []string{}, false
			for i := 0; i+1 < len(s.Content); i += 2 {
				switch key, value := s.Content[i].Value, s.Content[i+1]; key {
				case "Effect":
					effect = value.Value
				case "Action":
					actions = scalars(value)
				case "Resource":
					all = slices.Contains(scalars(value), "*")
				}
			}
			if effect != "Allow" {
				continue
			}
			allowed++
			for _, action := range actions {
				if strings.Contains(action, "*") {
					t.Errorf("%s, line %d: the action %s is a wildcard", id, s.Line, action)
				}
			}
			if first := lines[s.Line-1]; all && !strings.Contains(first, "#") && !strings.Contains(lines[s.Line-2], "#") {
				t.Errorf("%s, line %d: every resource, without a reason beside it", id, s.Line)
			}
		}
	}
	if allowed < 10 {
		t.Errorf("only %d statements were looked at", allowed)
	}
}

// Every function has a role, a log group with a retention and a way for its
// failures, and who else may invoke it is bound to an account and a source.
func TestEveryFunctionIsSafeAndWatched(t *testing.T) {
	resources, _ := ours(t)
	functions := 0
	for id, r := range resources {
		switch r.Type {
		case "AWS::Logs::LogGroup":
			if !slices.Contains(scalars(member(r, "RetentionInDays")), "LogRetentionDays") || len(scalars(member(r, "KmsKeyId"))) == 0 {
				t.Errorf("%s has no retention, or can have no key of the operator's own", id)
			}
		case "AWS::Lambda::Permission":
			if member(r, "SourceAccount").Kind == 0 || member(r, "SourceArn").Kind == 0 {
				t.Errorf("%s lets in more than one account's own", id)
			}
		case "AWS::Serverless::Function":
			functions++
			name := strings.TrimSuffix(id, "Function")
			if resources[name+"Role"].Type != "AWS::IAM::Role" || !slices.Contains(scalars(member(r, "Role")), name+"Role.Arn") {
				t.Errorf("%s has no role of its own", id)
			}
			if resources[name+"LogGroup"].Type != "AWS::Logs::LogGroup" || !slices.Contains(scalars(member(r, "LoggingConfig")), name+"LogGroup") {
				t.Errorf("%s has no log group of its own", id)
			}
			if !hasFailurePath(id, r) {
				t.Errorf("nothing says what becomes of a failure of %s", id)
			}
		}
	}
	if functions < 4 {
		t.Errorf("only %d functions", functions)
	}
}

// synchronous are the functions whose caller gets the failure itself.
var synchronous = map[string]string{
	"RotateSecretFunction":    "Secrets Manager tries again, and RotateSecretFailingAlarm rings",
	"CheckDeploymentFunction": "the deployment fails",
	"ApiFunction":             "the caller gets a problem",
	"WebhookFunction":         "the sender gets a problem, and sends again",
}

func hasFailurePath(id string, r resource) bool {
	if _, ok := synchronous[id]; ok {
		return true
	}
	found := false
	each(&r.Properties, func(key string, value *yaml.Node) {
		found = found || key == "OnFailure" || key == "Type" && value.Value == "SQS"
	})
	return found
}

// The metrics in code are those on the dashboard; alarms are about metrics that
// are written; and each alarm has its entry in the runbook, under its name.
func TestMetricsAlarmsDashboardAndRunbookAgree(t *testing.T) {
	resources, _ := ours(t)
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var defined []string
	for _, d := range telemetry.Definitions {
		defined = append(defined, d.Name)
	}
	dashboard := strings.Join(scalars(&yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{member(resources["Dashboard"], "DashboardBody")}}), "")
	if !json.Valid([]byte(dashboard)) {
		t.Error("the dashboard is not JSON")
	}
	shown := map[string]bool{}
	for _, m := range regexp.MustCompile(`"clientkeeper", "(\w+)"|MetricName=\\"(\w+)\\"`).FindAllStringSubmatch(dashboard, -1) {
		name := m[1] + m[2]
		shown[name] = true
		if !slices.Contains(defined, name) {
			t.Errorf("the dashboard shows %s, which nothing writes", name)
		}
	}
	for _, name := range defined {
		if !shown[name] {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
	alarms := 0
	for id, r := range resources {
		if r.Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		alarms++
		name := strings.TrimPrefix(strings.Join(scalars(member(r, "AlarmName")), ""), "${AWS::StackName}-")
		each(&r.Properties, func(key string, value *yaml.Node) {
			if key == "MetricName" && !strings.Contains(strings.Join(scalars(&r.Properties), " "), "AWS/") && !slices.Contains(defined, value.Value) {
				t.Errorf("%s is about %s, which nothing writes", id, value.Value)
			}
		})
		if !strings.Contains(string(readme), "| `"+name+"` |") {
			t.Errorf("the runbook in README.md has no entry for %s", name)
		}
		if what := member(r, "AlarmDescription").Value; !strings.Contains(what, "Runbook: "+name+".") {
			t.Errorf("%s does not name its entry in the runbook", id)
		}
		// Two members, each with a condition of its own: who gives both is told
		// in both places.
		if to := member(r, "AlarmActions").Content; len(to) != 2 || !slices.Contains(scalars(to[0]), "AlarmTopicArn") || !slices.Contains(scalars(to[1]), "AlarmTopic") {
			t.Errorf("%s does not tell both the e-mail address and the topic", id)
		}
	}
	if alarms < 10 {
		t.Errorf("only %d alarms", alarms)
	}
	for _, kind := range event.Types() {
		if !strings.Contains(string(readme), "`"+kind+"`") {
			t.Errorf("README.md does not mention the event %s", kind)
		}
	}
	if !strings.Contains(string(readme), telemetry.Table()) {
		t.Errorf("the table of metrics in README.md is not that of the code; it is\n%s", telemetry.Table())
	}
}

// Workflows run what they name by its content, and may do no more than they say.
func TestWorkflowsArePinned(t *testing.T) {
	files, err := filepath.Glob("../.github/workflows/*.yml")
	if err != nil || len(files) < 2 {
		t.Fatalf("%d workflows, %v", len(files), err)
	}
	pinned := regexp.MustCompile(`^[\w-]+/[\w/-]+@[0-9a-f]{40}$`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var workflow yaml.Node
		if err := yaml.Unmarshal(text, &workflow); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		permissions := false
		each(&workflow, func(key string, value *yaml.Node) {
			permissions = permissions || key == "permissions"
			if key == "uses" && !pinned.MatchString(value.Value) {
				t.Errorf("%s, line %d: %s is not pinned to a commit", file, value.Line, value.Value)
			}
			for _, script := range regexp.MustCompile(`\.ci/[\w.]+`).FindAllString(value.Value, -1) {
				if _, err := os.Stat("../" + script); key == "run" && err != nil {
					t.Errorf("%s runs %s, which does not exist", file, script)
				}
			}
		})
		if !permissions {
			t.Errorf("%s may do whatever the repository's settings say", file)
		}
	}
}
