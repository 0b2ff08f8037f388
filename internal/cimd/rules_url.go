package cimd

const (
	srcURL   = "draft-ietf-oauth-client-id-metadata-document section 3"
	srcURI   = "RFC 3986"
	srcNorm  = "RFC 3986 section 6.2.2"
	srcSSRF  = "draft-ietf-oauth-client-id-metadata-document section 8.6, RFC 6890"
	srcAuth0 = "Auth0: Register Applications with CIMD"
)

// The rules about the client id URL, and about addresses:
// slug, what the draft makes of it, what Auth0 makes of it, source, next action.
var (
	urlEmpty      = rule{"client_id_empty", refuses, refuses, srcURL, "send the https URL of the metadata document"}
	urlTooLong    = rule{"client_id_too_long", silent, refuses, srcAuth0, "publish the document under a URL of at most 120 bytes"}
	urlLong       = rule{"client_id_long", warns, silent, srcURL, "publish the document under a shorter URL"}
	urlHuge       = rule{"client_id_longer_than_document", refuses, refuses, srcURL, "publish the document under a URL that the document has room to repeat"}
	urlSpace      = rule{"client_id_has_white_space", refuses, refuses, srcURI, "remove the white space, or percent-encode it in the published URL"}
	urlCharacter  = rule{"client_id_bad_character", refuses, refuses, srcURI, "percent-encode the character in the path; write an international host name as A-labels"}
	urlPercent    = rule{"client_id_bad_percent", refuses, refuses, srcURI, "write %25 where a percent sign is meant"}
	urlScheme     = rule{"client_id_not_https", refuses, refuses, srcURL, "use a URL that begins with https://"}
	urlSchemeCase = rule{"client_id_scheme_case", warns, refusesOpen, srcNorm, "write https in lower case, in the document too"}
	urlHost       = rule{"client_id_bad_host", refuses, refuses, srcURL, "use a host name that public DNS resolves"}
	urlLoopback   = rule{"client_id_loopback_host", refuses, refuses, srcSSRF, "publish the document on a public host"}
	urlPrivate    = rule{"client_id_private_host", refuses, refusesOpen, srcSSRF, "publish the document on a public host"}
	urlHostOdd    = rule{"client_id_unusual_host", warns, warns, srcURL, "compare the host with the owner's, letter by letter, or publish under a plain one"}
	urlUser       = rule{"client_id_has_userinfo", refuses, refuses, srcURL, "remove what stands before the @ of the host"}
	urlPort       = rule{"client_id_bad_port", refuses, refuses, srcURI, "use a port from 1 to 65535, or none"}
	urlFragment   = rule{"client_id_has_fragment", refuses, refuses, srcURL, "remove the # and what follows it"}
	urlQuery      = rule{"client_id_has_query", warns, refuses, srcURL, "publish the document under a URL without a query"}
	urlNoPath     = rule{"client_id_has_no_path", refuses, refuses, srcURL, "use a URL with a path, such as /oauth/client.json"}
	urlRoot       = rule{"client_id_root_path", warns, refuses, srcURL, "use a path beyond the root, such as /oauth/client.json"}
	urlSlashes    = rule{"client_id_only_slashes", silent, refusesOpen, srcAuth0, "use a path with a name in it, such as /oauth/client.json"}
	urlDots       = rule{"client_id_dot_segment", refuses, refuses, srcURL, "remove the . and .. segments from the path, encoded ones too"}
	urlHiddenDots = rule{"client_id_hidden_dot_segment", warns, refusesOpen, srcURL, "remove the encoded slashes around the dots"}
	urlControl    = rule{"client_id_encoded_control", warns, warns, srcURI, "use a path without encoded control characters"}
	urlSpelling   = rule{"client_id_not_normalized", warns, warns, srcNorm, "publish the normalized spelling; every other spelling is another client"}

	addressSpecial = rule{"address_special_use", refuses, refuses, srcSSRF, "serve it from a public address"}
	addressOdd     = rule{"address_unusual", warns, warns, srcSSRF, "serve it from an ordinary public address"}
)
