package secretsmanager_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"pgregory.net/rapid"

	"clientkeeper/internal/sandbox/secretsmanager"
)

// TestRotationInvariants rotates one secret a few times while steps fail at
// random and somebody interferes, and holds every end to what must be true: a
// consumer always finds a value that was stored, and whether RotateSecret is
// refused follows from the labels alone.
func TestRotationInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newRotationMachine(t)
		defer m.s.room.Close()
		for range rapid.IntRange(1, 5).Draw(t, "rotations") {
			m.rotation()
			m.check()
		}
	})
}

// A rotationMachine interferes as the test draws it, but from the goroutine of
// the engine; so everything is drawn before a rotation starts.
type rotationMachine struct {
	machine
	s      *service
	values map[string]bool

	failures map[string]int // of each step, in each rotation
	at       string         // the step that is interfered with, once
	act      string
}

func newRotationMachine(t *rapid.T) *rotationMachine {
	s := furnish(secretsmanager.Options{Rotation: secretsmanager.Rotation{Attempts: 2, RetryDelay: 1}})
	s.url, s.http = "http://room.test", &http.Client{Transport: inProcess{s.room}}
	m := &rotationMachine{machine: machine{t: t, room: s.room}, s: s, values: map[string]bool{"one": true}}
	m.ask("CreateSecret", object{"Name": "s", "ClientRequestToken": token(), "SecretString": "one"})
	s.functions.add(rotateARN, &rotator{s: s, before: m.interfere, fail: func(step string, n int) bool { return n <= m.failures[step] }})
	return m
}

func (m *rotationMachine) interfere(e rotationEvent) {
	if e.Step != m.at {
		return
	}
	m.at = ""
	switch m.act {
	case "put":
		text := "by hand " + token()
		m.values[text] = true
		m.ask("PutSecretValue", object{"SecretId": "s", "ClientRequestToken": token(), "SecretString": text})
	case "unlabel":
		m.ask("UpdateSecretVersionStage", moveBody("s", "AWSPENDING", e.ClientRequestToken, ""))
	case "cancel":
		m.ask("CancelRotateSecret", object{"SecretId": "s"})
	case "rotate":
		_, code := m.ask("RotateSecret", rotation("s", nil))
		if code != "InvalidRequestException" {
			m.t.Errorf("a second rotation in the middle of one: %q", code)
		}
	}
}

func (m *rotationMachine) rotation() {
	m.failures = map[string]int{}
	for _, step := range fourSteps {
		m.failures[step] = rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(m.t, step)
	}
	m.at = rapid.SampledFrom(fourSteps).Draw(m.t, "at")
	m.act = rapid.SampledFrom([]string{"", "put", "unlabel", "cancel", "rotate"}).Draw(m.t, "act")

	held := m.holders()
	blocked := held["AWSPENDING"] != "" && held["AWSPENDING"] != held["AWSCURRENT"]
	_, code := m.ask("RotateSecret", rotation("s", nil))
	if want := map[bool]string{true: "InvalidRequestException"}[blocked]; code != want {
		m.t.Fatalf("RotateSecret with %v: %q, want %q", held, code, want)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := m.room.Idle(ctx); err != nil {
		m.t.Fatalf("not idle: %v", err)
	}
}

func (m *rotationMachine) check() {
	held := m.holders()
	out, code := m.ask("GetSecretValue", object{"SecretId": "s"})
	text, _ := out["SecretString"].(string)
	if code != "" || out["VersionId"] != held["AWSCURRENT"] {
		m.t.Fatalf("a consumer reads %v, %q, with %v", out["VersionId"], code, held)
	}
	if !m.values[text] && len(text) != len("rotated ")+36 {
		m.t.Fatalf("a consumer reads %q, which nobody stored", text)
	}
	if id := held["AWSPENDING"]; id != "" && id == held["AWSCURRENT"] {
		m.t.Fatal("AWSPENDING was left beside AWSCURRENT")
	}
	if v := m.room.Snapshot()[0]; v.Rotating {
		m.t.Fatal("idle, and yet rotating")
	}
}
