package auth0

import (
	"context"
	"net/http"
	"strings"
	"time"

	"clientkeeper/internal/fault"
)

const opCreateCredential = "auth0.create_credential"

// Reasons of refusals that Auth0 gives neither a code nor a status of their
// own. The first two are read off the client's pool; only the third needs its
// words, for whether a credential is in use can be several properties' affair.
const (
	reasonDuplicateKey = "duplicate_key"
	reasonPoolFull     = "pool_full"
	reasonAttached     = "still_attached"
)

// credentialsLimit bounds a list: a client's pool holds four as a rule.
const credentialsLimit = 4 << 20

// A NewCredential is a public key, a certificate or the name in one, to be
// given to a client.
type NewCredential struct {
	// Type is public_key, x509_cert or cert_subject_dn. Empty means public_key.
	Type string
	// Name is for people; at most 128 characters.
	Name string
	// PEM is a public key (SPKI or PKCS #1, RSA of 2048 to 4096 bits) or an
	// X.509 certificate. A private key is refused before anything is sent.
	PEM string
	// SubjectDN is for cert_subject_dn, instead of PEM.
	SubjectDN string
	// Alg is RS256, RS384 or PS256, for public_key. Empty means RS256.
	Alg string
	// KeyID is 10 to 64 characters of [0-9A-Za-z_-]. Empty means the key's
	// thumbprint (RFC 7638).
	KeyID string
	// Expires is when it stops working, for public_key. Zero means never.
	Expires time.Time
	// ExpiryFromCert takes the expiry from the certificate in PEM. It excludes
	// Expires.
	ExpiryFromCert bool
}

// Credentials lists all credentials of a client, in no order, those that are
// enabled and those that are not; which are is the client's own affair, see
// [ClientInfo.AuthenticationMethods]. A list is complete or an error.
//
// Scope: read:client_credentials. Source: Management API "Get client
// credentials".
func (c *Client) Credentials(ctx context.Context, clientID string) ([]ClientCredential, error) {
	const op = "auth0.list_credentials"
	if err := checkID(op, clientID); err != nil {
		return nil, err
	}
	var out *[]ClientCredential // null is not an empty list
	_, err := c.do(ctx, call{
		op: op, method: http.MethodGet, path: []string{"clients", clientID, "credentials"},
		out: &out, limit: credentialsLimit, repeatable: true, scopes: "read:client_credentials",
	})
	if err != nil {
		return nil, err
	}
	if out == nil {
		return nil, strange(op, "the answer holds no list")
	}
	for _, cred := range *out {
		if cred.ID == "" {
			return nil, strange(op, "a credential has no id")
		}
	}
	return *out, nil
}

// CreateCredential adds a credential to a client's pool. It is not enabled:
// [Client.SetCredentials] and [Client.UpdateClient] do that.
//
// It is made once. If the tenant may have made it and the answer was lost, the
// error is [fault.Unavailable] with the reason "outcome_unknown": list the
// credentials, and look for the key's thumbprint in their KeyID. A refusal is
// held against the pool: a key that the client has already, under the same key
// id, is [fault.Conflict] with "duplicate_key"; a pool of four is
// [fault.Conflict] with "pool_full"; all else is [fault.Invalid].
//
// Scopes: create:client_credentials, and read:client_credentials to tell these
// refusals apart. Sources: Management API "Create a client
// credential"; Auth0 docs "Configure Private Key JWT Authentication".
func (c *Client) CreateCredential(ctx context.Context, clientID string, n NewCredential) (ClientCredential, error) {
	const op = opCreateCredential
	if err := checkID(op, clientID); err != nil {
		return ClientCredential{}, err
	}
	if err := n.check(op); err != nil {
		return ClientCredential{}, err
	}
	var out ClientCredential
	_, err := c.do(ctx, call{
		op: op, method: http.MethodPost, path: []string{"clients", clientID, "credentials"},
		in: n.wire(), out: &out, scopes: "create:client_credentials",
	})
	if err == nil && out.ID == "" {
		err = unknownOutcome(op, strange(op, "the answer names no credential"))
	}
	if err != nil {
		return ClientCredential{}, c.whyRefused(ctx, clientID, n, err)
	}
	return out, nil
}

// Credential reads one credential of a client. One that does not exist is
// [fault.NotFound] with the reason "inexistent_credential", and so is a client
// that does not, with "inexistent_client".
//
// Scope: read:client_credentials. Source: Management API "Get a client
// credential".
func (c *Client) Credential(ctx context.Context, clientID, id string) (ClientCredential, error) {
	const op = "auth0.get_credential"
	if err := checkIDs(op, clientID, id); err != nil {
		return ClientCredential{}, err
	}
	return c.credentialAnswer(ctx, call{
		op: op, method: http.MethodGet, path: []string{"clients", clientID, "credentials", id},
		repeatable: true, scopes: "read:client_credentials", judge: judgeCredential,
	})
}

