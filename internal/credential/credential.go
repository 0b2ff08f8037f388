// Package credential makes machine clients and credentials once, and puts what
// has to be kept where its owner can read it. Callers get references, never a
// secret.
//
// # The order
//
// A client is made so that any call may be the last, and the next try of the
// same [Operation] goes on from there:
//
//	call                            found again by
//	make the secret, with the       its name, which ends in the operation's id,
//	credential in it                and its tag clientkeeper:request
//	make the client, with the       client_metadata.clientkeeper_request; asked
//	public key, if it has one       for only after a try that did not get through
//	set the client's secret         made again: it may be repeated
//	make the grants                 client and API: a second one is refused
//	put the client's id into the    the version's id, made of the operation's
//	secret
//	tag it as managed               made again
//	switch its rotation on          the secret says so
//
// So a credential is stored before the tenant has it, and nothing rotates a
// secret that is not whole. A create whose answer was lost is looked for until
// what is on its way must have arrived, and is not sent again in the same try.
//
// Further credentials go the same way: the key that is made here is stored in a
// secret of its own, the public half is added under a name that carries the
// operation's id, and then all are attached in one PATCH, which happens neither
// before nor while a rotation changes the same list.
//
// # What is refused
//
// Where the tenant refuses something for good, such as a grant for an API that
// it does not have, what was made is removed again: first the client or the
// credential, then the secret. If that fails in passing, the caller is told to
// repeat, and hears the refusal then. No grant is made for an API of the tenant
// itself: whoever may make clients could give itself the Management API. For
// the same reason a client that has such a grant is given no credential.
//
// Nothing private is taken from callers, whatever shape it has; a key has to be
// RSA of 2048 to 4096 bits, as Auth0 wants it ("Configure Private Key JWT
// Authentication"), with a kid of its own.
//
// # What the doctor finds
//
// What nobody repeats any more is left; see [Service.Examine]. Things younger
// than an hour are left alone.
//
//	unfinished_client  a secret without a client: schedule its deletion; with
//	                   one: send the request again, or delete the client
//	doubled_client     a second client of one request: delete it
//	client_unstored    a client of a request whose secret is gone: adopt or delete it
//	orphan_key         a key that the tenant does not have: schedule its deletion
//
// The package knows nothing of AWS, of HTTP, nor of how a secret is rotated.
package credential

import (
	"time"

	"clientkeeper/internal/secret"
)

// An Operation is one request over all of its tries: what is made carries the
// ID, and a resumed try looks for it before it makes anything.
type Operation struct {
	ID      string // 26 lower-case letters and digits
	Resumed bool
}

// The ways to log in that a machine client is made with.
const (
	PrivateKeyJWT    = "private_key_jwt"
	ClientSecretPost = "client_secret_post"
)

// A Grant lets a client have tokens for an API.
type Grant struct {
	Audience string   `json:"audience"`
	Scopes   []string `json:"scopes,omitempty"`
}

// A Quota limits the tokens that a client may have. Zero means no limit.
type Quota struct {
	PerHour int  `json:"per_hour,omitempty"`
	PerDay  int  `json:"per_day,omitempty"`
	Enforce bool `json:"enforce,omitempty"`
}

// A NewClient is a machine client to be made. Name is required.
type NewClient struct {
	Name        string
	Description string // at most 140 characters
	AuthMethod  string // empty: private_key_jwt
	Grants      []Grant
	Quota       Quota
	Interval    time.Duration     // between rotations; zero: 30 days
	Overlap     time.Duration     // how long an old key stays valid; zero: one day
	Tags        map[string]string // the caller's own, put on the secret
	RequestedBy string            // who asked, for the record
}

// A Client is a machine client with a managed secret.
type Client struct {
	ClientID   string    `json:"client_id"`
	Name       string    `json:"name"`
	AuthMethod string    `json:"token_endpoint_auth_method"`
	SecretARN  string    `json:"secret_arn"`
	NextDue    time.Time `json:"-"` // zero: not known
}

// A NewCredential says what credential a client gets. Exactly one of PEM, JWK,
// JWKS, JWKSURI, Certificate is set, or none: then a key is made here and its
// private half goes to a secret of its own.
type NewCredential struct {
	Name string // for people; empty: one is made up

	PEM         string // a public key
	JWK         []byte // a public key, RFC 7517
	JWKS        []byte // several, each becomes a credential
	JWKSURI     string // the same, fetched once
	Certificate string // X.509, PEM

	// Use is private_key_jwt (the zero value), self_signed_tls_client_auth or
	// tls_client_auth; the last two need a certificate, or SubjectDN.
	Use       string
	SubjectDN string // for tls_client_auth without a certificate

	Alg       string        // RS256 (the zero value), RS384 or PS256
	KeySize   int           // of a key made here: 2048 (zero), 3072, 4096
	ExpiresIn time.Duration // zero: does not expire
	Attach    bool          // let the client log in with it at once

	// Withheld are audiences that the caller may give no client. One that has a
	// grant for any of them, or for an API of the tenant itself, gets nothing.
	Withheld []string
}

// A Credential is one of a client's, as its owner may see it.
type Credential struct {
	ID        string
	Name      string
	Type      string // public_key, x509_cert, cert_subject_dn
	KeyID     string
	Alg       string
	Attached  bool
	Created   time.Time
	Updated   time.Time
	Expires   time.Time // zero: does not expire
	SecretARN string    // of the private half, where it was made here
}

// A Rotation is one rotation of a client's secret.
type Rotation struct {
	ID        string // opaque
	ClientID  string
	SecretARN string
	State     string // running, succeeded, superseded, failed
	Started   time.Time
}

// A Key is a private key that was made here, and its public half.
type Key struct {
	Private   secret.Value // PKCS #8, PEM
	PublicPEM string
	KeyID     string // RFC 7638 thumbprint
}
