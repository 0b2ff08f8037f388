package auth0

import (
	"context"
	"net/http"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// A NewClient is a client to be made. Name is required; every other field's
// zero value leaves the choice to the tenant.
type NewClient struct {
	Name        string
	Description string   // at most 140 characters
	AppType     string   // non_interactive for a machine
	GrantTypes  []string // by default the tenant allows four of them

	// AuthMethod is as in [Authentication]. With a shared secret the tenant
	// makes one up, and no other can be chosen here.
	AuthMethod string
	// Credentials are for the methods that use some, which need one at least.
	// They are enabled from the start.
	Credentials []NewCredential

	SigningAlg     string            // of ID tokens; with private_key_jwt not HS256
	OIDCConformant bool              // as new clients should be
	Metadata       map[string]string // client_metadata, as in [Client.SetClientMetadata]
	Quota          TokenQuota
}

// CreateClient makes a client and returns it as the tenant shows it then, and
// only then: with its secret, if it has one, and with the whole records of its
// credentials.
//
// It is made once, because a name is not unique and nothing else would stop a
// second one. If the tenant may have made it and the answer was lost, the error
// is [fault.Unavailable] with the reason "outcome_unknown". To find out, put a
// mark into Metadata and look for it in [Client.Clients]. A tenant that is full
// is [fault.Denied] with "too_many_entities".
//
// Scopes: create:clients, and create:client_credentials with credentials.
// Sources: Management API "Create a client"; Auth0 docs "Configure Private Key
// JWT Authentication", "Token Quotas".
func (c *Client) CreateClient(ctx context.Context, n NewClient) (ClientInfo, error) {
	const op = "auth0.create_client"
	if err := n.check(op); err != nil {
		return ClientInfo{}, err
	}
	scopes := "create:clients"
	if len(n.Credentials) > 0 {
		scopes += " and create:client_credentials"
	}
	var out ClientInfo
	_, err := c.do(ctx, call{
		op: op, method: http.MethodPost, path: []string{"clients"}, in: n.body(), out: &out,
		scopes: scopes, judge: noRoute,
	})
	if err == nil && out.ClientID == "" {
		err = unknownOutcome(op, strange(op, "the answer names no client"))
	}
	if err != nil {
		return ClientInfo{}, err
	}
	return out, nil
}

func (n NewClient) check(op string) error {
	invalid := func(detail string) error { return &fault.Error{Kind: fault.Invalid, Op: op, Detail: detail} }
	switch {
	case n.Name == "":
		return invalid("a client needs a name")
	case typeFor[n.AuthMethod] != "" && len(n.Credentials) == 0:
		return invalid("without a credential nobody could log in")
	}
	for _, cred := range n.Credentials {
		if or(cred.Type, "public_key") != typeFor[n.AuthMethod] {
			return invalid("the authentication method does not use credentials of this type")
		}
		if err := cred.check(op); err != nil {
			return err
		}
	}
	return checkMetadata(op, n.Metadata)
}

// body leaves out what is not meant: the schema is closed, and a method that
// uses credentials excludes token_endpoint_auth_method.
func (n NewClient) body() map[string]any {
	b := map[string]any{"name": n.Name}
	for name, v := range map[string]string{"description": n.Description, "app_type": n.AppType} {
		if v != "" {
			b[name] = v
		}
	}
	if n.GrantTypes != nil {
		b["grant_types"] = n.GrantTypes
	}
	if typeFor[n.AuthMethod] != "" {
		records := make([]map[string]any, len(n.Credentials))
		for i, cred := range n.Credentials {
			records[i] = cred.wire()
		}
		b["client_authentication_methods"] = map[string]any{n.AuthMethod: map[string]any{"credentials": records}}
	} else if n.AuthMethod != "" {
		b["token_endpoint_auth_method"] = n.AuthMethod
	}
	if n.SigningAlg != "" {
		b["jwt_configuration"] = map[string]string{"alg": n.SigningAlg}
	}
	if n.OIDCConformant {
		b["oidc_conformant"] = true
	}
	if len(n.Metadata) > 0 {
		b["client_metadata"] = n.Metadata
	}
	if n.Quota != (TokenQuota{}) {
		b["token_quota"] = n.Quota.wire()
	}
	return b
}

// RotateClientSecret lets the tenant make a new secret for a client, and
// returns it. The tenant may accept the old one, the new one or both for up to
// 30 s. A client that uses private_key_jwt is [fault.Invalid].
//
// It is done once: every call would make another secret. If the tenant may have
// done it and the answer was lost, the error is [fault.Unavailable] with the
// reason "outcome_unknown". What [Client.ClientWithSecret] shows then is the
// secret, be it the old one or the new.
//
// Scope: update:client_keys. Sources: Management API "Rotate a client secret";
// Auth0 docs "Rotate Client Secrets".
func (c *Client) RotateClientSecret(ctx context.Context, id string) (secret.Value, error) {
	const op = "auth0.rotate_client_secret"
	if err := checkID(op, id); err != nil {
		return secret.Value{}, err
	}
	var out struct {
		Secret secret.Value `json:"client_secret"`
	}
	_, err := c.do(ctx, call{
		op: op, method: http.MethodPost, path: []string{"clients", id, "rotate-secret"},
		out: &out, scopes: "update:client_keys",
	})
	if err == nil && out.Secret.IsZero() {
		err = unknownOutcome(op, strange(op, "the answer does not show the new secret"))
	}
	if err != nil {
		return secret.Value{}, err
	}
	return out.Secret, nil
}
