package openapi

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
)

// A Tap is an [http.RoundTripper] that holds everything which passes through it
// against a description. It is safe for concurrent use.
type Tap struct {
	Description *Description
	Next        http.RoundTripper

	mu       sync.Mutex
	seen     map[string]map[int]bool
	problems []string
}

// RoundTrip passes the request on, and the answer back, both unchanged.
func (t *Tap) RoundTrip(r *http.Request) (*http.Response, error) {
	x := Exchange{Request: r}
	if r.Body != nil {
		sent, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		_ = r.Body.Close()
		x.Sent = sent
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	resp, err := t.Next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	x.Body, err = io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(x.Body))
	x.Status, x.Header = resp.StatusCode, resp.Header
	t.note(x)
	return resp, nil
}

func (t *Tap) note(x Exchange) {
	o, err := t.Description.Check(x)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.problems = append(t.problems, err.Error())
		return
	}
	if t.seen == nil {
		t.seen = map[string]map[int]bool{}
	}
	if t.seen[o.ID] == nil {
		t.seen[o.ID] = map[int]bool{}
	}
	t.seen[o.ID][x.Status] = true
}

// Problems are the exchanges that the description does not allow, in words.
func (t *Tap) Problems() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.problems)
}

// Seen are the statuses that an operation was answered with, in order, as far
// as the exchange was allowed.
func (t *Tap) Seen(operationID string) []int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Keys(t.seen[operationID]))
}
