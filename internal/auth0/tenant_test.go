package auth0_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"clientkeeper/internal/auth0"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/sandbox/tenant"
	"clientkeeper/internal/secret"
)

func TestSecretsWithTheTenant(t *testing.T) {
	for _, method := range []string{"client_secret_post", "client_secret_basic"} {
		t.Run(method, func(t *testing.T) {
			s := open(t, tenant.Options{Quirks: tenant.Quirks{StrictAuthMethod: true}}, scopes...)
			id, first := s.machine()
			s.ok(s.client.UpdateClient(s.ctx, id, auth0.ClientPatch{Authentication: auth0.Authentication{Method: method}}))
			cred := auth0.Credential{ClientID: id, Secret: first, AuthMethod: method}
			s.logsIn(auth0.Accepted, cred, api)
			s.logsIn(auth0.GrantRefused, cred)
			s.logsIn(auth0.GrantRefused, cred, "https://nobody.example/")
			s.logsIn(auth0.Refused, auth0.Credential{ClientID: id, Secret: secret.New("wrong"), AuthMethod: method}, api)
			s.logsIn(auth0.Refused, auth0.Credential{ClientID: "nobody", Secret: first, AuthMethod: method}, api)

			// Set, and the answer lost: it is done again, with the same value.
			cred.Secret = secret.New("canary +/=&%: 7f3a")
			s.befall("update=502-after:x1")
			s.ok(s.client.SetClientSecret(s.ctx, id, cred.Secret))
			s.logsIn(auth0.Accepted, cred, api)
			s.logsIn(auth0.Refused, auth0.Credential{ClientID: id, Secret: first, AuthMethod: method}, api)

			// Rotated by the tenant, and the answer lost: it is read back.
			s.befall("rotate=drop-after:x1")
			_, err := s.client.RotateClientSecret(s.ctx, id)
			s.fails(err, fault.Unavailable, "outcome_unknown", cred.Secret.Reveal())
			shown, err := s.client.ClientWithSecret(s.ctx, id)
			s.ok(err)
			if shown.Secret.Equal(cred.Secret) || s.calls("rotate") != 1 {
				t.Errorf("%d calls, the secret has changed: %v", s.calls("rotate"), !shown.Secret.Equal(cred.Secret))
			}
			cred.Secret = shown.Secret
			s.logsIn(auth0.Accepted, cred, api)
			if cred.Secret, err = s.client.RotateClientSecret(s.ctx, id); err != nil {
				t.Fatal(err)
			}
			s.logsIn(auth0.Accepted, cred, api)

			// A client without the grant type is still known by its secret.
			s.ok(s.client.UpdateClient(s.ctx, id, auth0.ClientPatch{GrantTypes: []string{"authorization_code"}}))
			s.logsIn(auth0.GrantRefused, cred, api)
			s.logsIn(auth0.Refused, auth0.Credential{ClientID: id, Secret: first, AuthMethod: method}, api)
		})
	}
}

