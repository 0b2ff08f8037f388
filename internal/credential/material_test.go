package credential

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// own are keys of callers.
var own = sync.OnceValue(func() (keys [2]*rsa.PrivateKey) {
	for i := range keys {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return keys
})

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func spki(t testing.TB, key any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return block("PUBLIC KEY", der)
}

func public(t testing.TB, n int) string {
	t.Helper()
	return spki(t, &own()[n].PublicKey)
}

// jwk is a caller's public key with a kid, or with none.
func jwk(t testing.TB, n int, kid string) string {
	t.Helper()
	text, err := jose.JSONWebKey{Key: &own()[n].PublicKey, KeyID: kid}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
