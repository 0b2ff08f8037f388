package safehttp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"clientkeeper/internal/cimd"
	"clientkeeper/internal/fault"
)

// connect resolves, judges and dials.
func (c *Client) connect(ctx context.Context, to target) (net.Conn, error) {
	addrs, err := c.lookup(ctx, to)
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		if err := judge(a, c.c.Development); err != nil {
			return nil, err
		}
	}
	for i, a := range addrs {
		var conn net.Conn
		// Resolvers write IPv4 in either form, sockets in one.
		conn, err = c.dialOne(ctx, netip.AddrPortFrom(a.Unmap(), to.port), len(addrs)-i)
		if err == nil {
			return conn, nil
		}
	}
	if refusal, ok := errors.AsType[*fault.Error](err); ok {
		return nil, refusal
	}
	return nil, failWire(ctx, "connecting", err)
}

// dialOne gives one of the remaining addresses its share of the time that is
// left, so that a first address that is silent leaves room for the second.
func (c *Client) dialOne(ctx context.Context, to netip.AddrPort, remaining int) (net.Conn, error) {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/time.Duration(remaining))
		defer cancel()
	}
	return c.c.Dial(ctx, to)
}

// lookup is every address of the host, at least one.
func (c *Client) lookup(ctx context.Context, to target) ([]netip.Addr, error) {
	if to.literal.IsValid() {
		return []netip.Addr{to.literal}, nil
	}
	addrs, err := c.c.Resolve(ctx, to.host)
	if err != nil {
		return nil, failDNS(ctx, err)
	}
	if len(addrs) == 0 {
		return nil, fail(fault.NotFound, ReasonDNS, "the host name has no address")
	}
	return addrs, nil
}

func failDNS(ctx context.Context, err error) *fault.Error {
	lookup, ok := errors.AsType[*net.DNSError](err)
	switch {
	case ctx.Err() != nil:
		return failWire(ctx, "resolving the host name", err)
	case ok && lookup.IsNotFound:
		return fail(fault.NotFound, ReasonDNS, "the host name has no address")
	default:
		return fail(fault.Unavailable, ReasonDNS, "the host name could not be resolved")
	}
}

// resolveAbsolute asks for the name as it stands: with the final dot, the
// resolver tries no search domains, which could lead a stranger's "metadata"
// to a host of our own network.
func resolveAbsolute(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", strings.TrimSuffix(host, ".")+".")
}

// guardedDial connects to the judged address and to no other. Control runs
// after all of the dialer's own decisions and before the first packet.
func guardedDial(development bool) func(context.Context, netip.AddrPort) (net.Conn, error) {
	return func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
		d := net.Dialer{
			KeepAlive: -1,
			Control: func(_, address string, _ syscall.RawConn) error {
				return guard(to, address, development)
			},
		}
		return d.DialContext(ctx, "tcp", to.String())
	}
}

func guard(judged netip.AddrPort, address string, development bool) error {
	dialed, err := netip.ParseAddrPort(address)
	if err != nil || dialed != judged {
		return fail(fault.Denied, ReasonSpecialUse, "another address than the judged one was about to be dialed")
	}
	return judge(dialed.Addr(), development)
}

// judge refuses every address that is not an ordinary one of the public
// internet, those that package cimd would only warn about included. The error
// does not say which address it was: to whoever may name a URL, that would be a
// view into our DNS.
func judge(a netip.Addr, development bool) error {
	loopback := development && a.Zone() == "" && !a.Is4In6() && a.IsLoopback()
	if loopback || cimd.PublicAddress(a) {
		return nil
	}
	return fail(fault.Denied, ReasonSpecialUse, "the host has an address that is not on the public internet")
}
