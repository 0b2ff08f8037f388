package tenant

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Client grants, after the Management API's published description of
// /client-grants. Texts are Auth0's where it, or a report from a live tenant,
// has them.

var grantParameters = []string{"page", "per_page", "include_totals", "from", "take", "audience", "client_id",
	"allow_any_organization", "subject_type", "default_for"}

// grantOffsetPage and grantCheckpointPage are the wrapped shapes of the list,
// the first as recorded.
type grantOffsetPage struct {
	Total  int              `json:"total"`
	Start  int              `json:"start"`
	Limit  int              `json:"limit"`
	Grants []map[string]any `json:"client_grants"`
}

type grantCheckpointPage struct {
	Next   string           `json:"next,omitempty"`
	Grants []map[string]any `json:"client_grants"`
}

func (t *Tenant) createGrant(c *call) answer {
	body, refusal, valid := t.decode(c, grantCreateSchema)
	if !valid {
		return refusal
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	field := func(name string) string { s, _ := body[name].(string); return s }
	key := grant{field("client_id"), t.identifier(field("audience")), cmp.Or(field("subject_type"), forClients)}
	if refusal, allowed := t.mayGrant(key, body); !allowed {
		return refusal
	}
	fields := map[string]any{"scope": []any{}, "subject_type": key.subjectType}
	for name, v := range body {
		if v != nil && !slices.Contains([]string{"client_id", "audience", "default_for"}, name) {
			fields[name] = v
		}
	}
	g := t.addGrant(c, key, fields)
	c.applied = true
	return answer{status: http.StatusCreated, body: t.renderGrant(g)}
}

// mayGrant are the business rules of a new grant. The caller holds t.mu.
func (t *Tenant) mayGrant(key grant, body map[string]any) (answer, bool) {
	cl, target := t.state.clients[key.clientID], t.state.apis[key.identifier]
	_, forAll := body["default_for"]
	switch {
	case (key.clientID == "") != forAll:
		return t.refuse("payload", "'Exactly one of client_id and default_for must be set'"), false
	case target == nil:
		return t.refuse("api_missing"), false
	case cl == nil && !forAll:
		return t.refuse("grant_client_missing"), false
	case target.isSystem() && (forAll || cl.fields["is_first_party"] == false):
		return t.refuse("grant_third_party"), false
	case t.state.grants[key] != nil:
		return t.refuse("grant_exists"), false
	}
	return t.mayAllow(target, body)
}

// mayAllow guards what a grant allows.
func (t *Tenant) mayAllow(target *api, body map[string]any) (answer, bool) {
	if _, sent := body["allow_all_scopes"]; sent && target.isSystem() {
		return t.refuse("grant_all_scopes"), false
	}
	scopes, _ := body["scope"].([]any)
	for _, s := range scopes {
		if name, _ := s.(string); !target.defines(name) {
			return t.refuse("grant_scope", clip(name)), false
		}
	}
	return answer{}, true
}

// inGrant runs f with the grant in the path, under the lock.
func (t *Tenant) inGrant(c *call, f func(*granted) answer) answer {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, g := range t.state.grants {
		if g.id == c.params["id"] {
			return f(g)
		}
	}
	return t.refuse("grant_missing")
}

func (t *Tenant) getGrant(c *call) answer {
	return t.inGrant(c, func(g *granted) answer { return ok(t.renderGrant(g)) })
}

// updateGrant replaces what is sent; null clears. Client and API are fixed.
func (t *Tenant) updateGrant(c *call) answer {
	body, refusal, valid := t.decode(c, grantUpdateSchema)
	if !valid {
		return refusal
	}
	return t.inGrant(c, func(g *granted) answer {
		if refusal, allowed := t.mayAllow(t.state.apis[g.identifier], body); !allowed {
			return refusal
		}
		fields := merge(g.fields, body)
		for name, v := range body {
			switch {
			case v == nil && name == "scope":
				fields[name] = []any{}
			case v == nil:
				delete(fields, name)
			}
		}
		g.fields = fields
		t.noteGrant(c, GrantChanged, g)
		c.applied = true
		return ok(t.renderGrant(g))
	})
}

// deleteGrant is idempotent, for no 404 is published. Tokens that were issued
// stay good until they expire.
func (t *Tenant) deleteGrant(c *call) answer {
	found := t.inGrant(c, func(g *granted) answer {
		delete(t.state.grants, g.grant)
		t.noteGrant(c, GrantDeleted, g)
		return answer{}
	})
	c.applied = found.status == 0
	return t.deleted()
}

func (t *Tenant) listGrants(c *call) answer {
	values := c.URL.Query()
	q, refusal, valid := t.readPaging(values, grantParameters)
	if !valid {
		return refusal
	}
	if values.Has("client_id") && values.Has("default_for") {
		return t.refuse("query", "'client_id and default_for are mutually exclusive'")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	found := slices.DeleteFunc(t.sortedGrants(), func(g *granted) bool { return !t.wantsGrant(g, values) })
	if q.checkpoint {
		page, next := fromMark(q, found, func(g *granted) int { return g.seq })
		return ok(grantCheckpointPage{next, t.renderGrants(page)})
	}
	page := t.renderGrants(offset(q, found))
	if !q.totals {
		return ok(page)
	}
	return ok(grantOffsetPage{len(found), q.page * q.perPage, q.perPage, page})
}

func (t *Tenant) renderGrants(all []*granted) []map[string]any {
	out := []map[string]any{}
	for _, g := range all {
		out = append(out, t.renderGrant(g))
	}
	return out
}

// wantsGrant reports whether a grant passes the filters.
func (t *Tenant) wantsGrant(g *granted, v url.Values) bool {
	open, _ := g.fields["allow_any_organization"].(bool)
	return (!v.Has("client_id") || g.clientID == v.Get("client_id")) &&
		(!v.Has("audience") || g.identifier == t.identifier(v.Get("audience"))) &&
		(!v.Has("subject_type") || g.subjectType == v.Get("subject_type")) &&
		(!v.Has("default_for") || g.clientID == "") &&
		(!v.Has("allow_any_organization") || strconv.FormatBool(open) == strings.ToLower(v.Get("allow_any_organization")))
}
