package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"clientkeeper/internal/sandbox/secretsmanager"
)

func TestRotateFollowsARotationToItsEnd(t *testing.T) {
	c := openCloud(t)
	for name, kind := range map[string]string{"a/secret": "client_secret", "a/key": "private_key_jwt"} {
		c.adopted(t, name, "-kind", kind)
		before, _, _ := c.labels(t, name)
		out := c.ok(t, "rotate", name)
		current, pending, previous := c.labels(t, name)
		if current == before || pending != "" || previous != before {
			t.Errorf("%s: current %s, pending %q, previous %s; was %s", name, current, pending, previous, before)
		}
		wantLines(t, out, `^ +\d+\.\ds  Secrets Manager was asked to rotate `+name, `^ +\d+\.\ds  the new version is AWSCURRENT`,
			`^ +version `+current, `^ +\d+\.\ds  its next rotation is due on \d{4}-`)
		if value := c.current(t, name); kind == "private_key_jwt" && value["private_key_pem"] == "" {
			t.Errorf("%s holds no key", name)
		}
	}
	if out := c.ok(t, "doctor"); !strings.Contains(out, "2 secrets examined: all is well") {
		t.Errorf("doctor: %s", out)
	}
	c.hunt(t)
}

func TestRotateTellsEveryStep(t *testing.T) {
	c := openCloud(t)
	c.adopted(t, "a")
	seen := c.watched()
	c.ahead(func(ctx context.Context, _ events.SecretsManagerSecretRotationEvent) bool { seen(ctx); return false })
	arn := ""
	var states []string
	for line := range strings.Lines(c.ok(t, "rotate", "-json", "a")) {
		var step struct {
			Secret, State, Says string
			VersionID           string `json:"version_id"`
			After               int    `json:"after_ms"`
		}
		if err := json.Unmarshal([]byte(line), &step); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if step.Says == "" || step.State != "asked" && step.VersionID == "" || !strings.HasPrefix(step.Secret, "arn:") {
			t.Errorf("half a step: %s", line)
		}
		arn, states = step.Secret, append(states, step.State)
	}
	if got := strings.Join(states, " "); got != "asked pending stored current done" {
		t.Errorf("steps: %s", got)
	}
	c.secrets.SetMischief(nil)
	c.failAt("")
	c.ok(t, "rotate", arn, "-timeout", "1m") // by its ARN, and with the flag behind
	c.hunt(t)
}

// watched counts the looks at a rotation, and returns what waits for a whole
// one. A step that waits for it is followed by nobody else.
func (c *cloud) watched() (wait func(context.Context)) {
	var looks atomic.Int64
	c.secrets.SetMischief(func(op, _ string) secretsmanager.Fault {
		if op == "DescribeSecret" {
			looks.Add(1)
		}
		return secretsmanager.Fault{}
	})
	return func(ctx context.Context) {
		for before := looks.Load(); looks.Load() < before+2 && ctx.Err() == nil; { // the first is over when the second begins
			time.Sleep(lookEvery / 10)
		}
	}
}

// ahead has something be done ahead of every step, which fails if it says so.
func (c *cloud) ahead(before func(context.Context, events.SecretsManagerSecretRotationEvent) (fails bool)) {
	c.before.Store(&before)
}

// An expiry is a context whose time is up when it is said to be.
type expiry struct {
	context.Context
	up chan struct{}
}

func (e expiry) Done() <-chan struct{} { return e.up }

