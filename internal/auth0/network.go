package auth0

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"syscall"
	"time"

	"clientkeeper/internal/fault"
)

// ended is the failure of a call whose caller no longer waits.
func ended(ctx context.Context, op string) error {
	reason := "cancelled"
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		reason = "deadline"
	}
	return &fault.Error{Kind: fault.Unavailable, Op: op, Reason: reason, Err: ctx.Err()}
}

// lost turns a failure of the network into a fault. Of the error's own text
// nothing is kept: net/http puts the URL into it, and quotes what it could not
// parse.
func lost(ctx context.Context, r request, err error) error {
	if ctx.Err() != nil {
		return ended(ctx, r.op)
	}
	e := &fault.Error{Kind: fault.Unavailable, Op: r.op}
	if untrusted(e, err) {
		return e
	}
	errno, isErrno := errors.AsType[syscall.Errno](err)
	dns, isDNS := errors.AsType[*net.DNSError](err)
	where, isOp := errors.AsType[*net.OpError](err)
	timeout, isTimeout := errors.AsType[net.Error](err)
	switch {
	case isOp && where.Op == "proxyconnect":
		e.Reason, e.Detail, e.Next = "proxy", "the proxy cannot be reached", "check HTTPS_PROXY and NO_PROXY"
	case isDNS && dns.IsNotFound:
		e.Reason, e.Detail, e.Next = reasonUnknownHost, "the tenant's host name does not exist", "check AUTH0_DOMAIN"
	case errors.Is(err, context.DeadlineExceeded), isTimeout && timeout.Timeout():
		e.Reason, e.Detail = "timeout", "no answer within "+r.timeout.Round(time.Millisecond).String()
	case isErrno:
		e.Reason, e.Detail, e.Err = "connection", "the connection failed", errno
	default:
		e.Reason, e.Detail = "connection", "the connection broke before there was an answer"
	}
	return e
}

// untrusted recognises failures of TLS that are mistakes of configuration, and
// says which.
func untrusted(e *fault.Error, err error) bool {
	_, isVerify := errors.AsType[*tls.CertificateVerificationError](err)
	_, isName := errors.AsType[x509.HostnameError](err)
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	_, isRecord := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case errors.Is(err, http.ErrSchemeMismatch), isRecord:
		e.Reason, e.Detail, e.Next = reasonNoTLS, "the other side does not speak TLS", "check the port in AUTH0_DOMAIN"
	case isName:
		e.Reason, e.Detail, e.Next = reasonMismatch, "the certificate is for another host", "check AUTH0_DOMAIN"
	case isInvalid && invalid.Reason == x509.Expired:
		e.Reason, e.Detail = reasonUntrusted, "the certificate has expired or is not valid yet"
		e.Next = "check this machine's clock, then the tenant's certificate"
	case isVerify:
		e.Reason, e.Detail = reasonUntrusted, "nobody whom this machine trusts has signed the tenant's certificate"
		e.Next = "check AUTH0_DOMAIN; for the sandbox, or behind a proxy that inspects TLS, let AUTH0_CA_FILE name its root"
	default:
		return false
	}
	return true
}
