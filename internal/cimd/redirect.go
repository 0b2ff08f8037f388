package cimd

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

func (r *reader) redirects() {
	const member = "redirect_uris"
	raw, ok := r.present(member)
	uris, isList := stringsOf(raw)
	r.doc.RedirectURIs = uris
	if ok && !isList {
		return
	}
	grants := r.published()
	if len(uris) == 0 && (slices.Contains(grants, grantCode) || slices.Contains(grants, grantImplicit)) {
		r.find(redirectMissing, member, "there is no redirect URI, which authorization_code and implicit need")
	}
	for i, s := range uris {
		at := fmt.Sprintf("%s[%d]", member, i)
		r.redirect(at, s)
		if first := slices.Index(uris, s); first < i {
			r.find(redirectTwice, at, "it is the same as redirect_uris[%d]", first)
		}
	}
}

// unsafeSchemes run code, read files or send mail where a browser follows them,
// or are other protocols than a redirect speaks.
var unsafeSchemes = []string{
	"javascript", "vbscript", "livescript", "data", "file", "filesystem", "blob", "about", "view-source", "jar", "resource",
	"chrome", "intent", "ws", "wss", "ftp", "ftps", "sftp", "gopher", "telnet", "ssh", "ldap", "ldaps", "nntp", "news",
	"irc", "mailto", "tel", "sms", "cid", "mid",
}

func (r *reader) redirect(member, s string) {
	u, syntax := parseURI(s)
	if syntax != nil {
		r.find(redirectBad, member, "it is no absolute URI: %s", syntax.text)
		return
	}
	if u.hasFr {
		r.find(redirectFragment, member, "it has a fragment")
	}
	if u.scheme != strings.ToLower(u.scheme) {
		r.find(redirectCase, member, "its scheme is not in lower case")
	}
	if u.hasUser {
		r.find(redirectUser, member, "it has a user name or an @ before its host")
	}
	if why := u.badPortNumber(); why != "" {
		r.find(redirectBad, member, "%s", why)
	}
	if dotSegment(u.path) {
		r.find(redirectDots, member, "its path has a . or .. segment")
	}
	if strings.Contains(u.path+u.query, "*") {
		r.find(redirectStar, member, "it has an asterisk, which stands for itself alone")
	}
	switch {
	case u.is("https", "http") && (!u.hasAuthority || u.host == ""):
		r.find(redirectBad, member, "it has no host")
	case u.is("https"):
		r.redirectHTTPS(member, u)
	case u.is("http"):
		r.redirectHTTP(member, u)
	case u.is(unsafeSchemes...):
		r.find(redirectUnsafe, member, "the scheme %s is not for redirects", quote(u.scheme))
	default:
		r.redirectPrivateUse(member, u)
	}
}

func (r *reader) redirectHTTPS(member string, u uri) {
	kinds := map[hostKind]rule{hostMalformed: redirectHost, hostPrivate: redirectPrivate, hostUnusual: redirectHostOdd}
	for _, issue := range judgeHost(u.host) {
		r.find(kinds[issue.kind], member, "%s", issue.text)
	}
}

// redirectHTTP accepts the loopback addresses of RFC 8252 section 7.3.
func (r *reader) redirectHTTP(member string, u uri) {
	for _, issue := range judgeHost(u.host) {
		if issue.kind == hostMalformed {
			r.find(redirectHost, member, "%s", issue.text)
		}
	}
	switch loopback(u.host) {
	case notLoopback:
		r.find(redirectHTTP, member, "it is http, and its host is no loopback address")
		return
	case loopbackByName:
		r.find(redirectLocalhost, member, "the host %s is loopback by name or by block, not 127.0.0.1 or ::1", quote(u.host))
	}
	if r.doc.ApplicationType != "native" {
		r.find(redirectLoopback, member, "it is a loopback address, but the application is not native")
	}
}

type loopbackKind int

const (
	notLoopback loopbackKind = iota
	loopbackLiteral
	loopbackByName // a name under localhost, or another address of 127/8
)

func loopback(host string) loopbackKind {
	switch name := strings.TrimSuffix(strings.ToLower(host), "."); {
	case host == "127.0.0.1" || host == "[::1]":
		return loopbackLiteral
	case name == "localhost" || strings.HasSuffix(name, ".localhost"):
		return loopbackByName
	}
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil && a.Zone() == "" && !a.Is4In6() && a.IsLoopback() {
		return loopbackByName
	}
	return notLoopback
}

// redirectPrivateUse judges schemes that an application claims for itself (RFC
// 8252 section 7.1): its owner's domain, reversed, and a single slash.
func (r *reader) redirectPrivateUse(member string, u uri) {
	if u.path != "" && !u.hasAuthority && strings.IndexByte(digits, u.path[0]) >= 0 {
		r.find(redirectBad, member, "it seems to be a host and a port without a scheme")
		return
	}
	r.find(redirectPrivateUR, member, "the scheme %s is neither https nor http", quote(u.scheme))
	scheme := strings.ToLower(u.scheme)
	switch {
	case scheme == "urn":
		r.find(redirectShape, member, "it is a URN, such as the obsolete out-of-band value, and redirects to nobody")
	case !ownsScheme(scheme, r.id.Host()):
		r.find(redirectShape, member, "the scheme %s is not under the client's domain, reversed", quote(u.scheme))
	case u.hasAuthority || !strings.HasPrefix(u.path, "/"):
		r.find(redirectShape, member, "the scheme is not followed by exactly one slash")
	}
	if r.doc.ApplicationType != "native" {
		r.find(redirectNotNative, member, "a private-use scheme is for native applications")
	}
}

// ownsScheme reports whether a reversed domain and a host share the domain that
// somebody registers: two labels, or three under suffixes such as co.uk.
func ownsScheme(scheme, host string) bool {
	labels, own := strings.Split(scheme, "."), strings.Split(strings.TrimSuffix(host, "."), ".")
	if slices.Contains(labels, "") {
		return false
	}
	slices.Reverse(own)
	need := 2
	if len(own) > 1 && len(own[0]) == 2 && slices.Contains([]string{"ac", "co", "com", "edu", "gov", "net", "org"}, own[1]) {
		need = 3
	}
	return len(labels) >= need && len(own) >= need && slices.Equal(labels[:need], own[:need])
}

// MatchRedirect judges a redirect URI that somebody asks for against the
// registered ones: equal byte for byte (RFC 9700 section 2.1), but for the port
// of an http loopback URI, which a native application picks when it starts (RFC
// 8252 section 7.3).
func MatchRedirect(registered []string, requested string, rules Rules) Findings {
	j := judge{book: rules}
	if slices.Contains(registered, requested) {
		return nil
	}
	want, syntax := parseURI(requested)
	if syntax != nil || want.scheme != "http" || want.badPortNumber() != "" || want.hasUser || want.hasFr {
		j.find(redirectUnmatched, "", "the redirect URI is not a registered one")
		return j.findings
	}
	kind := loopback(want.host)
	portless := func(s string) bool {
		u, syntax := parseURI(s)
		u.port, u.hasPort = want.port, want.hasPort
		return syntax == nil && u == want
	}
	switch {
	case kind == notLoopback || !slices.ContainsFunc(registered, portless):
		j.find(redirectUnmatched, "", "the redirect URI is not a registered one")
	case kind == loopbackByName:
		j.find(redirectPortName, "", "the port differs from the registered one, and the host is a name")
	}
	return j.findings
}
