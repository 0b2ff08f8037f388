package tenant

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// listQuery is what GET /clients was asked.
type listQuery struct {
	paging
	projection
}

var listParameters = []string{"fields", "include_fields", "page", "per_page", "include_totals", "from", "take",
	"is_global", "is_first_party", "app_type", "external_client_id", "q"}

// offsetPage and checkpointPage are the two wrapped shapes of a list; without
// either it is a bare array.
type offsetPage struct {
	Total   int              `json:"total"`
	Start   int              `json:"start"`
	Limit   int              `json:"limit"`
	Clients []map[string]any `json:"clients"`
}

type checkpointPage struct {
	Next    string           `json:"next,omitempty"`
	Clients []map[string]any `json:"clients"`
}

func (t *Tenant) listClients(c *call) answer {
	values := c.URL.Query()
	q, refusal, ok1 := t.readList(c, values)
	if !ok1 {
		return refusal
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	found := slices.DeleteFunc(t.candidates(values), func(cl *client) bool { return !wanted(cl, values) })
	if q.checkpoint {
		return t.checkpoint(c, q, found)
	}
	clients := t.showAll(c, q, offset(q.paging, found))
	if !q.totals {
		return ok(clients)
	}
	return ok(offsetPage{len(found), q.page * q.perPage, q.perPage, clients})
}

// candidates are the clients that may pass the filters: all of them, unless an
// index knows better. The caller holds t.mu.
func (t *Tenant) candidates(v url.Values) []*client {
	if !v.Has("external_client_id") {
		return t.sorted()
	}
	if cl := t.state.clients[t.state.external[v.Get("external_client_id")]]; cl != nil {
		return []*client{cl}
	}
	return nil
}

func (t *Tenant) checkpoint(c *call, q listQuery, found []*client) answer {
	page, next := fromMark(q.paging, found, func(cl *client) int { return cl.seq })
	return ok(checkpointPage{next, t.showAll(c, q, page)})
}

// showAll renders clients for a list. The recorded lists have tenant even
// where fields does not ask for it.
func (t *Tenant) showAll(c *call, q listQuery, found []*client) []map[string]any {
	out := []map[string]any{}
	for _, cl := range found {
		shown := q.apply(c.caller.show(t.render(cl)))
		if !q.exclude && c.caller.mayRead("tenant") {
			shown["tenant"] = t.opts.Name
		}
		out = append(out, shown)
	}
	return out
}

// readList checks the query as the published description has it.
func (t *Tenant) readList(c *call, v url.Values) (q listQuery, refusal answer, ok bool) {
	if q.paging, refusal, ok = t.readPaging(v, listParameters); !ok {
		return q, refusal, false
	}
	if problem := checkFilters(v); problem != "" {
		return q, t.refuse("query", problem), false
	}
	if most := t.opts.Quirks.MaxOffset; most > 0 && (q.page+1)*q.perPage > most {
		return q, t.refuse("paging", most), false
	}
	q.projection, refusal, ok = t.project(c, v)
	return q, refusal, ok
}

func checkFilters(v url.Values) string {
	if problem := checkBooleans(v, "is_global", "is_first_party", "include_fields"); problem != "" {
		return problem
	}
	s := &schema{kind: "string", min: 1, max: 120}
	if v.Has("external_client_id") {
		if problem := s.check("external_client_id", v.Get("external_client_id")); problem != "" {
			return problem
		}
	}
	q := v.Get("q")
	for _, other := range []string{"is_global", "is_first_party", "app_type", "external_client_id"} {
		if v.Has("q") && v.Has(other) {
			return "'q cannot be combined with " + other + "'"
		}
	}
	if v.Has("q") && !strings.HasPrefix(q, "client_grant.organization_id:") && q != "client_grant.allow_any_organization:true" {
		return "'Unsupported query' on property q"
	}
	return ""
}

// wanted reports whether a client passes the filters. Grants of organizations
// do not exist here, so q finds nobody.
func wanted(cl *client, v url.Values) bool {
	is := func(name, field string) bool {
		flag, _ := cl.fields[field].(bool)
		return !v.Has(name) || strconv.FormatBool(flag) == v.Get(name)
	}
	return !v.Has("q") &&
		is("is_global", "global") && is("is_first_party", "is_first_party") &&
		(!v.Has("app_type") || slices.Contains(strings.Split(v.Get("app_type"), ","), cl.text("app_type"))) &&
		(!v.Has("external_client_id") || cl.text("external_client_id") == v.Get("external_client_id"))
}

func (t *Tenant) getClient(c *call) answer {
	values := c.URL.Query()
	for name := range values {
		if name != "fields" && name != "include_fields" {
			return t.refuse("query", complain("", "Additional properties not allowed: %s", clip(name)))
		}
	}
	if problem := checkFilters(values); problem != "" {
		return t.refuse("query", problem)
	}
	p, refusal, allowed := t.project(c, values)
	if !allowed {
		return refusal
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	cl := t.state.clients[c.params["id"]]
	if cl == nil {
		return t.refuse("client_missing")
	}
	return ok(p.apply(c.caller.show(t.render(cl))))
}
