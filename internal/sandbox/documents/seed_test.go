package documents

import (
	"context"
	"io/fs"
	"net"
	"net/netip"
	"strings"
	"testing"

	"clientkeeper/internal/cimd"
)

// dialer is what http.Transport wants, by way of the host's DNS.
func dialer(h *Host) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		name, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if a, err := netip.ParseAddr(name); err == nil {
			return h.Dial(ctx, netip.AddrPortFrom(a, 443))
		}
		addrs, err := h.Resolve(ctx, name)
		if err != nil {
			return nil, err
		}
		return h.Dial(ctx, netip.AddrPortFrom(addrs[0], 443))
	}
}

// TestSeed fetches every seeded URL and judges what it finds as Auth0 would.
func TestSeed(t *testing.T) {
	h := startHost(t)
	if err := Seed(h); err != nil {
		t.Fatal(err)
	}
	c := browser(t, h)
	tests := map[string]struct {
		status  int
		verdict cimd.Verdict
	}{
		"https://vscode.dev/oauth/client-metadata.json":       {200, cimd.Warn},
		"https://client.dev/oauth/metadata.json":              {200, cimd.Accept},
		"https://claude.ai/oauth/mcp-oauth-client-metadata":   {200, cimd.Warn},
		"https://claude.ai/oauth/claude-code-client-metadata": {302, cimd.Reject},
		"https://chatgpt.com/oauth/client.json":               {200, cimd.Accept},
		"https://chatgpt.com/oauth/codex/client.json":         {200, cimd.Warn},
		"https://zed.dev/oauth/client-metadata.json":          {200, cimd.Warn},
		"https://opencode.ai/oauth/opencode/client.json":      {200, cimd.Warn},
		"https://filtered.example.com/oauth/client.json":      {200, cimd.Warn},
		"https://impostor.example.net/oauth/client.json":      {200, cimd.Reject},
		"https://leaky.example.net/oauth/client.json":         {200, cimd.Accept}, // the key set is bad
		"https://verbose.example.net/oauth/client.json":       {200, cimd.Reject},
		"https://parked.example.net/oauth/client.json":        {200, cimd.Reject},
	}
	keySets := map[string]bool{"https://chatgpt.com/oauth/jwks.json": false, "https://leaky.example.net/oauth/jwks.json": true}
	urls, err := SeededURLs()
	if err != nil || len(urls) != len(tests)+len(keySets) {
		t.Errorf("%d URLs are seeded, want %d; %v", len(urls), len(tests)+len(keySets), err)
	}
	for url, test := range tests {
		resp, body, err := get(t, c, url)
		if err != nil || resp.StatusCode != test.status {
			t.Errorf("%s: %v, %v", url, resp, err)
			continue
		}
		id, err := cimd.ParseClientID(url)
		if err != nil {
			t.Error(err)
		}
		if _, findings := cimd.CheckDocument(id, []byte(body), cimd.Auth0); findings.Verdict() != test.verdict {
			t.Errorf("%s: %v, want %v; %v", url, findings.Verdict(), test.verdict, findings)
		}
		if test.status == 200 && resp.Header.Get("ETag") == "" {
			t.Errorf("%s: no ETag", url)
		}
	}
	for url, private := range keySets {
		_, body, err := get(t, c, url)
		if err != nil || strings.Contains(body, `"d":`) != private || !strings.Contains(body, `"alg":"RS256"`) {
			t.Errorf("%s: %v, private %v wanted", url, err, private)
		}
	}
	if _, body, _ := get(t, c, "https://verbose.example.net/oauth/client.json"); len(body) != 6144 {
		t.Errorf("the 6 KB document has %d bytes", len(body))
	}
}

// TestNoKeyIsEmbedded: key sets are made at start, and each start makes others.
func TestNoKeyIsEmbedded(t *testing.T) {
	err := fs.WalkDir(seed, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(seed, path)
		if strings.Contains(string(text), `"kty"`) || strings.Contains(string(text), "PRIVATE KEY") {
			t.Errorf("%s holds a key", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	one, err := newKeySet(true)
	if err != nil {
		t.Fatal(err)
	}
	two, err := newKeySet(true)
	if err != nil || string(one) == string(two) {
		t.Errorf("two key sets are the same, %v", err)
	}
}
