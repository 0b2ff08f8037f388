package cimd

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"clientkeeper/internal/fault"
)

func TestParseClientID(t *testing.T) {
	long := "https://client.example.com/" + strings.Repeat("c", 93)
	tests := map[string]struct{ in, reason string }{
		"ordinary":                    {"https://client.example.com/oauth/client.json", ""},
		"port":                        {"https://client.example.com:8443/client.json", ""},
		"120 bytes":                   {long, ""},
		"121 bytes":                   {long + "c", "client_id_too_long"},
		"empty":                       {"", "client_id_empty"},
		"http":                        {"http://client.example.com/client.json", "client_id_not_https"},
		"scheme in capitals":          {"Https://client.example.com/client.json", "client_id_scheme_case"},
		"scheme with a stray percent": {"ht%41ps://client.example.com/client.json", "client_id_not_https"},
		"query":                       {"https://client.example.com/client.json?v=1", "client_id_has_query"},
		"empty query":                 {"https://client.example.com/client.json?", "client_id_has_query"},
		"empty fragment":              {"https://client.example.com/client.json#", "client_id_has_fragment"},
		"two fragments":               {"https://client.example.com/client.json#a#b", "client_id_bad_character"},
		"empty user":                  {"https://@client.example.com/client.json", "client_id_has_userinfo"},
		"two users":                   {"https://a@b@client.example.com/client.json", "client_id_bad_host"},
		"bracket in the user":         {"https://a[b@client.example.com/client.json", "client_id_bad_character"},
		"encoded parent":              {"https://client.example.com/%2e%2E/client.json", "client_id_dot_segment"},
		"parent behind encoded slash": {"https://client.example.com/a%2F..%2fb", "client_id_hidden_dot_segment"},
		"only slashes":                {"https://client.example.com///", "client_id_only_slashes"},
		"tab":                         {"https://client.example.com/a\tb", "client_id_has_white_space"},
		"delete":                      {"https://client.example.com/a\x7fb", "client_id_bad_character"},
		"percent at the end":          {"https://client.example.com/a%4", "client_id_bad_percent"},
		"port with sign":              {"https://client.example.com:-1/a", "client_id_bad_port"},
		"port with many zeros":        {"https://client.example.com:000000/a", "client_id_bad_port"},
		"port of six digits":          {"https://client.example.com:100000/a", "client_id_bad_port"},
		"no host, no slashes":         {"https:/client.json", "client_id_bad_host"},
		"label of 64":                 {"https://" + strings.Repeat("a", 64) + ".example.com/a", "client_id_bad_host"},
		"name of 254":                 {"https://" + strings.Repeat("a.", 126) + "com/a", "client_id_too_long"},
		"comma in the host":           {"https://a,b.example.com/a", "client_id_bad_host"},
		"bracket never closed":        {"https://[2606:4700::1/a", "client_id_bad_host"},
		"IPv4 in brackets":            {"https://[8.8.8.8]/a", "client_id_bad_host"},
		"localhost":                   {"https://LocalHost:8443/a", "client_id_loopback_host"},
		"127.0.0.1":                   {"https://127.0.0.1/a", "client_id_loopback_host"},
		"::1":                         {"https://[::1]/a", "client_id_loopback_host"},
		"under localhost":             {"https://app.localhost/a", "client_id_private_host"},
		"mapped public address":       {"https://[::ffff:8.8.8.8]/a", "client_id_private_host"},
		"single label":                {"https://intranet/a", "client_id_private_host"},
		"home network":                {"https://nas.home.arpa/a", "client_id_private_host"},
		"hexadecimal address":         {"https://0X7F000001/a", "client_id_bad_host"},
		"beyond any document":         {"https://client.example.com/" + strings.Repeat("c", MaxDocument), "client_id_too_long"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			id, err := ParseClientID(tt.in)
			if tt.reason == "" {
				if err != nil || id.String() != tt.in {
					t.Fatalf("ParseClientID(%q) = %v, %v", tt.in, id, err)
				}
				return
			}
			e, ok := errors.AsType[*fault.Error](err)
			if !ok || !errors.Is(err, fault.Invalid) || e.Reason != tt.reason || e.Detail == "" || e.Next == "" || id != (ClientID{}) {
				t.Errorf("ParseClientID(%q) = %v, %v; want reason %s", tt.in, id, err, tt.reason)
			}
		})
	}
}

