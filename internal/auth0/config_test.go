package auth0

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

func TestDomains(t *testing.T) {
	for domain, good := range map[string]bool{
		"acme.eu.auth0.com": true, "login.acme.example": true, "localhost:8443": true, "127.0.0.1:8443": true,
		"[::1]:8443": true, "ACME.eu.auth0.com": true,
		"": false, "https://acme.eu.auth0.com": false, "http://acme.eu.auth0.com": false, "acme.eu.auth0.com/": false,
		"acme.eu.auth0.com/api": false, "user@acme.eu.auth0.com": false, "acme.eu.auth0.com?x": false,
		"acme.eu.auth0.com#x": false, " acme.eu.auth0.com": false, "acme.eu.auth0.com\n": false, ":8443": false,
		"acme.eu.auth0.com:": false, "acme:port": false,
	} {
		c, err := New(Config{Domain: domain, Credential: staticCredential})
		if (err == nil) != good {
			t.Errorf("%q: err = %v", domain, err)
			continue
		}
		if good {
			if want := "https://" + strings.ToLower(domain) + "/"; c.issuer() != want || c.audience != want+"api/v2/" {
				t.Errorf("%q: issuer %s, audience %s", domain, c.issuer(), c.audience)
			}
			continue
		}
		if c != nil || !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "AUTH0_DOMAIN") {
			t.Errorf("%q: %v, %v", domain, c, err)
		}
	}
}

func TestEveryMistakeIsReportedAndNoValueRepeated(t *testing.T) {
	_, err := New(Config{Domain: "https://" + canarySecret, RootsPEM: []byte(canarySecret), CallTimeout: -1, Version: "a\nb"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"domain", "extra roots", "credential", "timeout", "version"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing about the %s in: %v", want, err)
		}
	}
	if leaks(err.Error()) != nil {
		t.Errorf("a value is repeated: %v", err)
	}
}

func TestAudienceOfACustomDomain(t *testing.T) {
	const audience = "https://acme.eu.auth0.com/api/v2/"
	c, err := New(Config{Domain: "login.acme.example", Audience: audience, Credential: staticCredential})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.tokenRequest(Credential{ClientID: "mgmt", Secret: secret.New("x")}, c.audience)
	form, _ := url.ParseQuery(string(r.body))
	if err != nil || form.Get("audience") != audience {
		t.Errorf("audience %q, %v", form.Get("audience"), err)
	}
}

func TestHeadersOfEveryRequest(t *testing.T) {
	s := replies(200, `{"client_id":"a"}`)
	c := onLoopback(t, s, func(c *Config) { c.Version = "1.2.3" })
	if _, err := c.Client(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	h := s.seen[0].Header
	if h.Get("User-Agent") != "clientkeeper/1.2.3" || h.Get("Accept") != "application/json" ||
		h.Get("Authorization") != "Bearer "+canaryToken || h.Get("Content-Type") != "" {
		t.Errorf("headers: %v", h)
	}
	text, err := base64.StdEncoding.DecodeString(h.Get("Auth0-Client"))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Name, Version string
		Env           map[string]string
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Name != "clientkeeper" || got.Version != "1.2.3" || got.Env["go"] != runtime.Version() {
		t.Errorf("Auth0-Client = %s", text)
	}
}

// However a client, its parts or its configuration are printed, no secret
// comes out: not the credential's, and not the token that is held.
func TestNothingPrintsASecret(t *testing.T) {
	_, key := newKey(t, 2048)
	cred := Credential{ClientID: "mgmt", Secret: secret.New(canarySecret), PrivateKeyPEM: key}
	c := onLoopback(t, replies(200, `{"client_id":"a"}`))
	if _, err := c.Client(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if c.tokens.held.value.Reveal() != canaryToken {
		t.Fatal("the client holds no token to leak")
	}
	config := Config{Domain: "acme.eu.auth0.com", Credential: staticCredential}
	var out bytes.Buffer
	text, structured := slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))
	for _, v := range []any{cred, &cred, c, &c.tokens.held, c.tokens.held, config, &config, request{authorization: c.tokens.held.value}} {
		fmt.Fprintf(&out, "%v %+v %#v %s %x %q\n", v, v, v, v, v, v)
		text.Info("text", "v", v)
		structured.Info("json", "v", v)
	}
	if found := leaks(out.String()); found != nil {
		t.Errorf("%v came out", found)
	}
}
