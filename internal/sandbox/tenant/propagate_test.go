package tenant

import (
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A clock stands still until it is moved.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.nanos.Add(int64(d)) }

// secretLogin is the status of a login with client_secret_post.
func (w *world) secretLogin(id, secret string) int {
	w.t.Helper()
	return w.token(url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret},
		"audience": {w.Audience()}}, nil).status
}

func (w *world) patchSecret(id, secret string) {
	w.t.Helper()
	if r := w.call("PATCH", "/api/v2/clients/"+id, map[string]any{"client_secret": secret}); r.status != 200 {
		w.t.Fatalf("%d %s", r.status, r.raw)
	}
}

const window = 30 * time.Second

// TestAcceptance changes a secret from one to two to three, ten seconds apart,
// and logs in with each of them and with the one it was born with.
func TestAcceptance(t *testing.T) {
	type look struct {
		after    time.Duration // since the change to "three"
		accepted string
	}
	tests := map[string]struct {
		accept Acceptance
		looks  []look
	}{
		"both": {AcceptBoth, []look{
			{0, "born one two three"}, {9 * time.Second, "born one two three"}, {10 * time.Second, "one two three"},
			{19 * time.Second, "one two three"}, {20 * time.Second, "two three"}, {30*time.Second - 1, "two three"}, {window, "three"}}},
		"old": {AcceptOld, []look{
			{0, "born"}, {10 * time.Second, "one"}, {20 * time.Second, "two"}, {30*time.Second - 1, "two"}, {window, "three"}}},
		"new": {AcceptNew, []look{{0, "three"}, {window, "three"}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			w := open(t, Options{Now: c.now, Quirks: Quirks{SecretPropagation: window, SecretAcceptance: test.accept}})
			id, born := w.AddManagementClient("read:clients")
			c.advance(window)
			secrets := map[string]string{"born": born, "one": "secret-one", "two": "secret-two", "three": "secret-three"}
			w.patchSecret(id, secrets["one"])
			c.advance(10 * time.Second)
			w.patchSecret(id, secrets["two"])
			c.advance(10 * time.Second)
			w.patchSecret(id, secrets["three"])
			changed := c.now()
			for _, look := range test.looks {
				c.advance(look.after - c.now().Sub(changed))
				var got, views []string
				for _, s := range []string{"born", "one", "two", "three"} {
					if w.Accepts(id, secrets[s]) {
						views = append(views, s)
					}
					if w.secretLogin(id, secrets[s]) == 200 {
						got = append(got, s)
					}
					if w.WillAccept(id, secrets[s]) != (s == "three") {
						t.Errorf("after %v: WillAccept(%s) = %v", look.after, s, s != "three")
					}
				}
				if strings.Join(got, " ") != look.accepted || strings.Join(views, " ") != look.accepted {
					t.Errorf("after %v: logged in %q, Accepts %q, want %q", look.after, got, views, look.accepted)
				}
			}
		})
	}
}

// TestAcceptEither draws 60 logins, in pairs of old and new, twice.
func TestAcceptEither(t *testing.T) {
	fates := func(seed uint64) string {
		c := newClock()
		w := open(t, Options{Now: c.now, Seed: seed, Quirks: Quirks{SecretPropagation: window, SecretAcceptance: AcceptEither}})
		id, old := w.AddManagementClient("read:clients")
		c.advance(window)
		w.patchSecret(id, "secret-new")
		var out strings.Builder
		for range 30 {
			fmt.Fprintf(&out, "%d/%d ", w.secretLogin(id, old)/100, w.secretLogin(id, "secret-new")/100)
		}
		if !w.Accepts(id, old) || !w.Accepts(id, "secret-new") || w.WillAccept(id, old) || w.Accepts(id, "secret-other") {
			t.Error("within the window: the views are wrong")
		}
		c.advance(window)
		for range 10 {
			if w.secretLogin(id, old) != 401 || w.secretLogin(id, "secret-new") != 200 {
				t.Error("after the window either still happens")
			}
		}
		return out.String()
	}
	first := fates(7)
	if first != fates(7) {
		t.Error("the same seed has other fates")
	}
	if first == fates(8) {
		t.Error("another seed has the same fates")
	}
	for _, fate := range []string{"2/2", "2/4", "4/2", "4/4"} {
		if !strings.Contains(first, fate) {
			t.Errorf("%s never happens: %s", fate, first)
		}
	}
}

func TestSecretScript(t *testing.T) {
	c := newClock()
	var seen []SecretLogin
	w := open(t, Options{Now: c.now, Quirks: Quirks{SecretPropagation: window}, OnSecretLogin: func(l SecretLogin) Acceptance {
		seen = append(seen, l)
		return []Acceptance{AcceptOld, AcceptNew, AcceptNew, AcceptOld}[l.N-1]
	}})
	id, old := w.AddManagementClient("read:clients")
	c.advance(window)
	w.patchSecret(id, "secret-new")
	c.advance(time.Second)
	var got []int
	for _, s := range []string{old, old, "secret-new", "secret-new"} {
		got = append(got, w.secretLogin(id, s))
	}
	if fmt.Sprint(got) != "[200 401 200 401]" {
		t.Errorf("statuses %v", got)
	}
	if len(seen) != 4 || seen[3] != (SecretLogin{ClientID: id, N: 4, Since: time.Second}) {
		t.Errorf("the script saw %v", seen)
	}
	c.advance(window)
	if w.secretLogin(id, "secret-new") != 200 || len(seen) != 4 {
		t.Error("the script is asked although nothing spreads")
	}
}

func TestPropagationCanBeReplaced(t *testing.T) {
	c := newClock()
	w := open(t, Options{Now: c.now})
	id, old := w.AddManagementClient("read:clients")
	c.advance(window)
	w.patchSecret(id, "secret-new")
	if w.secretLogin(id, old) != 401 {
		t.Error("without a window the old secret works")
	}
	if err := w.SetPropagation(Propagation{Window: window}); err != nil {
		t.Fatal(err)
	}
	if w.secretLogin(id, old) != 200 {
		t.Error("the window does not hold for a change that is under way")
	}
	for _, d := range []time.Duration{-1, window + 1} {
		if w.SetPropagation(Propagation{Window: d}) == nil {
			t.Errorf("a window of %v is accepted", d)
		}
	}
}

// TestSameSecretAgain sets a secret to what it is: nothing spreads anew.
func TestSameSecretAgain(t *testing.T) {
	c := newClock()
	w := open(t, Options{Now: c.now, Quirks: Quirks{SecretPropagation: window}})
	id, old := w.AddManagementClient("read:clients")
	c.advance(window)
	w.patchSecret(id, "secret-new")
	c.advance(20 * time.Second)
	w.patchSecret(id, "secret-new")
	c.advance(10 * time.Second)
	if w.secretLogin(id, old) != 401 || w.secretLogin(id, "secret-new") != 200 {
		t.Error("the window of the first change is not over")
	}
	counts := w.ChangeCounts(id)
	if counts[SecretSet] != 1 || counts[SecretRepeated] != 1 || counts[SecretGenerated] != 0 {
		t.Errorf("counts %v", counts)
	}
}
