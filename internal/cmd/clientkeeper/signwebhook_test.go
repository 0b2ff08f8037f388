package main

import (
	"encoding/base64"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clientkeeper/internal/sandbox/secretsmanager"
	"clientkeeper/internal/secret"
	"clientkeeper/internal/webhook"
)

const signingText = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// delivery reads the headers as curl -H @- does.
func delivery(t *testing.T, text string) webhook.Delivery {
	t.Helper()
	h := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		h[name] = value
	}
	if len(h) != 3 {
		t.Fatalf("headers %q", text)
	}
	return webhook.Delivery{ID: h["webhook-id"], Timestamp: h["webhook-timestamp"], Signature: h["webhook-signature"]}
}

func written(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// What is signed is every byte, wherever it comes from.
func TestSignWebhook(t *testing.T) {
	key, err := webhook.ParseKey(secret.New(signingText))
	if err != nil {
		t.Fatal(err)
	}
	secretFile := written(t, "secret", signingText+"\n")
	body := "{\"a\": \"ä\"}\r\n\n"
	headers := filepath.Join(t.TempDir(), "headers")
	tests := map[string]struct {
		in   string
		args []string
		from string // a file; empty: standard output
		age  time.Duration
	}{
		"standard input":      {body, nil, "", 0},
		"a dash":              {body, []string{"-"}, "", 0},
		"a file":              {"", []string{written(t, "body", body)}, "", 0},
		"headers into a file": {body, []string{"-headers", headers}, headers, 0},
		"an old one":          {body, []string{"-age", "10m"}, "", 10 * time.Minute},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := dispatched(t, nil, test.in, append([]string{"sign-webhook", "-secret-file", secretFile}, test.args...)...)
			if r.err != nil || r.errOut != "" {
				t.Fatal(r.err, r.errOut)
			}
			text := r.out
			if test.from != "" {
				if text != "" {
					t.Errorf("printed %q as well", text)
				}
				b, err := os.ReadFile(test.from)
				if err != nil {
					t.Fatal(err)
				}
				text = string(b)
			}
			d := delivery(t, text)
			if err := webhook.Verify(d, []byte(body), time.Now().Add(-test.age), key); err != nil {
				t.Error(err)
			}
			if err := webhook.Verify(d, []byte(body+" "), time.Now().Add(-test.age), key); err == nil {
				t.Error("another body verifies")
			}
			if test.age > 0 && webhook.Verify(d, []byte(body), time.Now(), key) == nil {
				t.Error("it is fresh")
			}
		})
	}
}

// -curl is for a shell to eval; an id of one's own makes a repetition.
func TestSignWebhookForAShell(t *testing.T) {
	secretFile := written(t, "secret", signingText)
	r := dispatched(t, nil, "{}", "sign-webhook", "-secret-file", secretFile, "-curl", "-id", "msg_7")
	if r.err != nil || strings.Count(r.out, "\n") != 1 || !strings.HasPrefix(r.out, "-H 'webhook-id: msg_7' -H 'webhook-timestamp: ") ||
		!strings.Contains(r.out, " -H 'webhook-signature: v1,") {
		t.Errorf("%v, %q", r.err, r.out)
	}
}

// The secret may be where the function has it, as Secrets Manager made it.
func TestSignWebhookFromSecretsManager(t *testing.T) {
	room := secretsmanager.New(secretsmanager.Options{Region: "eu-central-1"})
	t.Cleanup(room.Close)
	server := httptest.NewServer(room)
	t.Cleanup(server.Close)
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "eu-central-1", "AWS_PROFILE": "", "AWS_SESSION_TOKEN": "",
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none} {
		t.Setenv(name, value)
	}
	raw := []byte("33 bytes, as 44 letters make them")
	generated := base64.StdEncoding.EncodeToString(raw)
	arn, err := room.Put("clientkeeper/webhook", `{"whsec":"`+generated+`"}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := webhook.ParseKey(secret.New("whsec_" + generated))
	if err != nil {
		t.Fatal(err)
	}
	for name, run := range map[string]ran{
		"the environment": dispatched(t, map[string]string{"WEBHOOK_SECRET_ARN": arn}, "{}", "sign-webhook"),
		"a flag":          dispatched(t, nil, "{}", "sign-webhook", "-secret", "clientkeeper/webhook"),
	} {
		if run.err != nil {
			t.Fatal(name, run.err)
		}
		if err := webhook.Verify(delivery(t, run.out), []byte("{}"), time.Now(), key); err != nil {
			t.Error(name, err)
		}
	}
	if r := dispatched(t, nil, "{}", "sign-webhook", "-secret", "none"); r.err == nil || r.out != "" {
		t.Errorf("a secret that is not there: %v, %q", r.err, r.out)
	}
}

// Nothing is printed that is not a signature, and never the secret.
func TestSignWebhookRefused(t *testing.T) {
	tests := map[string][]string{
		"no secret":            {},
		"a file that is gone":  {"-secret-file", filepath.Join(t.TempDir(), "none")},
		"no signing secret":    {"-secret-file", written(t, "secret", "hunter2-hunter2-hunter2")},
		"an id with a stop":    {"-secret-file", written(t, "secret", signingText), "-id", "a.b"},
		"an id with a newline": {"-secret-file", written(t, "secret", signingText), "-id", "a\nb"},
		"a body that is gone":  {"-secret-file", written(t, "secret", signingText), filepath.Join(t.TempDir(), "none")},
		"two bodies":           {"-secret-file", written(t, "secret", signingText), "a", "b"},
	}
	for name, args := range tests {
		t.Run(name, func(t *testing.T) {
			r := dispatched(t, nil, "{}", append([]string{"sign-webhook"}, args...)...)
			if r.err == nil || r.out != "" {
				t.Fatalf("%v, %q", r.err, r.out)
			}
			if all := r.err.Error() + r.errOut; strings.Contains(all, "hunter2") || strings.Contains(all, signingText[6:]) {
				t.Errorf("the secret is told: %s", all)
			}
		})
	}
}
