package auth0

import (
	"context"
	"net/http"
	"strings"
	"time"
	"unicode"

	"clientkeeper/internal/cimd"
	"clientkeeper/internal/fault"
)

// MappedFields are the client settings that the tenant made of a document.
// What the document does not say is empty. Texts are the document's: treat
// them as a stranger's.
type MappedFields struct {
	ExternalClientID        string                `json:"external_client_id,omitempty"`
	Name                    string                `json:"name,omitempty"`
	AppType                 string                `json:"app_type,omitempty"` // native or regular_web
	Callbacks               []string              `json:"callbacks,omitempty"`
	LogoURI                 string                `json:"logo_uri,omitempty"`
	Description             string                `json:"description,omitempty"`
	GrantTypes              []string              `json:"grant_types,omitempty"`
	TokenEndpointAuthMethod string                `json:"token_endpoint_auth_method,omitempty"`
	JWKSURI                 string                `json:"jwks_uri,omitempty"`
	AuthenticationMethods   AuthenticationMethods `json:"client_authentication_methods,omitzero"`
}

// AuthenticationMethods are the ways other than a shared secret in which a
// client may authenticate. The zero value means none.
type AuthenticationMethods struct {
	PrivateKeyJWT EnabledCredentials `json:"private_key_jwt,omitzero"`
	TLS           EnabledCredentials `json:"tls_client_auth,omitzero"`
	SelfSignedTLS EnabledCredentials `json:"self_signed_tls_client_auth,omitzero"`
}

// EnabledCredentials are those that a client may authenticate with now. A nil
// list means that the method is not in use; an empty one, that it is and that
// nobody can log in with it.
type EnabledCredentials struct {
	Credentials []ClientCredential `json:"credentials"`
}

// A ClientCredential is a public key or certificate of a client. Where a client
// refers to one, its ID alone is set; in a mapped document its type, kid and
// alg. The key itself is never shown.
type ClientCredential struct {
	ID         string    `json:"id,omitempty"`
	Type       string    `json:"credential_type,omitempty"` // public_key, x509_cert or cert_subject_dn
	KeyID      string    `json:"kid,omitempty"`             // of a public_key; its thumbprint (RFC 7638) unless chosen
	Alg        string    `json:"alg,omitempty"`             // of a public_key
	Name       string    `json:"name,omitempty"`
	SubjectDN  string    `json:"subject_dn,omitempty"`        // of a cert_subject_dn
	Thumbprint string    `json:"thumbprint_sha256,omitempty"` // of an x509_cert
	Created    time.Time `json:"created_at,omitzero"`
	Updated    time.Time `json:"updated_at,omitzero"`
	Expires    time.Time `json:"expires_at,omitzero"` // zero means never
}

// Validation is the tenant's judgement of a document. The texts are for people:
// no program may depend on them. They are cut to a sane length and number.
type Validation struct {
	Valid      bool     `json:"valid"`
	Violations []string `json:"violations"`
	Warnings   []string `json:"warnings"`
}

// A Registration is the outcome of [Client.RegisterCIMD].
type Registration struct {
	ClientID string // the tenant's id, such as tpc_...
	// Created says that the answer which reached us was that of the creation.
	// When it was lost, and the call repeated, Created is false although this
	// call made the client.
	Created bool
	Mapped  MappedFields
	// Validation holds the warnings. It is valid when the tenant sent none,
	// for the document has been applied.
	Validation Validation
}

type externalID struct {
	ExternalClientID string `json:"external_client_id"`
}

