package tenant

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// A Reply is one way in which the tenant says no. Management API replies
// become {statusCode, error, message, errorCode}; those of the token endpoint,
// whose names begin with "oauth_", become {error, error_description}, with
// Code as error.
//
// Many texts were never published. [Options.Replies] can replace any of them,
// and no program should depend on one.
type Reply struct {
	Status  int
	Code    string // empty leaves errorCode out
	Message string // a format for the arguments that the default takes
}

// replies are the defaults by name. Texts are Auth0's own where a public
// source quotes them; "unverified" marks those that none does.
var replies = map[string]Reply{
	"missing_authentication": {401, "", "Missing authentication"},
	"bad_header":             {400, "", "Bad HTTP authentication header format"},
	"invalid_token":          {401, "", "Invalid token"},
	"expired_token":          {401, "", "Expired token received for JSON Web Token validation"},
	"bad_signature":          {401, "", "Invalid signature received for JSON Web Token validation"},
	"bad_audience":           {401, "", "Invalid token"},
	"insufficient_scope":     {403, "insufficient_scope", "Insufficient scope, expected any of: %s"},
	"cannot_read":            {403, "insufficient_scope", "You cannot read the following fields: %s"},
	"cannot_update":          {403, "insufficient_scope", "You cannot update the following fields: %s"}, // unverified
	"upgrade":                {403, "insufficient_entitlement", "Please upgrade your subscription to use %s."},
	"too_many_entities":      {403, "too_many_entities", "You reached the limit of entities of this type for this tenant."},
	"route_missing":          {404, "", "Not Found"},
	"client_missing":         {404, "inexistent_client", "The client does not exist"},
	"credential_missing":     {404, "", "Credential does not exist"}, // code unverified
	"payload":                {400, "invalid_body", "Payload validation error: %s."},
	"payload_json":           {400, "", "Invalid request payload JSON format"},
	"payload_size":           {413, "", "Payload content length greater than maximum allowed: 1048576"},
	"query":                  {400, "invalid_query_string", "Query validation error: %s."},
	"paging":                 {400, "invalid_paging", "Requesting page exceeds the allowed maximum of %d records."},
	"rate_limited":           {429, "too_many_requests", "Global limit has been reached"},
	"alias_taken":            {409, "", "Another client exists with the same alias."},
	"third_party_orgs": {400, "", "Organizations are only available to first party clients on user-based flows. " +
		"Properties organization_usage and organization_require_behavior must be unset for third party clients."},
	"global_client": {400, "", "Global client cannot be deleted."},

	// CIMD. Codes and the status of cimd_disabled are unverified.
	"document_rejected": {400, "", "The Client Metadata document at %s cannot be applied."},
	"document_unread":   {400, "", "The Client Metadata at %s could not be retrieved."},
	"cimd_disabled":     {400, "operation_not_supported", "Client ID Metadata Document registration is not enabled for this tenant."},
	"cimd_not_editable": {400, "", "The following properties of a Client ID Metadata Document client cannot be changed: %s"},

	// Client grants. No code of theirs is known; grant_scope is unverified.
	"api_missing":          {404, "", "Resource server not found"},
	"grant_client_missing": {404, "", "Client not found"},
	"grant_missing":        {404, "", "The client grant does not exist."},
	"grant_exists":         {409, "", "A resource server with the same identifier already exists."},
	"grant_third_party":    {400, "", "Client grants for this API cannot be created for third-party clients."},
	"grant_all_scopes":     {400, "", "`allow_all_scopes` cannot be provided when `audience` is a system API"},
	"grant_scope":          {400, "invalid_body", "The API does not define the scope %s"},

	// Credentials and secrets. Statuses and some texts are unverified.
	"slot_full":             {400, "invalid_body", "Payload validation error: 'Array is too long (%d), maximum %d' on property %s.credentials."},
	"third_party_fixed":     {400, "", "third_party_security_mode cannot be changed, and strict third-party clients cannot become first-party clients"},
	"slot_unknown":          {400, "", "One or more of the credentials provided do not exist"},
	"pool_full":             {400, "", "A client can have a maximum of %d credentials."},
	"key_duplicate":         {400, "", "credentials contains public keys that already exist in client"},
	"key_invalid":           {400, "invalid_body", "The public key or certificate is invalid: %s"},
	"expiry_conflict":       {400, "invalid_body", "Payload validation error: 'parse_expiry_from_cert and expires_at are mutually exclusive'."},
	"credential_attached":   {400, "", "Cannot delete credential still associated with a client"},
	"method_conflict":       {400, "invalid_body", "token_endpoint_auth_method and client_authentication_methods cannot be set at the same time"},
	"method_missing":        {400, "invalid_body", "One of token_endpoint_auth_method and client_authentication_methods must be set"},
	"needs_rs256":           {400, "invalid_body", "jwt_configuration.alg must not be HS256 for clients that use private_key_jwt"},
	"method_taken":          {400, "invalid_body", "token_endpoint_auth_method must be null for clients with client_authentication_methods"},
	"slot_type":             {400, "invalid_body", "Credentials of type %s cannot be used for %s"},
	"expiry_past":           {400, "invalid_body", "Payload validation error: 'expires_at must be in the future'."},
	"secret_refused":        {400, "", "The secret of a client that does not authenticate with one cannot be set"},
	"rotate_refused":        {400, "", "The secret of a client that uses private_key_jwt cannot be rotated"},
	"rotate_refused_public": {400, "", "The secret of a public client cannot be rotated"},
	"rotate_refused_cimd":   {400, "", "The secret of a Client ID Metadata Document client cannot be rotated"},

	// The token endpoint. Texts of refused assertions are unverified.
	"oauth_missing":         {400, "invalid_request", "Missing required parameter: %s"},
	"oauth_two_methods":     {400, "invalid_request", "More than one client authentication method was used"},
	"oauth_body":            {400, "invalid_request", "The request body cannot be parsed"},
	"oauth_grant_type":      {400, "unsupported_grant_type", "Grant type not supported"},
	"oauth_unauthorized":    {401, "access_denied", "Unauthorized"},
	"oauth_assertion":       {401, "invalid_client", "Client assertion refused: %s"},
	"oauth_grant_denied":    {403, "unauthorized_client", "Grant type 'client_credentials' not allowed for the client."},
	"oauth_no_audience":     {403, "access_denied", "Non-global clients are not allowed access to APIv1"},
	"oauth_unknown_service": {403, "access_denied", "Service not found: %s"},
	"oauth_no_grant":        {403, "access_denied", `Client is not authorized to access resource server "%s". You need to create a "client-grant" associated to this API.`},
	"oauth_scope":           {403, "access_denied", "Client has not been granted scopes: %s"},
	"oauth_quota":           {429, "too_many_requests", "Client quota exceeded"},
	"oauth_rate_limited":    {429, "too_many_requests", "Global limit has been reached"},
}

