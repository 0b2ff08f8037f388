package tenant

import (
	"maps"
	"slices"
	"time"
)

// maxHistory bounds what is kept of one client; counts go on.
const maxHistory = 10_000

// ChangeKind says what became of a client's secret or of a credential.
type ChangeKind string

// What can happen. The secret that a new client is born with is part of its
// creation and counts as neither set nor generated.
const (
	ClientCreated      ChangeKind = "client-created"
	ClientDeleted      ChangeKind = "client-deleted"
	SecretSet          ChangeKind = "secret-set"       // to a value that the caller chose
	SecretRepeated     ChangeKind = "secret-repeated"  // set to what it was
	SecretGenerated    ChangeKind = "secret-generated" // by the tenant, as rotate-secret does
	KeysEnabled        ChangeKind = "keys-enabled"     // credentials authenticate from now on
	KeysDisabled       ChangeKind = "keys-disabled"    // the shared secret does
	CredentialCreated  ChangeKind = "credential-created"
	CredentialAttached ChangeKind = "credential-attached"
	CredentialDetached ChangeKind = "credential-detached"
	CredentialDeleted  ChangeKind = "credential-deleted"
	CredentialExpiry   ChangeKind = "credential-expiry" // set, moved or cleared
	GrantCreated       ChangeKind = "grant-created"
	GrantChanged       ChangeKind = "grant-changed"
	GrantDeleted       ChangeKind = "grant-deleted"
)

// A Change is one thing that happened to a client. It never holds a secret.
type Change struct {
	Time       time.Time // by the tenant's clock
	Kind       ChangeKind
	Credential string // its id, of credential changes
	KeyID      string // likewise, if it has one
	Audience   string // of changes of grants
	Request    int    // as in Entry.N; zero for changes by Go methods
	By         string // the client that called; empty for Go methods
}

// A ledger is what happened to one client, also after it was deleted.
type ledger struct {
	changes []Change
	counts  map[ChangeKind]int
}

// Changes returns what happened to a client, oldest first, also after it was
// deleted. Only the latest 10,000 changes are kept.
func (t *Tenant) Changes(clientID string) []Change {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.state.ledgers[clientID]; l != nil {
		return slices.Clone(l.changes)
	}
	return nil
}

// ChangeCounts returns how often each thing happened to a client. Unlike
// [Tenant.Changes] it forgets nothing.
func (t *Tenant) ChangeCounts(clientID string) map[ChangeKind]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := map[ChangeKind]int{}
	if l := t.state.ledgers[clientID]; l != nil {
		maps.Copy(out, l.counts)
	}
	return out
}

// noteChange adds a change, made by a call or, if that is nil, by a Go method.
func (t *Tenant) noteChange(cl *client, c *call, kind ChangeKind, credential, keyID string) {
	t.noteOne(cl, c, Change{Kind: kind, Credential: credential, KeyID: keyID})
}

// noteOne adds a change that is complete but for its time and its cause.
func (t *Tenant) noteOne(cl *client, c *call, change Change) {
	change.Time = t.opts.Now()
	if c != nil {
		change.Request, change.By = c.n, c.caller.clientID
	}
	l := t.state.ledgers[cl.id]
	if l == nil {
		l = &ledger{counts: map[ChangeKind]int{}}
		t.state.ledgers[cl.id] = l
	}
	if len(l.changes) == maxHistory {
		l.changes = slices.Delete(l.changes, 0, maxHistory/10)
	}
	l.changes = append(l.changes, change)
	l.counts[change.Kind]++
}

// noteSecret adds a secret that was set or generated.
func (t *Tenant) noteSecret(cl *client, c *call, generated, changed bool) {
	kind := SecretSet
	switch {
	case generated:
		kind = SecretGenerated
	case !changed:
		kind = SecretRepeated
	}
	t.noteChange(cl, c, kind, "", "")
}

// A holding is what a client has to authenticate with, at one moment.
type holding struct {
	usesKeys bool
	pool     []credential
	attached map[string]bool
}

func (c *client) holding() holding {
	h := holding{usesKeys: c.slots != nil, attached: map[string]bool{}}
	for _, cred := range c.pool {
		h.pool = append(h.pool, *cred)
		h.attached[cred.ID] = c.attached(cred.ID)
	}
	return h
}

func (h holding) find(id string) (credential, bool) {
	for _, cred := range h.pool {
		if cred.ID == id {
			return cred, true
		}
	}
	return credential{}, false
}

// recording runs f and takes note of what it did to the client's credentials,
// in the order in which it must have happened. The caller holds t.mu.
func (t *Tenant) recording(cl *client, c *call, f func()) {
	before := cl.holding()
	f()
	after := cl.holding()
	each := func(h holding, kind ChangeKind, happened func(credential) bool) {
		for _, cred := range h.pool {
			if happened(cred) {
				t.noteChange(cl, c, kind, cred.ID, cred.KeyID)
			}
		}
	}
	each(after, CredentialCreated, func(cred credential) bool { _, was := before.find(cred.ID); return !was })
	each(after, CredentialExpiry, func(cred credential) bool {
		old, was := before.find(cred.ID)
		return was && old.Expires != cred.Expires
	})
	each(after, CredentialAttached, func(cred credential) bool { return after.attached[cred.ID] && !before.attached[cred.ID] })
	each(before, CredentialDetached, func(cred credential) bool { return before.attached[cred.ID] && !after.attached[cred.ID] })
	each(before, CredentialDeleted, func(cred credential) bool { _, is := after.find(cred.ID); return !is })
	switch {
	case after.usesKeys && !before.usesKeys:
		t.noteChange(cl, c, KeysEnabled, "", "")
	case before.usesKeys && !after.usesKeys:
		t.noteChange(cl, c, KeysDisabled, "", "")
	}
}
