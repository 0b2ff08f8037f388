package rotation

import (
	"fmt"
	"testing"
	"testing/synctest"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// What a version can hold.
const (
	nothingStored = iota
	oursStored
	foreignStored
	brokenStored
	contents
)

// A layout is a state of up to three versions: what each holds, and where each
// label is (an index of a version, or -1).
type layout struct {
	holds                      []int
	current, pending, previous int
	token                      int // the version that is asked for
}

func layouts(yield func(layout) bool) {
	for n := 1; n <= 3; n++ {
		total := 1
		for range n {
			total *= contents
		}
		for code := range total {
			holds := make([]int, n)
			for i, c := 0, code; i < n; i, c = i+1, c/contents {
				holds[i] = c % contents
			}
			for current := -1; current < n; current++ {
				for pending := -1; pending < n; pending++ {
					for previous := -1; previous < n; previous++ {
						for token := range n {
							if !yield(layout{holds, current, pending, previous, token}) {
								return
							}
						}
					}
				}
			}
		}
	}
}

// want is the documented result, in the words of the package comment.
func (l layout) want() string {
	holding := func(i int) int {
		if i < 0 {
			return nothingStored
		}
		return l.holds[i]
	}
	switch {
	case l.token == l.current:
		return "over"
	case l.token != l.pending && l.token != l.previous:
		return "token_unknown" // a version without a label is not described
	case l.token != l.pending:
		return "not_pending"
	case holding(l.pending) == foreignStored || holding(l.pending) == brokenStored:
		return "pending_foreign"
	case l.current < 0 && holding(l.pending) == oursStored:
		return "not_held"
	case l.current < 0:
		return "no_current"
	case holding(l.current) == nothingStored && holding(l.pending) == oursStored:
		return "current_unseen"
	case holding(l.pending) == oursStored && holding(l.current) != oursStored:
		return "not_held" // the tenant has AWSCURRENT's, or else something that is not stored
	case holding(l.pending) == oursStored && l.pending != l.current:
		return "finished"
	case holding(l.current) == nothingStored:
		return "no_current"
	case holding(l.current) == brokenStored:
		return "secret_malformed"
	case holding(l.current) == foreignStored:
		return "wrong_client"
	}
	return "finished"
}

func (l layout) world(t *testing.T) (*world, *Rotator) {
	w := newWorld(t)
	w.watching = false // most of these states are broken from the start
	r := w.rotator()
	c := w.put(nil, secretJSON("in the tenant alone"))
	s := w.state.secrets[arn]
	s.all, s.values = nil, map[string]string{}
	for i, what := range l.holds {
		id := version(i)
		s.all = append(s.all, Version{ID: id, Created: s.Created})
		switch what {
		case oursStored:
			s.values[id] = `{"client_id":"c1","client_secret":"of ` + id + `","x":1}`
			if i == l.current {
				c.Secret = secret.New("of " + id)
			}
		case foreignStored:
			s.values[id] = `{"client_id":"somebody","client_secret":"else"}`
		case brokenStored:
			s.values[id] = `not an object`
		}
	}
	for label, at := range map[string]int{Current: l.current, Pending: l.pending, Previous: l.previous} {
		if at >= 0 {
			s.label(label, version(at))
		}
	}
	w.past = nil
	w.past = append(w.past, w.state.clone())
	return w, r
}

func version(i int) string { return fmt.Sprintf("version-%d", i) }

func TestEveryLayoutOfLabelsHasItsResult(t *testing.T) {
	seen := map[string]int{}
	synctest.Test(t, func(t *testing.T) {
		for l := range layouts {
			w, r := l.world(t)
			want := l.want()
			seen[want]++
			before, _ := clientsecret.Parse(secret.New(w.state.secrets[arn].values[version(l.token)]))
			err := w.once(r, version(l.token))
			got := "finished"
			switch {
			case err != nil:
				got = fault.Reason(err)
			case l.token == l.current:
				got = "over"
			}
			if got != want {
				t.Fatalf("%+v: %s (%v), want %s", l, got, err, want)
			}
			s := w.state.secrets[arn]
			if err == nil && want == "finished" {
				if wrong := w.finished(version(l.token), KindSecret); wrong != "" {
					t.Fatalf("%+v: %s", l, wrong)
				}
			}
			if err == nil && s.has(Pending) == s.has(Current) && s.has(Pending) != "" {
				t.Fatalf("%+v: AWSPENDING is left over", l)
			}
			after, _ := clientsecret.Parse(secret.New(s.values[version(l.token)]))
			if !before.ClientSecret.IsZero() && !before.ClientSecret.Equal(after.ClientSecret) {
				t.Fatalf("%+v: a value was changed", l)
			}
			if want != "finished" && l.current >= 0 && s.has(Current) != version(l.current) {
				t.Fatalf("%+v: AWSCURRENT moved", l)
			}
		}
	})
	t.Logf("%v", seen)
	for _, result := range []string{"over", "token_unknown", "not_pending", "pending_foreign", "no_current", "secret_malformed", "wrong_client", "not_held", "current_unseen", "finished"} {
		if seen[result] == 0 {
			t.Errorf("no layout leads to %s", result)
		}
	}
}

func TestUnknownKeysAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := layout{[]int{oursStored, nothingStored}, 0, 1, -1, 1}.world(t)
		w.state.secrets[arn].values["version-0"] = `{ "app" : {"b": 1.50}, "client_id":"c1","client_secret":"of version-0","note":"\u00e9" }`
		w.past = append(w.past, w.state.clone())
		if err := w.once(r, "version-1"); err != nil {
			t.Fatal(err)
		}
		got := w.state.secrets[arn].values["version-1"]
		fresh := w.state.clients[client].Secret.Reveal()
		if want := `{"app":{"b": 1.50},"client_id":"c1","client_secret":"` + fresh + `","note":"\u00e9"}`; got != want || len(fresh) != 64 {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}
