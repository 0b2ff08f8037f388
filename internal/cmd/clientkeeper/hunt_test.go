package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// hunt fails if any value that was ever stored was printed, a key's too.
func (c *cloud) hunt(t *testing.T) {
	t.Helper()
	values := 0
	list, err := c.aws.ListSecrets(t.Context(), &sdk.ListSecretsInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list.SecretList {
		versions, err := c.aws.ListSecretVersionIds(t.Context(), &sdk.ListSecretVersionIdsInput{SecretId: s.ARN, IncludeDeprecated: aws.Bool(true)})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range versions.Versions {
			out, err := c.aws.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: s.ARN, VersionId: v.VersionId})
			if err != nil {
				continue // it has no value
			}
			var value map[string]string
			if err := json.Unmarshal([]byte(*out.SecretString), &value); err != nil {
				t.Fatal(err)
			}
			for _, part := range []string{value["client_secret"], value["private_key_pem"], value["whsec"]} {
				if part == "" {
					continue
				}
				values++
				if text := c.said.String(); strings.Contains(text, part) || strings.Contains(text, part[len(part)/4:3*len(part)/4]) {
					t.Errorf("a value of %s was printed", *s.Name)
				}
			}
		}
	}
	if values < 2 || c.said.Len() == 0 {
		t.Errorf("%d values were looked for in %d bytes", values, c.said.Len())
	}
}

// wantLines checks the shape of a text: each pattern has to match a line, in
// this order.
func wantLines(t *testing.T, text string, patterns ...string) {
	t.Helper()
	lines := strings.Split(text, "\n")
	for _, p := range patterns {
		re := regexp.MustCompile(p)
		for len(lines) > 0 && !re.MatchString(lines[0]) {
			lines = lines[1:]
		}
		if len(lines) == 0 {
			t.Fatalf("no line (after those before) matches %q in\n%s", p, text)
		}
		lines = lines[1:]
	}
}

// publicKey is a new key of somebody else's.
func publicKey(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}
