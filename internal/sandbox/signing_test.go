package sandbox_test

import (
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	awssecrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"clientkeeper/internal/sandbox"
	"clientkeeper/internal/sandbox/secretsmanager"
	"clientkeeper/internal/webhook"
)

// The signing secret of the template's own webhooks is managed as it is
// deployed: the real functions rotate it, and take a sender's requests by the
// old secret and by the new one while that goes on and afterwards.
func TestTheStacksSigningSecretRotates(t *testing.T) {
	t.Parallel()
	const body = `{"type":"registration.requested","data":{"external_client_id":"https://vscode.dev/oauth/client-metadata.json"}}`
	ended, goOn := make(chan secretsmanager.StepEvent, 8), make(chan struct{})
	release := sync.OnceFunc(func() { close(goOn) })
	s := start(t, sandbox.Options{Parameters: map[string]string{"SigningSpread": "1s"}, Step: func(e secretsmanager.StepEvent) {
		if e.Step == "createSecret" {
			ended <- e
			<-goOn
		}
	}})
	t.Cleanup(release)
	v := visitor{t, environment(t, s)}
	arn := v.env["WEBHOOK_SECRET_ARN"]
	if err := s.Secrets.Idle(t.Context()); err != nil { // the test that came with its switching on
		t.Fatal(err)
	}
	client := awssecrets.New(awssecrets.Options{Region: "eu-central-2", BaseEndpoint: &s.AWSURL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	if _, err := client.RotateSecret(t.Context(), &awssecrets.RotateSecretInput{SecretId: &arn}); err != nil {
		t.Fatal(err)
	}
	accepted := func(when string, key webhook.Key) {
		t.Helper()
		if status, answer := v.send("POST", v.env["WEBHOOK_URL"], body, signed(body, key)); status != 202 {
			t.Errorf("%s: %d %v", when, status, answer)
		}
	}
	if e := <-ended; e.ARN != arn || e.FunctionError != "" {
		t.Fatalf("%+v", e)
	}
	old, made := v.signingKey(s, "AWSCURRENT"), v.signingKey(s, "AWSPENDING")
	accepted("on the way, by AWSCURRENT", old)
	accepted("on the way, by AWSPENDING", made)
	release()
	if err := s.Secrets.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	mark := func(k webhook.Key) string { return webhook.Sign("msg", time.Unix(1, 0), nil, k).Signature }
	if mark(v.signingKey(s, "AWSCURRENT")) != mark(made) || mark(v.signingKey(s, "AWSPREVIOUS")) != mark(old) {
		t.Error("AWSCURRENT is not what was made, or AWSPREVIOUS not what was before")
	}
	accepted("at the end, by AWSCURRENT", made)
	accepted("at the end, by AWSPREVIOUS", old)
	if status, _ := v.send("POST", v.env["WEBHOOK_URL"], body, signed("another body", made)); status != 401 {
		t.Errorf("a signature of something else: %d", status)
	}
	if n := s.Journal.Leaks(); n > 0 {
		t.Errorf("%d lines of a log hold a secret", n)
	}
}
