package cimd

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A Document is what a metadata document says, as far as it could be read: the
// members of the right type, byte for byte. A document that the rule book
// refuses may still be partly filled; the [Findings] decide what it is worth.
type Document struct {
	// ClientID is client_id as published, which an accepted document has equal
	// to the URL it was judged for.
	ClientID string
	// ClientName is client_name; ClientNames are its variants by language tag
	// (client_name#ja), nil without any.
	ClientName  string
	ClientNames map[string]string
	Description string
	LogoURI     string

	RedirectURIs []string
	// GrantTypes are the grants that the rule book keeps, each once, in document
	// order; FilteredGrantTypes are the others. Without grant_types the draft
	// assumes authorization_code; Auth0 assumes nothing.
	GrantTypes         []string
	FilteredGrantTypes []string
	ResponseTypes      []string
	// ApplicationType is application_type, or "web" where it is left out.
	ApplicationType string
	// TokenEndpointAuthMethod is empty where it is left out, which the draft
	// takes for "none" unless token_endpoint_auth_methods_supported is there.
	TokenEndpointAuthMethod string
	JWKSURI                 string
	// Keys are the usable keys of an inline jwks.
	Keys []Key

	// Members are the names of all members in document order, and Unsupported
	// those among them that Auth0 ignores.
	Members     []string
	Unsupported []string
}

// Has reports whether a member of exactly this name is there, be it null.
func (d Document) Has(member string) bool { return slices.Contains(d.Members, member) }

// supported are the members that Auth0 reads; jwks it reads in order to refuse.
var supported = []string{
	"client_id", "client_name", "redirect_uris", "grant_types", "application_type", "token_endpoint_auth_method",
	"jwks_uri", "jwks", "logo_uri", "description", "response_types", "client_secret", "client_secret_expires_at",
}

// memberTypes are the types of registered client metadata, as far as RFC 7591,
// OpenID Connect Dynamic Client Registration and the draft define them.
var memberTypes = map[string]jsonKind{
	"client_id": jsonString, "client_name": jsonString, "client_uri": jsonString, "logo_uri": jsonString,
	"tos_uri": jsonString, "policy_uri": jsonString, "scope": jsonString, "contacts": jsonStrings,
	"redirect_uris": jsonStrings, "grant_types": jsonStrings, "response_types": jsonStrings,
	"application_type": jsonString, "token_endpoint_auth_method": jsonString,
	"token_endpoint_auth_signing_alg": jsonString, "token_endpoint_auth_methods_supported": jsonStrings,
	"jwks_uri": jsonString, "jwks": jsonObject, "software_id": jsonString, "software_version": jsonString,
	"software_statement": jsonString, "sector_identifier_uri": jsonString, "subject_type": jsonString,
	"default_max_age": jsonNumber, "require_auth_time": jsonBool, "default_acr_values": jsonStrings,
	"initiate_login_uri": jsonString, "request_uris": jsonStrings, "post_logout_redirect_uris": jsonStrings,
	"frontchannel_logout_uri": jsonString, "backchannel_logout_uri": jsonString,
	"frontchannel_logout_session_required": jsonBool, "backchannel_logout_session_required": jsonBool,
	"tls_client_certificate_bound_access_tokens": jsonBool, "dpop_bound_access_tokens": jsonBool,
	"require_pushed_authorization_requests": jsonBool, "require_signed_request_object": jsonBool,
	"authorization_details_types": jsonStrings, "id_token_signed_response_alg": jsonString,
	"userinfo_signed_response_alg": jsonString, "request_object_signing_alg": jsonString,
}

// localized are the members that may carry a language tag (RFC 7591 section 2.2).
var localized = []string{"client_name", "client_uri", "logo_uri", "tos_uri", "policy_uri"}

// baseName is a member's name without its language tag.
func baseName(name string) string {
	if base, _, tagged := strings.Cut(name, "#"); tagged && slices.Contains(localized, base) {
		return base
	}
	return name
}

