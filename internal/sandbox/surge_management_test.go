package sandbox

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"clientkeeper/internal/sandbox/lambda"
	"clientkeeper/internal/sandbox/secretsmanager"
)

// warm is how many environments of register-client are at work, all there may
// be with these parameters.
const warm = 8

// An accident befalls a rotation of the management client.
type accident struct {
	step string       // whose first invocation dies; empty: none
	how  lambda.Crash // and in which way
}

// accidents happen to rotate-secret, and each time its setSecret ends some
// environments of register-client are killed, so that others start cold while
// the tenant has the new secret and AWSCURRENT is the old one.
type accidents struct {
	*Sandbox

	mu       sync.Mutex
	accident accident
	invoked  int // since the rotation began
	attempts int
	killed   int
}

var stepNumbers = map[string]int{"createSecret": 1, "setSecret": 2, "testSecret": 3, "finishSecret": 4}

func (a *accidents) crash(function string) lambda.Crash {
	if function != "RotateSecretFunction" {
		return lambda.Crash{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.invoked++; a.accident.step != "" && a.invoked == stepNumbers[a.accident.step] {
		return a.accident.how
	}
	return lambda.Crash{}
}

func (a *accidents) ended(e secretsmanager.StepEvent) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.attempts = e.Attempt
	if e.Step != "setSecret" {
		return
	}
	for end := time.Now().Add(time.Minute); !a.kill() && time.Now().Before(end); { // none is at work just now
		time.Sleep(5 * time.Millisecond)
	}
	a.kill()
	a.kill()
}

func (a *accidents) kill() bool {
	is := a.Lambda.Kill("RegisterClientFunction")
	if is {
		a.killed++
	}
	return is
}

func (a *accidents) begin(what accident) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.accident, a.invoked, a.attempts, a.killed = what, 0, 0, 0
}

// The management client's own secret is rotated while eight environments work
// through a queue. The tenant refuses a tenth of the tokens, so that warm ones
// need the credential too. Whatever dies, every message is done in the end, and
// none because it was given up.
func TestTheManagementClientIsRotatedUnderLoad(t *testing.T) {
	t.Parallel()
	a := &accidents{}
	a.Sandbox = open(t, Options{Plan: "private-500", Mischief: "register=401:10%,register=delay-800ms", Crash: a.crash, Step: a.ended}, nil)
	next := 0
	for _, test := range []struct {
		name string
		accident
	}{
		{"nothing else happens", accident{}},
		{"setSecret dies when it is done", accident{"setSecret", lambda.Crash{AtAnswer: true}}},
		{"testSecret dies under way", accident{"testSecret", lambda.Crash{After: time.Second}}},
		{"finishSecret dies when it is done", accident{"finishSecret", lambda.Crash{AtAnswer: true}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := &surge{Sandbox: a.Sandbox, next: next}
			g.rotateUnderLoad(t, func() { a.begin(test.accident) })
			next = g.next
			a.mu.Lock()
			defer a.mu.Unlock()
			if a.killed == 0 || (a.attempts > 1) != (test.step != "") {
				t.Errorf("%d environments were killed, and the rotation took %d attempts", a.killed, a.attempts)
			}
			refused := 0
			for _, e := range a.Tenant.Log() {
				if e.Route == "token" && e.Status == http.StatusUnauthorized && e.N > g.before {
					refused++
				}
			}
			t.Logf("%d environments killed, %d credentials refused on the way, %d attempts", a.killed, refused, a.attempts)
		})
	}
}

func (g *surge) rotateUnderLoad(t *testing.T, begin func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	g.before, g.start = g.Tenant.Counts().Requests, time.Now()
	if err := g.shortenVisibility(ctx); err != nil {
		t.Fatal(err)
	}
	if err := g.Secrets.Idle(ctx); err != nil { // rotation was just turned on, which is tested
		t.Fatal(err)
	}
	if err := g.send(ctx, 100); err != nil {
		t.Fatal(err)
	}
	for waited := 1; g.Lambda.Environments("RegisterClientFunction") < warm; waited++ {
		if ctx.Err() != nil {
			t.Fatalf("%d environments are warm", g.Lambda.Environments("RegisterClientFunction"))
		}
		if waited%500 == 0 { // those that there are were faster than we
			if err := g.send(ctx, 100); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	begin()
	before := g.current(g.management.arn)
	rotated := make(chan error, 1)
	go func() { rotated <- g.rotateOnce(ctx, g.management.arn) }()
	if err := g.sendUntil(ctx, rotated); err != nil {
		t.Fatal(err)
	}
	if err := g.awaitSoak(ctx, len(g.messages), nil); err != nil {
		t.Fatal(err)
	}
	g.count(ctx)
	r := &Rotated{Name: "the management client", ARN: g.management.arn, ClientID: g.management.id}
	if err := g.logsIn(ctx, r); err != nil || holder(g.secretView(r.ARN), "AWSPREVIOUS") != before {
		t.Errorf("%v; AWSPREVIOUS is not what was current", err)
	}
	if g.report.NotRegistered+g.report.DeadLettered+g.report.Leaks+len(g.report.Violations) > 0 {
		t.Errorf("%+v", g.report)
	}
}

// sendUntil keeps the environments at work, with half of what they can do.
func (g *surge) sendUntil(ctx context.Context, done <-chan error) error {
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(400 * time.Millisecond):
		}
		if err := g.send(ctx, 10); err != nil {
			return errors.Join(err, <-done)
		}
	}
}
