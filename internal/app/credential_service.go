package app

import (
	"context"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"clientkeeper/internal/auth0"
	"clientkeeper/internal/config"
	cred "clientkeeper/internal/credential"
	"clientkeeper/internal/idempotency"
	"clientkeeper/internal/registration"
	"clientkeeper/internal/rotation"
	"clientkeeper/internal/safehttp"
	"clientkeeper/internal/secretstore"
)

// CredentialOptions say how clients and credentials are made.
type CredentialOptions struct {
	Tenant      config.Tenant
	Prefix      string   // of the names of secrets; empty: clients/
	KMSKeyID    string   // of the secrets that are made; empty: the account's default
	FunctionARN string   // functions/rotate-secret
	Hosts       []string // that a JWKS URI may name: exact, or *.example.com
	Audiences   []string // that a grant may name; "*" alone: every API
	AnyClient   bool     // not only those with a managed secret
	Fetch       safehttp.Config
	Settle      time.Duration // see [cred.Service]
}

// Credentials builds what functions/api makes clients and credentials with, and
// the records of its requests.
func Credentials(cfg aws.Config, o CredentialOptions) (*cred.Service, *idempotency.Ledger, error) {
	store := secretstore.New(cfg)
	management := credential(store, o.Tenant.ManagementSecret)
	client, err := tenantWith(o.Tenant, store, management, auth0.Bulk)
	if err != nil {
		return nil, nil, err
	}
	policy, err := registration.NewPolicy(o.Hosts, false, false)
	if err != nil {
		return nil, nil, err
	}
	fetcher := safehttp.New(o.Fetch)
	s := &cred.Service{
		Tenant: making{client}, Store: shelf{store: store, kms: o.KMSKeyID, domain: o.Tenant.Domain, function: o.FunctionARN},
		Prefix: o.Prefix, Domain: o.Tenant.Domain, Domains: audienceHost(o.Tenant.Audience), Audiences: o.Audiences, AnyClient: o.AnyClient, Settle: o.Settle,
		Hosts: policy.Allows, Floor: rotation.CadenceFloor,
		Fetch: func(ctx context.Context, url string) ([]byte, error) {
			r, err := fetcher.Get(ctx, safehttp.Request{URL: url, MaxBytes: keySetLimit, AnyType: true})
			if err != nil {
				return nil, err
			}
			return r.Body, nil
		},
		Self: func(ctx context.Context) (string, error) {
			c, err := management(ctx, false)
			return c.ClientID, err
		},
	}
	return s, &idempotency.Ledger{Store: records{store: store, kms: o.KMSKeyID}, Space: o.Tenant.Domain}, nil
}

// keySetLimit is one byte more than a key set may have, so that the judgement
// refuses it.
const keySetLimit = 12*1024 + 1

// audienceHost is the canonical domain, where the configured one is custom.
func audienceHost(audience string) []string {
	if u, err := url.Parse(audience); err == nil && u.Host != "" {
		return []string{u.Host}
	}
	return nil
}