// CheckDocument judges body as the document that was fetched from the URL id.
// The members are read by their exact names; of a name that is there twice, the
// last value counts.
func CheckDocument(id ClientID, body []byte, rules Rules) (Document, Findings) {
	r := reader{judge: judge{book: rules}, id: id, body: body}
	var ok bool
	if r.object, ok = r.readJSON(body, jsonRules{
		tooLarge: docTooLarge, bom: docBOM, invalid: docInvalid, notObject: docNotObject,
		surrogate: docSurrogate, depth: docDepth, limit: MaxDocument,
	}); !ok {
		r.leakOnly("", body[:min(len(body), MaxDocument)])
		return Document{}, r.findings
	}
	r.members()
	r.secrets()
	r.identity()
	r.display()
	r.application()
	r.grants()
	r.responses()
	r.redirects()
	r.authentication()
	r.keys()
	r.links()
	r.statement()
	r.ignored()
	return r.doc, r.findings
}

// A reader judges one document and fills in what it read.
type reader struct {
	judge
	object
	id   ClientID
	body []byte
	doc  Document
}

// members looks at what is there, and at the type of each value.
func (r *reader) members() {
	r.doc.Members = r.names
	for _, name := range r.names {
		raw, isSupported := r.values[name], slices.Contains(supported, name)
		if !isSupported {
			r.doc.Unsupported = append(r.doc.Unsupported, name)
		}
		want, known := memberTypes[baseName(name)]
		switch kind := kindOf(raw); {
		case !known:
		case kind == jsonNull:
			r.find(docNull, quoteMember(name), "the value is null, which is read as if the member were left out")
		case isKind(raw, want):
		case isSupported:
			r.find(docType, name, "the value is %s where %s is due", kind, want)
		default:
			r.find(docTypeMore, name, "the value is %s where %s is due", kind, want)
		}
	}
	for _, name := range r.twice {
		broken := docTwiceMore
		if slices.Contains(supported, name) {
			broken = docTwice
		}
		r.find(broken, quoteMember(name), "the member is there more than once, and the last one counts")
	}
}

// secrets looks for what must not be public. Presence counts, whatever the
// value, and no value is repeated.
func (r *reader) secrets() {
	for _, name := range []string{"client_secret", "client_secret_expires_at"} {
		if _, ok := r.values[name]; ok {
			r.find(docSecret, name, "the member must not be in a public document, whatever its value")
		}
	}
	if len(r.twice) > 0 {
		r.leakOnly("", r.body)
	}
	for _, name := range []string{"client_id_issued_at", "registration_access_token", "registration_client_uri"} {
		if _, ok := r.values[name]; ok {
			r.find(docResponse, name, "the member belongs into the answer to a registration")
		}
	}
	for _, name := range r.names {
		if name == "jwks" {
			continue
		}
		if what := leak(r.values[name]); what != "" {
			r.find(docLeak, quoteMember(name), "the value seems to contain %s", what)
		}
	}
}

// firstDraft is when the draft was first published (1 July 2024). The package
// has no clock, but no client id that it describes expired before then.
const firstDraft = 1719792000

func (r *reader) identity() {
	r.doc.ClientID = r.text("client_id")
	if raw, ok := r.present("client_id"); !ok {
		r.find(docIDMissing, "client_id", "there is no client_id")
	} else if kindOf(raw) == jsonString && (r.doc.ClientID != r.id.s || r.id.s == "") {
		r.find(docIDMismatch, "client_id", "client_id is another string than the URL of the document: %s", difference(r.doc.ClientID, r.id.s))
	}
	var expires float64
	if raw, ok := r.present("client_id_expires_at"); ok && json.Unmarshal(raw, &expires) == nil && expires < firstDraft {
		r.find(docExpired, "client_id_expires_at", "the time is before this kind of client id existed")
	}
}

// difference says where two strings part, without repeating either.
func difference(got, want string) string {
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	return fmt.Sprintf("it has %d bytes, not %d, and differs from byte %d", len(got), len(want), i)
}

// ignoredNames is how many ignored members a warning names.
const ignoredNames = 50

// ignored warns about what Auth0 does not read, in the words that Auth0 uses.
func (r *reader) ignored() {
	if len(r.doc.Unsupported) == 0 {
		return
	}
	names := make([]string, 0, ignoredNames)
	for _, name := range r.doc.Unsupported[:min(len(r.doc.Unsupported), ignoredNames)] {
		names = append(names, quoteMember(name))
	}
	more := ""
	if n := len(r.doc.Unsupported) - len(names); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	r.find(docIgnored, "", "Ignoring unsupported properties: %s%s. These properties are not validated or mapped to the Auth0 client configuration.",
		strings.Join(names, ", "), more)
}
