package safehttp_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/safehttp"
	"clientkeeper/internal/sandbox/documents"
)

// TestOneLookup is the heart of the defence against DNS rebinding: what was
// judged is what is dialed, and the next fetch judges again.
func TestOneLookup(t *testing.T) {
	host := startHost(t)
	client := newClient(host, 30*time.Second)
	put(t, host, documents.Document{Body: []byte("{}")})
	good, bad := netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("169.254.169.254")
	host.SetAddresses("client.example.com", []netip.Addr{good}, []netip.Addr{bad})

	if _, err := client.Get(t.Context(), safehttp.Request{URL: url}); err != nil {
		t.Fatal(err)
	}
	if n := host.Lookups("client.example.com"); n != 1 {
		t.Errorf("%d lookups for one fetch", n)
	}
	_, err := client.Get(t.Context(), safehttp.Request{URL: url})
	checkReason(t, err, safehttp.ReasonSpecialUse, fault.Denied)
	if dials := host.Dials(); len(dials) != 1 || dials["8.8.8.8:443"] != 1 {
		t.Errorf("dialed %v", dials)
	}
}

func TestSeveralAddresses(t *testing.T) {
	host := startHost(t)
	put(t, host, documents.Document{Body: []byte("{}")})
	first, second := netip.MustParseAddr("1.1.1.1"), netip.MustParseAddr("8.8.8.8")
	host.SetAddresses("client.example.com", []netip.Addr{first, second})
	const timeout = time.Minute
	tests := map[string]func(context.Context) error{
		"the first refuses": func(context.Context) error { return syscall.ECONNREFUSED },
		"the first is silent": func(ctx context.Context) error {
			if end, ok := ctx.Deadline(); !ok || time.Until(end) > timeout/2 {
				t.Errorf("a silent address may take until %v, with %v for two", end, timeout)
			}
			return context.DeadlineExceeded // as if that time had passed
		},
	}
	for name, trouble := range tests {
		t.Run(name, func(t *testing.T) {
			client := safehttp.New(safehttp.Config{
				Resolve: host.Resolve, Roots: host.Roots(), Timeout: timeout,
				Dial: func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
					if to.Addr() == first {
						return nil, trouble(ctx)
					}
					return host.Dial(ctx, to)
				},
			})
			if _, err := client.Get(t.Context(), safehttp.Request{URL: url}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestDefaultDial uses no dial seam: the guard is what stands in the way.
func TestDefaultDial(t *testing.T) {
	host := startHost(t)
	_, port, _ := net.SplitHostPort(host.Addr())
	local := "https://localhost:" + port + "/client.json"
	if err := host.Put(local, documents.Document{Headers: asJSON, Body: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	resolve := func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	c := safehttp.Config{Resolve: resolve, Roots: host.Roots(), Timeout: 30 * time.Second}
	_, err := safehttp.New(c).Get(t.Context(), safehttp.Request{URL: local})
	checkReason(t, err, safehttp.ReasonSpecialUse, fault.Denied)
	if n := host.AllRequests(); n != 0 {
		t.Errorf("%d requests reached loopback", n)
	}
	c.Development = true
	if _, err := safehttp.New(c).Get(t.Context(), safehttp.Request{URL: local}); err != nil {
		t.Error(err)
	}
}

func TestNoProxy(t *testing.T) {
	var asked atomic.Bool
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Store(true) }))
	defer proxy.Close()
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	host := startHost(t)
	put(t, host, documents.Document{Body: []byte("{}")})
	if _, err := newClient(host, 30*time.Second).Get(t.Context(), safehttp.Request{URL: url}); err != nil {
		t.Error(err)
	}
	if asked.Load() {
		t.Error("the proxy of the environment was asked")
	}
}

func public(context.Context, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("93.184.216.34")}, nil
}

func dialTo(address string) func(context.Context, netip.AddrPort) (net.Conn, error) {
	return func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", address)
	}
}
