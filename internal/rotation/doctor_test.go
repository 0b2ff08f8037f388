package rotation

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// A sickness is a state to examine: what is added to a secret that is well.
type sickness struct {
	kind   string
	make   func(*testing.T, *world, *fakeSecret, *fakeClient, *Rotator)
	want   []string // slugs
	safe   bool     // all of them are repaired
	starts int      // rotations that the repair starts
}

func add(s *fakeSecret, version, label, value string, ago time.Duration) {
	s.all = append(s.all, Version{ID: version, Created: time.Now().Add(-ago)})
	if value != "" {
		s.values[version] = value
	}
	s.label(label, version)
}

func ours(value string) string { return oursBy("client_secret_post", value) }

func oursBy(method, value string) string {
	c := secretJSON(value)
	c.AuthMethod = method
	v, _ := c.Encode()
	return v.Reveal()
}

func (c *fakeClient) own(id, kid string, attach bool, created, expires time.Duration) {
	k := Credential{ID: id, KeyID: kid, Name: NamePrefix + kid, Created: time.Now().Add(-created), Expires: time.Now().Add(expires)}
	c.pool = append(c.pool, k)
	if attach {
		c.Attached = append(c.Attached, id)
	}
}

var sicknesses = map[string]sickness{
	"well":      {"", func(*testing.T, *world, *fakeSecret, *fakeClient, *Rotator) {}, nil, true, 0},
	"key, well": {KindKey, func(*testing.T, *world, *fakeSecret, *fakeClient, *Rotator) {}, nil, true, 0},
	"under way": {"", func(_ *testing.T, _ *world, s *fakeSecret, _ *fakeClient, _ *Rotator) {
		add(s, "p", Pending, "", time.Minute)
	}, nil, true, 0},
	"empty": {"", func(_ *testing.T, _ *world, s *fakeSecret, _ *fakeClient, _ *Rotator) {
		add(s, "p", Pending, "", 2*time.Hour)
	}, []string{"pending_empty"}, true, 0},
	"left over":    {"", func(_ *testing.T, _ *world, s *fakeSecret, _ *fakeClient, _ *Rotator) { s.label(Pending, "v0") }, []string{"label_leftover"}, true, 0},
	"rotation off": {"", func(_ *testing.T, _ *world, s *fakeSecret, _ *fakeClient, _ *Rotator) { s.RotationEnabled = false }, []string{"rotation_disabled"}, false, 0},
	"deleted":      {"", func(_ *testing.T, _ *world, s *fakeSecret, _ *fakeClient, _ *Rotator) { s.Deleted = true }, []string{"secret_deleted"}, false, 0},
	"foreign": {"", func(_ *testing.T, _ *world, s *fakeSecret, _ *fakeClient, _ *Rotator) {
		add(s, "p", Pending, `{"client_id":"x","client_secret":"y"}`, 2*time.Hour)
	}, []string{"pending_foreign"}, false, 0},
	"not applied yet": {"", func(_ *testing.T, _ *world, s *fakeSecret, _ *fakeClient, _ *Rotator) {
		add(s, "p", Pending, ours("next"), 2*time.Hour)
	}, []string{"pending_stuck"}, true, 1},
	"applied, not finished": {"", func(_ *testing.T, _ *world, s *fakeSecret, c *fakeClient, _ *Rotator) {
		add(s, "p", Pending, ours("next"), 2*time.Hour)
		c.Secret = secret.New("next")
	}, []string{"pending_stuck"}, true, 0},
	"neither works": {"", func(_ *testing.T, _ *world, s *fakeSecret, c *fakeClient, _ *Rotator) {
		add(s, "p", Pending, ours("next"), 2*time.Hour)
		c.Secret = secret.New("by hand")
	}, []string{"pending_stuck"}, false, 0},
	"pending is current's": {"", func(_ *testing.T, _ *world, s *fakeSecret, _ *fakeClient, _ *Rotator) {
		add(s, "p", Pending, ours("initial"), 2*time.Hour)
	}, []string{"pending_stale"}, true, 0},
	"pending is older": {"", func(_ *testing.T, _ *world, s *fakeSecret, _ *fakeClient, _ *Rotator) {
		add(s, "p", Pending, ours("old"), 2*24*time.Hour+time.Hour)
		s.all[0].Created = time.Now().Add(-time.Hour)
	}, []string{"pending_stale"}, true, 0},
	"pending is older, gone back": {"", func(_ *testing.T, _ *world, s *fakeSecret, c *fakeClient, _ *Rotator) {
		add(s, "p", Pending, ours("old"), 2*24*time.Hour+time.Hour)
		add(s, "older", Previous, ours("older"), 100*day)
		s.all[0].Created = time.Now().Add(-time.Hour)
		c.Secret = secret.New("older")
	}, []string{"pending_stuck"}, true, 1},
	"changed by hand": {"", func(_ *testing.T, _ *world, _ *fakeSecret, c *fakeClient, _ *Rotator) {
		c.Secret = secret.New("by hand")
	}, []string{"login_refused"}, false, 0},
	"another method by hand": {"", func(_ *testing.T, _ *world, _ *fakeSecret, c *fakeClient, _ *Rotator) {
		c.AuthMethod, c.exact = "client_secret_basic", true
	}, []string{"login_refused"}, false, 0},
	"another method, which does not matter": {"", func(_ *testing.T, _ *world, _ *fakeSecret, c *fakeClient, _ *Rotator) {
		c.AuthMethod = "client_secret_basic"
	}, nil, true, 0},
	"another method, a login tells nothing": {"", func(_ *testing.T, w *world, s *fakeSecret, c *fakeClient, _ *Rotator) {
		add(s, "p", Pending, ours("next"), 2*time.Hour)
		c.Secret, c.AuthMethod = secret.New("next"), "client_secret_basic"
		w.noGrant, w.grantFirst = true, true
	}, []string{"pending_stuck"}, true, 0},
	"gone back, to another method": {"", func(_ *testing.T, _ *world, s *fakeSecret, c *fakeClient, _ *Rotator) {
		add(s, "older", Previous, oursBy("client_secret_basic", "initial"), 100*day)
		c.AuthMethod, c.exact = "client_secret_basic", true
	}, []string{"login_refused"}, false, 0},
	"gone back": {"", func(_ *testing.T, _ *world, s *fakeSecret, c *fakeClient, _ *Rotator) {
		add(s, "older", Previous, ours("older"), 100*day)
		c.Secret = secret.New("older")
	}, []string{"login_refused"}, true, 1},
	"no client": {"", func(_ *testing.T, w *world, _ *fakeSecret, _ *fakeClient, _ *Rotator) {
		delete(w.state.clients, client)
	}, []string{"client_missing"}, false, 0},
	"no value":      {"", func(_ *testing.T, _ *world, s *fakeSecret, _ *fakeClient, _ *Rotator) { delete(s.values, "v0") }, []string{"no_current"}, false, 0},
	"not an object": {"", func(_ *testing.T, _ *world, s *fakeSecret, _ *fakeClient, _ *Rotator) { s.values["v0"] = "x" }, []string{"current_unusable"}, false, 0},
	"bad tags":      {"", func(_ *testing.T, _ *world, s *fakeSecret, _ *fakeClient, _ *Rotator) { s.Tags[TagKind] = "x" }, []string{"bad_tags"}, false, 0},
	"overdue":       {"", func(_ *testing.T, _ *world, s *fakeSecret, _ *fakeClient, _ *Rotator) { s.Tags[TagInterval] = "10h" }, []string{"overdue"}, false, 0},
	"replica": {"", func(_ *testing.T, _ *world, s *fakeSecret, _ *fakeClient, _ *Rotator) {
		s.Replicas = []Replica{{"eu-west-3", ReplicaFailed}}
	}, []string{"replica_failed"}, false, 0},
	"many versions": {"", func(_ *testing.T, _ *world, s *fakeSecret, _ *fakeClient, _ *Rotator) {
		for i := range 81 {
			s.all = append(s.all, Version{ID: version(i), Created: time.Now()})
		}
	}, []string{"too_many_versions"}, false, 0},
	"key gone": {KindKey, func(_ *testing.T, _ *world, _ *fakeSecret, c *fakeClient, _ *Rotator) { c.pool, c.Attached = nil, nil }, []string{"key_missing"}, false, 0},
	"key detached": {KindKey, func(_ *testing.T, _ *world, _ *fakeSecret, c *fakeClient, _ *Rotator) { c.Attached = nil },
		[]string{"key_unattached"}, false, 0},
	"key expiring": {KindKey, func(_ *testing.T, _ *world, _ *fakeSecret, c *fakeClient, _ *Rotator) {
		c.pool[0].Expires = time.Now().Add(time.Hour)
	},
		[]string{"key_expiring"}, true, 0},
	"key expired": {KindKey, func(_ *testing.T, _ *world, _ *fakeSecret, c *fakeClient, _ *Rotator) { c.pool[0].Expires = time.Now() },
		[]string{"key_expired"}, false, 0},
	"key detached, gone back": {KindKey, func(t *testing.T, _ *world, s *fakeSecret, c *fakeClient, r *Rotator) {
		old := keyJSON(t, r)
		v, _ := old.Encode()
		add(s, "old", Previous, v.Reveal(), 40*day)
		c.own("o", old.KeyID, false, 40*day, day)
		c.Attached = []string{"o"}
		s.Tags[TagOverlap] = "90d"
	}, []string{"key_unattached"}, true, 1},
	"the kid of another's key": {KindKey, func(t *testing.T, _ *world, s *fakeSecret, c *fakeClient, r *Rotator) {
		v, _ := keyJSON(t, r).Encode()
		mine, _ := clientsecret.Parse(v)
		mine.KeyID = c.pool[0].KeyID
		v, _ = mine.Encode()
		s.values["v0"] = v.Reveal()
	}, []string{"login_refused"}, false, 0},
	"no place for a new key": {KindKey, func(_ *testing.T, _ *world, _ *fakeSecret, c *fakeClient, _ *Rotator) {
		c.own("f1", "f1", true, 0, day)
		c.own("f2", "f2", true, 0, day)
		c.pool[1].Name, c.pool[2].Name, c.Attached = foreignName, foreignName, []string{"f1", "f2"}
	}, []string{"foreign_key", "foreign_key", "key_unattached"}, false, 0},
	"left over, attached": {KindKey, func(_ *testing.T, _ *world, _ *fakeSecret, c *fakeClient, _ *Rotator) {
		c.own("o", "o", true, 2*time.Hour, day)
	},
		[]string{"key_unstored"}, true, 0},
	"orphan": {KindKey, func(_ *testing.T, _ *world, _ *fakeSecret, c *fakeClient, _ *Rotator) {
		c.own("o", "o", false, 2*time.Hour, day)
	},
		[]string{"orphan_credential"}, true, 0},
	"orphan, fresh": {KindKey, func(_ *testing.T, _ *world, _ *fakeSecret, c *fakeClient, _ *Rotator) {
		c.own("o", "o", false, time.Minute, day)
	},
		[]string{"orphan_credential"}, false, 0},
	"overlap is over": {KindKey, func(t *testing.T, _ *world, s *fakeSecret, c *fakeClient, r *Rotator) {
		old := keyJSON(t, r)
		v, _ := old.Encode()
		add(s, "old", Previous, v.Reveal(), 40*day)
		c.own("o", old.KeyID, true, 40*day, day)
	}, []string{"overlap_over"}, true, 0},
}

