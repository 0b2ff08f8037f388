package cimd

import (
	"fmt"
	"net/netip"
)

// A block is a range of addresses that a stranger's URL must not lead to.
type block struct {
	prefix netip.Prefix
	name   string
}

func blocks(pairs ...string) []block {
	var out []block
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, block{netip.MustParsePrefix(pairs[i]), pairs[i+1]})
	}
	return out
}

// special are the blocks of RFC 6890 sections 2.2.2 and 2.2.3, what IANA's
// special-purpose registries gained since, and multicast. Every way to write an
// IPv4 address inside an IPv6 address is among them, so none has to be decoded.
var special = blocks(
	"0.0.0.0/8", "this network (RFC 6890)",
	"10.0.0.0/8", "private use (RFC 1918)",
	"100.64.0.0/10", "shared address space (RFC 6598)",
	"127.0.0.0/8", "loopback (RFC 6890)",
	"169.254.0.0/16", "link-local, where clouds keep their metadata (RFC 3927)",
	"172.16.0.0/12", "private use (RFC 1918)",
	"192.0.0.0/24", "IETF protocol assignments (RFC 6890)",
	"192.0.2.0/24", "documentation (RFC 5737)",
	"192.88.99.0/24", "6to4 relay anycast (RFC 7526)",
	"192.168.0.0/16", "private use (RFC 1918)",
	"198.18.0.0/15", "benchmarking (RFC 2544)",
	"198.51.100.0/24", "documentation (RFC 5737)",
	"203.0.113.0/24", "documentation (RFC 5737)",
	"224.0.0.0/4", "multicast (RFC 5771)",
	"240.0.0.0/4", "reserved or broadcast (RFC 6890)",

	"::/128", "unspecified (RFC 4291)",
	"::1/128", "loopback (RFC 4291)",
	"::/96", "IPv4-compatible (RFC 4291)",
	"::ffff:0:0/96", "IPv4-mapped (RFC 4291)",
	"::ffff:0:0:0/96", "IPv4-translated (RFC 2765)",
	"64:ff9b::/96", "NAT64 (RFC 6052)",
	"64:ff9b:1::/48", "local-use NAT64 (RFC 8215)",
	"100::/64", "discard-only (RFC 6666)",
	"100:0:0:1::/64", "dummy prefix (RFC 9780)",
	"2001::/23", "IETF protocol assignments, with Teredo and ORCHID (RFC 2928)",
	"2001:db8::/32", "documentation (RFC 3849)",
	"2002::/16", "6to4 (RFC 3056)",
	"3fff::/20", "documentation (RFC 9637)",
	"5f00::/16", "segment routing (RFC 9602)",
	"fc00::/7", "unique local (RFC 4193)",
	"fe80::/10", "link-local (RFC 4291)",
	"fec0::/10", "deprecated site-local (RFC 3879)",
	"ff00::/8", "multicast (RFC 4291)",
)

// odd are blocks of public services that serve no documents.
var odd = blocks(
	"192.31.196.0/24", "AS112 service (RFC 7535)",
	"192.52.193.0/24", "AMT service (RFC 7450)",
	"192.175.48.0/24", "AS112 service (RFC 7534)",
	"2620:4f:8000::/48", "AS112 service (RFC 7534)",
)

// unicast is the only part of IPv6 that IANA hands out for the Internet.
var unicast = netip.MustParsePrefix("2000::/3")

// CheckAddress judges where a URL leads: a violation for a special-use address
// in any disguise, a warning for one that is not special but is no ordinary
// public host either. Both books agree. It is meant for the address that is
// about to be dialed, so the IPv4-mapped form, in which resolvers and sockets
// hand out IPv4 addresses, is judged by what it maps. [PublicAddress] is the
// short form.
func CheckAddress(a netip.Addr) Findings {
	j := judge{book: Draft}
	a = unmap(a)
	if name := specialUse(a); name != "" {
		j.find(addressSpecial, "", "%s is %s", a.WithZone(""), name)
	} else if name := oddUse(a); name != "" {
		j.find(addressOdd, "", "%s is %s", a.WithZone(""), name)
	}
	return j.findings
}

// PublicAddress reports whether a is an ordinary public address, one that may
// be dialed on behalf of a stranger: [CheckAddress] finds nothing at all. An
// address with a zone and the zero Addr never are.
func PublicAddress(a netip.Addr) bool {
	a = unmap(a)
	return specialUse(a) == "" && oddUse(a) == ""
}

// unmap keeps a zone, which netip's Unmap would drop.
func unmap(a netip.Addr) netip.Addr {
	if a.Zone() != "" {
		return a
	}
	return a.Unmap()
}

// specialUse names the block that a is in, or is empty.
func specialUse(a netip.Addr) string {
	switch {
	case !a.IsValid():
		return "no address"
	case a.Zone() != "":
		return "an address with a zone, which means something on one machine alone (RFC 4007)"
	}
	return within(special, a)
}

func oddUse(a netip.Addr) string {
	if name := within(odd, a); name != "" || a.Is4() {
		return name
	}
	b := a.As16()
	isatap := b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
	switch inner := netip.AddrFrom4([4]byte(b[12:])); {
	case !unicast.Contains(a):
		return "outside the global unicast space in use (RFC 4291 section 2.4)"
	case isatap && within(special, inner) != "":
		return fmt.Sprintf("an ISATAP address of %s (RFC 5214)", inner)
	}
	return ""
}

func within(list []block, a netip.Addr) string {
	for _, b := range list {
		if b.prefix.Contains(a) {
			return b.name
		}
	}
	return ""
}
