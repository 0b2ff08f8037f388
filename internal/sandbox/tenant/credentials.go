package tenant

import (
	"net/http"
	"slices"
)

// The pool of a client holds credentials whether they are enabled or not; a
// PATCH of the client enables them.

// inClient runs f with the client in the path, under the lock.
func (t *Tenant) inClient(c *call, f func(*client) answer) answer {
	t.mu.Lock()
	defer t.mu.Unlock()
	cl := t.state.clients[c.params["id"]]
	if cl == nil {
		return t.refuse("client_missing")
	}
	return f(cl)
}

// listCredentials has no paging, and ignores a query, as recorded.
func (t *Tenant) listCredentials(c *call) answer {
	return t.inClient(c, func(cl *client) answer {
		out := []credential{}
		for _, cred := range cl.pool {
			out = append(out, *cred)
		}
		return ok(out)
	})
}

func (t *Tenant) createCredential(c *call) answer {
	body, refusal, valid := t.decode(c, credentialSchema)
	if !valid {
		return refusal
	}
	cred, refusal, valid := t.newCredential(body)
	if !valid {
		return refusal
	}
	return t.inClient(c, func(cl *client) answer {
		if refusal, allowed := t.mayHold(cl, cred); !allowed {
			return refusal
		}
		t.recording(cl, c, func() { cl.pool = append(cl.pool, cred) })
		c.applied = true
		return answer{status: http.StatusCreated, body: *cred}
	})
}

// mayHold guards the pool of a client.
func (t *Tenant) mayHold(cl *client, cred *credential) (answer, bool) {
	if slices.ContainsFunc(cl.pool, cred.sameKey) {
		return t.refuse("key_duplicate"), false
	}
	if limit := t.opts.Quirks.PoolLimit; len(cl.pool) >= limit {
		return t.refuse("pool_full", limit), false
	}
	return answer{}, true
}

// inCredential runs f with the client and the credential in the path.
func (t *Tenant) inCredential(c *call, f func(*client, *credential) answer) answer {
	return t.inClient(c, func(cl *client) answer {
		cred := cl.credential(c.params["credential"])
		if cred == nil {
			return t.refuse("credential_missing")
		}
		return f(cl, cred)
	})
}

func (t *Tenant) getCredential(c *call) answer {
	return t.inCredential(c, func(_ *client, cred *credential) answer { return ok(*cred) })
}

// updateCredential changes the expiry, the one thing that can be changed.
func (t *Tenant) updateCredential(c *call) answer {
	body, refusal, valid := t.decode(c, credentialUpdateSchema)
	if !valid {
		return refusal
	}
	return t.inCredential(c, func(cl *client, cred *credential) answer {
		date, _ := body["expires_at"].(string)
		if t.hasPassed(date) {
			return t.refuse("expiry_past")
		}
		t.recording(cl, c, func() { cred.Expires = inUTC(date) }) // null clears it
		cred.Updated = t.opts.Now().UTC().Format(timestamps)
		c.applied = true
		return answer{status: t.opts.Quirks.PatchCredentialStatus, body: *cred}
	})
}

// deleteCredential is idempotent, and refuses what a slot still holds.
func (t *Tenant) deleteCredential(c *call) answer {
	return t.inClient(c, func(cl *client) answer {
		id := c.params["credential"]
		if cl.attached(id) {
			return t.refuse("credential_attached")
		}
		before := len(cl.pool)
		t.recording(cl, c, func() { cl.drop(id) })
		c.applied = len(cl.pool) < before
		return t.deleted()
	})
}

// drop takes a credential out of the pool.
func (c *client) drop(id string) {
	c.pool = slices.DeleteFunc(slices.Clone(c.pool), func(cred *credential) bool { return cred.ID == id })
}

// madeCredentials come with a new client. The zero value is none.
type madeCredentials struct {
	method      string
	credentials []*credential
}

// newCredentials makes the credentials inside client_authentication_methods.
func (t *Tenant) newCredentials(methods map[string]any) (madeCredentials, answer, bool) {
	var made madeCredentials
	for method, slot := range methods { // the schema allows one
		made.method = method
		list, _ := slot.(map[string]any)["credentials"].([]any)
		if limit := t.opts.Quirks.SlotLimit; len(list) > limit {
			return made, t.refuse("slot_full", len(list), limit, method), false
		}
		for _, item := range list {
			cred, refusal, valid := t.newCredential(item.(map[string]any))
			if !valid {
				return made, refusal, false
			}
			switch {
			case cred.Type != slotTypes[method]:
				return made, t.refuse("slot_type", cred.Type, method), false
			case slices.ContainsFunc(made.credentials, cred.sameKey):
				return made, t.refuse("key_duplicate"), false
			}
			made.credentials = append(made.credentials, cred)
		}
	}
	return made, answer{}, true
}

// adopt puts credentials into the pool and enables them at once.
func (c *client) adopt(made madeCredentials) {
	if made.method == "" {
		return
	}
	c.slots = map[string][]string{made.method: {}}
	for _, cred := range made.credentials {
		c.pool = append(c.pool, cred)
		c.slots[made.method] = append(c.slots[made.method], cred.ID)
	}
}
