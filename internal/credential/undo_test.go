package credential

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"clientkeeper/internal/fault"
)

// keeps is a tenant that deletes no client.
type keeps struct {
	fakeTenant
	why error
}

func (k keeps) DeleteClient(context.Context, string) error { return k.why }

// Where what was made cannot be removed for now, the caller repeats; where it
// may never be, there is nothing to repeat. The secret stays as long as its
// client does.
func TestARefusalWhoseTracesStay(t *testing.T) {
	for kind, want := range map[fault.Kind]string{fault.Unavailable: "refused_half_way", fault.RateLimited: "refused_half_way", fault.Denied: "grant_refused"} {
		w := newWorld(t)
		s, n := w.service(), NewClient{Name: "orders", Grants: []Grant{{Audience: "https://unknown.example.com"}}}
		why := errors.New("why")
		s.Tenant = keeps{fakeTenant{w}, &fault.Error{Kind: kind, Op: "fake", Err: why}}
		_, err := s.CreateClient(t.Context(), testOperation, n)
		if fault.Reason(err) != want || len(w.clients) != 1 || len(w.secrets) != 1 {
			t.Errorf("%v: %v, want %s; %d clients, %d secrets", kind, err, want, len(w.clients), len(w.secrets))
		}
		if e, ok := errors.AsType[*fault.Error](err); !ok || e.Op == "" || e.Detail == "" || e.Next == "" {
			t.Errorf("%v: %#v does not say where, what, or what to do", kind, err)
		}
		if kind != fault.Denied && (fault.KindOf(err) != fault.Unavailable || fault.RetryAfter(err) == 0 || !errors.Is(err, why)) {
			t.Errorf("%v: %v is not to be repeated, or does not say why", kind, err)
		}
		_, err = w.service().CreateClient(t.Context(), Operation{ID: testOperation.ID, Resumed: true}, n)
		if fault.Reason(err) != "grant_refused" || len(w.clients)+len(w.secrets) > 0 {
			t.Errorf("%v, repeated: %v; %d clients, %d secrets", kind, err, len(w.clients), len(w.secrets))
		}
	}
}

// A request that is no longer allowed is refused for good only when nothing of
// it is left, whatever fails on the way there.
func TestAWithdrawalThatFails(t *testing.T) {
	for way := killBefore; way <= lostAll; way++ {
		struck := 0
		for at := 1; at < 20; at++ {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				n := NewClient{Name: "orders", Grants: []Grant{{Audience: "https://orders.example.com"}}}
				w.point = &point{n: 3, op: "tenant.grant", way: killBefore}
				if _, err := w.service().CreateClient(t.Context(), testOperation, n); err == nil || len(w.clients) != 1 || len(w.secrets) != 1 {
					t.Fatalf("%v after %v", err, w.calls)
				}
				again := func() error {
					s := w.service()
					s.Audiences = nil
					w.calls, w.dead, w.holding = nil, false, ""
					_, err := s.CreateClient(t.Context(), Operation{ID: testOperation.ID, Resumed: true}, n)
					return err
				}
				w.struck, w.anyOp, w.point = false, true, &point{n: at, way: way}
				err := again()
				if w.struck {
					struck++
				}
				switch refused := fault.Reason(err) == "audience_not_allowed"; {
				case refused && len(w.clients)+len(w.secrets) > 0:
					t.Errorf("call %d %s: refused for good after %v; %d clients, %d secrets", at, ways[way], w.calls, len(w.clients), len(w.secrets))
				case !refused && !fault.KindOf(err).Transient():
					t.Errorf("call %d %s: %v after %v", at, ways[way], err, w.calls)
				case len(w.clients) > len(w.secrets):
					t.Errorf("call %d %s: the secret went before its client: %v", at, ways[way], w.calls)
				}
				w.point = nil
				if err := again(); fault.Reason(err) != "audience_not_allowed" || len(w.clients)+len(w.secrets) > 0 {
					t.Errorf("call %d %s, repeated: %v; %d clients, %d secrets", at, ways[way], err, len(w.clients), len(w.secrets))
				}
			})
		}
		if struck != 5 {
			t.Errorf("%s: %d calls were broken, want those that read the secret, its value and the clients, and that delete both", ways[way], struck)
		}
	}
}

// Without a client there is none to delete.
func TestAClientThatWasNeverMadeIsNotDeleted(t *testing.T) {
	w := newWorld(t)
	_, err := w.service().CreateClient(t.Context(), testOperation, NewClient{Name: "refused"})
	if fault.Reason(err) != "invalid_body" || len(w.secrets) > 0 || slices.Contains(w.calls, "tenant.delete") {
		t.Errorf("%v after %v; %d secrets", err, w.calls, len(w.secrets))
	}
}

// A secret that another request has made is not there to be removed.
func TestASecretOfAnotherRequestStays(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	name := s.secretName("orders", testOperation)
	w.secrets[name] = &fakeSecret{Stored: Stored{ARN: "arn:theirs", Name: name, Tags: map[string]string{TagRequest: operation(5).ID}}}
	_, err := s.CreateClient(t.Context(), testOperation, NewClient{Name: "orders"})
	if fault.Reason(err) != "secret_name_taken" || w.secrets[name] == nil || slices.Contains(w.calls, "store.erase") {
		t.Errorf("%v after %v", err, w.calls)
	}
}

// What is not allowed costs the tenant nothing, and the first time nobody.
func TestWhatIsNotAllowedIsRefusedAtOnce(t *testing.T) {
	for resumed, want := range map[bool]string{false: "", true: "store.describe"} {
		w := newWorld(t)
		s := w.service()
		s.Audiences = nil
		_, err := s.CreateClient(t.Context(), Operation{ID: testOperation.ID, Resumed: resumed}, NewClient{Name: "orders", Grants: []Grant{{Audience: "https://orders.example.com"}}})
		if got := strings.Join(w.calls, " "); fault.Reason(err) != "audience_not_allowed" || got != want {
			t.Errorf("resumed %v: %v after %q, want %q", resumed, err, got, want)
		}
	}
}
