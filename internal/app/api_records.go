package app

import (
	"cmp"
	"context"
	"strings"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/idempotency"
	"clientkeeper/internal/secret"
	"clientkeeper/internal/secretstore"
)

// The records of requests are secrets, for no reason but that Secrets Manager
// makes a name once and never changes a version. They hold nothing secret.
const (
	recordsFolder = "clientkeeper/requests/"
	recordTag     = "clientkeeper:record"
)

// records puts Secrets Manager into idempotency's words.
type records struct {
	store *secretstore.Store
	kms   string
	limit int // of a sweep; zero: sweepLimit
}

func (r records) Begin(ctx context.Context, name, token string, entry []byte) error {
	_, err := r.store.Create(ctx, secretstore.NewSecret{Name: recordsFolder + name, Token: token, Description: "Record of a request; deleted after a day",
		Value: secret.New(string(entry)), Tags: map[string]string{recordTag: "request"}, KMSKeyID: r.kms})
	return err
}

func (r records) Append(ctx context.Context, name, token string, entry []byte) error {
	return r.store.Put(ctx, recordsFolder+name, secretstore.Write{Token: token, Value: secret.New(string(entry))})
}

func (r records) Last(ctx context.Context, name string) ([]byte, error) {
	return r.read(ctx, name)
}

func (r records) Entry(ctx context.Context, name, token string) ([]byte, error) {
	return r.read(ctx, name, secretstore.WithVersion(token))
}

// read takes a record that is being deleted for one that cannot be seen: its
// name is free in a moment.
func (r records) read(ctx context.Context, name string, which ...secretstore.Selector) ([]byte, error) {
	v, err := r.store.Get(ctx, recordsFolder+name, which...)
	if fault.Reason(err) == "scheduled_for_deletion" {
		err = &fault.Error{Kind: fault.NotFound, Op: "app.record", Detail: "the record has expired", RetryAfter: time.Second}
	}
	if err != nil {
		return nil, err
	}
	return []byte(v.Value.Reveal()), nil
}

// sweepLimit bounds what one run deletes; the rest is for the next. With a run
// every quarter of an hour that is 96,000 records a day.
const sweepLimit = 1000

// DeleteExpired deletes the records of requests that nothing has happened to for
// [idempotency.KeepFor], some of them at a time, and returns how many. Only
// names below its own folder are ever deleted.
func (r records) DeleteExpired(ctx context.Context, now time.Time) (deleted int, err error) {
	for d, err := range r.store.List(ctx, secretstore.Tag{Key: recordTag, Value: "request"}) {
		if err != nil {
			return deleted, err
		}
		last := d.LastChanged
		if last.Before(d.Created) {
			last = d.Created
		}
		if !strings.HasPrefix(d.Name, recordsFolder) || last.IsZero() || now.Sub(last) < idempotency.KeepFor {
			continue
		}
		if err := r.store.Erase(ctx, d.ARN); err != nil {
			return deleted, err
		}
		if deleted++; deleted == cmp.Or(r.limit, sweepLimit) {
			return deleted, nil
		}
	}
	return deleted, nil
}
