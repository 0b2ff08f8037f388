package config

// CheckDeployment configures functions/check-deployment.
type CheckDeployment struct {
	Tenant Tenant
	// Scopes are what the management client has to be granted.
	// (REQUIRED_SCOPES, comma-separated)
	Scopes []string
}

// LoadCheckDeployment is as [LoadRegisterClient].
func LoadCheckDeployment(getenv func(string) string) (CheckDeployment, error) {
	e := env{get: getenv}
	c := CheckDeployment{
		Tenant: e.tenant(),
		Scopes: e.list("REQUIRED_SCOPES", "the scopes that the management client needs, such as read:clients,create:clients,update:clients"),
	}
	return c, e.err("check-deployment")
}
