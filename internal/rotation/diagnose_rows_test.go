package rotation

import (
	"slices"
	"strings"
	"testing"
	"time"

	"clientkeeper/internal/fault"
)

// healthy is an exam of a secret with which nothing is wrong.
func healthy() exam {
	current := stored{version: "v1", present: true, value: secretJSON("current")}
	return exam{now: noon, secret: managed("a", day), settings: Settings{Managed: true, Kind: KindSecret, ClientID: client, Interval: 30 * day, Overlap: day},
		current: current, currentWorks: worksYes, method: "client_secret_post"}
}

// stuckFor adds an AWSPENDING of two hours ago.
func (e *exam) stuckFor(value string) {
	e.secret = pendingFor(e.secret, 2*time.Hour)
	e.pending = stored{version: "v2", present: true, value: secretJSON(value)}
	e.pendingWorks = worksNo
}

// keyed makes it an exam of a client with a current key that works.
func (e *exam) keyed() {
	e.settings.Kind, e.method = KindKey, KindKey
	e.current.value.AuthMethod, e.current.value.KeyID = KindKey, "cur"
	e.keys = pool{now: noon, current: "cur", age: orphanAge, overlap: noon, attached: []string{"cur"},
		credentials: []Credential{{ID: "cur", KeyID: "cur", Name: NamePrefix, Created: noon.Add(-9 * day), Expires: noon.Add(99 * day)}}}
}

func (e *exam) holds(id, name string, attached bool) {
	e.keys.credentials = append(e.keys.credentials, Credential{ID: id, KeyID: id, Name: name, Created: noon.Add(-9 * day)})
	if attached {
		e.keys.attached = append(e.keys.attached, id)
	}
}

