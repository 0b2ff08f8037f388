package cloudformation_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"clientkeeper/internal/sandbox/cloudformation"
)

const root = "../../.."

// required are the parameters of the repository's own template that have no
// default.
var required = map[string]string{
	"Auth0Domain":         "localhost:8443",
	"ManagementSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:clientkeeper/management-AbCdEf",
	"AllowedHosts":        "agents.example.com, *.example.org",
}

func with(more map[string]string) map[string]string {
	all := maps.Clone(required)
	maps.Copy(all, more)
	return all
}

func readOwn(t *testing.T, parameters map[string]string) (*cloudformation.Stack, error) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return cloudformation.Read(text, cloudformation.Options{Parameters: parameters})
}

func TestOwnTemplate(t *testing.T) {
	got, err := readOwn(t, with(map[string]string{"Architecture": "x86_64", "MaxReceiveCount": "3"}))
	if err != nil {
		t.Fatal(err)
	}
	queue := "http://127.0.0.1:4566/123456789012/clientkeeper-registrations"
	arn := "arn:aws:sqs:us-east-1:123456789012:clientkeeper-registrations"
	want := cloudformation.Function{
		LogicalID: "RegisterClientFunction", Name: "clientkeeper-register-client",
		ARN:    "arn:aws:lambda:us-east-1:123456789012:function:clientkeeper-register-client",
		Folder: "functions/register-client", Timeout: time.Minute, MemoryMB: 256, Architecture: "x86_64",
		LogFormat: "JSON", LogLevel: "INFO", ReservedConcurrency: -1, Alias: "live",
		SQSEvents: []cloudformation.SQSEvent{{LogicalID: "Registrations", QueueARN: arn, QueueURL: queue,
			BatchSize: 10, MaximumConcurrency: 5, ReportBatchItemFailures: true, Enabled: true}},
	}
	wired := map[string]string{
		"AUTH0_DOMAIN": required["Auth0Domain"], "AUTH0_MANAGEMENT_SECRET_ARN": required["ManagementSecretArn"],
		"ALLOWED_HOSTS": required["AllowedHosts"], "REGISTRATIONS_QUEUE_URL": queue,
		"REGISTRATIONS_DLQ_URL": queue + "-dead-letter", "AWS_ENDPOINT_URL": "",
	}
	for name, value := range wired {
		if v, ok := got.Functions[0].Env[name]; !ok || v != value {
			t.Errorf("%s = %q, %v, want %q", name, v, ok, value)
		}
	}
	for i := range got.Functions {
		got.Functions[i].Env = nil
	}
	rotate := cloudformation.Function{
		LogicalID: "RotateSecretFunction", Name: "clientkeeper-rotate-secret",
		ARN:    "arn:aws:lambda:us-east-1:123456789012:function:clientkeeper-rotate-secret",
		Folder: "functions/rotate-secret", Timeout: 5 * time.Minute, MemoryMB: 256, Architecture: "x86_64",
		LogFormat: "JSON", LogLevel: "INFO", ReservedConcurrency: -1,
	}
	schedule := cloudformation.Function{
		LogicalID: "ScheduleRotationsFunction", Name: "clientkeeper-schedule-rotations",
		ARN:    "arn:aws:lambda:us-east-1:123456789012:function:clientkeeper-schedule-rotations",
		Folder: "functions/schedule-rotations", Timeout: 15 * time.Minute, MemoryMB: 256, Architecture: "x86_64",
		LogFormat: "JSON", LogLevel: "INFO", ReservedConcurrency: -1,
		FewerRetries: 1, OnFailure: "arn:aws:sqs:us-east-1:123456789012:clientkeeper-failed-runs",
		Schedules: []cloudformation.Schedule{{LogicalID: "Check", Name: "clientkeeper-check-rotations",
			Expression: "rate(15 minutes)", Enabled: true}},
	}
	check := cloudformation.Function{
		LogicalID: "CheckDeploymentFunction", Name: "clientkeeper-check-deployment",
		ARN:    "arn:aws:lambda:us-east-1:123456789012:function:clientkeeper-check-deployment",
		Folder: "functions/check-deployment", Timeout: time.Minute, MemoryMB: 256, Architecture: "x86_64",
		LogFormat: "JSON", LogLevel: "INFO", ReservedConcurrency: -1,
	}
	api, webhook := rotate, rotate
	api.LogicalID, api.Name, api.ARN = "ApiFunction", "clientkeeper-api", "arn:aws:lambda:us-east-1:123456789012:function:clientkeeper-api"
	api.Folder, api.Timeout, api.Alias = "functions/api", 29*time.Second, "live"
	webhook.LogicalID, webhook.Name, webhook.ARN = "WebhookFunction", "clientkeeper-webhook", "arn:aws:lambda:us-east-1:123456789012:function:clientkeeper-webhook"
	webhook.Folder, webhook.Timeout, webhook.Alias = "functions/webhook", 10*time.Second, "live"
	if diff := cmp.Diff([]cloudformation.Function{want, rotate, schedule, check, api, webhook}, got.Functions); diff != "" {
		t.Errorf("functions (-want +got)\n%s", diff)
	}
	wantQueues := []cloudformation.Queue{{
		LogicalID: "RegistrationsDeadLetterQueue", Name: "clientkeeper-registrations-dead-letter",
		URL: queue + "-dead-letter", ARN: arn + "-dead-letter",
		Attributes: map[string]string{"MessageRetentionPeriod": "1209600", "SqsManagedSseEnabled": "true",
			"RedriveAllowPolicy": `{"redrivePermission":"byQueue","sourceQueueArns":["` + arn + `"]}`},
	}, {
		LogicalID: "RegistrationsQueue", Name: "clientkeeper-registrations", URL: queue, ARN: arn,
		Attributes: map[string]string{"MessageRetentionPeriod": "345600", "SqsManagedSseEnabled": "true",
			"VisibilityTimeout": "360", "ReceiveMessageWaitTimeSeconds": "20",
			"RedrivePolicy": `{"deadLetterTargetArn":"` + arn + `-dead-letter","maxReceiveCount":3}`},
	}, {
		LogicalID: "FailedRunsQueue", Name: "clientkeeper-failed-runs",
		URL:        "http://127.0.0.1:4566/123456789012/clientkeeper-failed-runs",
		ARN:        "arn:aws:sqs:us-east-1:123456789012:clientkeeper-failed-runs",
		Attributes: map[string]string{"MessageRetentionPeriod": "1209600", "SqsManagedSseEnabled": "true"},
	}}
	if diff := cmp.Diff(wantQueues, got.Queues); diff != "" {
		t.Errorf("queues (-want +got)\n%s", diff)
	}
	if got := got.Outputs["RegistrationsQueueUrl"]; got != queue {
		t.Errorf("output RegistrationsQueueUrl = %q, want %q", got, queue)
	}
}

