package idempotency

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
)

// odd is a shelf with calls of its own; nil: the shelf's.
type odd struct {
	*shelf
	begin, add func(ctx context.Context, name, token string, entry []byte) error
	last       func(ctx context.Context, name string) ([]byte, error)
}

func (o odd) Begin(ctx context.Context, name, token string, entry []byte) error {
	if o.begin != nil {
		return o.begin(ctx, name, token, entry)
	}
	return o.shelf.Begin(ctx, name, token, entry)
}

func (o odd) Append(ctx context.Context, name, token string, entry []byte) error {
	if o.add != nil {
		return o.add(ctx, name, token, entry)
	}
	return o.shelf.Append(ctx, name, token, entry)
}

func (o odd) Last(ctx context.Context, name string) ([]byte, error) {
	if o.last != nil {
		return o.last(ctx, name)
	}
	return o.shelf.Last(ctx, name)
}

// A write that was made, of which no answer or a refusal came back, is read
// back by the same try, which goes on. One that was not made fails as the store
// said, and nothing is answered that is not kept.
func TestAWriteIsReadBack(t *testing.T) {
	denied := &fault.Error{Kind: fault.Denied, Op: "shelf"}
	for name, test := range map[string]struct {
		op   string
		made bool
		err  error
		want fault.Kind // Internal: it goes on
	}{
		"begin, made, no answer":      {"begin", true, errLost, fault.Internal},
		"begin, made, said to exist":  {"begin", true, conflict("exists"), fault.Internal},
		"begin, not made, no answer":  {"begin", false, errLost, fault.Unavailable},
		"begin, not allowed":          {"begin", false, denied, fault.Denied},
		"answer, made, no answer":     {"append", true, errLost, fault.Internal},
		"answer, made, said to exist": {"append", true, conflict("exists"), fault.Internal},
		"answer, not made, no answer": {"append", false, errLost, fault.Unavailable},
		"answer, not allowed":         {"append", false, denied, fault.Denied},
	} {
		t.Run(name, func(t *testing.T) {
			s := &odd{shelf: newShelf()}
			breaks := func(write func(context.Context, string, string, []byte) error) func(context.Context, string, string, []byte) error {
				return func(ctx context.Context, name, token string, entry []byte) error {
					s.begin, s.add = nil, nil
					if test.made {
						if err := write(ctx, name, token, entry); err != nil {
							return err
						}
					}
					return test.err
				}
			}
			if test.op == "begin" {
				s.begin = breaks(s.shelf.Begin)
			} else {
				s.add = breaks(s.shelf.Append)
			}
			answer, replayed, err := (&Ledger{Store: s}).Do(within(t, time.Minute), ask("k", 1), answering("one"))
			if test.want == fault.Internal {
				if err != nil || replayed || string(answer.Body) != "one" {
					t.Errorf("%q, %v, %v; want that it goes on", answer.Body, replayed, err)
				}
			} else if fault.KindOf(err) != test.want || answer.Body != nil {
				t.Errorf("%q, %v; want %v", answer.Body, err, test.want)
			}
		})
	}
}

// To take a record over fails as the store said; it does not become another
// try's turn.
func TestATakeoverThatFails(t *testing.T) {
	s := newShelf()
	if _, _, err := (&Ledger{Store: s}).Do(within(t, time.Minute), ask("k", 1), func(context.Context, Operation) (Answer, error) { return Answer{}, errLost }); err == nil {
		t.Fatal("the first try succeeded")
	}
	o := odd{shelf: s, add: func(context.Context, string, string, []byte) error {
		return &fault.Error{Kind: fault.Denied, Op: "shelf"}
	}}
	if _, _, err := (&Ledger{Store: o}).Do(within(t, time.Minute), ask("k", 1), nil); fault.KindOf(err) != fault.Denied {
		t.Errorf("heard %v", err)
	}
}

