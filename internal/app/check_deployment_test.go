package app

import (
	"log/slog"
	"strings"
	"testing"

	"clientkeeper/internal/auth0"
	"clientkeeper/internal/config"
	tenantroom "clientkeeper/internal/sandbox/tenant"
)

// A tenant without CIMD keeps a stack from being deployed, but for one that only
// rotates.
func TestADeploymentRequiresCIMD(t *testing.T) {
	tests := map[string]struct {
		on, optional bool
		want         auth0.Status
	}{
		"on":               {true, false, auth0.OK},
		"on and optional":  {true, true, auth0.OK},
		"off":              {false, false, auth0.Fail},
		"off and optional": {false, true, auth0.Warn},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := openSecrets(t)
			r.environment(t)
			tn, c := openTenantWith(t, "management", tenantroom.Options{CIMD: tt.on})
			id, value := tn.AddManagementClient("read:clients")
			c.ManagementSecret = r.put(t, stored(t, id, value))
			h, err := CheckDeployment(t.Context(), config.CheckDeployment{Tenant: c, Scopes: []string{"read:clients"}, CIMDOptional: tt.optional}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range h.Look(t.Context()) {
				switch {
				case f.Name == "cimd" && f.Status != tt.want:
					t.Errorf("%+v, want %s", f, tt.want)
				case f.Name == "cimd" && tt.want == auth0.Fail && !strings.Contains(f.Next, "CimdOptional"):
					t.Errorf("%+v does not say how to do without", f)
				case f.Name != "cimd" && f.Status == auth0.Fail:
					t.Errorf("%+v", f)
				}
			}
		})
	}
}
