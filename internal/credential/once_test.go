package credential

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// A client whose answer was lost is looked for by its own request: one that
// another request has made is nobody's to take.
func TestTheClientOfAnotherRequestIsNotTaken(t *testing.T) {
	for w := killBefore; w <= lostAll; w++ {
		synctest.Test(t, func(t *testing.T) {
			world := newWorld(t)
			s := world.service()
			other, err := s.CreateClient(t.Context(), operation(1), NewClient{Name: "other", AuthMethod: ClientSecretPost})
			if err != nil {
				t.Fatal(err)
			}
			before := world.clients[other.ClientID].secret
			world.calls, world.point = nil, &point{2, "tenant.create", w}
			op, n := testOperation, NewClient{Name: "orders", AuthMethod: ClientSecretPost}
			made, err := s.CreateClient(t.Context(), op, n)
			for tries := 0; err != nil && tries < 6; tries++ {
				world.dead, world.holding, world.point, op.Resumed = false, "", keepUnstruck(world), true
				made, err = s.CreateClient(t.Context(), op, n)
			}
			if err != nil || made.ClientID == other.ClientID || !world.struck || !world.clients[other.ClientID].secret.Equal(before) {
				t.Errorf("%s: %+v beside %+v, %v", ways[w], made, other, err)
			}
		})
	}
}

// A request is the same one also where nobody says that it is a repetition, as
// after its record has expired; and what is whole is not made again.
func TestARepetitionMakesNothing(t *testing.T) {
	for _, k := range kinds(t) {
		for _, resumed := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				k.setUp(w)
				first, err := k.make(w, testOperation)
				if err != nil {
					t.Fatal(err)
				}
				w.calls = nil
				op := testOperation
				op.Resumed = resumed
				again, err := k.make(w, op)
				if err != nil || !reflect.DeepEqual(again, first) {
					t.Errorf("%s, resumed %v: %+v, %v; before %+v", k.name, resumed, again, err, first)
				}
				k.check(t, w, again)
				if slices.ContainsFunc(w.calls, func(op string) bool { return strings.HasPrefix(op, "tenant.") && slices.Contains(writes, op) }) {
					t.Errorf("%s, resumed %v: the tenant was changed: %v", k.name, resumed, w.calls)
				}
			})
		}
	}
}

func TestWhatAClientSaysOfItsMaking(t *testing.T) {
	for _, by := range []string{"", "alice"} {
		w := newWorld(t)
		made, err := w.service().CreateClient(t.Context(), testOperation, NewClient{Name: "orders", RequestedBy: by})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{MarkRequest: testOperation.ID, MarkSecret: made.SecretARN}
		if by != "" {
			want[MarkAsked] = by
		}
		if got := w.only().Metadata; !reflect.DeepEqual(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		if slices.Contains(w.calls, "tenant.secret") {
			t.Errorf("a client with a key was given a secret: %v", w.calls)
		}
	}
}

func TestASecretSaysWhatItHolds(t *testing.T) {
	for method, kind := range map[string]string{PrivateKeyJWT: PrivateKeyJWT, ClientSecretPost: "client_secret"} {
		w, _, made := furnished(t, method)
		if there := (fakeStore{w}).find(made.SecretARN); there.Kind != kind || there.ClientID != made.ClientID {
			t.Errorf("%s: kind %q of client %q", method, there.Kind, there.ClientID)
		}
	}
}

// A strict tenant makes no grants.
type strict struct {
	fakeTenant
	err error
}

func (s strict) Grant(context.Context, string, Grant) error { return s.err }

// A grant that is refused for now leaves what was made to the next try; one
// that is refused for good leaves nothing.
func TestAGrantThatIsRefused(t *testing.T) {
	for kind, want := range map[fault.Kind]struct {
		reason string
		left   int
	}{
		fault.RateLimited: {"rate_limited", 1}, fault.Unavailable: {"unavailable", 1}, fault.Unauthenticated: {"unauthenticated", 1},
		fault.Denied: {"denied", 0}, fault.NotFound: {"grant_refused", 0}, fault.Invalid: {"grant_refused", 0},
	} {
		w := newWorld(t)
		s := w.service()
		s.Tenant = strict{fakeTenant{w}, refused(kind, "")}
		_, err := s.CreateClient(t.Context(), testOperation, NewClient{Name: "orders", Grants: []Grant{{Audience: "https://orders.example.com"}}})
		if fault.Reason(err) != want.reason || len(w.clients) != want.left || len(w.secrets) != want.left {
			t.Errorf("%v: %v; %d clients, %d secrets", kind, err, len(w.clients), len(w.secrets))
		}
	}
}

// A slow tenant does not show yet, at first, what it has made.
type slow struct {
	fakeTenant
	unseen int
}

func (s *slow) SetSecret(ctx context.Context, id string, v secret.Value) error {
	if s.unseen--; s.unseen >= 0 {
		return refused(fault.NotFound, "inexistent_client")
	}
	return s.fakeTenant.SetSecret(ctx, id, v)
}

// A client that was made a moment ago and is not seen yet is neither undone nor
// refused for good.
func TestAClientThatIsNotSeenYet(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	s.Tenant = &slow{fakeTenant{w}, 1}
	op, n := testOperation, NewClient{Name: "orders", AuthMethod: ClientSecretPost}
	if _, err := s.CreateClient(t.Context(), op, n); !fault.KindOf(err).Transient() || fault.Reason(err) != "client_unseen" || len(w.clients) != 1 || len(w.secrets) != 1 {
		t.Fatalf("%v; %d clients, %d secrets", err, len(w.clients), len(w.secrets))
	}
	op.Resumed = true
	made, err := s.CreateClient(t.Context(), op, n)
	if err != nil || made.ClientID != w.only().ID {
		t.Errorf("%+v, %v", made, err)
	}
}

// A name that is longer than the tenant keeps is left out, for the tenant would
// refuse the client; the secret's tags say whose it is.
func TestALongNameOfASecretIsNoMetadata(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	s.Prefix = strings.Repeat("x", maxMetadata) + "/"
	if _, err := s.CreateClient(t.Context(), testOperation, NewClient{Name: "orders"}); err != nil {
		t.Fatal(err)
	}
	if got := w.only().Metadata; !reflect.DeepEqual(got, map[string]string{MarkRequest: testOperation.ID}) {
		t.Errorf("%v", got)
	}
}
