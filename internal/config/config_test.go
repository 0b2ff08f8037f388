package config_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"clientkeeper/internal/config"
	"clientkeeper/internal/fault"
)

func good() map[string]string {
	return map[string]string{
		"AUTH0_DOMAIN":                "Example.eu.auth0.com",
		"AUTH0_MANAGEMENT_SECRET_ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:management-AbCdEf",
		"ALLOWED_HOSTS":               "vscode.dev, *.example.com ,",
		"REGISTRATIONS_QUEUE_URL":     "https://sqs.eu-central-1.amazonaws.com/123456789012/registrations",
		"REGISTRATIONS_DLQ_URL":       "http://127.0.0.1:4566/123456789012/registrations-dlq",
	}
}

func with(changes map[string]string) func(string) string {
	m := good()
	maps.Copy(m, changes)
	return func(name string) string { return m[name] }
}

func TestDefaultsAreComplete(t *testing.T) {
	got, err := config.LoadRegisterClient(with(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := config.RegisterClient{
		Tenant: config.Tenant{Domain: "example.eu.auth0.com",
			ManagementSecret: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:management-AbCdEf"},
		AllowedHosts: []string{"vscode.dev", "*.example.com"}, Concurrency: 5,
		QueueURL:      "https://sqs.eu-central-1.amazonaws.com/123456789012/registrations",
		DeadLetterURL: "http://127.0.0.1:4566/123456789012/registrations-dlq",
		MaxTries:      5, RetryBase: 30 * time.Second, RetryMax: 15 * time.Minute, MaxAge: 24 * time.Hour,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestEveryMistakeIsReportedAtOnceAndNoValueRepeated(t *testing.T) {
	const canary = "s3cr3t-canary"
	_, err := config.LoadRegisterClient(func(string) string { return canary + " ://" })
	if fault.KindOf(err) != fault.Invalid {
		t.Fatalf("err = %v, want invalid", err)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("the error is more than a line: %v", err)
	}
	if strings.Contains(err.Error(), canary) {
		t.Errorf("the error repeats a value: %v", err)
	}
	for _, name := range []string{"AUTH0_DOMAIN", "AUTH0_AUDIENCE", "WARNINGS_ARE_FATAL", "PREVIEW_FIRST", "PROVENANCE",
		"CONCURRENCY", "REGISTRATIONS_QUEUE_URL", "REGISTRATIONS_DLQ_URL", "MAX_TRIES", "RETRY_BASE_DELAY",
		"RETRY_MAX_DELAY", "MESSAGE_MAX_AGE", "RATE_RESERVE", "AUTH0_CA_FILE"} {
		if !strings.Contains(err.Error(), name+": ") {
			t.Errorf("the error does not name %s: %v", name, err)
		}
	}

	_, err = config.LoadRegisterClient(func(string) string { return "" })
	for _, name := range []string{"AUTH0_DOMAIN", "AUTH0_MANAGEMENT_SECRET_ARN", "ALLOWED_HOSTS", "REGISTRATIONS_QUEUE_URL", "REGISTRATIONS_DLQ_URL"} {
		if err == nil || !strings.Contains(err.Error(), name+": is not set") {
			t.Errorf("the error does not ask for %s: %v", name, err)
		}
	}
}

func TestTheDomainIsAsTheTenantCallsItself(t *testing.T) {
	for domain, want := range map[string]string{
		"Example.EU.auth0.com":     "example.eu.auth0.com",
		"example.eu.auth0.com:443": "example.eu.auth0.com",
		"example.eu.auth0.com.":    "example.eu.auth0.com",
		" example.eu.auth0.com ":   "example.eu.auth0.com",
		"localhost:8443":           "localhost:8443",
		"[::1]:8443":               "[::1]:8443",
		"localhost:1":              "localhost:1",
		"localhost:65535":          "localhost:65535",
		"login.example.com:4430":   "login.example.com:4430",
	} {
		c, err := config.LoadRegisterClient(with(map[string]string{"AUTH0_DOMAIN": domain}))
		if err != nil || c.Tenant.Domain != want {
			t.Errorf("%q: %q, %v; want %q", domain, c.Tenant.Domain, err, want)
		}
	}
}

func TestOneBadValue(t *testing.T) {
	tests := map[string]map[string]string{
		"a scheme in the domain":      {"AUTH0_DOMAIN": "https://example.eu.auth0.com"},
		"plain http in the domain":    {"AUTH0_DOMAIN": "http://example.eu.auth0.com"},
		"a path in the domain":        {"AUTH0_DOMAIN": "example.eu.auth0.com/api"},
		"user info in the domain":     {"AUTH0_DOMAIN": "user@example.eu.auth0.com"},
		"a query in the domain":       {"AUTH0_DOMAIN": "example.eu.auth0.com?x"},
		"only a port":                 {"AUTH0_DOMAIN": ":8443"},
		"a colon and no port":         {"AUTH0_DOMAIN": "example.eu.auth0.com:"},
		"port 0":                      {"AUTH0_DOMAIN": "example.eu.auth0.com:0"},
		"a port that is none":         {"AUTH0_DOMAIN": "example.eu.auth0.com:65536"},
		"longer than SQS hides":       {"RETRY_MAX_DELAY": "12h"},
		"an audience without a slash": {"AUTH0_AUDIENCE": "https://example.eu.auth0.com/api/v2"},
		"a plain http audience":       {"AUTH0_AUDIENCE": "http://example.eu.auth0.com/api/v2/"},
		"no concurrency":              {"CONCURRENCY": "0"},
		"a negative delay":            {"RETRY_BASE_DELAY": "-1s"},
		"a share as a reserve":        {"RATE_RESERVE": "0.2"},
		"a negative reserve":          {"RATE_RESERVE": "-2"},
		"hosts that are only commas":  {"ALLOWED_HOSTS": " , ,"},
		"too much concurrency":        {"CONCURRENCY": "100000"},
		"a queue of another scheme":   {"REGISTRATIONS_QUEUE_URL": "ftp://sqs.example/1/q"},
		"a queue without a host":      {"REGISTRATIONS_QUEUE_URL": "https:///1/q"},
		"roots that are not there":    {"AUTH0_CA_FILE": "testdata/nowhere.pem"},
		"roots that are a folder":     {"AUTH0_CA_FILE": "."},
		"roots without a certificate": {"AUTH0_CA_FILE": "config.go"},
		"roots without end":           {"AUTH0_CA_FILE": "/dev/zero"},
	}
	for name, change := range tests {
		_, err := config.LoadRegisterClient(with(change))
		if !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: err = %v, want invalid", name, err)
		}
		for variable := range change {
			if err != nil && !strings.Contains(err.Error(), variable) {
				t.Errorf("%s: the error does not name %s: %v", name, variable, err)
			}
		}
	}
}

// What a template's parameters say is refused where the functions would refuse
// it, each mistake once; what it computes is not asked for.
func TestTheStackIsRefusedForWhatItsFunctionsRefuse(t *testing.T) {
	parameters := func(changed map[string]string) func(string) string {
		values := map[string]string{"AUTH0_DOMAIN": "example.eu.auth0.com", "AUTH0_MANAGEMENT_SECRET_ARN": "auth0/management", "ALLOWED_HOSTS": "*.example.com", "MAX_RECEIVE_COUNT": "20"}
		maps.Copy(values, changed)
		return func(name string) string { return values[name] }
	}
	if err := config.CheckStack(parameters(nil)); err != nil {
		t.Errorf("what is right is refused: %v", err)
	}
	// What one function refuses and another reads too is said once, also beside other mistakes.
	err := config.CheckStack(parameters(map[string]string{"AUTH0_DOMAIN": "https://example.com", "SECRET_PREFIX": "x", "START_PACE": "1h"}))
	if err == nil || strings.Count(err.Error(), "AUTH0_DOMAIN: ") != 1 {
		t.Errorf("three mistakes: %v", err)
	}
	if err := config.CheckStack(parameters(map[string]string{"MAX_RECEIVE_COUNT": ""})); err != nil {
		t.Errorf("without the queue's own parameter: %v", err)
	}
	// The stack's own secrets are below its name, and the HTTP API reads and writes all below its prefix.
	for prefix, ok := range map[string]bool{"": false, "clients/": false, "clients/eu/": true, "clients-eu/": true} {
		err := config.CheckStack(parameters(map[string]string{"STACK_NAME": "clients", "SECRET_PREFIX": prefix}))
		if (err == nil) != ok || !ok && !strings.Contains(err.Error(), "SECRET_PREFIX: ") {
			t.Errorf("a stack of the name clients with the prefix %q: %v", prefix, err)
		}
	}
	for name, value := range map[string]string{"AUTH0_DOMAIN": "https://example.com", "RETRY_MAX_DELAY": "12h", "SECRET_PREFIX": "clientkeeper/x/", "SIGNING_SPREAD": "5m", "PROPAGATION_WINDOW": "20m", "START_PACE": "1h", "MAX_TRIES": "20", "ALLOWED_HOSTS": "agents.example.com,https://bad.example.com"} {
		err := config.CheckStack(parameters(map[string]string{name: value}))
		if err == nil || strings.Count(err.Error(), name+": ") != 1 {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
}
