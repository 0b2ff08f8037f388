package credential

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"

	"github.com/go-jose/go-jose/v4"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// The types of a credential at the tenant.
const (
	typePublicKey   = "public_key"
	typeCertificate = "x509_cert"
	typeSubject     = "cert_subject_dn"
)

func internal(detail string) error {
	return &fault.Error{Kind: fault.Internal, Op: "credential", Detail: detail}
}

// makeKey makes an RSA key and its names.
func (s *Service) makeKey(bits int) (Key, error) {
	make := s.NewKey
	if make == nil {
		make = func(bits int) (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, bits) }
	}
	key, err := make(bits)
	if err != nil {
		return Key{}, internal("a key could not be generated")
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Key{}, internal("a key could not be encoded")
	}
	public, kid, err := publicPEM(&key.PublicKey)
	if err != nil {
		return Key{}, err
	}
	private := secret.New(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	return Key{Private: private, PublicPEM: public, KeyID: kid}, nil
}

// publicPEM is a public key as SPKI, and its RFC 7638 thumbprint.
func publicPEM(key *rsa.PublicKey) (text, kid string, err error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", "", internal("a public key could not be encoded")
	}
	sum, err := (&jose.JSONWebKey{Key: key}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", "", internal("a key has no thumbprint")
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), base64.RawURLEncoding.EncodeToString(sum), nil
}

// publicHalf is the public key of a private one that was made here.
func publicHalf(private secret.Value) (string, error) {
	block, _ := pem.Decode([]byte(private.Reveal()))
	if block == nil {
		return "", internal("the stored key is no PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, isRSA := parsed.(*rsa.PrivateKey)
	if err != nil || !isRSA {
		return "", internal("the stored key is no RSA key")
	}
	text, _, err := publicPEM(&key.PublicKey)
	return text, err
}

// parseOwn reads a value that this package has stored, also where its owner has
// given the members names since. Until its client is there it has no client_id,
// without which it is no client's secret to others.
func parseOwn(v secret.Value) (clientsecret.ClientSecret, error) {
	if whole, err := clientsecret.Parse(v); err == nil {
		return whole, nil
	}
	var in struct {
		ClientID      string       `json:"client_id"`
		ClientSecret  secret.Value `json:"client_secret"`
		TokenEndpoint string       `json:"token_endpoint"`
		Issuer        string       `json:"issuer"`
		AuthMethod    string       `json:"token_endpoint_auth_method"`
		PrivateKeyPEM secret.Value `json:"private_key_pem"`
		KeyID         string       `json:"kid"`
		Alg           string       `json:"alg"`
	}
	if json.Unmarshal([]byte(v.Reveal()), &in) != nil || in.ClientSecret.IsZero() && in.PrivateKeyPEM.IsZero() {
		return clientsecret.ClientSecret{}, secretChanged()
	}
	return clientsecret.ClientSecret{ClientID: in.ClientID, ClientSecret: in.ClientSecret, TokenEndpoint: in.TokenEndpoint, Issuer: in.Issuer,
		AuthMethod: in.AuthMethod, PrivateKeyPEM: in.PrivateKeyPEM, KeyID: in.KeyID, Alg: in.Alg}, nil
}

func secretChanged() error {
	return conflict("secret_changed", "the secret of this request does not hold what was stored there",
		"see who changed it, and send the request with another key")
}

// randomSecret is 48 random bytes in 64 characters that need no escape.
func randomSecret() secret.Value {
	b := make([]byte, 48)
	_, _ = rand.Read(b) // never fails
	return secret.New(base64.RawURLEncoding.EncodeToString(b))
}

// managedPrefix begins the names of credentials that rotation may replace.
const managedPrefix = "clientkeeper "

// managedName is what rotation would call the key.
func managedName(kid string) string { return managedPrefix + kid[:min(len(kid), 16)] }
