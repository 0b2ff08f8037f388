package tenant

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
)

var certificateEnd = time.Date(2028, 2, 3, 4, 5, 6, 0, time.UTC)

// certificateOf is a self-signed certificate, in PEM and DER.
func certificateOf(t *testing.T, key crypto.Signer) (text string, der []byte) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), NotBefore: certificateEnd.AddDate(-3, 0, 0), NotAfter: certificateEnd,
		Subject: pkix.Name{Country: []string{"DE"}, Organization: []string{"Example"}, CommonName: "batch signer"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), der
}

func publicPEM(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// TestCredentialTypes creates each type in each form.
func TestCredentialTypes(t *testing.T) {
	c := newClock()
	w := open(t, Options{Now: c.now})
	cert, der := certificateOf(t, testKey())
	public, _ := pemOf(t)
	pkcs1 := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&testKey().PublicKey)}))
	sum := sha256.Sum256(der)
	kid, err := thumbprint(&testKey().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	end := certificateEnd.Format(timestamps)
	type members = map[string]any
	tests := map[string]struct {
		body, want members
	}{
		"public key":            {members{"credential_type": "public_key", "pem": public}, members{"kid": kid, "alg": "RS256", "expires_at": nil, "name": nil}},
		"PKCS#1":                {members{"credential_type": "public_key", "pem": pkcs1}, members{"kid": kid, "alg": "RS256"}},
		"named, PS256, own kid": {members{"credential_type": "public_key", "pem": public, "name": "n", "alg": "PS256", "kid": "my_key-0001"}, members{"kid": "my_key-0001", "alg": "PS256", "name": "n"}},
		"key in a certificate":  {members{"credential_type": "public_key", "pem": cert}, members{"kid": kid, "expires_at": nil}},
		"with its expiry":       {members{"credential_type": "public_key", "pem": cert, "parse_expiry_from_cert": true}, members{"kid": kid, "expires_at": end}},
		"without its expiry":    {members{"credential_type": "public_key", "pem": cert, "parse_expiry_from_cert": false, "expires_at": "2027-01-01T00:00:00Z"}, members{"expires_at": "2027-01-01T00:00:00.000Z"}},
		"certificate":           {members{"credential_type": "x509_cert", "pem": cert}, members{"thumbprint_sha256": base64.RawURLEncoding.EncodeToString(sum[:]), "expires_at": end, "kid": nil, "alg": nil}},
		"name in a certificate": {members{"credential_type": "cert_subject_dn", "pem": cert}, members{"subject_dn": "C=DE\nO=Example\nCN=batch signer", "expires_at": nil, "kid": nil}},
		"name":                  {members{"credential_type": "cert_subject_dn", "subject_dn": "CN=x"}, members{"subject_dn": "CN=x", "expires_at": nil}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			id, _ := w.AddClient("x")
			r := w.call("POST", "/api/v2/clients/"+id+"/credentials", test.body)
			if r.status != 201 || r.body["pem"] != nil || !strings.HasPrefix(r.text("id"), "cred_") || len(r.text("id")) != 27 {
				t.Fatalf("%d %s", r.status, r.raw)
			}
			for member, want := range test.want {
				if r.body[member] != want {
					t.Errorf("%s = %v, want %v", member, r.body[member], want)
				}
			}
			if keys := w.Credentials(id); len(keys) != 1 || keys[0].Attached {
				t.Errorf("pool %+v", keys)
			}
		})
	}
}