// TestOwnParameters tries values at the edges of the patterns that a person
// reads once and an operator meets for ever.
func TestOwnParameters(t *testing.T) {
	tests := map[string]struct {
		name, value string
		ok          bool
	}{
		"domain":                          {"Auth0Domain", "example.eu.auth0.com", true},
		"domain with a port":              {"Auth0Domain", "127.0.0.1:8443", true},
		"domain with a scheme":            {"Auth0Domain", "https://example.eu.auth0.com", false},
		"domain with a path":              {"Auth0Domain", "example.eu.auth0.com/", false},
		"domain with a user":              {"Auth0Domain", "a@example.eu.auth0.com", false},
		"domain that is empty":            {"Auth0Domain", "", false},
		"domain with a newline":           {"Auth0Domain", "example.com\n", false},
		"audience":                        {"Auth0Audience", "https://example.eu.auth0.com/api/v2/", true},
		"audience without its slash":      {"Auth0Audience", "https://example.eu.auth0.com/api/v2", false},
		"secret in China":                 {"ManagementSecretArn", "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:a/b-AbCdEf", true},
		"secret by name":                  {"ManagementSecretArn", "clientkeeper/management", false},
		"secret of another service":       {"ManagementSecretArn", "arn:aws:ssm:us-east-1:123456789012:parameter/x", false},
		"hosts with a port":               {"AllowedHosts", "localhost:8444,*.example.com", true},
		"no hosts":                        {"AllowedHosts", "", false},
		"every host":                      {"AllowedHosts", "*", false},
		"hosts with a URL":                {"AllowedHosts", "https://agents.example.com", false},
		"hosts with a hole":               {"AllowedHosts", "a.example,,b.example", false},
		"no API":                          {"AllowedAudiences", "", true},
		"every API":                       {"AllowedAudiences", "*", true},
		"two APIs":                        {"AllowedAudiences", "https://orders.example.com/, urn:stock-1", true},
		"every API and one more":          {"AllowedAudiences", "*,urn:stock", false},
		"a pattern of APIs":               {"AllowedAudiences", "https://*.example.com/", false},
		"an API with a space":             {"AllowedAudiences", "urn:stock 1", false},
		"APIs with a hole":                {"AllowedAudiences", "urn:a,,urn:b", false},
		"flag in capitals":                {"PreviewFirst", "True", false},
		"no reserve":                      {"RateReserve", "-1", true},
		"reserve below none":              {"RateReserve", "-2", false},
		"one invocation at once":          {"MaximumConcurrency", "1", false},
		"delay of several units":          {"RetryBaseDelay", "1m30s", true},
		"delay without a unit":            {"RetryBaseDelay", "30", false},
		"key":                             {"ManagementSecretKeyArn", "arn:aws:kms:us-east-1:123456789012:key/0000-1111", true},
		"key by alias":                    {"ManagementSecretKeyArn", "alias/own", false},
		"architecture by Go's own name":   {"Architecture", "amd64", false},
		"retention that CloudWatch lacks": {"LogRetentionDays", "42", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := readOwn(t, with(map[string]string{test.name: test.value}))
			if (err == nil) != test.ok {
				t.Errorf("%s=%q: %v, want ok %v", test.name, test.value, err, test.ok)
			}
			if err != nil && !strings.Contains(err.Error(), "parameter "+test.name+" ") {
				t.Errorf("the error does not name the parameter: %v", err)
			}
		})
	}
}

