package cimd

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func jwkOf(t testing.TB, key any) map[string]any {
	t.Helper()
	raw, err := jose.JSONWebKey{Key: key}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// with is a copy of a JWK with more members.
func with(jwk map[string]any, more map[string]any) map[string]any {
	out := map[string]any{}
	for _, m := range []map[string]any{jwk, more} {
		for name, value := range m {
			out[name] = value
		}
	}
	return out
}

func setOf(t testing.TB, keys ...map[string]any) []byte {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// publicKeys are made anew in every run, so none of them can be anybody's. The
// RSA keys are numbers of the right size alone, which no rule can tell.
func publicKeys(t testing.TB) map[string]map[string]any {
	t.Helper()
	out := map[string]map[string]any{}
	for _, bits := range []int{1024, 2048, 4096, 4104} {
		n := make([]byte, bits/8)
		_, _ = rand.Read(n)
		n[0] |= 0x80
		n[len(n)-1] |= 1
		out[fmt.Sprintf("RSA %d", bits)] = map[string]any{"kty": "RSA", "e": "AQAB", "n": base64.RawURLEncoding.EncodeToString(n)}
	}
	for name, c := range map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = jwkOf(t, key.Public())
	}
	pub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	out["Ed25519"] = jwkOf(t, pub)
	return out
}

func TestCheckKeys(t *testing.T) {
	keys := publicKeys(t)
	good, ec := keys["RSA 2048"], keys["P-256"]
	m := func(pairs ...any) map[string]any {
		out := map[string]any{}
		for i := 0; i < len(pairs); i += 2 {
			out[pairs[i].(string)] = pairs[i+1]
		}
		return out
	}
	type sets = []map[string]any
	tests := map[string]struct {
		keys         sets
		draft, auth0 string
		usable       int // under the draft's book
	}{
		"RSA":                       {sets{good}, "accept", "accept", 1},
		"RSA 4096":                  {sets{keys["RSA 4096"]}, "accept", "accept", 1},
		"RSA 4104":                  {sets{keys["RSA 4104"]}, "accept", "reject", 1},
		"RSA 1024":                  {sets{keys["RSA 1024"]}, "reject", "reject", 0},
		"RSA 1024 beside another":   {sets{keys["RSA 1024"], good}, "warn", "warn", 1},
		"P-384":                     {sets{keys["P-384"]}, "accept", "reject", 1},
		"P-521":                     {sets{keys["P-521"]}, "accept", "reject", 1},
		"Ed25519":                   {sets{with(keys["Ed25519"], m("alg", "EdDSA"))}, "accept", "reject", 1},
		"Ed25519 by its own alg":    {sets{with(keys["Ed25519"], m("alg", "Ed25519"))}, "accept", "reject", 1},
		"RSA beside EC":             {sets{good, ec}, "accept", "warn", 2},
		"RS384":                     {sets{with(good, m("alg", "RS384"))}, "accept", "accept", 1},
		"PS512":                     {sets{with(good, m("alg", "PS512"))}, "accept", "reject", 1},
		"HS256":                     {sets{with(good, m("alg", "HS256")), good}, "reject", "reject", 0},
		"ES256 on P-384":            {sets{with(keys["P-384"], m("alg", "ES256"))}, "reject", "reject", 0},
		"encryption beside signing": {sets{with(good, m("use", "enc")), good}, "accept", "accept", 1},
		"verify":                    {sets{with(good, m("key_ops", []string{"verify"}))}, "accept", "accept", 1},
		"only wrapping":             {sets{with(good, m("key_ops", []string{"wrapKey"}))}, "reject", "reject", 0},
		"kid of the wrong type":     {sets{with(good, m("kid", 1))}, "reject", "reject", 0},
		"key_ops of the wrong type": {sets{with(good, m("key_ops", "verify")), good}, "warn", "warn", 1},
		"no type":                   {sets{m("n", good["n"], "e", "AQAB")}, "reject", "reject", 0},
		"even exponent":             {sets{with(good, m("e", "AQAA"))}, "reject", "reject", 0},
		"exponent one":              {sets{with(good, m("e", "AQ"))}, "reject", "reject", 0},
		"padded":                    {sets{with(good, m("e", "AQAB="))}, "reject", "reject", 0},
		"line break":                {sets{with(good, m("e", "AQ\nAB"))}, "reject", "reject", 0},
		"short coordinate":          {sets{with(ec, m("x", "AQ"))}, "reject", "reject", 0},
		"unknown curve":             {sets{with(ec, m("crv", "P-224"))}, "reject", "reject", 0},
		"same key twice":            {sets{good, good}, "warn", "warn", 2},
		"private in another case":   {sets{with(good, m("D", "x"))}, "accept", "accept", 1},
		"private post-quantum key":  {sets{m("kty", "AKP", "alg", "ML-DSA-44", "priv", "x"), good}, "reject", "reject", 0},
		"Ed448":                     {sets{m("kty", "OKP", "crv", "Ed448", "x", strings.Repeat("A", 76))}, "warn", "reject", 1},
		"no keys":                   {sets{}, "reject", "reject", 0},
		"n that is not base64url":   {sets{with(good, m("n", "***"))}, "reject", "reject", 0},
		"even modulus":              {sets{with(good, m("n", "_"+good["n"].(string)[1:341]+"g"))}, "reject", "reject", 0},
		"elliptic alg on RSA":       {sets{with(good, m("alg", "ES256"))}, "reject", "reject", 0},
		"alg in small letters":      {sets{with(good, m("alg", "rs256"))}, "reject", "reject", 0},
		"unknown Edwards curve":     {sets{m("kty", "OKP", "crv", "ed25519", "x", keys["Ed25519"]["x"])}, "reject", "reject", 0},
		"short Edwards key":         {sets{with(keys["Ed25519"], m("x", "AA"))}, "reject", "reject", 0},
		"ES256 on Ed25519":          {sets{with(keys["Ed25519"], m("alg", "ES256"))}, "reject", "reject", 0},
		"use in capitals":           {sets{with(good, m("use", "SIG"))}, "reject", "reject", 0},
		"a private member is null":  {sets{with(good, m("qi", nil))}, "reject", "reject", 0},
		"empty alg":                 {sets{with(good, m("alg", "")), good}, "warn", "warn", 1},
		"key_ops twice the same":    {sets{with(good, m("key_ops", []string{"verify", "verify"}))}, "reject", "reject", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for book, want := range map[Rules]string{Draft: tt.draft, Auth0: tt.auth0} {
				got, findings := CheckKeys(setOf(t, tt.keys...), book)
				if findings.Verdict().String() != want || book == Draft && len(got) != tt.usable {
					t.Errorf("%v: %v with %d keys, want %s: %v", book, findings.Verdict(), len(got), want, findings)
				}
			}
		})
	}
}

