package tenant

import (
	"context"
	"crypto/rsa"
	"net/http"
	"time"
)

// Options says what kind of tenant it is. The zero Options give an Enterprise
// tenant at localhost with default behaviour, no documents to fetch and CIMD
// registration switched off, as it is in a new tenant.
type Options struct {
	// Domain is the canonical domain, with its port: "localhost:8443". With no
	// port, or port 0, [Tenant.Listen] fills in the port it got. Default
	// "localhost:0".
	Domain string
	// Aliases are other host:port names of the same tenant, such as
	// "host.docker.internal:8443". They work as custom domains do, and their
	// Management API audience is accepted too.
	Aliases []string
	// Name is the tenant's name, as clients show it. Default "sandbox".
	Name string
	// CADir keeps the certificate authority between starts, in ca.pem and
	// ca-key.pem. Empty means a new one for every start.
	CADir string
	// SigningKey signs access tokens. Nil makes a new RSA key of 2048 bits.
	SigningKey *rsa.PrivateKey
	// Plan is what the tenant pays for. The zero Plan is "enterprise".
	Plan Plan
	// CIMD is the tenant setting client_id_metadata_document_supported.
	CIMD bool
	// Rules are the names of the tenant's Rules: with any, logins of strict
	// third-party clients break, so a preflight asks for them.
	Rules []string
	// Fetcher gets metadata documents and key sets. Nil fetches nothing.
	Fetcher Fetcher
	// Mischief is asked about every request before it is served, with the
	// number of the request from 1; nil means none. See [ParseMischief].
	Mischief func(n int, r *http.Request) Fault
	// Latency delays every answer; the zero Latency delays none.
	Latency Latency
	// Quirks are the points where Auth0's public sources are silent or
	// contradict each other.
	Quirks Quirks
	// Replies overrides error answers by name; see [Reply] for the names.
	Replies map[string]Reply
	// OnSecretLogin, if set, decides what a login with a secret meets while a
	// change spreads, in place of Quirks.SecretAcceptance. See [Propagation].
	OnSecretLogin func(SecretLogin) Acceptance
	// Seed makes latency and the drawing of [AcceptEither] repeatable.
	Seed uint64
	// Now is the tenant's clock. Nil is time.Now.
	Now func() time.Time
	// LogSize bounds the request log. Zero means 1000 entries.
	LogSize int
	// OnRequest, if set, is told of every request once it has been served. It
	// must not block, and may be called by several goroutines at once.
	OnRequest func(Entry)
}

// Fetched is a document as it arrived with status 200.
type Fetched struct {
	Body        []byte
	ContentType string
}

// A Fetcher gets the document at a URL that a stranger chose. It follows no
// redirects, and a body longer than limit bytes is an error, as is any status
// but 200. The text of its error is a sentence that the tenant repeats to the
// caller of preview.
type Fetcher interface {
	Fetch(ctx context.Context, url string, limit int64) (Fetched, error)
}

