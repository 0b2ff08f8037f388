package documents

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestFaults(t *testing.T) {
	h := startHost(t)
	tests := map[Fault]func(error) bool{
		DNSServfail:    func(err error) bool { return dnsError(err).IsTemporary && !dnsError(err).IsNotFound },
		DNSEmpty:       func(err error) bool { return dnsError(err).IsNotFound },
		DNSTimeout:     timedOut,
		Refused:        func(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) },
		ConnectTimeout: timedOut,
		Plaintext443: func(err error) bool {
			return is[tls.RecordHeaderError](err) || says(err, "HTTP response to HTTPS client")
		},
		TLSExpired:             invalidFor(x509.Expired),
		TLSNotYetValid:         invalidFor(x509.Expired),
		TLSSelfSigned:          is[x509.UnknownAuthorityError],
		TLSWrongHost:           is[x509.HostnameError],
		TLSMissingIntermediate: is[x509.UnknownAuthorityError],
		TLS10:                  func(err error) bool { return says(err, "protocol version") },
		TLSClientCert:          func(err error) bool { return says(err, "certificate required") },
		Reset:                  func(err error) bool { return errors.Is(err, syscall.ECONNRESET) },
		ResetMidBody:           func(err error) bool { return errors.Is(err, syscall.ECONNRESET) },
		Truncated:              func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) },
		StallHeaders:           timedOut,
		SlowHeaders:            timedOut,
		SlowBody:               timedOut,
		HugeHeaders:            func(err error) bool { return says(err, "headers exceeded") },
		MalformedHTTP:          func(err error) bool { return says(err, "malformed HTTP") },
		HTTP09:                 func(err error) bool { return says(err, "malformed HTTP") },
	}
	for fault, seen := range tests {
		t.Run(string(fault), func(t *testing.T) {
			c := browser(t, h)
			if fault.slow() {
				c.Timeout = 300 * time.Millisecond
			}
			c.Transport.(*http.Transport).MaxResponseHeaderBytes = 64 << 10
			put(t, h, page, Document{Fault: fault, Body: []byte(`{"client_id": "..."}`)})
			_, body, err := get(t, c, page)
			if err == nil || !seen(err) {
				t.Errorf("got %q, %v", body, err)
			}
		})
	}
}

func dnsError(err error) net.DNSError {
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return *e
	}
	return net.DNSError{}
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func timedOut(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

func says(err error, text string) bool { return strings.Contains(err.Error(), text) }

func invalidFor(reason x509.InvalidReason) func(error) bool {
	return func(err error) bool {
		e, ok := errors.AsType[x509.CertificateInvalidError](err)
		return ok && e.Reason == reason
	}
}

// TestClose closes with clients in every kind of wait.
func TestClose(t *testing.T) {
	before := runtime.NumGoroutine()
	h, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	faults := []Fault{StallHeaders, SlowHeaders, SlowBody, DNSTimeout, ConnectTimeout}
	for i, f := range faults {
		c := browser(t, h)
		c.Timeout = 5 * time.Minute // or it would end by itself, as every wait does after a minute
		url := fmt.Sprintf("https://host-%d.example.com/", i)
		put(t, h, url, Document{Fault: f, Body: []byte("{}"), Drip: time.Minute})
		go func() {
			_, _, err := get(t, c, url)
			failed <- err
		}()
	}
	for range 3000 {
		if h.AllRequests() == 3 && h.Lookups("host-3.example.com")+h.Lookups("host-4.example.com") == 2 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	start := time.Now()
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	for range faults {
		if err := <-failed; err == nil {
			t.Error("an answer came from a closed host")
		}
	}
	if took := time.Since(start); took > 50*time.Second {
		t.Errorf("took %s", took)
	}
	for range 1500 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// slow faults are those that end with the client's timeout.
func (f Fault) slow() bool {
	return slices.Contains([]Fault{DNSTimeout, ConnectTimeout, StallHeaders, SlowHeaders, SlowBody}, f)
}