func TestKeySetJSON(t *testing.T) {
	good := string(setOf(t, publicKeys(t)["RSA 2048"]))
	tests := map[string]struct{ body, rule string }{
		"too large":               {good + strings.Repeat(" ", MaxKeySet), "key_set_too_large"},
		"byte order mark":         {"\ufeff" + good, "key_set_has_byte_order_mark"},
		"not UTF-8":               {good + "\xff", "key_set_not_json"},
		"two texts":               {good + good, "key_set_not_json"},
		"an array":                {"[]", "key_set_not_an_object"},
		"keys in capitals":        {strings.Replace(good, "keys", "Keys", 1), "key_set_without_keys"},
		"keys twice":              {strings.Replace(good, "{", `{"keys":[],`, 1), "key_set_duplicate_member"},
		"n twice":                 {strings.Replace(good, `"n":`, `"n":"AQAB","n":`, 1), "key_set_duplicate_member"},
		"private key in an array": {`[{"kty":"EC","d":"x"}]`, "private_key_suspected"},
		"lone surrogate":          {strings.Replace(good, "{", `{"x":"\ud800",`, 1), "key_set_lone_surrogate"},
		"deep":                    {strings.Replace(good, "{", `{"x":`+strings.Repeat("[", 70)+strings.Repeat("]", 70)+",", 1), "key_set_too_deep"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if keys, findings := CheckKeys([]byte(tt.body), Auth0); !findings.Has(tt.rule) || findings.Verdict() != Reject || keys != nil {
				t.Errorf("%d keys, %v, want %s", len(keys), findings, tt.rule)
			}
		})
	}
}