// TestClientIDErrorsAreSafe: what a stranger sends must not flood a log, break
// its lines or put a password into it.
func TestClientIDErrorsAreSafe(t *testing.T) {
	for _, in := range []string{
		"https://admin:hunter2@client.example.com/client.json",
		"https://client.example.com/client.json?token=hunter2",
		"https://client.example.com/client.json#hunter2",
		"https://" + strings.Repeat("\u202e", 5000) + "/hunter2",
		strings.Repeat("x", 100000) + "://hunter2",
		"https://" + strings.Repeat("a,", 5000) + "/hunter2",
		"line\r\nhunter2",
	} {
		_, err := ParseClientID(in)
		if err == nil {
			t.Fatalf("accepted %.60q", in)
		}
		s := err.Error()
		if len(s) > 500 || strings.Contains(s, "hunter2") || strings.ContainsAny(s, "\r\n\u202e") {
			t.Errorf("%.60q leads to %d bytes: %.300q", in, len(s), s)
		}
	}
}

func TestClientIDParts(t *testing.T) {
	tests := map[string]struct{ in, host, origin string }{
		"plain":        {"https://client.example.com/a", "client.example.com", "https://client.example.com"},
		"capitals":     {"https://CLIENT.example.com:8443/A", "client.example.com", "https://client.example.com:8443"},
		"default port": {"https://client.example.com:443/a", "client.example.com", "https://client.example.com"},
		"final dot":    {"https://client.example.com./a", "client.example.com.", "https://client.example.com."},
		"IPv6":         {"https://[2606:4700:4700::1111]:8443/a", "2606:4700:4700::1111", "https://[2606:4700:4700::1111]:8443"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			id, err := ParseClientID(tt.in)
			if err != nil || id.Host() != tt.host || id.Origin() != tt.origin {
				t.Errorf("%q: host %q, origin %q, %v", tt.in, id.Host(), id.Origin(), err)
			}
		})
	}
	if zero := (ClientID{}); zero.Host() != "" || zero.Origin() != "" || zero.String() != "" {
		t.Error("the zero ClientID names something")
	}
}

func TestLookAlikes(t *testing.T) {
	tests := map[string]struct {
		label   string
		suspect bool
	}{
		"ASCII":                     {"client", false},
		"German":                    {"xn--bcher-kva", false},
		"Japanese":                  {"xn--wgv71a119e", false},
		"Russian word":              {"xn--e1afmkfd", false},
		"Cyrillic a among Latin":    {"xn--pple-43d", true},
		"Cyrillic that reads apple": {"xn--80ak6aa92e", true},
		"nothing encoded":           {"xn--abc-", true},
		"cut short":                 {"xn--bcher-kv", true},
		"overflow":                  {"xn--99999999999", true},
		"not Punycode":              {"xn--b_cher", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := lookAlike(tt.label); (got != "") != tt.suspect {
				t.Errorf("lookAlike(%q) = %q", tt.label, got)
			}
		})
	}
	for encoded, want := range map[string]string{"bcher-kva": "bücher", "wgv71a119e": "日本語", "e1afmkfd": "пример", "80ak6aa92e": "аррӏе"} {
		if got, ok := punycode(encoded); !ok || got != want {
			t.Errorf("punycode(%q) = %q, %v", encoded, got, ok)
		}
	}
}

// FuzzParseClientID: what is accepted prints back byte for byte, net/url reads
// the same parts in it, and the draft's book accepts it too.
func FuzzParseClientID(f *testing.F) {
	for _, s := range []string{
		"https://client.example.com/oauth/client.json", "https://client.example.com:8443/a%2Fb", "https://[2606:4700::1]/x",
		"https://xn--bcher-kva.example.com/@a;b=1", "https://a.example/%252e", "https://a.example:/x", "https://a.example/%2e%2e",
		"https://a.example/x?#", "https://u@a.example/x", "https://[::1%25lo]/x", "HTTPS://a.example/x", "https://1.2.3.4.:0443//",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseClientID(s)
		if err != nil {
			if id != (ClientID{}) || !errors.Is(err, fault.Invalid) {
				t.Errorf("%q: %v came with %v", s, err, id)
			}
			return
		}
		if again, err := ParseClientID(id.String()); id.String() != s || err != nil || again != id {
			t.Errorf("%q: not stable: %q, %v, %v", s, id, again, err)
		}
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.String() != s {
			t.Fatalf("%q: net/url reads %+v, %v", s, u, err)
		}
		if !strings.EqualFold(u.Hostname(), id.Host()) || u.Hostname() == "" || len(u.Path) < 2 || len(s) > MaxClientID {
			t.Errorf("%q: host %q and path %q, not %q", s, u.Hostname(), u.Path, id.Host())
		}
		if draft, findings := CheckURL(s, Draft); draft != id {
			t.Errorf("%q: the draft's book refuses what Auth0's accepts: %v", s, findings)
		}
	})
}
