package safehttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"

	"clientkeeper/internal/fault"
)

// secure makes conn a TLS connection to the target. There is no ALPN beyond
// HTTP/1.1, which is all that exchange speaks.
func (c *Client) secure(ctx context.Context, conn net.Conn, to target) (*tls.Conn, error) {
	t := tls.Client(conn, &tls.Config{
		ServerName: to.host,
		RootCAs:    c.c.Roots,
		Time:       c.c.Now,
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
	})
	// The deadline of conn bounds this; HandshakeContext would only add a
	// goroutine.
	if err := t.Handshake(); err != nil {
		return nil, c.failHandshake(ctx, err)
	}
	return t, nil
}

func (c *Client) failHandshake(ctx context.Context, err error) *fault.Error {
	const doing = "the TLS handshake"
	var netErr *net.OpError
	switch {
	case ctx.Err() != nil:
		return failWire(ctx, doing, err)
	case isAlert(err):
		return fail(fault.Invalid, ReasonTLS, "the server refused the TLS handshake")
	case errors.As(err, &netErr), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return failWire(ctx, doing, err)
	}
	if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return c.failCertificate(bad)
	}
	return fail(fault.Invalid, ReasonTLS, "the server does not speak TLS 1.2 or later")
}

// isAlert recognizes a TLS alert from the other side, for which crypto/tls has
// no exported type. Its net.OpError looks like a failure of the network.
func isAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

// failCertificate says what is wrong with a certificate without repeating its
// names, which the other side wrote. One that is not valid yet will be, so it is
// worth another try.
func (c *Client) failCertificate(bad *tls.CertificateVerificationError) *fault.Error {
	if _, ok := errors.AsType[x509.HostnameError](bad); ok {
		return fail(fault.Invalid, ReasonTLS, "the certificate is for another name")
	}
	invalid, ok := errors.AsType[x509.CertificateInvalidError](bad)
	if ok && invalid.Reason == x509.Expired {
		if invalid.Cert != nil && c.c.Now().Before(invalid.Cert.NotBefore) {
			return fail(fault.Unavailable, ReasonTLS, "the certificate is not valid yet")
		}
		return fail(fault.Invalid, ReasonTLS, "the certificate has expired")
	}
	return fail(fault.Invalid, ReasonTLS, "the certificate is not trusted")
}
