package safehttp

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
)

func TestGuard(t *testing.T) {
	judged := netip.MustParseAddrPort("93.184.216.34:443")
	tests := map[string]struct {
		judged      netip.AddrPort
		dialed      string
		development bool
		ok          bool
	}{
		"the judged address":         {judged, "93.184.216.34:443", false, true},
		"another address":            {judged, "93.184.216.35:443", false, false},
		"another port":               {judged, "93.184.216.34:80", false, false},
		"no address":                 {judged, "localhost:443", false, false},
		"loopback, judged or not":    {netip.MustParseAddrPort("127.0.0.1:443"), "127.0.0.1:443", false, false},
		"loopback in development":    {netip.MustParseAddrPort("127.0.0.1:443"), "127.0.0.1:443", true, true},
		"IPv6 loopback":              {netip.MustParseAddrPort("[::1]:443"), "[::1]:443", true, true},
		"private in development":     {netip.MustParseAddrPort("10.0.0.1:443"), "10.0.0.1:443", true, false},
		"mapped loopback":            {netip.MustParseAddrPort("[::ffff:127.0.0.1]:443"), "[::ffff:127.0.0.1]:443", true, false},
		"loopback with a zone":       {netip.MustParseAddrPort("[::1%lo]:443"), "[::1%lo]:443", true, false},
		"global address with a zone": {netip.MustParseAddrPort("[2606:4700::1%eth0]:443"), "[2606:4700::1%eth0]:443", false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := guard(test.judged, test.dialed, test.development)
			if (err == nil) != test.ok {
				t.Errorf("got %v, want ok = %v", err, test.ok)
			}
			if err != nil && fault.Reason(err) != ReasonSpecialUse {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestGuardedDial shows that Control is really in the way: nothing else in
// guardedDial would stop it from dialing loopback.
func TestGuardedDial(t *testing.T) {
	_, err := guardedDial(false)(t.Context(), netip.MustParseAddrPort("127.0.0.1:9"))
	if !errors.Is(err, fault.Denied) {
		t.Errorf("got %v, want a refusal", err)
	}
	_, err = guardedDial(true)(t.Context(), netip.MustParseAddrPort("127.0.0.1:9"))
	if err == nil || errors.Is(err, fault.Denied) {
		t.Errorf("got %v, want what the kernel says of port 9", err)
	}
}

func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := turns{each: 2}
		started := make(chan string, 10)
		release := make(chan struct{})
		visit := func(origin string) {
			leave, err := limit.enter(t.Context(), origin)
			if err != nil {
				t.Error(err)
				return
			}
			started <- origin
			<-release
			leave()
		}
		for range 5 {
			go visit("a:443")
		}
		synctest.Wait()
		if n := len(started); n != 2 {
			t.Errorf("%d at one origin at a time, want 2", n)
		}
		go visit("b:443")
		synctest.Wait()
		if n := len(started); n != 3 {
			t.Error("another origin has to wait")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := limit.enter(ctx, "a:443"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		close(release)
		synctest.Wait()
		if len(started) != 6 || len(limit.origins) != 0 {
			t.Errorf("%d had a turn, %d origins remembered; want 6 and 0", len(started), len(limit.origins))
		}
	})
}

func TestOrigin(t *testing.T) {
	same := []string{"https://a.example/x", "https://A.example/y", "https://a.example:443/z", "https://a.example./"}
	for _, raw := range same {
		if to, err := parseTarget(raw); err != nil || to.origin() != "a.example:443" {
			t.Errorf("%s: %q, %v", raw, to.origin(), err)
		}
	}
	for _, raw := range []string{"https://a.cafe/", "https://a.0xyz/", "https://" + strings.Repeat("a.", 126) + "b/"} {
		if _, err := parseTarget(raw); err != nil {
			t.Errorf("%s is a name: %v", raw, err)
		}
	}
	if _, err := parseTarget("https://" + strings.Repeat("a.", 126) + "bc/"); err == nil {
		t.Error("a name is longer than the DNS has them")
	}
	if to, _ := parseTarget("https://a.example:8443/"); to.origin() != "a.example:8443" {
		t.Errorf("got %q", to.origin())
	}
}

func TestMediaTypes(t *testing.T) {
	tests := map[string]struct {
		values  []string
		ok      bool
		warning string
	}{
		"two that agree":   {[]string{"application/json", "application/json"}, true, ""},
		"JWK set":          {[]string{"application/jwk-set+json"}, true, ""},
		"UTF-8 in capital": {[]string{`application/json; charset="UTF-8"`}, true, ""},
		"no type":          {nil, true, WarnContentTypeMissing},
		"garbage":          {[]string{";;"}, false, ""},
		"suffix elsewhere": {[]string{"application/x+jsonp"}, false, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			warnings, err := judgeHeader(http.Header{"Content-Type": test.values}, false)
			if (err == nil) != test.ok || strings.Join(warnings, " ") != test.warning {
				t.Errorf("got %v, %v", warnings, err)
			}
		})
	}
	if _, err := judgeHeader(http.Header{"Content-Type": {"image/png"}}, true); err != nil {
		t.Errorf("AnyType: %v", err)
	}
	if _, err := judgeHeader(http.Header{"Content-Encoding": {"gzip"}}, true); err == nil {
		t.Error("AnyType accepted a content coding")
	}
}

// FuzzTarget: what is accepted is sent byte for byte, and leads to a host that
// can be looked up or judged.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{
		"https://a.example/", "https://a.example:8443/x?y", "https://[2606:4700::1]/", "https://1.1.1.1/%2e%2E/",
		"https://a.example/#", "https://0x7f.1/", "HTTPS://a.example/", "https://a@b/", "https://[::1%25lo]/",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		to, err := parseTarget(raw)
		if err != nil {
			if fault.Reason(err) != ReasonURL || to.url != nil {
				t.Errorf("%q: %v with %v", raw, err, to)
			}
			return
		}
		if sent := "https://" + to.url.Host + to.url.RequestURI(); !strings.EqualFold(sent[:6], raw[:6]) || sent[6:] != raw[6:] {
			t.Errorf("accepted %q, would send %q", raw, sent)
		}
		if strings.ContainsAny(raw, " \t\r\n\\#@") && strings.ContainsAny(to.host, " \t\r\n\\#@%") {
			t.Errorf("accepted host %q in %q", to.host, raw)
		}
		if to.port == 0 || to.literal.IsValid() == isHostName(to.host) {
			t.Errorf("%q: port %d, host %q", raw, to.port, to.host)
		}
	})
}
