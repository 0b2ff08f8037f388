package credential

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
)

// The crash matrix of what is made: every remote call of an undisturbed run, as
// recorded, is broken in every way, and the request repeated as the same
// operation until it succeeds. Then there has to be one of everything, the
// answer of an undisturbed run, and nothing that nobody owns. The same is done
// on the wire by clientkeeper crash.

var testOperation = Operation{ID: strings.Repeat("a", 20) + "bcdefg"}

// A kind is something that is made.
type kind struct {
	name  string
	setUp func(*world)
	make  func(*world, Operation) (any, error)
	check func(*testing.T, *world, any)
}

func kinds(t *testing.T) []kind {
	grants := []Grant{{"https://orders.example.com", []string{"read:orders"}}, {"https://stock.example.com", nil}}
	client := func(method string) func(*world, Operation) (any, error) {
		return func(w *world, op Operation) (any, error) {
			return w.service().CreateClient(w.t.Context(), op, NewClient{Name: "orders", AuthMethod: method, Grants: grants, RequestedBy: "alice"})
		}
	}
	add := func(n NewCredential) func(*world, Operation) (any, error) {
		return func(w *world, op Operation) (any, error) {
			return w.service().AddCredentials(w.t.Context(), op, w.only().ID, n)
		}
	}
	existing := func(w *world) {
		_, err := w.service().CreateClient(w.t.Context(), Operation{ID: strings.Repeat("z", 26)}, NewClient{Name: "there already"})
		if err != nil {
			t.Fatal(err)
		}
		w.calls = nil
	}
	key := public(t, 0)
	set := []byte(`{"keys":[` + jwk(t, 0, "first-key-1") + `,` + jwk(t, 1, "second-key") + `]}`)
	return []kind{
		{"client, private_key_jwt", func(*world) {}, client(PrivateKeyJWT), oneClient},
		{"client, client_secret_post", func(*world) {}, client(ClientSecretPost), oneClient},
		{"key made here", existing, add(NewCredential{ExpiresIn: time.Hour}), added(1, false)},
		{"key made here, attached", existing, add(NewCredential{Name: "ci", Attach: true}), added(1, true)},
		{"own key", existing, add(NewCredential{PEM: key}), added(1, false)},
		{"own key, attached", existing, add(NewCredential{PEM: key, Attach: true}), added(1, true)},
		{"own keys, a set", existing, add(NewCredential{JWKS: set}), added(2, false)},
		{"subject of a certificate", existing, add(NewCredential{SubjectDN: "CN=orders", Use: TLS}), added(1, false)},
	}
}

func TestCrashMatrix(t *testing.T) {
	points, tries := 0, 0
	for _, k := range kinds(t) {
		t.Run(k.name, func(t *testing.T) {
			plain, calls, _ := attempt(t, k, nil)
			if len(calls) < 4 {
				t.Fatalf("only %d calls were recorded: %v", len(calls), calls)
			}
			for i, op := range calls {
				for w := killBefore; w <= lostAll; w++ {
					if w > killAfter && !slices.Contains(writes, op) {
						continue
					}
					p := &point{n: i + 1, op: op, way: w}
					answer, _, n := attempt(t, k, p)
					points++
					tries += n
					if !alike(plain, answer) {
						t.Errorf("%s: answer %+v, undisturbed %+v", p, answer, plain)
					}
				}
			}
		})
	}
	t.Logf("%d points, %d tries", points, tries)
}

// attempt makes a thing in a world of its own, and looks at what there is.
func attempt(t *testing.T, k kind, p *point) (answer any, calls []string, tries int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		k.setUp(w)
		w.point = p
		answer, calls, tries = insist(t, w, k)
		if answer == nil {
			t.Errorf("%v: no answer", p)
			return
		}
		if p != nil && !w.struck {
			t.Errorf("%v: was not met", p)
		}
		k.check(t, w, answer)
		// Whoever lost the answer gets it again.
		w.point = nil
		op := testOperation
		op.Resumed = true
		again, err := k.make(w, op)
		if err != nil || !reflect.DeepEqual(again, answer) {
			t.Errorf("%v: again %+v, %v; before %+v", p, again, err, answer)
		}
		k.check(t, w, again)
		if t.Failed() {
			t.Logf("point %v", p)
		}
	})
	return answer, calls, tries
}

// insist repeats the request until it succeeds, as a caller does.
func insist(t *testing.T, w *world, k kind) (answer any, calls []string, tries int) {
	t.Helper()
	const most = 6
	for tries = 1; tries <= most; tries++ {
		op := testOperation
		op.Resumed = tries > 1
		answer, err := k.make(w, op)
		if tries == 1 {
			calls = slices.Clone(w.calls)
		}
		if err == nil {
			return answer, calls, tries
		}
		if fault.KindOf(err).Permanent() {
			t.Errorf("%v: refused for good: %v", w.point, err)
			return nil, calls, tries
		}
		w.dead, w.holding, w.point = false, "", keepUnstruck(w)
		w.calls = nil
	}
	return nil, calls, tries
}

// Removing is broken at every call, too, and repeated until the credential is
// gone: the others stay attached at every instant, and a private half that is
// left is one that the doctor names.
func TestEveryCallOfARemovalBroken(t *testing.T) {
	for _, attached := range []bool{false, true} {
		points := 0
		for n := 1; ; n++ {
			met := false
			for how := killBefore; how <= lostAll; how++ {
				synctest.Test(t, func(t *testing.T) { met = removeBroken(t, n, how, attached) || met })
			}
			if !met {
				break
			}
			points += len(ways)
		}
		t.Logf("attached %v: %d points", attached, points)
		if points < 5*len(ways) {
			t.Errorf("attached %v: only %d points", attached, points)
		}
	}
}

