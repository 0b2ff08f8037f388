package main

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"clientkeeper/internal/rotation"
)

// The commands for a secret that no client and no tenant knows.
func TestASigningSecretOfWebhooks(t *testing.T) {
	c := openCloud(t)
	_, err := c.secrets.Put("hooks", `{"whsec":"`+signingText+`"}`, map[string]string{rotation.TagManaged: "true", rotation.TagKind: rotation.KindWebhook, rotation.TagInterval: "90d"})
	if err == nil {
		_, err = c.aws.RotateSecret(t.Context(), &sdk.RotateSecretInput{SecretId: aws.String("hooks"), RotationLambdaARN: aws.String(functionName), RotateImmediately: aws.Bool(false)})
	}
	if err != nil {
		t.Fatal(err)
	}
	c.idle(t)
	wantLines(t, c.ok(t, "plan"), `^leave +hooks +webhook_secret .*not due`)
	c.ok(t, "doctor", "hooks")
	wantLines(t, c.ok(t, "revoke", "-yes", "hooks"), `^there was nothing to do`)
	c.ok(t, "rotate", "hooks")
	if c.current(t, "hooks")["whsec"] == signingText {
		t.Error("it was not rotated")
	}
	out, err := c.call(t, "yes\n", true, "revoke", "hooks")
	if err != nil {
		t.Fatal(err)
	}
	wantLines(t, out, `^What hooks held before its last rotation stops working now: webhooks that are still signed with it are refused\.$`,
		`what hooks held before stops working within a minute: it is AWSPREVIOUS no more$`)
	if _, _, previous := c.labels(t, "hooks"); previous != "" {
		t.Errorf("AWSPREVIOUS is on %s", previous)
	}
	id, _ := c.client("orders")
	c.fails(t, "is no client's", "adopt", "-kind", "webhook_secret", id)
	c.hunt(t)
}
