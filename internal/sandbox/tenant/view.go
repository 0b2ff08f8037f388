package tenant

import (
	"encoding/json"
	"maps"
	"slices"
)

// A View is a client as the sandbox sees it: everything but its secret.
type View struct {
	ID, Name, ExternalID string
	AppType, AuthMethod  string
	FirstParty           bool
	GrantTypes           []string
	Callbacks            []string
	JWKSURI              string
	KeyIDs               []string // of enabled credentials
}

// Writes counts what registration did to one external_client_id. What exactly
// once means: Created is 1, however many requests there were.
type Writes struct {
	Created   int // clients made
	Changed   int // updates that changed something
	Unchanged int // updates that changed nothing
	Deleted   int // clients removed again
}

// AddClient makes a machine-to-machine client without any grant.
func (t *Tenant) AddClient(name string) (id, secret string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fields := defaults("non_interactive")
	fields["name"], fields["app_type"] = name, "non_interactive"
	fields["grant_types"] = anySlice("client_credentials")
	c := t.add(nil, "", fields)
	return c.id, c.secrets.current().Reveal()
}

// AddManagementClient makes a client for the Management API with these scopes.
func (t *Tenant) AddManagementClient(scopes ...string) (id, secret string) {
	id, secret = t.AddClient("clientkeeper")
	t.AddGrant(id, t.Audience(), scopes...)
	return id, secret
}

func (t *Tenant) addGlobalClient() {
	t.mu.Lock()
	defer t.mu.Unlock()
	fields := defaults("")
	fields["name"], fields["global"] = "All Applications", true
	t.add(nil, "", fields)
}

// Clients returns all clients, oldest first.
func (t *Tenant) Clients() []View {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []View
	for _, c := range t.sorted() {
		out = append(out, t.view(c))
	}
	return out
}

// FindByExternalID returns the client of a metadata document, if there is one.
func (t *Tenant) FindByExternalID(url string) (View, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.state.clients[t.state.external[url]]
	if c == nil {
		return View{}, false
	}
	return t.view(c), true
}

func (t *Tenant) view(c *client) View {
	v := View{
		ID: c.id, Name: c.text("name"), ExternalID: c.text("external_client_id"),
		AppType: c.text("app_type"), AuthMethod: c.text("token_endpoint_auth_method"),
		GrantTypes: c.list("grant_types"), Callbacks: c.list("callbacks"), JWKSURI: c.text("jwks_uri"),
	}
	v.FirstParty, _ = c.fields["is_first_party"].(bool)
	for _, method := range slices.Sorted(maps.Keys(c.slots)) {
		v.AuthMethod = method
		for _, id := range c.slots[method] {
			if cred := c.credential(id); cred != nil {
				v.KeyIDs = append(v.KeyIDs, cred.KeyID)
			}
		}
	}
	return v
}

// Writes returns what registration did to a metadata document's client so
// far, also after it was deleted.
func (t *Tenant) Writes(url string) Writes {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w := t.state.writes[url]; w != nil {
		return *w
	}
	return Writes{}
}

// AllWrites returns the same for every document that was ever registered.
func (t *Tenant) AllWrites() map[string]Writes {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := map[string]Writes{}
	for url, w := range t.state.writes {
		out[url] = *w
	}
	return out
}

// fingerprint tells whether an update changed anything. The caller holds t.mu.
func (t *Tenant) fingerprint(c *client) string {
	body, err := json.Marshal(struct {
		Fields map[string]any
		Slots  map[string][]string
		Pool   []*credential
	}{c.fields, c.slots, c.pool})
	if err != nil {
		panic("tenant: a client that is no JSON: " + err.Error())
	}
	return string(body)
}
