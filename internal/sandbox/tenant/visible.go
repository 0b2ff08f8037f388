package tenant

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Which fields a read shows depends on the scopes, after the published
// description of GET /clients: a summary for anyone who may read at all, keys
// for those who may read keys or credentials, the rest for readers of clients.
var (
	summaryFields = []string{"client_id", "app_type", "name", "description"}
	keyFields     = []string{"client_secret", "client_authentication_methods", "encryption_key", "signing_key", "signing_keys"}
)

func (id identity) mayRead(field string) bool {
	switch {
	case slices.Contains(summaryFields, field):
		return true
	case slices.Contains(keyFields, field):
		return id.any("read:client_keys", "read:client_credentials")
	}
	return id.any("read:clients", "read:client_keys")
}

// show leaves out what the caller may not read, without a word.
func (id identity) show(fields map[string]any) map[string]any {
	out := maps.Clone(fields)
	maps.DeleteFunc(out, func(name string, _ any) bool { return !id.mayRead(name) })
	return out
}

// A projection is what fields and include_fields ask for.
type projection struct {
	names   []string
	exclude bool
}

// project reads the query. Naming a field that the caller may not read is
// refused, while not naming it only leaves it out.
func (t *Tenant) project(c *call, q url.Values) (projection, answer, bool) {
	var p projection
	if q.Get("fields") == "" {
		return p, answer{}, true
	}
	p.names = strings.Split(q.Get("fields"), ",")
	p.exclude = q.Get("include_fields") == "false"
	hidden := slices.DeleteFunc(slices.Clone(p.names), c.caller.mayRead)
	if len(hidden) > 0 && !p.exclude {
		return p, t.refuse("cannot_read", clip(strings.Join(hidden, ", "))), false
	}
	return p, answer{}, true
}

func (p projection) apply(fields map[string]any) map[string]any {
	if p.names == nil {
		return fields
	}
	maps.DeleteFunc(fields, func(name string, _ any) bool { return slices.Contains(p.names, name) == p.exclude })
	return fields
}