// TestOwnTemplateNeedsAPolicy: a stack must not come up without knowing its
// tenant, its credential and whom it may register.
func TestOwnTemplateNeedsAPolicy(t *testing.T) {
	_, err := readOwn(t, nil)
	if err == nil {
		t.Fatal("the template needs no parameter")
	}
	for name := range required {
		if !strings.Contains(err.Error(), "parameter "+name+" needs a value") {
			t.Errorf("%s is not asked for: %v", name, err)
		}
	}
}

// TestOwnMargins keeps three rules that no tool checks: six timeouts of
// visibility and dead letters kept longer than messages, both from Lambda's
// guide for SQS, and fewer tries than receives, or SQS would move a message to
// the dead-letter queue before the function can say why.
func TestOwnMargins(t *testing.T) {
	s, err := readOwn(t, required)
	if err != nil {
		t.Fatal(err)
	}
	attribute := func(arn, name string) time.Duration {
		i := slices.IndexFunc(s.Queues, func(q cloudformation.Queue) bool { return q.ARN == arn })
		if i < 0 {
			t.Fatalf("no queue %s", arn)
		}
		d, err := time.ParseDuration(s.Queues[i].Attributes[name] + "s")
		if err != nil {
			t.Fatalf("%s of %s: %v", name, arn, err)
		}
		return d
	}
	for _, f := range s.Functions {
		tries, err := strconv.Atoi(f.Env["MAX_TRIES"])
		for _, e := range f.SQSEvents {
			if receives := maxReceives(t, s, e.QueueARN); err != nil || tries >= receives {
				t.Errorf("%s: %d tries do not fit into %d receives: %v", e.LogicalID, tries, receives, err)
			}
			if v := attribute(e.QueueARN, "VisibilityTimeout"); v < 6*f.Timeout+e.Window {
				t.Errorf("%s: visibility %s is less than six times %s", e.LogicalID, v, f.Timeout)
			}
			if !e.ReportBatchItemFailures {
				t.Errorf("%s: one bad message would hold up its neighbours", e.LogicalID)
			}
			kept, dead := attribute(e.QueueARN, "MessageRetentionPeriod"), attribute(e.QueueARN+"-dead-letter", "MessageRetentionPeriod")
			if dead <= kept {
				t.Errorf("%s: dead letters are kept %s, messages %s", e.LogicalID, dead, kept)
			}
		}
	}
}

