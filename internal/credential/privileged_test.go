package credential

import (
	"slices"
	"testing"
	"testing/synctest"

	"clientkeeper/internal/fault"
)

// Who may add credentials to clients may log in as each of them. So those that
// may use what no caller can give have none added.
func TestAClientOfMorePowerThanItsCallerGetsNoCredential(t *testing.T) {
	for name, test := range map[string]struct {
		audience string
		reason   string
	}{
		"another API":              {"https://orders.example.com", ""},
		"the Management API":       {"https://acme.eu.auth0.com/api/v2/", "privileged_client"},
		"what the caller withheld": {"https://clientkeeper/api", "privileged_client"},
	} {
		t.Run(name, func(t *testing.T) {
			w, s, made := furnished(t, PrivateKeyJWT)
			c := w.clients[made.ClientID]
			c.grants = []Grant{{Audience: "https://stock.example.com"}, {Audience: test.audience}}
			for _, n := range []NewCredential{{PEM: public(t, 0), Attach: true}, {}} {
				n.Withheld = []string{"https://clientkeeper/api"}
				op := operation(1)
				if n.Attach {
					op = operation(2)
				}
				_, err := s.AddCredentials(t.Context(), op, made.ClientID, n)
				if test.reason == "" && err != nil || test.reason != "" && (fault.Reason(err) != test.reason || fault.KindOf(err) != fault.Denied) {
					t.Errorf("%v, want %q", err, test.reason)
				}
			}
			if test.reason != "" && len(c.credentials)+len(w.secrets) != 2 {
				t.Errorf("%d credentials, %d secrets", len(c.credentials), len(w.secrets))
			}
		})
	}
}

// A client that comes to more power between two tries loses what the first has
// added and not yet attached.
func TestATryThatIsRefusedLaterLeavesNothing(t *testing.T) {
	w, s, made := furnished(t, PrivateKeyJWT)
	op := operation(1)
	w.anyOp, w.point = true, &point{n: 7, way: killBefore} // what comes after the key is added
	n := NewCredential{Attach: true}
	if _, err := s.AddCredentials(t.Context(), op, made.ClientID, n); err == nil || len(w.clients[made.ClientID].credentials) != 2 {
		t.Fatalf("%v after %v", err, w.calls)
	}
	w.point, w.dead, op.Resumed = nil, false, true
	w.clients[made.ClientID].grants = []Grant{{Audience: "https://acme.eu.auth0.com/api/v2/"}}
	_, err := s.AddCredentials(t.Context(), op, made.ClientID, n)
	if fault.Reason(err) != "privileged_client" || len(w.clients[made.ClientID].credentials) != 1 || len(w.secrets) != 1 {
		t.Errorf("%v; %d credentials, %d secrets", err, len(w.clients[made.ClientID].credentials), len(w.secrets))
	}
}

// Such a client is refused for good only when nothing of the request is left,
// whatever fails on the way there, and no stored key goes before its credential.
func TestARefusalOfAKeyThatFails(t *testing.T) {
	for way := killBefore; way <= lostAll; way++ {
		struck := map[string]bool{}
		for at := 1; at < 20; at++ {
			synctest.Test(t, func(t *testing.T) {
				w, s, made := furnished(t, PrivateKeyJWT)
				c := w.clients[made.ClientID]
				w.anyOp, w.point = true, &point{n: 7, way: killBefore} // what comes after the key is added
				if _, err := s.AddCredentials(t.Context(), operation(1), made.ClientID, NewCredential{Attach: true}); err == nil || len(c.credentials) != 2 {
					t.Fatalf("%v after %v", err, w.calls)
				}
				c.grants = []Grant{{Audience: "https://acme.eu.auth0.com/api/v2/"}}
				again := func() error {
					w.calls, w.dead, w.holding = nil, false, ""
					_, err := s.AddCredentials(t.Context(), Operation{ID: operation(1).ID, Resumed: true}, made.ClientID, NewCredential{Attach: true})
					return err
				}
				w.struck, w.point = false, &point{n: at, way: way}
				err := again()
				if w.struck {
					struck[w.calls[at-1]] = true
				}
				switch refused := fault.Reason(err) == "privileged_client"; {
				case refused && len(c.credentials)+len(w.secrets) != 2:
					t.Errorf("call %d %s: refused for good after %v; %d credentials, %d secrets", at, ways[way], w.calls, len(c.credentials), len(w.secrets))
				case !refused && !fault.KindOf(err).Transient():
					t.Errorf("call %d %s: %v after %v", at, ways[way], err, w.calls)
				case len(c.credentials) > len(w.secrets):
					t.Errorf("call %d %s: the stored key went before its credential: %v", at, ways[way], w.calls)
				}
				w.point = nil
				if err := again(); fault.Reason(err) != "privileged_client" || len(c.credentials)+len(w.secrets) != 2 {
					t.Errorf("call %d %s, repeated: %v; %d credentials, %d secrets", at, ways[way], err, len(c.credentials), len(w.secrets))
				}
			})
		}
		for _, op := range []string{"tenant.credentials", "tenant.client", "tenant.remove", "store.describe", "store.erase"} {
			if !struck[op] {
				t.Errorf("%s: %s was never broken", ways[way], op)
			}
		}
	}
}

// What somebody logs in with by now is not removed with a refusal.
func TestAKeyThatIsAttachedOutlivesARefusal(t *testing.T) {
	w, s, made := furnished(t, PrivateKeyJWT)
	if _, err := s.AddCredentials(t.Context(), operation(1), made.ClientID, NewCredential{Attach: true}); err != nil {
		t.Fatal(err)
	}
	c := w.clients[made.ClientID]
	c.grants = []Grant{{Audience: "https://acme.eu.auth0.com/api/v2/"}}
	again := func() error {
		w.calls = nil
		_, err := s.AddCredentials(t.Context(), Operation{ID: operation(1).ID, Resumed: true}, made.ClientID, NewCredential{Attach: true})
		if len(c.credentials) != 2 || len(w.secrets) != 2 || slices.Contains(w.calls, "tenant.remove") {
			t.Errorf("%v after %v; %d credentials, %d secrets", err, w.calls, len(c.credentials), len(w.secrets))
		}
		return err
	}
	if err := again(); fault.Reason(err) != "privileged_client" {
		t.Error(err)
	}
	w.point = &point{n: len(w.calls), op: "tenant.client", way: failOnce} // what is attached
	if err := again(); !w.struck || !fault.KindOf(err).Transient() {
		t.Errorf("%v after %v", err, w.calls)
	}
}