// Quirks are switches for behaviour that no public source settles. The zero
// Quirks are live recorded behaviour where there is some, and the stricter
// reading elsewhere.
type Quirks struct {
	// PatchCredentialStatus is 200 as recorded (zero), or 201 as published.
	PatchCredentialStatus int
	// DeleteStatus is 204 as recorded (zero), or 200 as in SDK tests.
	DeleteStatus int
	// PreviewScopes are the scopes any of which preview wants. Nil means
	// read:clients (the published security) or create:clients or
	// update:clients (the published 403 text).
	PreviewScopes []string
	// StrictAuthMethod makes a client_secret_basic client fail with
	// client_secret_post, and the other way round.
	StrictAuthMethod bool
	// RegisterWithoutFlag lets register and preview work while the tenant
	// setting client_id_metadata_document_supported is off.
	RegisterWithoutFlag bool
	// SameKeyID says what becomes of a key set whose known kid has new key
	// material. The stored key stays in any case.
	SameKeyID SameKeyID
	// KeepVanishedKeys keeps the credentials of keys that left the key set;
	// without it they are detached and removed.
	KeepVanishedKeys bool
	// UnreadableIsViolation makes a document that arrived but is no JSON
	// object a violation; without it, it counts as not retrieved.
	UnreadableIsViolation bool
	// AnyContentType accepts documents whose media type is not JSON.
	AnyContentType bool
	// ViolationsIn400 lists the violations in the 400 of register, as
	// "violations"; without it the message says only that there are some.
	ViolationsIn400 bool
	// LocationHeader adds Location to the 201 of register.
	LocationHeader bool
	// ShowSecurityMode shows third_party_security_mode on CIMD clients.
	ShowSecurityMode bool
	// AbsentAuthMethod is token_endpoint_auth_method when the document names
	// none. Empty means "none".
	AbsentAuthMethod string
	// ContinuousRefill fills the rate limit buckets continuously. Without it
	// tokens arrive at the top of each second.
	ContinuousRefill bool
	// RetryAfter adds Retry-After to the 429 of the Management API.
	RetryAfter bool
	// MaxOffset refuses offset pages beyond this many records with
	// invalid_paging, as documented for organizations. Zero never does.
	MaxOffset int
	// GlobalClient adds the legacy client "All Applications".
	GlobalClient bool
	// SecretPropagation is how long a changed secret takes to spread, up to
	// 30 s. Zero has it in force at once.
	SecretPropagation time.Duration
	// SecretAcceptance is which secrets work until then. Zero is AcceptBoth.
	SecretAcceptance Acceptance
	// UnusedSecrets lets rotate-secret work for public and CIMD clients, and
	// PATCH client_secret for public clients and those with keys. Without it
	// secrets that cannot log in are not changed.
	UnusedSecrets bool
	// PastExpiry accepts credentials whose expires_at has passed.
	PastExpiry bool
	// PoolLimit and SlotLimit bound the credentials of a client, and those of
	// them that are enabled. Zero means 4 and 2.
	PoolLimit, SlotLimit int
}

// SameKeyID is what register makes of new key material under a known kid.
type SameKeyID int

// What can become of it.
const (
	SameKeyIDWarns    SameKeyID = iota // applied otherwise, with a warning
	SameKeyIDSilent                    // applied otherwise, not a word
	SameKeyIDViolates                  // the document cannot be applied
)

const (
	defaultPoolLimit = 4
	defaultSlotLimit = 2
	defaultLogSize   = 1000
)

func (o Options) withDefaults() Options {
	if o.Domain == "" {
		o.Domain = "localhost:0"
	}
	if o.Name == "" {
		o.Name = "sandbox"
	}
	if o.Plan.Name == "" {
		o.Plan = plans["enterprise"]
	}
	if o.Fetcher == nil {
		o.Fetcher = noFetcher{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.LogSize == 0 {
		o.LogSize = defaultLogSize
	}
	o.Quirks = o.Quirks.withDefaults()
	return o
}

func (o Options) propagation() Propagation {
	return Propagation{Window: o.Quirks.SecretPropagation, Accept: o.Quirks.SecretAcceptance, Script: o.OnSecretLogin}
}

func (q Quirks) withDefaults() Quirks {
	if q.PatchCredentialStatus == 0 {
		q.PatchCredentialStatus = http.StatusOK
	}
	if q.DeleteStatus == 0 {
		q.DeleteStatus = http.StatusNoContent
	}
	if q.PreviewScopes == nil {
		q.PreviewScopes = []string{"read:clients", "create:clients", "update:clients"}
	}
	if q.AbsentAuthMethod == "" {
		q.AbsentAuthMethod = "none"
	}
	if q.PoolLimit == 0 {
		q.PoolLimit = defaultPoolLimit
	}
	if q.SlotLimit == 0 {
		q.SlotLimit = defaultSlotLimit
	}
	return q
}
