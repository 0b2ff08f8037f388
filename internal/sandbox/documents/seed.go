package documents

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/go-jose/go-jose/v4"
)

// seed/site.json maps URLs to what they answer; the other files are bodies.
//
//go:embed seed
var seed embed.FS

// A seeded URL.
type seeded struct {
	URL     string            `json:"url"`
	About   string            `json:"about"` // for whoever reads the index
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Fault   Fault             `json:"fault"`
	// File is the body; with PadTo, white space makes it that long.
	File  string `json:"file"`
	PadTo int    `json:"pad_to"`
	// KeySet makes the body instead: "public", or "private" for one that ought
	// not to be there. It is new at every start, so no key is ever committed.
	KeySet string `json:"key_set"`
}

// Seed puts the documents of the demonstration: clients that exist, as far as
// their documents are known, and broken ones on example hosts. Documents have
// an ETag, made from the body.
func Seed(h *Host) error {
	index, err := readIndex()
	if err != nil {
		return err
	}
	for _, s := range index {
		d, err := s.document()
		if err != nil {
			return fmt.Errorf("documents: seed %s: %w", s.URL, err)
		}
		if err := h.Put(s.URL, d); err != nil {
			return err
		}
	}
	return nil
}

// SeededURLs are all URLs that Seed puts, in the order of the index.
func SeededURLs() ([]string, error) {
	index, err := readIndex()
	urls := make([]string, len(index))
	for i, s := range index {
		urls[i] = s.URL
	}
	return urls, err
}

func readIndex() ([]seeded, error) {
	text, err := fs.ReadFile(seed, "seed/site.json")
	if err != nil {
		return nil, err
	}
	var index []seeded
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(&index); err != nil {
		return nil, fmt.Errorf("documents: seed/site.json: %w", err)
	}
	return index, nil
}

func (s seeded) document() (Document, error) {
	body, err := s.body()
	if err != nil {
		return Document{}, err
	}
	d := Document{Status: s.Status, Fault: s.Fault, Body: body, Headers: make(http.Header)}
	if len(body) > 0 {
		d.Headers.Set("Content-Type", "application/json")
		d.Headers.Set("Cache-Control", "public, max-age=300")
		d.Headers.Set("ETag", fmt.Sprintf(`"%.8x"`, sha256.Sum256(body)))
	}
	for name, value := range s.Headers {
		d.Headers.Set(name, value)
	}
	return d, nil
}

func (s seeded) body() ([]byte, error) {
	if s.KeySet != "" {
		return newKeySet(s.KeySet == "private")
	}
	if s.File == "" {
		return nil, nil
	}
	body, err := fs.ReadFile(seed, "seed/"+s.File)
	if missing := s.PadTo - len(body); missing > 0 {
		body = append(body, bytes.Repeat([]byte(" "), missing)...)
	}
	return body, err
}

// newKeySet is a JWK set with one new RSA key, which is the kind that Auth0
// takes for client assertions.
func newKeySet(private bool) ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	jwk := jose.JSONWebKey{Key: &key.PublicKey, Algorithm: string(jose.RS256), Use: "sig"}
	thumbprint, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, err
	}
	jwk.KeyID = fmt.Sprintf("%.8x", thumbprint)
	if private {
		jwk.Key = key
	}
	return json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{jwk}})
}
