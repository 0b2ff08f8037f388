package tenant

import (
	"maps"
	"regexp"
	"strings"
)

// The request bodies of the Management API, after its published OpenAPI
// description. All are closed: a property they do not name is refused.

var (
	anyString   = &schema{kind: "string"}
	boolean     = &schema{kind: "boolean"}
	strings0    = &schema{kind: "array", items: anyString}
	strings1    = &schema{kind: "array", items: &schema{kind: "string", min: 1}}
	object      = &schema{kind: "object"}
	grantScopes = &schema{kind: "array", items: &schema{kind: "string", min: 1, max: 280}}
	objectNil   = &schema{kind: "object", null: true}
)

func oneOf(values string) *schema { return &schema{kind: "string", enum: strings.Fields(values)} }

// nullable is s, or null.
func nullable(s *schema) *schema {
	out := *s
	out.null = true
	return &out
}

func closed(props map[string]*schema, required ...string) *schema {
	return &schema{kind: "object", props: props, required: required}
}

var (
	cimdSchema = closed(map[string]*schema{
		"external_client_id": {kind: "string", min: 1, max: 120},
	}, "external_client_id")

	appTypes = oneOf("native spa regular_web non_interactive resource_server express_configuration rms box cloudbees " +
		"concur dropbox mscrm echosign egnyte newrelic office365 salesforce sentry sharepoint slack springcm zendesk zoom " +
		"sso_integration oag")
	authMethods = oneOf("none client_secret_post client_secret_basic")

	credentialSchema = closed(map[string]*schema{
		"credential_type":        oneOf("public_key cert_subject_dn x509_cert"),
		"name":                   {kind: "string", max: 128},
		"pem":                    anyString,
		"subject_dn":             {kind: "string", min: 1, max: 256},
		"alg":                    oneOf("RS256 RS384 PS256"),
		"parse_expiry_from_cert": boolean,
		"expires_at":             {kind: "string", date: true},
		"kid":                    {kind: "string", min: 10, max: 64, pattern: regexp.MustCompile(`^[0-9a-zA-Z_-]{10,64}$`)},
	}, "credential_type")

	credentialUpdateSchema = &schema{kind: "object", min: 1, props: map[string]*schema{
		"expires_at": {kind: "string", date: true, null: true},
	}}

	grantCreateSchema = closed(map[string]*schema{
		"client_id": anyString, "audience": {kind: "string", min: 1}, "default_for": oneOf("third_party_clients"),
		"subject_type": oneOf("client user anonymous_user"), "scope": grantScopes, "authorization_details_types": strings1,
		"organization_usage": oneOf("deny allow require"), "allow_any_organization": boolean, "allow_all_scopes": boolean,
	}, "audience")

	grantUpdateSchema = &schema{kind: "object", props: map[string]*schema{
		"scope": nullable(grantScopes), "authorization_details_types": nullable(strings1),
		"organization_usage":     nullable(oneOf("deny allow require")),
		"allow_any_organization": nullable(boolean), "allow_all_scopes": nullable(boolean),
	}}

	settingsSchema = &schema{kind: "object", min: 1, props: map[string]*schema{
		"client_id_metadata_document_supported": boolean,
	}}
)

// methodsOf are client_authentication_methods with such credentials.
func methodsOf(credential *schema) *schema {
	list := closed(map[string]*schema{"credentials": {kind: "array", items: credential}}, "credentials")
	return &schema{kind: "object", min: 1, max: 1, props: map[string]*schema{
		"private_key_jwt": list, "tls_client_auth": list, "self_signed_tls_client_auth": list,
	}}
}

// signedRequests is signed_request_object with such credentials.
func signedRequests(credential *schema) *schema {
	return closed(map[string]*schema{"required": boolean, "credentials": {kind: "array", items: credential}})
}

var refreshTokenSchema = &schema{kind: "object", null: true, props: map[string]*schema{
	"rotation_type":                oneOf("rotating non-rotating"),
	"expiration_type":              oneOf("expiring non-expiring"),
	"leeway":                       {kind: "integer"},
	"token_lifetime":               {kind: "integer", low: 1, high: 157788000},
	"infinite_token_lifetime":      boolean,
	"idle_token_lifetime":          {kind: "integer", low: 1},
	"infinite_idle_token_lifetime": boolean,
	"policies": {kind: "array", null: true, min: 1, items: closed(map[string]*schema{
		"audience": {kind: "string", min: 1, max: 600},
		"scope":    {kind: "array", items: &schema{kind: "string", min: 1, max: 280}},
	}, "audience", "scope")},
}, required: []string{"rotation_type", "expiration_type"}}

