package rotation

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// A world is a Secrets Manager and a tenant that can be broken. It runs in a
// synctest bubble, whose clock makes every wait free.
type world struct {
	t     *testing.T
	mu    sync.Mutex // of all below
	rng   *mathrand.Rand
	state state
	past  []state // what delayed reads see

	storeLag, tenantLag time.Duration // how far reads are behind writes
	window              time.Duration // either-or, after a secret's change
	hidden              bool          // the scope does not show client_secret
	noGrant             bool          // the client may not have the grant
	grantFirst          bool          // ... which is checked before the credential

	gate     func()                                       // nil: calls do not wait for a turn
	trouble  func(n int, call string, write bool) trouble // nil: none
	calls    []string
	writes   []bool
	watching bool
	gaps     []string // instants at which nothing stored logs in
	twice    []string // what happened twice
	mayGap   bool     // between rotate-secret and the storing of its answer
	applied  map[string]bool
	posts    int
	ids      int
	started  []string // by Rotate

	management bool // the client is the one that we log in with ourselves
	session    bool // this process has a management token
	strict     bool // the tenant takes no secret of a client that uses keys
	waits      int  // looks that found the price of that
	human      bool // somebody changed the tenant by hand
}

type trouble int

const (
	none        trouble = iota
	notDone             // fails, and nothing happened
	answerLost          // fails, and it happened all the same
	crashBefore         // the process dies before the call
	crashAfter          // ... and after it
)

type crash struct{ at string }

type state struct {
	at      time.Time
	secrets map[string]*fakeSecret
	clients map[string]*fakeClient
}

type fakeSecret struct {
	Secret
	values map[string]string // by version
	all    []Version         // with unlabelled ones
}

type fakeClient struct {
	Client
	pool    []Credential
	pems    map[string]string // public key by kid
	before  string            // the secret that the window may still take
	since   time.Time         // when it was changed
	beforeM string            // the method that the window may still know
	beforeA []string          // and the slot of that time
	sinceM  time.Time
	exact   bool // it may send its secret by its method alone
}

const (
	arn    = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:app-AbCdEf"
	client = "c1"
)

func newWorld(t *testing.T) *world {
	return &world{t: t, rng: mathrand.New(mathrand.NewPCG(1, 2)), window: 30 * time.Second, watching: true, applied: map[string]bool{},
		state: state{secrets: map[string]*fakeSecret{}, clients: map[string]*fakeClient{}}}
}

func (s state) clone() state {
	out := state{time.Now(), map[string]*fakeSecret{}, map[string]*fakeClient{}}
	for id, f := range s.secrets {
		c := *f
		c.values, c.Tags = maps.Clone(f.values), maps.Clone(f.Tags)
		c.all = slices.Clone(f.all)
		for i := range c.all {
			c.all[i].Labels = slices.Clone(c.all[i].Labels)
		}
		out.secrets[id] = &c
	}
	for id, f := range s.clients {
		c := *f
		c.Attached, c.pool, c.pems = slices.Clone(f.Attached), slices.Clone(f.pool), maps.Clone(f.pems)
		out.clients[id] = &c
	}
	return out
}

// seen is the state as a delayed reader finds it.
func (w *world) seen(lag time.Duration) state {
	edge := time.Now().Add(-lag)
	for _, old := range slices.Backward(w.past) {
		if !old.at.After(edge) {
			return old
		}
	}
	if len(w.past) > 0 {
		return w.past[0]
	}
	return w.state
}

// do is the only way to the state: it counts, breaks, changes and checks.
func (w *world) do(call string, write bool, change func() error) error {
	if w.gate != nil {
		w.gate()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.calls)
	w.calls, w.writes = append(w.calls, call), append(w.writes, write)
	what := none
	if w.trouble != nil {
		what = w.trouble(n, call, write)
	}
	switch what {
	case notDone:
		return &fault.Error{Kind: fault.Unavailable, Op: call}
	case crashBefore:
		w.session = false
		panic(crash{call})
	}
	err := change()
	if write && err == nil {
		w.past = append(w.past, w.state.clone())
		if len(w.past) > 40 {
			w.past = w.past[1:]
		}
		w.check(call)
	}
	switch what {
	case answerLost:
		return &fault.Error{Kind: fault.Unavailable, Op: call}
	case crashAfter:
		w.session = false
		panic(crash{call})
	}
	return err
}

