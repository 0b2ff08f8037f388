package tenant

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultPage = 50
	maxPage     = 100
)

// listQuery is what GET /clients was asked.
type listQuery struct {
	page, perPage int
	totals        bool
	checkpoint    bool // from and take, rather than page and per_page
	after         int  // the checkpoint: the seq of the last client seen
	take          int
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
	start := min(q.page*q.perPage, len(found))
	end := min(start+q.perPage, len(found))
	clients := t.showAll(c, q, found[start:end])
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
	found = slices.DeleteFunc(found, func(cl *client) bool { return cl.seq <= q.after })
	page := checkpointPage{}
	if len(found) > q.take {
		found = found[:q.take]
		page.Next = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(found[q.take-1].seq)))
	}
	page.Clients = t.showAll(c, q, found)
	return ok(page)
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
	no := func(problem string) (listQuery, answer, bool) { return q, t.refuse("query", problem), false }
	for name := range v {
		if !slices.Contains(listParameters, name) {
			return no(complain("", "Additional properties not allowed: %s", clip(name)))
		}
	}
	q.checkpoint = v.Has("from") || v.Has("take") || v.Has("q")
	if q.checkpoint && (v.Has("page") || v.Has("per_page") || v.Has("include_totals")) {
		return no("'page and per_page cannot be combined with from and take'")
	}
	if problem := q.numbers(v); problem != "" {
		return no(problem)
	}
	if problem := checkFilters(v); problem != "" {
		return no(problem)
	}
	if most := t.opts.Quirks.MaxOffset; most > 0 && (q.page+1)*q.perPage > most {
		return q, t.refuse("paging", most), false
	}
	q.totals = v.Get("include_totals") == "true"
	q.projection, refusal, ok = t.project(c, v)
	return q, refusal, ok
}

func (q *listQuery) numbers(v url.Values) string {
	q.perPage, q.take = defaultPage, defaultPage
	for _, n := range []struct {
		name      string
		low, high int
		into      *int
	}{{"page", 0, 1 << 31, &q.page}, {"per_page", 0, maxPage, &q.perPage}, {"take", 1, maxPage, &q.take}} {
		if !v.Has(n.name) {
			continue
		}
		got, err := strconv.Atoi(v.Get(n.name))
		switch {
		case err != nil:
			return complain(n.name, "Expected type integer but found type string")
		case got < n.low:
			return complain(n.name, "Value %d is less than minimum %d", got, n.low)
		case got > n.high:
			return complain(n.name, "Value %d is greater than maximum %d", got, n.high)
		}
		*n.into = got
	}
	if from := v.Get("from"); from != "" {
		raw, err := base64.RawURLEncoding.DecodeString(from)
		if err == nil {
			q.after, err = strconv.Atoi(string(raw))
		}
		if err != nil {
			return "'Invalid checkpoint' on property from"
		}
	}
	return ""
}

func checkFilters(v url.Values) string {
	for _, name := range []string{"is_global", "is_first_party", "include_totals", "include_fields"} {
		if v.Has(name) && v.Get(name) != "true" && v.Get(name) != "false" {
			return complain(name, "Expected type boolean but found type string")
		}
	}
	s := &schema{kind: "string", min: 1, max: 120}
	if v.Has("external_client_id") {
		if problem := s.check("external_client_id", v.Get("external_client_id")); problem != "" {
			return problem
		}
	}
	q := v.Get("q")
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
