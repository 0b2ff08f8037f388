package cimd

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
)

// display judges what people are shown: names, the description and the logo.
func (r *reader) display() {
	r.doc.ClientName = r.text("client_name")
	r.doc.Description = r.text("description")
	r.doc.LogoURI = r.text("logo_uri")
	raw, ok := r.present("client_name")
	switch {
	case !ok || r.doc.ClientName == "" && kindOf(raw) == jsonString:
		r.find(nameMissing, "client_name", "there is no client_name")
	case strings.TrimSpace(r.doc.ClientName) == "" && kindOf(raw) == jsonString:
		r.find(nameBlank, "client_name", "client_name is made of white space alone")
	}
	r.name("client_name", r.doc.ClientName)
	for _, name := range r.names {
		if tag, ok := strings.CutPrefix(name, "client_name#"); ok {
			if r.doc.ClientNames == nil {
				r.doc.ClientNames = map[string]string{}
			}
			r.doc.ClientNames[tag] = r.text(name)
			if r.book != Auth0 {
				r.name(quoteMember(name), r.text(name))
			}
		}
	}
	if raw, ok := r.present("description"); ok && kindOf(raw) != jsonString {
		r.find(descType, "description", "the value is %s where %s is due", kindOf(raw), jsonString)
	}
	if n := len(utf16.Encode([]rune(r.doc.Description))); n > MaxDescription {
		r.find(descLong, "description", "the description has %d characters", n)
	}
	if raw, ok := r.present("logo_uri"); ok && kindOf(raw) == jsonString {
		r.logo(r.doc.LogoURI)
	}
}

func (r *reader) name(member, name string) {
	if strings.ContainsAny(name, "<>") {
		r.find(nameMarkup, member, "the name has < or > in it")
	}
	if strings.IndexFunc(name, hidden) >= 0 {
		r.find(nameHidden, member, "the name has a control, direction or zero-width character in it")
	}
	if domain := domainOf(name); isDomain(domain) && !related(domain, r.id.Host()) {
		r.find(nameDomain, member, "the name is a domain that the client id is not under")
	}
}

// hidden characters change what is seen without being seen. The joiners that
// Persian and emoji need are not among them.
func hidden(c rune) bool {
	const joiners = "\u200c\u200d"
	return unicode.In(c, unicode.Cc, unicode.Zl, unicode.Zp) || unicode.Is(unicode.Cf, c) && !strings.ContainsRune(joiners, c)
}

// domainOf is a name without what a URL has around its host, if it is one word.
func domainOf(name string) string {
	s := strings.ToLower(strings.TrimSpace(name))
	s = strings.TrimPrefix(strings.TrimPrefix(s, "https://"), "http://")
	if i := strings.IndexAny(s, "/:?#"); i >= 0 && !strings.ContainsFunc(s, unicode.IsSpace) {
		s = s[:i]
	}
	return strings.Trim(s, ".")
}

func isDomain(s string) bool {
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if label == "" || strings.Trim(label, alpha+digits+"-") != "" {
			return false
		}
	}
	last := labels[len(labels)-1]
	return len(labels) > 1 && len(last) > 1 && (strings.Trim(last, alpha) == "" || strings.HasPrefix(last, "xn--"))
}

// related reports whether one host is the other or a sub-domain of it.
func related(a, b string) bool {
	return a == b || strings.HasSuffix(a, "."+b) || strings.HasSuffix(b, "."+a)
}

func (r *reader) logo(s string) {
	const member = "logo_uri"
	u, syntax := parseURI(s)
	if syntax != nil {
		r.find(logoBad, member, "it is no absolute URI: %s", syntax.text)
		return
	}
	if !u.is("https", "http") || !u.hasAuthority {
		r.find(logoBad, member, "it is no http or https URL, its scheme is %s", quote(u.scheme))
		return
	}
	if u.is("http") {
		r.find(logoHTTP, member, "the logo is not served over https")
	}
	if u.hasUser {
		r.find(logoUser, member, "the URL has a user name or an @ before its host")
	}
	if why := u.badPortNumber(); why != "" {
		r.find(logoBad, member, "%s", why)
	}
	for _, issue := range judgeHost(u.host) {
		switch issue.kind {
		case hostMalformed:
			r.find(logoBad, member, "%s", issue.text)
		case hostPrivate:
			r.find(logoPrivate, member, "%s", issue.text)
		}
	}
	if path := strings.ToLower(u.path); strings.HasSuffix(path, ".svg") || strings.HasSuffix(path, ".svgz") {
		r.find(logoSVG, member, "the logo is an SVG by its name")
	}
}

// links judges the URLs that people may follow, and those that a server other
// than Auth0 would fetch. Auth0 ignores all of them.
func (r *reader) links() {
	for _, name := range r.names {
		switch base := baseName(name); base {
		case "client_uri", "tos_uri", "policy_uri":
			r.link(name, r.values[name], true)
		case "initiate_login_uri", "frontchannel_logout_uri", "backchannel_logout_uri":
			r.link(name, r.values[name], false)
		case "logo_uri":
			if name != base {
				r.link(name, r.values[name], false)
			}
		case "request_uris", "post_logout_redirect_uris":
			items, _ := arrayOf(r.values[name])
			for _, item := range items {
				r.link(name, item, false)
			}
		case "sector_identifier_uri":
			r.fetched(name)
		}
	}
}

func (r *reader) link(name string, raw []byte, own bool) {
	s, ok := stringOf(raw)
	if !ok {
		return
	}
	member := quoteMember(name)
	u, syntax := parseURI(s)
	if syntax != nil || !u.is("https", "http") || !u.hasAuthority || u.hasUser || u.badPortNumber() != "" {
		r.find(linkBad, member, "it is no absolute http or https URL of a plain host")
		return
	}
	if u.is("http") {
		r.find(linkHTTP, member, "the link is not https")
	}
	for _, issue := range judgeHost(u.host) {
		switch issue.kind {
		case hostMalformed:
			r.find(linkBad, member, "%s", issue.text)
		case hostPrivate:
			r.find(linkPrivate, member, "%s", issue.text)
		}
	}
	if own && !r.ownHost(u.host) {
		r.find(linkHost, member, "the host %s is neither the client id's nor a redirect URI's", quote(u.host))
	}
}

func (r *reader) ownHost(host string) bool {
	same := func(s string) bool {
		u, syntax := parseURI(s)
		return syntax == nil && strings.EqualFold(u.host, host)
	}
	return same(r.id.s) || slices.ContainsFunc(r.doc.RedirectURIs, same)
}

func (r *reader) fetched(name string) {
	s, ok := stringOf(r.values[name])
	if !ok {
		return
	}
	u, syntax := parseURI(s)
	if syntax != nil || !u.is("https") || !u.hasAuthority || u.hasUser || u.badPortNumber() != "" {
		r.find(fetchBad, name, "it is no absolute https URL of a plain host")
		return
	}
	for _, issue := range judgeHost(u.host) {
		if issue.kind != hostUnusual {
			r.find(fetchBad, name, "%s", issue.text)
		}
	}
}
