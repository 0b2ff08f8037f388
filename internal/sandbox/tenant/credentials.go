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
	signed      []*credential // of signed_request_object
}

// newCredentials makes the credentials inside client_authentication_methods
// and signed_request_object.
func (t *Tenant) newCredentials(body map[string]any) (made madeCredentials, refusal answer, valid bool) {
	methods, _ := body["client_authentication_methods"].(map[string]any)
	for method, slot := range methods { // the schema allows one
		made.method = method
		made.credentials, refusal, valid = t.newSlot("client_authentication_methods."+method, slotTypes[method], slot, nil)
		if !valid {
			return made, refusal, false
		}
	}
	made.signed, refusal, valid = t.newSlot("signed_request_object", publicKey, body["signed_request_object"], made.credentials)
	return made, refusal, valid
}

// newSlot makes the credentials of one property, which must be of one type and
// have other keys than those before them.
func (t *Tenant) newSlot(name, kind string, slot any, before []*credential) ([]*credential, answer, bool) {
	fields, _ := slot.(map[string]any)
	list, _ := fields["credentials"].([]any)
	if limit := t.opts.Quirks.SlotLimit; len(list) > limit {
		return nil, t.refuse("slot_full", len(list), limit, name), false
	}
	var made []*credential
	for _, item := range list {
		cred, refusal, valid := t.newCredential(item.(map[string]any))
		switch {
		case !valid:
			return nil, refusal, false
		case cred.Type != kind:
			return nil, t.refuse("slot_type", cred.Type, name), false
		case slices.ContainsFunc(append(made, before...), cred.sameKey):
			return nil, t.refuse("key_duplicate"), false
		}
		made = append(made, cred)
	}
	return made, answer{}, true
}

// adopt puts credentials into the pool and enables them at once.
func (c *client) adopt(made madeCredentials) {
	if made.method != "" {
		c.slots = map[string][]string{made.method: {}}
	}
	for _, cred := range made.credentials {
		c.pool = append(c.pool, cred)
		c.slots[made.method] = append(c.slots[made.method], cred.ID)
	}
	if len(made.signed) == 0 {
		return
	}
	refs := []any{}
	for _, cred := range made.signed {
		c.pool = append(c.pool, cred)
		refs = append(refs, map[string]any{"id": cred.ID})
	}
	object, _ := c.fields["signed_request_object"].(map[string]any)
	c.setField("signed_request_object", merge(object, map[string]any{"credentials": refs}))
}
