package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"clientkeeper/internal/rotation"
	"clientkeeper/internal/sandbox/tenant"
)

func (c *cloud) tag(t *testing.T, name string, tags map[string]string) {
	t.Helper()
	for k, v := range tags {
		if _, err := c.aws.TagResource(t.Context(), &sdk.TagResourceInput{SecretId: &name, Tags: []types.Tag{{Key: &k, Value: &v}}}); err != nil {
			t.Fatal(err)
		}
	}
}

func (c *cloud) label(t *testing.T, name, label, version string) {
	t.Helper()
	_, err := c.aws.UpdateSecretVersionStage(t.Context(), &sdk.UpdateSecretVersionStageInput{SecretId: &name, VersionStage: &label, MoveToVersionId: &version})
	if err != nil {
		t.Fatal(err)
	}
}

func (c *cloud) tags(t *testing.T, name string) map[string]string {
	t.Helper()
	out, err := c.aws.DescribeSecret(t.Context(), &sdk.DescribeSecretInput{SecretId: &name})
	if err != nil {
		t.Fatal(err)
	}
	if !aws.ToBool(out.RotationEnabled) {
		t.Errorf("rotation of %s is not enabled", name)
	}
	tags := map[string]string{}
	for _, tag := range out.Tags {
		tags[*tag.Key] = *tag.Value
	}
	return tags
}

func TestAdoptTakesOverWithoutARotation(t *testing.T) {
	c := openCloud(t)
	id, secret := c.client("live")
	out := c.ok(t, "adopt", "-interval", "12h", id)
	name := "clientkeeper/" + id
	wantLines(t, out, `^the credential of client `+id+` is stored in `+name+`$`, `^arn:aws:secretsmanager:`,
		`^nothing is rotated now; its next rotation is due on .*\(in 1\dh\)$`, `clientkeeper doctor `+name)
	c.idle(t)
	if value := c.current(t, name); value["client_id"] != id || value["client_secret"] != secret || !c.tenant.Accepts(id, secret) {
		t.Error("the stored credential is not the client's, or that has changed")
	}
	if current, pending, previous := c.labels(t, name); current == "" || pending != "" || previous != "" {
		t.Errorf("labels: %q %q %q", current, pending, previous)
	}
	tags := c.tags(t, name)
	if tags[rotation.TagInterval] != "12h" || tags[rotation.TagKind] != rotation.KindSecret || tags[rotation.TagTenant] != c.tenant.Domain() || tags[rotation.TagManaged] != "true" {
		t.Errorf("tags %v", tags)
	}
	if out := c.ok(t, "doctor", name); !strings.Contains(out, "all is well") {
		t.Errorf("doctor: %s", out)
	}
	c.ok(t, "adopt", id) // once more is harmless
	if again := c.tags(t, name); !maps.Equal(again, tags) {
		t.Errorf("adopting again made the tags %v of %v", again, tags)
	}
	wantLines(t, c.ok(t, "adopt", "-interval", "7d", "-strategy", "tenant-generated", id), `^nothing is rotated now; .*\(in [67]d\)$`)
	tags[rotation.TagInterval], tags[rotation.TagStrategy] = "7d", rotation.StrategyGenerated
	if again := c.tags(t, name); !maps.Equal(again, tags) {
		t.Errorf("adopting again with other flags made the tags %v, want %v", again, tags)
	}
	c.ok(t, "rotate", name)
	if c.tenant.Accepts(id, secret) {
		t.Error("the first rotation has changed nothing")
	}
	c.hunt(t)
}

