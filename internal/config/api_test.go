package config_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"clientkeeper/internal/config"
	"clientkeeper/internal/fault"
)

func apiEnvironment(changes map[string]string) func(string) string {
	m := good()
	m["ROTATION_FUNCTION_ARN"] = "arn:aws:lambda:eu-central-1:123456789012:function:rotate-secret"
	maps.Copy(m, changes)
	return func(name string) string { return m[name] }
}

func TestTheAPIsDefaultsAreComplete(t *testing.T) {
	got, err := config.LoadAPI(apiEnvironment(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := config.API{Tenant: got.Tenant, AllowedHosts: []string{"vscode.dev", "*.example.com"},
		QueueURL:         "https://sqs.eu-central-1.amazonaws.com/123456789012/registrations",
		RotationFunction: "arn:aws:lambda:eu-central-1:123456789012:function:rotate-secret", SecretPrefix: "clients/", Audience: "https://clientkeeper/api"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	all, err := config.LoadAPI(apiEnvironment(map[string]string{"SECRET_PREFIX": "team/a/", "ANY_CLIENT": "true", "SECRETS_KEY_ARN": "arn:aws:kms:eu-central-1:123456789012:key/1",
		"EVENTS_QUEUE_URL": "https://sqs/events", "ALLOWED_AUDIENCES": " https://orders.example.com/ ,urn:stock,", "API_AUDIENCE": " urn:keeper "}))
	if err != nil || all.SecretPrefix != "team/a/" || !all.AnyClient || all.SecretsKey == "" || all.EventsQueueURL != "https://sqs/events" ||
		!slices.Equal(all.AllowedAudiences, []string{"https://orders.example.com/", "urn:stock"}) || all.Audience != "urn:keeper" {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestEveryAudienceMayBeAllowed(t *testing.T) {
	c, err := config.LoadAPI(apiEnvironment(map[string]string{"ALLOWED_AUDIENCES": " * "}))
	if err != nil || !slices.Equal(c.AllowedAudiences, []string{"*"}) {
		t.Errorf("%q, %v", c.AllowedAudiences, err)
	}
}

func TestTheAPIsMistakesAreReportedAtOnce(t *testing.T) {
	const canary = "s3cr3t-canary"
	_, err := config.LoadAPI(func(string) string { return canary + " ://" })
	for _, name := range []string{"AUTH0_DOMAIN", "ROTATION_FUNCTION_ARN", "SECRET_PREFIX", "SECRETS_KEY_ARN", "ANY_CLIENT", "REGISTRATIONS_QUEUE_URL", "EVENTS_QUEUE_URL", "ALLOWED_AUDIENCES"} {
		if err == nil || !strings.Contains(err.Error(), name+": ") || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = config.LoadAPI(func(string) string { return "" })
	if err == nil || !strings.Contains(err.Error(), "ROTATION_FUNCTION_ARN: is not set") || strings.Contains(err.Error(), "SECRETS_KEY_ARN") {
		t.Error(err)
	}
	for name, change := range map[string]map[string]string{
		"another service's ARN":    {"ROTATION_FUNCTION_ARN": "arn:aws:sqs:eu-central-1:123456789012:function:x"},
		"an ARN of nothing":        {"ROTATION_FUNCTION_ARN": "arn:aws:lambda:eu-central-1:123456789012:"},
		"an ARN that breaks off":   {"ROTATION_FUNCTION_ARN": "arn:aws:lambda"},
		"no ARN":                   {"ROTATION_FUNCTION_ARN": "xrn:aws:lambda:eu-central-1:123456789012:function:x"},
		"a prefix without a slash": {"SECRET_PREFIX": "clients"},
		"a prefix with a space":    {"SECRET_PREFIX": "my clients/"},
		"every API and one more":   {"ALLOWED_AUDIENCES": "*,https://orders.example.com/"},
		"a pattern of APIs":        {"ALLOWED_AUDIENCES": "https://*.example.com/"},
		"an API with a space":      {"ALLOWED_AUDIENCES": "https://orders example.com/"},
		"an API that is too long":  {"ALLOWED_AUDIENCES": strings.Repeat("x", 601)},
		"the product's own prefix": {"SECRET_PREFIX": "clientkeeper/requests/"},
	} {
		if _, err := config.LoadAPI(apiEnvironment(change)); fault.KindOf(err) != fault.Invalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWebhookConfiguration(t *testing.T) {
	c, err := config.LoadWebhook(func(name string) string {
		return map[string]string{"REGISTRATIONS_QUEUE_URL": "https://sqs/q", "WEBHOOK_SECRET_ARN": " clientkeeper/webhook "}[name]
	})
	if err != nil || c != (config.Webhook{QueueURL: "https://sqs/q", Secret: "clientkeeper/webhook"}) {
		t.Errorf("%+v, %v", c, err)
	}
	_, err = config.LoadWebhook(func(string) string { return "" })
	for _, name := range []string{"REGISTRATIONS_QUEUE_URL", "WEBHOOK_SECRET_ARN"} {
		if err == nil || !strings.Contains(err.Error(), name+": is not set") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
