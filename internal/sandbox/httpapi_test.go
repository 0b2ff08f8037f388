package sandbox_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssecrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"clientkeeper/internal/app"
	"clientkeeper/internal/sandbox"
	"clientkeeper/internal/secret"
	"clientkeeper/internal/webhook"
)

// environment reads the file that a shell sources.
func environment(t *testing.T, s *sandbox.Sandbox) map[string]string {
	t.Helper()
	text, err := os.ReadFile(s.EnvFile)
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^export ([A-Z0-9_]+)='(.*)'$`).FindAllStringSubmatch(string(text), -1) {
		env[m[1]] = m[2]
	}
	return env
}

// A visitor talks to the HTTP API as curl does.
type visitor struct {
	t   *testing.T
	env map[string]string
}

func (v visitor) send(method, url, body string, header map[string]string) (int, map[string]any) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := (&http.Client{Timeout: time.Minute}).Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	var answer map[string]any
	if len(text) > 0 && json.Unmarshal(text, &answer) != nil {
		v.t.Fatalf("%s %s: %s is not JSON", method, url, text)
	}
	return res.StatusCode, answer
}

// token is a caller's, with one scope or all.
func (v visitor) token(s *sandbox.Sandbox, scope string) string {
	v.t.Helper()
	body, err := json.Marshal(map[string]string{"grant_type": "client_credentials", "client_id": v.env["API_CLIENT_ID"],
		"client_secret": v.env["API_CLIENT_SECRET"], "audience": v.env["API_AUDIENCE"], "scope": scope})
	if err != nil {
		v.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.Tenant.CAPEM())
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	res, err := client.Post("https://"+v.env["AUTH0_DOMAIN"]+"/oauth/token", "application/json", strings.NewReader(string(body)))
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.Token == "" {
		v.t.Fatalf("%s: %v", res.Status, err)
	}
	return answer.Token
}

// The HTTP API leads to the real functions: with a token for the route, and for
// a webhook with a signature by the secret that the stack has made.
func TestHTTPAPI(t *testing.T) {
	t.Parallel()
	s := start(t, sandbox.Options{})
	env := environment(t, s)
	v := visitor{t, env}
	if env["API_URL"] != s.APIURL || env["WEBHOOK_URL"] != s.APIURL+"/v1/webhooks/registrations" {
		t.Fatalf("API_URL %q, WEBHOOK_URL %q", env["API_URL"], env["WEBHOOK_URL"])
	}
	all, reading := v.token(s, ""), v.token(s, "clients:read")
	json_ := map[string]string{"Content-Type": "application/json"}
	with := func(token string) map[string]string {
		return map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json", "Idempotency-Key": "test-1"}
	}
	newClient := `{"name":"orders","grants":[{"audience":"https://orders.example.net","scopes":[]}]}`
	for name, test := range map[string]struct {
		method, path, body string
		header             map[string]string
		status             int
	}{
		"the description is open":     {"GET", "/v1/openapi.json", "", nil, 200},
		"no token":                    {"GET", "/v1/clients", "", nil, 401},
		"a token":                     {"GET", "/v1/clients", "", with(reading), 200},
		"a token without the scope":   {"POST", "/v1/clients", newClient, with(reading), 403},
		"a body that is no client":    {"POST", "/v1/clients", "[]", with(all), 400},
		"no such route":               {"GET", "/v1/nothing", "", with(all), 404},
		"no such route for strangers": {"GET", "/v1/nothing", "", nil, 401},
		"no such method":              {"PUT", "/v1/clients", newClient, with(reading), 405},
		"a webhook without signature": {"POST", "/v1/webhooks/registrations", "{}", json_, 401},
	} {
		if status, answer := v.send(test.method, s.APIURL+test.path, test.body, test.header); status != test.status {
			t.Errorf("%s: %d %v, want %d", name, status, answer, test.status)
		}
	}
	v.sendWebhook(s)
	if n := s.Journal.Leaks(); n > 0 {
		t.Errorf("%d lines of a log hold a secret", n)
	}
}

// signingKey is what a version of the stack's signing secret holds.
func (v visitor) signingKey(s *sandbox.Sandbox, label string) webhook.Key {
	v.t.Helper()
	client := awssecrets.New(awssecrets.Options{Region: "eu-central-2", BaseEndpoint: &s.AWSURL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	stored, err := client.GetSecretValue(v.t.Context(), &awssecrets.GetSecretValueInput{SecretId: aws.String(v.env["WEBHOOK_SECRET_ARN"]), VersionStage: &label})
	if err != nil {
		v.t.Fatal(err)
	}
	key, err := app.SigningKey(secret.New(*stored.SecretString))
	if err != nil {
		v.t.Fatal(err)
	}
	return key
}

func signed(body string, key webhook.Key) map[string]string {
	d := webhook.Sign("msg_1", time.Now(), []byte(body), key)
	return map[string]string{"Content-Type": "application/json", "Webhook-Id": d.ID, "Webhook-Timestamp": d.Timestamp, "Webhook-Signature": d.Signature}
}

// sendWebhook signs as a partner would, and sees the registration through.
func (v visitor) sendWebhook(s *sandbox.Sandbox) {
	v.t.Helper()
	key := v.signingKey(s, "AWSCURRENT")
	body := `{"type":"registration.requested","data":{"external_client_id":"https://vscode.dev/oauth/client-metadata.json"}}`
	signed := signed(body, key)
	status, answer := v.send("POST", v.env["WEBHOOK_URL"], body, signed)
	if status != http.StatusAccepted {
		v.t.Errorf("a signed webhook: %d %v", status, answer)
	}
	// Base64 on its way, as API Gateway hands over what is not text; the
	// function's own opinion of the type comes after the signature.
	signed["Content-Type"] = "application/octet-stream"
	if status, answer := v.send("POST", v.env["WEBHOOK_URL"], body, signed); status == http.StatusUnauthorized {
		v.t.Errorf("bytes that arrive as base64 do not verify: %v", answer)
	}
}