// What is found under a key and cannot be understood is never taken for another
// request, nor for a record that is free.
func TestWhatIsFoundUnderAKey(t *testing.T) {
	found := func(text string) func(context.Context, string) ([]byte, error) {
		return func(context.Context, string) ([]byte, error) { return []byte(text), nil }
	}
	fails := func(err error) func(context.Context, string) ([]byte, error) {
		return func(context.Context, string) ([]byte, error) { return nil, err }
	}
	digest := (&Ledger{}).try(within(t, time.Minute), ask("k", 1)).digest
	for name, test := range map[string]struct {
		last   func(context.Context, string) ([]byte, error)
		kind   fault.Kind
		reason string
	}{
		"not JSON":        {found(`{"version":1,"digest":"` + digest), fault.Internal, "record_unreadable"},
		"another version": {found(`{"version":2,"digest":"` + digest + `"}`), fault.Internal, "record_unreadable"},
		"no digest":       {found(`{"version":1}`), fault.Internal, "record_unreadable"},
		"not allowed":     {fails(&fault.Error{Kind: fault.Denied}), fault.Denied, "denied"},
		"no answer":       {fails(errLost), fault.Unavailable, "unavailable"},
		"never seen":      {fails(errMissing), fault.Conflict, "idempotency_in_progress"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShelf()
				if _, _, err := (&Ledger{Store: s}).Do(within(t, time.Minute), ask("k", 1), answering("one")); err != nil {
					t.Fatal(err)
				}
				_, _, err := (&Ledger{Store: odd{shelf: s, last: test.last}}).Do(within(t, time.Minute), ask("k", 1), nil)
				if fault.KindOf(err) != test.kind || fault.Reason(err) != test.reason {
					t.Errorf("heard %v, want %v (%s)", err, test.kind, test.reason)
				}
				if test.kind == fault.Conflict && fault.RetryAfter(err) != time.Second {
					t.Errorf("wait %v", fault.RetryAfter(err))
				}
			})
		})
	}
}

// An answer is kept also where the work used its time up or was called off, and
// keeping it may take as long as there is time.
func TestTimeToKeepTheAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		works, writes time.Duration
		calledOff     bool
	}{
		"a slow store, and time":          {0, 20 * time.Second, false},
		"the work took all the time":      {time.Minute, time.Second, false},
		"the work left a second":          {59 * time.Second, 1200 * time.Millisecond, false},
		"the caller called off meanwhile": {0, time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShelf()
				slow := odd{shelf: s, add: func(ctx context.Context, name, token string, entry []byte) error {
					select {
					case <-time.After(test.writes):
						return s.Append(ctx, name, token, entry)
					case <-ctx.Done():
						return ctx.Err()
					}
				}}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, _, err := (&Ledger{Store: slow}).Do(ctx, ask("k", 1), func(context.Context, Operation) (Answer, error) {
					time.Sleep(test.works)
					if test.calledOff {
						cancel()
					}
					return Answer{Status: 201}, nil
				})
				if err != nil {
					t.Fatal(err)
				}
				if answer, replayed, err := (&Ledger{Store: s}).Do(within(t, time.Minute), ask("k", 1), nil); err != nil || !replayed || answer.Status != 201 {
					t.Errorf("again: %+v, %v, %v", answer, replayed, err)
				}
			})
		})
	}
}

// A request that succeeds at its first try costs two writes and no more, for
// each is a call of Secrets Manager.
func TestASuccessIsTwoWrites(t *testing.T) {
	s := newShelf()
	_, _, err := (&Ledger{Store: s}).Do(within(t, time.Minute), ask("k", 1), func(_ context.Context, op Operation) (Answer, error) {
		if op.Resumed {
			t.Error("the first try is told of an earlier one")
		}
		return Answer{Status: 201}, nil
	})
	if err != nil || s.calls != 2 {
		t.Errorf("%d calls, %v", s.calls, err)
	}
}
