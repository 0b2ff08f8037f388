package credential

import (
	"slices"
	"testing"
	"testing/synctest"

	"clientkeeper/internal/fault"
)

// The zero policy gives nobody anything.
func TestAGrantHasToBeAllowed(t *testing.T) {
	const orders, stock = "https://orders.example.com", "https://stock.example.com"
	for name, test := range map[string]struct {
		allowed []string
		asked   []string
		reason  string
	}{
		"no policy, no grants":          {nil, nil, ""},
		"no policy":                     {nil, []string{orders}, "audience_not_allowed"},
		"an empty name":                 {[]string{""}, []string{orders}, "audience_not_allowed"},
		"the one that is named":         {[]string{stock, orders}, []string{orders}, ""},
		"both that are named":           {[]string{stock, orders}, []string{orders, stock}, ""},
		"one of two":                    {[]string{orders}, []string{orders, stock}, "audience_not_allowed"},
		"with a slash more":             {[]string{orders}, []string{orders + "/"}, "audience_not_allowed"},
		"in capitals":                   {[]string{orders}, []string{"https://ORDERS.example.com"}, "audience_not_allowed"},
		"with a space":                  {[]string{orders}, []string{orders + " "}, "audience_not_allowed"},
		"every one":                     {[]string{"*"}, []string{orders, stock}, ""},
		"every one among others":        {[]string{stock, "*"}, []string{orders}, "audience_not_allowed"},
		"a pattern":                     {[]string{"https://*.example.com"}, []string{orders}, "audience_not_allowed"},
		"an API called *, unnamed":      {[]string{orders}, []string{"*"}, "audience_not_allowed"},
		"every one is not the tenant's": {[]string{"*"}, []string{"https://acme.eu.auth0.com/api/v2/"}, "tenant_api"},
		"named, and the tenant's":       {[]string{"https://acme.eu.auth0.com/me/"}, []string{"https://acme.eu.auth0.com/me/"}, "tenant_api"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.service()
			s.Audiences = test.allowed
			n := NewClient{Name: "orders"}
			for _, audience := range test.asked {
				n.Grants = append(n.Grants, Grant{Audience: audience})
			}
			for _, resumed := range []bool{false, true} {
				_, err := s.CreateClient(t.Context(), Operation{ID: testOperation.ID, Resumed: resumed}, n)
				if test.reason == "" && err != nil || test.reason != "" && (fault.Reason(err) != test.reason || fault.KindOf(err) != fault.Denied) {
					t.Errorf("%v, want %q", err, test.reason)
				}
				if changed := slices.ContainsFunc(w.calls, func(op string) bool { return slices.Contains(writes, op) }); test.reason != "" && changed {
					t.Errorf("a refused request has made the calls %v", w.calls)
				}
			}
		})
	}
}

// A policy that narrows between two tries: what was made whole under the old
// one is finished, and of all else nothing is left.
func TestAPolicyThatNarrowsBetweenTries(t *testing.T) {
	for _, method := range []string{PrivateKeyJWT, ClientSecretPost} {
		n := NewClient{Name: "orders", AuthMethod: method, Grants: []Grant{{Audience: "https://orders.example.com"}, {Audience: "https://stock.example.com"}}}
		refused, whole := 0, 0
		for at := 1; ; at++ {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.anyOp, w.point = true, &point{n: at, way: killAfter}
				first, err := w.service().CreateClient(t.Context(), testOperation, n)
				if err == nil {
					at = 0
				}
				w.point, w.dead = nil, false
				s, op := w.service(), testOperation
				s.Audiences, op.Resumed = []string{"https://stock.example.com"}, true
				made, err := s.CreateClient(t.Context(), op, n)
				switch {
				case err == nil && len(w.clients[made.ClientID].grants) == 2 && len(w.clients) == 1 && (first == Client{} || first == made):
					whole++
				case at == 0:
					t.Errorf("what was there is refused: %v", err)
				case fault.Reason(err) != "audience_not_allowed" || len(w.clients)+len(w.secrets) > 0:
					t.Errorf("killed after call %d: %+v, %v; %d clients, %d secrets", at, made, err, len(w.clients), len(w.secrets))
				default:
					refused++
				}
			})
			if at == 0 || t.Failed() {
				break
			}
		}
		if refused < 4 || whole < 3 {
			t.Errorf("%s: refused %d times, whole %d times", method, refused, whole)
		}
	}
}
