package auth0

import (
	"fmt"
	"testing"
)

// FuzzAnswers reads anything as what the tenant answers to a successful call.
// A secret in it is kept, and never printed.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		cimdAnswer, credentialAnswer, `[` + credentialAnswer + `]`,
		`{"client_id":"a","client_secret":"` + canarySecret + `","client_metadata":{"a":1,"b":"c","d":null}}`,
		`{"clients":[{"client_secret":"` + canarySecret + `"}],"total":1.5,"next":"` + canarySecret + `"}`,
		`{"client_authentication_methods":{"private_key_jwt":{"credentials":null}},"signed_request_object":{"credentials":[{"expires_at":null}]}}`,
		`{"id":"cgr_1","scope":null,"client_grants":[],"total":-1}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var info ClientInfo
		for _, out := range []any{&info, &page{}, &ClientCredential{}, &[]ClientCredential{}, &ClientGrant{}, &Validation{}} {
			if err := decode(request{op: "auth0.x", out: out}, body); err != nil && leaks(fmt.Sprintf("%+v", err)) != nil {
				t.Errorf("the error repeats the answer: %v", err)
			}
		}
		if !info.Secret.Equal(info.without([]string{"client_secret"}).Secret) || !info.without(nil).Secret.IsZero() {
			t.Error("the secret is not kept for those who asked, or kept for others")
		}
		only := ClientInfo{Secret: info.Secret}
		if found := leaks(fmt.Sprintf("%v %+v %#v", only, only, only)); found != nil {
			t.Errorf("printing leaks %v", found)
		}
	})
}

// FuzzFingerprint computes what tells one key from others, of anything that a
// caller gives as a PEM.
func FuzzFingerprint(f *testing.F) {
	f.Add(knownPEM, "public_key")
	f.Add("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "x509_cert")
	f.Add(publicPEM, "")
	f.Fuzz(func(t *testing.T, text, kind string) {
		n := NewCredential{PEM: text, Type: kind}
		if got := n.fingerprint(); got != "" && len(got) != 43 {
			t.Errorf("the fingerprint of %q is %q", text, got)
		}
	})
}
