package rotation

import (
	"context"
	"time"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/secret"
)

// The staging labels that Secrets Manager gives a meaning to.
const (
	Current  = "AWSCURRENT"
	Pending  = "AWSPENDING"
	Previous = "AWSPREVIOUS"
)

// A Secret is what Secrets Manager says about a secret without its values.
type Secret struct {
	ID       string // the full ARN
	Name     string
	Tags     map[string]string
	Versions []Version // those with a label at least, in no order

	RotationEnabled bool
	Created         time.Time
	Changed         time.Time // when anything of it was last changed; zero: not known
	LastRotated     time.Time // zero: never by Secrets Manager's rotation
	NextRotation    time.Time // zero: it has no schedule of its own
	Deleted         bool      // scheduled for deletion
	Replicas        []Replica
}

// A Version is an immutable value and the labels that point at it now. One that
// Secrets Manager made for a rotation has no value until it is given one.
type Version struct {
	ID      string
	Labels  []string
	Created time.Time // zero: not known
}

// A Replica is a copy of a secret in another region.
type Replica struct {
	Region string
	State  ReplicaState
}

// A ReplicaState says how far a replica has got.
type ReplicaState int

// The states of a replica. The zero state is the careful one.
const (
	ReplicaBehind ReplicaState = iota // InProgress, or a status nobody knows
	ReplicaInSync
	ReplicaFailed
)

// A Store is the part of Secrets Manager that the four steps need. Methods
// fail with a [clientkeeper/internal/fault.Error]: NotFound when the secret
// does not exist, Denied when the role may not, RateLimited and Unavailable
// when the answer is not known, which for a write means that it may have been
// made all the same. The steps read back before they conclude anything.
type Store interface {
	// Describe reads labels, tags and replicas. It may be a moment behind a
	// write. The id may be the ARN or the name; Version.Created may be zero.
	Describe(ctx context.Context, id string) (Secret, error)

	// Value reads the value of a version by the version's id alone, whatever
	// its labels. NotFound: the version has no value, or none that is visible yet.
	Value(ctx context.Context, id, version string) (secret.Value, error)

	// PutPending stores the value of a version and gives it AWSPENDING. It may
	// be repeated with the same value. Conflict: the version has another value
	// already; values are immutable. rotationToken is the event's, or empty.
	PutPending(ctx context.Context, id, version string, v, rotationToken secret.Value) error

	// MoveCurrent moves AWSCURRENT from one version to another, and only from
	// that one: Conflict if it is elsewhere, also after a call that succeeded
	// and is repeated. The version that it leaves becomes AWSPREVIOUS.
	MoveCurrent(ctx context.Context, id, to, from string) error

	// RemoveLabel takes a label off a version. A label that is no longer on it
	// is nil, or Conflict where Secrets Manager objects; both change nothing.
	RemoveLabel(ctx context.Context, id, label, from string) error
}

// A Catalog is what schedules, the doctor and adoption need besides [Store].
type Catalog interface {
	// List is every secret with the tag clientkeeper:managed=true, whole: half
	// a list is an error, for nothing may be concluded from it.
	List(ctx context.Context) ([]Secret, error)

	// History is every version that still exists, those without a label and
	// their times of creation included.
	History(ctx context.Context, id string) ([]Version, error)

	// Rotate asks Secrets Manager to start a rotation as the version token
	// (32 to 64 characters), and does not wait for it. An earlier rotation that
	// is not complete, which Secrets Manager then tries again: nil. No rotation
	// function: Invalid.
	Rotate(ctx context.Context, id, token string) error

	// Create makes a secret whose first version, with the id token, is
	// AWSCURRENT. The same again is nil; another secret of that name: Conflict.
	// It returns the ARN.
	Create(ctx context.Context, name, token string, v secret.Value, tags map[string]string) (string, error)

	// Tag adds tags or changes them; Untag removes them. Both may be repeated.
	Tag(ctx context.Context, id string, tags map[string]string) error
	Untag(ctx context.Context, id string, keys ...string) error
}

