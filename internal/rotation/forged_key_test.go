package rotation

import (
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"testing"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/secret"
)

// The thumbprint of a stored private key proves that its holder has it. It is
// computed of the modulus, which is public: who knows no more of a key must not
// be able to write one that is read as if they had it.
func TestAKeyThatIsPublicProvesNothing(t *testing.T) {
	theirs, err := keyMaker()(2048)
	if err != nil {
		t.Fatal(err)
	}
	type pkcs1 struct {
		Version                   int
		N                         *big.Int
		E                         int
		D, P, Q, DP, DQ, Inverted *big.Int
	}
	n, one, two := theirs.N, big.NewInt(1), big.NewInt(2)
	for name, forged := range map[string]pkcs1{
		"the modulus is a prime": {N: n, E: 65537, D: one, P: n, Q: one, DP: one, DQ: one, Inverted: one},
		"the other way round":    {N: n, E: 65537, D: one, P: one, Q: n, DP: one, DQ: one, Inverted: one},
		"no primes":              {N: n, E: 65537, D: one, P: new(big.Int), Q: new(big.Int), DP: new(big.Int), DQ: new(big.Int), Inverted: new(big.Int)},
		"primes of another":      {N: n, E: 65537, D: two, P: big.NewInt(3), Q: big.NewInt(5), DP: one, DQ: one, Inverted: two},
		"an exponent of one":     {N: n, E: 1, D: one, P: n, Q: one, DP: one, DQ: one, Inverted: one},
		"negative":               {N: n, E: 65537, D: one, P: new(big.Int).Neg(n), Q: big.NewInt(-1), DP: one, DQ: one, Inverted: one},
	} {
		der, err := asn1.Marshal(forged)
		if err != nil {
			t.Fatal(err)
		}
		wrapped, err := asn1.Marshal(struct {
			Version   int
			Algorithm struct {
				ID   asn1.ObjectIdentifier
				Null asn1.RawValue
			}
			Key []byte
		}{Algorithm: struct {
			ID   asn1.ObjectIdentifier
			Null asn1.RawValue
		}{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}, asn1.NullRawValue}, Key: der})
		if err != nil {
			t.Fatal(err)
		}
		for kind, text := range map[string][]byte{"RSA PRIVATE KEY": der, "PRIVATE KEY": wrapped} {
			c := clientsecret.ClientSecret{ClientID: client, PrivateKeyPEM: secret.New(string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: text})))}
			if _, kid, err := publicHalf(c); err == nil {
				t.Errorf("%s, as %s: read as the key %s", name, kind, kid)
			}
		}
	}
}
