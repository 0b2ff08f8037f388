package tenant

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// What a person in the dashboard, or somebody else's program, does to a client
// beside the one that is being tested: without a token, a rate limit or
// mischief, but by the tenant's rules, and visible to [Tenant.Changes].

// A NewKey is a public key that somebody uploads.
type NewKey struct {
	PEM     string    // a public key or a certificate
	Name    string    // may be empty
	Alg     string    // empty is RS256
	KeyID   string    // empty is the thumbprint of the key
	Expires time.Time // zero never; it may have passed already
}

// edit runs f with a client, under the lock.
func (t *Tenant) edit(clientID string, f func(*client) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	cl := t.state.clients[clientID]
	if cl == nil {
		return errors.New("tenant: no such client")
	}
	return f(cl)
}

func refused(a answer) error { return errors.New("tenant: " + a.body.(envelope).Message) }

// ChangeSecret sets a client's secret, or has one generated if it is empty,
// and returns it. It spreads as any change does.
func (t *Tenant) ChangeSecret(clientID, secret string) (string, error) {
	generated := secret == ""
	if generated {
		secret = newSecret()
	}
	return secret, t.edit(clientID, func(cl *client) error {
		t.noteSecret(cl, nil, generated, t.setSecret(cl, secret))
		return nil
	})
}

// AddCredential puts a public key into a client's pool, without enabling it.
func (t *Tenant) AddCredential(clientID string, k NewKey) (credentialID string, err error) {
	body := map[string]any{"credential_type": publicKey, "pem": k.PEM, "name": k.Name, "alg": k.Alg, "kid": k.KeyID}
	err = t.edit(clientID, func(cl *client) error {
		cred, refusal, valid := t.newCredential(body)
		if valid {
			refusal, valid = t.mayHold(cl, cred)
		}
		if !valid {
			return refused(refusal)
		}
		if !k.Expires.IsZero() {
			cred.Expires = k.Expires.UTC().Format(timestamps)
		}
		t.recording(cl, nil, func() { cl.pool = append(cl.pool, cred) })
		credentialID = cred.ID
		return nil
	})
	return credentialID, err
}

// AddKey adds a public key (PEM) to a client and enables it beside those that
// already are; from then on the client uses private_key_jwt. An empty alg is
// RS256.
func (t *Tenant) AddKey(clientID, publicPEM, alg string) (credentialID string, err error) {
	if credentialID, err = t.AddCredential(clientID, NewKey{PEM: publicPEM, Alg: alg}); err != nil {
		return "", err
	}
	return credentialID, t.edit(clientID, func(cl *client) error {
		return t.enable(cl, append(slices.Clone(cl.slots["private_key_jwt"]), credentialID))
	})
}

// Attach enables exactly these credentials of a client's pool. From then on
// the client uses private_key_jwt, also with none.
func (t *Tenant) Attach(clientID string, credentialIDs ...string) error {
	return t.edit(clientID, func(cl *client) error { return t.enable(cl, credentialIDs) })
}

func (t *Tenant) enable(cl *client, ids []string) error {
	if refusal, allowed := t.mayAttach(cl, "private_key_jwt", ids); !allowed {
		return refused(refusal)
	}
	t.recording(cl, nil, func() {
		cl.setField("token_endpoint_auth_method", nil)
		cl.slots = map[string][]string{"private_key_jwt": slices.Clone(ids)}
	})
	return nil
}

// UseSecret has a client use its shared secret again, with this authentication
// method. Its credentials stay in the pool.
func (t *Tenant) UseSecret(clientID, method string) error {
	if !slices.Contains(authMethods.enum, method) {
		return fmt.Errorf("tenant: no authentication method %q", clip(method))
	}
	return t.edit(clientID, func(cl *client) error {
		t.recording(cl, nil, func() {
			cl.setField("token_endpoint_auth_method", method)
			cl.slots = nil
		})
		return nil
	})
}

// DeleteCredential disables a credential, wherever it is enabled, and removes
// it. What is not there is no error.
func (t *Tenant) DeleteCredential(clientID, credentialID string) error {
	return t.edit(clientID, func(cl *client) error {
		t.recording(cl, nil, func() {
			for method, ids := range cl.slots {
				cl.slots[method] = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == credentialID })
			}
			cl.drop(credentialID)
		})
		return nil
	})
}

// SetGrantTypes replaces a client's grant types. Without client_credentials
// its logins are answered 403 unauthorized_client, once they have proved
// themselves.
func (t *Tenant) SetGrantTypes(clientID string, types ...string) error {
	return t.edit(clientID, func(cl *client) error {
		cl.setField("grant_types", anySlice(types...))
		return nil
	})
}

// setField replaces one field; nil clears it.
func (c *client) setField(name string, value any) {
	c.fields = maps.Clone(c.fields)
	if value == nil {
		delete(c.fields, name)
		return
	}
	c.fields[name] = value
}
