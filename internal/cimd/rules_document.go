package cimd

const (
	srcDoc      = "draft-ietf-oauth-client-id-metadata-document section 4"
	srcSecrets  = "draft-ietf-oauth-client-id-metadata-document section 4.1"
	srcRedirect = "draft-ietf-oauth-client-id-metadata-document section 4.2, RFC 9700 section 2.1"
	srcMethod   = "draft-ietf-oauth-client-id-metadata-document section 8.2"
	srcJSON     = "RFC 8259"
	srcReg      = "RFC 7591 section 2"
	srcGrants   = "RFC 7591 section 2.1"
	srcMCP      = "MCP authorization specification, client registration"
	srcNative   = "RFC 8252"
	srcNames    = "draft-ietf-oauth-client-id-metadata-document section 8.5"
	srcLogo     = "draft-ietf-oauth-client-id-metadata-document section 8.8"
)

// The rules about the document as JSON, about secrets in it, and about its id.
var (
	docTooLarge  = rule{"document_too_large", refuses, refuses, "draft-ietf-oauth-client-id-metadata-document section 8.7", "shrink the document to 5120 bytes"}
	docBOM       = rule{"document_has_byte_order_mark", refuses, refusesOpen, srcJSON, "save the document without a byte order mark"}
	docInvalid   = rule{"document_not_json", refuses, refuses, srcJSON, "publish one JSON text in UTF-8"}
	docNotObject = rule{"document_not_an_object", refuses, refuses, srcDoc, "publish one JSON object"}
	docSurrogate = rule{"document_lone_surrogate", warns, refusesOpen, srcJSON, "write the character in UTF-8, or as a whole pair of escapes"}
	docDepth     = rule{"document_too_deep", warns, refusesOpen, srcJSON, "remove the deeply nested member"}
	docTwice     = rule{"document_duplicate_member", warns, refusesOpen, srcJSON, "remove all but one of them; readers differ in which one they see"}
	docTwiceMore = rule{"document_duplicate_unsupported_member", warns, warns, srcJSON, "remove all but one of them; readers differ in which one they see"}
	docNull      = rule{"document_null_member", warns, warns, srcReg, "leave the member out, or give it a value"}
	docType      = rule{"document_wrong_type", refuses, refuses, srcReg, "give the member the type that the registry of client metadata gives it"}
	docTypeMore  = rule{"document_wrong_type_ignored", refuses, silent, srcReg, "give the member the type that the registry of client metadata gives it"}

	docSecret     = rule{"client_secret_present", refuses, refusesOpen, srcSecrets, "remove the member, and replace the secret if there was one; everybody could read it"}
	docResponse   = rule{"document_registration_response_member", warns, warns, "RFC 7591 section 3.2.1", "remove the member; it belongs into the answer to a registration"}
	docExpired    = rule{"client_id_expires_at_past", warns, warns, srcDoc, "remove the member, or move it into the future"}
	docLeak       = rule{"private_key_suspected", warns, warns, srcSecrets, "remove it and replace the key; treat it as known to everybody"}
	docIDMissing  = rule{"document_client_id_missing", refuses, refuses, srcDoc, "add client_id with the URL of the document"}
	docIDMismatch = rule{"document_client_id_mismatch", refuses, refuses, srcDoc, "make client_id equal the URL byte for byte, or register the other URL"}
	docIgnored    = rule{"unsupported_members", silent, warns, srcAuth0, "nothing to do, unless you rely on one of them"}
)

