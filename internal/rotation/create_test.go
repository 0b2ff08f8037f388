package rotation

import (
	"testing"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/fault"
)

// Each row of createSecret's table.
func TestPlanCreate(t *testing.T) {
	r := newWorld(t).rotator()
	none := stored{version: "p"}
	malformed := stored{version: "p", present: true, bad: &fault.Error{Kind: fault.Invalid, Reason: "secret_malformed"}}
	of := func(c clientsecret.ClientSecret) stored { return stored{version: "p", present: true, value: c} }
	theirs := secretJSON("x")
	theirs.ClientID = "another"
	key, nextKey := of(keyJSON(t, r)), of(keyJSON(t, r))
	old, next := of(secretJSON("old")), of(secretJSON("next"))
	local, generated := Settings{ClientID: client, Kind: KindSecret, Strategy: StrategyLocal}, Settings{ClientID: client, Kind: KindSecret, Strategy: StrategyGenerated}
	keys := Settings{ClientID: client, Kind: KindKey, Strategy: StrategyLocal}
	for name, test := range map[string]struct {
		settings         Settings
		self             bool
		pending, current stored
		do               createAction
		reason           string
	}{
		"pending is another's":             {local, false, of(theirs), old, 0, "pending_foreign"},
		"pending is no client's":           {local, false, malformed, old, 0, "pending_foreign"},
		"pending is foreign, no current":   {local, false, malformed, stored{}, 0, "pending_foreign"},
		"pending is current's secret":      {local, false, old, old, 0, "pending_stale"},
		"pending is current's key":         {keys, false, key, key, 0, "pending_stale"},
		"pending is ours":                  {local, false, next, old, createNothing, ""},
		"pending is ours, of another kind": {local, false, key, old, createNothing, ""},
		"pending is another key":           {keys, false, nextKey, key, createNothing, ""},
		"pending is ours, no current":      {local, false, next, stored{}, createNothing, ""},
		"nothing, no current":              {local, false, none, stored{version: "c"}, 0, "no_current"},
		"nothing, current is no object":    {local, false, none, malformed, 0, "secret_malformed"},
		"nothing, current is another's":    {local, false, none, of(theirs), 0, "wrong_client"},
		"a key":                            {keys, false, none, key, createKey, ""},
		"a key, from a secret":             {keys, false, none, old, createKey, ""},
		"a secret":                         {local, false, none, old, createLocal, ""},
		"a secret, from a key":             {local, false, none, key, createLocal, ""},
		"by the tenant":                    {generated, false, none, old, createGenerated, ""},
		"by the tenant, our own client":    {generated, true, none, old, createLocal, ""},
		"by the tenant, from a key":        {generated, false, none, key, createLocal, ""},
	} {
		do, err := planCreate(test.settings, test.self, test.pending, test.current)
		if do != test.do || (err == nil) != (test.reason == "") || err != nil && fault.Reason(err) != test.reason {
			t.Errorf("%s: %d, %v; want %d, %q", name, do, err, test.do, test.reason)
		}
	}
}
