package documents

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"sync"
	"time"
)

// A signed certificate with its key.
type signed struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// An issuer makes certificates: one root that clients trust, one intermediate,
// and a leaf for every name that is asked for.
type issuer struct {
	root, intermediate signed
	leafKey            crypto.Signer

	mu     sync.Mutex
	leaves map[leafKind]*tls.Certificate
}

// A leafKind is a name and what is wrong with its certificate.
type leafKind struct {
	name  string
	fault Fault
}

const (
	year      = 365 * 24 * time.Hour
	maxLeaves = 1000 // visitors choose the names
)

func newIssuer() (*issuer, error) {
	i := &issuer{leaves: make(map[leafKind]*tls.Certificate)}
	var err error
	if i.leafKey, err = newKey(); err != nil {
		return nil, err
	}
	if i.root, err = newCA("clientkeeper sandbox document host", nil); err != nil {
		return nil, err
	}
	i.intermediate, err = newCA("clientkeeper sandbox intermediate", &i.root)
	return i, err
}

func newKey() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

func newCA(name string, parent *signed) (signed, error) {
	key, err := newKey()
	if err != nil {
		return signed{}, err
	}
	template := template(name)
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	if parent == nil {
		parent = &signed{template, key}
	}
	return sign(template, key, *parent)
}

func sign(template *x509.Certificate, key crypto.Signer, parent signed) (signed, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent.cert, key.Public(), parent.key)
	if err != nil {
		return signed{}, err
	}
	cert, err := x509.ParseCertificate(der)
	return signed{cert, key}, err
}

// template is valid for long, in both directions: the sandbox moves its clock.
func template(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-10 * year),
		NotAfter:     time.Now().Add(10 * year),
	}
}

func (i *issuer) rootPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.root.cert.Raw})
}

// leaf is the certificate for a name or an address, made on first use.
func (i *issuer) leaf(kind leafKind) (*tls.Certificate, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if c := i.leaves[kind]; c != nil {
		return c, nil
	}
	c, err := i.makeLeaf(kind)
	if err != nil {
		return nil, err
	}
	if len(i.leaves) >= maxLeaves {
		clear(i.leaves)
	}
	i.leaves[kind] = c
	return c, nil
}

func (i *issuer) makeLeaf(kind leafKind) (*tls.Certificate, error) {
	t := template("")
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	name, parent := kind.name, i.root
	switch kind.fault {
	case TLSWrongHost:
		name = "another-name.example"
	case TLSExpired:
		t.NotBefore, t.NotAfter = time.Now().Add(-10*year), time.Now().Add(-5*year)
	case TLSNotYetValid:
		t.NotBefore = time.Now().Add(9 * year)
	case TLSMissingIntermediate:
		parent = i.intermediate
	case TLSSelfSigned:
		parent = signed{t, i.leafKey}
	}
	if ip := net.ParseIP(name); ip != nil {
		t.IPAddresses = []net.IP{ip}
	} else {
		t.DNSNames = []string{name}
	}
	made, err := sign(t, i.leafKey, parent)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{made.cert.Raw}, PrivateKey: i.leafKey, Leaf: made.cert}, nil
}

// tlsConfig answers one ClientHello: with the certificate of the name that was
// asked for, or with the fault of that host.
func (h *Host) tlsConfig(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	name := hostName(hello.ServerName)
	if name == "" { // clients send no name for an address
		name = "127.0.0.1"
		if a := h.dialed(hello.Conn.RemoteAddr()); a.IsValid() {
			name = a.String()
		}
	}
	h.mu.Lock()
	fault := h.faults[name]
	h.mu.Unlock()
	if fault == Plaintext443 {
		return nil, speakPlainly(hello.Conn)
	}
	leaf, err := h.issuer.leaf(leafKind{name, fault})
	if err != nil {
		return nil, err
	}
	c := &tls.Config{Certificates: []tls.Certificate{*leaf}, NextProtos: []string{"http/1.1"}}
	switch fault {
	case TLS10:
		c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
	case TLSClientCert:
		c.ClientAuth = tls.RequireAnyClientCert
		if c, ok := hello.Conn.(*conn); ok {
			c.linger.Store(true)
		}
	}
	return c, nil
}

// speakPlainly is what a web server without TLS answers to a ClientHello.
func speakPlainly(c net.Conn) error {
	_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	_ = c.Close()
	return errors.New("documents: this host speaks no TLS")
}
