package tenant

import (
	"context"
	"crypto/rsa"
	"errors"
	"mime"
	"strings"

	"clientkeeper/internal/cimd"
)

// metadata is what a document and its key set say, and what is wrong there.
type metadata struct {
	url        string
	doc        cimd.Document
	method     string // token_endpoint_auth_method, with its default
	keys       []documentKey
	violations []string
	warnings   []string
}

// A documentKey is a usable key of the key set.
type documentKey struct {
	kid, alg string
	material string // the thumbprint
	public   *rsa.PublicKey
}

// unreadable are the findings about bytes that are no metadata document at
// all. They count as a failure to retrieve one.
var unreadable = []string{"document_too_large", "document_not_json", "document_not_an_object", "document_has_byte_order_mark"}

// read fetches the document and its key set, and judges both. An error is a
// sentence about what could not be fetched.
func (t *Tenant) read(ctx context.Context, id cimd.ClientID) (*metadata, error) {
	body, err := t.fetch(ctx, id.String(), cimd.MaxDocument)
	if err != nil {
		return nil, err
	}
	doc, findings := cimd.CheckDocument(id, body, cimd.Auth0)
	for _, rule := range unreadable {
		if findings.Has(rule) && !t.opts.Quirks.UnreadableIsViolation {
			return nil, errors.New("the Client Metadata document cannot be read: " + findings.Violations()[0].Text)
		}
	}
	m := &metadata{url: id.String(), doc: doc, method: doc.TokenEndpointAuthMethod}
	if m.method == "" {
		m.method = t.opts.Quirks.AbsentAuthMethod
	}
	m.add(findings)
	if !m.usesKeys() || len(m.violations) > 0 {
		return m, nil
	}
	return m, t.readKeys(ctx, m)
}

func (t *Tenant) readKeys(ctx context.Context, m *metadata) error {
	body, err := t.fetch(ctx, m.doc.JWKSURI, cimd.MaxKeySet)
	if err != nil {
		return err
	}
	keys, findings := cimd.CheckKeys(body, cimd.Auth0)
	m.add(findings)
	for _, key := range keys {
		if public, isRSA := key.Public.(*rsa.PublicKey); isRSA {
			m.keys = append(m.keys, documentKey{kid: key.ID, alg: key.Algorithm, material: key.Fingerprint, public: public})
		}
	}
	return nil
}

// fetch gets a document that is JSON by its media type.
func (t *Tenant) fetch(ctx context.Context, url string, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	got, err := t.opts.Fetcher.Fetch(ctx, url, limit)
	if err != nil {
		return nil, err
	}
	if int64(len(got.Body)) > limit {
		return nil, errors.New("the document is larger than it may be")
	}
	media, _, err := mime.ParseMediaType(got.ContentType)
	isJSON := err == nil && (media == "application/json" || strings.HasSuffix(media, "+json"))
	if !isJSON && !t.opts.Quirks.AnyContentType {
		return nil, errors.New("the media type of the document is not JSON")
	}
	return got.Body, nil
}

func (m *metadata) usesKeys() bool { return m.method == "private_key_jwt" }

// add takes findings over as the sentences that Auth0 would write.
func (m *metadata) add(findings cimd.Findings) {
	for _, f := range findings {
		text := f.Text
		if f.Member != "" && f.Rule != "grant_type_filtered" {
			text = f.Member + ": " + text
		}
		if f.Severity == cimd.Violation {
			m.violations = append(m.violations, text)
		} else {
			m.warnings = append(m.warnings, text)
		}
	}
}

func (m *metadata) note(p keyPlan) {
	m.violations = append(m.violations, p.violations...)
	m.warnings = append(m.warnings, p.warnings...)
}

func (m *metadata) validation() *validation {
	return &validation{
		Valid:      len(m.violations) == 0,
		Violations: append([]string{}, m.violations...),
		Warnings:   append([]string{}, m.warnings...),
	}
}

// fields are what the document becomes in the client. Members that nobody
// maps never get here.
func (m *metadata) fields() map[string]any {
	f := map[string]any{
		"external_client_id":         m.url,
		"name":                       m.doc.ClientName,
		"app_type":                   "regular_web",
		"grant_types":                anySlice(m.doc.GrantTypes...),
		"token_endpoint_auth_method": m.method,
	}
	if m.doc.ApplicationType == "native" {
		f["app_type"] = "native"
	}
	if len(m.doc.RedirectURIs) > 0 {
		f["callbacks"] = anySlice(m.doc.RedirectURIs...)
	}
	if m.doc.LogoURI != "" {
		f["logo_uri"] = m.doc.LogoURI
	}
	if m.doc.Description != "" {
		f["description"] = m.doc.Description
	}
	if m.usesKeys() {
		f["jwks_uri"] = m.doc.JWKSURI
	}
	return f
}

// mapped is mapped_fields: of an invalid document the id alone.
func (m *metadata) mapped() map[string]any {
	if len(m.violations) > 0 {
		return map[string]any{"external_client_id": m.url}
	}
	f := m.fields()
	if m.usesKeys() {
		creds := []any{}
		for _, key := range m.keys {
			creds = append(creds, map[string]any{"credential_type": publicKey, "kid": key.kid, "alg": key.alg})
		}
		f["client_authentication_methods"] = map[string]any{"private_key_jwt": map[string]any{"credentials": creds}}
	}
	return f
}
