package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"clientkeeper/internal/rotation"
)

// findings are the doctor's, of one run with -json.
func (c *cloud) findings(t *testing.T, args ...string) (out []seen, err error) {
	t.Helper()
	text, err := c.call(t, "", false, append([]string{"doctor", "-json"}, args...)...)
	for line := range strings.Lines(text) {
		var s seen
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if s.Finding == "" || s.Says == "" || s.Repair == "" {
			t.Errorf("half a finding: %s", line)
		}
		out = append(out, s)
	}
	return out, err
}

func slugs(findings []seen) (out []string) {
	for _, f := range findings {
		out = append(out, strings.TrimSpace(f.Name+" "+f.Finding))
	}
	return out
}

func TestDoctorFindsAndRepairs(t *testing.T) {
	c := openCloud(t)
	c.adopted(t, "well")
	sick := c.adopted(t, "sick")
	c.leftOver(t, "sick") // safe to repair
	gone, secret := c.client("gone")
	c.store(t, "off", gone, secret, map[string]string{rotation.TagManaged: "true", rotation.TagClientID: gone}) // for a person

	out := c.fails(t, "2 findings are left; clientkeeper doctor -fix makes the safe repairs: 1", "doctor")
	wantLines(t, out, `^off$`, `^  rotation_disabled +rotation is not enabled`, `^ +-> start a rotation`,
		`^sick$`, `^  label_leftover +AWSPENDING is still on`, `^ +-> safe: remove the label AWSPENDING`, `^3 secrets examined: 2 findings$`)
	if strings.Contains(out, "well\n  ") {
		t.Errorf("what is well is listed:\n%s", out)
	}

	out = c.fails(t, "1 finding is left", "doctor", "-fix")
	wantLines(t, out, `^sick$`, `^ +done: remove the label AWSPENDING`, `^3 secrets examined: 2 findings, 1 repaired$`)
	if current, pending, _ := c.labels(t, "sick"); pending != "" || !c.tenant.Accepts(sick, c.current(t, "sick")["client_secret"]) {
		t.Errorf("current %s, pending %q", current, pending)
	}
	if out := c.ok(t, "doctor", "sick", "well", "sick"); out != "2 secrets examined: all is well\n" {
		t.Errorf("said %q", out)
	}
	if found, err := c.findings(t); err == nil || !slices.Equal(slugs(found), []string{"off rotation_disabled"}) || found[0].Safe {
		t.Errorf("%+v, %v", found, err)
	}
	c.hunt(t)
}

func TestDoctorKnowsTwoSecretsOfOneClient(t *testing.T) {
	c := openCloud(t)
	id := c.adopted(t, "one")
	c.tag(t, "one", map[string]string{rotation.TagTenant: "other.eu.auth0.com"}) // or adopt would refuse
	c.ok(t, "adopt", "-name", "two", id)
	c.idle(t)
	c.tag(t, "one", map[string]string{rotation.TagTenant: c.tenant.Domain()})
	found, err := c.findings(t)
	if err == nil || !slices.Equal(slugs(found), []string{"one duplicate_client", "two duplicate_client"}) {
		t.Errorf("%v, %v", slugs(found), err)
	}
}

// A secret that is scheduled for deletion can be described, and not read.
func TestDoctorOfADeletedSecret(t *testing.T) {
	c := openCloud(t)
	c.adopted(t, "gone")
	if _, err := c.aws.DeleteSecret(t.Context(), &sdk.DeleteSecretInput{SecretId: aws.String("gone")}); err != nil {
		t.Fatal(err)
	}
	wantLines(t, c.fails(t, "1 finding is left", "doctor", "gone"), `^gone$`,
		`^  secret_deleted +the secret is scheduled for deletion$`, `^ +-> restore it, or let it go$`)
}

// A tenant that is down is one finding, however many secrets there are, and
// what Secrets Manager knows is told all the same.
func TestDoctorWithoutATenant(t *testing.T) {
	c := openCloud(t)
	for i := range 3 {
		c.adopted(t, fmt.Sprint("secret", i))
	}
	c.leftOver(t, "secret1")
	c.down()
	before := c.tenant.Counts().Requests
	found, err := c.findings(t, "-fix")
	if err == nil || !slices.Equal(slugs(found), []string{"tenant_unreachable", "secret1 label_leftover"}) || !found[1].Repaired {
		t.Errorf("%+v, %v", found, err)
	}
	if n := c.tenant.Counts().Requests - before; n == 0 || n > 10 {
		t.Errorf("%d requests to a tenant that is down", n)
	}
	c.hunt(t)
}

func TestDoctorShowsProgressOnATerminalOnly(t *testing.T) {
	c := openCloud(t)
	for i := range 5 {
		c.adopted(t, fmt.Sprint("secret", i))
	}
	for terminal, want := range map[bool]bool{true: true, false: false} {
		out, err := c.call(t, "", terminal, "doctor")
		if got := strings.Contains(out, "4 of 5 examined"); err != nil || got != want {
			t.Errorf("terminal %v: %v, %q", terminal, err, out)
		}
	}
}

func TestDoctorRefuses(t *testing.T) {
	c := openCloud(t)
	if out := c.ok(t, "doctor"); !strings.Contains(out, "no managed secrets") {
		t.Errorf("with none: %q", out)
	}
	c.fails(t, "is not managed", "doctor", "management")
	c.fails(t, "nowhere: ", "doctor", "nowhere")
	delete(c.env, "AUTH0_DOMAIN")
	c.fails(t, "AUTH0_DOMAIN", "doctor")
}

// leftOver puts AWSPENDING beside AWSCURRENT, where some rotations leave it.
func (c *cloud) leftOver(t *testing.T, name string) {
	t.Helper()
	current, _, _ := c.labels(t, name)
	c.label(t, name, "AWSPENDING", current)
}