// Each row is one thing that is known and what follows from it alone. What the
// doctor would do without a person has an asterisk.
func TestRowsOfTheDiagnosis(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*exam)
		want   string
		repair string // a part of the last finding's
	}{
		"well":               {func(*exam) {}, "", ""},
		"a key, well":        {(*exam).keyed, "", ""},
		"the tenant is down": {func(e *exam) { e.tenantErr = fault.Unavailable }, "client_unreachable", "try again"},
		"there is no client": {func(e *exam) { e.tenantErr = fault.NotFound }, "client_missing", ""},
		"a replica is well":  {func(e *exam) { e.secret.Replicas = []Replica{{"eu-west-3", ReplicaInSync}} }, "", ""},
		"two of one client":  {func(e *exam) { e.shared = true }, "duplicate_client", ""},
		"many versions":      {func(e *exam) { e.recent = ManyVersions }, "", ""},
		"too many versions":  {func(e *exam) { e.recent = ManyVersions + 1 }, "too_many_versions", ""},
		"overdue":            {func(e *exam) { e.secret.LastRotated = noon.Add(-99 * day) }, "overdue", ""},
		"overdue and paused": {func(e *exam) { e.secret.LastRotated, e.settings.Paused = noon.Add(-99*day), "an audit" }, "", ""},
		"no interval":        {func(e *exam) { e.secret.LastRotated, e.settings.Interval = noon.Add(-99*day), 0 }, "", ""},

		"nothing works":                 {func(e *exam) { e.stuckFor("next"); e.currentWorks = worksNo }, "pending_stuck", "adopt"},
		"current cannot be told":        {func(e *exam) { e.stuckFor("next"); e.currentWorks = worksUnknown }, "pending_stuck", "read:client_keys"},
		"pending cannot be told":        {func(e *exam) { e.stuckFor("next"); e.currentWorks, e.pendingWorks = worksNo, worksUnknown }, "pending_stuck", "read:client_keys"},
		"stuck, and the tenant is down": {func(e *exam) { e.stuckFor("next"); e.tenantErr = fault.Unavailable }, "client_unreachable pending_stuck", ""},
		"pending works":                 {func(e *exam) { e.stuckFor("next"); e.currentWorks, e.pendingWorks = worksNo, worksYes }, "pending_stuck*", "make AWSPENDING current"},
		"pending works, there is no current": {func(e *exam) {
			e.stuckFor("next")
			e.pendingWorks, e.currentWorks, e.current, e.secret.Versions = worksYes, worksUnknown, stored{}, e.secret.Versions[1:]
		}, "no_current pending_stuck", "make AWSPENDING current"},
		"pending is what another's current is": {func(e *exam) {
			e.stuckFor("current")
			e.current.value.ClientID, e.currentWorks, e.previousWorks = "another", worksUnknown, worksYes
		}, "current_unusable pending_stuck*", ""},
		"the same, and nothing more": {func(e *exam) { e.stuckFor("current") }, "pending_stale*", ""},
		"pending is another's, a minute ago": {func(e *exam) {
			e.secret = pendingFor(e.secret, time.Minute)
			e.pending = stored{version: "v2", present: true, value: secretJSON("next")}
			e.pending.value.ClientID = "another"
		}, "pending_foreign", "see whose it is"},
		"refused, another's": {func(e *exam) { e.current.value.ClientID, e.currentWorks = "another", worksNo }, "current_unusable", ""},
		"refused":            {func(e *exam) { e.currentWorks = worksNo }, "login_refused", "adopt"},
		"refused, and so is what a rotation stored a minute ago": {func(e *exam) {
			e.stuckFor("next")
			e.secret, e.currentWorks, e.shown = pendingFor(managed("a", day), time.Minute), worksNo, true
		}, "login_refused", "adopt"},
		"refused, where a login alone could tell, under way": {func(e *exam) {
			e.stuckFor("next")
			e.secret, e.currentWorks = pendingFor(managed("a", day), time.Minute), worksNo
		}, "", ""},
		"refused, and a rotation has stored nothing yet": {func(e *exam) {
			e.secret, e.currentWorks, e.shown = pendingFor(e.secret, time.Minute), worksNo, true
		}, "", ""},
		"refused, and a rotation has set another": {func(e *exam) {
			e.stuckFor("next")
			e.secret, e.currentWorks, e.pendingWorks, e.shown = pendingFor(managed("a", day), time.Minute), worksNo, worksYes, true
		}, "", ""},
		"refused, gone back, under way": {func(e *exam) {
			e.stuckFor("next")
			e.secret, e.currentWorks, e.previousWorks, e.shown = pendingFor(managed("a", day), time.Minute), worksNo, worksYes, true
		}, "", ""},
		"refused, gone back":                       {func(e *exam) { e.currentWorks, e.previousWorks = worksNo, worksYes }, "login_refused*", "rotate"},
		"refused, a key of a client with a secret": {func(e *exam) { e.keyed(); e.currentWorks, e.method = worksNo, "client_secret_post" }, "login_refused", "adopt"},
		"refused, a secret of a client with keys":  {func(e *exam) { e.currentWorks, e.method = worksNo, KindKey }, "login_refused", "adopt"},

		"a key is another's": {func(e *exam) { e.keyed(); e.currentWorks = worksNo }, "login_refused", "adopt"},
		"a key never expires": {func(e *exam) {
			e.keyed()
			e.keys.renewBy, e.keys.credentials[0].Expires = noon.Add(time.Hour), time.Time{}
		}, "", ""},
		"a key expires soon": {func(e *exam) { e.keyed(); e.keys.renewBy = noon.Add(100 * day) }, "key_expiring*", ""},
		"a key is missing":   {func(e *exam) { e.keyed(); e.keys.credentials, e.keys.attached, e.currentWorks = nil, nil, worksNo }, "key_missing", "adopt"},
		"a key is missing, gone back": {func(e *exam) {
			e.keyed()
			e.keys.credentials, e.keys.attached, e.currentWorks, e.previousWorks = nil, nil, worksNo, worksYes
		}, "key_missing*", "on purpose"},
		"a key is missing, no place": {func(e *exam) {
			e.keyed()
			e.keys.credentials, e.keys.attached, e.currentWorks = nil, nil, worksNo
			e.holds("f", foreignName, true)
			e.holds("g", foreignName, true)
		}, "foreign_key foreign_key key_missing", "detach"},
		"a key is missing, under way": {func(e *exam) {
			e.keyed()
			e.keys.credentials, e.keys.attached, e.currentWorks = nil, nil, worksNo
			e.secret = pendingFor(e.secret, time.Minute)
		}, "", ""},

		"another's key beside it":            {func(e *exam) { e.keyed(); e.holds("f", foreignName, true) }, "foreign_key", ""},
		"another's key that is not attached": {func(e *exam) { e.keyed(); e.holds("f", foreignName, false) }, "", ""},
		"another's key that leaves a place":  {func(e *exam) { e.keyed(); e.keys.attached = nil; e.holds("f", foreignName, true) }, "key_unattached", ""},
		"a left-over":                        {func(e *exam) { e.keyed(); e.holds("x", NamePrefix, false) }, "orphan_credential*", ""},
		"a left-over, attached":              {func(e *exam) { e.keyed(); e.holds("x", NamePrefix, true) }, "key_unstored*", ""},
		"a left-over while a rotation runs": {func(e *exam) {
			e.keyed()
			e.holds("x", NamePrefix, false)
			e.secret = pendingFor(e.secret, time.Minute)
		}, "orphan_credential", ""},
		"a left-over, and current is refused": {func(e *exam) { e.keyed(); e.holds("x", NamePrefix, false); e.currentWorks = worksNo }, "login_refused orphan_credential", ""},
		"an overlap that is over":             {func(e *exam) { e.keyed(); e.keys.previous = "x"; e.holds("x", NamePrefix, true) }, "overlap_over*", ""},
		"the pending key": {func(e *exam) {
			e.keyed()
			e.holds("x", NamePrefix, true)
			e.secret = pendingFor(e.secret, time.Minute)
			e.pending = stored{version: "v2", present: true, value: e.current.value}
			e.pending.value.KeyID = "x"
		}, "", ""},
		"the pending key of another client": {func(e *exam) {
			e.keyed()
			e.holds("x", NamePrefix, true)
			e.secret = pendingFor(e.secret, time.Minute)
			e.pending = stored{version: "v2", present: true, value: e.current.value}
			e.pending.value.KeyID, e.pending.value.ClientID = "x", "another"
		}, "key_unstored pending_foreign", ""},
	} {
		e := healthy()
		test.change(&e)
		var got []string
		repair := ""
		for _, f := range e.diagnose() {
			slug := f.Slug
			if f.Safe {
				slug += "*"
			}
			got, repair = append(got, slug), f.Repair
		}
		slices.Sort(got)
		if text := strings.Join(got, " "); text != test.want || !strings.Contains(repair, test.repair) {
			t.Errorf("%s: %s (%s), want %s (%s)", name, text, repair, test.want, test.repair)
		}
	}
}
