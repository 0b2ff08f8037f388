package tenant

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"
)

// A client is an application. Values in fields are replaced, never changed in
// place, so that a copy of the map is a snapshot.
type client struct {
	seq    int // in the order of creation
	id     string
	fields map[string]any // as JSON has them, without id, secret and methods

	secrets reigns // never empty
	logins  int    // with a secret, while a change spread
	quota   quota  // tokens used of token_quota

	pool []*credential
	// slots are the enabled credentials by authentication method. Not nil
	// means that the client uses keys and its secret does not work.
	slots map[string][]string
}

func (c *client) text(field string) string {
	s, _ := c.fields[field].(string)
	return s
}

// list is a field that holds strings.
func (c *client) list(field string) []string {
	values, _ := c.fields[field].([]any)
	var out []string
	for _, v := range values {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// usesSecret reports whether its secret can log the client in at all.
func (c *client) usesSecret() bool {
	return c.slots == nil && c.text("token_endpoint_auth_method") != "none"
}

func (c *client) isCIMD() bool { return c.text("external_metadata_type") == "cimd" }

// enabled are the unexpired credentials in a slot.
func (c *client) enabled(method string, now time.Time) []*credential {
	var out []*credential
	for _, id := range c.slots[method] {
		if cred := c.credential(id); cred != nil && !cred.expired(now) {
			out = append(out, cred)
		}
	}
	return out
}

func (c *client) credential(id string) *credential {
	for _, cred := range c.pool {
		if cred.ID == id {
			return cred
		}
	}
	return nil
}

// otherSlots are the properties besides client_authentication_methods that
// may refer to credentials.
var otherSlots = []string{"signed_request_object", "token_vault_privileged_access"}

// attached reports whether any slot holds the credential.
func (c *client) attached(id string) bool {
	for _, ids := range c.slots {
		if slices.Contains(ids, id) {
			return true
		}
	}
	for _, property := range otherSlots {
		if slices.Contains(references(c.fields[property]), id) {
			return true
		}
	}
	return false
}

// render is the whole client as JSON has it, for someone who may see all.
func (t *Tenant) render(c *client) map[string]any {
	out := maps.Clone(c.fields)
	out["client_id"] = c.id
	out["tenant"] = t.opts.Name
	if c.slots == nil {
		out["client_secret"] = c.secrets.current().Reveal()
		return out
	}
	delete(out, "token_endpoint_auth_method")
	methods := map[string]any{}
	for method, ids := range c.slots {
		refs := []any{}
		for _, id := range ids {
			refs = append(refs, map[string]any{"id": id})
		}
		methods[method] = map[string]any{"credentials": refs}
	}
	out["client_authentication_methods"] = methods
	return out
}

// add puts a new client into the tenant, for a call or, if that is nil, for a
// Go method. The caller holds t.mu.
func (t *Tenant) add(by *call, prefix string, fields map[string]any) *client {
	t.state.seq++
	c := &client{seq: t.state.seq, id: prefix + newID(prefix), fields: fields}
	t.setSecret(c, newSecret())
	t.state.clients[c.id] = c
	t.noteChange(c, by, ClientCreated, "", "")
	return c
}

// remove forgets a client and all that hangs on it. The caller holds t.mu.
func (t *Tenant) remove(c *client, by *call) {
	t.recording(c, by, func() {
		c.pool = nil
		clear(c.slots)
	})
	t.noteChange(c, by, ClientDeleted, "", "")
	delete(t.state.clients, c.id)
	if url := c.text("external_client_id"); url != "" {
		delete(t.state.external, url)
		t.state.writes[url].Deleted++
	}
	for g := range t.state.grants {
		if g.clientID == c.id {
			delete(t.state.grants, g)
		}
	}
}

// sorted are all clients, oldest first. The caller holds t.mu.
func (t *Tenant) sorted() []*client {
	return slices.SortedFunc(maps.Values(t.state.clients), func(a, b *client) int { return a.seq - b.seq })
}

const (
	alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz123456789"
	shortID  = 22 // after a prefix such as tpc_ or cred_
	longID   = 32 // first-party client ids
)

// newID is random, in the length that belongs to its prefix.
func newID(prefix string) string {
	if prefix != "" {
		return newIDOf(shortID)
	}
	return newIDOf(longID)
}

func newIDOf(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails, says its documentation
	var b strings.Builder
	for _, x := range raw {
		b.WriteByte(alphabet[int(x)%len(alphabet)])
	}
	return b.String()
}

// newHexID is what the ids of APIs look like.
func newHexID() string {
	raw := make([]byte, apiIDLength/2)
	_, _ = rand.Read(raw)
	return hex.EncodeToString(raw)
}

// newSecret has the recorded form: 64 characters of A-Z a-z 0-9 _ and -.
func newSecret() string {
	raw := make([]byte, 48)
	_, _ = rand.Read(raw)
	return base64.RawURLEncoding.EncodeToString(raw)
}
