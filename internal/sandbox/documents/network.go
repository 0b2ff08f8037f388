package documents

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"time"
)

// The addresses of this web. They look public, so that a careful client dials
// them; no packet ever goes there.
var (
	publicAddr   = netip.MustParseAddr("93.184.216.34") // every host, unless told otherwise
	refusingAddr = netip.MustParseAddr("93.184.216.35") // hosts with the fault Refused
	silentAddr   = netip.MustParseAddr("93.184.216.36") // hosts with the fault ConnectTimeout
)

// patience bounds every fault that waits, for clients without a deadline.
const patience = time.Minute

// SetAddresses makes a host name resolve to each of the answers in turn; the
// last one stays. Without answers the name is like any other again.
func (h *Host) SetAddresses(host string, answers ...[]netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(answers) == 0 {
		delete(h.answers, hostName(host))
		return
	}
	h.answers[hostName(host)] = slices.Clone(answers)
}

// Resolve is the DNS of this web, in the form that clients of net.Resolver
// know: errors are *net.DNSError.
func (h *Host) Resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	addrs, fault := h.answer(hostName(host))
	switch fault {
	case DNSServfail:
		return nil, &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}
	case DNSEmpty:
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	case DNSTimeout:
		h.wait(ctx, patience)
		return nil, &net.DNSError{Err: "i/o timeout", Name: host, IsTimeout: true, IsTemporary: true}
	case Refused:
		return []netip.Addr{refusingAddr}, nil
	case ConnectTimeout:
		return []netip.Addr{silentAddr}, nil
	}
	return addrs, nil
}

// answer counts a lookup and takes the next answer.
func (h *Host) answer(name string) ([]netip.Addr, Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	count(h.journal.lookups, name)
	if f := h.faults[name]; f != "" {
		return []netip.Addr{publicAddr}, f
	}
	answers := h.answers[name]
	if len(answers) == 0 {
		return []netip.Addr{publicAddr}, ""
	}
	if len(answers) > 1 {
		h.answers[name] = answers[1:]
	}
	return slices.Clone(answers[0]), ""
}

// Dial connects to the host, whatever the address: refusing private addresses
// is the client's business, and [Host.Dials] tells what it dialed.
func (h *Host) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	h.mu.Lock()
	count(h.journal.dials, to.String())
	h.mu.Unlock()
	switch to.Addr() {
	case refusingAddr:
		return nil, dialError(to, os.NewSyscallError("connect", syscall.ECONNREFUSED))
	case silentAddr:
		h.wait(ctx, patience)
		return nil, dialError(to, os.ErrDeadlineExceeded)
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", h.Addr())
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.meant[conn.LocalAddr().String()] = to
	return conn, nil
}

func dialError(to netip.AddrPort, err error) error {
	return &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: err}
}

// wait ends with ctx, with the host, or after d.
func (h *Host) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-h.ctx.Done():
	case <-timer.C:
	}
}

// dialed is the address that the client at the other end of a connection
// dialed, or the zero Addr if it came to the listener by itself.
func (h *Host) dialed(client net.Addr) netip.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.meant[client.String()].Addr()
}

// A listener hands out connections that know their host.
type listener struct {
	net.Listener
	host *Host
}

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, host: l.host}, nil
}

// A conn is one accepted connection.
type conn struct {
	net.Conn
	host *Host
	// linger makes Close wait for the other side, so that what was said last
	// arrives: closing over unread bytes would reset the connection.
	linger atomic.Bool
}

func (c *conn) Close() error {
	if tcp, ok := c.Conn.(*net.TCPConn); ok && c.linger.Swap(false) {
		_ = tcp.CloseWrite()
		_ = tcp.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		_, _ = io.Copy(io.Discard, io.LimitReader(tcp, 64<<10))
	}
	c.host.mu.Lock()
	delete(c.host.meant, c.RemoteAddr().String())
	c.host.mu.Unlock()
	return c.Conn.Close()
}

// reset makes the other side read ECONNRESET.
func (c *conn) reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
