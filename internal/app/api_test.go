package app

import (
	"slices"
	"testing"

	"clientkeeper/internal/config"
)

// No client is given the Management API, by whichever of its names, nor this
// one, also where callers sign with IAM and bring no token that names it.
func TestTheAudiencesThatAreWithheld(t *testing.T) {
	for name, test := range map[string]struct {
		c    config.API
		want []string
	}{
		"a domain alone":       {config.API{Tenant: config.Tenant{Domain: "acme.eu.auth0.com"}}, []string{"https://acme.eu.auth0.com/api/v2/"}},
		"a custom domain":      {config.API{Tenant: config.Tenant{Domain: "login.acme.com", Audience: "https://acme.eu.auth0.com/api/v2/"}}, []string{"https://login.acme.com/api/v2/", "https://acme.eu.auth0.com/api/v2/"}},
		"with an audience too": {config.API{Tenant: config.Tenant{Domain: "acme.eu.auth0.com"}, Audience: "https://clientkeeper/api"}, []string{"https://acme.eu.auth0.com/api/v2/", "https://clientkeeper/api"}},
	} {
		if got := withheld(test.c); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
