package tenant

import "net/http"

// discovery is both metadata documents: OpenID Connect Discovery 1.0 and RFC
// 8414 have the same members here.
func (t *Tenant) discovery(c *call) answer {
	t.mu.Lock()
	cimd := t.state.cimd
	t.mu.Unlock()
	issuer := issuerOf(t.domainOf(c.Request))
	doc := map[string]any{
		"issuer":                                           issuer,
		"authorization_endpoint":                           issuer + "authorize",
		"token_endpoint":                                   issuer + "oauth/token",
		"jwks_uri":                                         issuer + ".well-known/jwks.json",
		"response_types_supported":                         []string{"code"},
		"grant_types_supported":                            []string{"client_credentials", "authorization_code", "refresh_token"},
		"subject_types_supported":                          []string{"public"},
		"id_token_signing_alg_values_supported":            []string{"RS256"},
		"code_challenge_methods_supported":                 []string{"S256"},
		"token_endpoint_auth_methods_supported":            []string{"client_secret_basic", "client_secret_post", "private_key_jwt", "none"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"RS256", "RS384", "PS256"},
	}
	if cimd {
		doc["client_id_metadata_document_supported"] = true
	}
	return public(doc)
}

func (t *Tenant) jwks(*call) answer {
	return public(map[string]any{"keys": []any{t.signer.public}})
}

// public is an answer that caches may keep.
func public(body any) answer {
	a := ok(body)
	a.header = http.Header{"Cache-Control": {"public, max-age=15"}, "Access-Control-Allow-Origin": {"*"}}
	return a
}

// listRules shows that Rules exist and no more, which is what a preflight
// wants to know: they break the logins of strict third-party clients.
func (t *Tenant) listRules(*call) answer {
	out := []map[string]any{}
	for i, name := range t.opts.Rules {
		out = append(out, map[string]any{
			"id": "rul_" + name, "name": name, "enabled": true, "order": i + 1,
			"script": "function (user, context, callback) { callback(null, user, context); }",
			"stage":  "login_success",
		})
	}
	return ok(out)
}

func (t *Tenant) settings() map[string]any {
	return map[string]any{
		"friendly_name":                         t.opts.Name,
		"enabled_locales":                       []string{"en"},
		"client_id_metadata_document_supported": t.state.cimd,
	}
}

func (t *Tenant) getSettings(*call) answer {
	t.mu.Lock()
	defer t.mu.Unlock()
	return ok(t.settings())
}

func (t *Tenant) updateSettings(c *call) answer {
	body, refusal, valid := t.decode(c, settingsSchema)
	if !valid {
		return refusal
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state.cimd = body["client_id_metadata_document_supported"] == true
	c.applied = true
	return ok(t.settings())
}
