package internal_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// A published version keeps its environment, so what parameters say has to
// publish the next one: by the check, whose id changes with all that it is told.
func TestAChangedParameterReachesPublishedVersions(t *testing.T) {
	resources, _ := ours(t)
	parameters, conditions, globals := otherSections(t)
	told := scalars(&yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{member(resources["DeploymentCheck"], "Settings"), member(resources["DeploymentCheck"], "Variables")}})
	published := 0
	for id, r := range resources {
		if r.Type != "AWS::Serverless::Function" {
			continue
		}
		used := slices.Clone(globals)
		for i := 0; i+1 < len(r.Properties.Content); i += 2 {
			// Neither is part of a version.
			if name := r.Properties.Content[i].Value; name != "Events" && name != "DeploymentPreference" {
				used = append(used, scalars(r.Properties.Content[i+1])...)
			}
		}
		if member(r, "AutoPublishAlias").Kind == 0 {
			continue
		}
		published++
		if member(r, "VersionDescription").Value != "DeploymentCheck" || !strings.Contains(member(r, "Description").Value, "${DeploymentCheck}") || member(r, "AutoPublishAliasAllProperties").Value != "true" {
			t.Errorf("%s is not published anew when its configuration changes", id)
		}
		for _, name := range used {
			for _, p := range append(conditions[name], name) {
				if parameters[p] && !slices.Contains(told, p) {
					t.Errorf("%s uses %s, whose change does not publish a version", id, p)
				}
			}
		}
	}
	if published < 3 {
		t.Errorf("only %d functions have versions", published)
	}
}

// What the check is told of a variable is what the functions are told.
func TestTheDeploymentCheckSeesEveryVariable(t *testing.T) {
	resources, _ := ours(t)
	parameters, _, _ := otherSections(t)
	told := map[string]string{}
	variables := member(resources["DeploymentCheck"], "Variables")
	for i := 0; i+1 < len(variables.Content); i += 2 {
		told[variables.Content[i].Value] = variables.Content[i+1].Value
	}
	for name, want := range map[string]string{"STACK_NAME": "AWS::StackName", "MAX_RECEIVE_COUNT": "MaxReceiveCount"} { // which no function has
		if told[name] != want {
			t.Errorf("the check has %s from %q, want %s", name, told[name], want)
		}
	}
	for id, r := range resources {
		if r.Type != "AWS::Serverless::Function" || id == "CheckDeploymentFunction" {
			continue
		}
		each(member(r, "Environment"), func(name string, value *yaml.Node) {
			if value.Tag == "!Ref" && parameters[value.Value] && told[name] != value.Value {
				t.Errorf("%s has %s from %s, and the check from %q", id, name, value.Value, told[name])
			}
		})
	}
}

// An alarm that cannot ring while only a tenth has the new version sends nothing
// back. One of n datapoints needs breaches in n periods on end, and the last of
// them may have just begun, for CloudWatch looks every minute at the minutes up
// to then. (CodeDeploy "Deployment configurations on an AWS Lambda compute
// platform", CloudWatch "Alarm evaluation".)
func TestTheAlarmsOfAGradualDeploymentCanRingInTime(t *testing.T) {
	resources, _ := ours(t)
	const delay = 2 * time.Minute // until a metric is there and was looked at
	watched := 0
	for id, r := range resources {
		p := member(r, "DeploymentPreference")
		if p.Kind == 0 {
			continue
		}
		minutes, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(part(p, "Type").Value, "Canary10Percent"), "Minutes"))
		if err != nil {
			t.Errorf("%s is deployed in steps that this test does not know: %s", id, part(p, "Type").Value)
			continue
		}
		for _, name := range scalars(part(p, "Alarms")) {
			number := func(of string) int { return number(t, resources[name], of) }
			periods, length := number("DatapointsToAlarm"), time.Duration(number("Period"))*time.Second
			if soonest := time.Duration(periods-1)*length + delay; soonest >= time.Duration(minutes)*time.Minute {
				t.Errorf("%s goes to everybody after %d minutes, and %s rings after %s", id, minutes, name, soonest)
			}
			watched++
		}
	}
	if watched < 5 {
		t.Errorf("only %d alarms of gradual deployments", watched)
	}
}

// number is a member of an alarm.
func number(t *testing.T, alarm resource, name string) int {
	t.Helper()
	n, err := strconv.Atoi(member(alarm, name).Value)
	if err != nil {
		t.Fatalf("%s of an alarm: %v", name, err)
	}
	return n
}

// README.md says how long the stack's name may be: names that begin with it have
// limits of their own. (Lambda "CreateFunction", SQS "CreateQueue", EventBridge
// Scheduler "CreateSchedule", EventBridge Pipes "CreatePipe".)
func TestTheLongestNameOfAStackIsTold(t *testing.T) {
	resources, _ := ours(t)
	longest := 128
	names := map[string]int{"FunctionName": 64, "QueueName": 80, "Name": 64}
	for id, r := range resources {
		if !slices.Contains([]string{"AWS::Serverless::Function", "AWS::SQS::Queue", "AWS::Pipes::Pipe"}, r.Type) {
			continue
		}
		each(&r.Properties, func(key string, value *yaml.Node) {
			suffix, ok := strings.CutPrefix(value.Value, "${AWS::StackName}")
			if limit := names[key]; limit > 0 && ok {
				longest = min(longest, limit-len(suffix))
			} else if limit > 0 && value.Kind == yaml.ScalarNode && value.Tag == "!Sub" {
				t.Errorf("the name of %s does not begin with the stack's", id)
			}
		})
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("A stack's name has at most %d letters", longest); !strings.Contains(string(readme), want) {
		t.Errorf("README.md does not say: %s", want)
	}
}

// otherSections are the names of the parameters, what each condition is about,
// and all texts of Globals.
func otherSections(t *testing.T) (parameters map[string]bool, conditions map[string][]string, globals []string) {
	t.Helper()
	text, err := os.ReadFile("../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Parameters map[string]yaml.Node `yaml:"Parameters"`
		Conditions map[string]yaml.Node `yaml:"Conditions"`
		Globals    yaml.Node            `yaml:"Globals"`
	}
	if err := yaml.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	parameters, conditions = map[string]bool{}, map[string][]string{}
	for name := range template.Parameters {
		parameters[name] = true
	}
	for name, c := range template.Conditions {
		conditions[name] = scalars(&c)
	}
	if len(parameters) < 20 || len(conditions) < 5 {
		t.Fatalf("only %d parameters, %d conditions", len(parameters), len(conditions))
	}
	return parameters, conditions, scalars(&template.Globals)
}
