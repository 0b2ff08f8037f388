package rotation

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"

	"github.com/go-jose/go-jose/v4"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// withNewKey is c with a new key for its credential.
func (w *work) withNewKey(c clientsecret.ClientSecret) (clientsecret.ClientSecret, error) {
	key, err := w.newKey(w.settings.KeySize)
	if err != nil {
		return c, &fault.Error{Kind: fault.Internal, Op: "rotation.key", Reason: "no_key", Detail: "a key could not be generated"}
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return c, &fault.Error{Kind: fault.Internal, Op: "rotation.key", Reason: "no_key", Detail: "a key could not be encoded"}
	}
	kid, err := thumbprint(&key.PublicKey)
	if err != nil {
		return c, err
	}
	c.PrivateKeyPEM = secret.New(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	c.AuthMethod, c.KeyID, c.Alg, c.ClientSecret = KindKey, kid, w.settings.Alg, secret.Value{}
	return c, nil
}

// thumbprint is the key's id by RFC 7638, which the tenant would choose too.
func thumbprint(key *rsa.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: key}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", &fault.Error{Kind: fault.Internal, Op: "rotation.key", Reason: "no_key", Detail: "a key has no thumbprint"}
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// publicHalf is the public key of a stored private one, as SPKI in PEM, and its
// thumbprint.
func publicHalf(c clientsecret.ClientSecret) (text, kid string, err error) {
	bad := &fault.Error{Kind: fault.Invalid, Op: "rotation.key", Reason: "bad_key",
		Detail: "the stored private_key_pem is no RSA key", Next: "rotate again, which makes a new one"}
	block, _ := pem.Decode([]byte(c.PrivateKeyPEM.Reveal()))
	if block == nil {
		return "", "", bad
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	key, isRSA := parsed.(*rsa.PrivateKey)
	if err != nil || !isRSA {
		return "", "", bad
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return "", "", bad
	}
	if kid, err = thumbprint(&key.PublicKey); err != nil {
		return "", "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), kid, nil
}

// keyID is the kid of a stored key: as stored, or computed where somebody
// stored the key without it. Empty for a shared secret and for no key.
func keyID(s stored) string {
	if !s.present || s.bad != nil || kindOf(s.value) != KindKey {
		return ""
	}
	if s.value.KeyID != "" {
		return s.value.KeyID
	}
	_, kid, _ := publicHalf(s.value)
	return kid
}
