package tenant

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	minKeyBits  = 2048
	maxKeyBits  = 4096
	timestamps  = "2006-01-02T15:04:05.000Z"
	defaultAlg  = "RS256"
	publicKey   = "public_key"
	subjectDN   = "cert_subject_dn"
	certificate = "x509_cert"
)

// slotTypes are the types of credentials that an authentication method takes.
var slotTypes = map[string]string{
	"private_key_jwt": publicKey, "tls_client_auth": subjectDN, "self_signed_tls_client_auth": certificate,
}

// A credential is a public key, a certificate or the name in one. It is also
// its record on the wire, which never has the PEM. Whether it is enabled is
// the client's business, not its own.
type credential struct {
	ID         string `json:"id"`
	Name       string `json:"name,omitempty"`
	KeyID      string `json:"kid,omitempty"`
	Type       string `json:"credential_type"`
	Alg        string `json:"alg,omitempty"`
	SubjectDN  string `json:"subject_dn,omitempty"`
	Thumbprint string `json:"thumbprint_sha256,omitempty"`
	Created    string `json:"created_at"`
	Updated    string `json:"updated_at"`
	Expires    string `json:"expires_at,omitempty"`

	key      *rsa.PublicKey // of a public_key
	material string         // the key's thumbprint, whatever kid was chosen
}

// sameKey reports whether both are of one key or certificate.
func (c *credential) sameKey(o *credential) bool { return c.material != "" && c.material == o.material }

// hasPassed reports whether a date in a body is one that a credential cannot
// expire at any more.
func (t *Tenant) hasPassed(date string) bool {
	at, err := time.Parse(time.RFC3339, date)
	return err == nil && !at.After(t.opts.Now()) && !t.opts.Quirks.PastExpiry
}

func (c *credential) expired(now time.Time) bool {
	at, err := time.Parse(time.RFC3339, c.Expires)
	return err == nil && !now.Before(at)
}

// newCredential makes a record of a body that passed the schema. The name of
// the refusing reply is empty if there is none.
func (t *Tenant) newCredential(body map[string]any) (*credential, answer, bool) {
	field := func(name string) string { s, _ := body[name].(string); return s }
	now := t.opts.Now().UTC().Format(timestamps)
	cred := &credential{
		ID: credentialPrefix + newID(credentialPrefix), Name: field("name"), Type: field("credential_type"),
		Created: now, Updated: now, Expires: inUTC(field("expires_at")), SubjectDN: field("subject_dn"),
	}
	parse, _ := body["parse_expiry_from_cert"].(bool)
	switch misplaced := misplaced(body); {
	case misplaced != "":
		return nil, t.refuse("payload", complain(misplaced, "Not allowed for credential_type %s", cred.Type)), false
	case cred.Type == subjectDN && (cred.SubjectDN == "") == (field("pem") == ""):
		return nil, t.refuse("payload", "'Exactly one of pem and subject_dn must be set'"), false
	case cred.Type == subjectDN && cred.SubjectDN != "":
		return cred, answer{}, true
	case parse && cred.Expires != "":
		return nil, t.refuse("expiry_conflict"), false
	case t.hasPassed(cred.Expires):
		return nil, t.refuse("expiry_past"), false
	}
	if err := cred.read(field("pem"), field("alg"), field("kid"), parse); err != nil {
		return nil, t.refuse("key_invalid", err.Error()), false
	}
	return cred, answer{}, true
}

// misplaced is a property that the type of the credential does not have.
func misplaced(body map[string]any) string {
	others := []string{"alg", "expires_at", "kid", "parse_expiry_from_cert"}
	switch body["credential_type"] {
	case publicKey:
		others = []string{"subject_dn"}
	case certificate:
		others = append(others, "subject_dn")
	}
	for _, name := range others {
		if v := body[name]; v != nil && v != false {
			return name
		}
	}
	return ""
}

// read fills in what the PEM says.
func (c *credential) read(text, alg, kid string, parseExpiry bool) error {
	key, cert, err := readPEM(text)
	switch {
	case err != nil:
		return err
	case c.Type != publicKey && cert == nil, parseExpiry && cert == nil:
		return errors.New("not a certificate")
	case c.Type == subjectDN:
		c.SubjectDN = subjectOf(cert)
		return nil
	case c.Type == certificate:
		sum := sha256.Sum256(cert.Raw)
		c.Thumbprint = base64.RawURLEncoding.EncodeToString(sum[:])
		c.material = c.Thumbprint
		c.Expires = cert.NotAfter.UTC().Format(timestamps)
		return nil
	case parseExpiry:
		c.Expires = cert.NotAfter.UTC().Format(timestamps)
	}
	return c.setKey(key, alg, kid)
}

// subjectOf is the name in a certificate as it was recorded: one relative name
// per line, in the order of the certificate.
func subjectOf(cert *x509.Certificate) string {
	var lines []string
	for _, name := range cert.Subject.Names {
		one := pkix.RDNSequence{{name}}
		lines = append(lines, one.String())
	}
	return strings.Join(lines, "\n")
}

// setKey makes the credential one of type public_key.
func (c *credential) setKey(key *rsa.PublicKey, alg, kid string) error {
	if bits := key.N.BitLen(); bits < minKeyBits || bits > maxKeyBits {
		return fmt.Errorf("RSA keys must have %d to %d bits", minKeyBits, maxKeyBits)
	}
	material, err := thumbprint(key)
	if err != nil {
		return err
	}
	c.Type, c.key, c.material, c.Alg, c.KeyID = publicKey, key, material, alg, kid
	if alg == "" {
		c.Alg = defaultAlg
	}
	if kid == "" {
		c.KeyID = material
	}
	return nil
}

// readPEM reads an SPKI or PKCS#1 public key, or a certificate with its key.
func readPEM(text string) (*rsa.PublicKey, *x509.Certificate, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, nil, errors.New("no PEM block")
	}
	var public any
	var cert *x509.Certificate
	var err error
	switch block.Type {
	case "CERTIFICATE":
		if cert, err = x509.ParseCertificate(block.Bytes); err == nil {
			public = cert.PublicKey
		}
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	default:
		err = errors.New("neither a public key nor a certificate")
	}
	if err != nil {
		return nil, nil, errors.New("cannot be read") // x509 errors may quote the input
	}
	key, isRSA := public.(*rsa.PublicKey)
	if !isRSA {
		return nil, nil, errors.New("not an RSA key")
	}
	return key, cert, nil
}

// inUTC is a date as Auth0 stores it: UTC, cut to milliseconds.
func inUTC(date string) string {
	at, err := time.Parse(time.RFC3339, date)
	if err != nil {
		return ""
	}
	return at.UTC().Truncate(time.Millisecond).Format(timestamps)
}
