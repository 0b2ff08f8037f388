package credential

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// A world is a tenant and a Secrets Manager in memory. Every call comes by at
// call, which records it and may break it.
type world struct {
	t       *testing.T
	n       int // numbers things
	clients map[string]*fakeClient
	secrets map[string]*fakeSecret // by name

	calls   []string // of this try
	point   *point
	dead    bool   // the process is
	holding string // the call that fails as long as it is repeated
	struck  bool
	anyOp   bool // the point is met whatever the call is

	hideMarked int // calls of Marked that do not see the newest client
	apis       map[string]bool
}

type fakeClient struct {
	State
	secret      secret.Value
	grants      []Grant
	credentials []Credential
}

type fakeSecret struct {
	Stored
	versions map[string]secret.Value
	current  string
}

// A way is how a call is broken.
type way int

const (
	killBefore way = iota
	killAfter
	failOnce
	failAll
	lostOnce
	lostAll
)

var ways = [...]string{"killed before", "killed after", "fails", "fails, persistently", "answer lost", "answers lost"}

func (w way) made() bool { return w == killAfter || w == lostOnce || w == lostAll }

// A point is the n-th call of the first try, and how it is broken.
type point struct {
	n   int
	op  string
	way way
}

func (p point) String() string { return fmt.Sprintf("%d %s %s", p.n, p.op, ways[p.way]) }

func newWorld(t *testing.T) *world {
	return &world{t: t, clients: map[string]*fakeClient{}, secrets: map[string]*fakeSecret{},
		apis: map[string]bool{"https://orders.example.com": true, "https://stock.example.com": true}}
}

func (w *world) service() *Service {
	return &Service{Tenant: fakeTenant{w}, Store: fakeStore{w}, Domain: "acme.eu.auth0.com", Audiences: []string{"*"}, Floor: 15 * time.Minute,
		NewKey: testKey, Self: func(context.Context) (string, error) { return "management", nil }}
}

var (
	testKeys    []*rsa.PrivateKey
	testKeyNext int
	testKeyLock sync.Mutex
)

// testKey gives one of a few keys in turn: to make them takes long.
func testKey(bits int) (*rsa.PrivateKey, error) {
	testKeyLock.Lock()
	defer testKeyLock.Unlock()
	if len(testKeys) < 5 {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			return nil, err
		}
		testKeys = append(testKeys, key)
		return key, nil
	}
	testKeyNext++
	return testKeys[testKeyNext%len(testKeys)], nil
}

func (w *world) id(prefix string) string {
	w.n++
	return fmt.Sprintf("%s%04d", prefix, w.n)
}

// writes are the calls that change something; those that make something are
// not repeated, and tell when their outcome is not known.
var (
	writes = []string{"tenant.create", "tenant.delete", "tenant.secret", "tenant.grant", "tenant.add", "tenant.expiry", "tenant.remove", "tenant.attach",
		"store.create", "store.put", "store.manage", "store.erase", "store.discard", "store.enable", "store.rotate"}
	creates = []string{"tenant.create", "tenant.grant", "tenant.add"}
)

func gone(op string) error {
	e := &fault.Error{Kind: fault.Unavailable, Op: op, Detail: "no answer"}
	if slices.Contains(creates, op) {
		e.Reason = ReasonUnknown
	}
	return e
}

// call makes a call, or breaks it.
func (w *world) call(op string, f func() error) error {
	if w.dead {
		return gone(op)
	}
	w.calls = append(w.calls, op)
	p := w.point
	switch {
	case p == nil:
		return f()
	case w.holding == op:
	case w.struck || len(w.calls) != p.n || op != p.op && !w.anyOp:
		w.holding = ""
		return f()
	}
	w.struck = true
	if p.way == failAll || p.way == lostAll {
		w.holding = op
	}
	w.dead = p.way == killBefore || p.way == killAfter
	if p.way.made() {
		_ = f() // nobody hears of it
	}
	return gone(op)
}

func refused(kind fault.Kind, reason string) error {
	return &fault.Error{Kind: kind, Op: "fake", Reason: reason}
}

type fakeTenant struct{ *world }

func (w fakeTenant) CreateClient(_ context.Context, c TenantClient) (id string, err error) {
	err = w.call("tenant.create", func() error {
		if strings.Contains(c.Name, "refused") {
			return refused(fault.Invalid, "invalid_body")
		}
		id = w.id("client")
		made := &fakeClient{State: State{ID: id, Name: c.Name, Method: c.AuthMethod, Metadata: c.Metadata}, secret: secret.New(w.id("made up "))}
		if c.AuthMethod == PrivateKeyJWT {
			w.mustStore("tenant.create", c.Key.KeyID)
			k := w.record(c.Key)
			made.credentials, made.Attached = []Credential{k}, []string{k.ID}
		}
		w.clients[id] = made
		return nil
	})
	return id, err
}

func (w *world) record(k PublicKey) Credential {
	return Credential{ID: w.id("cred_"), Name: k.Name, Type: k.Type, KeyID: k.KeyID, Alg: k.Alg, Created: time.Now(), Updated: time.Now(), Expires: k.Expires}
}