func removeBroken(t *testing.T, n int, how way, attached bool) (met bool) {
	t.Helper()
	w, s, made := furnished(t, PrivateKeyJWT)
	added, err := s.AddCredentials(t.Context(), operation(1), made.ClientID, NewCredential{Attach: attached})
	if err != nil {
		t.Fatal(err)
	}
	c := w.clients[made.ClientID]
	managed := c.Attached[0]
	w.calls = nil
	w.anyOp, w.point = true, &point{n: n, way: how}
	for range 6 {
		err = s.Remove(t.Context(), made.ClientID, added[0].ID, false)
		if !slices.Contains(c.Attached, managed) {
			t.Errorf("%d %s: the managed key was detached", n, ways[how])
		}
		if err == nil || fault.KindOf(err) == fault.NotFound {
			break
		}
		w.dead, w.holding, w.point, w.calls = false, "", keepUnstruck(w), nil
	}
	if err != nil && fault.KindOf(err) != fault.NotFound || c.find(added[0].ID) != nil || len(c.Attached) != 1 {
		t.Errorf("%d %s: %v; left %+v, attached %v", n, ways[how], err, c.credentials, c.Attached)
	}
	w.point = nil
	if there := (fakeStore{w}).find(added[0].SecretARN); !there.Deleted {
		time.Sleep(2 * time.Hour)
		found, err := s.Examine(t.Context())
		if err != nil || len(found) != 1 || found[0].Slug != OrphanKey || !found[0].Safe {
			t.Errorf("%d %s: the private half is left, and the doctor says %+v, %v", n, ways[how], found, err)
		}
	}
	return w.struck
}

// keepUnstruck: a point that was struck does not strike again.
func keepUnstruck(w *world) *point {
	if w.struck {
		return nil
	}
	return w.point
}

// alike compares answers of different worlds, where times and ids may differ.
func alike(a, b any) bool { return shape(a) == shape(b) }

func shape(v any) string {
	switch v := v.(type) {
	case Client:
		return fmt.Sprint(v.Name, v.AuthMethod, v.SecretARN)
	case []Credential:
		var out []string
		for _, c := range v {
			out = append(out, fmt.Sprint(c.Name, c.Type, c.Alg, c.Attached, c.SecretARN))
		}
		return strings.Join(out, "\n")
	}
	return fmt.Sprint(v)
}

// only is the client, if there is one.
func (w *world) only() State {
	w.t.Helper()
	if len(w.clients) != 1 {
		w.t.Errorf("%d clients, want one", len(w.clients))
	}
	for _, c := range w.clients {
		return c.State
	}
	return State{}
}

type storedValue struct {
	ClientID string `json:"client_id"`
	Secret   string `json:"client_secret"`
	KeyID    string `json:"kid"`
	Key      string `json:"private_key_pem"`
}

func (s *fakeSecret) value(t *testing.T) (v storedValue) {
	t.Helper()
	if err := json.Unmarshal([]byte(s.versions[s.current].Reveal()), &v); err != nil {
		t.Error(err)
	}
	return v
}

func oneClient(t *testing.T, w *world, answer any) {
	t.Helper()
	made := answer.(Client)
	only := w.only()
	if made.ClientID != only.ID || len(w.secrets) != 1 {
		t.Errorf("answer %+v, client %s, %d secrets", made, only.ID, len(w.secrets))
	}
	c := w.clients[only.ID]
	for _, s := range w.secrets {
		v := s.value(t)
		if s.ARN != made.SecretARN || !s.Managed || !s.RotationEnabled || v.ClientID != only.ID || s.Tags[TagRequest] != testOperation.ID {
			t.Errorf("secret %+v of client %s", s.Stored, v.ClientID)
		}
		switch made.AuthMethod {
		case PrivateKeyJWT:
			if len(c.credentials) != 1 || c.credentials[0].KeyID != v.KeyID || !slices.Contains(c.Attached, c.credentials[0].ID) {
				t.Errorf("credentials %+v, stored %s", c.credentials, v.KeyID)
			}
		default:
			if c.secret.Reveal() != v.Secret || v.Secret == "" {
				t.Error("the stored secret is not the client's")
			}
		}
	}
	if len(c.grants) != 2 {
		t.Errorf("grants %v", c.grants)
	}
}

// added checks that there are n credentials more, each once, and a secret for a
// key that was made here.
func added(n int, attached bool) func(*testing.T, *world, any) {
	return func(t *testing.T, w *world, answer any) {
		t.Helper()
		made := answer.([]Credential)
		c := w.clients[w.only().ID]
		if len(made) != n || len(c.credentials) != 1+n {
			t.Errorf("%d credentials answered, %d there", len(made), len(c.credentials))
			return
		}
		secrets := 1
		for _, k := range made {
			there := c.find(k.ID)
			if there == nil || there.KeyID != k.KeyID || k.Attached != attached || slices.Contains(c.Attached, k.ID) != attached {
				t.Errorf("answered %+v, there %+v, attached %v", k, there, c.Attached)
			}
			if k.SecretARN == "" {
				continue
			}
			secrets++
			s := fakeStore{w}.find(k.SecretARN)
			if s == nil || s.value(t).KeyID != k.KeyID || s.Tags[TagKeyOf] != c.ID || s.Managed {
				t.Errorf("secret %+v of key %s", s, k.KeyID)
			}
		}
		if len(w.secrets) != secrets {
			t.Errorf("%d secrets, want %d", len(w.secrets), secrets)
		}
		if !slices.Contains(c.Attached, c.credentials[0].ID) {
			t.Error("the key that was there is not attached any more")
		}
	}
}
