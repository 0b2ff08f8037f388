package auth0

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// ClientInfo is a client as the tenant shows it. What is unset, or needs a scope
// that the token lacks, is empty: the tenant does not tell the two apart.
type ClientInfo struct {
	ClientID                string                `json:"client_id,omitempty"`
	Tenant                  string                `json:"tenant,omitempty"`
	Name                    string                `json:"name,omitempty"`
	Description             string                `json:"description,omitempty"`
	Global                  bool                  `json:"global,omitempty"`   // the tenant's own "All Applications"
	AppType                 string                `json:"app_type,omitempty"` // native, regular_web, non_interactive, ...
	LogoURI                 string                `json:"logo_uri,omitempty"`
	FirstParty              *bool                 `json:"is_first_party,omitempty"`
	OIDCConformant          *bool                 `json:"oidc_conformant,omitempty"`
	Callbacks               []string              `json:"callbacks,omitempty"`
	AllowedOrigins          []string              `json:"allowed_origins,omitempty"`
	WebOrigins              []string              `json:"web_origins,omitempty"`
	AllowedLogoutURLs       []string              `json:"allowed_logout_urls,omitempty"`
	GrantTypes              []string              `json:"grant_types,omitempty"`
	TokenEndpointAuthMethod string                `json:"token_endpoint_auth_method,omitempty"`
	AuthenticationMethods   AuthenticationMethods `json:"client_authentication_methods,omitzero"`
	JWTConfiguration        JWTConfiguration      `json:"jwt_configuration,omitzero"`
	Metadata                Metadata              `json:"client_metadata,omitempty"`

	// Secret is filled only for those who ask for it: by the field's name,
	// client_secret, or with [Client.ClientWithSecret]. It needs
	// read:client_keys or read:client_credentials. A client that uses
	// private_key_jwt shows none; a CIMD client shows one that is not used.
	Secret secret.Value `json:"client_secret,omitzero"`

	// These slots too may hold credentials, which cannot be deleted then.
	SignedRequestObject EnabledCredentials `json:"signed_request_object,omitzero"`
	TokenVault          EnabledCredentials `json:"token_vault_privileged_access,omitzero"`

	ThirdPartySecurityMode string `json:"third_party_security_mode,omitempty"` // strict or permissive

	// These are set for clients that came from a document, but the answer to a
	// PATCH omits them: never store what a PATCH answers.
	ExternalClientID          string `json:"external_client_id,omitempty"`
	ExternalMetadataType      string `json:"external_metadata_type,omitempty"`       // cimd or dcr
	ExternalMetadataCreatedBy string `json:"external_metadata_created_by,omitempty"` // admin or client
	JWKSURI                   string `json:"jwks_uri,omitempty"`
}

// JWTConfiguration is how a client's ID tokens are made.
type JWTConfiguration struct {
	Alg               string `json:"alg,omitempty"`
	LifetimeInSeconds int    `json:"lifetime_in_seconds,omitempty"`
	SecretEncoded     bool   `json:"secret_encoded,omitempty"`
}

// Metadata is a client's client_metadata. Values that are not strings, which
// the API no longer takes but may still show, are left out.
type Metadata map[string]string

// UnmarshalJSON keeps the strings.
func (m *Metadata) UnmarshalJSON(b []byte) error {
	var all map[string]any
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	*m = make(Metadata, len(all))
	for k, v := range all {
		if s, ok := v.(string); ok {
			(*m)[k] = s
		}
	}
	return nil
}

// Client reads a client by the tenant's id for it. With fields, only those are
// asked for, by their JSON names; naming one that the token may not read is
// [fault.Denied]. Without, everything is read but the secret. A client that
// does not exist is [fault.NotFound].
//
// Scopes: any of read:clients, read:client_keys, read:client_credentials and
// read:client_summary; which of them decides what is shown. Source: Management
// API "Get client by ID".
func (c *Client) Client(ctx context.Context, id string, fields ...string) (ClientInfo, error) {
	info, err := c.client(ctx, id, fields, "read:clients")
	return info.without(fields), err
}

// ClientWithSecret reads all of a client that the token may read, the secret
// included; without the scope for it, [ClientInfo.Secret] is zero.
//
// Scopes: read:clients, and read:client_keys or read:client_credentials.
// Source: Management API "Get client by ID".
func (c *Client) ClientWithSecret(ctx context.Context, id string) (ClientInfo, error) {
	return c.client(ctx, id, nil, "read:clients and read:client_keys")
}

func (c *Client) client(ctx context.Context, id string, fields []string, scopes string) (ClientInfo, error) {
	const op = "auth0.get_client"
	if err := checkID(op, id); err != nil {
		return ClientInfo{}, err
	}
	var out ClientInfo
	_, err := c.do(ctx, call{
		op: op, method: http.MethodGet, path: []string{"clients", id}, query: fieldsQuery(fields),
		out: &out, repeatable: true, scopes: scopes,
	})
	if err == nil && out.ClientID != id && (len(fields) == 0 || slices.Contains(fields, "client_id")) {
		err = strange(op, "the answer is not about the client that was asked for")
	}
	if err != nil {
		return ClientInfo{}, err
	}
	return out, nil
}

// without is the client as those may have it who asked for fields. What nobody
// asked for should not lie about in memory.
func (info ClientInfo) without(fields []string) ClientInfo {
	if !slices.Contains(fields, "client_secret") {
		info.Secret = secret.Value{}
	}
	return info
}

// DeleteClient deletes a client with its credentials and grants. Deleting what
// is gone already is a success, so repeating it is harmless.
//
// Scope: delete:clients. Source: Management API "Delete a client".
func (c *Client) DeleteClient(ctx context.Context, id string) error {
	const op = "auth0.delete_client"
	if err := checkID(op, id); err != nil {
		return err
	}
	_, err := c.do(ctx, call{
		op: op, method: http.MethodDelete, path: []string{"clients", id}, repeatable: true, scopes: "delete:clients",
	})
	if fault.KindOf(err) == fault.NotFound && fault.Reason(err) == "inexistent_client" {
		return nil
	}
	return err
}

func checkMetadata(op string, metadata map[string]string) error {
	const maxKeys, maxChars = 10, 255
	if len(metadata) > maxKeys {
		return &fault.Error{Kind: fault.Invalid, Op: op, Detail: "more than 10 keys of client_metadata"}
	}
	for k, v := range metadata {
		if k == "" || utf8.RuneCountInString(k) > maxChars || utf8.RuneCountInString(v) > maxChars {
			return &fault.Error{Kind: fault.Invalid, Op: op,
				Detail: "a key of client_metadata is empty, or a key or value is longer than 255 characters"}
		}
	}
	return nil
}

// checkID refuses what would name another thing than a client: the list of all
// of them, for one.
func checkID(op, id string) error {
	if id == "" || id == "." || id == ".." || len(id) > 128 {
		return &fault.Error{Kind: fault.Invalid, Op: op, Detail: "that is not the id of a client"}
	}
	return nil
}

func fieldsQuery(fields []string) url.Values {
	if len(fields) == 0 {
		return nil
	}
	return url.Values{"fields": {strings.Join(fields, ",")}, "include_fields": {"true"}}
}
