package credential

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"clientkeeper/internal/fault"
)

// What is taken is one strong public RSA key, in our own spelling, and never
// anything private; what is not taken is refused as the caller's mistake, in an
// error that repeats nothing of it.
func sound(t *testing.T, text string, m material, err error) {
	t.Helper()
	if err != nil {
		if fault.KindOf(err) != fault.Invalid || fault.Reason(err) == "invalid" {
			t.Errorf("not refused as a mistake: %v", err)
		}
		return
	}
	if strings.Contains(strings.ToUpper(text), "PRIVATE KEY") {
		t.Error("it holds a private key")
	}
	if m.kind != typePublicKey {
		return
	}
	b, rest := pem.Decode([]byte(m.pem))
	if b == nil || b.Type != "PUBLIC KEY" || len(rest) > 0 {
		t.Fatalf("sent on as %q", m.pem)
	}
	key, parseErr := x509.ParsePKIXPublicKey(b.Bytes)
	public, isRSA := key.(*rsa.PublicKey)
	if parseErr != nil || !isRSA || public.N.BitLen() < 2048 || public.N.BitLen() > 4096 || public.E < 3 || !kidText.MatchString(m.kid) {
		t.Errorf("taken: %+v, %v", m, parseErr)
	}
}

func FuzzPublicPEM(f *testing.F) {
	f.Add(public(f, 0))
	f.Add(block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&own()[0].PublicKey)))
	f.Add(public(f, 0) + public(f, 1))
	f.Add("-----BEGIN PUBLIC KEY-----\nMA==\n-----END PUBLIC KEY-----")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := parsePublicPEM(text)
		sound(t, text, m, err)
	})
}

func FuzzJWK(f *testing.F) {
	f.Add([]byte(jwk(f, 0, "a-good-key-id")))
	f.Add([]byte(`{"kty":"oct","k":"AQ"}`))
	f.Add([]byte(`{"kty":"RSA","n":"AQ","e":"AQAB","d":"AQ"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseJWK(text)
		sound(t, string(text), m, err)
	})
}

func FuzzJWKS(f *testing.F) {
	f.Add([]byte(`{"keys":[`+jwk(f, 0, "a-good-key-id")+`,`+jwk(f, 1, "")+`]}`), true)
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256"}]}`), false)
	f.Fuzz(func(t *testing.T, text []byte, whole bool) {
		keys, err := parseJWKS(text, whole)
		if err != nil {
			sound(t, "", material{}, err)
			return
		}
		kids := map[string]bool{}
		for _, m := range keys {
			sound(t, string(text), m, nil)
			if kids[m.kid] || kids[m.weight] {
				t.Error("a key is there twice")
			}
			kids[m.kid], kids[m.weight] = true, true
		}
		if len(keys) == 0 {
			t.Error("no key, and no refusal")
		}
	})
}

func FuzzCertificate(f *testing.F) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	f.Add(certificate(f, now, now.Add(time.Hour), &own()[0].PublicKey))
	f.Add(block("CERTIFICATE", []byte{0x30, 0x03, 1, 1, 1}))
	f.Fuzz(func(t *testing.T, text string) {
		m, cert, err := parseCertificate(text, now)
		sound(t, text, m, err)
		if err == nil && !now.Before(cert.NotAfter) {
			t.Error("it has expired")
		}
	})
}

// A cursor or an id that is taken means the same when it is written again.
func FuzzIDs(f *testing.F) {
	f.Add(cursorAfter("clients/orders"))
	f.Add(rotationID("arn:aws:secretsmanager:eu-central-1:1:secret:x", strings.Repeat("a", 32), time.Unix(1, 0)))
	f.Fuzz(func(t *testing.T, text string) {
		if name, err := cursorOf(text); err == nil && text != "" && cursorAfter(name) != text {
			t.Errorf("cursor %q means %q", text, name)
		}
		if arn, token, at, ok := parseRotationID(text); ok && rotationID(arn, token, at) != text {
			t.Errorf("rotation %q means %q %q %v", text, arn, token, at)
		}
	})
}