func TestKeysWithTheTenant(t *testing.T) {
	s := open(t, tenant.Options{}, scopes...)
	id, first := s.machine()
	one, two := pairs()[0], pairs()[1]

	// A key is made, and the answer lost: its thumbprint is in the list.
	s.befall("credential-create=504-after:x1")
	_, err := s.client.CreateCredential(s.ctx, id, auth0.NewCredential{PEM: one.public, Name: "one"})
	s.fails(err, fault.Unavailable, "outcome_unknown")
	pool, err := s.client.Credentials(s.ctx, id)
	s.ok(err)
	if len(pool) != 1 || pool[0].KeyID != one.kid || pool[0].Alg != "RS256" || pool[0].Name != "one" || pool[0].Created.IsZero() || !pool[0].Expires.IsZero() {
		t.Fatalf("pool %+v", pool)
	}
	_, err = s.client.CreateCredential(s.ctx, id, auth0.NewCredential{PEM: one.public})
	s.fails(err, fault.Conflict, "duplicate_key")
	firstKey := pool[0].ID

	// To keys and back, each in one PATCH.
	s.logsIn(auth0.Refused, one.of(id), api)
	s.ok(s.client.UpdateClient(s.ctx, id, auth0.ClientPatch{Authentication: auth0.Authentication{Method: "private_key_jwt", CredentialIDs: []string{firstKey}}}))
	s.logsIn(auth0.Accepted, one.of(id), api)
	s.logsIn(auth0.GrantRefused, one.of(id))
	s.logsIn(auth0.Refused, auth0.Credential{ClientID: id, Secret: first}, api)
	s.logsIn(auth0.Refused, two.of(id), api)
	_, err = s.client.RotateClientSecret(s.ctx, id)
	s.fails(err, fault.Invalid, "invalid")

	// A second key beside the first, then in its place.
	expires := time.Now().Add(90 * 24 * time.Hour).Truncate(time.Millisecond)
	made, err := s.client.CreateCredential(s.ctx, id, auth0.NewCredential{PEM: two.public, Alg: "RS384", Expires: expires})
	s.ok(err)
	if made.KeyID != two.kid || made.Alg != "RS384" || !made.Expires.Equal(expires) {
		t.Errorf("made %+v", made)
	}
	s.ok(s.client.SetCredentials(s.ctx, id, []string{firstKey, made.ID}))
	info, err := s.client.ClientWithSecret(s.ctx, id)
	s.ok(err)
	if got := info.AuthenticationMethods.PrivateKeyJWT.Credentials; len(got) != 2 || got[0].ID != firstKey || got[1].ID != made.ID || !info.Secret.IsZero() {
		t.Errorf("attached %+v", got)
	}
	second := two.of(id)
	second.Alg = "RS384"
	s.logsIn(auth0.Accepted, one.of(id), api)
	s.logsIn(auth0.Accepted, second, api)
	s.fails(s.client.DeleteCredential(s.ctx, id, firstKey), fault.Conflict, "still_attached")
	s.ok(s.client.SetCredentials(s.ctx, id, []string{made.ID}))
	s.befall("credential-delete=drop-after:x1")
	s.ok(s.client.DeleteCredential(s.ctx, id, firstKey))
	s.ok(s.client.DeleteCredential(s.ctx, id, firstKey))
	_, err = s.client.Credential(s.ctx, id, firstKey)
	s.fails(err, fault.NotFound, "inexistent_credential")
	s.fails(s.client.SetCredentials(s.ctx, id, []string{firstKey}), fault.Invalid, "invalid")

	s.befall("credential-update=502-after:x1")
	changed, err := s.client.SetCredentialExpiry(s.ctx, id, made.ID, time.Time{})
	s.ok(err)
	read, err := s.client.Credential(s.ctx, id, made.ID)
	s.ok(err)
	if !changed.Expires.IsZero() || changed != read {
		t.Errorf("changed to %+v, read as %+v", changed, read)
	}

	s.befall("")
	again := secret.New("canary-back-to-a-secret")
	s.ok(s.client.UpdateClient(s.ctx, id, auth0.ClientPatch{Secret: again, Authentication: auth0.Authentication{Method: "client_secret_post"}}))
	s.logsIn(auth0.Accepted, auth0.Credential{ClientID: id, Secret: again}, api)
	s.logsIn(auth0.Refused, second, api)
	s.ok(s.client.DeleteCredential(s.ctx, id, made.ID))
	s.ok(s.client.DeleteClient(s.ctx, id))
	s.ok(s.client.DeleteCredential(s.ctx, id, made.ID))
	_, err = s.client.Credentials(s.ctx, id)
	s.fails(err, fault.NotFound, "inexistent_client")
}

func TestAPoolHasAnEnd(t *testing.T) {
	s := open(t, tenant.Options{Quirks: tenant.Quirks{PatchCredentialStatus: 201}}, scopes...)
	keys := pairs()
	made, err := s.client.CreateClient(s.ctx, auth0.NewClient{Name: "keys", AuthMethod: "private_key_jwt", SigningAlg: "RS256",
		GrantTypes: []string{"client_credentials"}, Credentials: []auth0.NewCredential{{PEM: keys[0].public}, {PEM: keys[1].public, Alg: "PS256"}}})
	s.ok(err)
	records := made.AuthenticationMethods.PrivateKeyJWT.Credentials
	if len(records) != 2 || records[0].KeyID != keys[0].kid || records[1].Alg != "PS256" || !made.Secret.IsZero() {
		t.Fatalf("made %+v", made)
	}
	s.logsIn(auth0.GrantRefused, keys[0].of(made.ClientID))
	var ids []string
	for _, key := range keys[2:4] {
		cred, err := s.client.CreateCredential(s.ctx, made.ClientID, auth0.NewCredential{PEM: key.public})
		s.ok(err)
		ids = append(ids, cred.ID)
	}
	_, err = s.client.CreateCredential(s.ctx, made.ClientID, auth0.NewCredential{PEM: keys[4].public})
	s.fails(err, fault.Conflict, "pool_full")
	s.fails(s.client.SetCredentials(s.ctx, made.ClientID, append(ids, records[0].ID)), fault.Invalid, "invalid_body")
	pool, err := s.client.Credentials(s.ctx, made.ClientID)
	s.ok(err)
	if len(pool) != 4 || !slices.ContainsFunc(pool, func(c auth0.ClientCredential) bool { return c.ID == ids[1] }) {
		t.Errorf("pool %+v", pool)
	}
	_, err = s.client.SetCredentialExpiry(s.ctx, made.ClientID, ids[0], time.Now().Add(time.Hour)) // answered 201 here
	s.ok(err)
}

