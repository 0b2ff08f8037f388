package auth0

import (
	"context"
	"net/http"
	"strings"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// The ways in which a client may authenticate (RFC 7591 section 2, RFC 8705
// section 2).
const (
	secretPost    = "client_secret_post"
	secretBasic   = "client_secret_basic"
	privateKeyJWT = "private_key_jwt"
	tlsClientAuth = "tls_client_auth"
	selfSignedTLS = "self_signed_tls_client_auth"
)

// typeFor is the type of the credentials that a method uses. Methods that use
// none are not in it. Source: Management API "Create a client".
var typeFor = map[string]string{privateKeyJWT: "public_key", tlsClientAuth: "cert_subject_dn", selfSignedTLS: "x509_cert"}

// A ClientPatch is what [Client.UpdateClient] changes. Every field's zero value
// leaves things as they are.
type ClientPatch struct {
	Name        string
	Description *string  // a pointer to "" clears it
	GrantTypes  []string // the complete new list

	// Secret becomes the shared secret. The tenant may accept the old one, the
	// new one or both for up to 30 s (Auth0 docs "Rotate Client Secrets").
	Secret secret.Value

	// Authentication changes how the client proves who it is.
	Authentication Authentication

	// SigningAlg is jwt_configuration.alg, for ID tokens. A client that is to
	// use private_key_jwt must not have HS256; set RS256 in the same patch.
	SigningAlg string

	// Metadata sets keys of client_metadata; nil removes a key, and keys that
	// are not named stay. At most ten keys, and 255 characters in each key and
	// value.
	Metadata map[string]*string

	// Quota replaces the token quota; a pointer to the zero TokenQuota removes
	// it.
	Quota *TokenQuota
}

// An Authentication is a shared secret or keys, never both. The tenant keeps
// the two in fields that exclude each other, so one PATCH always sets the one
// and clears the other. The zero Authentication changes nothing.
type Authentication struct {
	// Method is client_secret_post, client_secret_basic or none; or one that
	// uses credentials: private_key_jwt (of type public_key), tls_client_auth
	// (cert_subject_dn) or self_signed_tls_client_auth (x509_cert).
	Method string
	// CredentialIDs is the complete list of credentials that such a method may
	// use from now on; by default two are the most.
	CredentialIDs []string
}

// A TokenQuota bounds the access tokens that a client may get with the client
// credentials grant. Zero means no bound.
type TokenQuota struct {
	PerHour, PerDay int
	Enforce         bool // refuse beyond the bound, instead of only reporting
}

// UpdateClient changes a client with one PATCH: all of it or nothing. What the
// tenant answers is ignored, for it leaves fields out. A patch without a change
// sends nothing; one that contradicts itself is [fault.Invalid] before anything
// is sent. Repeating it is harmless.
//
// Scopes: update:client_keys for the secret, update:client_credentials for the
// authentication by keys, update:clients for all else. Sources: Management API
// "Update a client"; Auth0 docs "Configure Private Key JWT Authentication" (the
// switch), "Update Client Metadata" (how keys merge).
func (c *Client) UpdateClient(ctx context.Context, id string, p ClientPatch) error {
	return c.patch(ctx, "auth0.update_client", id, p)
}

// SetClientSecret makes v the client's shared secret. Repeating it with the
// same value is harmless, which is why a value chosen here is safer than
// [Client.RotateClientSecret]. A client that uses keys goes on using them.
//
// Scope: update:client_keys. Sources: Management API "Update a client"; Auth0
// docs "Rotate Client Secrets".
func (c *Client) SetClientSecret(ctx context.Context, id string, v secret.Value) error {
	const op = "auth0.set_client_secret"
	if v.IsZero() {
		return &fault.Error{Kind: fault.Invalid, Op: op, Detail: "the secret is empty"}
	}
	return c.patch(ctx, op, id, ClientPatch{Secret: v})
}

// SetClientMetadata sets keys of a client's client_metadata; keys that are not
// named stay as they are. At most ten keys, and 255 characters in each key and
// value, else [fault.Invalid] before anything is sent. With no keys it does
// nothing. Repeating it is harmless.
//
// Scope: update:clients. Source: Management API "Update a client".
func (c *Client) SetClientMetadata(ctx context.Context, id string, metadata map[string]string) error {
	p := ClientPatch{Metadata: make(map[string]*string, len(metadata))}
	for k, v := range metadata {
		p.Metadata[k] = &v
	}
	return c.patch(ctx, "auth0.set_client_metadata", id, p)
}

// SetCredentials makes ids the complete list of credentials with which a
// client that uses private_key_jwt may authenticate. An empty list, which would
// lock everybody out, is [fault.Invalid]. Repeating it is harmless. A client
// that uses a secret is moved to keys with [Client.UpdateClient].
//
// Scope: update:client_credentials. Sources: Management API "Update a client";
// Auth0 docs "Rotate Credentials".
func (c *Client) SetCredentials(ctx context.Context, clientID string, ids []string) error {
	const op = "auth0.set_credentials"
	if err := (Authentication{privateKeyJWT, ids}).check(op); err != nil {
		return err
	}
	return c.sendPatch(ctx, op, clientID, "update:client_credentials",
		map[string]any{"client_authentication_methods": attached(privateKeyJWT, ids)})
}

func (c *Client) patch(ctx context.Context, op, id string, p ClientPatch) error {
	if err := p.check(op); err != nil {
		return err
	}
	body := p.body()
	if len(body) == 0 {
		return checkID(op, id)
	}
	return c.sendPatch(ctx, op, id, p.scopes(), body)
}

func (c *Client) sendPatch(ctx context.Context, op, id, scopes string, body map[string]any) error {
	if err := checkID(op, id); err != nil {
		return err
	}
	_, err := c.do(ctx, call{
		op: op, method: http.MethodPatch, path: []string{"clients", id}, in: body, repeatable: true, scopes: scopes,
	})
	return err
}

func (p ClientPatch) check(op string) error {
	values := make(map[string]string, len(p.Metadata))
	for k, v := range p.Metadata {
		values[k] = ""
		if v != nil {
			values[k] = *v
		}
	}
	if err := checkMetadata(op, values); err != nil {
		return err
	}
	return p.Authentication.check(op)
}

func (a Authentication) check(op string) error {
	invalid := func(detail string) error { return &fault.Error{Kind: fault.Invalid, Op: op, Detail: detail} }
	switch uses := typeFor[a.Method] != ""; {
	case uses && len(a.CredentialIDs) == 0:
		return invalid("without a credential nobody could log in")
	case !uses && len(a.CredentialIDs) > 0:
		return invalid("credentials are for private_key_jwt, tls_client_auth and self_signed_tls_client_auth only")
	}
	for _, id := range a.CredentialIDs {
		if id == "" {
			return invalid("a credential's id is empty")
		}
	}
	return nil
}

// body is a map because only a map says of a field that it is null, or not
// there, or something.
func (p ClientPatch) body() map[string]any {
	b := map[string]any{}
	if p.Name != "" {
		b["name"] = p.Name
	}
	if p.Description != nil {
		b["description"] = *p.Description
	}
	if p.GrantTypes != nil {
		b["grant_types"] = p.GrantTypes
	}
	if !p.Secret.IsZero() {
		b["client_secret"] = p.Secret.Reveal()
	}
	if p.SigningAlg != "" {
		b["jwt_configuration"] = map[string]string{"alg": p.SigningAlg}
	}
	if len(p.Metadata) > 0 {
		b["client_metadata"] = p.Metadata
	}
	if p.Quota != nil {
		b["token_quota"] = p.Quota.wire()
	}
	p.Authentication.add(b)
	return b
}

func (a Authentication) add(b map[string]any) {
	switch {
	case a.Method == "":
	case typeFor[a.Method] != "":
		b["token_endpoint_auth_method"] = nil
		b["client_authentication_methods"] = attached(a.Method, a.CredentialIDs)
	default:
		b["token_endpoint_auth_method"] = a.Method
		b["client_authentication_methods"] = nil
	}
}

// attached is the slot of a method. A PATCH takes ids alone.
func attached(method string, ids []string) map[string]any {
	refs := make([]map[string]string, len(ids))
	for i, id := range ids {
		refs[i] = map[string]string{"id": id}
	}
	return map[string]any{method: map[string]any{"credentials": refs}}
}

// wire is nil, which is encoded as null, for the zero quota.
func (q TokenQuota) wire() any {
	if q == (TokenQuota{}) {
		return nil
	}
	inner := map[string]any{"enforce": q.Enforce}
	if q.PerHour > 0 {
		inner["per_hour"] = q.PerHour
	}
	if q.PerDay > 0 {
		inner["per_day"] = q.PerDay
	}
	return map[string]any{"client_credentials": inner}
}

// scopes are those that the patch needs, for the advice in an error.
func (p ClientPatch) scopes() string {
	var need []string
	if p.Authentication.Method != "" {
		need = append(need, "update:client_credentials")
	}
	if !p.Secret.IsZero() {
		need = append(need, "update:client_keys")
	}
	p.Secret = secret.Value{}
	if len(p.body()) > 0 {
		need = append(need, "update:clients")
	}
	return strings.Join(need, " and ")
}