// The rules about names and links that people are shown.
var (
	nameMissing = rule{"client_name_missing", warns, refuses, srcMCP, "add client_name"}
	nameBlank   = rule{"client_name_blank", warns, refusesOpen, srcMCP, "give client_name a visible text"}
	nameMarkup  = rule{"client_name_has_markup", warns, refusesOpen, "Auth0 Management API: client name", "remove < and > from client_name"}
	nameHidden  = rule{"client_name_has_hidden_character", warns, warns, srcNames, "remove control, direction and zero-width characters from client_name"}
	nameDomain  = rule{"client_name_is_other_domain", warns, warns, srcNames, "name the product; if it is a domain, publish the document under it"}
	descLong    = rule{"description_too_long", silent, refuses, srcAuth0, "shorten description to 140 characters"}
	descType    = rule{"description_wrong_type", silent, refusesOpen, srcAuth0, "make description a string"}

	linkBad     = rule{"link_not_a_web_url", refuses, silent, "RFC 7591 section 5", "use an absolute https URL"}
	linkHTTP    = rule{"link_not_https", warns, silent, "RFC 7591 section 5", "use https"}
	linkHost    = rule{"link_on_other_host", warns, silent, "RFC 7591 section 5", "link to the client's own host"}
	linkPrivate = rule{"link_to_private_host", warns, silent, srcSSRF, "link to a public host"}
	fetchBad    = rule{"server_fetched_url_unsafe", refuses, silent, srcSSRF, "use an https URL on a public host"}

	logoBad     = rule{"logo_uri_not_a_web_url", refuses, refuses, srcLogo, "use an absolute https URL of an image"}
	logoUser    = rule{"logo_uri_has_userinfo", refuses, refusesOpen, srcLogo, "remove what stands before the @ of the host"}
	logoPrivate = rule{"logo_uri_private_host", refuses, refusesOpen, srcSSRF, "serve the logo from a public host"}
	logoHTTP    = rule{"logo_uri_not_https", warns, silent, srcLogo, "serve the logo over https"}
	logoSVG     = rule{"logo_uri_svg", warns, silent, srcLogo, "serve a bitmap; an SVG can carry script"}
)

// The rules about grants, authentication and the type of the application.
var (
	grantsMissing  = rule{"grant_types_missing", silent, refuses, srcAuth0, "add grant_types with authorization_code or refresh_token"}
	grantsNone     = rule{"grant_types_unusable", refuses, refuses, srcGrants, "list authorization_code, refresh_token, or both"}
	grantsNoAuth0  = rule{"grant_types_unsupported", silent, refuses, srcAuth0, "list authorization_code, refresh_token, or both"}
	grantsFiltered = rule{"grant_type_filtered", silent, warns, srcAuth0, "nothing to do, unless you rely on the grant"}
	grantsTwice    = rule{"grant_types_duplicate", warns, warnsOpen, srcGrants, "list each grant once"}
	grantsUnknown  = rule{"grant_types_all_unknown", warns, silent, srcGrants, "list a grant that the server knows"}
	grantsRefresh  = rule{"grant_types_refresh_only", warns, silent, srcGrants, "add authorization_code; a refresh token has to come from somewhere"}
	grantsImplicit = rule{"grant_types_implicit", warns, silent, "RFC 9700 section 2.1.2", "use authorization_code"}
	grantsPassword = rule{"grant_types_password", refuses, silent, "RFC 9700 section 2.4", "use authorization_code"}
	grantsPublic   = rule{"grant_types_need_authentication", refuses, silent, "RFC 6749 section 4.4", "authenticate with private_key_jwt, or drop client_credentials"}

	responsesNoCode  = rule{"response_types_without_code", refuses, refusesOpen, srcGrants, "list code in response_types, or leave the member out"}
	responsesNoGrant = rule{"response_types_without_grant", warns, warns, srcGrants, "list authorization_code in grant_types, or drop code from response_types"}
	responsesFront   = rule{"response_types_without_implicit", warns, silent, srcGrants, "list code alone in response_types"}

	typeUnknown = rule{"application_type_unknown", warns, refuses, "OpenID Connect Dynamic Client Registration section 2", "use native or web, or leave the member out for web"}

	methodSecret     = rule{"auth_method_shared_secret", refuses, refuses, srcSecrets, "use none or private_key_jwt; a public document can share no secret"}
	methodUnknown    = rule{"auth_method_unknown", refuses, refuses, srcMethod, "use none or private_key_jwt"}
	methodOther      = rule{"auth_method_unsupported", warns, refuses, srcMethod, "use none or private_key_jwt, which every server knows"}
	methodsSecret    = rule{"auth_methods_supported_shared_secret", refuses, silent, srcSecrets, "drop the methods that rest on a shared secret"}
	methodsWithout   = rule{"auth_methods_supported_conflict", refuses, silent, srcMethod, "list the value of token_endpoint_auth_method among the methods"}
	methodsAlone     = rule{"auth_methods_supported_alone", warns, silent, srcMethod, "publish token_endpoint_auth_method too, for servers that know it alone"}
	methodNoKeys     = rule{"auth_method_without_keys", refuses, refuses, srcMethod, "publish jwks_uri"}
	signingSymmetric = rule{"auth_signing_alg_symmetric", refuses, silent, srcSecrets, "use an asymmetric algorithm such as RS256"}

	statementBad    = rule{"software_statement_not_a_jwt", refuses, silent, "RFC 7591 section 2.3", "publish the statement as the signed JWT that it was issued as"}
	statementNone   = rule{"software_statement_unsigned", warns, silent, "RFC 7591 section 2.3", "have the statement signed"}
	statementKey    = rule{"software_statement_private_key", refuses, warns, "draft-ietf-oauth-client-id-metadata-document section 4.3", "replace the key, treat it as known to everybody, and have the statement issued without it"}
	statementSecret = rule{"software_statement_shared_secret", refuses, silent, "draft-ietf-oauth-client-id-metadata-document section 4.3", "have the statement issued without shared secrets"}

	scopeBad = rule{"scope_malformed", warns, silent, "RFC 6749 section 3.3", "list each scope once, with single spaces between"}
)