func TestKeyIdentity(t *testing.T) {
	// The example of RFC 7638 section 3.1.
	const rfc = `{"keys":[{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB"}]}`
	const thumb = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
	keys, findings := CheckKeys([]byte(rfc), Auth0)
	if findings.Verdict() != Accept || len(keys) != 1 {
		t.Fatal(findings)
	}
	k := keys[0]
	if pub, ok := k.Public.(*rsa.PublicKey); !ok || pub.E != 65537 || k.ID != thumb || k.Fingerprint != thumb || k.Algorithm != "RS256" {
		t.Errorf("%+v", k)
	}
	if keys, _ := CheckKeys([]byte(rfc), Draft); keys[0].Algorithm != "" {
		t.Errorf("the draft's book assumes %q", keys[0].Algorithm)
	}

	other := []Key{{ID: thumb, Fingerprint: "another"}}
	if got := CheckRotation(keys, other, Auth0); got.Verdict() != Reject || CheckRotation(keys, other, Draft).Verdict() != Warn {
		t.Errorf("a kid was given to another key: %v", got)
	}
	if got := CheckRotation(keys, append(other[:0:0], Key{ID: "new", Fingerprint: "another"}, k), Auth0); got != nil {
		t.Errorf("a key was added: %v", got)
	}
}

// FuzzCheckKeys: an accepted set has no private member, and go-jose finds a key
// of the same thumbprint in it for each that is returned.
func FuzzCheckKeys(f *testing.F) {
	keys := publicKeys(f)
	f.Add(setOf(f, keys["RSA 2048"], keys["P-256"]))
	f.Add(setOf(f, keys["Ed25519"], keys["P-384"], map[string]any{"kty": "AKP"}))
	f.Add(setOf(f, with(keys["RSA 2048"], map[string]any{"d": nil})))
	f.Add(setOf(f, with(keys["RSA 2048"], map[string]any{"kid": "a", "alg": "PS256", "use": "sig"}), keys["P-521"]))
	f.Add([]byte(`{"keys":[{"kty":"oct","\u006b":"AA"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, book := range []Rules{Draft, Auth0} {
			got, findings := CheckKeys(body, book)
			if findings.Verdict() == Reject {
				if got != nil {
					t.Errorf("a refused set gave %d keys", len(got))
				}
				continue
			}
			var set struct {
				Keys []map[string]json.RawMessage `json:"keys"`
			}
			if err := json.Unmarshal(body, &set); err != nil || len(got) == 0 || len(body) > MaxKeySet {
				t.Fatalf("accepted %d keys of %d bytes: %v", len(got), len(body), err)
			}
			var prints []string
			for _, jwk := range set.Keys {
				for name := range jwk {
					if privateMember[name] {
						t.Errorf("accepted in spite of %s", name)
					}
				}
				prints = append(prints, joseThumbprint(jwk))
			}
			for _, k := range got {
				if k.ID == "" || k.Public != nil && !slices.Contains(prints, k.Fingerprint) {
					t.Errorf("%+v is in no key of the set", k)
				}
			}
		}
	})
}

// joseThumbprint reads the material of a key with go-jose, and nothing else of
// it, for go-jose has its own mind about the rest.
func joseThumbprint(jwk map[string]json.RawMessage) string {
	bare := map[string]json.RawMessage{}
	for _, name := range []string{"kty", "n", "e", "crv", "x", "y"} {
		if raw, ok := jwk[name]; ok {
			bare[name] = raw
		}
	}
	raw, err := json.Marshal(bare)
	if err != nil {
		return ""
	}
	var k jose.JSONWebKey
	if err := k.UnmarshalJSON(raw); err != nil {
		return ""
	}
	sum, err := k.Thumbprint(crypto.SHA256)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}