func maxReceives(t *testing.T, s *cloudformation.Stack, arn string) int {
	t.Helper()
	var policy struct {
		Max int `json:"maxReceiveCount"`
	}
	i := slices.IndexFunc(s.Queues, func(q cloudformation.Queue) bool { return q.ARN == arn })
	if err := json.Unmarshal([]byte(s.Queues[i].Attributes["RedrivePolicy"]), &policy); err != nil {
		t.Fatal(err)
	}
	return policy.Max
}

// TestOwnEnvironment: a variable that a function reads and the template does
// not declare cannot be set by an operator, nor by sam local.
func TestOwnEnvironment(t *testing.T) {
	s, err := readOwn(t, required)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "internal/config/*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var source []byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(file, "_test.go") {
			source = append(source, text...)
		}
	}
	read := regexp.MustCompile(`\be\.[a-z]+\("([A-Z][A-Z0-9_]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(read) < 10 {
		t.Fatalf("found only %d variables in internal/config", len(read))
	}
	for _, m := range read {
		if !slices.ContainsFunc(s.Functions, func(f cloudformation.Function) bool { _, ok := f.Env[m[1]]; return ok }) {
			t.Errorf("no function of template.yaml declares %s", m[1])
		}
	}
}

// TestOwnFolders: the convention by which the Makefile and the sandbox find a
// function's source.
func TestOwnFolders(t *testing.T) {
	s, err := readOwn(t, required)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range s.Functions {
		if info, err := os.Stat(filepath.Join(root, f.Folder)); err != nil || !info.IsDir() {
			t.Errorf("%s: no folder %s", f.LogicalID, f.Folder)
		}
	}
}

// TestOwnMakefiles: each architecture that the template offers has the makefile
// that sam build starts with.
func TestOwnMakefiles(t *testing.T) {
	for _, architecture := range []string{"arm64", "x86_64"} {
		if _, err := readOwn(t, with(map[string]string{"Architecture": architecture})); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(root, "internal/build", architecture, "Makefile"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "\nARCHITECTURE := "+architecture+"\n") {
			t.Errorf("the makefile of %s builds for something else:\n%s", architecture, text)
		}
	}
}

// The management secret may be a managed one, and then its rotation writes it:
// whoever may write a secret needs a data key as well as decryption.
func TestOwnRotationMayUseBothKeysToWrite(t *testing.T) {
	var own struct {
		Resources map[string]yaml.Node `yaml:"Resources"`
	}
	text, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err == nil {
		err = yaml.Unmarshal(text, &own)
	}
	if err != nil {
		t.Fatal(err)
	}
	role, keys := own.Resources["RotateSecretRole"], 0
	var look func(*yaml.Node)
	look = func(n *yaml.Node) {
		var statement struct {
			Action   any    `yaml:"Action"`
			Resource string `yaml:"Resource"`
		}
		if n.Kind == yaml.MappingNode && n.Decode(&statement) == nil && strings.Contains(statement.Resource, "Secret") && strings.HasSuffix(statement.Resource, "KeyArn") {
			keys++
			for _, action := range []string{"kms:Decrypt", "kms:GenerateDataKey"} {
				if many, _ := statement.Action.([]any); !slices.Contains(many, any(action)) {
					t.Errorf("%s: no %s", statement.Resource, action)
				}
			}
		}
		for _, child := range n.Content {
			look(child)
		}
	}
	look(&role)
	if keys != 2 {
		t.Errorf("%d keys, want those of the management secret and of the managed ones", keys)
	}
}
