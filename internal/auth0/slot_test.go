package auth0

import (
	"net/http"
	"testing"
	"testing/synctest"

	"clientkeeper/internal/fault"
)

// A slot that was not set must not look as if it were: the key that leaves it
// is deleted next.
func TestEnableCredentials(t *testing.T) {
	for name, tt := range map[string]struct {
		method string
		ids    []string
		status int
		kind   error
		calls  int
		body   string
	}{
		"keys": {"private_key_jwt", []string{"cred_1", "cred_2"}, http.StatusOK, nil, 1,
			`{"client_authentication_methods":{"private_key_jwt":{"credentials":[{"id":"cred_1"},{"id":"cred_2"}]}},"jwt_configuration":{"alg":"RS256"},"token_endpoint_auth_method":null}`},
		"a certificate": {"self_signed_tls_client_auth", []string{"cred_1"}, http.StatusOK, nil, 1,
			`{"client_authentication_methods":{"self_signed_tls_client_auth":{"credentials":[{"id":"cred_1"}]}},"token_endpoint_auth_method":null}`},
		"refused":       {"private_key_jwt", []string{"cred_1"}, http.StatusBadRequest, fault.Invalid, 1, ""},
		"gone":          {"private_key_jwt", []string{"cred_1"}, http.StatusNotFound, fault.NotFound, 1, ""},
		"a secret":      {"client_secret_post", []string{"cred_1"}, http.StatusOK, fault.Invalid, 0, ""},
		"an empty id":   {"private_key_jwt", []string{"cred_1", ""}, http.StatusOK, fault.Invalid, 0, ""},
		"without a way": {"", nil, http.StatusOK, fault.Invalid, 0, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &stub{t: t, api: func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(`{"errorCode":"inexistent_client"}`))
			}}
			err := inMemory(t, s).EnableCredentials(t.Context(), "c1", tt.method, tt.ids)
			if (err == nil) != (tt.kind == nil) || err != nil && fault.KindOf(err) != tt.kind {
				t.Errorf("%s: %v, want %v", name, err, tt.kind)
			}
			if calls, _, _ := s.counts(); calls != tt.calls || tt.body != "" && s.bodies[0] != tt.body {
				t.Errorf("%s: %d calls with %v", name, calls, s.bodies)
			}
		})
	}
}

// Only the tenant's own words mean that a credential is in use.
func TestWhyACredentialIsNotDeleted(t *testing.T) {
	const inUse = "This credential is still associated with a client."
	for name, tt := range map[string]struct {
		said   string
		kind   fault.Kind
		want   fault.Kind
		reason string
	}{
		"in use":           {inUse, fault.Invalid, fault.Conflict, "still_attached"},
		"in use, as 409":   {inUse, fault.Conflict, fault.Conflict, "still_attached"},
		"in use, no scope": {inUse, fault.Denied, fault.Denied, "denied"},
		"a bad id":         {"Path validation error", fault.Invalid, fault.Invalid, "invalid"},
		"in the way":       {"", fault.Conflict, fault.Conflict, "conflict"},
	} {
		e := &fault.Error{Kind: tt.kind}
		judgeDeleteCredential(envelope{message: tt.said}, e)
		if e.Kind != tt.want || fault.Reason(e) != tt.reason {
			t.Errorf("%s: %v with %s, want %v with %s", name, e.Kind, fault.Reason(e), tt.want, tt.reason)
		}
	}
}
