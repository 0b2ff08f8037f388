package auth0

import (
	"context"
	"slices"

	"clientkeeper/internal/fault"
)

// The ways to authenticate with a certificate (RFC 8705 section 2).
const (
	tlsClientAuth = "tls_client_auth"
	selfSignedTLS = "self_signed_tls_client_auth"
)

// EnableCredentials makes ids the complete list of credentials that a method,
// private_key_jwt, tls_client_auth or self_signed_tls_client_auth, may use, and
// lets the client use that method and no other, in one PATCH. An empty list
// locks everybody out; the caller has to mean it. Repeating it is harmless.
//
// Scopes: update:client_credentials and update:clients. Sources: Management API
// "Update a client"; Auth0 docs "Rotate Credentials", "Configure mTLS
// Authentication for a Client".
func (c *Client) EnableCredentials(ctx context.Context, clientID, method string, ids []string) error {
	const op = "auth0.enable_credentials"
	if !slices.Contains([]string{privateKeyJWT, tlsClientAuth, selfSignedTLS}, method) || slices.Contains(ids, "") {
		return &fault.Error{Kind: fault.Invalid, Op: op, Detail: "that is no method with credentials, or an id is empty"}
	}
	refs := make([]map[string]string, len(ids))
	for i, id := range ids {
		refs[i] = map[string]string{"id": id}
	}
	body := map[string]any{
		"token_endpoint_auth_method":    nil,
		"client_authentication_methods": map[string]any{method: map[string]any{"credentials": refs}},
	}
	if method == privateKeyJWT {
		body["jwt_configuration"] = map[string]string{"alg": "RS256"} // HS256 does not go with it
	}
	return c.sendPatch(ctx, op, clientID, "update:client_credentials and update:clients", body)
}
