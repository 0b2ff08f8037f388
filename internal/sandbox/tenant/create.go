package tenant

import (
	"maps"
	"net/http"
	"slices"
)

const (
	monthInSeconds    = 2592000
	halfMonthSeconds  = 1296000
	yearInSeconds     = 31557600
	defaultIDLifetime = 36000
	strictIDLifetime  = 3600
	thirdPartyPrefix  = "tpc_"
	credentialPrefix  = "cred_"
)

// defaults are what the recorded tenants add to a new first-party client.
func defaults(appType string) map[string]any {
	token, idle := monthInSeconds, halfMonthSeconds
	if appType == "non_interactive" {
		token, idle = yearInSeconds, monthInSeconds
	}
	return map[string]any{
		"global": false, "callback_url_template": false, "is_first_party": true, "oidc_conformant": false,
		"is_token_endpoint_ip_header_trusted": false, "sso_disabled": false, "custom_login_page_on": true,
		"cross_origin_auth": false, "cross_origin_authentication": false,
		"jwt_configuration": map[string]any{"lifetime_in_seconds": defaultIDLifetime, "secret_encoded": false},
		"grant_types":       anySlice("authorization_code", "implicit", "refresh_token", "client_credentials"),
		"refresh_token": map[string]any{
			"rotation_type": "non-rotating", "expiration_type": "non-expiring", "leeway": 0,
			"token_lifetime": token, "idle_token_lifetime": idle,
			"infinite_token_lifetime": true, "infinite_idle_token_lifetime": true,
		},
	}
}

// strictDefaults are what they add to a strict third-party client.
func strictDefaults() map[string]any {
	return map[string]any{
		"global": false, "callback_url_template": false, "is_first_party": false, "oidc_conformant": true,
		"is_token_endpoint_ip_header_trusted": false, "sso_disabled": false, "custom_login_page_on": true,
		"cross_origin_auth": false, "cross_origin_authentication": false,
		"jwt_configuration": map[string]any{
			"alg": "RS256", "lifetime_in_seconds": strictIDLifetime, "secret_encoded": false},
		"refresh_token": map[string]any{
			"rotation_type": "rotating", "expiration_type": "expiring", "leeway": 0,
			"token_lifetime": monthInSeconds, "idle_token_lifetime": halfMonthSeconds,
			"infinite_token_lifetime": false, "infinite_idle_token_lifetime": false,
		},
	}
}

func anySlice(values ...string) []any {
	out := []any{}
	for _, v := range values {
		out = append(out, v)
	}
	return out
}

func (t *Tenant) createClient(c *call) answer {
	body, refusal, valid := t.decode(c, clientCreateSchema)
	if !valid {
		return refusal
	}
	methods, _ := body["client_authentication_methods"].(map[string]any)
	if methods != nil && !c.caller.any("create:client_credentials") {
		return t.refuse("insufficient_scope", "create:client_credentials")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if refusal, allowed := t.mayCreate(body, methods); !allowed {
		return refusal
	}
	made, refusal, valid := t.newCredentials(body)
	if !valid {
		return refusal
	}
	cl := t.add(c, prefixOf(body), newFields(body))
	t.recording(cl, c, func() { cl.adopt(made) })
	c.applied = true
	return answer{status: http.StatusCreated, body: t.renderCreated(cl, made)}
}

// mayCreate are the business rules of a create. The caller holds t.mu.
func (t *Tenant) mayCreate(body, methods map[string]any) (answer, bool) {
	_, hasMethod := body["token_endpoint_auth_method"]
	thirdParty := body["is_first_party"] == false
	_, usage := body["organization_usage"]
	_, behaviour := body["organization_require_behavior"]
	switch {
	case hasMethod && methods != nil:
		return t.refuse("method_conflict"), false
	case methods != nil && !t.state.plan.PrivateKeyJWT:
		return t.refuse("upgrade", "private_key_jwt"), false
	case methods != nil && algOf(body) == "HS256":
		return t.refuse("needs_rs256"), false
	case algOf(body) == "PS256" && !t.state.plan.PS256:
		return t.refuse("upgrade", "the PS256 jwt_configuration.alg"), false
	case thirdParty && (usage || behaviour):
		return t.refuse("third_party_orgs"), false
	case len(t.state.clients) >= t.state.plan.Entities:
		return t.refuse("too_many_entities"), false
	}
	return t.checkAliases(nil, body)
}

// checkAliases refuses an alias that another client has.
func (t *Tenant) checkAliases(self *client, body map[string]any) (answer, bool) {
	aliases, _ := body["client_aliases"].([]any)
	for _, alias := range aliases {
		name, _ := alias.(string)
		for _, other := range t.state.clients {
			if other != self && slices.Contains(other.list("client_aliases"), name) {
				return t.refuse("alias_taken"), false
			}
		}
	}
	return answer{}, true
}

func algOf(body map[string]any) string {
	config, _ := body["jwt_configuration"].(map[string]any)
	alg, _ := config["alg"].(string)
	return alg
}

func isStrict(body map[string]any) bool {
	return body["is_first_party"] == false && body["third_party_security_mode"] != "permissive"
}

func prefixOf(body map[string]any) string {
	if isStrict(body) {
		return thirdPartyPrefix
	}
	return ""
}

// newFields are the defaults with what was sent on top. A partial
// jwt_configuration gets no default lifetime.
func newFields(body map[string]any) map[string]any {
	appType, _ := body["app_type"].(string)
	fields := defaults(appType)
	if isStrict(body) {
		fields = strictDefaults()
		fields["grant_types"] = anySlice("authorization_code", "refresh_token")
		fields["third_party_security_mode"] = "strict"
		fields["redirection_policy"] = "open_redirect_protection"
	}
	for name, v := range body {
		switch name {
		case "client_authentication_methods":
		case "jwt_configuration":
			fields[name] = merge(map[string]any{"secret_encoded": false}, v)
		default:
			fields[name] = v
		}
	}
	return fields
}

// merge is a new map with patch, if it is one, on top of base.
func merge(base map[string]any, patch any) map[string]any {
	out := map[string]any{}
	maps.Copy(out, base)
	if p, isMap := patch.(map[string]any); isMap {
		maps.Copy(out, p)
	}
	return out
}

// renderCreated is the only answer that embeds whole credential records.
func (t *Tenant) renderCreated(cl *client, made madeCredentials) map[string]any {
	out := t.render(cl)
	out["encrypted"] = true
	if made.method == "" {
		return out
	}
	records := []credential{}
	for _, cred := range made.credentials {
		records = append(records, *cred)
	}
	out["client_authentication_methods"] = map[string]any{made.method: map[string]any{"credentials": records}}
	return out
}
