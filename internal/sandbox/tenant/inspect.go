package tenant

import (
	"crypto/rsa"
	"time"
)

// What an independent checker asks: who could log in, and with which keys. No
// question here changes anything, or counts as a login.

// A Key is a credential as a checker sees it.
type Key struct {
	CredentialID string
	Name         string
	KeyID        string // empty if it is no public key
	Type         string // public_key, x509_cert or cert_subject_dn
	Alg          string
	Expires      time.Time // zero never
	Expired      bool      // by the tenant's clock: it is listed, but logs nobody in
	Attached     bool      // enabled, in whatever slot
	Public       *rsa.PublicKey
}

// Accepts reports whether a login of the client with this secret could succeed
// now. While a change spreads that may be so for several secrets; with
// [AcceptEither] or a script it means that some login may, not that each does.
func (t *Tenant) Accepts(clientID, secret string) bool {
	return t.accepts(clientID, secret, false)
}

// WillAccept reports whether logins of the client with this secret succeed
// once every change so far has spread, if there are no more.
func (t *Tenant) WillAccept(clientID, secret string) bool {
	return t.accepts(clientID, secret, true)
}

func (t *Tenant) accepts(clientID, secret string, eventually bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	cl := t.state.clients[clientID]
	return cl != nil && cl.usesSecret() && t.mayKnow(cl, secret, eventually)
}

// AttachedKeys returns the keys enabled for private_key_jwt, also expired
// ones, in the order of the slot. It is nil for a client that uses its secret.
func (t *Tenant) AttachedKeys(clientID string) []Key {
	t.mu.Lock()
	defer t.mu.Unlock()
	cl := t.state.clients[clientID]
	if cl == nil || cl.slots == nil {
		return nil
	}
	out := []Key{}
	for _, id := range cl.slots["private_key_jwt"] {
		if cred := cl.credential(id); cred != nil {
			out = append(out, t.key(cl, cred))
		}
	}
	return out
}

// Credentials returns the whole pool of a client, oldest first.
func (t *Tenant) Credentials(clientID string) []Key {
	t.mu.Lock()
	defer t.mu.Unlock()
	cl := t.state.clients[clientID]
	if cl == nil {
		return nil
	}
	var out []Key
	for _, cred := range cl.pool {
		out = append(out, t.key(cl, cred))
	}
	return out
}

func (t *Tenant) key(cl *client, cred *credential) Key {
	k := Key{
		CredentialID: cred.ID, Name: cred.Name, KeyID: cred.KeyID, Type: cred.Type, Alg: cred.Alg,
		Expired: cred.expired(t.opts.Now()), Attached: cl.attached(cred.ID), Public: cred.key,
	}
	k.Expires, _ = time.Parse(time.RFC3339, cred.Expires) // empty is never
	return k
}

// Client returns a client by its id.
func (t *Tenant) Client(id string) (View, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.state.clients[id]
	if c == nil {
		return View{}, false
	}
	return t.view(c), true
}
