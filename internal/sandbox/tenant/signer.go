package tenant

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	signingKeyBits = 2048
	maxVerified    = 4096
)

// A signer signs access tokens, and knows its own again.
type signer struct {
	public jose.JSONWebKey
	sign   jose.Signer

	mu       sync.Mutex
	verified map[[32]byte]*accessClaims // a signature is checked once
}

// accessClaims are those of the Auth0 access token profile.
type accessClaims struct {
	Issuer    string `json:"iss"`
	Subject   string `json:"sub"`
	Audience  string `json:"aud"`
	IssuedAt  int64  `json:"iat"`
	Expires   int64  `json:"exp"`
	Party     string `json:"azp"`
	GrantType string `json:"gty"`
	Scope     string `json:"scope,omitempty"`
}

func newSigner(key *rsa.PrivateKey) (*signer, error) {
	if key == nil {
		var err error
		if key, err = rsa.GenerateKey(rand.Reader, signingKeyBits); err != nil {
			return nil, fmt.Errorf("tenant: signing key: %w", err)
		}
	}
	kid, err := thumbprint(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	opts := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", kid)
	sign, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, opts)
	if err != nil {
		return nil, fmt.Errorf("tenant: signing key: %w", err)
	}
	return &signer{
		public:   jose.JSONWebKey{Key: &key.PublicKey, KeyID: kid, Algorithm: "RS256", Use: "sig"},
		sign:     sign,
		verified: map[[32]byte]*accessClaims{},
	}, nil
}

// thumbprint is the SHA-256 JWK thumbprint of RFC 7638, base64url.
func thumbprint(key *rsa.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: key}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("tenant: thumbprint: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

func (s *signer) issue(c accessClaims) (string, error) {
	return jwt.Signed(s.sign).Claims(c).Serialize()
}

// verify returns the claims of a token that this signer signed, expired or
// not, or the name of the reply that refuses it.
func (s *signer) verify(token string) (*accessClaims, string) {
	sum := sha256.Sum256([]byte(token))
	s.mu.Lock()
	known := s.verified[sum]
	s.mu.Unlock()
	if known != nil {
		return known, ""
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil || strings.Count(token, ".") != 2 {
		return nil, "invalid_token"
	}
	var claims accessClaims
	if err := parsed.Claims(s.public.Key, &claims); err != nil {
		return nil, "bad_signature"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.verified) >= maxVerified {
		clear(s.verified)
	}
	s.verified[sum] = &claims
	return &claims, ""
}

func (c *accessClaims) expired(now time.Time) bool { return now.Unix() >= c.Expires }