var quotaSchema = closed(map[string]*schema{
	"client_credentials": {kind: "object", min: 1, props: map[string]*schema{
		"enforce":  boolean,
		"per_hour": {kind: "integer", low: 1, high: 1<<31 - 1},
		"per_day":  {kind: "integer", low: 1, high: 1<<31 - 1},
	}},
}, "client_credentials")

// writable are the properties that create and update share.
var writable = map[string]*schema{
	"name":        {kind: "string", min: 1, pattern: regexp.MustCompile(`^[^<>]+$`)},
	"description": {kind: "string", max: 140},
	"logo_uri":    anyString,
	"callbacks":   strings0, "allowed_origins": strings0, "web_origins": strings0, "allowed_logout_urls": strings0,
	"client_aliases": strings1, "allowed_clients": strings1, "grant_types": strings1,
	"app_type":                            appTypes,
	"is_first_party":                      boolean,
	"oidc_conformant":                     boolean,
	"is_token_endpoint_ip_header_trusted": boolean,
	"jwt_configuration": {kind: "object", rest: &schema{kind: "any"}, props: map[string]*schema{
		"lifetime_in_seconds": {kind: "integer"}, "secret_encoded": boolean, "scopes": object,
		"alg": oneOf("HS256 RS256 RS512 PS256"),
	}},
	"encryption_key": objectNil,
	"refresh_token":  refreshTokenSchema,
	"client_metadata": {kind: "object", max: 10, props: map[string]*schema{},
		rest: &schema{kind: "string", max: 255, null: true}},
	"sso": boolean, "sso_disabled": boolean, "cross_origin_authentication": boolean, "custom_login_page_on": boolean,
	"custom_login_page": anyString, "custom_login_page_preview": anyString, "form_template": anyString,
	"addons": objectNil, "mobile": object, "initiate_login_uri": anyString, "native_social_login": objectNil,
	"fedcm_login": objectNil, "oidc_logout": objectNil, "oidc_backchannel_logout": objectNil, "session_transfer": objectNil,
	"default_organization": nullable(closed(map[string]*schema{
		"organization_id": anyString, "flows": {kind: "array", items: oneOf("client_credentials")},
	}, "organization_id", "flows")),
	"require_pushed_authorization_requests":  boolean,
	"require_proof_of_possession":            boolean,
	"par_request_expiry":                     {kind: "integer", null: true, low: 10, high: 600},
	"compliance_level":                       nullable(oneOf("none fapi1_adv_pkj_par fapi1_adv_mtls_par fapi2_sp_pkj_mtls fapi2_sp_mtls_mtls")),
	"third_party_security_mode":              oneOf("strict permissive"),
	"redirection_policy":                     oneOf("allow_always open_redirect_protection"),
	"token_vault_privileged_access":          objectNil,
	"my_organization_configuration":          objectNil,
	"async_approval_notification_channels":   nullable(strings0),
	"identity_assertion_authorization_grant": objectNil,
	"b2b_integration_configuration":          objectNil,
}

// clearable are the properties that update may also clear with null.
var clearable = map[string]*schema{
	"token_endpoint_auth_method":                           authMethods,
	"cross_origin_loc":                                     anyString,
	"organization_usage":                                   oneOf("deny allow require"),
	"organization_require_behavior":                        oneOf("no_prompt pre_login_prompt post_login_prompt"),
	"organization_discovery_methods":                       {kind: "array", min: 1, items: oneOf("email organization_name")},
	"skip_non_verifiable_callback_uri_confirmation_prompt": boolean,
	"token_exchange":                                       object,
	"token_quota":                                          quotaSchema,
	"express_configuration":                                object,
}

var clientCreateSchema = func() *schema {
	props := maps.Clone(writable)
	maps.Copy(props, clearable)
	props["client_authentication_methods"] = methodsOf(credentialSchema)
	props["signed_request_object"] = signedRequests(credentialSchema)
	props["resource_server_identifier"] = &schema{kind: "string", min: 1, max: 600}
	return closed(props, "name")
}()

var clientUpdateSchema = func() *schema {
	props := maps.Clone(writable)
	for name, s := range clearable {
		props[name] = nullable(s)
	}
	reference := closed(map[string]*schema{"id": anyString}, "id")
	props["client_authentication_methods"] = nullable(methodsOf(reference))
	props["signed_request_object"] = nullable(signedRequests(reference))
	props["client_secret"] = &schema{kind: "string", min: 1}
	return &schema{kind: "object", min: 1, props: props}
}()
