package idempotency

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"

	"clientkeeper/internal/fault"
)

// A Store keeps lists of entries. Methods fail with a [fault.Error]: RateLimited
// and Unavailable when it is not known whether a write was made.
type Store interface {
	// Begin makes a list with its first entry. Conflict: there is one of that
	// name. The same token with the same entry again is nil.
	Begin(ctx context.Context, name, token string, entry []byte) error
	// Append adds an entry. Conflict: there is another one with the token. The
	// same again is nil.
	Append(ctx context.Context, name, token string, entry []byte) error
	// Last is the last entry, or one a few moments older. NotFound: there is no
	// list, or it cannot be seen yet.
	Last(ctx context.Context, name string) ([]byte, error)
	// Entry is the entry with a token. NotFound as with Last.
	Entry(ctx context.Context, name, token string) ([]byte, error)
}

// An entry is one of a record. It holds nothing secret.
type entry struct {
	Version int       `json:"version"`
	Index   int       `json:"index"`
	Digest  string    `json:"digest"`
	Holder  string    `json:"holder,omitempty"` // who works on it; empty: nobody
	Until   time.Time `json:"until,omitzero"`
	Answer  *Answer   `json:"answer,omitempty"`
}

// token names an entry's place in the list: 32 characters.
func token(name string, index int) string {
	sum := sha256.Sum256([]byte("entry " + strconv.Itoa(index) + " of " + name))
	return hex.EncodeToString(sum[:16])
}

// A try is one attempt to answer a request.
type try struct {
	*Ledger
	request Request
	name    string
	digest  string
	holder  string
	until   time.Time
	mine    entry // the entry that lets us work
}

func (l *Ledger) try(ctx context.Context, r Request) *try {
	t := &try{Ledger: l, request: r, name: l.name(r), digest: hex.EncodeToString(r.Digest[:]), holder: rand.Text()}
	end, _ := ctx.Deadline()
	t.until = l.now().Add(time.Until(end) + Margin)
	return t
}

// claim is the entry that would let us work.
func (t *try) claim(index int) entry {
	return entry{Version: 1, Index: index, Digest: t.digest, Holder: t.holder, Until: t.until.UTC().Truncate(time.Millisecond)}
}

// takeovers bounds the race for a record; each loss means that another won.
const takeovers = 8

// begin makes the record ours to work on, or finds its answer.
func (t *try) begin(ctx context.Context) (*Answer, error) {
	first := t.claim(0)
	switch err := t.write(ctx, first, t.Store.Begin); {
	case err == nil:
		t.mine = first
		return nil, nil
	case fault.KindOf(err) != fault.Conflict:
		return nil, err
	}
	last, err := t.see(ctx, func() ([]byte, error) { return t.Store.Last(ctx, t.name) })
	for range takeovers {
		if err != nil {
			return nil, err
		}
		if answer, err := t.judge(last); answer != nil || err != nil {
			return answer, err
		}
		next := t.claim(last.Index + 1)
		if err = t.write(ctx, next, t.Store.Append); err == nil {
			t.mine = next
			return nil, nil
		}
		if fault.KindOf(err) != fault.Conflict {
			return nil, err
		}
		last, err = t.see(ctx, func() ([]byte, error) { return t.Store.Entry(ctx, t.name, token(t.name, next.Index)) })
	}
	return nil, t.busy(time.Second)
}

// judge is the table of what an entry allows: nothing, its answer, or to take
// the record over.
func (t *try) judge(e entry) (*Answer, error) {
	switch left := e.Until.Sub(t.now()); {
	case e.Digest != t.digest:
		return nil, &fault.Error{Kind: fault.Invalid, Op: "idempotency.do", Reason: "idempotency_key_reused",
			Detail: "this Idempotency-Key was used for another request", Next: "send a new key with a new request"}
	case e.Answer != nil:
		return e.Answer, nil
	case e.Holder != "" && left > 0:
		return nil, t.busy(left)
	}
	return nil, nil
}

func (t *try) busy(wait time.Duration) error {
	return &fault.Error{Kind: fault.Conflict, Op: "idempotency.do", Reason: "idempotency_in_progress", RetryAfter: max(wait, time.Second),
		Detail: "an earlier try of this request may still be at work", Next: "send the same request with the same key again, later"}
}

// write writes an entry. Where the answer is lost, the entry itself tells
// whether it was written.
func (t *try) write(ctx context.Context, e entry, to func(context.Context, string, string, []byte) error) error {
	text, err := json.Marshal(e)
	if err != nil {
		return &fault.Error{Kind: fault.Internal, Op: "idempotency.write", Detail: "an entry cannot be encoded"}
	}
	at := token(t.name, e.Index)
	err = to(ctx, t.name, at, text)
	if err == nil || fault.KindOf(err) != fault.Conflict && !fault.KindOf(err).Transient() {
		return err
	}
	there, readErr := t.Store.Entry(ctx, t.name, at)
	if readErr == nil && string(there) == string(text) {
		return nil
	}
	return err
}

// An entry may be invisible for a moment after it was written.
const (
	seeTries = 5
	seeEvery = 100 * time.Millisecond // twice as long each time
)

// see reads an entry that must be there.
func (t *try) see(ctx context.Context, read func() ([]byte, error)) (entry, error) {
	var text []byte
	var err error
	for n := range seeTries {
		if text, err = read(); fault.KindOf(err) != fault.NotFound {
			break
		}
		select {
		case <-ctx.Done():
			return entry{}, ctx.Err()
		case <-time.After(seeEvery << n):
		}
	}
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound:
		return entry{}, t.busy(time.Second)
	case err != nil:
		return entry{}, err
	}
	var e entry
	if json.Unmarshal(text, &e) != nil || e.Version != 1 || e.Digest == "" {
		return entry{}, &fault.Error{Kind: fault.Internal, Op: "idempotency.read", Reason: "record_unreadable",
			Detail: "the record of this Idempotency-Key is not one of ours", Next: "send the request with another key"}
	}
	return e, nil
}