// check is the independent judge: it knows nothing of the steps.
func (w *world) check(after string) {
	if !w.watching {
		return
	}
	for id, c := range w.state.clients {
		for i, by := range c.ways(w.window) {
			switch {
			case w.human || w.storedWorks(c, by) || i == 0 && w.mayGap:
			case i == 0:
				w.gaps = append(w.gaps, fmt.Sprintf("after %s nothing stored logs in to %s", after, id))
			case w.strict && by.method != KindKey:
				w.waits++
			default:
				w.gaps = append(w.gaps, fmt.Sprintf("after %s a slow part of the tenant accepts nothing stored for %s", after, id))
			}
		}
		kids := map[string]bool{}
		for _, k := range c.pool {
			if k.KeyID != "" && kids[k.KeyID] {
				w.twice = append(w.twice, "key uploaded twice")
			}
			kids[k.KeyID] = true
		}
	}
}

// A way is how a part of the tenant lets a client log in.
type way struct {
	method, secret string
	attached       []string
}

func (c *fakeClient) now() way { return way{c.AuthMethod, c.Secret.Reveal(), c.Attached} }

// ways are what the tenant's parts may know: the first is the latest; a change
// of the secret and one of the method reach a part in any order.
func (c *fakeClient) ways(window time.Duration) []way {
	out := []way{c.now()}
	if time.Since(c.sinceM) < window {
		out = append(out, way{c.beforeM, c.Secret.Reveal(), c.beforeA})
	}
	if time.Since(c.since) < window {
		for _, w := range slices.Clone(out) {
			w.secret = c.before
			out = append(out, w)
		}
	}
	return out
}

func (w *world) storedWorks(c *fakeClient, by way) bool {
	for _, s := range w.state.secrets {
		for _, v := range s.all {
			text, ok := s.values[v.ID]
			if !ok || len(v.Labels) == 0 {
				continue
			}
			p, err := clientsecret.Parse(secret.New(text))
			if err == nil && p.ClientID == c.ID && c.takes(p, by) {
				return true
			}
		}
	}
	return false
}

// takes reports whether a client accepts p by a way.
func (c *fakeClient) takes(p clientsecret.ClientSecret, by way) bool {
	if by.method != KindKey {
		return by.secret != "" && p.ClientSecret.Reveal() == by.secret && (!c.exact || p.AuthMethod == by.method)
	}
	public, kid, err := publicHalf(p)
	if err != nil || p.KeyID != "" && p.KeyID != kid {
		return false
	}
	return slices.ContainsFunc(c.pool, func(k Credential) bool {
		return k.KeyID == kid && c.pems[kid] == public && slices.Contains(by.attached, k.ID) && !expired(k, time.Now())
	})
}

// manage logs in for a call of the Management API, with what is stored and the
// documented fallback, unless this process has a token.
func (w *world) manage(call string) error {
	if !w.management || w.session {
		return nil
	}
	s := w.state.secrets[arn]
	for range rounds {
		for _, label := range []string{Current, Pending, Previous} {
			c, err := clientsecretOf(s, s.has(label))
			if err == nil && w.login(c) == Accepted {
				w.session = true
				return nil
			}
		}
	}
	w.gaps = append(w.gaps, "locked out at "+call)
	return &fault.Error{Kind: fault.Unauthenticated, Op: call}
}

func (w *world) id(prefix string) string {
	w.ids++
	return fmt.Sprintf("%s%d", prefix, w.ids)
}

