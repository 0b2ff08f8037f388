// Package event says to others what has happened: a client was registered,
// changed or rejected; a secret was rotated, a rotation failed, an overlap
// ended. An event is a JSON object with the same envelope for all types, made
// to be put on an EventBridge bus by a pipe that reads it from a queue. Each
// type has a JSON Schema in schemas/, and an event names things and never
// holds a secret.
//
// An event is sent after the work was done, once, and not again if that fails:
// work never waits for it, and never fails because of it. A crash between the
// two loses it, a repetition of the work sends another. So events are for
// telling people and starting what may start twice; what is true is in the
// tenant and in Secrets Manager.
package event

import (
	"context"
	"embed"
	"encoding/json"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Schemas holds a JSON Schema per type, as schemas/<type>.json.
//
//go:embed schemas
var Schemas embed.FS

// Data is what one type of event tells.
type Data interface{ Type() string }

// A Client is an OAuth client that was registered from its document.
type Client struct {
	ClientID         string   `json:"client_id"`
	ExternalClientID string   `json:"external_client_id"`
	RequestID        string   `json:"request_id,omitempty"`   // the requester's own
	RequestedBy      string   `json:"requested_by,omitempty"` // as the message says
	Warnings         []string `json:"warnings,omitempty"`
}

// The events of registration.
type (
	// ClientRegistered: the client is new in the tenant.
	ClientRegistered Client
	// ClientChanged: a client that was there already was brought up to date.
	// The tenant does not say whether anything differed.
	ClientChanged Client
	// ClientRejected: the message is in the dead-letter queue.
	ClientRejected struct {
		MessageID        string   `json:"message_id"`
		ExternalClientID string   `json:"external_client_id,omitempty"` // empty if the message was not understood
		RequestID        string   `json:"request_id,omitempty"`
		RequestedBy      string   `json:"requested_by,omitempty"`
		Reason           string   `json:"reason"` // a stable slug
		Violations       []string `json:"violations,omitempty"`
		Warnings         []string `json:"warnings,omitempty"`
	}
)

// The events of rotation.
type (
	// SecretRotated: the version is AWSCURRENT, and the tenant accepts it.
	SecretRotated struct {
		SecretARN  string `json:"secret_arn"`
		VersionID  string `json:"version_id"`
		ClientID   string `json:"client_id"`
		Credential string `json:"credential"` // client_secret or private_key_jwt
	}
	// RotationFailed: a step failed. Secrets Manager tries again, or has given
	// up; what is AWSCURRENT is as it was.
	RotationFailed struct {
		SecretARN string `json:"secret_arn"`
		VersionID string `json:"version_id"`
		ClientID  string `json:"client_id,omitempty"`
		Step      string `json:"step"`
		Reason    string `json:"reason"` // a stable slug
	}
	// OverlapEnded: the old keys of a client were detached and deleted.
	OverlapEnded struct {
		SecretARN string `json:"secret_arn"`
		ClientID  string `json:"client_id,omitempty"`
	}
)

// Type is the word by which a bus routes.
func (ClientRegistered) Type() string { return "client.registered" }

// Type is the word by which a bus routes.
func (ClientChanged) Type() string { return "client.changed" }

// Type is the word by which a bus routes.
func (ClientRejected) Type() string { return "client.rejected" }

// Type is the word by which a bus routes.
func (SecretRotated) Type() string { return "secret.rotated" }

// Type is the word by which a bus routes.
func (RotationFailed) Type() string { return "rotation.failed" }

// Type is the word by which a bus routes.
func (OverlapEnded) Type() string { return "overlap.ended" }

// Types are all types of events.
func Types() []string {
	var out []string
	for _, d := range []Data{ClientRegistered{}, ClientChanged{}, ClientRejected{}, SecretRotated{}, RotationFailed{}, OverlapEnded{}} {
		out = append(out, d.Type())
	}
	return out
}

type envelope struct {
	Version       int       `json:"version"`
	ID            uuid.UUID `json:"id"`
	Type          string    `json:"type"`
	Time          time.Time `json:"time"`
	Tenant        string    `json:"tenant"`
	CorrelationID string    `json:"correlation_id,omitempty"`
	Data          Data      `json:"data"`
}

// An Announcer sends events. Make it with [NewAnnouncer]; nil sends none. It is
// safe for concurrent use.
type Announcer struct {
	tenant string
	send   func(ctx context.Context, body string) error
	now    func() time.Time

	mu    sync.Mutex
	quiet time.Time // nothing is sent before
	last  error     // why
}

const (
	// patience is how long an event may hold up the work that goes on after it.
	patience = 2 * time.Second
	// silence is how long nothing is tried after a failure, so that a queue that
	// does not answer holds up one message and not each of them.
	silence = 30 * time.Second
)

// NewAnnouncer sends events about a tenant with send.
func NewAnnouncer(tenant string, send func(ctx context.Context, body string) error) *Announcer {
	return &Announcer{tenant: tenant, send: send, now: time.Now}
}

// Announce sends one event. Its error is for a log: the event is lost, the work
// that it tells of is not.
func (a *Announcer) Announce(ctx context.Context, correlationID string, what Data) error {
	if a == nil {
		return nil
	}
	if err := a.hushed(); err != nil {
		return err
	}
	body, err := json.Marshal(envelope{Version: 1, ID: uuid.New(), Type: what.Type(), Time: a.now().UTC(), Tenant: a.tenant, CorrelationID: correlationID, Data: what})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err = a.send(ctx, string(body)); err != nil {
		a.hush(err)
	}
	return err
}

func (a *Announcer) hushed() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.now().Before(a.quiet) {
		return a.last
	}
	return nil
}

func (a *Announcer) hush(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.quiet, a.last = a.now().Add(silence), err
}
