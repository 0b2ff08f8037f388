package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const (
	target = "arn:aws:lambda:us-east-1:123456789012:function:rotate"
	role   = "arn:aws:iam::123456789012:role/scheduler"
	queue  = "arn:aws:sqs:us-east-1:123456789012:dead"
)

func schedule(name, expression string) Schedule {
	return Schedule{Name: name, Expression: expression, Target: Target{ARN: target, RoleARN: role}}
}

// A record keeps what a service did.
type record struct {
	mu      sync.Mutex
	calls   []string // when, and with which payload
	letters []DeadLetter
	fail    func(n int) error // of the n-th call, from 1
	start   time.Time
}

func (r *record) invoke(ctx context.Context, arn string, payload []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if arn != target {
		return errors.New("another target")
	}
	r.calls = append(r.calls, fmt.Sprintf("%v %s", time.Since(r.start), payload))
	if r.fail == nil {
		return nil
	}
	return r.fail(len(r.calls))
}

func (r *record) bury(_ context.Context, arn string, d DeadLetter) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if arn == queue {
		r.letters = append(r.letters, d)
	}
	return nil
}

// all are the calls so far, once every goroutine has come to rest.
func (r *record) all() []string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

// buried are the dead letters so far, likewise.
func (r *record) buried() []DeadLetter {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.letters)
}

// times are those of the calls so far, since the service was made.
func (r *record) times() string {
	var out []string
	for _, call := range r.all() {
		at, _, _ := strings.Cut(call, " ")
		out = append(out, at)
	}
	return strings.Join(out, " ")
}

// bubble runs f with a service in a bubble of fake time, which begins at
// midnight UTC. The service is closed at the end, and the bubble fails the
// test if it leaves a goroutine behind.
func bubble(t *testing.T, f func(t *testing.T, s *Service, r *record)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &record{start: time.Now()}
		s := New(Options{Invoke: r.invoke, DeadLetter: r.bury, Seed: 7})
		defer s.Close()
		f(t, s, r)
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
