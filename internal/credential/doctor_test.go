package credential

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
)

func TestWhatTheDoctorFinds(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*world, *Service, Client)
		age   time.Duration
		want  string // slug
		safe  bool
	}{
		"all is well": {func(*world, *Service, Client) {}, 2 * time.Hour, "", false},
		"a secret and no client": {func(w *world, _ *Service, c Client) {
			delete(w.clients, c.ClientID)
			w.unmanage(c)
		}, 2 * time.Hour, UnfinishedClient, true},
		"the same, just now": {func(w *world, _ *Service, c Client) {
			delete(w.clients, c.ClientID)
			w.unmanage(c)
		}, time.Minute, "", false},
		"a secret and a client": {func(w *world, _ *Service, c Client) { w.unmanage(c) }, 2 * time.Hour, UnfinishedClient, false},
		"another tenant's secret": {func(w *world, _ *Service, c Client) {
			delete(w.clients, c.ClientID)
			w.unmanage(c)
			fakeStore{w}.find(c.SecretARN).Ours = false
		}, 2 * time.Hour, "", false},
		"two clients": {func(w *world, _ *Service, c Client) {
			w.clients["second"] = &fakeClient{State: State{ID: "second", Metadata: w.clients[c.ClientID].Metadata}}
		}, 2 * time.Hour, DoubledClient, false},
		"a client without its secret": {func(w *world, _ *Service, _ Client) { clear(w.secrets) }, 2 * time.Hour, ClientUnstored, false},
		"the same, adopted since": {func(w *world, _ *Service, c Client) {
			clear(w.secrets)
			w.secrets["adopted"] = &fakeSecret{Stored: Stored{ARN: "arn:adopted", Name: "adopted", Ours: true, Managed: true, ClientID: c.ClientID}}
		}, 2 * time.Hour, "", false},
		"a client whose secret is to be deleted": {func(w *world, _ *Service, c Client) { fakeStore{w}.find(c.SecretARN).Deleted = true }, 2 * time.Hour, ClientUnstored, false},
		"a list that is behind": {func(w *world, s *Service, c Client) {
			w.unmanage(c)
			s.Store = unlisted{fakeStore{w}}
		}, time.Minute, "", false},
		"a key that is used": {func(_ *world, s *Service, c Client) { addKey(s, c) }, 2 * time.Hour, "", false},
		"a key whose credential is gone": {func(w *world, s *Service, c Client) {
			addKey(s, c)
			w.clients[c.ClientID].credentials = w.clients[c.ClientID].credentials[:1]
		}, 2 * time.Hour, OrphanKey, true},
		"a key whose client is gone": {func(w *world, s *Service, c Client) {
			addKey(s, c)
			delete(w.clients, c.ClientID)
		}, 2 * time.Hour, OrphanKey, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, s, made := furnished(t, PrivateKeyJWT)
				test.spoil(w, s, made)
				time.Sleep(test.age)
				found, err := s.Examine(t.Context())
				if err != nil || test.want == "" && len(found) > 0 || test.want != "" && (len(found) != 1 || found[0].Slug != test.want || found[0].Safe != test.safe || found[0].Says == "" || found[0].Repair == "") {
					t.Fatalf("%+v, %v; want %s", found, err, test.want)
				}
				if test.want != "" {
					repaired(t, s, found[0])
				}
			})
		})
	}
}

// unlisted has secrets that its list does not show yet.
type unlisted struct{ fakeStore }

func (unlisted) Requested(context.Context) ([]Stored, error) { return nil, nil }

// repaired repairs a finding once, if that is safe, and then it is gone.
func repaired(t *testing.T, s *Service, f Finding) {
	t.Helper()
	done, err := s.Repair(t.Context(), f)
	if !f.Safe {
		if done || fault.Reason(err) != "not_safe" {
			t.Errorf("%v, %v: repaired what is not safe", done, err)
		}
		return
	}
	if !done || err != nil {
		t.Errorf("%v, %v", done, err)
	}
	if found, err := s.Examine(t.Context()); len(found) > 0 || err != nil {
		t.Errorf("after the repair: %+v, %v", found, err)
	}
	if done, err := s.Repair(t.Context(), f); done || err != nil {
		t.Errorf("repaired again: %v, %v", done, err)
	}
}

// A tenant may be served from several accounts and regions. A client whose
// secret is elsewhere keeps nobody from looking, and the finding says where.
func TestASecretElsewhere(t *testing.T) {
	for _, kind := range []fault.Kind{fault.NotFound, fault.Denied, fault.Invalid} {
		w, s, made := furnished(t, PrivateKeyJWT)
		const arn = "arn:aws:secretsmanager:us-east-1:999999999999:secret:clients/orders-AbCdEf"
		w.clients["elsewhere"] = &fakeClient{State: State{ID: "elsewhere", Metadata: map[string]string{MarkRequest: operation(5).ID, MarkSecret: arn}}}
		s.Store = abroad{fakeStore{w}, arn, kind}
		found, err := s.Examine(t.Context())
		if err != nil || len(found) != 1 || found[0].Slug != ClientUnstored || found[0].Safe || !strings.Contains(found[0].Says, arn) {
			t.Errorf("%v: %+v, %v", kind, found, err)
		}
		if _, err := s.Credentials(t.Context(), made.ClientID); err != nil {
			t.Error(err)
		}
	}
	w, s, _ := furnished(t, PrivateKeyJWT)
	clear(w.secrets)
	s.Store = abroad{fakeStore{w}, w.only().Metadata[MarkSecret], fault.Unavailable}
	if found, err := s.Examine(t.Context()); err == nil || len(found) > 0 {
		t.Errorf("not readable: %+v, %v", found, err)
	}
}

