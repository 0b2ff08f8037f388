package apigateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The quotas for issuers ("Quotas for configuring and running an HTTP API"),
// and how long a key may be kept. AWS waits for an issuer for 1.5 s, in which a
// busy laptop may not even have shaken hands.
const (
	issuerTimeout  = 20 * time.Second
	maxJWKS        = 150_000 // bytes
	keysLifetime   = 2 * time.Hour
	keysNotSooner  = 5 * time.Second
	wellKnown      = "/.well-known/openid-configuration"
	unreachable    = "OIDC discovery endpoint communication error"
	unreachableKey = "JWKS communication error"
)

// errUnknownKey is the answer to a kid that the issuer does not have.
var errUnknownKey = errors.New("the token's kid names no key of the issuer")

// issuers know the keys of each issuer, for a while.
type issuers struct {
	client *http.Client
	now    func() time.Time

	mu    sync.Mutex
	known map[string]*issuer
}

type issuer struct {
	mu      sync.Mutex // held while keys are fetched, so that it is done once
	keys    []jose.JSONWebKey
	fetched time.Time
}

func newIssuers(client *http.Client, now func() time.Time) *issuers {
	if client == nil {
		client = &http.Client{}
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error {
		return errors.New("apigateway: an issuer may not redirect")
	}
	return &issuers{client: &own, now: now, known: map[string]*issuer{}}
}

func (s *issuers) of(url string) *issuer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[url] == nil {
		s.known[url] = &issuer{}
	}
	return s.known[url]
}

// keys are the issuer's RSA keys of that kid.
func (s *issuers) keys(ctx context.Context, url, kid string) ([]jose.JSONWebKey, error) {
	i := s.of(url)
	i.mu.Lock()
	defer i.mu.Unlock()
	age := s.now().Sub(i.fetched)
	found := matching(i.keys, kid)
	if i.fetched.IsZero() || age > keysLifetime || len(found) == 0 && age > keysNotSooner {
		keys, err := s.fetch(ctx, url)
		if err != nil {
			return nil, err
		}
		i.keys, i.fetched = keys, s.now()
		found = matching(keys, kid)
	}
	if len(found) == 0 {
		return nil, errUnknownKey
	}
	return found, nil
}

func matching(keys []jose.JSONWebKey, kid string) []jose.JSONWebKey {
	var out []jose.JSONWebKey
	for _, k := range keys {
		if k.KeyID == kid && k.IsPublic() && k.Use != "enc" && isRSA(k) {
			out = append(out, k)
		}
	}
	return out
}

// fetch reads the discovery document, then the keys that it names.
func (s *issuers) fetch(ctx context.Context, issuer string) ([]jose.JSONWebKey, error) {
	var discovery struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
	}
	if err := s.get(ctx, strings.TrimSuffix(issuer, "/")+wellKnown, &discovery); err != nil || discovery.Issuer != issuer {
		return nil, errors.New(unreachable)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := s.get(ctx, discovery.JWKS, &set); err != nil {
		return nil, errors.New(unreachableKey)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if json.Unmarshal(raw, &k) == nil { // others may be of a kind we do not know
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// get reads JSON over HTTPS, briefly and in bounds.
func (s *issuers) get(ctx context.Context, address string, into any) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return errors.New("not an https URL")
	}
	ctx, cancel := context.WithTimeout(ctx, issuerTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxJWKS+1))
	switch {
	case err != nil:
		return err
	case res.StatusCode != http.StatusOK || len(body) > maxJWKS:
		return fmt.Errorf("status %d, %d bytes or more", res.StatusCode, len(body))
	}
	return json.Unmarshal(body, into)
}
