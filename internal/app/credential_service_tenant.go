package app

import (
	"context"
	"time"

	"clientkeeper/internal/auth0"
	cred "clientkeeper/internal/credential"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// making puts the Management API into credential's words.
type making struct{ client *auth0.Client }

func (m making) CreateClient(ctx context.Context, c cred.TenantClient) (string, error) {
	n := auth0.NewClient{Name: c.Name, Description: c.Description, AppType: "non_interactive", GrantTypes: []string{"client_credentials"},
		AuthMethod: c.AuthMethod, SigningAlg: "RS256", OIDCConformant: true, Metadata: c.Metadata,
		Quota: auth0.TokenQuota{PerHour: c.Quota.PerHour, PerDay: c.Quota.PerDay, Enforce: c.Quota.Enforce}}
	if c.AuthMethod == cred.PrivateKeyJWT {
		n.Credentials = []auth0.NewCredential{newCredential(c.Key)}
	}
	made, err := m.client.CreateClient(ctx, n)
	return made.ClientID, err
}

func newCredential(k cred.PublicKey) auth0.NewCredential {
	return auth0.NewCredential{Type: k.Type, Name: k.Name, PEM: k.PEM, SubjectDN: k.SubjectDN, KeyID: k.KeyID, Alg: k.Alg, Expires: k.Expires}
}

func (m making) Marked(ctx context.Context) ([]cred.Marked, error) {
	var out []cred.Marked
	firstParty := true // as all are that are made here
	query := auth0.Query{FirstParty: &firstParty, AppTypes: []string{"non_interactive"}, Fields: []string{"client_id", "name", "client_metadata"}, PageSize: 100}
	for c, err := range m.client.Clients(ctx, query) {
		if err != nil {
			return nil, err
		}
		if request := c.Metadata[cred.MarkRequest]; request != "" {
			out = append(out, cred.Marked{ID: c.ClientID, Name: c.Name, Request: request, SecretARN: c.Metadata[cred.MarkSecret]})
		}
	}
	return out, nil
}

func (m making) Client(ctx context.Context, id string) (cred.State, error) {
	info, err := m.client.Client(ctx, id)
	if err != nil {
		return cred.State{}, err
	}
	if info.Global {
		return cred.State{}, &fault.Error{Kind: fault.NotFound, Op: "app.client", Detail: "that is the tenant's own client"}
	}
	out := cred.State{ID: info.ClientID, Name: info.Name, Method: info.TokenEndpointAuthMethod, Metadata: info.Metadata}
	methods := info.AuthenticationMethods
	for method, slot := range map[string]auth0.EnabledCredentials{
		cred.PrivateKeyJWT: methods.PrivateKeyJWT, cred.TLS: methods.TLS, cred.SelfSignedTLS: methods.SelfSignedTLS,
	} {
		if slot.Credentials != nil {
			out.Method, out.Attached = method, ids(slot)
		}
	}
	return out, nil
}

func (m making) DeleteClient(ctx context.Context, id string) error {
	return m.client.DeleteClient(ctx, id)
}

func (m making) SetSecret(ctx context.Context, id string, v secret.Value) error {
	return m.client.SetClientSecret(ctx, id, v)
}

func (m making) Grants(ctx context.Context, id string) ([]cred.Grant, error) {
	list, err := m.client.ClientGrants(ctx, id)
	if err != nil {
		return nil, err
	}
	out := make([]cred.Grant, 0, len(list))
	for _, g := range list {
		out = append(out, cred.Grant{Audience: g.Audience, Scopes: g.Scopes})
	}
	return out, nil
}

func (m making) Grant(ctx context.Context, id string, g cred.Grant) error {
	_, err := m.client.CreateClientGrant(ctx, id, g.Audience, g.Scopes)
	return err
}

func (m making) Credentials(ctx context.Context, id string) ([]cred.Credential, error) {
	list, err := m.client.Credentials(ctx, id)
	if err != nil {
		return nil, err
	}
	out := make([]cred.Credential, 0, len(list))
	for _, c := range list {
		out = append(out, shown(c))
	}
	return out, nil
}

func shown(c auth0.ClientCredential) cred.Credential {
	return cred.Credential{ID: c.ID, Name: c.Name, Type: c.Type, KeyID: c.KeyID, Alg: c.Alg, Created: c.Created, Updated: c.Updated, Expires: c.Expires}
}

func (m making) Credential(ctx context.Context, id, key string) (cred.Credential, error) {
	c, err := m.client.Credential(ctx, id, key)
	return shown(c), err
}

func (m making) AddCredential(ctx context.Context, id string, k cred.PublicKey) (cred.Credential, error) {
	c, err := m.client.CreateCredential(ctx, id, newCredential(k))
	return shown(c), err
}

func (m making) SetExpiry(ctx context.Context, id, key string, at time.Time) (cred.Credential, error) {
	c, err := m.client.SetCredentialExpiry(ctx, id, key, at)
	return shown(c), err
}

func (m making) DeleteCredential(ctx context.Context, id, key string) error {
	return m.client.DeleteCredential(ctx, id, key)
}

func (m making) Attach(ctx context.Context, id, method string, credentials []string) error {
	return m.client.EnableCredentials(ctx, id, method, credentials)
}
