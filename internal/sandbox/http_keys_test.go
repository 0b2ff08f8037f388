package sandbox_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"testing"

	"clientkeeper/internal/sandbox"
)

// weak is an RSA public key of any size and exponent: nobody has its private
// half, which a server that looks at the key cannot know.
func weak(t *testing.T, bits uint, exponent int) *rsa.PublicKey {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), bits-1))
	if err != nil {
		t.Fatal(err)
	}
	n.SetBit(n, int(bits-1), 1).SetBit(n, 0, 1)
	return &rsa.PublicKey{N: n, E: exponent}
}

func publicPEM(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func publicJWK(key *rsa.PublicKey) map[string]any {
	return map[string]any{"kty": "RSA", "n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes())}
}

// Keys that are weak, of another kind or none at all are refused, and the client
// keeps the credentials that it has.
func TestHostileKeysThroughTheGateway(t *testing.T) {
	t.Parallel()
	s := start(t, sandbox.Options{Parameters: map[string]string{"ApiRate": "1000", "ApiBurst": "1000"}})
	c := newCaller(t, s)
	bearer := []string{"Authorization", "Bearer " + c.mine("")}
	made := c.ask("POST", "/v1/clients", `{"name":"keys"}`, append(bearer, "Idempotency-Key", "client")...)
	id, _ := made.body["client_id"].(string)
	if made.status != 201 || id == "" {
		t.Fatalf("%d %s", made.status, made.text)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := publicPEM(t, &private.PublicKey)
	withD := publicJWK(&private.PublicKey)
	withD["d"] = base64.RawURLEncoding.EncodeToString(private.D.Bytes())
	encrypting := publicJWK(&private.PublicKey)
	encrypting["use"] = "enc"
	before := len(s.Tenant.Credentials(id))
	for name, body := range map[string]map[string]any{
		"512 bits": {"pem": publicPEM(t, weak(t, 512, 65537))}, "1024 bits": {"pem": publicPEM(t, weak(t, 1024, 65537))}, "2047 bits": {"pem": publicPEM(t, weak(t, 2047, 65537))}, "16384 bits": {"pem": publicPEM(t, weak(t, 16384, 65537))},
		"512 bits as a JWK": {"jwk": publicJWK(weak(t, 512, 65537))}, "an exponent of one": {"jwk": publicJWK(weak(t, 2048, 1))}, "an even exponent": {"jwk": publicJWK(weak(t, 2048, 65536))},
		"a curve": {"pem": publicPEM(t, &curve.PublicKey)}, "another curve": {"pem": publicPEM(t, edwards)}, "a private key": {"pem": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)}))}, "a private JWK": {"jwk": withD}, "a key for encryption": {"jwk": encrypting}, "a symmetric key": {"jwk": map[string]any{"kty": "oct", "k": "AAAA"}},
		"no PEM": {"pem": "canary"}, "a PEM of nothing": {"pem": "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"}, "two keys in a PEM": {"pem": good + good}, "a PEM with text behind": {"pem": good + "canary"}, "no certificate": {"certificate": good}, "an empty set": {"jwks": map[string]any{"keys": []any{}}}, "a set without keys": {"jwks": map[string]any{}},
		"a key set at a stranger's": {"jwks_uri": "https://stranger.example.org/jwks.json"}, "a key set of the instance": {"jwks_uri": "https://169.254.169.254/latest/meta-data"}, "a key set at home": {"jwks_uri": "https://localhost:8443/x"},
	} {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		a := c.ask("POST", "/v1/clients/"+id+"/credentials", string(text), append(bearer, "Idempotency-Key", base64.RawURLEncoding.EncodeToString([]byte(name)))...)
		if (a.status != 400 && a.status != 403 && a.status != 422) || a.body["type"] == nil {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
	if after := len(s.Tenant.Credentials(id)); after != before {
		t.Errorf("%d credentials before, %d after", before, after)
	}
	text, _ := json.Marshal(map[string]any{"pem": good})
	if a := c.ask("POST", "/v1/clients/"+id+"/credentials", string(text), append(bearer, "Idempotency-Key", "good")...); a.status != 201 || len(s.Tenant.Credentials(id)) != before+1 {
		t.Errorf("a good key: %d %s", a.status, a.text)
	}
}
