package credential

import (
	"context"
	"crypto/rsa"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// A Service makes clients and credentials. Tenant and Store are required. It is
// safe for concurrent use, but for two tries of one [Operation] at once.
type Service struct {
	Tenant Tenant
	Store  Store

	// Fetch reads a JWKS URI: https only, from the public internet, without
	// redirects. Hosts are the names that it may be asked for; with none, no
	// JWKS URI is taken.
	Fetch func(ctx context.Context, url string) ([]byte, error)
	Hosts func(host string) bool

	// Prefix begins the names of the secrets that are made. Empty: "clients/".
	Prefix string
	// Domain is the tenant's, for token_endpoint and issuer. Domains are others
	// that it has; no grant is made for an API at any of them.
	Domain  string
	Domains []string
	// Audiences are the APIs that a grant may name, as they are; "*" alone
	// means every one. With none, no grant is made. An API of the tenant itself
	// is refused all the same.
	Audiences []string
	// Self is the id of the management client, which is never touched. Nil:
	// not known, and then nothing is refused for it.
	Self func(context.Context) (string, error)
	// Floor is the shortest time between two rotations of a secret. Zero: none.
	Floor time.Duration
	// AnyClient lets credentials be made for clients without a managed secret.
	AnyClient bool

	// Now is the clock; nil means time.Now. NewKey makes an RSA key; nil means
	// the real thing. Settle is how long a client may take to appear after a
	// create whose answer was lost; zero means 12 s.
	Now    func() time.Time
	NewKey func(bits int) (*rsa.PrivateKey, error)
	Settle time.Duration
}

// Reasons of errors from a [Tenant].
const (
	ReasonUnknown       = "outcome_unknown" // a create may have been made: look for it
	ReasonDuplicateKey  = "duplicate_key"   // the client has this key already
	ReasonPoolFull      = "pool_full"       // four credentials
	ReasonStillAttached = "still_attached"  // another slot uses it
)

// The keys of client_metadata that a client made here carries: the id of the
// operation, the ARN of its secret, and who asked.
const (
	MarkRequest = "clientkeeper_request"
	MarkSecret  = "clientkeeper_secret"
	MarkAsked   = "clientkeeper_requested_by"
)

// A TenantClient is a client to be made at the tenant.
type TenantClient struct {
	Name, Description string
	AuthMethod        string
	Key               PublicKey // for private_key_jwt; attached from the start
	Quota             Quota
	Metadata          map[string]string
}

// A PublicKey is a credential to be given to a client.
type PublicKey struct {
	Type      string // public_key, x509_cert, cert_subject_dn
	Name      string
	PEM       string
	SubjectDN string
	KeyID     string
	Alg       string
	Expires   time.Time
}

// A State is what the tenant says about a client.
type State struct {
	ID, Name string
	// Method is how it logs in: one of the three with credentials, or
	// client_secret_post, client_secret_basic, none, or empty.
	Method string
	// Attached are the ids of the credentials that Method may use, in the
	// tenant's order.
	Attached []string
	Metadata map[string]string
}

// A Marked is a client that carries [MarkRequest].
type Marked struct {
	ID, Name, Request, SecretARN string
}

// A Tenant is the part of an Auth0 tenant that this package needs. Methods fail
// with a [fault.Error]: NotFound when there is no such client or credential,
// Denied when a scope is missing, RateLimited and Unavailable when the answer is
// not known. Those that make something are sent once; where that may have been
// done, the error has [ReasonUnknown].
type Tenant interface {
	CreateClient(context.Context, TenantClient) (id string, err error)
	// Marked lists the clients with [MarkRequest], all of them.
	Marked(context.Context) ([]Marked, error)
	Client(ctx context.Context, id string) (State, error)
	DeleteClient(ctx context.Context, id string) error // gone already: nil
	SetSecret(ctx context.Context, id string, v secret.Value) error

	Grants(ctx context.Context, id string) ([]Grant, error)
	// Grant lets a client have tokens for an API. Conflict: it may already.
	Grant(ctx context.Context, id string, g Grant) error

	Credentials(ctx context.Context, id string) ([]Credential, error) // Attached is not filled in
	Credential(ctx context.Context, id, credential string) (Credential, error)
	// AddCredential may be Conflict with ReasonDuplicateKey or ReasonPoolFull.
	AddCredential(ctx context.Context, id string, k PublicKey) (Credential, error)
	SetExpiry(ctx context.Context, id, credential string, at time.Time) (Credential, error)
	// DeleteCredential may be Conflict with ReasonStillAttached; gone already: nil.
	DeleteCredential(ctx context.Context, id, credential string) error
	// Attach makes these the whole list of credentials that a method may use,
	// and switches the client to the method if it used another, in ONE PATCH.
	Attach(ctx context.Context, id, method string, credentials []string) error
}

// The tags of secrets that are made here, besides those of managed secrets.
const (
	// TagRequest is the operation that made the secret.
	TagRequest = "clientkeeper:request"
	// TagKeyOf is the client whose additional key it holds.
	TagKeyOf = "clientkeeper:key-of"
)

// A Stored is a secret without its value.
type Stored struct {
	ARN, Name, Text string // Text is what people have written about it
	Tags            map[string]string
	Created         time.Time
	Deleted         bool // scheduled for deletion
	Ours            bool // made for this tenant

	// What its tags say of a managed secret.
	Managed  bool
	ClientID string
	Kind     string // private_key_jwt or client_secret
	Paused   bool
	NextDue  time.Time // zero: not known
	Rotated  time.Time // when its last rotation ended; zero: never

	RotationEnabled bool
	Stages          map[string][]string // labels by version
}

// A Management is what makes a secret a managed one.
type Management struct {
	ClientID          string
	Kind              string
	Interval, Overlap time.Duration
}

// A Store is the part of Secrets Manager that this package needs. Methods fail
// with a [fault.Error]: NotFound, Denied, and RateLimited or Unavailable when
// the answer is not known. A read may be some moments behind a write.
type Store interface {
	// Create makes a secret of this tenant's. The same again is nil; another one of that name:
	// Conflict.
	Create(ctx context.Context, name, token, text string, v secret.Value, tags map[string]string) (arn string, err error)
	Describe(ctx context.Context, id string) (Stored, error)
	// Value is AWSCURRENT.
	Value(ctx context.Context, id string) (secret.Value, error)
	// Put makes a version AWSCURRENT. The same again is nil and moves nothing.
	Put(ctx context.Context, id, token string, v secret.Value) error
	// Manage tags a secret as managed; it may be repeated.
	Manage(ctx context.Context, id string, m Management) error
	// Erase deletes a secret that nobody has used, at once. Gone already: nil.
	Erase(ctx context.Context, id string) error
	// Discard schedules the deletion of a secret; it may be repeated.
	Discard(ctx context.Context, id string) error

	// Managed lists the managed secrets of this tenant, of one client if it is
	// named. What was changed within five minutes may be missing.
	Managed(ctx context.Context, clientID string) ([]Stored, error)
	// Requested lists the secrets with [TagRequest], whichever tenant's.
	Requested(ctx context.Context) ([]Stored, error)

	// EnableRotation switches rotation on, with the function that is
	// configured, and rotates nothing. It may be repeated.
	EnableRotation(ctx context.Context, id string) error
	// Rotate starts a rotation as the version token, and does not wait.
	// Conflict: another one is under way.
	Rotate(ctx context.Context, id, token string) error
	// History are the times of the versions that exist, by version.
	History(ctx context.Context, id string) (map[string]time.Time, error)
}

func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

func invalid(reason, detail, next string) error {
	return &fault.Error{Kind: fault.Invalid, Op: "credential", Reason: reason, Detail: detail, Next: next}
}

func conflict(reason, detail, next string) error {
	return &fault.Error{Kind: fault.Conflict, Op: "credential", Reason: reason, Detail: detail, Next: next}
}

func later(reason, detail, next string) error {
	return &fault.Error{Kind: fault.Unavailable, Op: "credential", Reason: reason, Detail: detail, Next: next, RetryAfter: time.Second}
}
