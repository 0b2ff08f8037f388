package cimd

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode"
)

// A hostIssue is one thing about the host of a URL. What it is worth depends on
// what the URL is for, so the caller picks the rule.
type hostIssue struct {
	kind hostKind
	text string
}

type hostKind int

const (
	hostMalformed hostKind = iota + 1 // no host that anybody could connect to
	hostPrivate                       // leads, or is sure to lead, to a special-use address
	hostUnusual                       // works perhaps, but deserves a look
)

// judgeHost looks at a host as it stands in a URL, brackets included.
func judgeHost(host string) []hostIssue {
	if host == "" {
		return []hostIssue{{hostMalformed, "it has no host"}}
	}
	if literal, ok := strings.CutPrefix(host, "["); ok {
		a, err := netip.ParseAddr(strings.TrimSuffix(literal, "]"))
		if err != nil || a.Is4() {
			return []hostIssue{{hostMalformed, fmt.Sprintf("the host %s is no IPv6 address", quote(host))}}
		}
		return judgeLiteral(a)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return judgeLiteral(a)
	}
	return judgeName(host)
}

func judgeLiteral(a netip.Addr) []hostIssue {
	if name := specialUse(a); name != "" {
		return []hostIssue{{hostPrivate, fmt.Sprintf("the host %s is %s", quote(a.String()), name)}}
	}
	if name := oddUse(a); name != "" {
		return []hostIssue{{hostUnusual, fmt.Sprintf("the host %s is %s", quote(a.String()), name)}}
	}
	return nil
}

func judgeName(host string) []hostIssue {
	bad := func(format string, args ...any) []hostIssue {
		return []hostIssue{{hostMalformed, fmt.Sprintf(format, args...)}}
	}
	name := strings.TrimSuffix(strings.ToLower(host), ".")
	if len(name) > 253 {
		return bad("the host has %d bytes, a DNS name at most 253", len(name))
	}
	var issues []hostIssue
	labels := strings.Split(name, ".")
	for _, label := range labels {
		switch {
		case label == "":
			return bad("the host %s has an empty label", quote(host))
		case len(label) > 63:
			return bad("the label %s has more than 63 bytes", quote(label))
		case strings.Trim(label, alpha+digits+"-_") != "":
			return bad("the label %s has characters that no host name has", quote(label))
		case strings.Contains(label, "_"), label[0] == '-', label[len(label)-1] == '-':
			issues = append(issues, hostIssue{hostUnusual, fmt.Sprintf("the label %s is not one that a host name should have (RFC 952)", quote(label))})
		}
		if why := lookAlike(label); why != "" {
			issues = append(issues, hostIssue{hostUnusual, fmt.Sprintf("the label %s %s", quote(label), why)})
		}
	}
	if numeric(labels[len(labels)-1]) {
		return bad("the host %s ends in a number but is no address in dotted decimal form", quote(host))
	}
	if why := specialName(labels); why != "" {
		issues = append(issues, hostIssue{hostPrivate, fmt.Sprintf("the host %s is %s", quote(host), why)})
	}
	if strings.HasSuffix(host, ".") {
		issues = append(issues, hostIssue{hostUnusual, fmt.Sprintf("the host %s ends in a dot, which makes another client id of the same server", quote(host))})
	}
	return issues
}

// numeric reports whether inet_aton or a browser would take the last label for
// a number, and so the whole host for an IPv4 address (WHATWG URL, "ends in a
// number").
func numeric(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, hexDigits) == ""
	}
	return strings.Trim(label, digits) == ""
}

// specialName names the reserved suffix that keeps a host out of the public
// DNS. The suffixes example and test are not among them: no public resolver
// answers for them, and test set-ups rely on them.
func specialName(labels []string) string {
	last := labels[len(labels)-1]
	switch last {
	case "localhost", "localdomain":
		return "a name for the loopback interface (RFC 6761)"
	case "local":
		return "a multicast DNS name (RFC 6762)"
	case "internal":
		return "a private-use name (ICANN resolution 2024.07.29.06)"
	case "onion":
		return "a Tor name (RFC 7686)"
	case "invalid":
		return "a name that never resolves (RFC 6761)"
	case "alt":
		return "a name outside of the DNS (RFC 9476)"
	}
	if strings.HasSuffix("."+strings.Join(labels, "."), ".home.arpa") {
		return "a home network's name (RFC 8375)"
	}
	if len(labels) == 1 {
		return "a single label, which resolves only inside some network"
	}
	return ""
}

// lookAlike says why an A-label may be taken for another name, or is empty.
func lookAlike(label string) string {
	encoded, ok := strings.CutPrefix(label, "xn--")
	if !ok {
		return ""
	}
	decoded, ok := punycode(encoded)
	if !ok {
		return "is not valid Punycode (RFC 3492)"
	}
	scripts, confusable := 0, true
	for _, script := range []*unicode.RangeTable{unicode.Latin, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Cherokee} {
		if strings.IndexFunc(decoded, func(r rune) bool { return unicode.Is(script, r) }) >= 0 {
			scripts++
		}
	}
	for _, r := range decoded {
		if r >= 0x80 && !strings.ContainsRune(latinTwins, r) {
			confusable = false
		}
	}
	switch {
	case scripts > 1:
		return "mixes scripts, so it may look like another name"
	case confusable:
		return "is made of letters that look like Latin ones"
	}
	return ""
}

// latinTwins are letters of other scripts that most fonts draw like a Latin
// one (the ASCII rows of UTS 39's confusables that names use).
const latinTwins = "асԁеһіјӏոорԛѕսԝхуѵαεικνορτυχωց"
