// Package idempotency lets a request with an Idempotency-Key be made once,
// whatever crashes, without a database: its records are kept by a [Store], which
// is Secrets Manager in production.
//
// The same key with the same request gives the same answer again. The same key
// with another request is refused, and so is one whose first try is still at
// work. A try that was killed is taken over once its time is up; the work then
// hears that it is resumed, and finds out for itself how far the earlier one got.
//
// Source: IETF draft "The Idempotency-Key HTTP Header Field".
package idempotency

import (
	"context"
	"time"
)

// A Request is what a key stands for.
type Request struct {
	Caller string   // who asks; another caller's key of the same text is another key
	Key    string   // as the caller chose it, 1 to 255 characters
	Digest [32]byte // of everything that makes the request what it is: method, path, body
}

// An Answer is what the caller got, and gets again. It holds nothing secret.
type Answer struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header,omitempty"`
	Body   []byte            `json:"body,omitempty"`
}

// An Operation is one request with a key, over all of its tries.
type Operation struct {
	// ID is the same for every try, and nobody else's: 26 lower-case letters and
	// digits, fit for names of secrets, tags and the tenant's metadata.
	ID string
	// Resumed means that an earlier try began and may have got anywhere.
	Resumed bool
}

// Work does what the request asks for. Only a success is remembered: after an
// error the same request is worked on anew, as resumed.
type Work func(ctx context.Context, op Operation) (Answer, error)

// A Ledger keeps the records.
type Ledger struct {
	Store Store
	Now   func() time.Time // nil: time.Now
}
