package tenant

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// An api is what tokens can be asked for: a "resource server" on the wire.
type api struct {
	seq        int
	id         string
	identifier string // the audience, or managementAPI
	scopes     []string
	lifetime   time.Duration
}

const (
	tokenLifetime = 24 * time.Hour
	webLifetime   = 2 * time.Hour
	apiIDLength   = 24 // hexadecimal digits, as recorded
)

// AddAPI registers an API, so that tokens can be asked for its audience; they
// live a day. The scopes are those that client grants may name; an API that is
// there already gets them as well.
func (t *Tenant) AddAPI(audience string, scopes ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	identifier := t.identifier(audience)
	a := t.state.apis[identifier]
	if a == nil {
		a = t.addAPI(identifier)
	}
	for _, s := range scopes {
		if !slices.Contains(a.scopes, s) {
			a.scopes = append(a.scopes, s)
		}
	}
}

// addAPI makes an API without scopes. The caller holds t.mu.
func (t *Tenant) addAPI(identifier string) *api {
	a := &api{seq: len(t.state.apis), id: newHexID(), identifier: identifier, lifetime: tokenLifetime}
	t.state.apis[identifier] = a
	return a
}

// defines reports whether a grant may name the scope. The Management API has
// hundreds that nothing here needs to know.
func (a *api) defines(scope string) bool {
	return a.isSystem() || slices.Contains(a.scopes, scope)
}

func (a *api) isSystem() bool { return a.identifier == managementAPI }

// audience is how the wire spells an identifier.
func (t *Tenant) audience(identifier string) string {
	if identifier == managementAPI {
		return t.Audience()
	}
	return identifier
}

// renderAPI has the members of recorded resource servers.
func (t *Tenant) renderAPI(a *api) map[string]any {
	out := map[string]any{
		"id": a.id, "identifier": t.audience(a.identifier), "name": a.identifier, "is_system": a.isSystem(),
		"signing_alg": "RS256", "token_dialect": "access_token", "allow_offline_access": false,
		"token_lifetime": int64(a.lifetime / time.Second), "token_lifetime_for_web": int64(webLifetime / time.Second),
		"skip_consent_for_verifiable_first_party_clients": a.isSystem(), "enforce_policies": false,
	}
	if a.isSystem() {
		out["name"] = "Auth0 Management API"
	}
	scopes := []map[string]string{}
	for _, s := range a.scopes {
		scopes = append(scopes, map[string]string{"value": s, "description": s})
	}
	out["scopes"] = scopes
	return out
}

// apiPage is the list as include_totals wraps it.
type apiPage struct {
	Total int              `json:"total"`
	Start int              `json:"start"`
	Limit int              `json:"limit"`
	APIs  []map[string]any `json:"resource_servers"`
}

var apiParameters = []string{"page", "per_page", "include_totals", "include_fields", "identifiers"}

func (t *Tenant) listAPIs(c *call) answer {
	values := c.URL.Query()
	q, refusal, valid := t.readPaging(values, apiParameters)
	if !valid {
		return refusal
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	found := slices.SortedFunc(maps.Values(t.state.apis), func(a, b *api) int { return a.seq - b.seq })
	if wanted := strings.Split(values.Get("identifiers"), ","); values.Has("identifiers") {
		found = slices.DeleteFunc(found, func(a *api) bool { return !slices.Contains(wanted, t.audience(a.identifier)) })
	}
	page := []map[string]any{}
	for _, a := range offset(q, found) {
		page = append(page, t.renderAPI(a))
	}
	if !q.totals {
		return ok(page)
	}
	return ok(apiPage{len(found), q.page * q.perPage, q.perPage, page})
}

// getAPI takes an id or an identifier, as the Management API does.
func (t *Tenant) getAPI(c *call) answer {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, a := range t.state.apis {
		if id := c.params["id"]; id == a.id || id == t.audience(a.identifier) {
			return ok(t.renderAPI(a))
		}
	}
	return t.refuse("api_missing")
}
