package rotation

import (
	"context"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
)

// What is refused leaves nothing behind, and the tenant as it was.
func TestWhatIsNotAdoptedLeavesNothing(t *testing.T) {
	exists := func(tags map[string]string, deleted bool) func(*world) {
		return func(w *world) {
			text, err := secretJSON("live").Encode()
			if err != nil {
				w.t.Fatal(err)
			}
			w.state.secrets["app"] = &fakeSecret{Secret: Secret{ID: "app", Name: "app", Tags: tags, Deleted: deleted},
				values: map[string]string{"v": text.Reveal()}, all: []Version{{ID: "v", Labels: []string{Current}, Created: time.Now()}}}
		}
	}
	tests := map[string]struct {
		method string
		tags   map[string]string
		change func(*world)
		reason string
	}{
		"tags that make no sense":           {"client_secret_post", map[string]string{TagInterval: "monthly"}, nil, "bad_tags"},
		"a kind that is no client's":        {"client_secret_post", map[string]string{TagKind: KindWebhook}, nil, "no_client"},
		"keys without room":                 {KindKey, nil, func(w *world) { foreignKeys(w.state.clients[client]) }, "slots_taken"},
		"a secret of another client":        {"client_secret_post", nil, exists(map[string]string{TagManaged: "true", TagClientID: "c2"}, false), "conflict"},
		"a secret that nobody manages":      {"client_secret_post", nil, exists(map[string]string{TagManaged: "false", TagClientID: client}, false), "conflict"},
		"a secret that is to be deleted":    {"client_secret_post", nil, exists(map[string]string{TagManaged: "true", TagClientID: client}, true), "conflict"},
		"a secret that cannot be looked at": {"client_secret_post", nil, func(w *world) { w.every("Describe", notDone) }, "unavailable"},
	}
	for name, test := range tests {
		synctest.Test(t, func(t *testing.T) {
			w, a, c := live(t, test.method)
			if test.change != nil {
				test.change(w)
			}
			w.past = append(w.past, w.state.clone())
			before := w.state.clone()
			_, err := a.Adopt(t.Context(), Adoption{ClientID: client, Name: "app", Tags: test.tags})
			if fault.Reason(err) != test.reason {
				t.Errorf("%s: %v, want %q", name, err, test.reason)
			}
			if len(w.state.secrets) != len(before.secrets) || !slices.Equal(c.Attached, before.clients[client].Attached) || len(c.pool) != len(before.clients[client].pool) {
				t.Errorf("%s: %d secrets, attached %v, calls %v", name, len(w.state.secrets), c.Attached, w.calls)
			}
		})
	}
}

func TestTheTagsOfWhatIsAdopted(t *testing.T) {
	for name, test := range map[string]struct{ method, domain, kind, endpoint string }{
		"a secret":           {"client_secret_basic", "acme.example", KindSecret, "https://acme.example/oauth/token"},
		"a key":              {KindKey, "acme.example", KindKey, "https://acme.example/oauth/token"},
		"of no named tenant": {"client_secret_basic", "", KindSecret, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, a, _ := live(t, test.method)
			a.Domain = test.domain
			id, err := a.Adopt(t.Context(), Adoption{ClientID: client, Name: "app", Tags: map[string]string{TagInterval: "30d", "team": "web"}})
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{TagManaged: "true", TagClientID: client, TagKind: test.kind, TagInterval: "30d", "team": "web",
				TagAdopted: time.Now().UTC().Format(time.RFC3339)}
			if test.domain != "" {
				want[TagTenant] = test.domain
			}
			s := w.state.secrets[id]
			got := maps.Clone(s.Tags)
			if at, err := time.Parse(time.RFC3339, got[TagAdopted]); err != nil || time.Since(at) > time.Minute {
				t.Errorf("%s: adopted at %q", name, got[TagAdopted])
			}
			got[TagAdopted] = want[TagAdopted]
			if !maps.Equal(got, want) {
				t.Errorf("%s: tags %v, want %v", name, got, want)
			}
			if c, err := clientsecretOf(s, s.has(Current)); err != nil || c.TokenEndpoint != test.endpoint {
				t.Errorf("%s: token endpoint %q, %v", name, c.TokenEndpoint, err)
			}
		})
	}
}

