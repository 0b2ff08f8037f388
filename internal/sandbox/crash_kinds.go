package sandbox

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"

	"clientkeeper/internal/config"
	"clientkeeper/internal/sandbox/tenant"
)

// A crashKind is a kind of rotation: what is stored at the beginning, what the
// tags ask for, and what the tenant is like.
type crashKind struct {
	name, about string

	fromKey, toKey bool   // private_key_jwt, else client_secret
	strategy       string // of client_secret; empty is local
	management     bool   // the client is the one that the function itself uses
	cold           bool   // every invocation is a process of its own
	unreadable     bool   // the scope does not show secrets, and trial logins are refused their grant
	early          bool   // the tenant takes the secret of a client that still uses keys
	webhook        bool   // a signing secret, of no client
	replica        bool   // the secret is replicated, and consumers read the copy
	delayed        bool   // what was written to Secrets Manager is read a moment later
	accept         tenant.Acceptance
}

// CrashKinds are the names of the kinds of rotation that the matrix breaks.
func CrashKinds() []string {
	var out []string
	for _, k := range crashKinds {
		out = append(out, k.name)
	}
	return out
}

var crashKinds = []crashKind{
	{name: "secret", about: "a client secret that is made here"},
	{name: "secret-unreadable", about: "the same, where the tenant shows no secrets and grants no tokens", unreadable: true},
	{name: "secret-old", about: "the same, where the old secret works until the window is over", accept: tenant.AcceptOld},
	{name: "secret-replicated", about: "the same, read from a copy in another region", replica: true},
	{name: "secret-delayed", about: "the same, where Secrets Manager shows a change a moment later", delayed: true},
	{name: "secret-generated", about: "a client secret that the tenant makes", strategy: "tenant-generated"},
	{name: "key", about: "a key of private_key_jwt", fromKey: true, toKey: true},
	{name: "key-replicated", about: "the same, read from a copy in another region", fromKey: true, toKey: true, replica: true},
	{name: "key-delayed", about: "the same, where Secrets Manager shows a change a moment later", fromKey: true, toKey: true, delayed: true},
	{name: "secret-to-key", about: "from a client secret to a key", toKey: true},
	{name: "key-to-secret", about: "from a key to a client secret", fromKey: true, early: true},
	{name: "key-to-secret-old", about: "the same, where the old secret works until the window is over", fromKey: true, early: true, accept: tenant.AcceptOld},
	{name: "key-to-secret-at-once", about: "the same, of a tenant that takes no secret of a client that uses keys", fromKey: true, accept: tenant.AcceptOld},
	{name: "webhook", about: "the signing secret of webhooks", webhook: true},
	{name: "management-secret", about: "the secret of the management client", management: true, cold: true, accept: tenant.AcceptEither},
	{name: "management-secret-warm", about: "the same, in a process that lives on", management: true, accept: tenant.AcceptNew},
	{name: "management-key", about: "the key of the management client", management: true, cold: true, fromKey: true, toKey: true},
	{name: "management-secret-to-key", about: "the management client, from a secret to a key", management: true, cold: true, toKey: true},
	{name: "management-key-to-secret", about: "the management client, from a key to a secret", management: true, cold: true, fromKey: true, early: true, accept: tenant.AcceptEither},
	{name: "management-generated", about: "the same as tenant-generated, which is made here all the same", management: true, cold: true, strategy: "tenant-generated"},
}

