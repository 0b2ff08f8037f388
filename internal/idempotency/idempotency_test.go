package idempotency

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"clientkeeper/internal/fault"
)

func ask(key string, digest byte) Request {
	return Request{Caller: "alice", Key: key, Digest: [32]byte{digest}}
}

func answering(text string) Work {
	return func(_ context.Context, op Operation) (Answer, error) {
		return Answer{Status: 201, Header: map[string]string{"location": "/v1/" + op.ID}, Body: []byte(text)}, nil
	}
}

// within is a context with a deadline, as every invocation has one.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestAnAnswerIsReplayedByteForByte(t *testing.T) {
	l := &Ledger{Store: newShelf()}
	body := "{\"a\":\"\x00\xff<&>é\"}\n"
	first, replayed, err := l.Do(within(t, time.Minute), ask("k", 1), answering(body))
	if err != nil || replayed || string(first.Body) != body {
		t.Fatalf("%+v, %v, %v", first, replayed, err)
	}
	again, replayed, err := l.Do(within(t, time.Minute), ask("k", 1), func(context.Context, Operation) (Answer, error) {
		t.Error("the work was done again")
		return Answer{}, nil
	})
	if diff := cmp.Diff(first, again); diff != "" || !replayed || err != nil {
		t.Errorf("replayed %v, %v:\n%s", replayed, err, diff)
	}
}

func TestAKeyIsKnownFromItsFirstTryOn(t *testing.T) {
	store := newShelf()
	l := &Ledger{Store: store}
	known := func(key string, digest byte) bool {
		t.Helper()
		known, err := l.Known(within(t, time.Minute), ask(key, digest))
		if err != nil {
			t.Error(err)
		}
		return known
	}
	if known("k", 1) || len(store.entries) > 0 {
		t.Error("to ask makes a record")
	}
	_, _, err := l.Do(within(t, time.Minute), ask("k", 1), func(context.Context, Operation) (Answer, error) {
		if !known("k", 1) {
			t.Error("a try that is at work is not known")
		}
		return Answer{}, errMissing
	})
	if err == nil || !known("k", 1) || !known("k", 2) || known("other", 1) {
		t.Errorf("after %v", err)
	}
	store.befall = func(int, string) (made, answered bool) { return false, false }
	if known, err := l.Known(within(t, time.Minute), ask("k", 1)); known || fault.KindOf(err) != fault.Unavailable {
		t.Errorf("without an answer: %v, %v", known, err)
	}
}

func TestKeys(t *testing.T) {
	for name, test := range map[string]struct {
		request Request
		reason  string // empty: it is a request of its own
	}{
		"another body":             {ask("k", 2), "idempotency_key_reused"},
		"another caller":           {Request{Caller: "bob", Key: "k", Digest: [32]byte{1}}, ""},
		"another key":              {ask("l", 1), ""},
		"caller and key run over":  {Request{Caller: "alicek", Key: "", Digest: [32]byte{1}}, "idempotency_key_invalid"},
		"caller and key run over2": {Request{Caller: "al", Key: "icek", Digest: [32]byte{1}}, ""},
		"no key":                   {ask("", 1), "idempotency_key_invalid"},
		"a long key":               {ask(strings.Repeat("k", 256), 1), "idempotency_key_invalid"},
		"the longest key":          {ask(strings.Repeat("k", 255), 1), ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := &Ledger{Store: newShelf()}
			if _, _, err := l.Do(within(t, time.Minute), ask("k", 1), answering("one")); err != nil {
				t.Fatal(err)
			}
			answer, replayed, err := l.Do(within(t, time.Minute), test.request, answering("two"))
			if test.reason != "" {
				if fault.Reason(err) != test.reason || fault.KindOf(err) != fault.Invalid {
					t.Errorf("%v, want %s", err, test.reason)
				}
				return
			}
			if err != nil || replayed || string(answer.Body) != "two" {
				t.Errorf("%s, %v, %v", answer.Body, replayed, err)
			}
		})
	}
}

func TestAnOperationIsOneRequest(t *testing.T) {
	l, other := &Ledger{Space: "one"}, &Ledger{Space: "other"}
	a, b := ask("k", 1), ask("k", 2)
	if l.operation(a) == l.operation(b) || l.name(a) != l.name(b) || l.operation(a) == l.name(a) {
		t.Errorf("operations %s and %s, records %s and %s", l.operation(a), l.operation(b), l.name(a), l.name(b))
	}
	if l.operation(a) == other.operation(a) || l.name(a) == other.name(a) {
		t.Errorf("in two spaces: operation %s, record %s", l.operation(a), l.name(a))
	}
	if len(l.operation(a)) != 26 || strings.Trim(l.operation(a), "abcdefghijklmnopqrstuvwxyz234567") != "" {
		t.Errorf("operation %q", l.operation(a))
	}
}

// A failure leaves the next try free at once, and it hears of the first.
func TestAFailureReleases(t *testing.T) {
	for name, fails := range map[string]Work{
		"error": func(context.Context, Operation) (Answer, error) { return Answer{}, errors.New("no") },
		"too large": func(context.Context, Operation) (Answer, error) {
			return Answer{Body: make([]byte, maxAnswer+1)}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := &Ledger{Store: newShelf()}
			if _, _, err := l.Do(within(t, time.Minute), ask("k", 1), fails); err == nil {
				t.Fatal("no error")
			}
			_, replayed, err := l.Do(within(t, time.Minute), ask("k", 1), func(_ context.Context, op Operation) (Answer, error) {
				if !op.Resumed {
					t.Error("the second try is not told of the first")
				}
				return Answer{Status: 200}, nil
			})
			if err != nil || replayed {
				t.Errorf("%v, %v", replayed, err)
			}
		})
	}
}

func TestAPanicReleases(t *testing.T) {
	l := &Ledger{Store: newShelf()}
	func() {
		defer func() { _ = recover() }()
		_, _, _ = l.Do(within(t, time.Minute), ask("k", 1), func(context.Context, Operation) (Answer, error) { panic("bug") })
	}()
	if _, _, err := l.Do(within(t, time.Minute), ask("k", 1), answering("x")); err != nil {
		t.Error(err)
	}
}