func TestAdoptAddsAKeyBesideTheClients(t *testing.T) {
	c := openCloud(t)
	id, _ := c.client("keyed")
	theirs, err := c.tenant.AddKey(id, publicKey(t), "")
	if err != nil {
		t.Fatal(err)
	}
	c.ok(t, "adopt", "-name", "keyed", id)
	c.idle(t)
	keys := c.tenant.AttachedKeys(id)
	if len(keys) != 2 || !slices.ContainsFunc(keys, func(k tenant.Key) bool { return k.CredentialID == theirs }) {
		t.Errorf("attached: %+v; want theirs (%s) and ours", keys, theirs)
	}
	if value := c.current(t, "keyed"); value["kid"] == "" || value["private_key_pem"] == "" || value["client_secret"] != "" {
		t.Error("no key is stored")
	}
	c.hunt(t)
}

func TestAdoptASecretThatExists(t *testing.T) {
	c := openCloud(t)
	id, secret := c.client("live")
	arn := c.store(t, "team/app", id, secret, map[string]string{"team": "a", rotation.TagInterval: "7d"})
	_, err := c.aws.RotateSecret(t.Context(), &sdk.RotateSecretInput{SecretId: &arn, RotationLambdaARN: aws.String(otherName), RotateImmediately: aws.Bool(false)})
	if err != nil {
		t.Fatal(err)
	}
	c.idle(t)
	wantLines(t, c.ok(t, "adopt", "-secret", "team/app", id, "-kind", "private_key_jwt"), `^team/app is managed now`, `^arn:`,
		`^it was rotated by `+otherName+` before`, `\(in \dd\)`)
	c.idle(t)
	if tags := c.tags(t, arn); tags[rotation.TagInterval] != "7d" || tags["team"] != "a" || tags[rotation.TagKind] != rotation.KindKey {
		t.Errorf("tags %v", tags)
	}
	c.ok(t, "rotate", "team/app") // which migrates
	if keys := c.tenant.AttachedKeys(id); len(keys) != 1 || c.tenant.Accepts(id, secret) {
		t.Errorf("keys %v", keys)
	}

	other, _ := c.client("other")
	c.fails(t, "is managed already", "adopt", "-secret", "team/app", other)
	c.store(t, "team/wrong", other, "not its secret", nil)
	c.fails(t, "current_refused", "adopt", "-secret", "team/wrong", other)
	if out := c.ok(t, "plan"); strings.Contains(out, "team/wrong") {
		t.Errorf("a secret that does not log in is managed:\n%s", out)
	}
	c.hunt(t)
}

// A secret that was created without a value, as infrastructure code does, is
// given what the doctor says it will be given.
func TestAdoptFillsASecretWithoutAValue(t *testing.T) {
	c := openCloud(t)
	shared, secret := c.client("shared")
	keyed, _ := c.client("keyed")
	if _, err := c.tenant.AddKey(keyed, publicKey(t), ""); err != nil {
		t.Fatal(err)
	}
	bare, _ := c.client("bare")
	for name, id := range map[string]string{"shared": shared, "keyed": keyed, "bare": bare} {
		if _, err := c.aws.CreateSecret(t.Context(), &sdk.CreateSecretInput{Name: &name}); err != nil {
			t.Fatal(err)
		}
		if name != "bare" {
			c.tag(t, name, map[string]string{rotation.TagManaged: "true", rotation.TagClientID: id})
			wantLines(t, c.fails(t, "findings are left", "doctor", name), `^ +-> start a rotation.*adopt the secret, which gives it one$`, `^ +no_current +AWSCURRENT has no value$`, `^ +-> adopt the client, which stores its credential$`)
		}
		c.ok(t, "adopt", "-secret", name, id)
		c.idle(t)
		if current, pending, previous := c.labels(t, name); current == "" || pending != "" || previous != "" {
			t.Errorf("%s: labels %q %q %q", name, current, pending, previous)
		}
		if found, _ := c.findings(t, name); slices.ContainsFunc(found, func(f seen) bool { return f.Finding != "foreign_key" }) {
			t.Errorf("%s: %+v", name, found)
		}
	}
	if c.current(t, "shared")["client_secret"] != secret || len(c.tenant.AttachedKeys(keyed)) != 2 {
		t.Error("what is stored is not the client's, or the key has no place")
	}
	c.ok(t, "rotate", "shared")
	c.hunt(t)
}