// put sets up a secret with one AWSCURRENT version and the client that it is of.
func (w *world) put(tags map[string]string, c clientsecret.ClientSecret) *fakeClient {
	f := &fakeClient{Client: Client{ID: c.ClientID, AuthMethod: cmp.Or(c.AuthMethod, "client_secret_post"), Secret: c.ClientSecret}, pems: map[string]string{}}
	if kindOf(c) == KindKey {
		f.AuthMethod = KindKey
		public, kid, err := publicHalf(c)
		if err != nil {
			w.t.Fatal(err)
		}
		k := Credential{ID: w.id("cred_"), KeyID: kid, Name: NamePrefix + "first", Alg: "RS256", Created: time.Now(), Expires: time.Now().Add(400 * 24 * time.Hour)}
		f.pool, f.Attached, f.pems[kid] = []Credential{k}, []string{k.ID}, public
	}
	w.state.clients[c.ClientID] = f
	s := &fakeSecret{Secret: Secret{ID: arn, Name: "app", Tags: map[string]string{TagManaged: "true", TagClientID: c.ClientID, TagInterval: "30d"},
		RotationEnabled: true, Created: time.Now()}, values: map[string]string{}}
	maps.Copy(s.Tags, tags)
	v, err := c.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	s.values["v0"] = v.Reveal()
	s.all = []Version{{ID: "v0", Labels: []string{Current}, Created: time.Now()}}
	w.state.secrets[arn] = s
	w.past = append(w.past, w.state.clone())
	return f
}

// label moves a label as Secrets Manager does: it sits on one version at most.
func (s *fakeSecret) label(label, version string) {
	for i := range s.all {
		s.all[i].Labels = slices.DeleteFunc(slices.Clone(s.all[i].Labels), func(l string) bool { return l == label })
		if s.all[i].ID == version {
			s.all[i].Labels = append(s.all[i].Labels, label)
		}
	}
}

func (s *fakeSecret) has(label string) string { return Secret{Versions: s.all}.labelled(label) }

// begin is what Secrets Manager does before the first step.
func (w *world) begin(token string) {
	defer time.Sleep(w.storeLag)
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.state.secrets[arn]
	if !slices.ContainsFunc(s.all, func(v Version) bool { return v.ID == token }) {
		s.all = append(s.all, Version{ID: token, Created: time.Now()})
	}
	s.label(Pending, token)
	w.past = append(w.past, w.state.clone())
}

// edit changes the secret as a person may, and shows it to readers.
func (w *world) edit(change func(*fakeSecret)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w.state.secrets[arn])
	w.past = append(w.past, w.state.clone())
}

var keys struct {
	sync.Mutex
	made []*rsa.PrivateKey
}

// keyMaker hands out keys that are made once for all tests, in order.
func keyMaker() func(int) (*rsa.PrivateKey, error) {
	n := 0
	return func(bits int) (*rsa.PrivateKey, error) {
		keys.Lock()
		defer keys.Unlock()
		for n >= len(keys.made) {
			k, err := rsa.GenerateKey(rand.Reader, 1024) // small, for speed alone
			if err != nil {
				return nil, err
			}
			keys.made = append(keys.made, k)
		}
		n++
		return keys.made[n-1], nil
	}
}

func (w *world) rotator() *Rotator {
	return &Rotator{Store: fakeStore{w}, Tenant: fakeTenant{w}, makeKey: keyMaker()}
}

func secretOf(s string) secret.Value { return secret.New(s) }

func secretJSON(value string) clientsecret.ClientSecret {
	return clientsecret.ClientSecret{ClientID: client, ClientSecret: secret.New(value), AuthMethod: "client_secret_post"}
}

func keyJSON(t *testing.T, r *Rotator) clientsecret.ClientSecret {
	t.Helper()
	w := &work{Rotator: r, settings: Settings{KeySize: 2048, Alg: "RS256"}}
	c, err := w.withNewKey(clientsecret.ClientSecret{ClientID: client})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func tokenOf(n int) string { return fmt.Sprintf("token-%d-", n) + strings.Repeat("x", 24) }
