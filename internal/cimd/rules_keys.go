package cimd

const srcJWK = "RFC 7517"

// The rules about key sets, inline or behind jwks_uri.
var (
	setTooLarge  = rule{"key_set_too_large", refuses, refuses, srcAuth0, "shrink the key set to 12288 bytes"}
	setBOM       = rule{"key_set_has_byte_order_mark", refuses, refusesOpen, srcJSON, "save the key set without a byte order mark"}
	setInvalid   = rule{"key_set_not_json", refuses, refuses, srcJSON, "publish one JSON text in UTF-8"}
	setNotObject = rule{"key_set_not_an_object", refuses, refuses, "RFC 7517 section 5", "publish an object with a member keys"}
	setSurrogate = rule{"key_set_lone_surrogate", warns, refusesOpen, srcJSON, "write the character in UTF-8, or as a whole pair of escapes"}
	setDepth     = rule{"key_set_too_deep", warns, refusesOpen, srcJSON, "remove the deeply nested member"}
	setTwice     = rule{"key_set_duplicate_member", refuses, refusesOpen, "RFC 7517 section 4", "remove all but one of them"}
	setNoKeys    = rule{"key_set_without_keys", refuses, refuses, "RFC 7517 section 5.1", "publish an array of keys in the member keys"}
	setUnusable  = rule{"key_set_unusable", refuses, refuses, srcJWK, "publish a key that verifies signatures, such as RSA with 2048 bits for RS256"}
	setTwins     = rule{"key_id_duplicate", warns, warns, "RFC 7517 section 4.5", "give each key a kid of its own"}

	keyPrivate   = rule{"private_key_published", refuses, refuses, srcSecrets, "remove the private members and replace the key; treat it as known to everybody"}
	keySymmetric = rule{"symmetric_key_published", refuses, refuses, srcSecrets, "remove the key and replace the secret; publish public keys alone"}
	keyAlg       = rule{"key_alg_forbidden", refuses, refuses, "RFC 8725 section 3.1", "name an asymmetric signature algorithm, such as RS256"}
	keyMalformed = rule{"key_ignored", warns, warns, "RFC 7517 section 5", "correct the key or remove it"}
	keyAuth0     = rule{"key_unsupported", silent, warns, "Auth0: Configure Private Key JWT Authentication", "publish an RSA key of 2048 to 4096 bits for RS256, RS384 or PS256"}
	keyRare      = rule{"key_rarely_supported", warns, silent, "RFC 8812", "publish a key of a common type, such as P-256 or RSA"}
	keyX5U       = rule{"key_has_x5u", warns, warns, "RFC 7517 section 4.6", "remove x5u; nobody should fetch it"}
	keyRotated   = rule{"key_id_reused", warns, refuses, srcAuth0, "give the new key a new kid"}

	jwksInline   = rule{"jwks_inline", silent, refuses, srcAuth0, "publish the keys at a jwks_uri on the client id's origin"}
	jwksBoth     = rule{"jwks_and_jwks_uri", refuses, refuses, srcReg, "publish one of jwks and jwks_uri"}
	jwksURIBad   = rule{"jwks_uri_not_https", refuses, refuses, srcReg, "use an absolute https URL without user name or fragment"}
	jwksURIHost  = rule{"jwks_uri_private_host", refuses, refuses, srcSSRF, "serve the key set from a public host"}
	jwksURIOther = rule{"jwks_uri_other_origin", silent, refuses, srcAuth0, "serve the key set from the client id's own scheme, host and port"}
	jwksURIForm  = rule{"jwks_uri_other_spelling", silent, refusesOpen, srcAuth0, "write scheme, host and port as the client id does"}
)
