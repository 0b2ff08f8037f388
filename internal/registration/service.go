// Package registration brings the OAuth clients that Client ID Metadata
// Documents describe into a tenant.
//
// A [Request] names a client by its document's URL. The service asks its
// [Policy] first, then the tenant, and answers with the tenant's own id. Doing
// it twice has the effect of doing it once: the URL is the key of the tenant's
// upsert, so a message that is delivered again is not a mistake.
//
// Nothing here fetches a document; the tenant does. The best guard against a
// request that a stranger chose is not to make it.
//
// A refusal is told apart from a document that could not be read: the tenant
// answers 400 to both, in words that are not documented, so after a refusal it
// is asked for a preview, whose answer a program can read.
//
//	tenant says                         outcome
//	registered                          created or updated
//	refused, preview names violations   Invalid, document_invalid: never again as it stands
//	refused, preview could not read it  Unavailable, document_unreachable: again later
//	refused, preview finds it valid     Unavailable, verdict_changed: again
//	anything else                       the tenant's own error
//
// The package knows nothing of SQS, Lambda or HTTP.
package registration

import (
	"context"
	"errors"
	"strings"

	"clientkeeper/internal/cimd"
	"clientkeeper/internal/fault"
)

// Validation is the tenant's verdict on a document. The sentences are the
// tenant's; programs must not match on them.
type Validation struct {
	Valid                bool
	Violations, Warnings []string
}

// Mapped are the client's settings that the tenant makes of a document. The
// texts are the document's, which is a stranger's; what it does not say is
// empty.
type Mapped struct {
	Name                    string   `json:"name,omitempty"`
	Description             string   `json:"description,omitempty"`
	AppType                 string   `json:"app_type,omitempty"`
	Callbacks               []string `json:"callbacks,omitempty"`
	GrantTypes              []string `json:"grant_types,omitempty"`
	LogoURI                 string   `json:"logo_uri,omitempty"`
	JWKSURI                 string   `json:"jwks_uri,omitempty"`
	TokenEndpointAuthMethod string   `json:"token_endpoint_auth_method,omitempty"`
}

// A Registered client is in the tenant.
type Registered struct {
	ClientID string
	Created  bool // false: it was there, and is up to date now
	Mapped   Mapped
	Validation
}

// A Previewed document has been looked at by the tenant.
type Previewed struct {
	ClientID    string   // the client's id if it is registered already
	Unreachable []string // why it could not be read; then there is no verdict
	Mapped      Mapped
	Validation
}

// Tenant is what the service needs of a tenant. Register is an upsert keyed by
// the URL and may be repeated; it answers a document that the tenant refuses
// with an error of kind [fault.Invalid], and one that the tenant cannot read
// with the same or with the reason document_unreachable.
type Tenant interface {
	Register(context.Context, cimd.ClientID) (Registered, error)
	Preview(context.Context, cimd.ClientID) (Previewed, error)
	// Annotate sets members of the client's metadata and keeps the others. It
	// may be repeated.
	Annotate(ctx context.Context, clientID string, metadata map[string]string) error
}

// An Outcome is what became of a request.
type Outcome struct {
	ClientID string // empty if the client is not in the tenant
	Created  bool
	Mapped   Mapped
	Validation
}

// A Refusal is why a document was refused, in the tenant's words. It is the
// cause inside an error of reason document_invalid or document_has_warnings.
type Refusal struct{ Violations, Warnings []string }

func (r *Refusal) Error() string {
	return strings.Join(append(append([]string(nil), r.Violations...), r.Warnings...), "; ")
}

// Service registers clients. Its fields are set once.
type Service struct {
	Tenant Tenant
	Policy Policy
	// Provenance notes on the client, in its metadata, who asked for it.
	Provenance bool
}

// Do carries out one request. It may be called again with the same request.
func (s *Service) Do(ctx context.Context, r Request) (Outcome, error) {
	if err := s.Policy.Check(r.ClientID); err != nil {
		return Outcome{}, err
	}
	if r.Mode == Preview || s.Policy.previewFirst {
		out, err := s.preview(ctx, r)
		if err != nil || r.Mode == Preview {
			return out, err
		}
	}
	return s.register(ctx, r)
}

