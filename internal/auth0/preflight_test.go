package auth0

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A tenant as the checks before the first registration may find it.
type prospect struct {
	discovery string // body; %s is the issuer
	scope     string
	burst     int
	rules     string
	refuse    int // status of the token endpoint
}

func (p prospect) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.burst > 0 {
		w.Header().Set("X-RateLimit-Limit", fmt.Sprint(p.burst))
		w.Header().Set("X-RateLimit-Remaining", fmt.Sprint(p.burst-1))
		w.Header().Set("X-RateLimit-Reset", fmt.Sprint(time.Now().Unix()+1))
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		if p.discovery == "" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, p.discovery, "https://example.com/")
	case "/oauth/token":
		if p.refuse > 0 {
			w.WriteHeader(p.refuse)
			return
		}
		fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":86400,"scope":%q}`, canaryToken, p.scope)
	case "/api/v2/clients":
		fmt.Fprint(w, `{"clients":[]}`)
	case "/api/v2/rules":
		fmt.Fprint(w, p.rules)
	default:
		http.NotFound(w, r)
	}
}

func TestPreflight(t *testing.T) {
	const all = "read:clients create:clients update:clients"
	ready := `{"issuer":%q,"client_id_metadata_document_supported":true}`
	tests := map[string]struct {
		tenant prospect
		want   string // name=status
	}{
		"ready":              {prospect{ready, all + " read:rules", 50, `[]`, 0}, "discovery=ok cimd=ok token=ok scopes=ok rate_limit=ok rules=ok"},
		"flag off":           {prospect{`{"issuer":%q}`, all, 10, ``, 0}, "discovery=ok cimd=warn token=ok scopes=ok rate_limit=ok rules=unknown"},
		"another issuer":     {prospect{`{"issuer":"x%s"}`, all, 10, ``, 0}, "discovery=warn cimd=warn token=ok scopes=ok rate_limit=ok rules=unknown"},
		"no discovery":       {prospect{``, all, 10, ``, 0}, "discovery=fail token=ok scopes=ok rate_limit=ok rules=unknown"},
		"a scope missing":    {prospect{ready, "read:clients", 10, ``, 0}, "discovery=ok cimd=ok token=ok scopes=fail rate_limit=ok rules=unknown"},
		"scopes not told":    {prospect{ready, "", 10, ``, 0}, "discovery=ok cimd=ok token=ok scopes=unknown rate_limit=ok rules=unknown"},
		"the smallest plan":  {prospect{ready, all, 2, ``, 0}, "discovery=ok cimd=ok token=ok scopes=ok rate_limit=warn rules=unknown"},
		"no limit told":      {prospect{ready, all, 0, ``, 0}, "discovery=ok cimd=ok token=ok scopes=ok rate_limit=unknown rules=unknown"},
		"active Rules":       {prospect{ready, all + " read:rules", 50, `[{"id":"rul_1"}]`, 0}, "discovery=ok cimd=ok token=ok scopes=ok rate_limit=ok rules=warn"},
		"Rules not readable": {prospect{ready, all + " read:rules", 50, `{}`, 0}, "discovery=ok cimd=ok token=ok scopes=ok rate_limit=ok rules=unknown"},
		"credential refused": {prospect{ready, "", 0, ``, 401}, "discovery=ok cimd=ok token=fail"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				facts := inMemory(t, tt.tenant).Preflight(t.Context())
				var got []string
				for _, f := range facts {
					got = append(got, f.Name+"="+string(f.Status))
					if f.Detail == "" || f.Status == Fail && f.Next == "" || leaks(f.Detail+f.Next) != nil {
						t.Errorf("%+v", f)
					}
				}
				if strings.Join(got, " ") != tt.want {
					t.Errorf("got  %s\nwant %s", strings.Join(got, " "), tt.want)
				}
			})
		})
	}
}

func TestPreflightLooksForTheScopesThatAreAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := inMemory(t, prospect{`{"issuer":%q}`, "read:clients", 10, ``, 0})
		for _, f := range c.Preflight(t.Context(), "read:clients", "update:client_keys") {
			if f.Name == "scopes" && (f.Status != Fail || f.Detail != "The management client lacks update:client_keys.") {
				t.Errorf("%+v", f)
			}
		}
	})
}