// A Client is what the tenant says about a client.
type Client struct {
	ID   string
	Name string

	// AuthMethod is how it authenticates: client_secret_post,
	// client_secret_basic, none, or private_key_jwt where
	// client_authentication_methods has it. Other entries of that object
	// (tls_client_auth, self_signed_tls_client_auth) go by their own names.
	AuthMethod string

	// Secret is its client_secret; zero where the scope does not show it.
	Secret secret.Value

	// Mark is what [Tenant.Mark] has set; empty: nothing.
	Mark string

	// Attached are the ids of the credentials in the private_key_jwt slot, in
	// the tenant's order; none where AuthMethod is another.
	Attached []string

	// Elsewhere are the ids of credentials that other slots use
	// (signed_request_object and its like). They are nobody's to remove.
	Elsewhere []string
}

// A Credential is a public key in a client's pool.
type Credential struct {
	ID      string
	Name    string
	KeyID   string // kid; empty for what is no public key
	Alg     string
	Created time.Time
	Expires time.Time // zero: never
}

// A NewKey is a public key to put into a client's pool.
type NewKey struct {
	Name      string // at most 128 characters
	PublicPEM string // SPKI
	KeyID     string // the RFC 7638 thumbprint
	Alg       string
	Expires   time.Time // zero: never
}

// Reasons of a Conflict from [Tenant.AddKey] and [Tenant.DeleteKey].
const (
	ReasonDuplicateKey  = "duplicate_key"  // the same public key is there already
	ReasonPoolFull      = "pool_full"      // four credentials
	ReasonStillAttached = "still_attached" // a slot uses it
)

// An Answer is what the token endpoint said to a credential.
type Answer int

// The answers. There is none for not knowing: that is an error.
const (
	// Refused: 401, it is not the client's credential.
	Refused Answer = iota
	// Accepted: a token was issued, and thrown away.
	Accepted
	// GrantRefused: 403 with unauthorized_client or access_denied, which the
	// tenant says, as far as is known, to a client that it has recognised but
	// that may not have this grant or this audience.
	GrantRefused
)

// A Tenant is the part of an Auth0 tenant that rotation needs. Methods fail
// with a [clientkeeper/internal/fault.Error]: NotFound when the client does not
// exist, Denied when a scope is missing, RateLimited and Unavailable when the
// answer is not known, which for a write means that it may have been made.
type Tenant interface {
	// Client reads a client. It may be a moment behind a write.
	Client(ctx context.Context, id string) (Client, error)

	// Mark notes a word of ours on the client, where only those can write who
	// may change it. It may be repeated.
	Mark(ctx context.Context, id, mark string) error

	// SetSecret changes client_secret (PATCH). It may be repeated.
	SetSecret(ctx context.Context, id string, v secret.Value) error

	// RotateSecret lets the tenant make a new secret (POST rotate-secret) and
	// returns it. The adapter must send it once, whatever the answer.
	RotateSecret(ctx context.Context, id string) (secret.Value, error)

	// UseSecret switches a client to a shared secret in ONE PATCH:
	// client_authentication_methods null, token_endpoint_auth_method as given,
	// client_secret as given. It may be repeated.
	UseSecret(ctx context.Context, id, method string, v secret.Value) error

	// UseKeys makes these credentials the whole private_key_jwt slot in ONE
	// PATCH, and switches the client to private_key_jwt if it was not: with
	// token_endpoint_auth_method null and, as private_key_jwt needs,
	// jwt_configuration.alg RS256. It may be repeated. Conflict or
	// Invalid: more than two, or one that does not exist.
	UseKeys(ctx context.Context, id string, credentials []string) error

	// Credentials lists the pool, attached or not, in no order.
	Credentials(ctx context.Context, id string) ([]Credential, error)

	// AddKey uploads a key, which does not attach it. The adapter must send it
	// once. Conflict with ReasonDuplicateKey or ReasonPoolFull as its Reason.
	AddKey(ctx context.Context, id string, key NewKey) (Credential, error)

	// SetExpiry changes when a credential expires; zero: never. It may be repeated.
	SetExpiry(ctx context.Context, id, credential string, at time.Time) error

	// DeleteKey removes a credential from the pool; one that is gone is nil.
	// Conflict with ReasonStillAttached as its Reason.
	DeleteKey(ctx context.Context, id, credential string) error

	// Login asks the token endpoint with client_credentials and exactly this
	// credential: no cached token, no other value, each assertion with a jti
	// of its own. An empty audience means the adapter's choice. A
	// private_key_jwt secret, or one with a key and no secret, signs;
	// client_secret_basic uses the header, everything else the body.
	Login(ctx context.Context, c clientsecret.ClientSecret, audience string) (Answer, error)
}
