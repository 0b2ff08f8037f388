// Package idempotency lets a request with an Idempotency-Key be made once,
// whatever crashes, without a database: its records are kept by a [Store], which
// is Secrets Manager in production.
//
// The same key with the same request gives the same answer again. The same key
// with another request is refused, and so is one whose first try is still at
// work. A try that was killed is taken over once its time is up; the work then
// hears that it is resumed, and finds out for itself how far the earlier one got.
//
// # How a record is kept
//
// A record is a list of entries, each written once and never changed:
//
//	entry      says                                           written by
//	begun      what is asked, who works on it and until when  whoever came first
//	released   the try failed                                 who worked on it
//	taken      who works on it now, and until when            who found it released or overdue
//	answered   the answer                                     who worked on it
//
// The store keeps the first entry under a name of which there is one, and gives
// every entry the name of its place in the list, under which there is one value
// for ever. So of two that would write the next entry exactly one does, and who
// reads an old entry finds out when it writes. A try that comes late, after
// another took over, cannot end the record; its caller is told to repeat.
//
// A try works until its context's deadline, and its lease lasts a margin longer,
// so that no two tries are ever at work at once: the deadline of an invocation
// is when Lambda ends it.
//
// Source: IETF draft "The Idempotency-Key HTTP Header Field".
package idempotency

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"

	"clientkeeper/internal/fault"
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
	// Space tells these records apart from others in the same Store, such as by
	// the tenant that the requests are about.
	Space string
	Now   func() time.Time // nil: time.Now
}

// Margin is how long after its deadline a try may still have an effect: a
// request on its way to a tenant takes 11 seconds at the most that was seen.
const Margin = 15 * time.Second

// KeepFor is how long a record is kept after the last thing that happened to it.
// After that, its key is a new one.
const KeepFor = 24 * time.Hour

// workLimit bounds a try whose context has no deadline. Lambda gives no
// function more.
const workLimit = 15 * time.Minute

const maxKey = 255

// Do answers a request: by work, or with the answer that work gave to the same
// request before, which is replayed. Another request with the same key is
// [fault.Invalid] with the reason "idempotency_key_reused"; one whose earlier
// try may still be at work is [fault.Conflict] with "idempotency_in_progress"
// and the time to wait. What work fails with is returned as it is, and the next
// try may begin at once.
func (l *Ledger) Do(ctx context.Context, r Request, work Work) (answer Answer, replayed bool, err error) {
	if r.Key == "" || len(r.Key) > maxKey {
		return Answer{}, false, &fault.Error{Kind: fault.Invalid, Op: "idempotency.do", Reason: "idempotency_key_invalid",
			Detail: "the Idempotency-Key has no text, or more than 255 characters", Next: "send one of 1 to 255 characters, such as a UUID"}
	}
	ctx, cancel := withDeadline(ctx)
	defer cancel()
	t := l.try(ctx, r)
	answered, err := t.begin(ctx)
	if err != nil || answered != nil {
		return orNone(answered), answered != nil, err
	}
	answer, err = t.work(ctx, work)
	return answer, false, err
}

// Known reports whether there is a record of the key, of whatever request. What
// was begun a moment ago may not be seen yet.
func (l *Ledger) Known(ctx context.Context, r Request) (bool, error) {
	_, err := l.Store.Last(ctx, l.name(r))
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return false, nil
	}
	return err == nil, err
}

func orNone(a *Answer) Answer {
	if a == nil {
		return Answer{}
	}
	return *a
}

func withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, workLimit)
}

func (l *Ledger) now() time.Time {
	if l.Now != nil {
		return l.Now()
	}
	return time.Now()
}

// name is what a key's record is called: nobody learns the caller or the key
// from it.
func (l *Ledger) name(r Request) string { return digestOf("record", l.Space, r.Caller, r.Key) }

// operation is the request's id: once a record has expired, the same key with
// another request is another operation.
func (l *Ledger) operation(r Request) string {
	return digestOf("operation", l.Space, r.Caller, r.Key, string(r.Digest[:]))
}

// digestOf is 128 bits of what is told apart by the lengths of its parts.
func digestOf(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		_ = binary.Write(h, binary.BigEndian, uint64(len(p))) // a hash takes everything
		h.Write([]byte(p))
	}
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(h.Sum(nil)))[:idLength]
}

const idLength = 26
