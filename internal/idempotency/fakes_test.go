package idempotency

import (
	"context"
	"fmt"
	"sync"

	"clientkeeper/internal/fault"
)

// shelf is a store in memory. It counts calls, hides writes from a number of
// reads, and breaks calls as it is told.
type shelf struct {
	mu      sync.Mutex
	entries map[string]map[string]string // by name and token
	last    map[string]string            // by name: the token
	before  map[string]string            // likewise, before the last write
	hide    int                          // reads that a write stays hidden from
	hidden  int
	calls   int
	// befall says what happens to the n-th call: made without an answer, or not
	// made at all. Nil: nothing.
	befall func(n int, op string) (made, answered bool)
}

func newShelf() *shelf {
	return &shelf{entries: map[string]map[string]string{}, last: map[string]string{}, before: map[string]string{}}
}

var errLost = &fault.Error{Kind: fault.Unavailable, Op: "shelf", Detail: "no answer"}

func conflict(reason string) error {
	return &fault.Error{Kind: fault.Conflict, Op: "shelf", Reason: reason}
}

var errMissing = &fault.Error{Kind: fault.NotFound, Op: "shelf"}

func (s *shelf) call(ctx context.Context, op string, f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.calls++
	made, answered := true, true
	if s.befall != nil {
		made, answered = s.befall(s.calls, op)
	}
	var err error
	if made {
		err = f()
	}
	if !answered {
		return errLost
	}
	return err
}

func (s *shelf) put(name, token, entry string) error {
	if old, there := s.entries[name][token]; there {
		if old == entry {
			return nil
		}
		return conflict("version_has_other_value")
	}
	s.entries[name][token] = entry
	s.before[name], s.last[name] = s.last[name], token
	s.hidden = s.hide
	return nil
}

func (s *shelf) Begin(ctx context.Context, name, token string, entry []byte) error {
	return s.call(ctx, "begin", func() error {
		if there := s.entries[name]; there != nil {
			if there[token] == string(entry) {
				return nil
			}
			return conflict("exists")
		}
		s.entries[name] = map[string]string{}
		return s.put(name, token, string(entry))
	})
}

func (s *shelf) Append(ctx context.Context, name, token string, entry []byte) error {
	return s.call(ctx, "append", func() error {
		if s.entries[name] == nil {
			return errMissing
		}
		return s.put(name, token, string(entry))
	})
}

func (s *shelf) Last(ctx context.Context, name string) (out []byte, err error) {
	return out, s.call(ctx, "last", func() error {
		token := s.last[name]
		if s.hidden > 0 {
			s.hidden--
			token = s.before[name]
		}
		return s.read(name, token, &out)
	})
}

func (s *shelf) Entry(ctx context.Context, name, token string) (out []byte, err error) {
	return out, s.call(ctx, "entry", func() error {
		if s.hidden > 0 && token == s.last[name] {
			s.hidden--
			return errMissing
		}
		return s.read(name, token, &out)
	})
}

func (s *shelf) read(name, token string, out *[]byte) error {
	text, there := s.entries[name][token]
	if !there {
		return errMissing
	}
	*out = []byte(text)
	return nil
}

func (s *shelf) describe() string { return fmt.Sprint(len(s.entries), " records, ", s.calls, " calls") }
