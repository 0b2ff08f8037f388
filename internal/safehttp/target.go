package safehttp

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"clientkeeper/internal/fault"
)

// A target is a URL that may be asked for, in parts.
type target struct {
	url  *url.URL
	host string // a name, or an address without brackets
	port uint16
	// literal is the host if that is an address, else the zero Addr.
	literal netip.Addr
}

// origin identifies scheme, host and port; the scheme is always https.
func (t target) origin() string {
	return strings.TrimSuffix(strings.ToLower(t.host), ".") + ":" + strconv.Itoa(int(t.port))
}

// parseTarget accepts a URL only if net/url gives back exactly what it was
// given. That refuses in one line all that it would repair or drop: white space,
// backslashes, non-ASCII, user info, fragments (an empty one too), zones of IPv6
// addresses and a missing path.
func parseTarget(raw string) (target, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return target{}, badURL("it cannot be parsed") // err quotes the URL
	}
	if u.Scheme != "https" {
		return target{}, badURL("it is not https")
	}
	if raw[len("https"):] != "://"+u.Host+u.RequestURI() {
		return target{}, badURL("it has user info, a fragment, no path, or characters that must be escaped")
	}
	t := target{url: u, host: u.Hostname(), port: 443}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return target{}, badURL("its port is not one of 1 to 65535")
		}
		t.port = uint16(n)
	}
	if addr, err := netip.ParseAddr(t.host); err == nil {
		if addr.Is4In6() {
			return target{}, badURL("its host is an IPv4 address in the form of an IPv6 address")
		}
		t.literal = addr
		return t, nil
	}
	if !isHostName(t.host) {
		return target{}, badURL("its host is neither a DNS name nor an address in the usual form")
	}
	return t, nil
}

func badURL(why string) *fault.Error {
	return fail(fault.Invalid, ReasonURL, "this URL is not fetched: "+why)
}

// isHostName accepts what can be a name in the DNS, with or without the final
// dot. A name whose last label is a number is refused: the WHATWG URL standard
// and the C library's inet_aton read 2130706433, 0x7f.1 and 127.0.0.1. as
// addresses, and a resolver that does the same would be asked about a name and
// answer for loopback.
func isHostName(host string) bool {
	host = strings.TrimSuffix(host, ".")
	if host == "" || len(host) > 253 {
		return false
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, hostChars) != "" {
			return false
		}
	}
	return !isNumber(labels[len(labels)-1])
}

const (
	digits    = "0123456789"
	hostChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_" + digits
)

func isNumber(label string) bool {
	if hex, ok := strings.CutPrefix(strings.ToLower(label), "0x"); ok {
		return strings.Trim(hex, digits+"abcdef") == ""
	}
	return strings.Trim(label, digits) == ""
}
