package app

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	cred "clientkeeper/internal/credential"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/rotation"
	"clientkeeper/internal/sandbox/secretsmanager"
	"clientkeeper/internal/secret"
	"clientkeeper/internal/secretstore"
)

// Who rotates a secret as often as the floor allows, for days, never meets
// Secrets Manager's quota of versions, not even on the day on which the client
// is made; who could do so a little more often would, on the first.
func TestTheFloorKeepsWithinTheQuotaOfVersions(t *testing.T) {
	days := 3
	if testing.Short() {
		days = 1
	}
	for floor, holds := range map[time.Duration]bool{rotation.CadenceFloor: true, rotation.CadenceFloor - time.Minute: false} {
		t.Run(floor.String(), func(t *testing.T) {
			t.Parallel()
			p := &patience{t: t}
			m := p.open()
			m.Floor = floor
			made, err := m.CreateClient(t.Context(), cred.Operation{ID: strings.Repeat("a", 26)}, cred.NewClient{Name: "orders"})
			if err != nil {
				t.Fatal(err)
			}
			p.idle(m)
			most, n := 0, 0
			for end := p.now().Add(time.Duration(days) * 24 * time.Hour); p.now().Before(end); n++ {
				state, err := p.rotate(m, made.ClientID, n)
				most = max(most, p.versions(m, made.SecretARN))
				if !holds && n > 90 && fault.Reason(err) == "quota" {
					return // nobody rotates it any more today
				}
				if err != nil || state != cred.Succeeded {
					t.Fatalf("rotation %d, with %d versions: %s, %v", n, most, state, err)
				}
			}
			if !holds {
				t.Fatalf("%d rotations in %d days met no quota, with %d versions at most: this test proves nothing", n, days, most)
			}
			if n < days*90 || most > 100 {
				t.Errorf("%d rotations in %d days, %d versions at most", n, days, most)
			}
			t.Logf("%d rotations in %d days, %d versions at most", n, days, most)
		})
	}
}

// patience is a world whose clock is moved.
type patience struct {
	t      *testing.T
	passed atomic.Int64
	begun  time.Time
	store  *secretstore.Store
}

func (p *patience) now() time.Time { return p.begun.Add(time.Duration(p.passed.Load())) }

func (p *patience) open() *maker {
	p.begun = time.Now().Truncate(time.Second)
	m := openMakerWith(p.t, secretsmanager.Options{Now: p.now, Rotation: secretsmanager.Rotation{Attempts: 1, Invoke: p.step}})
	p.store = secretstore.New(m.aws)
	m.Now = p.now
	return m
}

// step is what functions/rotate-secret does to the secret.
func (p *patience) step(ctx context.Context, _ string, event []byte) (string, error) {
	var e struct{ Step, SecretId, ClientRequestToken string }
	err := json.Unmarshal(event, &e)
	switch e.Step {
	case "createSecret":
		err = p.store.Put(ctx, e.SecretId, secretstore.Write{Token: e.ClientRequestToken, Value: secret.New("value " + e.ClientRequestToken), Stages: []string{"AWSPENDING"}})
	case "finishSecret":
		d, readErr := p.store.Describe(ctx, e.SecretId)
		if err = readErr; err != nil {
			break
		}
		for version, labels := range d.Stages {
			for _, label := range labels {
				if label == "AWSCURRENT" {
					err = p.store.MoveStage(ctx, e.SecretId, secretstore.Move{Stage: label, From: version, To: e.ClientRequestToken})
				}
			}
		}
	}
	if err != nil {
		return "Unhandled", nil
	}
	return "", nil
}

func (p *patience) idle(m *maker) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	if err := m.secrets.Idle(ctx); err != nil {
		p.t.Fatal(err)
	}
}

// rotate starts a rotation at the first moment at which that is allowed, not a
// second before, and says what became of it.
func (p *patience) rotate(m *maker, client string, n int) (state string, err error) {
	p.t.Helper()
	op := cred.Operation{ID: fmt.Sprintf("%026d", n)}
	if n > 0 {
		p.passed.Add(int64(m.Floor - time.Second))
	}
	if n > 0 && n < 5 {
		if _, err := m.StartRotation(p.t.Context(), op, client); fault.Reason(err) != "rotated_recently" || fault.RetryAfter(err) != time.Second {
			p.t.Fatalf("a second early: %v", err)
		}
	}
	p.passed.Add(int64(time.Second))
	r, err := m.StartRotation(p.t.Context(), op, client)
	if err != nil {
		return "", err
	}
	p.idle(m)
	r, err = m.Rotation(p.t.Context(), r.ID)
	return r.State, err
}

func (p *patience) versions(m *maker, arn string) int {
	p.t.Helper()
	all, err := p.store.Versions(p.t.Context(), arn)
	if err != nil {
		p.t.Fatal(err)
	}
	return len(all)
}
