package auth0

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"clientkeeper/internal/fault"
)

// A key whose thumbprint is known (RFC 7638 section 3.1 has it as a JWK).
const (
	knownPEM = `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0vx7agoebGcQSuuPiLJX
ZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tS
oc/BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ/2W+5JsGY4Hc5n9yBXArwl93lqt
7/RN5w6Cf0h4QyQ5v+65YGjQR0/FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0
zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt+bFTWhAI4vMQFh6WeZu0f
M4lFd2NcRwr3XPksINHaQ+G/xBniIqbw0Ls1jF44+csFCur+kEgU8awapJzKnqDK
gwIDAQAB
-----END PUBLIC KEY-----
`
	knownPrint = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
)

// A refused credential is explained by what the client has, whatever the
// tenant's words are.
func TestWhyACredentialIsRefused(t *testing.T) {
	others := `{"id":"a","kid":"another-key"},{"id":"b","thumbprint_sha256":"x"},{"id":"c","subject_dn":"CN=x"}`
	tests := map[string]struct {
		in     NewCredential
		status int
		pool   string // answered to the list; empty fails it
		kind   error
		reason string
		calls  int
	}{
		"the key is there":           {NewCredential{PEM: knownPEM}, 400, `[{"id":"k","kid":"` + knownPrint + `"}]`, fault.Conflict, "duplicate_key", 2},
		"the key's id is there":      {NewCredential{PEM: publicPEM, KeyID: "the-kid-0001"}, 400, `[{"id":"k","kid":"the-kid-0001"}]`, fault.Conflict, "duplicate_key", 2},
		"there, and the pool full":   {NewCredential{PEM: knownPEM}, 400, `[` + others + `,{"id":"k","kid":"` + knownPrint + `"}]`, fault.Conflict, "duplicate_key", 2},
		"the pool is full":           {NewCredential{PEM: knownPEM}, 400, `[` + others + `,{"id":"d"}]`, fault.Conflict, "pool_full", 2},
		"neither":                    {NewCredential{PEM: knownPEM}, 400, `[` + others + `]`, fault.Invalid, "invalid", 2},
		"a PEM that cannot be read":  {NewCredential{PEM: publicPEM}, 400, `[{"id":"d"}]`, fault.Invalid, "invalid", 2},
		"a name, which has no print": {NewCredential{Type: "cert_subject_dn", SubjectDN: "CN=x"}, 400, `[` + others + `]`, fault.Invalid, "invalid", 2},
		"the pool may not be read":   {NewCredential{PEM: knownPEM}, 400, ``, fault.Invalid, "invalid", 2},
		"not allowed":                {NewCredential{PEM: knownPEM}, 403, `[{"id":"k","kid":"` + knownPrint + `"}]`, fault.Denied, "denied", 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := &stub{t: t, api: func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method == http.MethodPost:
					w.WriteHeader(tt.status)
				case tt.pool == "":
					w.WriteHeader(http.StatusForbidden)
				default:
					_, _ = w.Write([]byte(tt.pool))
				}
			}}
			_, err := onLoopback(t, s).CreateCredential(t.Context(), "a", tt.in)
			if fault.KindOf(err) != tt.kind || fault.Reason(err) != tt.reason {
				t.Errorf("%v, want %v with %s", err, tt.kind, tt.reason)
			}
			if refusal, ok := errors.AsType[*Refusal](err); !ok || refusal.Status != tt.status {
				t.Errorf("the refusal is lost: %v", err)
			}
			if calls, _, _ := s.counts(); calls != tt.calls {
				t.Errorf("%d calls, want %d", calls, tt.calls)
			}
		})
	}
}

func TestGrantsByID(t *testing.T) {
	const answer = `{"id":"cgr_1","client_id":"a","audience":"https://api.example/","scope":["x:y"],"subject_type":"client"}`
	s := replies(200, answer)
	c := onLoopback(t, s)
	got, err := c.ClientGrant(t.Context(), "cgr_1")
	changed, errChange := c.SetClientGrantScopes(t.Context(), "cgr_1", nil)
	if err := errors.Join(err, errChange); err != nil || got.ID != "cgr_1" || got.Scopes[0] != "x:y" || changed.ID != "cgr_1" {
		t.Errorf("%+v, %+v, %v", got, changed, err)
	}
	if err := c.DeleteClientGrant(t.Context(), "cgr_1"); err != nil {
		t.Error(err)
	}
	var sent []string
	for i, r := range s.seen {
		sent = append(sent, r.Method+" "+r.URL.Path+" "+s.bodies[i])
	}
	want := "GET /api/v2/client-grants/cgr_1 |PATCH /api/v2/client-grants/cgr_1 {\"scope\":[]}|DELETE /api/v2/client-grants/cgr_1 "
	if got := strings.Join(sent, "|"); got != want {
		t.Errorf("sent %s", got)
	}
	for _, id := range []string{"", "..", strings.Repeat("x", 129)} {
		_, get := c.ClientGrant(t.Context(), id)
		_, set := c.SetClientGrantScopes(t.Context(), id, nil)
		for _, err := range []error{get, set, c.DeleteClientGrant(t.Context(), id)} {
			if !errors.Is(err, fault.Invalid) {
				t.Errorf("%q: %v", id, err)
			}
		}
	}
	if _, err := onLoopback(t, replies(200, `{}`)).ClientGrant(t.Context(), "cgr_1"); fault.Reason(err) != "strange_answer" {
		t.Errorf("a grant without an id: %v", err)
	}
}
