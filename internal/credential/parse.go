package credential

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"regexp"
	"strings"
	"time"

	"clientkeeper/internal/cimd"
)

// What a caller may send at most, in bytes. Auth0 takes certificates of up to
// 4096 characters.
const (
	maxPEM         = 8 << 10
	maxCertificate = 4 << 10
)

// A material is a public key or certificate that was sent and may be used.
type material struct {
	kind   string // typePublicKey, typeCertificate or typeSubject
	pem    string
	kid    string // of a public key: as given, or its thumbprint
	alg    string // empty: nobody has said
	until  time.Time
	dn     string
	weight string // the thumbprint: the key whatever its kid
}

func weak(detail string) error {
	return invalid("key_weak", detail, "send an RSA key of 2048 to 4096 bits")
}

func unusable(reason, detail string) error {
	return invalid(reason, detail, "send the public half of an RSA key of 2048 to 4096 bits")
}

// refusePrivate refuses what seems to hold a private key. It looks at the text
// as it is, so that no shape hides one.
func refusePrivate(text string) error {
	if strings.Contains(strings.ToUpper(text), "PRIVATE KEY") {
		return invalid("private_key", "that is a private key", "replace it, for it is known to others now; send only the public half of the new one")
	}
	return nil
}

// oneBlock is the only block of a PEM text.
func oneBlock(text string, most int) (*pem.Block, error) {
	if err := refusePrivate(text); err != nil {
		return nil, err
	}
	if len(text) > most {
		return nil, unusable("pem_too_long", "the PEM text is too long for one key")
	}
	if !strings.HasPrefix(strings.TrimSpace(text), "-----BEGIN ") {
		return nil, unusable("pem_invalid", "that is not PEM: it does not begin with -----BEGIN")
	}
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil:
		return nil, unusable("pem_invalid", "the PEM text cannot be read")
	case strings.TrimSpace(string(rest)) != "":
		return nil, unusable("pem_several", "there is more than one PEM block, or text after it")
	case len(block.Headers) > 0:
		return nil, unusable("pem_invalid", "the PEM block has headers")
	}
	return block, nil
}

// parsePublicPEM reads a public key, as SPKI or PKCS #1.
func parsePublicPEM(text string) (material, error) {
	block, err := oneBlock(text, maxPEM)
	if err != nil {
		return material{}, err
	}
	var public any
	switch block.Type {
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		return material{}, invalid("pem_is_certificate", "that is a certificate, not a public key", "send it as certificate, not as pem")
	default:
		return material{}, unusable("pem_invalid", "the PEM block is no public key")
	}
	if err != nil { // x509's errors may quote the input
		return material{}, unusable("pem_invalid", "the public key cannot be read")
	}
	return materialOf(public)
}

// materialOf judges a key.
func materialOf(public any) (material, error) {
	key, isRSA := public.(*rsa.PublicKey)
	if !isRSA {
		return material{}, unusable("key_unsupported", "Auth0 takes RSA keys only")
	}
	if err := judgeRSA(key); err != nil {
		return material{}, err
	}
	text, kid, err := publicPEM(key)
	if err != nil {
		return material{}, err
	}
	return material{kind: typePublicKey, pem: text, kid: kid, weight: kid}, nil
}

// parseCertificate reads an X.509 certificate with an RSA key that is valid
// now, or will be.
func parseCertificate(text string, now time.Time) (material, *x509.Certificate, error) {
	block, err := oneBlock(text, maxCertificate)
	if err != nil {
		return material{}, nil, err
	}
	if block.Type != "CERTIFICATE" {
		return material{}, nil, invalid("certificate_invalid", "the PEM block is no certificate", "send one X.509 certificate as PEM")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return material{}, nil, invalid("certificate_invalid", "the certificate cannot be read", "send one X.509 certificate as PEM")
	}
	if !now.Before(cert.NotAfter) {
		return material{}, nil, invalid("certificate_expired", "the certificate has expired", "send one that is valid")
	}
	m, err := materialOf(cert.PublicKey)
	m.until = cert.NotAfter
	return m, cert, err
}

