package config

import (
	"slices"
	"strconv"
)

// CheckDeployment configures functions/check-deployment.
type CheckDeployment struct {
	Tenant Tenant
	// Scopes are what the management client has to be granted.
	// (REQUIRED_SCOPES, comma-separated)
	Scopes []string
	// AllowedAudiences is as in [API]. Where it names an API, Scopes has what it
	// takes to give a grant and to undo one, too. (ALLOWED_AUDIENCES)
	AllowedAudiences []string
	// CIMDOptional lets a tenant pass that does not support client id metadata
	// documents, which a stack that only rotates does not need.
	// (CIMD_OPTIONAL, default false)
	CIMDOptional bool
}

// LoadCheckDeployment is as [LoadRegisterClient].
func LoadCheckDeployment(getenv func(string) string) (CheckDeployment, error) {
	e := env{get: getenv}
	c := CheckDeployment{
		Tenant:           e.tenant(),
		Scopes:           e.list("REQUIRED_SCOPES", "the scopes that the management client needs, such as read:clients,create:clients,update:clients"),
		AllowedAudiences: e.audiences("ALLOWED_AUDIENCES"),
		CIMDOptional:     e.flag("CIMD_OPTIONAL"),
	}
	if len(c.AllowedAudiences) > 0 {
		for _, scope := range []string{"delete:clients", "read:client_grants", "create:client_grants"} {
			if !slices.Contains(c.Scopes, scope) {
				c.Scopes = append(c.Scopes, scope)
			}
		}
	}
	return c, e.err("check-deployment")
}

// computed stand for what a template computes, of which nobody can say the
// wrong thing.
var computed = map[string]string{
	"REGISTRATIONS_QUEUE_URL": "https://sqs", "REGISTRATIONS_DLQ_URL": "https://sqs",
	"ROTATION_FUNCTION_ARN": "arn:aws:lambda:::function",
}

// CheckStack reads what the parameters of a stack say, and returns what its
// functions would refuse of it when they start, each mistake once.
func CheckStack(getenv func(string) string) error {
	e := env{get: func(name string) string {
		if v, ok := computed[name]; ok {
			return v
		}
		return getenv(name)
	}}
	c := e.registerClient()
	made := e.api().SecretPrefix
	e.rotateSecret()
	e.scheduleRotations()
	if stack := getenv("STACK_NAME"); stack != "" && made == stack+"/" {
		e.wrong("SECRET_PREFIX", "begins the names of the stack's own secrets, which the HTTP API could then read; take another one")
	}
	// No function reads it: it is the queue's.
	if most, err := strconv.Atoi(getenv("MAX_RECEIVE_COUNT")); err == nil && most <= c.MaxTries {
		e.wrong("MAX_TRIES", "is not below MaxReceiveCount; SQS would move a message first, and give no reason")
	}
	slices.Sort(e.errs)
	e.errs = slices.Compact(e.errs)
	return e.err("stack")
}
