package tenant

import (
	"maps"
	"net/http"
	"slices"

	"clientkeeper/internal/cimd"
)

// registered is the answer of register.
type registered struct {
	ClientID   string         `json:"client_id"`
	Mapped     map[string]any `json:"mapped_fields"`
	Validation validation     `json:"validation"`
}

// previewed is one of the two answers of preview: the document was judged, or
// it could not be fetched and Errors say why.
type previewed struct {
	ClientID   string         `json:"client_id,omitempty"`
	Errors     []string       `json:"errors,omitempty"`
	Mapped     map[string]any `json:"mapped_fields,omitempty"`
	Validation *validation    `json:"validation,omitempty"`
}

type validation struct {
	Valid      bool     `json:"valid"`
	Violations []string `json:"violations"`
	Warnings   []string `json:"warnings"`
}

// register creates or refreshes the client of a metadata document.
func (t *Tenant) register(c *call) answer {
	id, refusal, valid := t.externalID(c)
	if !valid {
		return refusal
	}
	m, unread := t.read(c.ctx, id)
	if unread != nil {
		return t.refuse("document_unread", id)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	cl := t.state.clients[t.state.external[id.String()]]
	if refusal, allowed := t.mayRegister(c, cl, m); !allowed {
		return refusal
	}
	keys := t.planKeys(cl, m)
	m.note(keys)
	if len(m.violations) > 0 {
		return t.reject(id, m)
	}
	cl, created := t.upsert(c, id.String(), cl, m, keys)
	c.applied = true
	return t.registeredAnswer(cl, created, m)
}

// preview does what register would do, without the doing.
func (t *Tenant) preview(c *call) answer {
	id, refusal, valid := t.externalID(c)
	if !valid {
		return refusal
	}
	m, unread := t.read(c.ctx, id)
	t.mu.Lock()
	defer t.mu.Unlock()
	cl := t.state.clients[t.state.external[id.String()]]
	var out previewed
	if cl != nil {
		out.ClientID = cl.id
	}
	if unread != nil {
		out.Errors = []string{unread.Error()}
		return ok(out)
	}
	if m.usesKeys() && !t.state.plan.PrivateKeyJWT {
		return t.refuse("upgrade", "private_key_jwt")
	}
	m.note(t.planKeys(cl, m))
	out.Mapped, out.Validation = m.mapped(), m.validation()
	return ok(out)
}

// externalID reads the body, and refuses URLs that the tenant does not take.
func (t *Tenant) externalID(c *call) (cimd.ClientID, answer, bool) {
	body, refusal, valid := t.decode(c, cimdSchema)
	if !valid {
		return cimd.ClientID{}, refusal, false
	}
	id, findings := cimd.CheckURL(body["external_client_id"].(string), cimd.Auth0)
	if findings.Verdict() == cimd.Reject {
		problem := complain("external_client_id", "%s", findings.Violations()[0].Text)
		return id, t.refuse("payload", problem), false
	}
	t.mu.Lock()
	off := !t.state.cimd && !t.opts.Quirks.RegisterWithoutFlag
	t.mu.Unlock()
	if off {
		return id, t.refuse("cimd_disabled"), false
	}
	return id, answer{}, true
}

// mayRegister are the rules that depend on what is there: the scope of a
// create is another than that of an update. The caller holds t.mu.
func (t *Tenant) mayRegister(c *call, existing *client, m *metadata) (answer, bool) {
	scope := "create:clients"
	if existing != nil {
		scope = "update:clients"
	}
	switch {
	case !c.caller.any(scope):
		return t.refuse("insufficient_scope", scope), false
	case m.usesKeys() && !t.state.plan.PrivateKeyJWT:
		return t.refuse("upgrade", "private_key_jwt"), false
	case existing == nil && len(m.violations) == 0 && len(t.state.clients) >= t.state.plan.Entities:
		return t.refuse("too_many_entities"), false
	}
	return answer{}, true
}

func (t *Tenant) reject(id cimd.ClientID, m *metadata) answer {
	a := t.refuse("document_rejected", id)
	if t.opts.Quirks.ViolationsIn400 {
		e := a.body.(envelope)
		e.Violations = m.violations
		a.body = e
	}
	return a
}

// mappedFields are those that a refresh overwrites, and clears where the
// document has nothing to say. A description is only overwritten: it may have
// been set by PATCH, which a refresh is documented not to undo.
var mappedFields = []string{"name", "app_type", "callbacks", "logo_uri", "grant_types", "token_endpoint_auth_method", "jwks_uri"}

// upsert writes what the document says. The caller holds t.mu.
func (t *Tenant) upsert(c *call, url string, cl *client, m *metadata, keys keyPlan) (*client, bool) {
	w := t.state.writes[url]
	if w == nil {
		w = &Writes{}
		t.state.writes[url] = w
	}
	if cl == nil {
		cl = t.add(c, thirdPartyPrefix, t.newCIMDFields(m))
		t.recording(cl, c, func() { cl.pool, cl.slots = keys.pool, keys.slots })
		t.state.external[url] = cl.id
		if w.Created++; w.Created-w.Deleted > 1 {
			t.watch.report("two clients for one external_client_id: %s", url)
		}
		return cl, true
	}
	before := t.fingerprint(cl)
	fields := maps.Clone(cl.fields)
	for _, name := range mappedFields {
		delete(fields, name)
	}
	maps.Copy(fields, m.fields())
	t.recording(cl, c, func() { cl.fields, cl.pool, cl.slots = fields, keys.pool, keys.slots })
	if t.fingerprint(cl) == before {
		w.Unchanged++
	} else {
		w.Changed++
	}
	return cl, false
}

func (t *Tenant) newCIMDFields(m *metadata) map[string]any {
	fields := strictDefaults()
	maps.Copy(fields, m.fields())
	fields["external_metadata_type"] = "cimd"
	fields["external_metadata_created_by"] = "admin"
	if t.opts.Quirks.ShowSecurityMode {
		fields["third_party_security_mode"] = "strict"
	}
	return fields
}

func (t *Tenant) registeredAnswer(cl *client, created bool, m *metadata) answer {
	a := ok(registered{cl.id, m.mapped(), *m.validation()})
	if !created {
		return a
	}
	a.status = http.StatusCreated
	if t.opts.Quirks.LocationHeader {
		a.header = http.Header{"Location": {"/api/v2/clients/" + cl.id}}
	}
	return a
}

// A keyPlan is what the credentials of a CIMD client will be.
type keyPlan struct {
	pool       []*credential
	slots      map[string][]string
	violations []string
	warnings   []string
}

// planKeys compares a key set with the credentials of an existing client, or
// of none. A known kid keeps its key. It writes nothing.
func (t *Tenant) planKeys(cl *client, m *metadata) keyPlan {
	var old []*credential
	if cl != nil {
		old = cl.pool
	}
	var p keyPlan
	if !m.usesKeys() {
		if t.opts.Quirks.KeepVanishedKeys {
			p.pool = old
		}
		return p
	}
	enabled := []string{}
	for _, key := range m.keys {
		cred := p.take(key, old, t)
		enabled = append(enabled, cred.ID)
	}
	for _, cred := range old {
		if t.opts.Quirks.KeepVanishedKeys && !slices.Contains(p.pool, cred) {
			p.pool = append(p.pool, cred)
		}
	}
	p.slots = map[string][]string{"private_key_jwt": enabled}
	if limit := t.opts.Quirks.SlotLimit; len(enabled) > limit {
		p.violations = append(p.violations, complain("", "Array is too long (%d), maximum %d", len(enabled), limit)+" in the key set")
	}
	if limit := t.opts.Quirks.PoolLimit; len(p.pool) > limit {
		p.violations = append(p.violations, t.reply("pool_full").text([]any{limit}))
	}
	return p
}

// take puts the credential for a key into the plan.
func (p *keyPlan) take(key documentKey, old []*credential, t *Tenant) *credential {
	for _, cred := range old {
		if cred.KeyID != key.kid {
			continue
		}
		if cred.material != key.material {
			text := "The key " + clip(key.kid) + " has other key material than the one registered under its kid, which is kept."
			switch t.opts.Quirks.SameKeyID {
			case SameKeyIDWarns:
				p.warnings = append(p.warnings, text)
			case SameKeyIDViolates:
				p.violations = append(p.violations, text)
			}
		}
		p.pool = append(p.pool, cred)
		return cred
	}
	now := t.opts.Now().UTC().Format(timestamps)
	cred := &credential{
		ID: credentialPrefix + newID(credentialPrefix), Type: publicKey, KeyID: key.kid, Alg: key.alg,
		Created: now, Updated: now, key: key.public, material: key.material,
	}
	p.pool = append(p.pool, cred)
	return cred
}
