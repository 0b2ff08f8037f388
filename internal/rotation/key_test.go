package rotation

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"testing/synctest"
	"time"
)

// A key is made as the tags say, and the tenant and the consumers are told the
// same of it.
func TestAKeyIsMadeAsTheTagsSay(t *testing.T) {
	for name, test := range map[string]struct {
		tags map[string]string
		bits int
		alg  string
	}{
		"by default": {map[string]string{}, 2048, "RS256"},
		"larger":     {map[string]string{TagKeySize: "3072", TagAlg: "RS384"}, 3072, "RS384"},
		"largest":    {map[string]string{TagKeySize: "4096", TagAlg: "PS256"}, 4096, "PS256"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r := w.rotator()
				test.tags[TagKind] = KindKey
				c := w.put(test.tags, keyJSON(t, r))
				r.makeKey = nil // a real one
				time.Sleep(48 * time.Hour)
				if err := w.engine(r, tokenOf(1), 1); err != nil {
					t.Fatal(err)
				}
				made, err := clientsecretOf(w.state.secrets[arn], tokenOf(1))
				if err != nil {
					t.Fatal(err)
				}
				block, _ := pem.Decode([]byte(made.PrivateKeyPEM.Reveal()))
				parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
				if err != nil {
					t.Fatal(err)
				}
				key := parsed.(*rsa.PrivateKey)
				thumb, err := thumbprint(&key.PublicKey)
				if err != nil || key.N.BitLen() != test.bits || made.Alg != test.alg || made.KeyID != thumb {
					t.Errorf("%d bits, %s, kid %s; want %d, %s, %s; %v", key.N.BitLen(), made.Alg, made.KeyID, test.bits, test.alg, thumb, err)
				}
				if k := c.pool[len(c.pool)-1]; k.Alg != test.alg || k.KeyID != thumb {
					t.Errorf("the tenant was told %+v", k)
				}
				w.report()
			})
		})
	}
}
