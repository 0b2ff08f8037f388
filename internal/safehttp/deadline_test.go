package safehttp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/safehttp"
	"clientkeeper/internal/sandbox/documents"
)

// TestDeadline has every fault that takes time end with the client's timeout.
func TestDeadline(t *testing.T) {
	host := startHost(t)
	const timeout = 250 * time.Millisecond
	client := newClient(host, timeout)
	for _, f := range []documents.Fault{documents.DNSTimeout, documents.ConnectTimeout, documents.StallHeaders, documents.SlowHeaders, documents.SlowBody} {
		t.Run(string(f), func(t *testing.T) {
			put(t, host, documents.Document{Fault: f, Body: []byte(strings.Repeat(" ", 600)), Drip: 50 * time.Millisecond})
			start := time.Now()
			_, err := client.Get(t.Context(), safehttp.Request{URL: url})
			checkReason(t, err, safehttp.ReasonTimeout, fault.Unavailable)
			if took := time.Since(start); took < timeout || took > 30*time.Second {
				t.Errorf("took %s with a timeout of %s", took, timeout)
			}
		})
	}
}

func TestCallerGivesUp(t *testing.T) {
	host := startHost(t)
	put(t, host, documents.Document{Fault: documents.StallHeaders})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := newClient(host, time.Minute).Get(ctx, safehttp.Request{URL: url})
	checkReason(t, err, safehttp.ReasonCanceled, fault.Unavailable)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not wrap context.Canceled", err)
	}
}

// TestNothingStays counts connections and goroutines after good and bad fetches.
func TestNothingStays(t *testing.T) {
	before := runtime.NumGoroutine()
	host, err := documents.Start()
	if err != nil {
		t.Fatal(err)
	}
	var open atomic.Int64
	client := safehttp.New(safehttp.Config{
		Resolve: host.Resolve, Roots: host.Roots(), Timeout: 100 * time.Millisecond,
		Dial: func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			conn, err := host.Dial(ctx, to)
			if err != nil {
				return nil, err
			}
			open.Add(1)
			return &counted{Conn: conn, open: &open}, nil
		},
	})
	faults := []documents.Fault{
		"", documents.Reset, documents.SlowBody, documents.StallHeaders, documents.DNSTimeout,
		documents.HugeHeaders, documents.TLSClientCert, documents.Plaintext443,
	}
	var wg sync.WaitGroup
	for i := range 40 {
		name := fmt.Sprintf("https://host-%d.example.com/", i)
		if err := host.Put(name, documents.Document{Headers: asJSON, Body: []byte("{}"), Fault: faults[i%len(faults)]}); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { _, _ = client.Get(t.Context(), safehttp.Request{URL: name}) })
	}
	wg.Wait()
	if n := open.Load(); n != 0 {
		t.Errorf("%d connections are still open", n)
	}
	if err := host.Close(); err != nil {
		t.Error(err)
	}
	for range 1500 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	stacks := make([]byte, 1<<16)
	t.Errorf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
}

// counted counts itself out once when it is closed.
type counted struct {
	net.Conn
	open *atomic.Int64
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}
