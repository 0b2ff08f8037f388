package credential

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"clientkeeper/internal/fault"
)

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// odd is an RSA key with parts of one's choice.
func odd(n *big.Int, e int) *rsa.PublicKey { return &rsa.PublicKey{N: n, E: e} }

func bits(n uint) *big.Int {
	out := new(big.Int).Lsh(big.NewInt(1), n-1)
	return out.Add(out, big.NewInt(1))
}

// nextRough is the next number above n without a factor below 1000.
func nextRough(n *big.Int) *big.Int {
	out := new(big.Int).Set(n)
	for {
		out.Add(out, big.NewInt(1))
		if new(big.Int).GCD(nil, nil, out, smallPrimes).Cmp(big.NewInt(1)) == 0 {
			return out
		}
	}
}

func certificate(t testing.TB, from, to time.Time, key any) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "orders"}, NotBefore: from, NotAfter: to}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key, own()[0]))(t)
	return block("CERTIFICATE", der)
}

func TestPublicKeysAsPEM(t *testing.T) {
	good := public(t, 0)
	pkcs8 := block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(own()[0]))(t))
	curve := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	edwards, _, _ := ed25519.GenerateKey(rand.Reader)
	product := new(big.Int).Mul(bits(2040), big.NewInt(997))
	mersenne := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 2203), big.NewInt(1)) // the sixteenth Mersenne prime
	rough := nextRough(bits(1100))
	for name, test := range map[string]struct{ text, reason string }{
		"SPKI":                        {good, ""},
		"PKCS #1":                     {block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&own()[0].PublicKey)), ""},
		"white space around it":       {"\n  \r\n" + good + "\n\n", ""},
		"a private key, PKCS #8":      {pkcs8, "private_key"},
		"a private key, PKCS #1":      {block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(own()[0])), "private_key"},
		"a private key, encrypted":    {block("ENCRYPTED PRIVATE KEY", []byte{1}), "private_key"},
		"a private key, of OpenSSH":   {block("OPENSSH PRIVATE KEY", []byte{1}), "private_key"},
		"a private key behind it":     {good + pkcs8, "private_key"},
		"a private key before it":     {pkcs8 + good, "private_key"},
		"a private key in small":      {strings.ToLower(pkcs8), "private_key"},
		"a private key called public": {strings.ReplaceAll(pkcs8, "PRIVATE", "PUBLIC"), "pem_invalid"},
		"PKCS #12":                    {block("PKCS12", []byte{0x30, 0x82}), "pem_invalid"},
		"PKCS #12 as base64":          {base64.StdEncoding.EncodeToString([]byte{0x30, 0x82}), "pem_invalid"},
		"two keys":                    {good + public(t, 1), "pem_several"},
		"text behind it":              {good + "hello", "pem_several"},
		"text before it":              {"hello\n" + good, "pem_invalid"},
		"headers":                     {strings.Replace(good, "KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\n\n", 1), "pem_invalid"},
		"a certificate":               {certificate(t, time.Now(), time.Now().Add(time.Hour), &own()[0].PublicKey), "pem_is_certificate"},
		"a certificate request":       {block("CERTIFICATE REQUEST", []byte{1}), "pem_invalid"},
		"512 bits":                    {spki(t, odd(bits(512), 65537)), "key_weak"},
		"2047 bits":                   {spki(t, odd(bits(2047), 65537)), "key_weak"},
		"4097 bits":                   {spki(t, odd(bits(4097), 65537)), "key_unsupported"},
		"8192 bits":                   {spki(t, odd(bits(8192), 65537)), "key_unsupported"},
		"so many bits":                {spki(t, odd(bits(80000), 65537)), "pem_too_long"},
		"exponent 1":                  {spki(t, odd(own()[0].N, 1)), "key_weak"},
		"exponent 2":                  {spki(t, odd(own()[0].N, 2)), "key_weak"},
		"a huge exponent":             {spki(t, odd(own()[0].N, 1<<40+1)), "key_weak"},
		"an even modulus":             {spki(t, odd(new(big.Int).Add(own()[0].N, big.NewInt(1)), 65537)), "key_weak"},
		"a modulus with a factor":     {spki(t, odd(product, 65537)), "key_weak"},
		"a modulus that is a prime":   {spki(t, odd(mersenne, 65537)), "key_weak"},
		"a modulus that is a square":  {spki(t, odd(new(big.Int).Mul(rough, rough), 65537)), "key_weak"},
		"two primes side by side":     {spki(t, odd(new(big.Int).Mul(rough, nextRough(rough)), 65537)), "key_weak"},
		"an elliptic curve":           {spki(t, &curve.PublicKey), "key_unsupported"},
		"Ed25519":                     {spki(t, edwards), "key_unsupported"},
		"nonsense in it":              {block("PUBLIC KEY", []byte("nonsense")), "pem_invalid"},
		"nothing in it":               {block("PUBLIC KEY", nil), "pem_invalid"},
		"cut off":                     {good[:len(good)/2], "pem_invalid"},
		"not PEM":                     {"a key", "pem_invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := parsePublicPEM(test.text)
			outcome(t, err, test.reason)
			if e, ok := errors.AsType[*fault.Error](err); test.reason == "pem_is_certificate" && (!ok || e.Next != "send it as certificate, not as pem") {
				t.Errorf("the next action does not help: %v", err)
			}
			if err == nil && (m.pem != good || len(m.kid) != 43) {
				t.Errorf("%+v", m)
			}
		})
	}
}

