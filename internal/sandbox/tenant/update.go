package tenant

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// cimdEditable are the properties of a CIMD client that may be patched, after
// the docs page "Register Applications with CIMD"; the last three are what
// Auth0's deployment tools send as well.
var cimdEditable = []string{"app_type", "grant_types", "jwt_configuration", "description", "oidc_conformant",
	"allowed_origins", "web_origins", "refresh_token", "organization_usage", "organization_require_behavior",
	"organization_discovery_methods", "default_organization", "client_metadata", "require_proof_of_possession",
	"token_quota", "skip_non_verifiable_callback_uri_confirmation_prompt", "redirection_policy"}

// patchScopes are the scopes that single properties need.
var patchScopes = map[string]string{
	"client_secret":                 "update:client_keys",
	"signing_key":                   "update:client_keys",
	"client_authentication_methods": "update:client_credentials",
	"token_vault_privileged_access": "update:client_token_vault_privileged_access",
}

func (t *Tenant) updateClient(c *call) answer {
	body, refusal, valid := t.decode(c, clientUpdateSchema)
	if !valid {
		return refusal
	}
	if denied := c.caller.mayNotUpdate(body); len(denied) > 0 {
		return t.refuse("cannot_update", strings.Join(denied, ", "))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	cl := t.state.clients[c.params["id"]]
	if cl == nil {
		return t.refuse("client_missing")
	}
	if refusal, allowed := t.mayUpdate(cl, body); !allowed {
		return refusal
	}
	t.recording(cl, c, func() { t.patch(c, cl, body) })
	c.applied = true
	return ok(t.patchedView(c, cl))
}

func (id identity) mayNotUpdate(body map[string]any) []string {
	var denied []string
	for _, name := range slices.Sorted(maps.Keys(body)) {
		scope, special := patchScopes[name]
		if !special {
			scope = "update:clients"
		}
		if !id.any(scope) {
			denied = append(denied, name)
		}
	}
	return denied
}

// mayUpdate are the business rules of a PATCH. The caller holds t.mu.
func (t *Tenant) mayUpdate(cl *client, body map[string]any) (answer, bool) {
	if cl.isCIMD() {
		return t.mayUpdateCIMD(body)
	}
	if refusal, allowed := t.mayChangeMethod(cl, body); !allowed {
		return refusal, false
	}
	if refusal, allowed := t.mayConvert(cl, body); !allowed {
		return refusal, false
	}
	if slot, sent := body["signed_request_object"]; sent {
		if refusal, allowed := t.mayAttachTo(cl, "signed_request_object", publicKey, references(slot)); !allowed {
			return refusal, false
		}
	}
	becomesThirdParty := body["is_first_party"] == false
	usage, behaviour := cl.after("organization_usage", body), cl.after("organization_require_behavior", body)
	if becomesThirdParty && (usage != nil || behaviour != nil) {
		return t.refuse("third_party_orgs"), false
	}
	if algOf(body) == "PS256" && !t.state.plan.PS256 {
		return t.refuse("upgrade", "the PS256 jwt_configuration.alg"), false
	}
	return t.checkAliases(cl, body)
}

// mayConvert keeps a security mode as it was at creation, and strict
// third-party clients what they are.
func (t *Tenant) mayConvert(cl *client, body map[string]any) (answer, bool) {
	mode, sent := body["third_party_security_mode"]
	was := cl.fields["third_party_security_mode"]
	if sent && mode != was || body["is_first_party"] == true && was == "strict" {
		return t.refuse("third_party_fixed"), false
	}
	return answer{}, true
}

// after is the value of a field once body has been applied.
func (c *client) after(field string, body map[string]any) any {
	if v, sent := body[field]; sent {
		return v
	}
	return c.fields[field]
}

func (t *Tenant) mayUpdateCIMD(body map[string]any) (answer, bool) {
	var fixed []string
	for _, name := range slices.Sorted(maps.Keys(body)) {
		if !slices.Contains(cimdEditable, name) || name == "oidc_conformant" && body[name] != true {
			fixed = append(fixed, name)
		}
	}
	if grants, sent := body["grant_types"].([]any); sent {
		for _, g := range grants {
			if g != "authorization_code" && g != "refresh_token" {
				return t.refuse("cimd_not_editable", "grant_types"), false
			}
		}
	}
	if config, sent := body["refresh_token"].(map[string]any); sent &&
		(config["expiration_type"] != "expiring" || config["infinite_idle_token_lifetime"] == true) {
		return t.refuse("cimd_not_editable", "refresh_token"), false
	}
	if len(fixed) > 0 {
		return t.refuse("cimd_not_editable", strings.Join(fixed, ", ")), false
	}
	return answer{}, true
}

// mayChangeMethod guards the change between shared secret and keys: the two
// properties exclude each other, so that one PATCH sets the one and clears the
// other, and a client must have one of them.
func (t *Tenant) mayChangeMethod(cl *client, body map[string]any) (answer, bool) {
	method, methodSent := body["token_endpoint_auth_method"]
	keys, keysSent := body["client_authentication_methods"]
	slots, _ := keys.(map[string]any)
	usesKeys := slots != nil || !keysSent && cl.slots != nil
	switch {
	case method != nil && slots != nil:
		return t.refuse("method_conflict"), false
	case method != nil && usesKeys,
		slots != nil && cl.slots == nil && !methodSent && cl.text("token_endpoint_auth_method") != "":
		return t.refuse("method_taken"), false
	case !usesKeys && method == nil && (methodSent || cl.slots != nil):
		return t.refuse("method_missing"), false
	case body["client_secret"] != nil && !t.opts.Quirks.UnusedSecrets &&
		(usesKeys || cl.after("token_endpoint_auth_method", body) == "none"):
		return t.refuse("secret_refused"), false
	case slots != nil:
		return t.mayUseKeys(cl, body, slots)
	}
	return answer{}, true
}

// mayUseKeys are the rules of a PATCH that enables credentials.
func (t *Tenant) mayUseKeys(cl *client, body, slots map[string]any) (answer, bool) {
	switch {
	case !t.state.plan.PrivateKeyJWT:
		return t.refuse("upgrade", "private_key_jwt"), false
	case jwtAlg(cl, body) == "HS256":
		return t.refuse("needs_rs256"), false
	}
	for name, slot := range slots {
		if refusal, allowed := t.mayAttach(cl, name, references(slot)); !allowed {
			return refusal, false
		}
	}
	return answer{}, true
}

func jwtAlg(cl *client, body map[string]any) string {
	if alg := algOf(body); alg != "" {
		return alg
	}
	return algOf(cl.fields)
}

func (t *Tenant) mayAttach(cl *client, method string, ids []string) (answer, bool) {
	return t.mayAttachTo(cl, "client_authentication_methods."+method, slotTypes[method], ids)
}

// mayAttachTo are the rules of any property that refers to credentials, which
// must be of one type there.
func (t *Tenant) mayAttachTo(cl *client, slot, kind string, ids []string) (answer, bool) {
	if limit := t.opts.Quirks.SlotLimit; len(ids) > limit {
		return t.refuse("slot_full", len(ids), limit, slot), false
	}
	for i, id := range ids {
		cred := cl.credential(id)
		first := slices.Index(ids, id)
		switch {
		case cred == nil:
			return t.refuse("slot_unknown"), false
		case cred.Type != kind:
			return t.refuse("slot_type", cred.Type, slot), false
		case first < i:
			return t.refuse("payload", complain(slot+".credentials", "Array items are not unique (indexes %d and %d)", first, i)), false
		}
	}
	return answer{}, true
}

// references are the ids in {"credentials": [{"id": ...}]}.
func references(slot any) []string {
	s, _ := slot.(map[string]any)
	list, _ := s["credentials"].([]any)
	ids := []string{}
	for _, item := range list {
		ref, _ := item.(map[string]any)
		id, _ := ref["id"].(string)
		ids = append(ids, id)
	}
	return ids
}

// patch applies a body that passed every rule. Properties replace, arrays
// too; jwt_configuration and client_metadata merge; null clears.
func (t *Tenant) patch(c *call, cl *client, body map[string]any) {
	fields := maps.Clone(cl.fields)
	for name, v := range body {
		switch {
		case name == "client_secret":
			t.noteSecret(cl, c, false, t.setSecret(cl, v.(string)))
		case name == "client_authentication_methods":
			cl.attach(v)
		case v == nil:
			delete(fields, name)
		case name == "jwt_configuration":
			old, _ := fields[name].(map[string]any)
			fields[name] = merge(old, v)
		case name == "client_metadata":
			old, _ := fields[name].(map[string]any)
			merged := merge(old, v)
			maps.DeleteFunc(merged, func(_ string, value any) bool { return value == nil })
			fields[name] = merged
		default:
			fields[name] = v
		}
	}
	cl.fields = fields
}

// attach replaces the slots; nil goes back to the shared secret.
func (c *client) attach(methods any) {
	slots, _ := methods.(map[string]any)
	if slots == nil {
		c.slots = nil
		return
	}
	c.slots = map[string][]string{}
	for name, slot := range slots {
		c.slots[name] = references(slot)
	}
}

// patchedView is what PATCH answers: without a CIMD client's external_*
// members, as recorded, and without keys for those who have no key scope.
func (t *Tenant) patchedView(c *call, cl *client) map[string]any {
	out := t.render(cl)
	maps.DeleteFunc(out, func(name string, _ any) bool { return strings.HasPrefix(name, "external_") })
	if !c.caller.any("read:client_keys", "read:client_credentials", "update:client_keys") {
		maps.DeleteFunc(out, func(name string, _ any) bool { return slices.Contains(keyFields, name) })
	}
	return out
}

// deleteClient is idempotent: what is not there is deleted.
func (t *Tenant) deleteClient(c *call) answer {
	t.mu.Lock()
	defer t.mu.Unlock()
	cl := t.state.clients[c.params["id"]]
	if cl != nil && cl.fields["global"] == true {
		return t.refuse("global_client")
	}
	if cl != nil {
		t.remove(cl, c)
		c.applied = true
	}
	return t.deleted()
}

func (t *Tenant) deleted() answer {
	a := answer{status: t.opts.Quirks.DeleteStatus}
	if a.status != http.StatusNoContent {
		a.body = map[string]any{}
	}
	return a
}