// A function that may not be called is found out at adoption, not at the first
// rotation, and adopting again goes on.
func TestAdoptWithoutAFunctionThatMayBeCalled(t *testing.T) {
	c := openCloud(t)
	id, _ := c.client("live")
	other := functionName + "-elsewhere"
	c.fails(t, "adopt again to go on", "adopt", "-name", "a", "-rotation-function", other, id)
	c.ok(t, "adopt", "-name", "a", id)
	c.idle(t)
	c.tags(t, "a")
	c.fails(t, "not_found", "adopt", "-name", "b", "no-such-client")
}

func TestAdoptRefuses(t *testing.T) {
	c := openCloud(t)
	for words, args := range map[string][]string{
		"usage: clientkeeper adopt":        {},
		"-interval takes a time":           {"-interval", "monthly", "id"},
		"-overlap takes a time":            {"-overlap=", "id"},
		"-kind takes client_secret or":     {"-kind", "password", "id"},
		"-strategy takes local or":         {"-strategy", "mine", "id"},
		"-name takes 1 to 512":             {"-name", "a b", "id"},
		"hyphen and six characters":        {"-name", "app-secret", "id"},
		"give one of them":                 {"-name", "a", "-secret", "b", "id"},
		"not the ARN of a Lambda function": {"-rotation-function", "rotate-secret", "id"},
		"the client's id is not one":       {"an id"},
	} {
		c.misused(t, words, append([]string{"adopt"}, args...)...)
	}
	c.misused(t, "-name takes 1 to 512", "adopt", "https://a.example/client.json")
	delete(c.env, "ROTATE_SECRET_FUNCTION_ARN")
	c.misused(t, "ROTATE_SECRET_FUNCTION_ARN", "adopt", "id")
	if n := len(c.secrets.Snapshot()); n != 1 || c.tenant.Counts().Requests != 0 {
		t.Errorf("%d secrets, %d requests: something was done", n, c.tenant.Counts().Requests)
	}
}

// Two secrets of one client would undo each other's rotations.
func TestAdoptAClientThatAnotherSecretManages(t *testing.T) {
	c := openCloud(t)
	id := c.adopted(t, "first")
	secrets := len(c.secrets.Snapshot())
	c.fails(t, "first manages client "+id+" already, and two secrets would undo each other's rotations; adopt with -secret first, or remove its tag clientkeeper:managed first", "adopt", "-name", "second", id)
	_, secret := c.client("unused")
	c.store(t, "third", id, secret, nil)
	c.fails(t, "adopt with -secret first", "adopt", "-secret", "third", id)
	if out := c.ok(t, "plan"); len(c.secrets.Snapshot()) != secrets+1 || strings.Contains(out, "third") {
		t.Errorf("%d secrets:\n%s", len(c.secrets.Snapshot()), out)
	}
	c.ok(t, "adopt", "-name", "first", id)
	c.ok(t, "adopt", "-secret", "first", id)

	// One of another tenant's client with this id is none of ours.
	c.tag(t, "first", map[string]string{rotation.TagTenant: "other.eu.auth0.com"})
	c.ok(t, "adopt", "-name", "second", id)
	c.hunt(t)
}

