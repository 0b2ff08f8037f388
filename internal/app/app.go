// Package app builds the object graph of each function: one file per function,
// and this one for what they share. It is the only place where services meet
// the adapters that they ask for.
package app

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"clientkeeper/internal/auth0"
	"clientkeeper/internal/config"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/secretstore"
)

// Version is this build's. The linker sets it.
var Version = "dev"

// AWS is the account and region that the environment and its credential chain
// name. AWS_ENDPOINT_URL points it at a sandbox.
func AWS(ctx context.Context) (aws.Config, error) {
	c, err := awsconfig.LoadDefaultConfig(ctx)
	if err == nil && c.Region == "" {
		err = fmt.Errorf("no region")
	}
	if err != nil {
		return aws.Config{}, &fault.Error{Kind: fault.Invalid, Op: "app.aws", Reason: "bad_configuration",
			Detail: "the AWS configuration cannot be used", Next: "set AWS_REGION, and check AWS_PROFILE and the shared configuration files"}
	}
	return c, nil
}

// Tenant is a client of the Auth0 tenant that c names, with the management
// credential that Secrets Manager holds.
func Tenant(c config.Tenant, cfg aws.Config) (*auth0.Client, error) {
	store := secretstore.New(cfg)
	return tenantWith(c, store, credential(store, c.ManagementSecret), auth0.Bulk)
}

// urgentWait is how long a call of a rotation may wait for the tenant's rate
// limit. A step that fails instead costs all steps before it once more, and
// Secrets Manager tries only a few times.
const urgentWait = time.Minute

// source is where a management credential comes from, as auth0.Config says.
type source func(ctx context.Context, stale bool) (auth0.Credential, error)

func tenantWith(c config.Tenant, store *secretstore.Store, from source, priority auth0.Priority) (*auth0.Client, error) {
	wait := time.Duration(0) // the default: a message waits better in its queue
	if priority == auth0.Urgent {
		wait = urgentWait
	}
	return auth0.New(auth0.Config{
		MaxWait:    wait,
		Domain:     c.Domain,
		Audience:   c.Audience,
		RootsPEM:   c.RootsPEM,
		Reserve:    c.Reserve,
		Priority:   priority,
		Version:    Version,
		Credential: from,
		Share:      share(c, store),
	})
}