// An answer is a response before it is sent. A nil body sends none.
type answer struct {
	status int
	header http.Header
	body   any
	limits *reading // what the rate limit headers say, if not of the bucket
}

func ok(body any) answer { return answer{status: http.StatusOK, body: body} }

// envelope is the error shape of the Management API.
type envelope struct {
	StatusCode int               `json:"statusCode"`
	Error      string            `json:"error"`
	Message    string            `json:"message"`
	ErrorCode  string            `json:"errorCode,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Violations []string          `json:"violations,omitempty"`
}

// oauthError is the error shape of RFC 6749 section 5.2.
type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

func (t *Tenant) reply(name string) Reply {
	if r, ok := t.opts.Replies[name]; ok {
		return r
	}
	return replies[name]
}

// refuse is the named reply in the envelope of the Management API. Refusals of
// the token itself repeat their text in attributes.
func (t *Tenant) refuse(name string, args ...any) answer {
	r := t.reply(name)
	e := envelope{StatusCode: r.Status, Error: http.StatusText(r.Status), Message: r.text(args), ErrorCode: r.Code}
	if r.Status == http.StatusUnauthorized && name != "missing_authentication" {
		e.Attributes = map[string]string{"error": e.Message}
	}
	return answer{status: r.Status, body: e}
}

// refuseToken is the named reply in the shape of the token endpoint.
func (t *Tenant) refuseToken(name string, args ...any) answer {
	r := t.reply(name)
	return answer{status: r.Status, body: oauthError{r.Code, r.text(args)}}
}

func (r Reply) text(args []any) string {
	if len(args) == 0 || !strings.Contains(r.Message, "%") {
		return r.Message
	}
	return fmt.Sprintf(r.Message, args...)
}

func (a answer) encode() []byte {
	if a.body == nil {
		return nil
	}
	body, err := json.Marshal(a.body)
	if err != nil {
		panic("tenant: an answer that is no JSON: " + err.Error()) // a bug here, never input
	}
	return body
}
