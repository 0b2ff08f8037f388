package tenant

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

const (
	readTimeout     = 30 * time.Second
	shutdownTimeout = 2 * time.Second
)

// Listen binds the tenant to a loopback address, such as "127.0.0.1:8443" or
// "localhost:0". A domain without a port takes the port that was bound. It
// must be called once, before [Tenant.Serve].
func (t *Tenant) Listen(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("tenant: listen address: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && !ip.IsLoopback() {
		return fmt.Errorf("tenant: %s is not a loopback address; a sandbox is nobody else's business", host)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("tenant: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	t.domain = withPort(t.domain, port)
	for i, alias := range t.aliases {
		t.aliases[i] = withPort(alias, port)
	}
	t.listener = l
	return nil
}

// withPort gives a domain the port, unless it has one that is not 0.
func withPort(domain string, port int) string {
	host, given, err := net.SplitHostPort(domain)
	if err != nil {
		host, given = domain, "0"
	}
	if given != "0" {
		return domain
	}
	return net.JoinHostPort(host, fmt.Sprint(port))
}

// Serve answers requests until ctx ends, which is not an error. Requests that
// are being delayed or fed slowly are cut short then.
func (t *Tenant) Serve(ctx context.Context) error {
	if t.listener == nil {
		return errors.New("tenant: Serve before Listen")
	}
	cert, err := t.ca.serverCertificate()
	if err != nil {
		return fmt.Errorf("tenant: server certificate: %w", err)
	}
	base, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &http.Server{
		Handler:           t,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: readTimeout,
		// Clients that do not trust the CA, or hang up by design, are no news.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	served := make(chan error, 1)
	go func() { served <- s.ServeTLS(t.listener, "", "") }()
	select {
	case err := <-served:
		return fmt.Errorf("tenant: %w", err)
	case <-ctx.Done():
	}
	return t.shutdown(s, served)
}

func (t *Tenant) shutdown(s *http.Server, served <-chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if s.Shutdown(ctx) != nil {
		_ = s.Close() // what is left after the grace period is cut off
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("tenant: %w", err)
	}
	return nil
}

// Addr is the address that Listen bound, or empty.
func (t *Tenant) Addr() string {
	if t.listener == nil {
		return ""
	}
	return t.listener.Addr().String()
}

// CAPEM is the certificate authority to trust, for AUTH0_CA_FILE, curl
// --cacert or NODE_EXTRA_CA_CERTS.
func (t *Tenant) CAPEM() []byte { return t.ca.pem() }
