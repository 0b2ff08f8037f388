package app

import (
	"strings"
	"testing"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/rotation"
	"clientkeeper/internal/secret"
)

// A stored secret with both and without a method is a shared secret to a
// rotation, and has to be tried as one.
func TestALoginUsesWhatARotationTakesTheCredentialFor(t *testing.T) {
	r := openSecrets(t)
	tn, c := openTenant(t, "management")
	id, shared := tn.AddManagementClient("read:clients")
	r.put(t, stored(t, id, shared))
	rotator, _, err := RotationIn(r.cfg, c, 0)
	if err != nil {
		t.Fatal(err)
	}
	both := clientsecret.ClientSecret{ClientID: id, ClientSecret: secret.New(shared), PrivateKeyPEM: secret.New("a key of something else")}
	if answer, err := rotator.Tenant.Login(t.Context(), both, ""); answer != rotation.Accepted || err != nil {
		t.Errorf("%v, %v", answer, err)
	}
	// What is wrong with one secret's tag must not keep a run from all others.
	for _, client := range []string{id, "nobody", strings.Repeat("x", 200), ".."} {
		if _, err := rotator.Tenant.(rotated).Burst(t.Context(), client); err != nil {
			t.Errorf("asked about %.10s: %v", client, err)
		}
	}
	if rotator.SelfSecret != "management" {
		t.Errorf("the management secret is %q", rotator.SelfSecret)
	}
}