// SetCredentialExpiry changes when a credential stops working, which is all
// that can be changed of one. The zero time means never. The tenant keeps
// milliseconds. Repeating it is harmless.
//
// Scope: update:client_credentials. Source: Management API "Update a client
// credential", which promises 201 where tenants have been seen to answer 200.
func (c *Client) SetCredentialExpiry(ctx context.Context, clientID, id string, at time.Time) (ClientCredential, error) {
	const op = "auth0.update_credential"
	if err := checkIDs(op, clientID, id); err != nil {
		return ClientCredential{}, err
	}
	in := map[string]any{"expires_at": nil}
	if !at.IsZero() {
		in["expires_at"] = timestamp(at)
	}
	return c.credentialAnswer(ctx, call{
		op: op, method: http.MethodPatch, path: []string{"clients", clientID, "credentials", id},
		in: in, repeatable: true, scopes: "update:client_credentials", judge: judgeCredential,
	})
}

// DeleteCredential deletes a credential. Deleting what is gone already is a
// success, so repeating it is harmless. One that is still enabled is refused,
// as [fault.Conflict] with the reason "still_attached".
//
// Scope: delete:client_credentials. Source: Management API "Delete a client
// credential".
func (c *Client) DeleteCredential(ctx context.Context, clientID, id string) error {
	const op = "auth0.delete_credential"
	if err := checkIDs(op, clientID, id); err != nil {
		return err
	}
	_, err := c.do(ctx, call{
		op: op, method: http.MethodDelete, path: []string{"clients", clientID, "credentials", id},
		repeatable: true, scopes: "delete:client_credentials", judge: judgeDeleteCredential,
	})
	if fault.KindOf(err) == fault.NotFound && fault.Reason(err) == "inexistent_client" {
		return nil // its credentials went with it
	}
	return err
}

func (c *Client) credentialAnswer(ctx context.Context, in call) (ClientCredential, error) {
	var out ClientCredential
	in.out = &out
	_, err := c.do(ctx, in)
	if err == nil && out.ID == "" {
		err = strange(in.op, "the answer names no credential")
	}
	if err != nil {
		return ClientCredential{}, err
	}
	return out, nil
}

func checkIDs(op, clientID, id string) error {
	if err := checkID(op, clientID); err != nil {
		return err
	}
	if checkID(op, id) != nil {
		return &fault.Error{Kind: fault.Invalid, Op: op, Detail: "that is not the id of a credential"}
	}
	return nil
}

// check refuses what must never be sent, and what the tenant could only
// misunderstand.
func (n NewCredential) check(op string) error {
	invalid := func(reason, detail string) error {
		return &fault.Error{Kind: fault.Invalid, Op: op, Reason: reason, Detail: detail}
	}
	switch {
	case strings.Contains(n.PEM, "PRIVATE KEY"):
		return invalid("private_key", "that is a private key; only its public half may leave")
	case (n.PEM == "") == (n.SubjectDN == ""):
		return invalid("", "a credential has either a PEM or a subject")
	case n.ExpiryFromCert && !n.Expires.IsZero():
		return invalid("", "the expiry comes from the certificate or from the caller, not from both")
	}
	return nil
}

// wire is the request's body, whose schema is closed: what is not meant is not
// sent.
func (n NewCredential) wire() map[string]any {
	b := map[string]any{"credential_type": or(n.Type, "public_key")}
	for name, v := range map[string]string{
		"name": n.Name, "pem": n.PEM, "subject_dn": n.SubjectDN, "alg": n.Alg, "kid": n.KeyID,
	} {
		if v != "" {
			b[name] = v
		}
	}
	if !n.Expires.IsZero() {
		b["expires_at"] = timestamp(n.Expires)
	}
	if n.ExpiryFromCert {
		b["parse_expiry_from_cert"] = true
	}
	return b
}

// timestamp is RFC 3339 in UTC with milliseconds, as the tenant stores it.
func timestamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// judgeCredential names what is missing: a client has a code of its own.
func judgeCredential(said envelope, e *fault.Error) {
	if e.Kind == fault.NotFound && said.code != "inexistent_client" {
		e.Reason, e.Detail = "inexistent_credential", "the client has no such credential"
	}
}

// judgeDeleteCredential is the one place where the tenant's words decide: this
// refusal has no code, and Auth0's own Terraform provider knows it by them.
func judgeDeleteCredential(said envelope, e *fault.Error) {
	attached := strings.Contains(said.message, "still associated with a client")
	if attached && (e.Kind == fault.Invalid || e.Kind == fault.Conflict) {
		e.Kind, e.Reason = fault.Conflict, reasonAttached
		e.Detail, e.Next = "the credential is still enabled", "take it out of the client's list first"
	}
}