// A lost answer to a creation leaves one client, which its mark finds.
func TestALostCreationIsFound(t *testing.T) {
	s := open(t, tenant.Options{}, scopes...)
	s.befall("create=502-after:x1")
	_, err := s.client.CreateClient(s.ctx, auth0.NewClient{Name: "twin", Metadata: map[string]string{"mark": "m-1"}})
	s.fails(err, fault.Unavailable, "outcome_unknown")
	found := 0
	for c, err := range s.client.Clients(s.ctx, auth0.Query{}) {
		s.ok(err)
		if c.Metadata["mark"] == "m-1" {
			found++
		}
	}
	if found != 1 || s.calls("create") != 1 {
		t.Errorf("%d clients of %d calls", found, s.calls("create"))
	}
}

// Each operation is refused without its scope, and says which.
func TestScopesWithTheTenant(t *testing.T) {
	s := open(t, tenant.Options{}, "read:client_summary")
	id, _ := s.tenant.AddClient("machine")
	key := pairs()[0]
	tests := map[string]struct {
		do    func() error
		scope string
	}{
		"create": {func() error {
			_, err := s.client.CreateClient(s.ctx, auth0.NewClient{Name: "n"})
			return err
		}, "create:clients"},
		"create with keys": {func() error {
			_, err := s.client.CreateClient(s.ctx, auth0.NewClient{Name: "n", AuthMethod: "private_key_jwt", Credentials: []auth0.NewCredential{{PEM: key.public}}})
			return err
		}, "create:client_credentials"},
		"update": {func() error { return s.client.UpdateClient(s.ctx, id, auth0.ClientPatch{Name: "n"}) }, "update:clients"},
		"secret": {func() error { return s.client.SetClientSecret(s.ctx, id, secret.New("canary-7f3a")) }, "update:client_keys"},
		"attach": {func() error { return s.client.SetCredentials(s.ctx, id, []string{"cred_x"}) }, "update:client_credentials"},
		"rotate": {func() error { _, err := s.client.RotateClientSecret(s.ctx, id); return err }, "update:client_keys"},
		"list":   {func() error { _, err := s.client.Credentials(s.ctx, id); return err }, "read:client_credentials"},
		"add": {func() error {
			_, err := s.client.CreateCredential(s.ctx, id, auth0.NewCredential{PEM: key.public})
			return err
		}, "create:client_credentials"},
		"get":    {func() error { _, err := s.client.Credential(s.ctx, id, "cred_x"); return err }, "read:client_credentials"},
		"expire": {func() error { _, err := s.client.SetCredentialExpiry(s.ctx, id, "cred_x", time.Time{}); return err }, "update:client_credentials"},
		"remove": {func() error { return s.client.DeleteCredential(s.ctx, id, "cred_x") }, "delete:client_credentials"},
		"delete": {func() error { return s.client.DeleteClient(s.ctx, id) }, "delete:clients"},
		"read the secret": {func() error {
			_, err := s.client.Client(s.ctx, id, "client_secret")
			return err
		}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := tt.do()
			stage{t, s.tenant, s.client, s.ctx}.fails(err, fault.Denied, "insufficient_scope", "canary-7f3a")
			if err != nil && !strings.Contains(err.Error(), tt.scope) {
				t.Errorf("%v does not name %s", err, tt.scope)
			}
		})
	}
	if info, err := s.client.ClientWithSecret(s.ctx, id); err != nil || !info.Secret.IsZero() || info.ClientID != id {
		t.Errorf("a plain read shows %+v, %v", info, err)
	}
}

// While a changed secret spreads, a login says what it met and nothing more.
func TestLoginWhileASecretSpreads(t *testing.T) {
	var ahead atomic.Int64
	s := open(t, tenant.Options{
		Now:    func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
		Quirks: tenant.Quirks{SecretPropagation: 30 * time.Second},
	}, scopes...)
	id, old := s.machine()
	next := secret.New("canary-next")
	s.ok(s.client.SetClientSecret(s.ctx, id, next))
	s.logsIn(auth0.Accepted, auth0.Credential{ClientID: id, Secret: old}, api)
	s.logsIn(auth0.Accepted, auth0.Credential{ClientID: id, Secret: next}, api)
	ahead.Store(int64(31 * time.Second))
	s.logsIn(auth0.Refused, auth0.Credential{ClientID: id, Secret: old}, api)
	s.logsIn(auth0.Accepted, auth0.Credential{ClientID: id, Secret: next}, api)
}

func TestLoginWithABusyTenant(t *testing.T) {
	s := open(t, tenant.Options{}, scopes...)
	id, text := s.machine()
	cred := auth0.Credential{ClientID: id, Secret: text}
	s.befall("token=429-retry1:x1")
	s.logsIn(auth0.Accepted, cred, api)
	s.befall("token=503")
	got, err := s.client.Login(s.ctx, cred, api)
	if got != "" {
		t.Errorf("result %q", got)
	}
	s.fails(err, fault.Unavailable, "server_error", text.Reveal())
	s.befall("token=drop-after")
	_, err = s.client.Login(s.ctx, cred, api)
	s.fails(err, fault.Unavailable, "connection", text.Reveal())
}