// The rules about redirect URIs.
var (
	redirectMissing   = rule{"redirect_uris_missing", refuses, refuses, srcRedirect, "list the redirect URIs"}
	redirectBad       = rule{"redirect_uri_not_absolute", refuses, refuses, "RFC 6749 section 3.1.2", "write an absolute URI by the grammar of RFC 3986"}
	redirectFragment  = rule{"redirect_uri_has_fragment", refuses, refuses, "RFC 6749 section 3.1.2", "remove the # and what follows it"}
	redirectTwice     = rule{"redirect_uris_duplicate", warns, refuses, srcAuth0, "list each redirect URI once"}
	redirectUser      = rule{"redirect_uri_has_userinfo", refuses, refusesOpen, srcRedirect, "remove what stands before the @ of the host"}
	redirectHost      = rule{"redirect_uri_bad_host", refuses, refuses, srcRedirect, "name one host exactly"}
	redirectPrivate   = rule{"redirect_uri_private_host", warns, warnsOpen, srcRedirect, "use a public host for a web application"}
	redirectHostOdd   = rule{"redirect_uri_unusual_host", warns, warns, srcRedirect, "compare the host with the owner's, letter by letter"}
	redirectStar      = rule{"redirect_uri_has_asterisk", warns, refusesOpen, srcRedirect, "list each redirect URI in full; nothing matches patterns"}
	redirectDots      = rule{"redirect_uri_dot_segment", warns, warns, srcRedirect, "remove the . and .. segments"}
	redirectCase      = rule{"redirect_uri_scheme_case", warns, warns, srcRedirect, "write the scheme in lower case; the comparison is exact"}
	redirectHTTP      = rule{"redirect_uri_not_https", refuses, refuses, "RFC 9700 section 2.6", "use https, or http on a loopback address for a native application"}
	redirectLoopback  = rule{"redirect_uri_loopback_not_native", warns, refuses, "RFC 8252 section 7.3", "add application_type native"}
	redirectLocalhost = rule{"redirect_uri_localhost", warns, warnsOpen, "RFC 8252 section 8.3", "use http://127.0.0.1 and http://[::1] instead of a name"}
	redirectUnsafe    = rule{"redirect_uri_unsafe_scheme", refuses, refuses, "RFC 9700 section 4.1", "use https, or http on a loopback address for a native application"}
	redirectPrivateUR = rule{"redirect_uri_private_use_scheme", silent, refuses, srcAuth0, "use https, or http on a loopback address for a native application"}
	redirectNotNative = rule{"redirect_uri_private_use_not_native", warns, silent, "RFC 8252 section 7.1", "add application_type native"}
	redirectShape     = rule{"redirect_uri_private_use_form", warns, silent, "RFC 8252 sections 7.1 and 8.4", "use the client's own domain, reversed, and one slash: com.example.app:/callback"}

	redirectUnmatched = rule{"redirect_uri_not_registered", refuses, refuses, srcRedirect, "ask for a registered redirect URI, byte for byte"}
	redirectPortName  = rule{"redirect_uri_localhost_port", warns, warnsOpen, srcNative, "use http://127.0.0.1 or http://[::1], whose port may vary"}
)