func TestTheDoctor(t *testing.T) {
	for name, sick := range sicknesses {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				d := &Doctor{Rotator: w.rotator(), Catalog: fakeCatalog{w}}
				initial := secretJSON("initial")
				if sick.kind == KindKey {
					initial = keyJSON(t, d.Rotator)
				}
				w.put(map[string]string{TagKind: orDefault(sick.kind, KindSecret)}, initial)
				time.Sleep(48 * time.Hour)
				sick.make(t, w, w.state.secrets[arn], w.state.clients[client], d.Rotator)
				w.past = append(w.past, w.state.clone())
				worked := w.works()
				findings, err := d.Examine(t.Context(), arn)
				if err != nil {
					t.Fatal(err)
				}
				got, safe := []string(nil), true
				for _, f := range findings {
					got, safe = append(got, f.Slug), safe && f.Safe
					if f.Says == "" || f.Repair == "" || f.SecretID != arn {
						t.Errorf("%+v says too little", f)
					}
				}
				slices.Sort(got)
				if !slices.Equal(got, sick.want) || safe != sick.safe {
					t.Fatalf("found %v, safe %v; want %v, %v", got, safe, sick.want, sick.safe)
				}
				if safe {
					w.cure(t, d, findings)
				} else if _, err := d.Repair(t.Context(), findings[len(findings)-1]); !findings[len(findings)-1].Safe && fault.Reason(err) != "not_safe" {
					t.Errorf("an unsafe repair: %v", err)
				}
				if len(w.started) != sick.starts {
					t.Errorf("%d rotations started, want %d", len(w.started), sick.starts)
				}
				if worked && !w.works() {
					t.Error("the doctor broke it")
				}
				if len(w.twice) > 0 {
					t.Error(w.twice)
				}
			})
		})
	}
}

// cure repairs what was found, lets started rotations run and looks again.
func (w *world) cure(t *testing.T, d *Doctor, findings []Finding) {
	t.Helper()
	for _, f := range findings {
		if done, err := d.Repair(t.Context(), f); err != nil || !done {
			t.Fatalf("%s: %v, %v", f.Slug, done, err)
		}
	}
	for _, token := range w.started {
		if err := w.engine(d.Rotator, token, 2); err != nil {
			t.Fatal(err)
		}
		left, _ := d.Examine(t.Context(), arn) // the key that was in use until then
		for _, f := range left {
			if _, err := d.Repair(t.Context(), f); err != nil {
				t.Errorf("%s: %v", f.Slug, err)
			}
		}
	}
	again, err := d.Examine(t.Context(), arn)
	if err != nil || len(again) > 0 {
		t.Errorf("after the repair: %+v, %v", again, err)
	}
	for _, f := range findings {
		if done, err := d.Repair(t.Context(), f); done || err != nil {
			t.Errorf("%s was repaired twice: %v", f.Slug, err)
		}
	}
}

func (w *world) works() bool {
	c, ok := w.state.clients[client]
	return ok && w.storedWorks(c, c.now())
}
