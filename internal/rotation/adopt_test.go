package rotation

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// live is a tenant with a client and an empty Secrets Manager.
func live(t *testing.T, method string) (*world, *Adopter, *fakeClient) {
	w := newWorld(t)
	w.watching = false // nothing is stored yet
	c := &fakeClient{Client: Client{ID: client, AuthMethod: method, Secret: secret.New("live")}, pems: map[string]string{}}
	if method == KindKey {
		c.pool = []Credential{{ID: "theirs", KeyID: "theirs", Name: foreignName}}
		c.Attached = []string{"theirs"}
	}
	w.state.clients[client] = c
	w.past = append(w.past, w.state.clone())
	r := w.rotator()
	r.Domain = "acme.example"
	return w, &Adopter{Rotator: r, Catalog: fakeCatalog{w}}, c
}

func TestAdopt(t *testing.T) {
	tests := map[string]struct {
		method string
		change func(*world, *fakeClient)
		reason string // empty: taken over
	}{
		"a secret":                  {"client_secret_basic", nil, ""},
		"a secret that is hidden":   {"client_secret_post", func(w *world, _ *fakeClient) { w.hidden = true }, "secret_unreadable"},
		"a secret, no grant":        {"client_secret_post", func(w *world, _ *fakeClient) { w.noGrant = true }, ""},
		"a key":                     {KindKey, nil, ""},
		"keys without room":         {KindKey, func(_ *world, c *fakeClient) { c.own("f", "f", true, 0, day); c.pool[1].Name = foreignName }, "slots_taken"},
		"a public client":           {"none", nil, "no_credential"},
		"the name is taken":         {"client_secret_post", func(w *world, _ *fakeClient) { w.state.secrets["app"] = &fakeSecret{} }, "conflict"},
		"the client does not exist": {"client_secret_post", func(w *world, _ *fakeClient) { delete(w.state.clients, client) }, "not_found"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, a, c := live(t, test.method)
				if test.change != nil {
					test.change(w, c)
					w.past = append(w.past, w.state.clone())
				}
				id, err := a.Adopt(t.Context(), Adoption{ClientID: client, Name: "app", Tags: map[string]string{TagInterval: "30d"}})
				if err != nil {
					if fault.Reason(err) != test.reason {
						t.Errorf("%v, want %q", err, test.reason)
					}
					return
				}
				w.adopted(t, id, test.reason, c)
			})
		})
	}
}

// adopted checks that a client was taken over without a change to what it had.
func (w *world) adopted(t *testing.T, id, reason string, c *fakeClient) {
	t.Helper()
	s := w.state.secrets[id]
	if reason != "" || !w.storedWorks(c, c.now()) {
		t.Fatalf("want %q; %v", reason, s.values)
	}
	if c.AuthMethod != KindKey && (c.Secret.Reveal() != "live" || !c.since.IsZero()) {
		t.Error("the tenant was changed")
	}
	if c.AuthMethod == KindKey && (len(c.Attached) != 2 || c.Attached[0] != "theirs") {
		t.Errorf("attached: %v", c.Attached)
	}
	got, err := clientsecretOf(s, s.has(Current))
	if err != nil || got.TokenEndpoint != "https://acme.example/oauth/token" || got.Issuer != "https://acme.example/" || got.AuthMethod != c.AuthMethod {
		t.Errorf("stored %+v, %v", got, err)
	}
	plan := PlanRotations(time.Now().Add(time.Hour), []Secret{s.describe()}, Policy{})
	if len(plan.Start) > 0 || len(plan.Skip) != 1 || plan.Skip[0].Why != "not_due" {
		t.Errorf("a rotation is forced: %+v", plan)
	}
}

// Adoption is broken at every call in every way, and then done again.
func TestAdoptionIsRepeatable(t *testing.T) {
	for _, method := range []string{"client_secret_post", KindKey} {
		for n := range 20 {
			for what, text := range troubles {
				synctest.Test(t, func(t *testing.T) {
					w, a, c := live(t, method)
					w.trouble = func(i int, _ string, _ bool) trouble {
						if i == n {
							return what
						}
						return none
					}
					var id string
					for range 3 {
						var err error
						if id, err = w.tryAdopt(a); err == nil {
							break
						}
						time.Sleep(time.Minute)
					}
					if id == "" || len(w.twice) > 0 || len(w.state.secrets) != 1 || len(c.pool) > 2 {
						t.Fatalf("call %d %s: %q, %v, %d keys, calls %v", n, text, id, w.twice, len(c.pool), w.calls)
					}
					w.adopted(t, id, "", c)
				})
			}
		}
	}
}

func (w *world) tryAdopt(a *Adopter) (id string, err error) {
	defer func() {
		if dead, ok := recover().(crash); ok {
			err = fmt.Errorf("the process died at %s", dead.at)
		}
	}()
	return a.Adopt(context.Background(), Adoption{ClientID: client, Name: "app", Tags: map[string]string{TagInterval: "30d"}})
}

func TestAdoptASecretThatExists(t *testing.T) {
	for value, want := range map[string]string{"live": "", "wrong": "current_refused"} {
		synctest.Test(t, func(t *testing.T) {
			w, a, c := live(t, "client_secret_post")
			text, _ := secretJSON(value).Encode()
			w.state.secrets["mine"] = &fakeSecret{Secret: Secret{ID: "mine"}, values: map[string]string{"v": text.Reveal()}, all: []Version{{ID: "v", Labels: []string{Current}}}}
			w.past = append(w.past, w.state.clone())
			err := a.AdoptSecret(t.Context(), "mine", client, map[string]string{TagInterval: "7d"})
			if (err == nil) != (want == "") || err != nil && fault.Reason(err) != want {
				t.Errorf("%s: %v", value, err)
			}
			if tagged := w.state.secrets["mine"].Tags[TagManaged] == "true"; tagged != (want == "") || c.Secret.Reveal() != "live" {
				t.Errorf("%s: tagged %v", value, tagged)
			}
		})
	}
}