// TestCredentialsRefused sends what no credential can be made of.
func TestCredentialsRefused(t *testing.T) {
	c := newClock()
	w := open(t, Options{Now: c.now})
	id, _ := w.AddClient("x")
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := certificateOf(t, testKey())
	public, private := pemOf(t)
	huge := publicPEM(t, &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 4104, 1), E: 65537})
	type members = map[string]any
	for name, body := range map[string]members{
		"no PEM":                        {"credential_type": "public_key"},
		"empty PEM":                     {"credential_type": "public_key", "pem": ""},
		"1024 bits":                     keyBody(publicPEM(t, &small.PublicKey)),
		"4105 bits":                     keyBody(huge),
		"an elliptic curve":             keyBody(publicPEM(t, &curve.PublicKey)),
		"a private key":                 keyBody(private),
		"half a PEM":                    keyBody(public[:len(public)/2]),
		"a broken PEM":                  keyBody(strings.Replace(public, "MII", "MIX", 1)),
		"ES256":                         {"credential_type": "public_key", "pem": public, "alg": "ES256"},
		"a short kid":                   {"credential_type": "public_key", "pem": public, "kid": "short"},
		"a long name":                   {"credential_type": "public_key", "pem": public, "name": strings.Repeat("n", 129)},
		"an unknown property":           {"credential_type": "public_key", "pem": public, "use": "sig"},
		"an expiry that is now":         {"credential_type": "public_key", "pem": public, "expires_at": c.now().Format(time.RFC3339)},
		"an expiry that is no date":     {"credential_type": "public_key", "pem": public, "expires_at": "tomorrow"},
		"two expiries":                  {"credential_type": "public_key", "pem": cert, "parse_expiry_from_cert": true, "expires_at": "2027-01-01T00:00:00Z"},
		"expiry of no certificate":      {"credential_type": "public_key", "pem": public, "parse_expiry_from_cert": true},
		"a certificate that is none":    {"credential_type": "x509_cert", "pem": public},
		"an algorithm of a certificate": {"credential_type": "x509_cert", "pem": cert, "alg": "RS256"},
		"an expiry of a certificate":    {"credential_type": "x509_cert", "pem": cert, "expires_at": "2027-01-01T00:00:00Z"},
		"a name and a certificate":      {"credential_type": "cert_subject_dn", "pem": cert, "subject_dn": "CN=x"},
		"a name of a key":               {"credential_type": "public_key", "pem": public, "subject_dn": "CN=x"},
		"a kid of a name":               {"credential_type": "cert_subject_dn", "subject_dn": "CN=x", "kid": "my_key-0001"},
	} {
		r := w.call("POST", "/api/v2/clients/"+id+"/credentials", body)
		if r.status != 400 || r.text("message") == "" {
			t.Errorf("%s: %d %s", name, r.status, r.raw)
		}
		if pem, _ := body["pem"].(string); len(pem) > 100 && strings.Contains(string(r.raw), pem[40:80]) {
			t.Errorf("%s: the answer repeats the PEM", name)
		}
	}
	if pool := w.Credentials(id); len(pool) != 0 {
		t.Errorf("pool %+v", pool)
	}
}

// TestInlineCredentials come with a new client, or not at all.
func TestInlineCredentials(t *testing.T) {
	w := open(t, Options{})
	public, _ := pemOf(t)
	pems := recordedPEMs(t)
	for name, test := range map[string]struct {
		method string
		pems   []string
		status int
	}{
		"one":                  {"private_key_jwt", pems[:1], 201},
		"two":                  {"private_key_jwt", pems[:], 201},
		"none":                 {"private_key_jwt", nil, 201},
		"three":                {"private_key_jwt", append(pems[:2:2], public), 400},
		"the same twice":       {"private_key_jwt", []string{public, public}, 400},
		"a key for mutual TLS": {"tls_client_auth", pems[:1], 400},
	} {
		before := len(w.Tenant.Clients())
		creds := []any{}
		for _, pem := range test.pems {
			creds = append(creds, keyBody(pem))
		}
		r := w.call("POST", "/api/v2/clients", map[string]any{"name": "x", "client_authentication_methods": map[string]any{test.method: map[string]any{"credentials": creds}}})
		if r.status != test.status || r.status == 201 && len(w.AttachedKeys(r.text("client_id"))) != len(test.pems) {
			t.Errorf("%s: %d %s", name, r.status, r.raw)
		}
		if made := len(w.Tenant.Clients()) - before; made == 1 != (test.status == 201) {
			t.Errorf("%s: %d clients were made", name, made)
		}
	}
}

// TestPastExpiry is the quirk that lets an expired credential in.
func TestPastExpiry(t *testing.T) {
	c := newClock()
	w := open(t, Options{Now: c.now, Quirks: Quirks{PastExpiry: true}})
	id, _ := w.AddClient("x")
	public, _ := pemOf(t)
	r := w.call("POST", "/api/v2/clients/"+id+"/credentials", map[string]any{"credential_type": "public_key", "pem": public, "expires_at": "2026-01-01T00:00:00Z"})
	if pool := w.Credentials(id); r.status != 201 || len(pool) != 1 || !pool[0].Expired {
		t.Errorf("%d %s, %+v", r.status, r.raw, pool)
	}
}
