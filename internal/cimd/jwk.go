package cimd

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
)

// A curve is one that a key may be on: its algorithm, the length of a
// coordinate, and Go's name for it, or nil where Go has none.
type curve struct {
	alg  string
	size int
	nist elliptic.Curve
}

var ecCurves = map[string]curve{
	"P-256":     {"ES256", 32, elliptic.P256()},
	"P-384":     {"ES384", 48, elliptic.P384()},
	"P-521":     {"ES512", 66, elliptic.P521()},
	"secp256k1": {"ES256K", 32, nil},
}

var okpCurves = map[string]curve{
	"Ed25519": {"EdDSA", ed25519.PublicKeySize, nil},
	"Ed448":   {"EdDSA", 57, nil},
}

// rsaAlgorithms are RFC 7518's; auth0Algorithms are what a credential may have.
var (
	rsaAlgorithms   = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	auth0Algorithms = []string{"RS256", "RS384", "PS256"}
)

// publicKey reads the key material by its type.
func (j *judge) publicKey(at string, jwk object) (Key, bool) {
	k := Key{ID: jwk.text("kid"), Type: jwk.text("kty"), Algorithm: jwk.text("alg")}
	var canonical map[string]string
	var why string
	switch k.Type {
	case "RSA":
		canonical, why = k.readRSA(jwk)
	case "EC":
		canonical, why = k.readEC(jwk)
	case "OKP":
		canonical, why = k.readOKP(jwk)
		if why == "" && canonical == nil {
			return Key{}, false // a key agreement curve
		}
	default:
		j.find(keyAuth0, at, "the kty %s is not RSA", quote(k.Type))
		return Key{}, false
	}
	if why != "" {
		j.find(keyMalformed, at, "the key is ignored: %s", why)
		return Key{}, false
	}
	if k.Public == nil {
		j.find(keyRare, at, "the curve %s is known to few", quote(jwk.text("crv")))
	}
	k.Fingerprint = thumbprint(canonical)
	if k.ID == "" {
		k.ID = k.Fingerprint
	}
	return k, j.book != Auth0 || j.auth0Key(at, &k)
}

// auth0Key reports whether Auth0 makes a credential of the key, and gives it
// the algorithm that Auth0 assumes.
func (j *judge) auth0Key(at string, k *Key) bool {
	pub, ok := k.Public.(*rsa.PublicKey)
	switch {
	case !ok:
		j.find(keyAuth0, at, "the key is ignored: its kty is %s, not RSA", quote(k.Type))
	case pub.N.BitLen() > MaxRSABits:
		j.find(keyAuth0, at, "the key is ignored: it has %d bits, Auth0 takes %d at most", pub.N.BitLen(), MaxRSABits)
	case k.Algorithm == "":
		k.Algorithm = "RS256"
		return true
	case slices.Contains(auth0Algorithms, k.Algorithm):
		return true
	default:
		j.find(keyAuth0, at, "the key is ignored: Auth0 does not take its alg %s", quote(k.Algorithm))
	}
	return false
}

func (k *Key) readRSA(jwk object) (canonical map[string]string, why string) {
	n, ok1 := octets(jwk, "n")
	e, ok2 := octets(jwk, "e")
	if !ok1 || !ok2 {
		return nil, "n or e is missing or not base64url"
	}
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e)
	switch {
	case modulus.BitLen() < MinRSABits:
		return nil, "it has fewer than 2048 bits"
	case modulus.Bit(0) == 0:
		return nil, "its modulus is even"
	case exponent.BitLen() > 31 || exponent.Int64() < 3 || exponent.Bit(0) == 0:
		return nil, "its exponent is even, below 3 or above 31 bits"
	case k.Algorithm != "" && !slices.Contains(rsaAlgorithms, k.Algorithm):
		return nil, "its alg is not one for RSA signatures"
	}
	k.Public = &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}
	return map[string]string{"kty": "RSA", "n": encode(modulus.Bytes()), "e": encode(exponent.Bytes())}, ""
}

func (k *Key) readEC(jwk object) (canonical map[string]string, why string) {
	crv := jwk.text("crv")
	c, known := ecCurves[crv]
	x, ok1 := octets(jwk, "x")
	y, ok2 := octets(jwk, "y")
	switch {
	case !known:
		return nil, "its curve is unknown"
	case !ok1 || !ok2 || len(x) != c.size || len(y) != c.size:
		return nil, "x or y is missing, not base64url, or not of the curve's length"
	case k.Algorithm != "" && k.Algorithm != c.alg:
		return nil, "its alg does not fit its curve"
	}
	if c.nist != nil {
		pub, err := ecdsa.ParseUncompressedPublicKey(c.nist, slices.Concat([]byte{4}, x, y))
		if err != nil {
			return nil, "its point is not on the curve"
		}
		k.Public = pub
	}
	return map[string]string{"kty": "EC", "crv": crv, "x": encode(x), "y": encode(y)}, ""
}

// readOKP returns neither a key nor a reason for a curve that cannot sign.
func (k *Key) readOKP(jwk object) (canonical map[string]string, why string) {
	crv := jwk.text("crv")
	c, known := okpCurves[crv]
	x, ok := octets(jwk, "x")
	switch {
	case crv == "X25519" || crv == "X448":
		return nil, ""
	case !known:
		return nil, "its curve is unknown"
	case !ok || len(x) != c.size:
		return nil, "x is missing, not base64url, or not of the curve's length"
	case k.Algorithm != "" && k.Algorithm != c.alg && k.Algorithm != crv:
		return nil, "its alg does not fit its curve"
	}
	if crv == "Ed25519" {
		k.Public = ed25519.PublicKey(x)
	}
	return map[string]string{"kty": "OKP", "crv": crv, "x": encode(x)}, ""
}

// octets decodes a member of base64url without padding. Go's decoder would skip
// line breaks.
func octets(jwk object, name string) ([]byte, bool) {
	s, ok := stringOf(jwk.values[name])
	if !ok || s == "" {
		return nil, false
	}
	for i := range len(s) {
		if s[i] == '\r' || s[i] == '\n' {
			return nil, false
		}
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	return b, err == nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// thumbprint is RFC 7638's: the required members in the order of their names
// and without white space, which is how encoding/json writes a map.
func thumbprint(members map[string]string) string {
	raw, _ := json.Marshal(members)
	sum := sha256.Sum256(raw)
	return encode(sum[:])
}
