package rotation

import (
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
)

func TestAdmit(t *testing.T) {
	with := func(labels ...string) Secret {
		return Secret{RotationEnabled: true, Versions: []Version{{ID: "v", Labels: labels}}}
	}
	off := func(s Secret) Secret { s.RotationEnabled = false; return s }
	gone := func(s Secret) Secret { s.Deleted = true; return s }
	tests := map[string]struct {
		secret Secret
		want   verdict
		reason string
	}{
		"pending":                     {with(Pending), goOn, ""},
		"current":                     {with(Current), over, ""},
		"current and pending":         {with(Current, Pending), over, ""},
		"current, rotation cancelled": {off(with(Current)), over, ""},
		"pending, rotation cancelled": {off(with(Pending)), 0, "rotation_disabled"},
		"pending, deleted":            {gone(with(Pending)), 0, "secret_deleted"},
		"previous":                    {with(Previous), 0, "not_pending"},
		"no label":                    {with(), 0, "not_pending"},
		"unknown":                     {Secret{RotationEnabled: true}, 0, "token_unknown"},
	}
	for name, test := range tests {
		got, err := admit(test.secret, "v")
		if got != test.want || (err == nil) != (test.reason == "") || err != nil && fault.Reason(err) != test.reason {
			t.Errorf("%s: %v, %v, want %v, %s", name, got, err, test.want, test.reason)
		}
	}
}

func TestPlanSet(t *testing.T) {
	const post = "client_secret_post"
	tests := []struct {
		kind, method string
		has          holding
		do           setAction
		note         string
		reason       string
	}{
		{KindSecret, post, holdsPending, setNothing, "", ""},
		{KindSecret, "client_secret_basic", holdsCurrent, setSecret, "", ""},
		{KindSecret, post, holdsPrevious, setSecret, "drift", ""},
		{KindSecret, post, holdsMade, setSecret, "drift", ""},
		{KindSecret, post, holdsForeign, 0, "", "not_held"},
		{KindSecret, post, holdsUnknown, 0, "", "not_told"},
		{KindSecret, "", holdsCurrent, setSecret, "", ""},
		{KindSecret, KindKey, holdsCurrent, setSwitch, "migrated", ""},
		{KindSecret, KindKey, holdsPrevious, setSwitch, "migrated", ""},
		{KindSecret, KindKey, holdsForeign, 0, "", "not_held"},
		{KindSecret, KindKey, holdsUnknown, 0, "", "not_told"},
		{KindSecret, "none", holdsUnknown, 0, "", "other_method"},
		{KindSecret, "tls_client_auth", holdsUnknown, 0, "", "other_method"},
		{KindKey, KindKey, holdsPending, setPlace, "", ""},
		{KindKey, KindKey, holdsCurrent, setPlace, "", ""},
		{KindKey, KindKey, holdsForeign, 0, "", "not_held"},
		{KindKey, KindKey, holdsUnknown, 0, "", "not_told"},
		{KindKey, post, holdsCurrent, setPlace, "", ""},
		{KindKey, post, holdsMade, setPlace, "", ""},
		{KindKey, post, holdsForeign, 0, "", "not_held"},
		{KindKey, post, holdsUnknown, 0, "", "not_told"},
		{KindKey, "none", holdsUnknown, 0, "", "other_method"},
	}
	for _, test := range tests {
		do, note, err := planSet(test.kind, test.method, test.has)
		if do != test.do || note != test.note || (err == nil) != (test.reason == "") || err != nil && fault.Reason(err) != test.reason {
			t.Errorf("%s, %s, %d: %d %s %v", test.kind, test.method, test.has, do, note, err)
		}
	}
}

func TestParseTags(t *testing.T) {
	s, err := ParseTags(map[string]string{TagManaged: "true", TagClientID: "c", TagInterval: "30d", TagOverlap: "36h", TagPaused: "false", TagAdopted: "2026-11-22T00:00:00Z"})
	if err != nil || s.Interval != 30*24*time.Hour || s.Overlap != 36*time.Hour || s.Kind != KindSecret || s.Strategy != StrategyLocal ||
		s.KeySize != 2048 || s.Alg != "RS256" || s.Paused != "" || s.Adopted.IsZero() || !s.Managed {
		t.Errorf("%+v, %v", s, err)
	}
	for _, long := range []string{"2562047h", "3651d"} { // with an overlap on top it would be a time in the past
		if _, err := ParseTags(map[string]string{TagClientID: "c", TagInterval: long}); err == nil {
			t.Errorf("an interval of %s is taken", long)
		}
	}
	for tag, bad := range map[string]string{TagClientID: "", TagKind: "x", TagStrategy: "x", TagInterval: "-1h", TagOverlap: "1 day", TagKeySize: "1024", TagAlg: "HS256", TagAdopted: "today"} {
		tags := map[string]string{TagClientID: "c", tag: bad}
		if _, err := ParseTags(tags); fault.KindOf(err) != fault.Invalid || err == nil {
			t.Errorf("%s = %q: %v", tag, bad, err)
		}
	}
}

// A probe with a scope that hides the secret finds out what the tenant holds.
func TestSetFindsOutWhoseValueTheTenantHolds(t *testing.T) {
	for name, test := range map[string]struct {
		tenant string
		want   holding
	}{
		"pending":  {"pending", holdsPending},
		"current":  {"current", holdsCurrent},
		"previous": {"previous", holdsPrevious},
		"none":     {"changed by hand", holdsForeign},
	} {
		for _, hidden := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r := w.rotator()
				w.put(nil, secretJSON(test.tenant))
				w.edit(func(s *fakeSecret) {
					s.all, s.values = nil, map[string]string{}
					for label, v := range map[string]string{Pending: "pending", Current: "current", Previous: "previous"} {
						text, _ := secretJSON(v).Encode()
						s.values[v] = text.Reveal()
						s.all = append(s.all, Version{ID: v, Labels: []string{label}})
					}
				})
				w.hidden = hidden
				s, _ := r.Store.Describe(t.Context(), arn)
				c, _ := r.Tenant.Client(t.Context(), client)
				step := &work{Rotator: r, secret: s, settings: Settings{ClientID: client}}
				pending, err := r.load(t.Context(), s, Pending)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := step.holding(t.Context(), c, pending); got != test.want || err != nil {
					t.Errorf("%s, hidden %v: %v, %v, want %v", name, hidden, got, err, test.want)
				}
			})
		}
	}
}