// mustStore says that a private half has to be stored before its public half is
// applied.
func (w *world) mustStore(op, part string) {
	for _, s := range w.secrets {
		if strings.Contains(s.versions[s.current].Reveal(), part) {
			return
		}
	}
	w.t.Errorf("%s: what is applied is not stored", op)
}

func (w fakeTenant) Marked(context.Context) (out []Marked, err error) {
	err = w.call("tenant.marked", func() error {
		if w.hideMarked > 0 {
			w.hideMarked--
			return nil
		}
		for _, c := range w.clients {
			if m := c.Metadata[MarkRequest]; m != "" {
				out = append(out, Marked{ID: c.ID, Name: c.Name, Request: m, SecretARN: c.Metadata[MarkSecret]})
			}
		}
		return nil
	})
	return out, err
}

// in runs f with a client.
func (w *world) in(op, id string, f func(*fakeClient) error) error {
	return w.call(op, func() error {
		c := w.clients[id]
		if c == nil {
			return refused(fault.NotFound, "inexistent_client")
		}
		return f(c)
	})
}

func (w fakeTenant) Client(_ context.Context, id string) (out State, err error) {
	return out, w.in("tenant.client", id, func(c *fakeClient) error {
		out = c.State
		out.Attached = slices.Clone(c.Attached)
		return nil
	})
}

func (w fakeTenant) DeleteClient(_ context.Context, id string) error {
	return w.call("tenant.delete", func() error { delete(w.clients, id); return nil })
}

func (w fakeTenant) SetSecret(_ context.Context, id string, v secret.Value) error {
	return w.in("tenant.secret", id, func(c *fakeClient) error {
		w.mustStore("tenant.secret", v.Reveal())
		c.secret = v
		return nil
	})
}

func (w fakeTenant) Grants(_ context.Context, id string) (out []Grant, err error) {
	return out, w.in("tenant.grants", id, func(c *fakeClient) error { out = slices.Clone(c.grants); return nil })
}

func (w fakeTenant) Grant(_ context.Context, id string, g Grant) error {
	return w.in("tenant.grant", id, func(c *fakeClient) error {
		switch {
		case !w.apis[g.Audience]:
			return refused(fault.Invalid, "invalid_body")
		case slices.ContainsFunc(c.grants, func(have Grant) bool { return have.Audience == g.Audience }):
			return refused(fault.Conflict, "")
		}
		c.grants = append(c.grants, g)
		return nil
	})
}

func (w fakeTenant) Credentials(_ context.Context, id string) (out []Credential, err error) {
	return out, w.in("tenant.credentials", id, func(c *fakeClient) error { out = slices.Clone(c.credentials); return nil })
}

func (c *fakeClient) find(id string) *Credential {
	for i := range c.credentials {
		if c.credentials[i].ID == id {
			return &c.credentials[i]
		}
	}
	return nil
}

func (w fakeTenant) Credential(_ context.Context, id, key string) (out Credential, err error) {
	return out, w.in("tenant.credential", id, func(c *fakeClient) error {
		k := c.find(key)
		if k == nil {
			return refused(fault.NotFound, "inexistent_credential")
		}
		out = *k
		return nil
	})
}

func (w fakeTenant) AddCredential(_ context.Context, id string, k PublicKey) (out Credential, err error) {
	return out, w.in("tenant.add", id, func(c *fakeClient) error {
		switch {
		case k.KeyID != "" && slices.ContainsFunc(c.credentials, func(have Credential) bool { return have.KeyID == k.KeyID }):
			return refused(fault.Conflict, ReasonDuplicateKey)
		case len(c.credentials) >= 4:
			return refused(fault.Conflict, ReasonPoolFull)
		}
		if strings.Contains(k.Name, " (key ") {
			w.mustStore("tenant.add", k.KeyID)
		}
		if k.Type == typePublicKey && k.PEM == "" {
			w.t.Error("tenant.add: a key without its public half")
		}
		out = w.record(k)
		c.credentials = append(c.credentials, out)
		return nil
	})
}

func (w fakeTenant) SetExpiry(_ context.Context, id, key string, at time.Time) (out Credential, err error) {
	return out, w.in("tenant.expiry", id, func(c *fakeClient) error {
		k := c.find(key)
		if k == nil {
			return refused(fault.NotFound, "inexistent_credential")
		}
		k.Expires = at
		out = *k
		return nil
	})
}

func (w fakeTenant) DeleteCredential(_ context.Context, id, key string) error {
	return w.in("tenant.remove", id, func(c *fakeClient) error {
		if slices.Contains(c.Attached, key) {
			return refused(fault.Conflict, ReasonStillAttached)
		}
		c.credentials = slices.DeleteFunc(c.credentials, func(k Credential) bool { return k.ID == key })
		return nil
	})
}

func (w fakeTenant) Attach(_ context.Context, id, method string, keys []string) error {
	return w.in("tenant.attach", id, func(c *fakeClient) error {
		for _, key := range keys {
			if c.find(key) == nil {
				return refused(fault.Invalid, "invalid_body")
			}
		}
		if len(keys) > 2 {
			return refused(fault.Invalid, "invalid_body")
		}
		c.Method, c.Attached = method, slices.Clone(keys)
		return nil
	})
}
