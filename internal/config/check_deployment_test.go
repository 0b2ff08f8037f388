package config_test

import (
	"slices"
	"testing"

	"clientkeeper/internal/config"
)

// Who names an API means to give grants for it, which takes scopes of its own.
func TestWhatTheCheckOfADeploymentAsksFor(t *testing.T) {
	const asked = "read:clients,delete:clients"
	for audiences, want := range map[string][]string{
		"":                           {"read:clients", "delete:clients"},
		"https://orders.example.com": {"read:clients", "delete:clients", "read:client_grants", "create:client_grants"},
		"*":                          {"read:clients", "delete:clients", "read:client_grants", "create:client_grants"},
	} {
		c, err := config.LoadCheckDeployment(apiEnvironment(map[string]string{"REQUIRED_SCOPES": asked, "ALLOWED_AUDIENCES": audiences}))
		if err != nil || !slices.Equal(c.Scopes, want) {
			t.Errorf("for grants of %q: %q, %v; want %q", audiences, c.Scopes, err, want)
		}
	}
}
