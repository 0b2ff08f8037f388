package lambda_test

import (
	"strings"
	"testing"
	"time"

	"clientkeeper/internal/sandbox/lambda"
)

func TestAsync(t *testing.T) {
	ms := time.Millisecond
	tests := map[string]struct {
		payload      string
		retries      []time.Duration
		wantAttempts int
		wantLetter   bool
	}{
		"works":               {`{"text":"attempt"}`, []time.Duration{ms, ms}, 1, false},
		"fails always":        {`{"do":"error","text":"attempt"}`, []time.Duration{ms, ms}, 3, true},
		"fails, no retry":     {`{"do":"error","text":"attempt"}`, []time.Duration{}, 1, true},
		"crashes are retried": {`{"do":"exit","text":"attempt"}`, []time.Duration{ms}, 2, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			checkGoroutines(t)
			letters := make(chan lambda.DeadLetter, 1)
			s, j := start(t, lambda.Options{DeadLetter: func(d lambda.DeadLetter) { letters <- d }},
				lambda.Function{Name: "handler", AsyncRetries: tt.retries, MaxConcurrency: 1})
			r, err := s.Invoke(t.Context(), lambda.Invocation{Function: "handler", Payload: []byte(tt.payload), Async: true})
			if err != nil || r.RequestID == "" || r.Payload != nil {
				t.Fatalf("Invoke: %+v, %v", r, err)
			}
			attempts := func() int { return len(j.reports(lambda.Report)) }
			if !eventually(func() bool { return attempts() == tt.wantAttempts }) {
				t.Errorf("%d attempts, want %d", attempts(), tt.wantAttempts)
			}
			if tt.wantLetter {
				checkLetter(t, <-letters, r.RequestID, tt.payload, tt.wantAttempts)
			}
			s.Close()
			if len(letters) != 0 || attempts() != tt.wantAttempts {
				t.Errorf("in the end %d attempts and %d letters too many", attempts(), len(letters))
			}
		})
	}
}

func checkLetter(t *testing.T, d lambda.DeadLetter, id, payload string, attempts int) {
	t.Helper()
	if d.RequestID != id || string(d.Payload) != payload || d.Attempts != attempts ||
		d.Condition != lambda.RetriesExhausted || d.Function != "arn:aws:lambda:us-east-1:123456789012:function:handler" {
		t.Errorf("the dead letter is %+v", d)
	}
	if !strings.Contains(string(d.Response), "errorType") || d.ErrorMessage == "" {
		t.Errorf("it lacks its reason: %s, %q", d.Response, d.ErrorMessage)
	}
}

// Throttling is no attempt: the event waits for a place.
func TestAsyncWaitsForAPlace(t *testing.T) {
	s, j := start(t, lambda.Options{}, lambda.Function{Name: "handler", MaxConcurrency: 1, AsyncRetries: []time.Duration{}})
	for range 4 {
		_, err := s.Invoke(t.Context(), lambda.Invocation{Function: "handler", Payload: []byte(`{"do":"sleep","ms":50}`), Async: true})
		if err != nil {
			t.Fatal(err)
		}
	}
	if !eventually(func() bool { return len(j.reports(lambda.Report)) == 4 }) {
		t.Errorf("%v", j.reports(lambda.Report))
	}
	if n := len(j.reports(lambda.InitReport)); n != 1 {
		t.Errorf("%d environments with a limit of 1", n)
	}
}
