package auth0

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// What Auth0 accepts (Auth0 docs "Authenticate with Private Key JWT").
const (
	assertionLifetime = time.Minute // recommended; five are the most
	assertionSkew     = 10 * time.Second
	assertionLimit    = 2048 // bytes, the whole JWT
)

var assertionAlgs = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.PS256}

// claims of RFC 7523 section 3. The audience is a string, not a list of one,
// as Auth0's own SDK sends it.
type claims struct {
	Issuer    string `json:"iss"`
	Subject   string `json:"sub"`
	Audience  string `json:"aud"`
	ID        string `json:"jti"`
	IssuedAt  int64  `json:"iat"`
	NotBefore int64  `json:"nbf"`
	Expires   int64  `json:"exp"`
}

// sign makes an assertion that may be used once. It is dated back a little, so
// that a clock of ours that is ahead does no harm.
func sign(cred Credential, issuer string, now time.Time) (secret.Value, error) {
	signer, err := signerOf(cred)
	if err != nil {
		return secret.Value{}, err
	}
	issued := now.Add(-assertionSkew)
	payload, err := json.Marshal(claims{
		Issuer: cred.ClientID, Subject: cred.ClientID, Audience: issuer, ID: uuid.NewString(),
		IssuedAt: issued.Unix(), NotBefore: issued.Unix(), Expires: issued.Add(assertionLifetime).Unix(),
	})
	if err != nil {
		return secret.Value{}, unusable("the assertion cannot be encoded")
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return secret.Value{}, unusable("the private key cannot sign with its algorithm")
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		return secret.Value{}, unusable("the assertion cannot be encoded")
	}
	if len(text) > assertionLimit {
		return secret.Value{}, unusable("the assertion is longer than 2048 bytes: the key, its id or the client id is too long")
	}
	return secret.New(text), nil
}

func signerOf(cred Credential) (jose.Signer, error) {
	alg := or(jose.SignatureAlgorithm(cred.Alg), jose.RS256)
	if !slices.Contains(assertionAlgs, alg) {
		return nil, unusable("the key's algorithm is none of RS256, RS384 and PS256")
	}
	key := rsaKey(cred.PrivateKeyPEM)
	if key == nil || key.N.BitLen() < 2048 || key.N.BitLen() > 4096 {
		return nil, unusable("the private key is not an RSA key of 2048 to 4096 bits in PEM")
	}
	opts := (&jose.SignerOptions{}).WithType("JWT")
	if cred.KeyID != "" {
		opts = opts.WithHeader("kid", cred.KeyID)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	if err != nil {
		return nil, unusable("the private key cannot sign with its algorithm")
	}
	return signer, nil
}

// rsaKey is nil for what is no RSA key. The parser's own complaint is dropped:
// it describes a secret.
func rsaKey(v secret.Value) *rsa.PrivateKey {
	block, _ := pem.Decode([]byte(v.Reveal()))
	if block == nil {
		return nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil
	}
	key, _ := parsed.(*rsa.PrivateKey)
	return key
}

// unusable is a credential with which nothing can be proven. It is read once
// more before anybody hears of it, for it may have been caught half-changed.
func unusable(detail string) error {
	return &fault.Error{Kind: fault.Unauthenticated, Op: opToken, Reason: reasonUnusable, Detail: detail,
		Next: "mend the management secret"}
}
