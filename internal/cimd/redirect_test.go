package cimd

import "testing"

func TestRedirectRules(t *testing.T) {
	tests := map[string]struct {
		uri          string
		native       bool
		draft, auth0 string
	}{
		"loopback IPv6":                    {"http://[::1]:3000/cb", true, "accept", "accept"},
		"loopback of a web application":    {"http://127.0.0.1/cb", false, "warn", "reject"},
		"loopback in mapped form":          {"http://[::ffff:127.0.0.1]/cb", true, "reject", "reject"},
		"loopback with a zone":             {"http://[::1%25lo]/cb", true, "reject", "reject"},
		"loopback by a broken name":        {"http://a..localhost/cb", true, "reject", "reject"},
		"name that begins with localhost":  {"http://localhost.example.com/cb", true, "reject", "reject"},
		"own scheme":                       {"com.example.app:/cb", true, "accept", "reject"},
		"own scheme with two slashes":      {"com.example.app://cb", true, "warn", "reject"},
		"own scheme in capitals":           {"Com.Example.App:/cb", true, "warn", "reject"},
		"scheme of a public suffix":        {"com.app:/cb", true, "warn", "reject"},
		"host and port without a scheme":   {"client.example.com:8443/cb", true, "reject", "reject"},
		"port beyond 65535":                {"https://client.example.com:65536/cb", false, "reject", "reject"},
		"no host":                          {"https:///cb", false, "reject", "reject"},
		"no slashes":                       {"https:client.example.com/cb", false, "reject", "reject"},
		"dot segments":                     {"https://client.example.com/a/../cb", false, "warn", "warn"},
		"private address":                  {"https://10.0.0.1/cb", false, "warn", "warn"},
		"underscore":                       {"https://my_client.example.com/cb", false, "warn", "warn"},
		"asterisk in the query":            {"https://client.example.com/cb?x=*", false, "warn", "reject"},
		"encoded percent and query escape": {"https://client.example.com/a%2Fb?x=%20", false, "accept", "accept"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			changes := map[string]any{"redirect_uris": []string{tt.uri}}
			if tt.native {
				changes["application_type"] = "native"
			}
			for book, want := range map[Rules]string{Draft: tt.draft, Auth0: tt.auth0} {
				if _, findings := CheckDocument(mustID(t, plainID), plain(t, changes), book); findings.Verdict().String() != want {
					t.Errorf("%v: %v, want %s: %v", book, findings.Verdict(), want, findings)
				}
			}
		})
	}
	for host, own := range map[string]bool{"a.example.co.uk": true, "co.uk": false, "other.co.uk": false} {
		if got := ownsScheme("uk.co.example.app", host); got != own {
			t.Errorf("uk.co.example.app belongs to %s: %v", host, got)
		}
	}
}
