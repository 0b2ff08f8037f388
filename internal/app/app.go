// Package app builds the object graph of each function: one file per function,
// and this one for what they share. It is the only place where services meet
// the adapters that they ask for.
package app

import (
	"context"
	"fmt"
	"os"
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
func Tenant(c config.Tenant, aws aws.Config) (*auth0.Client, error) {
	roots, err := readRoots(c.CAFile)
	if err != nil {
		return nil, err
	}
	return auth0.New(auth0.Config{
		Domain:     c.Domain,
		Audience:   c.Audience,
		RootsPEM:   roots,
		Reserve:    c.Reserve,
		Version:    Version,
		Credential: credential(secretstore.New(aws), c.ManagementSecret),
	})
}

func readRoots(file string) ([]byte, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Invalid, Op: "app.tenant", Reason: "bad_configuration",
			Detail: "the file that AUTH0_CA_FILE names cannot be read", Next: "name a PEM file that the function can read, or unset it"}
	}
	return pem, nil
}

// credential reads the management credential from its secret, and again when
// the tenant has refused it: it may have been rotated. What goes wrong on the
// way is never a message's fault, so unless it is passing it counts as not
// knowing who we are, which sends no message to a dead-letter queue at its
// first try.
func credential(store *secretstore.Store, id string) func(context.Context, bool) (auth0.Credential, error) {
	keeper := newCache(func(ctx context.Context) (auth0.Credential, error) {
		v, err := store.Get(ctx, id)
		if err != nil {
			return auth0.Credential{}, credentialFault(err)
		}
		s, err := secretstore.Parse(v.Value)
		if err != nil {
			return auth0.Credential{}, credentialFault(err)
		}
		return auth0.Credential{ClientID: s.ClientID, Secret: s.ClientSecret, PrivateKeyPEM: s.PrivateKeyPEM, KeyID: s.KeyID, Alg: s.Alg}, nil
	})
	return keeper.get
}

func credentialFault(err error) error {
	kind := fault.KindOf(err)
	if !kind.Transient() {
		kind = fault.Unauthenticated
	}
	return &fault.Error{Kind: kind, Op: "app.credential", Reason: "management_credential",
		Detail: "the management credential cannot be read",
		Next:   "check the secret that AUTH0_MANAGEMENT_SECRET_ARN names, its JSON and the function's permission to read it", Err: err}
}

// cacheFor bounds how long a credential is used without a look at its secret.
const cacheFor = 5 * time.Minute
