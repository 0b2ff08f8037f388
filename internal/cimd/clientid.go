package cimd

import "strings"

// MaxClientID is the longest client id that Auth0 takes, in bytes.
const MaxClientID = 120

// longClientID is where "short" ends, which the draft recommends without a
// number.
const longClientID = 255

// A ClientID is the URL of a metadata document that one of the rule books
// accepted; [ParseClientID] stands for the stricter of them. It is compared
// byte for byte, so == is the right comparison. The zero ClientID names no
// client.
type ClientID struct{ s string }

// ParseClientID accepts what Auth0 accepts as external_client_id, and takes the
// strict reading where Auth0's pages leave it open. The error is a
// [fault.Error] of kind Invalid whose Reason is the slug of the first rule that
// is broken, and it comes with the zero ClientID.
func ParseClientID(s string) (ClientID, error) {
	id, findings := CheckURL(s, Auth0)
	return id, findings.Err("cimd.parse_client_id")
}

// String is the URL, byte for byte as it was given.
func (id ClientID) String() string { return id.s }

// Host is the host in lower case, without port and without the brackets of an
// IPv6 address. A final dot stays, so that an allow list that does not know it
// says no.
func (id ClientID) Host() string {
	u, _ := parseURI(id.s)
	return strings.ToLower(strings.Trim(u.host, "[]"))
}

// Origin is scheme, host and port as RFC 6454 compares them: in lower case,
// and without the default port. It is empty for the zero ClientID.
func (id ClientID) Origin() string {
	u, _ := parseURI(id.s)
	return u.origin()
}

func (u uri) origin() string {
	if u.host == "" {
		return ""
	}
	scheme, port := strings.ToLower(u.scheme), strings.TrimLeft(u.port, "0")
	o := scheme + "://" + strings.ToLower(u.host)
	if port == "" || scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		return o
	}
	return o + ":" + port
}

// CheckURL judges raw as a client id. The ClientID is the zero one if the
// findings refuse.
func CheckURL(raw string, rules Rules) (ClientID, Findings) {
	j := &judge{book: rules}
	j.clientURL(raw)
	if j.findings.Verdict() == Reject {
		return ClientID{}, j.findings
	}
	return ClientID{raw}, j.findings
}

func (j *judge) clientURL(raw string) {
	if raw == "" {
		j.find(urlEmpty, "", "the client id is empty")
		return
	}
	j.clientURLLength(len(raw))
	u, syntax := parseURI(raw)
	if syntax != nil {
		j.clientURLSyntax(syntax)
		return
	}
	switch {
	case !u.is("https"):
		j.find(urlScheme, "", "the scheme of the client id is %s, not https", quote(u.scheme))
		return
	case !u.hasAuthority:
		j.find(urlHost, "", "the client id has no // after its scheme, so it names no host")
		return
	case u.scheme != "https":
		j.find(urlSchemeCase, "", "the scheme of the client id is not in lower case")
	}
	j.clientURLAuthority(u)
	j.clientURLPath(u)
	if u.hasQuery {
		j.find(urlQuery, "", "the client id has a query, at byte %d", strings.IndexByte(raw, '?'))
	}
	if u.hasFr {
		j.find(urlFragment, "", "the client id has a fragment, at byte %d", strings.IndexByte(raw, '#'))
	}
	j.clientURLSpelling(u)
}

func (j *judge) clientURLLength(n int) {
	if n > MaxClientID {
		j.find(urlTooLong, "", "the client id has %d bytes, Auth0 takes %d at most", n, MaxClientID)
	}
	if n > longClientID {
		j.find(urlLong, "", "the client id has %d bytes", n)
	}
	if n > MaxDocument {
		j.find(urlHuge, "", "the client id has %d bytes, the document that must repeat it %d at most", n, MaxDocument)
	}
}

func (j *judge) clientURLSyntax(e *syntaxError) {
	broken := map[syntaxKind]rule{
		badSpace: urlSpace, badCharacter: urlCharacter, badPercent: urlPercent,
		badScheme: urlScheme, badHost: urlHost, badPort: urlPort,
	}
	j.find(broken[e.kind], "", "the client id is no URI: %s", e.text)
}

func (j *judge) clientURLAuthority(u uri) {
	if u.hasUser {
		j.find(urlUser, "", "the client id has a user name or an @ before its host")
	}
	if why := u.badPortNumber(); why != "" {
		j.find(urlPort, "", "%s", why)
	}
	kinds := map[hostKind]rule{hostMalformed: urlHost, hostPrivate: urlPrivate, hostUnusual: urlHostOdd}
	switch strings.ToLower(u.host) {
	case "localhost", "127.0.0.1", "[::1]":
		kinds[hostPrivate] = urlLoopback
	}
	for _, issue := range judgeHost(u.host) {
		j.find(kinds[issue.kind], "", "%s", issue.text)
	}
}

func (j *judge) clientURLPath(u uri) {
	switch {
	case u.path == "":
		j.find(urlNoPath, "", "the client id has no path")
	case u.path == "/":
		j.find(urlRoot, "", "the path of the client id is the root")
	case strings.Trim(u.path, "/") == "":
		j.find(urlSlashes, "", "the path of the client id is made of slashes alone")
	}
	if dotSegment(u.path) {
		j.find(urlDots, "", "the path of the client id has a . or .. segment")
	} else if dotSegment(strings.ReplaceAll(decodeOnly(u.path, `./\`), `\`, "/")) {
		j.find(urlHiddenDots, "", "the path of the client id has a . or .. segment once its encoded slashes are decoded")
	}
	if decodeOnly(u.path, controls) != u.path {
		j.find(urlControl, "", "the path of the client id has an encoded control character")
	}
}

var controls = func() string {
	b := []byte{0x7f}
	for c := range byte(0x20) {
		b = append(b, c)
	}
	return string(b)
}()

// clientURLSpelling flags spellings that RFC 3986 section 6.2 would normalize.
// Nobody does so before comparing, which is why they invite mistakes.
func (j *judge) clientURLSpelling(u uri) {
	rest := u.path + u.query
	switch {
	case u.host != strings.ToLower(u.host):
		j.find(urlSpelling, "", "the host of the client id is not in lower case")
	case u.hasPort && u.port == "":
		j.find(urlSpelling, "", "the client id has a colon after its host but no port")
	case strings.HasPrefix(u.port, "0"):
		j.find(urlSpelling, "", "the port of the client id has a leading zero")
	case u.port == "443":
		j.find(urlSpelling, "", "the client id spells out the default port")
	case decodeOnly(rest, unreserved) != rest:
		j.find(urlSpelling, "", "the client id percent-encodes a character that needs no encoding")
	case lowerHex(rest):
		j.find(urlSpelling, "", "the client id percent-encodes with lower-case hex digits")
	}
}

func lowerHex(s string) bool {
	for i := range len(s) {
		if s[i] == '%' && s[i+1:i+3] != strings.ToUpper(s[i+1:i+3]) {
			return true
		}
	}
	return false
}
