package credential

import (
	"testing"

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