func (e expiry) Err() error {
	select {
	case <-e.up:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// Secrets Manager goes on with a rotation that was given up, whoever asks for
// another, and ends a test of the function without a rotation.
func TestRotateJoinsWhatIsUnderWay(t *testing.T) {
	c := openCloud(t)
	c.adopted(t, "a")
	before, _, _ := c.labels(t, "a")
	c.givenUp(t, "a", "createSecret")
	_, stuck, _ := c.labels(t, "a")
	out := c.ok(t, "rotate", "a")
	if current, pending, previous := c.labels(t, "a"); current != stuck || pending != "" || previous != before {
		t.Errorf("current %s, pending %q, previous %s; want %s, which was given up, in place of %s", current, pending, previous, stuck, before)
	}
	wantLines(t, out, `a rotation is under way already: Secrets Manager goes on with it`, `version `+stuck, `is AWSCURRENT`)

	id, _ := c.client("b")
	c.ok(t, "adopt", "-name", "b", id) // its test of the function may still run
	first, _, _ := c.labels(t, "b")
	c.ok(t, "rotate", "b")
	if current, pending, _ := c.labels(t, "b"); current == first || pending != "" {
		t.Errorf("b: current %s, as before, or pending %q", current, pending)
	}
	c.hunt(t)
}

func TestARotationThatDoesNotEnd(t *testing.T) {
	c := openCloud(t)
	c.adopted(t, "a")
	before, _, _ := c.labels(t, "a")
	seen, limit := c.watched(), expiry{t.Context(), make(chan struct{})}
	timeUp := sync.OnceFunc(func() { close(limit.up) })
	c.ahead(func(ctx context.Context, e events.SecretsManagerSecretRotationEvent) bool {
		if e.Step == "setSecret" && limit.Err() == nil {
			seen(ctx)
			timeUp()
		}
		return e.Step == "setSecret"
	})
	_, err := c.callIn(limit, "", false, "rotate", "-timeout", "5m", "a")
	for _, words := range []string{"has not ended within 5m", "stored as AWSPENDING", "clientkeeper doctor a"} {
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("error %v, want it to say %q", err, words)
		}
	}
	if current, pending, _ := c.labels(t, "a"); current != before || pending == "" {
		t.Errorf("current %s, pending %q; want the old one current and another pending", current, pending)
	}
	c.hunt(t)
}

func TestARotationThatIsEndedByHand(t *testing.T) {
	c := openCloud(t)
	c.adopted(t, "a")
	seen := c.watched()
	c.ahead(func(ctx context.Context, e events.SecretsManagerSecretRotationEvent) bool {
		seen(ctx)
		_, err := c.aws.UpdateSecretVersionStage(ctx, &sdk.UpdateSecretVersionStageInput{
			SecretId: &e.SecretID, VersionStage: aws.String("AWSPENDING"), RemoveFromVersionId: &e.ClientRequestToken})
		return err == nil
	})
	c.fails(t, "the rotation was given up", "rotate", "a")
}

// An incident may need it all the same.
func TestRotateWarnsOfTheQuotaOfVersions(t *testing.T) {
	c := openCloud(t)
	c.adopted(t, "a")
	if out := c.ok(t, "rotate", "a"); strings.Contains(out, "versions of the last day") {
		t.Errorf("too early: %s", out)
	}
	for n := range 80 {
		_, err := c.aws.PutSecretValue(t.Context(), &sdk.PutSecretValueInput{SecretId: aws.String("a"), SecretString: aws.String("{}"),
			ClientRequestToken: aws.String(fmt.Sprintf("%032d", n)), VersionStages: []string{"LEFT"}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if out := c.ok(t, "rotate", "a"); !strings.Contains(out, "a has 82 versions of the last day") || !strings.Contains(out, "is AWSCURRENT") {
		t.Errorf("%s", out)
	}
}

func TestRotateRefuses(t *testing.T) {
	c := openCloud(t)
	id, secret := c.client("a")
	c.store(t, "foreign", id, secret, nil)
	c.store(t, "tags", id, secret, map[string]string{"clientkeeper:managed": "true", "clientkeeper:client-id": id, "clientkeeper:interval": "often"})
	c.store(t, "elsewhere", id, secret, map[string]string{"clientkeeper:managed": "true", "clientkeeper:client-id": id, "clientkeeper:tenant": "other.example.com"})
	c.store(t, "off", id, secret, map[string]string{"clientkeeper:managed": "true", "clientkeeper:client-id": id, "clientkeeper:tenant": c.tenant.Domain()})
	c.fails(t, "not_found", "rotate", "nowhere")
	c.fails(t, "clientkeeper adopt -secret foreign", "rotate", "foreign")
	c.fails(t, "clientkeeper:interval", "rotate", "tags")
	c.fails(t, "another tenant", "rotate", "elsewhere")
	c.fails(t, "clientkeeper adopt -secret off -rotation-function", "rotate", "off")
	c.misused(t, "usage: clientkeeper rotate", "rotate")
	c.misused(t, "usage: clientkeeper rotate", "rotate", "a", "b")
	c.misused(t, "-timeout takes", "rotate", "a", "-timeout", "-1s")
	c.misused(t, "not defined", "rotate", "a", "-quickly")
	c.hunt(t)
}
