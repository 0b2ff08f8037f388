package rotation

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"clientkeeper/internal/fault"
)

// owners are the roles that a credential in a pool can have at the start.
var owners = []string{"current", "previous, in overlap", "previous, over", "ours, left over", "ours, expired", "foreign", "foreign, expired"}

// starts enumerates every pool of 0 to 4 credentials, each of any role and
// attached or not, with at most two attached.
func starts(yield func(roles []string, at []bool) bool) {
	var extend func(roles []string, at []bool) bool
	extend = func(roles []string, at []bool) bool {
		if !yield(roles, at) {
			return false
		}
		if len(roles) == maxPooled {
			return true
		}
		for i, role := range owners {
			if len(roles) > 0 && i < slices.Index(owners, roles[len(roles)-1]) {
				continue // the order within a pool means nothing
			}
			if unique := role[:4] == "curr" || role[:4] == "prev"; unique && slices.ContainsFunc(roles, func(r string) bool { return r[:4] == role[:4] }) {
				continue
			}
			for _, attach := range []bool{false, true} {
				taken := 0
				for _, a := range at {
					if a {
						taken++
					}
				}
				if attach && taken == maxAttached {
					continue
				}
				if !extend(append(slices.Clone(roles), role), append(slices.Clone(at), attach)) {
					return false
				}
			}
		}
		return true
	}
	extend(nil, nil)
}

func startPool(now time.Time, roles []string, at []bool) pool {
	p := pool{now: now, current: "current", previous: "previous", overlap: now.Add(time.Hour), age: orphanAge,
		renew: now.Add(30 * 24 * time.Hour), renewBy: now.Add(time.Hour)}
	for i, role := range roles {
		k := Credential{ID: fmt.Sprintf("cred_%d", i), KeyID: fmt.Sprintf("kid-%d", i), Name: NamePrefix + "x", Created: now.Add(-48 * time.Hour), Expires: now.Add(24 * time.Hour)}
		switch role {
		case "current":
			k.KeyID, k.Name = "current", "by its kid alone"
		case "previous, over":
			p.overlap = now
			k.KeyID = "previous"
		case "previous, in overlap":
			k.KeyID = "previous"
		case "ours, expired":
			k.Expires = now
		case "foreign":
			k.Name, k.Expires = foreignName, time.Time{}
		case "foreign, expired":
			k.Name, k.Expires = foreignName, now
		}
		p.credentials = append(p.credentials, k)
		if at[i] {
			p.attached = append(p.attached, k.ID)
		}
	}
	return p
}

// apply is what the tenant makes of a move, limits included.
func (p pool) apply(m keyMove) (pool, string) {
	p.credentials, p.attached = slices.Clone(p.credentials), slices.Clone(p.attached)
	for _, k := range p.credentials {
		foreign := k.Name == foreignName
		if foreign && (m.do == keyDelete || m.do == keyRenew) && m.id == k.ID {
			return p, "touches a foreign key"
		}
		if foreign && (m.do == keyAttach || m.do == keyDetach) && slices.Contains(m.set, k.ID) != p.isAttached(k) {
			return p, "attaches or detaches a foreign key"
		}
		if m.do == keyDelete && m.id == k.ID && p.isAttached(k) {
			return p, "deletes an attached key"
		}
	}
	switch m.do {
	case keyUpload:
		if len(p.credentials) >= maxPooled {
			return p, "uploads to a full pool"
		}
		p.credentials = append(p.credentials, Credential{ID: "cred_new", KeyID: p.want, Name: NamePrefix + "new", Created: p.now, Expires: p.renew})
	case keyAttach, keyDetach:
		if len(m.set) > maxAttached {
			return p, "attaches too many"
		}
		p.attached = m.set
	case keyDelete:
		p.credentials = slices.DeleteFunc(p.credentials, func(k Credential) bool { return k.ID == m.id })
	case keyRenew:
		for i := range p.credentials {
			if p.credentials[i].ID == m.id {
				p.credentials[i].Expires = p.renew
			}
		}
	}
	return p, ""
}

// worksNow counts attached keys that log in and whose private half is stored.
func (p pool) worksNow() (n int) {
	for _, k := range p.credentials {
		if p.isAttached(k) && !expired(k, p.now) && (k.KeyID == p.want || k.KeyID == p.current || k.KeyID == p.previous) {
			n++
		}
	}
	return n
}

// keepsCurrent reports whether what is AWSCURRENT is a key that works.
func (p pool) keepsCurrent() bool {
	k, ok := p.byKeyID(p.current)
	return ok && p.isAttached(k) && !expired(k, p.now)
}

// TestPlannerFromEveryStart follows the moves from every start to their end,
// each of which may be the last that is made.
func TestPlannerFromEveryStart(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	count, refused := 0, map[string]int{}
	for roles, at := range starts {
		count++
		for _, place := range []bool{true, false} {
			p := startPool(now, roles, at)
			if place {
				p.want = "new"
			}
			where := func() string { return fmt.Sprintf("place %v, roles %q, attached %v: now %+v", place, roles, at, p) }
			begun := p.worksNow()
			for moves := 0; ; moves++ {
				if moves > keyMoves-2 {
					t.Fatalf("no end: %s", where())
				}
				m, err := keyMove{}, error(nil)
				if place {
					m, err = p.next()
				} else if p.keepsCurrent() {
					m = p.tidy()
				}
				if err != nil {
					refused[fault.Reason(err)]++
					if fault.KindOf(err) != fault.Conflict || excused(p, err) != "" {
						t.Fatalf("refused for no reason (%s): %v: %s", excused(p, err), err, where())
					}
				}
				if err != nil || m.do == keyDone {
					break
				}
				wasCurrent := p.keepsCurrent()
				var wrong string
				if p, wrong = p.apply(m); wrong != "" {
					t.Fatalf("%s with %+v: %s", wrong, m, where())
				}
				if begun > 0 && p.worksNow() == 0 || wasCurrent && !p.keepsCurrent() {
					t.Fatalf("no key works after %+v: %s", m, where())
				}
			}
			if k, ok := p.byKeyID("new"); place && ok && !p.isAttached(k) && len(p.attached) < maxAttached {
				t.Fatalf("stopped early: %s", where())
			}
			if !place && p.keepsCurrent() {
				for _, k := range p.credentials {
					if p.disposable(k) {
						t.Fatalf("left %s behind: %s", k.ID, where())
					}
				}
			}
		}
	}
	t.Logf("%d starts, refused %v", count, refused)
	if count < 1000 || refused["pool_full"] == 0 || refused["slots_taken"] == 0 || refused["overlap_running"] == 0 {
		t.Error("the starts do not cover what may happen")
	}
}

// excused is empty if no move of ours could have made the room that is missing.
func excused(p pool, err error) string {
	for _, k := range p.credentials {
		ours := k.Name != foreignName && k.KeyID != "current" && k.KeyID != "new"
		over := ours && (k.KeyID != "previous" || expired(k, p.now) || !p.now.Before(p.overlap))
		switch {
		case over && fault.Reason(err) == "pool_full" && (!p.isAttached(k) || p.keepsOne(without(p.attached, k.ID))):
			return k.ID + " could have been deleted"
		case over && fault.Reason(err) != "pool_full" && p.isAttached(k):
			return k.ID + " could have been replaced"
		}
	}
	return ""
}
