package documents

import (
	"net/http"
	"time"
)

// A Document is what one URL answers.
type Document struct {
	Status int // zero means 200
	// Headers are sent as they are, repeated fields too. An ETag or Last-Modified field makes the
	// document answer conditional requests.
	Headers  http.Header
	Body     []byte
	Transfer Transfer
	Fault    Fault
	// Drip is the time between two bytes of the slow faults; zero means a second.
	Drip time.Duration
}

// A Transfer is a way to frame an ordinary answer.
type Transfer string

// The transfers. The zero Transfer sends a Content-Length that is true.
const (
	Chunked        Transfer = "chunked"         // no Content-Length
	DeclaredLength Transfer = "declared-length" // the Content-Length of Headers, true or not
	EarlyHints     Transfer = "103-then-200"    // an interim answer first
)

// A Fault is what goes wrong instead of an ordinary answer.
type Fault string

// Faults of the DNS and of connecting. They befall the whole host name.
const (
	DNSServfail    Fault = "dns_servfail"    // the resolver fails
	DNSEmpty       Fault = "dns_empty"       // the name has no address
	DNSTimeout     Fault = "dns_timeout"     // the resolver is silent
	Refused        Fault = "refused"         // the port is closed
	ConnectTimeout Fault = "timeout_connect" // nobody answers the SYN
)

// Faults of TLS. They befall the whole host name.
const (
	Plaintext443           Fault = "plaintext_443"            // plain HTTP where TLS should be
	TLSExpired             Fault = "tls_expired"              // a certificate of the past
	TLSNotYetValid         Fault = "tls_not_yet_valid"        // a certificate of the future
	TLSSelfSigned          Fault = "tls_self_signed"          // a certificate signed by itself
	TLSWrongHost           Fault = "tls_wrong_host"           // a certificate for another name
	TLSMissingIntermediate Fault = "tls_missing_intermediate" // half a certificate chain
	TLS10                  Fault = "tls_1_0"                  // TLS 1.0 and nothing later
	TLSClientCert          Fault = "tls_client_cert_required" // a client certificate is demanded
)

// Faults of HTTP.
const (
	Reset         Fault = "reset"          // reset instead of an answer
	ResetMidBody  Fault = "reset_mid_body" // reset after half the body
	Truncated     Fault = "truncated"      // half the body, then a clean end
	StallHeaders  Fault = "stall_headers"  // no answer, connection open
	SlowHeaders   Fault = "slow_headers"   // the header, byte by byte
	SlowBody      Fault = "slow_body"      // the body, byte by byte
	HugeHeaders   Fault = "huge_headers"   // 1 MiB of header
	MalformedHTTP Fault = "malformed_http" // a status line without a status
	HTTP09        Fault = "http09"         // the body without any header
)

// ofHost reports whether the fault comes before the URL is known.
func (f Fault) ofHost() bool {
	switch f {
	case DNSServfail, DNSEmpty, DNSTimeout, Refused, ConnectTimeout,
		Plaintext443, TLSExpired, TLSNotYetValid, TLSSelfSigned, TLSWrongHost,
		TLSMissingIntermediate, TLS10, TLSClientCert:
		return true
	}
	return false
}

func (d Document) status() int {
	if d.Status == 0 {
		return http.StatusOK
	}
	return d.Status
}

func (d Document) drip() time.Duration {
	if d.Drip <= 0 {
		return time.Second
	}
	return d.Drip
}

// canonical copies h with the spelling of names that http.Header looks up, for
// documents are written by hand and in JSON.
func canonical(in http.Header) http.Header {
	out := make(http.Header, len(in))
	for name, values := range in {
		name = http.CanonicalHeaderKey(name)
		out[name] = append(out[name], values...)
	}
	return out
}
