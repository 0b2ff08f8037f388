package scheduler

import (
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"clientkeeper/internal/fault"
)

// A delivery is one occurrence of a schedule on its way to the target. It
// keeps the schedule as it was then.
type delivery struct {
	Schedule
	scheduled time.Time // when it was due
	first     time.Time // of its attempts
	attempt   int       // the number of the next one, from 1
	at        time.Time // when that is
}

// An Attempt is one try to invoke a target.
type Attempt struct {
	Schedule    string // its name
	Scheduled   time.Time
	Time        time.Time
	Number      int // from 1
	ExecutionID string
	Err         error // nil if the target took it
	// Last says that no other attempt follows a failed one.
	Last bool
}

// A DeadLetter is what could not be delivered.
type DeadLetter struct {
	ScheduleARN  string
	TargetARN    string
	Payload      []byte
	Scheduled    time.Time
	ExecutionID  string
	Attempts     int    // retries made, not counting the first attempt
	ErrorCode    string // the kind of the last failure
	ErrorMessage string
	// Exhausted is MaximumRetryAttempts or MaximumEventAgeInSeconds; empty for
	// a failure that no retry could mend.
	Exhausted string
}

// Attributes are the message attributes that the real service sends along, all
// of them strings.
func (d DeadLetter) Attributes() map[string]string {
	out := map[string]string{
		"SCHEDULE_ARN": d.ScheduleARN, "TARGET_ARN": d.TargetARN, "SCHEDULED_TIME": d.Scheduled.UTC().Format(time.RFC3339),
		"EXECUTION_ID": d.ExecutionID, "RETRY_ATTEMPTS": strconv.Itoa(d.Attempts), "ERROR_CODE": d.ErrorCode,
		"ERROR_MESSAGE": d.ErrorMessage, "IS_PAYLOAD_TRUNCATED": "false",
	}
	if d.Exhausted != "" {
		out["EXHAUSTED_RETRY_CONDITION"] = d.Exhausted
	}
	return out
}

const (
	firstBackoff = time.Second
	maxBackoff   = time.Minute
	maxAttempts  = 1000 // that are remembered
)

// backoff is the wait before attempt n, from 2 on.
func backoff(n int) time.Duration {
	if n > 8 {
		return maxBackoff
	}
	return min(maxBackoff, firstBackoff<<(n-2))
}

// begin makes one attempt in the background, unless the service is closed.
// The caller holds s.mu.
func (s *Service) begin(d *delivery) {
	if s.closed {
		return
	}
	s.work.Go(func() { s.attempt(d) })
}

func (s *Service) attempt(d *delivery) {
	id := newExecutionID()
	payload := s.payload(d, id)
	a := Attempt{Schedule: d.Name, Scheduled: d.scheduled, Time: s.opts.Now(), Number: d.attempt, ExecutionID: id}
	a.Err = s.opts.Invoke(s.ctx, d.Target.ARN, payload)
	var exhausted string
	if a.Err != nil && s.ctx.Err() == nil { // a service that is closed gives up nothing
		exhausted, a.Last = s.exhausted(d, a.Err)
	}
	s.remember(a)
	switch {
	case a.Err == nil || s.ctx.Err() != nil:
	case a.Last:
		s.bury(d, a, payload, exhausted)
	default:
		s.postpone(d)
	}
}

func (s *Service) remember(a Attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.attempts) == maxAttempts {
		s.attempts = slices.Delete(s.attempts, 0, 1)
	}
	s.attempts = append(s.attempts, a)
}

// postpone has a delivery wait for its next attempt.
func (s *Service) postpone(d *delivery) {
	s.mu.Lock()
	d.attempt++
	d.at = s.opts.Now().Add(backoff(d.attempt))
	s.waiting = append(s.waiting, d)
	s.mu.Unlock()
	s.poke()
}

// exhausted reports whether a failed delivery is given up, and which limit it
// has reached.
func (s *Service) exhausted(d *delivery, err error) (condition string, last bool) {
	retry := d.Target.retry()
	switch {
	case fault.KindOf(err).Permanent():
		return "", true
	case d.attempt > retry.Attempts:
		return "MaximumRetryAttempts", true
	case s.opts.Now().Add(backoff(d.attempt+1)).Sub(d.first) > retry.MaxAge:
		return "MaximumEventAgeInSeconds", true
	}
	return "", false
}

// bury hands a delivery that is given up to the dead-letter queue, if it has
// one. Nobody hears of a failure there, as with the real service.
func (s *Service) bury(d *delivery, a Attempt, payload []byte, exhausted string) {
	if d.Target.DeadLetterARN == "" || s.opts.DeadLetter == nil {
		return
	}
	_ = s.opts.DeadLetter(s.ctx, d.Target.DeadLetterARN, DeadLetter{
		ScheduleARN: s.arn(d.Schedule), TargetARN: d.Target.ARN, Payload: payload, Scheduled: d.scheduled,
		ExecutionID: a.ExecutionID, Attempts: d.attempt - 1, ErrorCode: fault.KindOf(a.Err).String(),
		ErrorMessage: a.Err.Error(), Exhausted: exhausted,
	})
}

// Attempts returns the latest 1000 tries to invoke targets, in the order in
// which they ended.
func (s *Service) Attempts() []Attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.attempts)
}

// delay is how much later than due a schedule fires, within its window.
func (s *Service) delay(e *entry, next time.Time) time.Duration {
	if e.Window == 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(e.key())) // never fails, says its documentation
	r := rand.New(rand.NewPCG(s.opts.Seed^h.Sum64(), uint64(next.Unix())))
	return time.Duration(r.Int64N(int64(e.Window)))
}
