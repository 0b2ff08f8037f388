package rotation

import (
	"reflect"
	"testing"
	"time"

	"clientkeeper/internal/fault"
)

// The rows that [TestPlannerFromEveryStart] cannot tell apart: keys without a
// kid, keys that other slots use, and stored keys that do not work.
func TestRowsOfThePlanner(t *testing.T) {
	key := func(id, name string, age, expires time.Duration) Credential {
		k := Credential{ID: id, KeyID: id, Name: name, Created: noon.Add(-age)}
		if expires != 0 {
			k.Expires = noon.Add(expires)
		}
		return k
	}
	ours := func(id string, age time.Duration) Credential { return key(id, NamePrefix+id, age, day) }
	foreign := func(id string) Credential { return key(id, foreignName, 9*day, 0) }
	gone := func(id string) Credential { return key(id, NamePrefix+id, 9*day, -day) }
	nameless := func(k Credential) Credential { k.KeyID = ""; return k }
	over, running := noon, noon.Add(time.Hour)
	pooled := func(k ...Credential) []Credential { return k }
	tests := map[string]struct {
		credentials         []Credential
		attached, elsewhere []string
		want                string // empty: the pool is tidied
		room                bool   // empty want, and a place is looked for
		current, previous   string
		overlap             time.Time
		move                keyMove
		reason              string
	}{
		"the last that works stays": {credentials: pooled(ours("cur", 9*day), ours("pre", 9*day)), attached: []string{"pre"},
			current: "cur", previous: "pre", overlap: over},
		"the last that works stays beside one that has expired": {credentials: pooled(gone("cur"), ours("pre", 9*day)), attached: []string{"cur", "pre"},
			current: "cur", previous: "pre", overlap: over},
		"a young left-over stays attached": {credentials: pooled(ours("cur", 9*day), ours("x", time.Minute)), attached: []string{"cur", "x"}, current: "cur"},
		"a young left-over stays":          {credentials: pooled(ours("cur", 9*day), ours("x", time.Minute)), attached: []string{"cur"}, current: "cur"},
		"an old left-over goes":            {credentials: pooled(ours("cur", 9*day), ours("x", orphanAge)), attached: []string{"cur"}, current: "cur", move: keyMove{do: keyDelete, id: "x"}},
		"a left-over of another slot stays": {credentials: pooled(ours("cur", 9*day), ours("x", 9*day)), attached: []string{"cur"}, elsewhere: []string{"x"},
			current: "cur"},
		"a left-over without a kid goes": {credentials: pooled(ours("cur", 9*day), nameless(ours("x", 9*day))), attached: []string{"cur"}, current: "cur",
			overlap: over, move: keyMove{do: keyDelete, id: "x"}},
		"another's without a kid stays": {credentials: pooled(ours("cur", 9*day), nameless(foreign("x"))), attached: []string{"cur"}, current: "cur", overlap: over},
		"the previous goes though it is young": {credentials: pooled(ours("cur", 0), ours("pre", time.Minute)), attached: []string{"cur", "pre"},
			current: "cur", previous: "pre", overlap: over, move: keyMove{do: keyDetach, set: []string{"cur"}}},
		"the previous goes when it has expired": {credentials: pooled(ours("cur", 9*day), gone("pre")), attached: []string{"cur", "pre"},
			current: "cur", previous: "pre", overlap: running, move: keyMove{do: keyDetach, set: []string{"cur"}}},

		"no room, and one has no kid": {room: true, credentials: pooled(nameless(foreign("x")), foreign("y")), attached: []string{"x", "y"}, reason: "slots_taken"},
		"the last that works stays in a full pool": {want: "new", credentials: pooled(gone("cur"), ours("pre", 9*day), foreign("x"), foreign("y")), attached: []string{"cur", "pre"},
			current: "cur", previous: "pre", overlap: over, reason: "pool_full"},
		"what has expired makes room in a full pool": {want: "new", credentials: pooled(gone("x"), foreign("a"), foreign("b"), foreign("c")), attached: []string{"x", "a"},
			move: keyMove{do: keyDetach, id: "x", set: []string{"a"}}},
		"what another slot uses makes no room": {want: "new", credentials: pooled(ours("cur", 9*day), ours("x", 9*day), foreign("a"), foreign("b")), attached: []string{"cur"},
			elsewhere: []string{"x"}, current: "cur", reason: "pool_full"},
		"what another slot uses too makes no room": {want: "new", credentials: pooled(ours("cur", 9*day), ours("x", 9*day), foreign("a"), foreign("b")), attached: []string{"cur", "x"},
			elsewhere: []string{"x"}, current: "cur", reason: "pool_full"},
		"no overlap runs of what is detached": {want: "new", credentials: pooled(ours("cur", 9*day), foreign("a"), ours("pre", 9*day)), attached: []string{"cur", "a"},
			current: "cur", previous: "pre", overlap: running, reason: "slots_taken"},
		"no overlap runs of what is current": {want: "new", credentials: pooled(ours("cur", 9*day), foreign("a")), attached: []string{"cur", "a"},
			current: "cur", previous: "cur", overlap: running, reason: "slots_taken"},
	}
	for name, test := range tests {
		p := pool{now: noon, credentials: test.credentials, attached: test.attached, elsewhere: test.elsewhere, want: test.want,
			current: test.current, previous: test.previous, overlap: test.overlap, age: orphanAge}
		var move keyMove
		var err error
		if test.want != "" || test.room {
			move, err = p.next()
		} else {
			move = p.tidy()
		}
		if (err == nil) != (test.reason == "") || err != nil && fault.Reason(err) != test.reason || !reflect.DeepEqual(move, test.move) {
			t.Errorf("%s: %+v, %v; want %+v, %q", name, move, err, test.move, test.reason)
		}
	}
}

// The doctor asks what would be left over once the pending key is in use.
func TestAWantedKeyIsNoLeftOver(t *testing.T) {
	p := pool{now: noon, want: "new", previous: "pre", overlap: noon, age: orphanAge, attached: []string{"new", "pre"}, credentials: []Credential{
		{ID: "new", KeyID: "new", Name: foreignName, Created: noon.Add(-day)}, {ID: "pre", KeyID: "pre", Created: noon.Add(-day)}}}
	if move := p.tidy(); !reflect.DeepEqual(move, keyMove{do: keyDetach, set: []string{"new"}}) {
		t.Errorf("beside the wanted key: %+v", move)
	}
	p.attached = []string{"pre"}
	p.previous, p.current = "", "pre"
	if move := p.tidy(); move.do != keyDone {
		t.Errorf("the wanted key before it is attached: %+v", move)
	}
}
