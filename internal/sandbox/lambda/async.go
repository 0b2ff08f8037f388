package lambda

import (
	"context"
	"encoding/json"
	"time"
)

// maxEventAge is how long an asynchronous event may wait for a free place.
// Source: AWS, "How Lambda handles errors and retries with asynchronous
// invocation".
const maxEventAge = 6 * time.Hour

// Condition says why an asynchronous event was given up.
type Condition string

// The conditions.
const (
	RetriesExhausted Condition = "RetriesExhausted"
	EventAgeExceeded Condition = "EventAgeExceeded"
)

// DeadLetter is an asynchronous event that was given up.
type DeadLetter struct {
	Function  string // its ARN
	RequestID string // the same for all attempts
	Payload   []byte
	Condition Condition
	Attempts  int
	// Response is the last report of an error; nil if there was no attempt.
	Response []byte
	// ErrorMessage is the beginning of the message in it.
	ErrorMessage string
}

// deliver carries an asynchronous event through its attempts. Being throttled
// is not one.
func (s *Service) deliver(p *pool, in Invocation, id string) {
	ctx, cancel := context.WithTimeout(s.ctx, maxEventAge)
	defer cancel()
	letter := DeadLetter{Function: p.function.ARN, RequestID: id, Payload: in.Payload, Condition: RetriesExhausted}
	for letter.Attempts <= len(p.function.AsyncRetries) {
		if letter.Attempts > 0 && !sleep(ctx, p.function.AsyncRetries[letter.Attempts-1]) || p.await(ctx) != nil {
			letter.Condition = EventAgeExceeded
			break
		}
		result, err := p.run(in, id)
		p.release()
		if err != nil || result.FunctionError == "" {
			return
		}
		letter.Attempts++
		letter.Response = result.Payload
	}
	if s.ctx.Err() != nil {
		return
	}
	letter.ErrorMessage = errorMessage(letter.Response)
	s.options.DeadLetter(letter)
}

// errorMessage is the first KiB of the message in the report of an error.
func errorMessage(report []byte) string {
	var r struct {
		ErrorMessage string `json:"errorMessage"`
	}
	_ = json.Unmarshal(report, &r) // no message if it has another form
	return r.ErrorMessage[:min(len(r.ErrorMessage), 1<<10)]
}

// sleep waits and reports whether ctx lasted as long.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
