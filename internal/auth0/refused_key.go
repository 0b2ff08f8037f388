package auth0

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"clientkeeper/internal/fault"
)

// poolLimit is how many credentials a client may have (Auth0's Terraform
// provider quotes "A client can have a maximum of 4 credentials").
const poolLimit = 4

// whyRefused looks into a client's pool after a credential was refused. Auth0
// gives a key that is there already and a full pool the status of a bad body and
// no code, and its words are no contract; what the pool holds is plain. Where
// that explains nothing, or may not be read, the refusal stays as it is.
func (c *Client) whyRefused(ctx context.Context, clientID string, n NewCredential, refusal error) error {
	if fault.KindOf(refusal) != fault.Invalid {
		return refusal
	}
	pool, err := c.Credentials(ctx, clientID)
	e := &fault.Error{Kind: fault.Conflict, Op: opCreateCredential, Err: refusal}
	switch print := n.fingerprint(); {
	case err != nil:
		return refusal
	case slices.ContainsFunc(pool, func(cred ClientCredential) bool { return print != "" && print == cred.fingerprint() }):
		e.Reason, e.Detail, e.Next = reasonDuplicateKey, "the client has a credential with this key already", "use that one"
		return e
	case len(pool) >= poolLimit:
		e.Reason, e.Detail, e.Next = reasonPoolFull, "the client has as many credentials as it may have", "delete one that is not enabled"
		return e
	}
	return refusal
}

// fingerprint is what tells a credential's key or certificate from others. It
// is empty where nothing does.
func (cred ClientCredential) fingerprint() string { return or(cred.KeyID, cred.Thumbprint) }

// fingerprint is the same of a credential that is not made yet: the key id that
// was chosen, else what the tenant computes.
func (n NewCredential) fingerprint() string {
	block, _ := pem.Decode([]byte(n.PEM))
	switch {
	case n.KeyID != "":
		return n.KeyID
	case block == nil:
		return ""
	case n.Type == "x509_cert":
		sum := sha256.Sum256(block.Bytes)
		return base64.RawURLEncoding.EncodeToString(sum[:])
	}
	sum, err := (&jose.JSONWebKey{Key: publicKeyIn(block)}).Thumbprint(crypto.SHA256)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// publicKeyIn is nil for what holds none.
func publicKeyIn(block *pem.Block) any {
	if key, err := x509.ParsePKCS1PublicKey(block.Bytes); err == nil {
		return key
	}
	if key, err := x509.ParsePKIXPublicKey(block.Bytes); err == nil {
		return key
	}
	if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
		return cert.PublicKey
	}
	return nil
}
