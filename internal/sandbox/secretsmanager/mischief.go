package secretsmanager

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// A Fault is what befalls one request. The zero Fault is no fault.
type Fault struct {
	// Latency passes before anything else happens. It is real time, whatever
	// the clock says.
	Latency time.Duration
	// Throttle answers ThrottlingException; nothing is changed.
	Throttle bool
	// Fail answers InternalServiceError; nothing is changed.
	Fail bool
	// HangUp drops the connection; nothing is changed, unless Lost is set too.
	HangUp bool
	// Lost makes the change, and then answers InternalServiceError all the same.
	Lost bool
	// Delay is how long readers see a secret as it was before this request, by
	// the room's clock: a step of a rotation may not find what the step before
	// it has put. Writers see the truth.
	Delay time.Duration
}

// SetMischief makes f decide what befalls each request from now on. f gets the
// operation, such as "PutSecretValue", and the name of the secret, or what the
// caller called it if there is none such. It may be called concurrently, and
// must not call the Service. Nil ends the mischief.
func (s *Service) SetMischief(f func(op, secret string) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mischief = f
}

func (s *Service) faultFor(op, regionName string, body []byte) Fault {
	s.mu.Lock()
	decide := s.mischief
	name := s.nameIn(regionName, body)
	s.mu.Unlock()
	if decide == nil {
		return Fault{}
	}
	return decide(op, name)
}

// nameIn is the name of the secret that a request is about, or "".
func (s *Service) nameIn(regionName string, body []byte) string {
	var in struct{ SecretId, Name string }
	if json.Unmarshal(body, &in) != nil {
		return ""
	}
	if in.SecretId == "" {
		return in.Name
	}
	if found := s.region(regionName).find(in.SecretId, s.options.Now()); found != nil {
		return found.name
	}
	return in.SecretId
}

// before is the part of a fault that comes before the change. It may not
// return: that is how a handler drops a connection.
func (f Fault) before(ctx context.Context) error {
	if f.Latency > 0 {
		t := time.NewTimer(f.Latency)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			panic(http.ErrAbortHandler) // the caller has gone
		}
	}
	switch {
	case f.Throttle:
		return throttled()
	case f.Fail:
		return serviceError()
	case f.HangUp && !f.Lost:
		panic(http.ErrAbortHandler)
	}
	return nil
}

// after is the part that comes after the change.
func (f Fault) after() error {
	if f.Lost && f.HangUp {
		panic(http.ErrAbortHandler)
	}
	if f.Lost {
		return serviceError()
	}
	return nil
}

func throttled() error {
	return &failure{code: "ThrottlingException", message: "Rate exceeded"}
}

func serviceError() error {
	return &failure{code: "InternalServiceError", message: "An error occurred on the server side.",
		status: http.StatusInternalServerError}
}

// A shadow is how a secret looked before a change that readers do not see yet.
// It is nil inside if the secret did not exist.
type shadow struct {
	before *secret
	until  time.Time
}

// change announces that s is about to change. before is what a delayed change
// hides it behind.
func (c *call) change(s *secret) {
	c.cast(s, func() *secret { return s.clone() })
	s.changed = c.now
	c.changed = append(c.changed, s)
}

// cast lets readers see what before returns, until the delay is over. A change
// that is still hidden stays hidden together with the new one.
func (c *call) cast(s *secret, before func() *secret) {
	if s.shadow != nil && !c.now.Before(s.shadow.until) {
		s.shadow = nil
	}
	if c.fault.Delay <= 0 {
		return
	}
	if s.shadow == nil {
		s.shadow = &shadow{before: before()}
	}
	s.shadow.until = c.now.Add(c.fault.Delay)
}

// visible is s as readers see it, or nil.
func (c *call) visible(s *secret) *secret {
	if s == nil || s.shadow == nil || !c.now.Before(s.shadow.until) {
		return s
	}
	return s.shadow.before
}