// A secret that another run makes between the look and the creation will do if
// it is this client's.
func TestTwoAdoptionsAtOnce(t *testing.T) {
	for owner, reason := range map[string]string{client: "", "c2": "conflict"} {
		synctest.Test(t, func(t *testing.T) {
			w, a, _ := live(t, "client_secret_post")
			w.at("Create", 1, func() {
				text, err := secretJSON("live").Encode()
				if err != nil {
					t.Fatal(err)
				}
				w.state.secrets["app"] = &fakeSecret{Secret: Secret{ID: "app", Name: "app", Tags: map[string]string{TagManaged: "true", TagClientID: owner}},
					values: map[string]string{"v": text.Reveal()}, all: []Version{{ID: "v", Labels: []string{Current}, Created: time.Now()}}}
			})
			id, err := a.Adopt(t.Context(), Adoption{ClientID: client, Name: "app"})
			if (err == nil) != (reason == "") || err != nil && fault.Reason(err) != reason || err == nil && id != "app" {
				t.Errorf("of %s: %q, %v; want %q", owner, id, err, reason)
			}
		})
	}
}

// A call that fails however often it is tried fails the adoption.
func TestAdoptionSaysWhatFailed(t *testing.T) {
	fresh := func(method string) func(*testing.T) (*world, func(context.Context) error) {
		return func(t *testing.T) (*world, func(context.Context) error) {
			w, a, _ := live(t, method)
			return w, func(ctx context.Context) error {
				_, err := a.Adopt(ctx, Adoption{ClientID: client, Name: "app"})
				return err
			}
		}
	}
	again := func(name string, byName bool) func(*testing.T) (*world, func(context.Context) error) {
		return func(t *testing.T) (*world, func(context.Context) error) {
			w, a, _ := drifted(t, name)
			return w, func(ctx context.Context) error {
				if !byName {
					return a.AdoptSecret(ctx, arn, client, nil)
				}
				_, err := a.Adopt(ctx, Adoption{ClientID: client, Name: arn})
				return err
			}
		}
	}
	for name, test := range map[string]struct {
		begin func(*testing.T) (*world, func(context.Context) error)
		calls []string
	}{
		"a secret":                    {fresh("client_secret_post"), []string{"Client", "Describe", "Create", "Value", "Login"}},
		"a key":                       {fresh(KindKey), []string{"Client", "Describe", "Credentials", "Create", "Value", "AddKey", "UseKeys", "Login"}},
		"what is well":                {again("nothing", true), []string{"Client", "Describe", "Value", "Login"}},
		"what was changed":            {again("a secret is changed", true), []string{"Client", "Describe", "Value", "PutPending", "MoveCurrent", "RemoveLabel", "Login", "Tag"}},
		"what is well, by its id":     {again("nothing", false), []string{"Client", "Describe", "Value", "Login", "Tag"}},
		"what was changed, by its id": {again("a secret is changed", false), []string{"Client", "Describe", "Value", "PutPending", "MoveCurrent", "RemoveLabel", "Login", "Tag"}},
	} {
		for _, call := range test.calls {
			synctest.Test(t, func(t *testing.T) {
				w, adopt := test.begin(t)
				w.every(call, notDone)
				if err := adopt(t.Context()); fault.KindOf(err) != fault.Unavailable || fault.Reason(err) != "unavailable" {
					t.Errorf("%s, %s fails: %v; calls %v", name, call, err, w.calls)
				}
			})
		}
	}
}

// Adopting by the id begins the interval anew where something was restored, and
// where nothing says since when it is adopted.
func TestAdoptingASecretNotesWhen(t *testing.T) {
	const since = "2000-01-01T00:00:00Z"
	for name, test := range map[string]struct {
		drift, before string
		kept          bool
	}{
		"well":             {"nothing", since, true},
		"well, not noted":  {"nothing", "", false},
		"changed":          {"a secret is changed", since, false},
		"a key taken away": {"a key is taken away", since, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, a, _ := drifted(t, test.drift)
			w.edit(func(s *fakeSecret) {
				if test.before != "" {
					s.Tags[TagAdopted] = test.before
				}
			})
			now := time.Now().UTC()
			if err := a.AdoptSecret(t.Context(), arn, client, map[string]string{TagKind: drifts[test.drift].kind}); err != nil {
				t.Fatal(err)
			}
			got, err := time.Parse(time.RFC3339, w.state.secrets[arn].Tags[TagAdopted])
			if kept := w.state.secrets[arn].Tags[TagAdopted] == since; err != nil || kept != test.kept || !kept && got.Before(now.Add(-time.Second)) {
				t.Errorf("%s: adopted since %v, %v", name, got, err)
			}
		})
	}
}
