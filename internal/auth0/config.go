package auth0

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// Config is what [New] needs. Domain and Credential are required.
type Config struct {
	// Domain is the tenant's host, or host:port, never with a scheme: it is
	// always spoken to over HTTPS. It may be a custom domain.
	Domain string

	// Audience is the Management API's identifier. Empty means
	// https://<Domain>/api/v2/. With a custom domain it must be set, because
	// the audience stays that of the canonical domain (Auth0 docs "Custom
	// Domains").
	Audience string

	// Credential is where the management client's credential comes from. It is
	// called for every token that is fetched, so it should keep what it read.
	// With stale it must read again: the tenant has refused the last one, and
	// a rotation may have put another in its place. As long as it then returns
	// another than before and the tenant refuses it, it is called again with
	// stale, fifteen times in all. If it fails with a [fault.Error], that becomes
	// part of the call's error; of any other error only the kind is kept.
	Credential func(ctx context.Context, stale bool) (Credential, error)

	// Share is where the token is shared with other instances; nil means that
	// this client has one of its own.
	Share Share

	// RootsPEM holds certificates that are trusted for this tenant alone, in
	// addition to the system's: the sandbox's, or those of a company whose
	// proxy inspects TLS. Empty means the system's only.
	RootsPEM []byte

	// CallTimeout bounds one attempt of one call. Zero means 20 s: creating a
	// client has been seen to take 11.
	CallTimeout time.Duration

	// TokenTimeout bounds one attempt to get a token. Zero means 10 s.
	TokenTimeout time.Duration

	// MaxWait bounds the time that one call spends waiting between attempts
	// and for the rate limit. What would take longer fails at once, with
	// RetryAfter, so that a message can wait in its queue instead of on the
	// bill. Zero means 5 s; negative means never to wait.
	MaxWait time.Duration

	// Priority is the class of calls whose context names none; see
	// [WithPriority]. The zero Priority is Bulk.
	Priority Priority

	// Reserve is how many requests of the tenant's bucket Bulk calls leave to
	// Urgent ones. Zero means a fifth of the bucket, or 5 where that is more and
	// leaves as much to Bulk calls; negative means none.
	Reserve int

	// Version is this program's, for User-Agent and Auth0-Client. Empty means
	// "dev".
	Version string
}

// A Credential proves who a client is, with a secret or with a key.
type Credential struct {
	ClientID string
	Secret   secret.Value

	// AuthMethod is client_secret_post, client_secret_basic or
	// private_key_jwt, as the client is set. Empty means private_key_jwt if
	// there is a key, else client_secret_post.
	AuthMethod string

	// PrivateKeyPEM is an RSA key of 2048 to 4096 bits, as PKCS #8 or PKCS #1.
	PrivateKeyPEM secret.Value
	// KeyID becomes the assertion's kid. Empty sends none, and Auth0 tries
	// every key that the client has.
	KeyID string
	// Alg must be what the tenant has stored with the key: RS256, RS384 or
	// PS256. Empty means RS256.
	Alg string
}

const (
	defaultCallTimeout  = 20 * time.Second
	defaultTokenTimeout = 10 * time.Second
	defaultMaxWait      = 5 * time.Second
)

// New checks c and makes a Client. It sends nothing. It reports everything
// that is wrong with c at once, as [fault.Invalid], and repeats no value.
func New(c Config) (*Client, error) {
	roots, rootsErr := trusted(c.RootsPEM)
	if err := errors.Join(checkDomain(c.Domain), rootsErr, c.check()); err != nil {
		return nil, err
	}
	domain := strings.ToLower(c.Domain)
	client := &Client{
		domain:       domain,
		audience:     or(c.Audience, "https://"+domain+"/api/v2/"),
		credential:   c.Credential,
		share:        c.Share,
		http:         &http.Client{Transport: transport(roots), CheckRedirect: refuseRedirect},
		api:          newBudget(c.Reserve),
		auth:         newBudget(c.Reserve),
		callTimeout:  or(c.CallTimeout, defaultCallTimeout),
		tokenTimeout: or(c.TokenTimeout, defaultTokenTimeout),
		maxWait:      or(c.MaxWait, defaultMaxWait),
		priority:     c.Priority,
		agent:        "clientkeeper/" + or(c.Version, "dev"),
		telemetry:    telemetry(or(c.Version, "dev")),
	}
	return client, nil
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

func misconfigured(detail, next string) error {
	return &fault.Error{Kind: fault.Invalid, Op: "auth0.config", Detail: detail, Next: next}
}

// checkDomain accepts what net/url reads as an authority and nothing else.
func checkDomain(domain string) error {
	u, err := url.Parse("https://" + domain)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Host != domain || strings.HasSuffix(domain, ":") {
		return misconfigured("the tenant's domain is not a bare host name",
			"set AUTH0_DOMAIN to a host such as acme.eu.auth0.com, without a scheme or a path")
	}
	return nil
}

func (c Config) check() error {
	var errs []error
	if c.Credential == nil {
		errs = append(errs, misconfigured("there is no source for the management credential", ""))
	}
	if c.CallTimeout < 0 || c.TokenTimeout < 0 {
		errs = append(errs, misconfigured("a timeout is negative", ""))
	}
	if strings.ContainsFunc(c.Version, func(r rune) bool { return r <= ' ' || r > '~' }) {
		errs = append(errs, misconfigured("the version is not one printable ASCII word", ""))
	}
	return errors.Join(errs...)
}

// trusted is the system's pool with pem added; nil stands for the system's.
func trusted(pem []byte) (*x509.CertPool, error) {
	if len(pem) == 0 {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, misconfigured("the system's certificates cannot be read", "")
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, misconfigured("there is no certificate in the extra roots",
			"let AUTH0_CA_FILE name a file of PEM certificates")
	}
	return pool, nil
}

func transport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    5 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// refuseRedirect hands the redirect itself back. Following one would carry the
// token, or the secret, to an address that nobody configured.
func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// telemetry is the Auth0-Client header as Auth0's own SDKs send it.
func telemetry(version string) string {
	info := map[string]any{"name": "clientkeeper", "version": version, "env": map[string]string{"go": runtime.Version()}}
	text, err := json.Marshal(info)
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(text)
}
