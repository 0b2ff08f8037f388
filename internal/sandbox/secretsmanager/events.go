package secretsmanager

import "time"

// A RotationEvent is something that AWS would put into CloudTrail, as in the
// user guide's page "AWS CloudTrail entries for Secrets Manager". It holds no
// value.
type RotationEvent struct {
	Kind              RotationKind
	Region, ARN, Name string
	// Token is the id of the version that the rotation makes.
	Token string
	// Test is set if only the configuration was tested; AWS has names of its
	// own for that, such as TestRotationSucceeded.
	Test bool
	// Attempts were begun so far.
	Attempts int
	// Retry is when the next attempt begins; zero if there will be none.
	Retry time.Time
	// At is by the room's clock.
	At time.Time
}

// A RotationKind names an event as CloudTrail does.
type RotationKind string

// The kinds. A rotation that fails more than once has several RotationFailed.
// One that is abandoned was overtaken: somebody made another version current,
// or took the labels from the one that it was making.
const (
	RotationStarted   RotationKind = "RotationStarted"
	RotationSucceeded RotationKind = "RotationSucceeded"
	RotationFailed    RotationKind = "RotationFailed"
	RotationAbandoned RotationKind = "RotationAbandoned"
)

// report queues an event, for the time when nobody holds the lock.
func (c *call) report(s *secret, kind RotationKind, j *job) {
	if c.service.options.Rotation.OnRotation == nil {
		return
	}
	e := RotationEvent{Kind: kind, Region: c.region.name, ARN: s.arn, Name: s.name, Token: j.token, Test: j.test,
		Attempts: j.attempt, At: c.now}
	if kind == RotationFailed && s.rotation.job == j {
		e.Retry = j.at
	}
	c.service.engine.events = append(c.service.engine.events, e)
	c.service.engine.happened++
}

// tell reports the queued events, in order. One goroutine does it at a time,
// and does it for all others, so that a hook may send requests itself.
func (s *Service) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine.reporting || len(s.engine.events) == 0 {
		return
	}
	for len(s.engine.events) > 0 {
		batch := s.engine.events
		s.engine.events, s.engine.reporting = nil, true
		s.mu.Unlock()
		for _, e := range batch {
			s.options.Rotation.OnRotation(e)
		}
		s.mu.Lock()
		s.engine.reporting = false
		s.engine.told += len(batch)
	}
	s.engine.signal()
}

// toldSoFar waits until everything that had happened before was reported, by
// whichever goroutine does it, or the engine is closed.
func (s *Service) toldSoFar() {
	s.tell()
	s.mu.Lock()
	defer s.mu.Unlock()
	for happened := s.engine.happened; s.engine.told < happened && !s.engine.closed; {
		news := s.engine.news
		s.mu.Unlock()
		<-news
		s.mu.Lock()
	}
}
