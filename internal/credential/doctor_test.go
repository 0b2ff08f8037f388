package credential

import (
	"context"
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
		"two clients": {func(w *world, _ *Service, c Client) {
			w.clients["second"] = &fakeClient{State: State{ID: "second", Metadata: w.clients[c.ClientID].Metadata}}
		}, 2 * time.Hour, DoubledClient, false},
		"a client without its secret": {func(w *world, _ *Service, _ Client) { clear(w.secrets) }, 2 * time.Hour, ClientUnstored, false},
		"a key that is used":          {func(_ *world, s *Service, c Client) { addKey(s, c) }, 2 * time.Hour, "", false},
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
				if err != nil || test.want == "" && len(found) > 0 || test.want != "" && (len(found) != 1 || found[0].Slug != test.want || found[0].Safe != test.safe || found[0].Repair == "") {
					t.Fatalf("%+v, %v; want %s", found, err, test.want)
				}
				if test.want != "" {
					repaired(t, s, found[0])
				}
			})
		})
	}
}

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
	synctest.Test(t, func(t *testing.T) {
		w, s, made := furnished(t, PrivateKeyJWT)
		lost := w.clients[made.ClientID]
		delete(w.clients, made.ClientID)
		w.unmanage(made)
		time.Sleep(2 * time.Hour)
		found, err := s.Examine(t.Context())
		if err != nil || len(found) != 1 {
			t.Fatalf("%+v, %v", found, err)
		}
		w.clients[made.ClientID] = lost // it was only late
		if done, err := s.Repair(t.Context(), found[0]); done || err != nil || (fakeStore{w}).find(made.SecretARN).Deleted {
			t.Errorf("%v, %v", done, err)
		}
	})
}

// A list that could not be read is no reason to conclude anything.
func TestTheDoctorNeedsBothLists(t *testing.T) {
	for _, op := range []string{"store.requested", "tenant.marked"} {
		w, s, _ := furnished(t, PrivateKeyJWT)
		n := map[string]int{"store.requested": 1, "tenant.marked": 2}[op]
		w.point = &point{n, op, failOnce}
		if found, err := s.Examine(t.Context()); err == nil || len(found) > 0 {
			t.Errorf("%s: %+v, %v", op, found, err)
		}
	}
}

func (w *world) unmanage(c Client) { fakeStore{w}.find(c.SecretARN).Managed = false }

func addKey(s *Service, c Client) {
	if _, err := s.AddCredentials(s.Tenant.(fakeTenant).t.Context(), operation(1), c.ClientID, NewCredential{}); err != nil {
		s.Tenant.(fakeTenant).t.Fatal(err)
	}
}
