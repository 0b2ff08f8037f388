package tenant

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestMischiefOnRotation breaks every request that a rotation makes, in each
// way, and looks at the change log for what "before" and "after" did.
func TestMischiefOnRotation(t *testing.T) {
	public, _ := pemOf(t)
	routes := map[string]struct {
		method, path string
		body         any
		effect       ChangeKind // that an applied request has
		idempotent   bool       // doing it again has no more effect
	}{
		"rotate":            {"POST", "/rotate-secret", nil, SecretGenerated, false},
		"update":            {"PATCH", "", map[string]any{"client_secret": "chosen"}, SecretSet, true},
		"credential-create": {"POST", "/credentials", keyBody(public), CredentialCreated, true}, // a key comes once
		"credential-update": {"PATCH", "/credentials/{}", map[string]any{"expires_at": "2027-01-01T00:00:00Z"}, CredentialExpiry, true},
		"credential-delete": {"DELETE", "/credentials/{}", nil, CredentialDeleted, true},
		"delete":            {"DELETE", "", nil, ClientDeleted, true},
	}
	faults := map[string]struct {
		status  int // zero: no answer arrives
		applied bool
	}{
		"502": {502, false}, "502-after": {502, true}, "504-after-html": {504, true}, "500-before": {500, false},
		"drop": {0, false}, "drop-after": {0, true}, "429": {429, false},
	}
	for route, r := range routes {
		for rule, fault := range faults {
			t.Run(route+"="+rule, func(t *testing.T) {
				c := newClock()
				w := open(t, Options{Now: c.now})
				id, _ := w.AddClient("x")
				cred, err := w.AddCredential(id, NewKey{PEM: publicPEM(t, &moreKeys()[0].PublicKey)})
				if err != nil {
					t.Fatal(err)
				}
				path := "/api/v2/clients/" + id + strings.ReplaceAll(r.path, "{}", cred)
				before := w.ChangeCounts(id)[r.effect]
				w.SetMischief(mustMischief(t, route+"="+rule+":x1", 1))
				got, err := w.send(r.method, path, w.auth(), encoded(t, r.body))
				if (err != nil) != (fault.status == 0) || got.status != fault.status {
					t.Errorf("%v, %d %s", err, got.status, got.raw)
				}
				done := w.ChangeCounts(id)[r.effect] - before
				if want := map[bool]int{true: 1}[fault.applied]; done != want {
					t.Errorf("%s happened %d times, want %d", r.effect, done, want)
				}
				log := w.Log()
				if last := log[len(log)-1]; last.Route != route || last.Applied != fault.applied || last.Status != fault.status {
					t.Errorf("log: %+v", last)
				}
				w.call(r.method, path, r.body)
				want := 1
				if fault.applied && !r.idempotent {
					want = 2
				}
				if done := w.ChangeCounts(id)[r.effect] - before; done != want {
					t.Errorf("repeated: %s happened %d times, want %d", r.effect, done, want)
				}
			})
		}
	}
}

// TestBlindRepeats is what nobody may do after a lost answer, and what it
// looks like when somebody did.
func TestBlindRepeats(t *testing.T) {
	w := open(t, Options{})
	id, _ := w.AddClient("x")
	w.SetMischief(mustMischief(t, "rotate=502-after:x1", 1))
	header := w.auth()
	header.Set("X-Correlation-Id", "one-call")
	for i, want := range []int{502, 200} {
		r, err := w.send("POST", "/api/v2/clients/"+id+"/rotate-secret", header, "")
		if err != nil || r.status != want {
			t.Fatalf("%d: %v, %d %s", i, err, r.status, r.raw)
		}
	}
	if v := w.Violations(); len(v) != 1 || !strings.Contains(v[0], "rotate-secret") {
		t.Errorf("violations %q", v)
	}
	if n := w.ChangeCounts(id)[SecretGenerated]; n != 2 {
		t.Errorf("%d secrets were generated", n)
	}
}

// TestSlowRotation has answers that take their time, and are complete.
func TestSlowRotation(t *testing.T) {
	w := open(t, Options{Latency: Latency{Create: Percentiles{P0: time.Millisecond, P50: time.Millisecond, P90: time.Millisecond,
		P99: time.Millisecond, Max: time.Millisecond}}})
	id, _ := w.AddClient("x")
	public, _ := pemOf(t)
	for _, rule := range []string{"delay-30ms", "drip-30ms"} {
		for route, do := range map[string]func() result{
			"rotate":            func() result { return w.call("POST", "/api/v2/clients/"+id+"/rotate-secret", nil) },
			"credential-create": func() result { return w.call("POST", "/api/v2/clients/"+id+"/credentials", keyBody(public)) },
		} {
			w.SetMischief(mustMischief(t, fmt.Sprintf("%s=%s", route, rule), 1))
			began := time.Now()
			if r := do(); r.status >= 500 || r.body == nil || time.Since(began) < 20*time.Millisecond {
				t.Errorf("%s %s: %d %s after %v", route, rule, r.status, r.raw, time.Since(began))
			}
		}
	}
}