// RegisterCIMD creates the client that id's document describes, or brings it up
// to date: the tenant fetches the document and its keys itself. Repeating it
// is harmless. A refresh overwrites app_type and grant_types.
//
// A document that breaks rules, and one that the tenant could not retrieve, are
// both [fault.Invalid]: Auth0 has no code that tells them apart. Whoever wants to
// know, or to see the violations, asks [Client.PreviewCIMD].
//
// Scopes: create:clients and update:clients. Source: Auth0 docs "Register
// Applications with CIMD"; Management API "Register a CIMD client".
func (c *Client) RegisterCIMD(ctx context.Context, id cimd.ClientID) (Registration, error) {
	const op = "auth0.register_client"
	var out struct {
		ClientID   string       `json:"client_id"`
		Mapped     MappedFields `json:"mapped_fields"`
		Validation *Validation  `json:"validation"`
	}
	status, err := c.do(ctx, call{
		op: op, method: http.MethodPost, path: []string{"clients", "cimd", "register"},
		in: externalID{id.String()}, out: &out, repeatable: true,
		scopes: "create:clients and update:clients", judge: noRoute,
	})
	if err != nil {
		return Registration{}, err
	}
	if out.ClientID == "" {
		return Registration{}, strange(op, "the answer names no client")
	}
	r := Registration{
		ClientID: out.ClientID, Created: status == http.StatusCreated,
		Mapped: out.Mapped, Validation: Validation{Valid: true},
	}
	if out.Validation != nil {
		r.Validation = out.Validation.tamed()
	}
	return r, nil
}

// noRoute is a 404 on a path without an id: it is not the tenant's Management
// API that answered.
func noRoute(_ envelope, e *fault.Error) {
	if e.Kind == fault.NotFound {
		e.Kind = fault.Internal
		e.Detail, e.Next = "the tenant knows no such operation", "check AUTH0_DOMAIN"
	}
}

// A Preview is what the tenant would make of a document.
type Preview struct {
	// ClientID is the client that exists for the document; empty if none does.
	ClientID string
	// Errors say why the document could not be retrieved. They are for people,
	// cut to a sane length and number.
	Errors []string
	// Validation is nil when the document could not be retrieved.
	Validation *Validation
	Mapped     MappedFields
}

// Valid reports whether the document was retrieved and keeps all rules.
func (p Preview) Valid() bool {
	return len(p.Errors) == 0 && p.Validation != nil && p.Validation.Valid
}

// PreviewCIMD asks the tenant to fetch and judge id's document, and changes
// nothing. A document that is bad, or cannot be retrieved, is an answer and not
// an error; see [Preview.Valid].
//
// Scopes: read:clients, and by the text of its refusals also create:clients and
// update:clients. Source: Management API "Preview a CIMD client".
func (c *Client) PreviewCIMD(ctx context.Context, id cimd.ClientID) (Preview, error) {
	const op = "auth0.preview_client"
	var out struct {
		ClientID   string       `json:"client_id"`
		Errors     []string     `json:"errors"`
		Mapped     MappedFields `json:"mapped_fields"`
		Validation *Validation  `json:"validation"`
	}
	_, err := c.do(ctx, call{
		op: op, method: http.MethodPost, path: []string{"clients", "cimd", "preview"},
		in: externalID{id.String()}, out: &out, repeatable: true,
		scopes: "read:clients, create:clients and update:clients", judge: noRoute,
	})
	if err != nil {
		return Preview{}, err
	}
	if len(out.Errors) == 0 && out.Validation == nil {
		return Preview{}, strange(op, "the answer holds neither errors nor a validation")
	}
	p := Preview{ClientID: out.ClientID, Errors: tame(out.Errors), Mapped: out.Mapped}
	if out.Validation != nil {
		v := out.Validation.tamed()
		p.Validation = &v
	}
	return p, nil
}

func (v Validation) tamed() Validation {
	v.Violations, v.Warnings = tame(v.Violations), tame(v.Warnings)
	return v
}

const (
	maxTexts = 20  // of one kind
	maxText  = 300 // characters
)

// tame cuts the tenant's sentences, which may quote a stranger's document, to
// what a log line or an attribute can hold. Line breaks and other control
// characters become spaces.
func tame(texts []string) []string {
	var tamed []string
	for _, text := range texts[:min(len(texts), maxTexts)] {
		runes := []rune(strings.ToValidUTF8(text, "\uFFFD"))
		if len(runes) > maxText {
			runes = append(runes[:maxText-1], '…')
		}
		tamed = append(tamed, strings.Map(func(r rune) rune {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
				return ' '
			}
			return r
		}, string(runes)))
	}
	return tamed
}
