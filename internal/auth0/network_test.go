package auth0

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"clientkeeper/internal/fault"
)

// Mistakes of configuration are named as such, and cost one request.
func TestTrustAndAddress(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	tests := map[string]struct {
		change  func(*Config)
		reason  string
		next    string
		isErrno bool
	}{
		"nobody vouches for it": {func(c *Config) { c.RootsPEM = nil }, "certificate_untrusted", "AUTH0_CA_FILE", false},
		"another name":          {func(c *Config) { c.Domain = strings.Replace(c.Domain, "127.0.0.1", "localhost", 1) }, "certificate_mismatch", "AUTH0_DOMAIN", false},
		"not TLS":               {func(c *Config) { c.Domain = plain.Listener.Addr().String() }, "not_tls", "port", false},
		"nobody listens":        {func(c *Config) { c.Domain = "127.0.0.1:1" }, "connection", "", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := onLoopback(t, &stub{t: t}, tt.change)
			if tt.isErrno {
				c.maxWait = -1 // this one might pass, and is tried again
			}
			ctx, tally := WithTally(t.Context())
			_, err := c.Client(ctx, "a")
			if !errors.Is(err, fault.Unavailable) || fault.Reason(err) != tt.reason || !strings.Contains(err.Error(), tt.next) {
				t.Errorf("err = %v, want reason %s", err, tt.reason)
			}
			if errors.Is(err, syscall.ECONNREFUSED) != tt.isErrno {
				t.Errorf("err = %v", err)
			}
			if tally.Requests() != 1 {
				t.Errorf("%d requests, want 1", tally.Requests())
			}
		})
	}
}

func TestLostKeepsNoText(t *testing.T) {
	wrap := func(err error) error {
		return fmt.Errorf("Get \"https://example.com/?%s\": %w", canarySecret, err)
	}
	tests := map[string]struct {
		err    error
		reason string
	}{
		"no such host":       {wrap(&net.DNSError{Err: canaryBody, Name: canaryBody, IsNotFound: true}), "unknown_host"},
		"DNS that fails":     {wrap(&net.DNSError{Err: canaryBody, Name: canaryBody, IsTemporary: true}), "connection"},
		"reset":              {wrap(&net.OpError{Op: "read", Err: syscall.ECONNRESET}), "connection"},
		"the proxy is down":  {wrap(&net.OpError{Op: "proxyconnect", Err: syscall.ECONNREFUSED}), "proxy"},
		"our own time limit": {wrap(context.DeadlineExceeded), "timeout"},
		"anything else":      {wrap(errors.New("malformed HTTP response " + canaryBody)), "connection"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := lost(t.Context(), request{op: "auth0.x", timeout: time.Second}, tt.err)
			if fault.Reason(err) != tt.reason || fault.KindOf(err) != fault.Unavailable {
				t.Errorf("err = %v, want %s", err, tt.reason)
			}
			if found := leaks(fmt.Sprintf("%v %+v %#v", err, err, err)); found != nil {
				t.Errorf("leaks %v: %v", found, err)
			}
		})
	}
}

// Of a body without an end, no more is read than a call expects.
func TestEndlessBody(t *testing.T) {
	const size = 1 << 30
	written := make(chan int64, 2)
	s := &stub{t: t, api: func(w http.ResponseWriter, _ *http.Request) {
		n, _ := io.Copy(w, io.LimitReader(zeros{}, size))
		written <- n
	}}
	_, err := onLoopback(t, s).Client(t.Context(), "a")
	if fault.Reason(err) != "answer_too_large" || fault.KindOf(err) != fault.Internal {
		t.Errorf("err = %v", err)
	}
	if n := <-written; n > 64<<20 {
		t.Errorf("%d bytes went out", n)
	}
	if calls, _, _ := s.counts(); calls != 1 {
		t.Errorf("%d calls, want 1", calls)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Neither a token nor a secret follows a redirect.
func TestRedirectIsNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			visited := false
			other := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visited = true }))
			t.Cleanup(other.Close)
			redirect := func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, status) }
			s := &stub{t: t, api: redirect}
			_, err := onLoopback(t, s).Client(t.Context(), "a")
			if refusal, ok := errors.AsType[*Refusal](err); !ok || refusal.Status != status {
				t.Errorf("err = %v", err)
			}
			s = &stub{t: t, grants: func(_ int, w http.ResponseWriter, r *http.Request) { redirect(w, r) }}
			if _, err := onLoopback(t, s).Client(t.Context(), "a"); fault.KindOf(err) != fault.Internal {
				t.Errorf("at the token endpoint: %v", err)
			}
			if visited {
				t.Error("the redirect was followed")
			}
		})
	}
}
