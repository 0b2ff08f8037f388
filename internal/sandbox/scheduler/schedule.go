package scheduler

import (
	"fmt"
	"regexp"
	"time"
)

// DefaultGroup is the only group there is.
const DefaultGroup = "default"

// A Schedule says when to invoke what.
type Schedule struct {
	Name        string
	Group       string // empty is the default group
	Description string
	// Expression is at(...), rate(...) or cron(...).
	Expression string
	// TimeZone is an IANA name, for at and cron. Empty is UTC.
	TimeZone string
	Disabled bool
	// Start and End bound when a recurring schedule may fire. Zero is no bound.
	Start, End time.Time
	// Window lets the target be invoked that much later than it is due, at
	// random. Zero is not at all.
	Window time.Duration
	// DeleteAfter removes the schedule after its last invocation.
	DeleteAfter bool
	Target      Target
}

// A Target is what is invoked, and with what.
type Target struct {
	ARN     string
	RoleARN string
	// Input is the payload, with <aws.scheduler...> keywords in it replaced.
	// Empty means the event that EventBridge Scheduler makes up.
	Input string
	// DeadLetterARN is the queue for what could not be delivered; empty if it
	// is dropped.
	DeadLetterARN string
	// Retry is nil for 185 retries within a day.
	Retry *Retry
}

// A Retry says how often a failed delivery is made again.
type Retry struct {
	Attempts int           // 0 to 185, after the first one
	MaxAge   time.Duration // a minute to a day, since the first one
}

var defaultRetry = Retry{Attempts: 185, MaxAge: 24 * time.Hour}

func (t Target) retry() Retry {
	if t.Retry == nil {
		return defaultRetry
	}
	return *t.Retry
}

// Info is a schedule as the service keeps it.
type Info struct {
	Schedule
	ARN               string
	Created, Modified time.Time
	// Next is when it is due, before any flexible window. Zero is never.
	Next time.Time
}

// An Error is a refusal, by the code that the real service gives it.
type Error struct {
	Code    string // such as ValidationException
	Message string
}

func (e *Error) Error() string { return "scheduler: " + e.Code + ": " + e.Message }

func invalid(format string, args ...any) error {
	return &Error{"ValidationException", fmt.Sprintf(format, args...)}
}

var (
	nameForm  = regexp.MustCompile(`^[0-9a-zA-Z-_.]{1,64}$`)
	queueForm = regexp.MustCompile(`^arn:aws(-[a-z]+)?:sqs:[a-z0-9-]+:\d{12}:[a-zA-Z0-9_-]+$`)
)

const (
	maxDescription = 512
	maxExpression  = 256
	maxARN         = 1600
	maxWindow      = 1440 * time.Minute
)

// check holds a schedule against the constraints of the API reference.
func (s Schedule) check() error {
	switch {
	case !nameForm.MatchString(s.Name):
		return invalid("Name must have 1 to 64 letters, digits, -, _ or .")
	case s.Group != DefaultGroup:
		return &Error{"ResourceNotFoundException", "Schedule group " + clip(s.Group) + " does not exist."}
	case len(s.Description) > maxDescription:
		return invalid("Description must have at most %d characters", maxDescription)
	case s.Expression == "" || len(s.Expression) > maxExpression:
		return invalid("ScheduleExpression must have 1 to %d characters", maxExpression)
	case s.Window < 0 || s.Window > maxWindow || s.Window%time.Minute != 0:
		return invalid("MaximumWindowInMinutes must be 1 to 1440")
	case !s.Start.IsZero() && !isYear(s.Start), !s.End.IsZero() && !isYear(s.End):
		return invalid("StartDate and EndDate must be in %d to %d", firstYear, lastYear)
	case !s.Start.IsZero() && !s.End.IsZero() && !s.End.After(s.Start):
		return invalid("EndDate must be after StartDate")
	}
	return s.Target.check()
}

func isYear(t time.Time) bool { return t.UTC().Year() >= firstYear && t.UTC().Year() <= lastYear }

func (t Target) check() error {
	retry := t.retry()
	switch {
	case t.ARN == "" || len(t.ARN) > maxARN:
		return invalid("Target.Arn must have 1 to %d characters", maxARN)
	case t.RoleARN == "" || len(t.RoleARN) > maxARN:
		return invalid("Target.RoleArn must have 1 to %d characters", maxARN)
	case t.DeadLetterARN != "" && !queueForm.MatchString(t.DeadLetterARN):
		return invalid("DeadLetterConfig.Arn must be the ARN of a queue")
	case retry.Attempts < 0 || retry.Attempts > defaultRetry.Attempts:
		return invalid("MaximumRetryAttempts must be 0 to %d", defaultRetry.Attempts)
	case retry.MaxAge < time.Minute || retry.MaxAge > defaultRetry.MaxAge:
		return invalid("MaximumEventAgeInSeconds must be 60 to 86400")
	}
	return nil
}

// times parses the expression, with base for rates without a start.
func (s Schedule) times(base time.Time) (timetable, error) {
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil || s.TimeZone == "Local" {
		return nil, invalid("ScheduleExpressionTimezone %s is no time zone", clip(s.TimeZone))
	}
	if !s.Start.IsZero() {
		base = s.Start
	}
	table, err := parse(s.Expression, zone, base)
	if err != nil {
		return nil, invalid("Invalid Schedule Expression %s: %v.", clip(s.Expression), err)
	}
	return table, nil
}
