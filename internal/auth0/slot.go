package auth0

import (
	"context"
	"slices"

	"clientkeeper/internal/fault"
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
	if typeFor[method] == "" || slices.Contains(ids, "") {
		return &fault.Error{Kind: fault.Invalid, Op: op, Detail: "that is no method with credentials, or an id is empty"}
	}
	body := map[string]any{
		"token_endpoint_auth_method":    nil,
		"client_authentication_methods": attached(method, ids),
	}
	if method == privateKeyJWT {
		body["jwt_configuration"] = map[string]string{"alg": "RS256"} // HS256 does not go with it
	}
	return c.sendPatch(ctx, op, clientID, "update:client_credentials and update:clients", body)
}
