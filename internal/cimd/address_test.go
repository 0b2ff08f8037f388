package cimd

import (
	"fmt"
	"net/netip"
	"testing"
)

// refused is a second list, by RFC 6890's tables and the registries, kept apart
// from the one under test.
var refused = []string{
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
	"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"::/128", "::1/128", "::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64",
	"2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10",
	"fec0::/10", "ff00::/8", "4000::/2", "8000::/1",
}

func TestPublicAddress(t *testing.T) {
	for _, s := range refused {
		p := netip.MustParsePrefix(s)
		for _, a := range []netip.Addr{p.Addr(), last(p)} {
			if PublicAddress(a) || CheckAddress(a).Verdict() == Accept {
				t.Errorf("%s of %s is public", a, s)
			}
		}
	}
	for _, s := range []string{
		"1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
		"169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.88.98.255",
		"192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "203.0.112.255", "223.255.255.255",
		"2000::1", "2001:200::", "2001:db7:ffff::1", "2001:db9::", "2003::", "2606:4700:4700::1111", "3ffe:ffff::", "3fff:1000::",
		"::ffff:8.8.8.8", "2606:4700::5efe:8.8.8.8",
	} {
		if a := netip.MustParseAddr(s); !PublicAddress(a) {
			t.Errorf("%s is not public: %v", s, CheckAddress(a))
		}
	}
	for _, s := range []string{"2606:4700:4700::1111%eth0", "::1%lo", "::ffff:8.8.8.8%eth0"} {
		if a := netip.MustParseAddr(s); PublicAddress(a) {
			t.Errorf("%s is public in spite of its zone", s)
		}
	}
	if PublicAddress(netip.Addr{}) {
		t.Error("the zero Addr is public")
	}
}

// last is the last address of a prefix.
func last(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// disguises are the ways to write an IPv4 address inside an IPv6 one.
func disguises(v4 [4]byte) map[string]netip.Addr {
	at := func(prefix string, offset int, flip byte) netip.Addr {
		b := netip.MustParseAddr(prefix).As16()
		for i, c := range v4 {
			b[offset+i] = c ^ flip
		}
		return netip.AddrFrom16(b)
	}
	return map[string]netip.Addr{
		"compatible":   at("::", 12, 0),
		"translated":   at("::ffff:0:0:0", 12, 0),
		"NAT64":        at("64:ff9b::", 12, 0),
		"local NAT64":  at("64:ff9b:1::", 12, 0),
		"6to4":         at("2002::1", 2, 0),
		"Teredo":       at("2001:0:4136:e378::", 12, 0xff),
		"Teredo relay": at("2001::", 4, 0),
	}
}

// FuzzPublicAddress: an address in a listed block is refused, the mapped form
// of an IPv4 address gets the answer of the address itself, every other disguise
// and every zone is refused, and a literal in a URL is never judged milder.
func FuzzPublicAddress(f *testing.F) {
	for _, s := range []string{"127.0.0.1", "8.8.8.8", "169.254.169.254", "::1", "2606:4700::1", "fd00:ec2::254", "64:ff9b::a9fe:a9fe", "2002:7f00:1::"} {
		b := netip.MustParseAddr(s).As16()
		f.Add(b[:])
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) < 16 {
			return
		}
		wide := netip.AddrFrom16([16]byte(raw[:16]))
		narrow := netip.AddrFrom4([4]byte(raw[12:16]))
		for _, a := range []netip.Addr{wide, narrow} {
			for _, s := range refused {
				if netip.MustParsePrefix(s).Contains(a.Unmap()) && PublicAddress(a) {
					t.Errorf("%s is public, but in %s", a, s)
				}
			}
			host := a.String()
			if a.Is6() {
				host = "[" + host + "]"
			}
			if id, _ := CheckURL("https://"+host+"/client.json", Draft); id != (ClientID{}) && CheckAddress(a).Verdict() == Reject {
				t.Errorf("%s is accepted in a URL", host)
			}
			if a.Is6() && !a.Is4In6() && PublicAddress(a.WithZone("eth0")) {
				t.Errorf("%s is public with a zone", a)
			}
		}
		if mapped := netip.AddrFrom16(narrow.As16()); PublicAddress(mapped) != PublicAddress(narrow) {
			t.Errorf("%s and %s differ", mapped, narrow)
		}
		for name, a := range disguises(narrow.As4()) {
			if PublicAddress(a) {
				t.Errorf("%s (%s of %s) is public", a, name, narrow)
			}
		}
	})
}

func ExamplePublicAddress() {
	for _, s := range []string{"93.184.216.34", "169.254.169.254", "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe"} {
		a := netip.MustParseAddr(s)
		fmt.Println(PublicAddress(a), CheckAddress(a))
	}
	// Output:
	// true []
	// false [address_special_use: 169.254.169.254 is link-local, where clouds keep their metadata (RFC 3927); serve it from a public address]
	// false [address_special_use: 10.0.0.1 is private use (RFC 1918); serve it from a public address]
	// false [address_special_use: 64:ff9b::a9fe:a9fe is NAT64 (RFC 6052); serve it from a public address]
}
