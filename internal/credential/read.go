package credential

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"clientkeeper/internal/fault"
)

// The shortest and the longest life of a credential.
const (
	minLife = time.Minute
	maxLife = maxSpan
)

// materials checks a request and reads what it sends. None: a key is to be made.
func (s *Service) materials(ctx context.Context, n *NewCredential) ([]material, error) {
	n.Use, n.KeySize = cmp.Or(n.Use, PrivateKeyJWT), cmp.Or(n.KeySize, 2048)
	sent := 0
	for _, given := range []bool{n.PEM != "", len(n.JWK) > 0, len(n.JWKS) > 0, n.JWKSURI != "", n.Certificate != "", n.SubjectDN != ""} {
		if given {
			sent++
		}
	}
	wrong := func(detail string) ([]material, error) {
		return nil, invalid("invalid_credential", detail, "correct it, and send the request with a new key")
	}
	switch {
	case sent > 1:
		return wrong("give one of pem, jwk, jwks, jwks_uri, certificate and subject_dn")
	case !printable(n.Name) || len([]rune(n.Name)) > 90 || strings.HasPrefix(strings.TrimSpace(n.Name), strings.TrimSpace(managedPrefix)):
		return wrong("the name may have 90 printable characters, and may not begin with clientkeeper")
	case n.ExpiresIn != 0 && (n.ExpiresIn < minLife || n.ExpiresIn > maxLife):
		return wrong("expires_in is between a minute and ten years")
	case n.Alg != "" && !slices.Contains([]string{"RS256", "RS384", "PS256"}, n.Alg):
		return wrong("alg is RS256, RS384 or PS256")
	case !slices.Contains([]int{2048, 3072, 4096}, n.KeySize):
		return wrong("key_size is 2048, 3072 or 4096")
	case n.Use != PrivateKeyJWT && n.Use != SelfSignedTLS && n.Use != TLS:
		return wrong("use is private_key_jwt, self_signed_tls_client_auth or tls_client_auth")
	case n.Use != PrivateKeyJWT && (n.ExpiresIn != 0 || n.Alg != ""):
		return wrong("expires_in and alg are for private_key_jwt: a certificate says for itself until when it is valid")
	case n.SubjectDN != "" && n.Use != TLS, n.Use == SelfSignedTLS && n.Certificate == "", n.Use == TLS && n.Certificate == "" && n.SubjectDN == "":
		return wrong("self_signed_tls_client_auth needs a certificate, tls_client_auth a certificate or a subject_dn")
	case n.Use == TLS && n.Certificate == "" && !wellFormedDN(n.SubjectDN):
		return wrong("the subject_dn is 3 to 256 printable characters, such as CN=orders,O=Example")
	}
	if sent == 0 {
		n.Alg = cmp.Or(n.Alg, "RS256")
		return nil, nil
	}
	return s.read(ctx, n)
}

func wellFormedDN(dn string) bool {
	return len(dn) >= 3 && len(dn) <= 256 && printable(dn) && strings.Contains(dn, "=")
}

// read reads what was sent.
func (s *Service) read(ctx context.Context, n *NewCredential) (keys []material, err error) {
	one := func(m material, err error) ([]material, error) { return []material{m}, err }
	switch {
	case n.PEM != "":
		keys, err = one(parsePublicPEM(n.PEM))
	case len(n.JWK) > 0:
		keys, err = one(parseJWK(n.JWK))
	case len(n.JWKS) > 0:
		keys, err = parseJWKS(n.JWKS, true)
	case n.JWKSURI != "":
		keys, err = s.fetch(ctx, n.JWKSURI)
	case n.SubjectDN != "":
		return []material{{kind: typeSubject, dn: n.SubjectDN}}, nil
	default:
		return s.certificate(n)
	}
	if err == nil && len(keys) > maxPooled {
		err = invalid("too_many_keys", fmt.Sprintf("there are %d keys, and a client may have four credentials", len(keys)), "send those that are needed")
	}
	if err != nil {
		return nil, err
	}
	return s.finish(keys, n)
}

// finish gives keys their algorithm and their expiry.
func (s *Service) finish(keys []material, n *NewCredential) ([]material, error) {
	for i := range keys {
		k := &keys[i]
		if k.alg != "" && n.Alg != "" && k.alg != n.Alg {
			return nil, invalid("alg_mismatch", "the key names another alg than the request", "name one of them")
		}
		k.alg = cmp.Or(k.alg, n.Alg, "RS256")
		if n.ExpiresIn > 0 {
			at := s.now().Add(n.ExpiresIn).UTC().Truncate(time.Millisecond)
			if k.until.IsZero() || at.Before(k.until) {
				k.until = at
			}
		}
	}
	return keys, nil
}

// certificate reads a certificate for the use that it is sent for.
func (s *Service) certificate(n *NewCredential) ([]material, error) {
	m, _, err := parseCertificate(n.Certificate, s.now())
	if err != nil {
		return nil, err
	}
	if n.Use == PrivateKeyJWT { // its key, for as long as the certificate is valid
		return s.finish([]material{m}, n)
	}
	out := material{kind: typeCertificate, pem: n.Certificate}
	if n.Use == TLS {
		out.kind = typeSubject
	}
	return []material{out}, nil
}

// fetch reads a JWKS URI once. Only hosts that are allowed are asked.
func (s *Service) fetch(ctx context.Context, uri string) ([]material, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" || !printable(uri) || len(uri) > 2048 {
		return nil, invalid("jwks_uri_invalid", "the jwks_uri is no https URL, or has a user or a fragment", "send the URL of a key set")
	}
	if s.Fetch == nil || s.Hosts == nil || !s.Hosts(u.Host) {
		return nil, &fault.Error{Kind: fault.Denied, Op: "credential.fetch", Reason: "host_not_allowed",
			Detail: "the host of the jwks_uri is not one that may be asked", Next: "add the host to ALLOWED_HOSTS, or send the keys themselves"}
	}
	body, err := s.Fetch(ctx, uri)
	switch {
	case err != nil && fault.KindOf(err).Transient():
		return nil, &fault.Error{Kind: fault.Unavailable, Op: "credential.fetch", Reason: "jwks_uri_unreachable", Err: err,
			Detail: "the jwks_uri could not be read", Next: "see that it answers, and repeat the request with the same key"}
	case err != nil:
		return nil, &fault.Error{Kind: fault.Invalid, Op: "credential.fetch", Reason: "jwks_uri_refused", Err: err,
			Detail: "the jwks_uri is not one that is read", Next: "publish the keys at a public https URL that answers 200 without a redirect, or send them"}
	}
	return parseJWKS(body, false)
}
