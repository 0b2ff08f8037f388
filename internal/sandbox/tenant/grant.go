package tenant

import (
	"maps"
	"slices"
)

// A grant lets a client have tokens for an API, or lets all third-party
// clients have them. There is one at most for each of these.
type grant struct {
	clientID    string // empty if it is the default for third-party clients
	identifier  string // of the API
	subjectType string // "client": for the client credentials grant
}

// What a grant allows, and what else is known of it.
type granted struct {
	grant
	seq    int
	id     string
	fields map[string]any // as JSON has them, without id, client and audience
}

const (
	grantPrefix   = "cgr_"
	grantIDLength = 16 // after the prefix, as recorded
	forClients    = "client"
	thirdParties  = "third_party_clients"
)

// A GrantView is a client grant as the sandbox sees it.
type GrantView struct {
	ID, ClientID, Audience string
	Scopes                 []string
}

// AddGrant lets a client have tokens for an audience, with these scopes and no
// others.
func (t *Tenant) AddGrant(clientID, audience string, scopes ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fields := map[string]any{"scope": anySlice(scopes...), "subject_type": forClients}
	t.addGrant(nil, grant{clientID, t.identifier(audience), forClients}, fields)
}

// Grants returns the client grants of a client, oldest first.
func (t *Tenant) Grants(clientID string) []GrantView {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []GrantView
	for _, g := range t.sortedGrants() {
		if g.clientID == clientID {
			out = append(out, GrantView{g.id, g.clientID, t.audience(g.identifier), g.list("scope")})
		}
	}
	return out
}

// addGrant makes a grant, or replaces the one that is there. The caller holds
// t.mu.
func (t *Tenant) addGrant(by *call, key grant, fields map[string]any) *granted {
	t.state.seq++
	g := &granted{grant: key, seq: t.state.seq, id: grantPrefix + newIDOf(grantIDLength), fields: fields}
	t.state.grants[key] = g
	t.noteGrant(by, GrantCreated, g)
	return g
}

// noteGrant adds a change to the ledger of the grant's client, if it has one.
func (t *Tenant) noteGrant(by *call, kind ChangeKind, g *granted) {
	if cl := t.state.clients[g.clientID]; cl != nil {
		t.noteOne(cl, by, Change{Kind: kind, Audience: t.audience(g.identifier)})
	}
}

// sortedGrants are all grants, oldest first. The caller holds t.mu.
func (t *Tenant) sortedGrants() []*granted {
	return slices.SortedFunc(maps.Values(t.state.grants), func(a, b *granted) int { return a.seq - b.seq })
}

// grantFor is what lets a client have tokens: a grant of its own, or that of
// all third-party clients.
func (t *Tenant) grantFor(cl *client, identifier string) *granted {
	if g := t.state.grants[grant{cl.id, identifier, forClients}]; g != nil {
		return g
	}
	if cl.fields["is_first_party"] == false {
		return t.state.grants[grant{"", identifier, forClients}]
	}
	return nil
}

// scopesOf are the scopes that a token gets by a grant.
func (t *Tenant) scopesOf(g *granted) []string {
	if g.fields["allow_all_scopes"] == true {
		return t.state.apis[g.identifier].scopes
	}
	return g.list("scope")
}

// list is a field that holds strings.
func (g *granted) list(field string) []string { return (&client{fields: g.fields}).list(field) }

// renderGrant is the grant as JSON has it.
func (t *Tenant) renderGrant(g *granted) map[string]any {
	out := maps.Clone(g.fields)
	out["id"], out["audience"] = g.id, t.audience(g.identifier)
	if g.clientID != "" {
		out["client_id"] = g.clientID
	} else {
		out["default_for"] = thirdParties
	}
	return out
}