// outcome wants success, or a refusal with a reason that repeats nothing.
func outcome(t *testing.T, err error, reason string) {
	t.Helper()
	switch {
	case reason == "" && err != nil:
		t.Error(err)
	case reason != "" && (err == nil || fault.Reason(err) != reason || fault.KindOf(err) != fault.Invalid):
		t.Errorf("%v, want %s", err, reason)
	case err != nil && (strings.Contains(err.Error(), "MII") || len(err.Error()) > 500):
		t.Errorf("the error repeats what was sent: %v", err)
	}
}

func TestKeySets(t *testing.T) {
	good := jwk(t, 0, "a-good-key-id")
	private := string(must(jose.JSONWebKey{Key: own()[0]}.MarshalJSON())(t))
	curve := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	ec := string(must(jose.JSONWebKey{Key: &curve.PublicKey}.MarshalJSON())(t))
	small := `{"kty":"RSA","e":"AQAB","n":"` + base64.RawURLEncoding.EncodeToString(bits(512).Bytes()) + `"}`
	with := func(member string) string { return strings.TrimSuffix(good, "}") + "," + member + "}" }
	for name, test := range map[string]struct {
		key    string
		reason string // of a JWK; empty: it is taken
	}{
		"a public key":          {good, ""},
		"without a kid":         {jwk(t, 0, ""), ""},
		"for signatures":        {with(`"use":"sig"`), ""},
		"to verify":             {with(`"key_ops":["verify"]`), ""},
		"PS256":                 {with(`"alg":"PS256"`), ""},
		"a private key":         {private, "private_key"},
		"only d":                {with(`"d":"AQ"`), "private_key"},
		"d is null":             {with(`"d":null`), "private_key"},
		"only p":                {with(`"p":"AQ"`), "private_key"},
		"only qi":               {with(`"qi":""`), "private_key"},
		"other primes":          {with(`"oth":[]`), "private_key"},
		"d by an escape":        {with(`"\u0064":"AQ"`), "private_key"},
		"a PEM in it":           {with(`"x":"-----BEGIN PRIVATE KEY-----"`), "private_key"},
		"symmetric":             {`{"kty":"oct","k":"AQ"}`, "symmetric_key"},
		"k in it":               {with(`"k":"AQ"`), "symmetric_key"},
		"an elliptic curve":     {ec, "key_unsupported"},
		"512 bits":              {small, "key_unsupported"},
		"a huge exponent":       {strings.Replace(good, `"e":"AQAB"`, `"e":"AQAAAAAB"`, 1), "key_unsupported"},
		"an even exponent":      {strings.Replace(good, `"e":"AQAB"`, `"e":"AQAA"`, 1), "key_unsupported"},
		"no modulus":            {`{"kty":"RSA","e":"AQAB"}`, "key_unsupported"},
		"for encryption":        {with(`"use":"enc"`), "jwks_invalid"},
		"alg none":              {with(`"alg":"none"`), "jwks_invalid"},
		"alg HS256":             {with(`"alg":"HS256"`), "jwks_invalid"},
		"alg RS512":             {with(`"alg":"RS512"`), "key_unsupported"},
		"a short kid":           {jwk(t, 0, "short"), "kid_invalid"},
		"a kid with spaces":     {jwk(t, 0, "a kid with spaces"), "kid_invalid"},
		"a kid that is a path":  {jwk(t, 0, "../../../etc/passwd"), "kid_invalid"},
		"kty twice":             {with(`"kty":"RSA"`), "jwks_invalid"},
		"a set":                 {`{"keys":[` + good + `]}`, "key_unsupported"},
		"two in a row":          {good + "," + good, "jwk_invalid"},
		"out of the brackets":   {good + `]},{"keys":[` + good, "jwk_invalid"},
		"an array":              {"[" + good + "]", "jwk_invalid"},
		"a string":              {`"key"`, "jwk_invalid"},
		"nothing":               {"", "jwk_invalid"},
		"too long":              {strings.TrimSuffix(good, "}") + `,"x":"` + strings.Repeat("a", 13000) + `"}`, "jwk_invalid"},
		"too deep":              {strings.TrimSuffix(good, "}") + `,"x":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + "}", "jwks_invalid"},
		"not UTF-8":             {strings.Replace(good, "a-good-key-id", "a-good-key\xff", 1), "jwks_invalid"},
		"a byte order mark":     {"\ufeff" + good, "jwk_invalid"},
		"another member's case": {strings.Replace(good, `"n"`, `"N"`, 1), "key_unsupported"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := parseJWK([]byte(test.key))
			outcome(t, err, test.reason)
			if err == nil && (m.pem != public(t, 0) || m.kid == "") {
				t.Errorf("%+v", m)
			}
		})
	}
	for name, test := range map[string]struct {
		set    string
		whole  bool
		reason string
		want   int
	}{
		"two keys":                     {good + "," + jwk(t, 1, "another-key-id"), true, "", 2},
		"a kid twice":                  {good + "," + jwk(t, 1, "a-good-key-id"), true, "kid_duplicate", 0},
		"a key twice":                  {good + "," + jwk(t, 0, "another-key-id"), true, "kid_duplicate", 0},
		"a curve among them":           {good + "," + ec, true, "key_unsupported", 0},
		"a curve among those of a URI": {good + "," + ec, false, "", 1},
		"a private one among them":     {good + "," + private, false, "private_key", 0},
		"a symmetric one among them":   {good + `,{"kty":"oct","k":"AQ"}`, false, "symmetric_key", 0},
		"only a curve, of a URI":       {ec, false, "key_unsupported", 0},
		"none":                         {"", true, "jwks_invalid", 0},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := parseJWKS([]byte(`{"keys":[`+test.set+`]}`), test.whole)
			outcome(t, err, test.reason)
			if len(keys) != test.want {
				t.Errorf("%d keys, want %d", len(keys), test.want)
			}
		})
	}
}

func TestCertificates(t *testing.T) {
	now := time.Now()
	curve := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	good := certificate(t, now.Add(-time.Hour), now.Add(time.Hour), &own()[0].PublicKey)
	for name, test := range map[string]struct{ text, reason string }{
		"valid":              {good, ""},
		"valid from later":   {certificate(t, now.Add(time.Hour), now.Add(2*time.Hour), &own()[0].PublicKey), ""},
		"expired":            {certificate(t, now.Add(-2*time.Hour), now.Add(-time.Hour), &own()[0].PublicKey), "certificate_expired"},
		"a chain":            {good + good, "pem_several"},
		"with its key":       {good + block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(own()[0]))(t)), "private_key"},
		"a public key":       {public(t, 0), "certificate_invalid"},
		"nonsense":           {block("CERTIFICATE", []byte("nonsense")), "certificate_invalid"},
		"an elliptic curve":  {certificate(t, now, now.Add(time.Hour), &curve.PublicKey), "key_unsupported"},
		"a weak key":         {certificate(t, now, now.Add(time.Hour), odd(bits(1024), 65537)), "key_weak"},
		"too long":           {block("CERTIFICATE", make([]byte, 5000)), "pem_too_long"},
		"trusted, of a tool": {block("TRUSTED CERTIFICATE", []byte{1}), "certificate_invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			m, _, err := parseCertificate(test.text, now)
			outcome(t, err, test.reason)
			if err == nil && m.until.Before(now) {
				t.Errorf("%+v", m)
			}
		})
	}
}
