package secretsmanager

import (
	"context"
	"time"
)

// The steps of a rotation, in their order.
var rotationSteps = []string{"createSecret", "setSecret", "testSecret", "finishSecret"}

func (j *job) steps() []string {
	if j.test {
		return []string{"testSecret"}
	}
	return rotationSteps
}

// attempt calls the steps one after the other, up to the first that fails, or
// until the rotation is not wanted any more. Whoever watches hears that the
// rotation has started, or is tried again, before the first step.
func (s *Service) attempt(w work) {
	s.toldSoFar()
	succeeded := true
	for _, step := range w.job.steps() {
		invoke, ok := s.prepare(w, step)
		if !ok || !invoke() {
			succeeded = false
			break
		}
	}
	s.mu.Lock()
	s.within(w.region, func(c *call) { c.conclude(w, succeeded) })
	s.engine.running--
	s.mu.Unlock()
	s.settle()
}

// prepare looks at the secret as it is before a step, and returns how to do the
// step. There is nothing to do if the job was cancelled or abandoned, its
// version was taken out of the rotation, or the engine is being closed.
func (s *Service) prepare(w work, step string) (invoke func() bool, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.wanted(w) || s.engine.closed {
		return nil, false
	}
	if step == rotationSteps[0] && !w.secret.rotating(w.job.token) {
		return nil, false
	}
	e := StepEvent{Region: w.region.name, ARN: w.secret.arn, Name: w.secret.name, Token: w.job.token,
		Function: w.secret.rotation.function, Step: step, Attempt: w.job.attempt}
	text, ctx := w.secret.stepEvent(step, w.job), s.engine.ctx
	return func() bool { return s.invoke(ctx, e, text) }, true
}

// wanted reports whether the job is still the secret's. The caller holds s.mu.
func (s *Service) wanted(w work) bool {
	return w.secret.rotation.job == w.job && !w.secret.deleted() &&
		w.region.named(w.secret.name, s.options.Now()) == w.secret
}

// rotating reports whether a version is on its way to AWSCURRENT, or there.
func (s *secret) rotating(token string) bool {
	return s.labels[pending] == token || s.labels[current] == token
}

// invoke calls the function once and reports how it went.
func (s *Service) invoke(ctx context.Context, e StepEvent, text []byte) bool {
	o := s.options.Rotation
	ctx, cancel := context.WithTimeout(ctx, o.InvokeTimeout)
	defer cancel()
	e.At = s.options.Now()
	functionError, err := o.Invoke(ctx, e.Function, text)
	e.Duration = s.options.Now().Sub(e.At)
	switch {
	case err != nil:
		e.Outcome = NotInvoked
	case functionError != "":
		e.Outcome, e.FunctionError = Failed, functionError
	default:
		e.Outcome = Succeeded
	}
	if o.OnStep != nil {
		o.OnStep(e)
	}
	return e.Outcome == Succeeded
}

// conclude decides what follows an attempt.
//
//	AWSCURRENT is on the version, all steps succeeded  the secret is rotated
//	the version has neither AWSCURRENT nor AWSPENDING  the rotation is abandoned
//	anything else                                      another attempt, if one is left
func (c *call) conclude(w work, succeeded bool) {
	s, j, o := w.secret, w.job, c.service.options.Rotation
	j.running = false
	switch {
	case !c.service.wanted(w):
		return
	case c.service.engine.closed && !succeeded:
		j.attempt-- // the function is not to blame
		j.at = c.now
	case j.test:
		c.concludeTest(s, j, succeeded)
	case succeeded && s.labels[current] == j.token:
		c.rotated(s, j)
	case !s.rotating(j.token):
		s.rotation.job = nil
		c.report(s, RotationAbandoned, j)
	case j.attempt >= o.Attempts:
		s.rotation.job = nil
		c.report(s, RotationFailed, j)
	default:
		j.at = c.now.Add(o.RetryDelay << min(j.attempt-1, 16))
		c.report(s, RotationFailed, j)
	}
}

func (c *call) concludeTest(s *secret, j *job, succeeded bool) {
	c.change(s)
	s.dropTest(j.token)
	s.rotation.job = nil
	kind := RotationFailed
	if succeeded {
		kind = RotationSucceeded
	}
	c.report(s, kind, j)
}

// rotated ends a rotation whose function has moved AWSCURRENT; the service
// itself never does.
func (c *call) rotated(s *secret, j *job) {
	c.change(s)
	if s.labels[pending] == j.token && !c.service.options.Rotation.KeepPending {
		delete(s.labels, pending)
	}
	s.rotation.job = nil
	s.rotation.last = c.now
	s.rotation.announce(c.now)
	c.report(s, RotationSucceeded, j)
}

// within carries out f as if it were a request. The caller holds s.mu.
func (s *Service) within(r *region, f func(*call)) {
	c := &call{service: s, region: r, now: s.options.Now()}
	f(c)
	c.copyToReplicas()
}

// A StepEvent is one call of a rotation function. It holds no value.
type StepEvent struct {
	Region, ARN, Name string
	// Token is the id of the version that is being made.
	Token string
	// Function is the ARN of the function.
	Function string
	// Step is createSecret, setSecret, testSecret or finishSecret.
	Step string
	// Attempt counts from 1; every attempt begins with createSecret.
	Attempt int
	Outcome Outcome
	// FunctionError is what Lambda says of a function that failed, such as
	// "Unhandled"; otherwise empty.
	FunctionError string
	// At and Duration are by the room's clock.
	At       time.Time
	Duration time.Duration
}

// An Outcome is how a step went.
type Outcome string

// The outcomes. Failed is the function's own error, a timeout included;
// NotInvoked is an error of whoever should have called it, or a call that was
// given up. Neither says what the function has done.
const (
	Succeeded  Outcome = "succeeded"
	Failed     Outcome = "failed"
	NotInvoked Outcome = "not invoked"
)