// preview asks for a verdict. As the whole of a request, a document that is
// refused is a result; before a registration it is an error.
func (s *Service) preview(ctx context.Context, r Request) (Outcome, error) {
	p, err := s.Tenant.Preview(ctx, r.ClientID)
	if err == nil {
		err = unreachable(p.Unreachable)
	}
	if err == nil && r.Mode != Preview {
		err = s.Policy.Judge(p.Validation)
	}
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{ClientID: p.ClientID, Mapped: p.Mapped, Validation: p.Validation}, nil
}

func (s *Service) register(ctx context.Context, r Request) (Outcome, error) {
	registered, err := s.Tenant.Register(ctx, r.ClientID)
	if fault.KindOf(err) == fault.Invalid || fault.Reason(err) == reasonUnreachable {
		err = s.explain(ctx, r.ClientID, err)
	}
	if err == nil && !registered.Valid {
		err = refused("document_invalid", registered.Validation)
	}
	if err != nil {
		return Outcome{}, err
	}
	if note := provenance(ctx, r); s.Provenance && len(note) > 0 {
		if err := s.Tenant.Annotate(ctx, registered.ClientID, note); err != nil {
			return Outcome{}, &fault.Error{Kind: fault.KindOf(err), Op: "registration.provenance", Reason: "provenance_not_stored",
				Detail: "the client is registered, but who asked for it could not be noted", Next: "grant update:clients, or set PROVENANCE to false", Err: err}
		}
	}
	return Outcome(registered), nil
}

// reasonUnreachable is of errors about a document that the tenant cannot read.
const reasonUnreachable = "document_unreachable"

// explain finds out why the tenant refused a registration.
func (s *Service) explain(ctx context.Context, id cimd.ClientID, refusal error) error {
	p, err := s.Tenant.Preview(ctx, id)
	switch {
	case fault.KindOf(err) == fault.Invalid:
		return refusal // the URL itself is refused, by both
	case err != nil:
		return err
	case len(p.Unreachable) > 0:
		return unreachable(p.Unreachable)
	case !p.Valid:
		return refused("document_invalid", p.Validation)
	}
	return &fault.Error{Kind: fault.Unavailable, Op: "registration.register", Reason: "verdict_changed",
		Detail: "the tenant refused the document and then found it valid", Err: refusal}
}

func refused(reason string, v Validation) error {
	e := &fault.Error{Kind: fault.Invalid, Op: "registration.judge", Reason: reason,
		Detail: "the tenant refuses the document", Next: "its owner must correct it; then ask again, or redrive the message",
		Err: &Refusal{v.Violations, v.Warnings}}
	if reason == "document_has_warnings" {
		e.Detail = "the tenant warns about the document, and WARNINGS_ARE_FATAL is set"
	}
	return e
}

func unreachable(reasons []string) error {
	if len(reasons) == 0 {
		return nil
	}
	return &fault.Error{Kind: fault.Unavailable, Op: "registration.preview", Reason: reasonUnreachable,
		Detail: "the tenant cannot read the document",
		Next:   "see that the URL answers 200 to anybody, without a redirect; then ask again, or redrive the message",
		Err:    errors.New(strings.Join(reasons, "; "))}
}

type messageKey struct{}

// WithMessage notes in ctx the id of the message that a request came in, for
// the provenance.
func WithMessage(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, messageKey{}, id)
}

// provenance is what is noted on a client: Auth0 takes values of at most 255
// characters, and ten members in all.
func provenance(ctx context.Context, r Request) map[string]string {
	message, _ := ctx.Value(messageKey{}).(string)
	out := map[string]string{}
	for name, value := range map[string]string{"requested_by": r.RequestedBy, "request_id": r.RequestID, "message_id": message} {
		if runes := []rune(value); len(runes) > 0 {
			out["clientkeeper_"+name] = string(runes[:min(len(runes), 255)])
		}
	}
	return out
}
