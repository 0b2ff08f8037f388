package sqs

import (
	"encoding/json"
	"net/http"
	"time"
)

// A Fault is what befalls one request. The zero Fault is no fault.
type Fault struct {
	// Delay comes before everything else.
	Delay time.Duration
	// Status, if not zero, is answered instead of the truth: 403 as
	// RequestThrottled, 503 as ServiceUnavailable, any other as InternalFailure.
	Status int
	// HangUp closes the connection without an answer. It outranks Status.
	HangUp bool
	// Applied makes the change before Status or HangUp: only the answer is lost.
	// Without it, nothing is changed.
	Applied bool
	// Duplicate makes a standard queue deliver again: messages that
	// ReceiveMessage returns stay visible to others as well, and those that
	// DeleteMessage deletes, successfully, come back at once. FIFO queues
	// deliver exactly once and take no notice.
	Duplicate bool
}

// Mischief is asked about every request before it is served, with the
// operation, such as "SendMessage", and the name of the queue, which is empty
// for an operation that names none. It is called without locks, by many
// goroutines at once.
type Mischief func(operation, queue string) Fault

// SetMischief replaces the mischief that the service does; nil means none.
func (s *Service) SetMischief(m Mischief) {
	s.lock()
	defer s.mu.Unlock()
	s.mischief = m
}

// fate asks the mischief about a request.
func (s *Service) fate(c *call) Fault {
	s.lock()
	m := s.mischief
	s.mu.Unlock()
	if m == nil {
		return Fault{}
	}
	return m(c.operation, c.queueName())
}

// suffer lets fault befall the request and reports whether it is over. The
// change is made by apply.
func (f Fault) suffer(w http.ResponseWriter, c *call, apply func()) (over bool) {
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.ctx.Done():
			return true
		}
	}
	if f.Status == 0 && !f.HangUp {
		return false
	}
	if f.Applied {
		apply()
	}
	if f.HangUp {
		hangUp(w)
		return true
	}
	c.fail(w, f.error())
	return true
}

func (f Fault) error() *apiError {
	switch f.Status {
	case http.StatusForbidden:
		return &apiError{"RequestThrottled", "RequestThrottled", f.Status, "Request throttled."}
	case http.StatusServiceUnavailable:
		return &apiError{framework + "ServiceUnavailableException", "ServiceUnavailable", f.Status,
			"Service is temporarily unavailable. Please try again later."}
	}
	return &apiError{framework + "InternalFailure", "InternalFailure", f.Status, "An internal failure occurred."}
}

// hangUp closes the connection, or, where the server cannot give it away,
// aborts the answer.
func hangUp(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		conn.Close()
		return
	}
	panic(http.ErrAbortHandler) // net/http's own way to drop a connection
}

// queueName is the name of the queue that a request is about, or empty.
func (c *call) queueName() string {
	var in struct{ QueueUrl, QueueName, SourceArn string }
	if c.form != nil {
		in.QueueUrl, in.QueueName, in.SourceArn = c.form.Get("QueueUrl"), c.form.Get("QueueName"), c.form.Get("SourceArn")
	} else if json.Unmarshal(c.body, &in) != nil {
		return ""
	}
	if _, name, ok := splitURL(in.QueueUrl); ok {
		return name
	}
	if _, name, ok := cutLast(in.SourceArn, ":"); ok {
		return name
	}
	return in.QueueName
}