// furnish makes the management client, the client whose credential is rotated,
// and their secrets.
func (w *crashWorld) furnish() error {
	scopes := managementScopes
	if w.kind.unreadable {
		scopes = nil
		for _, s := range managementScopes {
			if s != "read:client_keys" {
				scopes = append(scopes, s)
			}
		}
	}
	manager, managerSecret := w.tenant.AddManagementClient(scopes...)
	w.client = manager
	secret := managerSecret
	if !w.kind.management {
		w.client, secret = w.tenant.AddClient("payments")
		if !w.kind.unreadable {
			w.tenant.AddGrant(w.client, w.tenant.Audience(), "read:clients")
		}
	}
	if err := w.addKeys(); err != nil {
		return err
	}
	managerARN := ""
	if !w.kind.management {
		var err error
		if managerARN, err = w.secrets.Put("management", w.stored(manager, managerSecret, nil), nil); err != nil {
			return err
		}
	}
	if err := w.store(secret); err != nil {
		return err
	}
	if w.kind.management {
		managerARN = w.arn
	}
	w.config = config.Tenant{Domain: w.tenant.Domain(), ManagementSecret: managerARN, RootsPEM: w.tenant.CAPEM(), Reserve: -1}
	return nil
}

// addKeys gives the client a key that somebody else put there, and what it
// logs in with if that is a key: the current and the previous one.
func (w *crashWorld) addKeys() error {
	stranger, err := publicPEM(w.shared.keys[2])
	if err == nil {
		_, err = w.tenant.AddCredential(w.client, tenant.NewKey{PEM: stranger, Name: "of another program"})
	}
	if err != nil || !w.kind.fromKey {
		return err
	}
	var ids []string
	for _, key := range []*rsa.PrivateKey{w.shared.keys[1], w.shared.keys[0]} {
		public, err := publicPEM(key)
		if err != nil {
			return err
		}
		id, err := w.tenant.AddCredential(w.client, tenant.NewKey{PEM: public, Name: "clientkeeper of an earlier rotation"})
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	return w.tenant.Attach(w.client, ids...)
}

// store makes the secret that is rotated, with a previous version where there
// is something to be previous.
func (w *crashWorld) store(secret string) error {
	kind := w.tagKind()
	strategy := w.kind.strategy
	if strategy == "" {
		strategy = "local"
	}
	tags := map[string]string{
		"clientkeeper:managed": "true", "clientkeeper:tenant": w.tenant.Domain(), "clientkeeper:client-id": w.client,
		"clientkeeper:kind": kind, "clientkeeper:strategy": strategy, "clientkeeper:overlap": "0s",
	}
	values := []string{w.stored(w.client, secret, nil)}
	if w.kind.webhook {
		delete(tags, "clientkeeper:client-id")
		values = []string{`{"whsec":"whsec_` + strings.Repeat("A", 40) + `","team":"payments"}`}
	}
	if w.kind.fromKey {
		values = []string{w.stored(w.client, "", w.shared.keys[1]), w.stored(w.client, "", w.shared.keys[0])}
	}
	for _, v := range values {
		var err error
		if w.arn, err = w.secrets.Put("client", v, tags); err != nil {
			return err
		}
	}
	if w.kind.replica {
		return w.ask("ReplicateSecretToRegions", map[string]any{"SecretId": w.arn, "AddReplicaRegions": []any{map[string]string{"Region": "us-west-2"}}}, nil)
	}
	return nil
}

func (w *crashWorld) tagKind() string {
	switch {
	case w.kind.webhook:
		return "webhook_secret"
	case w.kind.toKey:
		return "private_key_jwt"
	}
	return "client_secret"
}

// stored is the JSON of a secret, with a member that nobody knows.
func (w *crashWorld) stored(client, secret string, key *rsa.PrivateKey) string {
	members := map[string]any{"client_id": client, "issuer": "https://" + w.tenant.Domain() + "/", "team": "payments"}
	if key == nil {
		members["client_secret"], members["token_endpoint_auth_method"] = secret, "client_secret_post"
	} else {
		der, _ := x509.MarshalPKCS8PrivateKey(key) // an RSA key always can be
		members["private_key_pem"] = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
		members["token_endpoint_auth_method"], members["alg"] = "private_key_jwt", "RS256"
	}
	text, _ := json.Marshal(members) // strings always can be
	return string(text)
}

func publicPEM(key *rsa.PrivateKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), err
}
