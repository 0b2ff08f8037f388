// Package documents is a web host inside the sandbox, for client metadata
// documents, key sets and logos. It answers for any host name: whoever connects
// through [Host.Dial] and [Host.Resolve] reaches the listener on loopback, where
// a certificate for the very name is made on the spot. So
// https://vscode.dev/oauth/client-metadata.json can be fetched under its real
// name, and nothing leaves the machine.
//
// A [Document] says what a URL answers, and what goes wrong on the way: in the
// DNS, while connecting, in the TLS handshake, in the header, in the body.
// Documents may be put and removed at any time. Unknown URLs answer 404.
//
// [Seed] puts documents of clients that exist, and some that are broken.
//
// # Divergences
//
//   - The web has many hosts; here all public addresses are one listener. Two
//     more addresses stand for a port that is closed and for one that is silent,
//     and hosts with such a fault resolve to them.
//   - The DNS has no records here, only answers: no CNAME, no TTL, no search
//     domain, and no cache. A fault of the DNS, of connecting or of TLS befalls
//     the whole host name, not only the URL that it was put for.
//   - Certificates are made by a CA that lives as long as the Host. Nothing is
//     revoked and no transparency log is kept.
//   - HTTP/1.1 only; no ranges, no compression except what a Document brings
//     itself. Port 443 is left out of URLs, upper and lower case host names are
//     the same, and any other port is part of the URL and served alike.
//   - Conditional requests are answered for documents with an ETag or a
//     Last-Modified field: If-None-Match by weak comparison, otherwise
//     If-Modified-Since. No other precondition is looked at.
//   - Seeded documents have only the members that their owners are known to
//     publish plus those that a tenant requires; key sets are made at start.
package documents

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
)

// A Host serves documents until it is closed. Make one with [Start].
type Host struct {
	listener net.Listener
	server   *http.Server
	issuer   *issuer
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	serving  sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	pages   map[string]Document // by key
	faults  map[string]Fault    // by host name: what befalls all of its URLs
	answers map[string][][]netip.Addr
	meant   map[string]netip.AddrPort // by the client's own address: what it dialed
	journal journal
}

// Start listens on a free port of 127.0.0.1.
func Start() (*Host, error) {
	issuer, err := newIssuer()
	if err != nil {
		return nil, fmt.Errorf("documents: making a certificate authority: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("documents: %w", err)
	}
	h := &Host{listener: l, issuer: issuer}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.Reset()
	h.server = &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       10 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // faults make noise on purpose
	}
	h.serving.Go(func() {
		_ = h.server.Serve(tls.NewListener(listener{l, h}, &tls.Config{GetConfigForClient: h.tlsConfig}))
	})
	return h, nil
}

// Close ends all connections, stalled ones too, and waits for their handlers.
func (h *Host) Close() error {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.cancel()
	err := h.server.Close()
	h.serving.Wait()
	return err
}

// Reset forgets all documents, faults, addresses and requests.
func (h *Host) Reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pages = make(map[string]Document)
	h.faults = make(map[string]Fault)
	h.answers = make(map[string][][]netip.Addr)
	h.meant = make(map[string]netip.AddrPort)
	h.journal = newJournal()
}

// Addr is where the host listens, such as "127.0.0.1:41234".
func (h *Host) Addr() string { return h.listener.Addr().String() }

// CAPEM is the certificate that clients of this host have to trust.
func (h *Host) CAPEM() []byte { return h.issuer.rootPEM() }

// Roots is CAPEM as a pool.
func (h *Host) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(h.issuer.root.cert)
	return pool
}

// Put serves d at an https URL, in place of what was there.
func (h *Host) Put(rawURL string, d Document) error {
	key, host, err := keyOf(rawURL)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(key, host)
	d.Headers = canonical(d.Headers)
	h.pages[key] = d
	if d.Fault.ofHost() {
		h.faults[host] = d.Fault
	}
	return nil
}

// Remove makes a URL answer 404 again.
func (h *Host) Remove(rawURL string) error {
	key, host, err := keyOf(rawURL)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(key, host)
	return nil
}

// drop removes a page, and with it the fault that it brought upon its host.
func (h *Host) drop(key, host string) {
	if h.pages[key].Fault.ofHost() {
		delete(h.faults, host)
	}
	delete(h.pages, key)
}

// keyOf is what two spellings of one URL have in common, and its host name.
func keyOf(rawURL string) (key, host string, err error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return "", "", fmt.Errorf("documents: not an https URL: %q", rawURL)
	}
	return requestKey(u.Host, u.RequestURI()), hostName(u.Hostname()), nil
}

func requestKey(hostPort, requestURI string) string {
	return "https://" + strings.TrimSuffix(strings.ToLower(hostPort), ":443") + requestURI
}

func hostName(host string) string { return strings.TrimSuffix(strings.ToLower(host), ".") }