// parseJWK reads one public key of RFC 7517.
func parseJWK(text []byte) (material, error) {
	text = []byte(strings.TrimSpace(string(text)))
	if err := refusePrivate(string(text)); err != nil {
		return material{}, err
	}
	if len(text) > cimd.MaxKeySet || len(text) == 0 || text[0] != '{' || !json.Valid(text) {
		return material{}, unusable("jwk_invalid", "that is not a JWK")
	}
	keys, err := parseJWKS([]byte(`{"keys":[`+string(text)+`]}`), true)
	if err != nil {
		return material{}, err
	}
	return keys[0], nil
}

// parseJWKS reads a key set. Private and symmetric keys refuse it, whatever else
// there is. A key that Auth0 does not take refuses it if it is to be whole, or
// else is left out.
func parseJWKS(text []byte, whole bool) ([]material, error) {
	if err := refusePrivate(string(text)); err != nil {
		return nil, err
	}
	keys, findings := cimd.CheckKeys(text, cimd.Auth0)
	if err := judgeFindings(findings, whole); err != nil {
		return nil, err
	}
	named := algorithms(text)
	out := make([]material, 0, len(keys))
	kids, weights := map[string]bool{}, map[string]bool{}
	for _, k := range keys {
		m, err := materialOf(k.Public)
		if err != nil {
			return nil, err
		}
		m.kid, m.weight, m.alg = k.ID, k.Fingerprint, k.Algorithm
		if !named {
			m.alg = ""
		}
		switch {
		case !kidText.MatchString(m.kid):
			return nil, invalid("kid_invalid", "a kid is not one that Auth0 takes", "give the key a kid of 10 to 64 letters, digits, _ and -, or none")
		case kids[m.kid] || weights[m.weight]:
			return nil, invalid("kid_duplicate", "a key, or its kid, is there twice", "send each key once, with a kid of its own")
		}
		kids[m.kid], weights[m.weight] = true, true
		out = append(out, m)
	}
	if len(out) == 0 {
		return nil, unusable("key_unsupported", "there is no key that Auth0 takes")
	}
	return out, nil
}

// kidText is what Auth0 takes as a kid.
var kidText = regexp.MustCompile(`^[0-9A-Za-z_-]{10,64}$`)

// judgeFindings turns a judgement into one refusal. The texts name members and
// repeat no values but kids, types and algorithms, cut to a sane length.
func judgeFindings(found cimd.Findings, whole bool) error {
	switch {
	case found.Has("private_key_published"), found.Has("private_key_suspected"):
		return invalid("private_key", "the key has a private member", "replace it, for it is known to others now; send only the public half of the new one")
	case found.Has("symmetric_key_published"):
		return invalid("symmetric_key", "the key is symmetric, which is no public key at all", "replace it, for it is known to others now; send a public RSA key")
	}
	ignored := ""
	for _, f := range found {
		if f.Rule == "key_ignored" || f.Rule == "key_unsupported" {
			ignored = strings.Replace(f.Text, "the key is ignored: ", "", 1)
		}
	}
	switch refused := found.Violations(); {
	case ignored != "" && (whole || len(refused) > 0):
		return unusable("key_unsupported", "a key cannot be used: "+ignored)
	case len(refused) > 0:
		return unusable("jwks_invalid", "that is not a set of public keys: "+refused[0].Text)
	}
	return nil
}

// algorithms reports whether every key of a set names its algorithm: for one
// that does not, RS256 is assumed.
func algorithms(text []byte) bool {
	var set struct {
		Keys []struct {
			Alg string `json:"alg"`
		} `json:"keys"`
	}
	if json.Unmarshal(text, &set) != nil {
		return false
	}
	for _, k := range set.Keys {
		if k.Alg == "" {
			return false
		}
	}
	return true
}
