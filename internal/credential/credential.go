// Package credential makes machine clients and credentials once, and puts what
// has to be kept where its owner can read it. Callers get references, never a
// secret.
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