// abroad has a secret that cannot be looked at.
type abroad struct {
	fakeStore
	arn  string
	kind fault.Kind
}

func (a abroad) Describe(ctx context.Context, id string) (Stored, error) {
	if id == a.arn {
		return Stored{}, refused(a.kind, "")
	}
	return a.fakeStore.Describe(ctx, id)
}

// What is no longer so is not repaired.
func TestARepairLooksAgain(t *testing.T) {
	for name, undo := range map[string]func(*world, *fakeClient, *fakeSecret){
		"the client was only late": func(w *world, c *fakeClient, _ *fakeSecret) { w.clients[c.ID] = c },
		"somebody took the secret": func(_ *world, _ *fakeClient, s *fakeSecret) { delete(s.Tags, TagRequest) },
	} {
		synctest.Test(t, func(t *testing.T) {
			w, s, made := furnished(t, PrivateKeyJWT)
			lost, there := w.clients[made.ClientID], fakeStore{w}.find(made.SecretARN)
			delete(w.clients, made.ClientID)
			w.unmanage(made)
			time.Sleep(2 * time.Hour)
			found, err := s.Examine(t.Context())
			if err != nil || len(found) != 1 || found[0].Name != there.Name {
				t.Fatalf("%s: %+v, %v", name, found, err)
			}
			undo(w, lost, there)
			if done, err := s.Repair(t.Context(), found[0]); done || err != nil || there.Deleted {
				t.Errorf("%s: %v, %v", name, done, err)
			}
		})
	}
}

// What could not be read is no reason to conclude anything, whichever of all
// reads it was.
func TestTheDoctorNeedsAllItReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, made := furnished(t, PrivateKeyJWT)
		addKey(s, made)
		w.clients[made.ClientID].credentials = w.clients[made.ClientID].credentials[:1]
		w.clients["left"] = &fakeClient{State: State{ID: "left", Metadata: map[string]string{MarkRequest: operation(5).ID, MarkSecret: "arn:gone"}}}
		time.Sleep(2 * time.Hour)
		reads := everyRead(t, w, 2, func() (int, error) {
			found, err := s.Examine(t.Context())
			return len(found), err
		})
		if want := []string{"store.requested", "tenant.marked", "tenant.credentials", "store.describe", "store.managed"}; !slices.Equal(reads, want) {
			t.Errorf("read %v, want %v", reads, want)
		}
	})
}

func TestARepairNeedsAllItReads(t *testing.T) {
	for name, spoil := range map[string]func(*world, *Service, Client){
		"no client": func(w *world, _ *Service, c Client) {
			delete(w.clients, c.ClientID)
			w.unmanage(c)
		},
		"no credential": func(w *world, s *Service, c Client) {
			addKey(s, c)
			w.clients[c.ClientID].credentials = w.clients[c.ClientID].credentials[:1]
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, s, made := furnished(t, PrivateKeyJWT)
			spoil(w, s, made)
			time.Sleep(2 * time.Hour)
			found, err := s.Examine(t.Context())
			if err != nil || len(found) != 1 {
				t.Fatalf("%s: %+v, %v", name, found, err)
			}
			there := fakeStore{w}.find(found[0].SecretARN)
			everyRead(t, w, 1, func() (discarded int, err error) {
				_, err = s.Repair(t.Context(), found[0])
				if there.Deleted {
					discarded = 1
				}
				return discarded, err
			})
		})
	}
}

// everyRead has f fail at each call in turn, which has to be its error and the
// reason to do nothing, and once at none, which has to do what is wanted. It
// returns the calls.
func everyRead(t *testing.T, w *world, want int, f func() (int, error)) (calls []string) {
	t.Helper()
	w.anyOp = true
	for n := 1; n < 100; n++ {
		w.calls, w.struck, w.point = nil, false, &point{n: n, way: failOnce}
		got, err := f()
		if !w.struck {
			if err != nil || got != want {
				t.Errorf("nothing failed: %d, %v; want %d", got, err, want)
			}
			return w.calls
		}
		if err == nil || got != 0 {
			t.Errorf("%v failed: %d, %v", w.calls, got, err)
		}
	}
	t.Fatal("it never ends")
	return nil
}

// The same report comes in the same order, whatever that of the list is.
func TestFindingsAreInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for _, name := range []string{"c", "a", "b"} {
			w.secrets[name] = &fakeSecret{Stored: Stored{ARN: "arn:" + name, Name: name, Ours: true, Created: time.Now(), Tags: map[string]string{TagRequest: name}}}
		}
		time.Sleep(2 * time.Hour)
		for range 20 { // a map's order is another one each time
			found, err := w.service().Examine(t.Context())
			if err != nil || len(found) != 3 || found[0].Name != "a" || found[1].Name != "b" || found[2].Name != "c" {
				t.Fatalf("%+v, %v", found, err)
			}
		}
	})
}

func (w *world) unmanage(c Client) { fakeStore{w}.find(c.SecretARN).Managed = false }

func addKey(s *Service, c Client) {
	if _, err := s.AddCredentials(s.Tenant.(fakeTenant).t.Context(), operation(1), c.ClientID, NewCredential{}); err != nil {
		s.Tenant.(fakeTenant).t.Fatal(err)
	}
}