func TestPauseAndResume(t *testing.T) {
	c := openCloud(t)
	c.adopted(t, "a", "-interval", "90d")
	wantLines(t, c.ok(t, "pause", "a"), `^a is paused: no scheduled run rotates it$`, `^-> clientkeeper resume a `)
	if v := c.tags(t, "a")[rotation.TagPaused]; v != "true" {
		t.Errorf("tag %q", v)
	}
	c.ok(t, "pause", "-reason", "Ärger: see https://example.com/1", "a")
	if v := c.tags(t, "a")[rotation.TagPaused]; v != "Ärger: see https://example.com/1" {
		t.Errorf("tag %q", v)
	}
	wantLines(t, c.ok(t, "resume", "a"), `^a is resumed$`, `^-> its next rotation is due on .*\(in 8\dd\)$`)
	if v, ok := c.tags(t, "a")[rotation.TagPaused]; ok {
		t.Errorf("tag %q is still there", v)
	}
	wantLines(t, c.ok(t, "resume", "a"), `^a was not paused$`)
	c.givenUp(t, "a", "setSecret")
	wantLines(t, c.ok(t, "pause", "a"), `a rotation is under way, and goes on`)
	c.misused(t, "-reason takes", "pause", "a", "-reason", "false")
	c.misused(t, "-reason takes", "pause", "a", "-reason", "two\nlines")
	c.misused(t, "usage: clientkeeper pause", "pause")
	c.fails(t, "is not managed", "pause", "management")
	c.fails(t, "is not managed", "resume", "management")
	c.hunt(t)
}

func TestRevoke(t *testing.T) {
	c := openCloud(t)
	id := c.adopted(t, "a", "-kind", "private_key_jwt")
	c.ok(t, "rotate", "a") // a migration: one key
	c.tag(t, "a", map[string]string{rotation.TagAdopted: time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)})
	c.ok(t, "rotate", "a") // two keys
	if keys := c.tenant.AttachedKeys(id); len(keys) != 2 {
		t.Fatalf("%d keys are attached", len(keys))
	}
	kid := c.current(t, "a")["kid"]
	unchanged := func(err error, why string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "nothing was done") || len(c.tenant.AttachedKeys(id)) != 2 {
			t.Errorf("%s: %v, %d keys", why, err, len(c.tenant.AttachedKeys(id)))
		}
	}
	_, err := c.call(t, "yes\n", false, "revoke", "a")
	unchanged(err, "nobody to ask")
	_, err = c.call(t, "y\n", true, "revoke", "a")
	unchanged(err, "no yes")
	_, err = c.call(t, "", true, "revoke", "a")
	unchanged(err, "no answer")

	out, err := c.call(t, "yes\n", true, "revoke", "a")
	if err != nil {
		t.Fatal(err)
	}
	wantLines(t, out, `^What a held before its last rotation stops working now`, `what a held before stopped working: 2 changes to the tenant`,
		`^-> where the current credential is known to others too: clientkeeper rotate a`)
	if keys := c.tenant.AttachedKeys(id); len(keys) != 1 || keys[0].KeyID != kid || len(c.tenant.Credentials(id)) != 1 {
		t.Errorf("keys %+v, want the current one alone", keys)
	}
	wantLines(t, c.ok(t, "revoke", "a", "-yes"), `^there was nothing to do`)
	c.ok(t, "doctor", "a")

	if err := c.tenant.Attach(id); err != nil { // somebody detaches the key
		t.Fatal(err)
	}
	c.fails(t, "nothing was taken away: the key in AWSCURRENT", "revoke", "-yes", "a")
	c.givenUp(t, "a", "setSecret")
	c.fails(t, "in_flight", "revoke", "-yes", "a")
	c.fails(t, "is not managed", "revoke", "-yes", "management")
	c.hunt(t)
}

func TestEveryCommandExplainsItself(t *testing.T) {
	c := &cloud{}
	for _, name := range []string{"doctor", "plan", "rotate", "adopt", "pause", "resume", "revoke"} {
		out, err := c.call(t, "", false, name, "-h")
		if err != nil {
			t.Errorf("%s -h: %v", name, err)
		}
		for _, words := range []string{"usage: clientkeeper " + name, "AUTH0_DOMAIN", "AUTH0_MANAGEMENT_SECRET_ARN", "AWS_REGION"} {
			if !strings.Contains(out, words) {
				t.Errorf("%s -h says nothing of %q", name, words)
			}
		}
		if out, _ := c.call(t, "", false, "help"); !strings.Contains(out, "\n  "+name+" ") {
			t.Errorf("the list of commands lacks %s", name)
		}
	}
}
