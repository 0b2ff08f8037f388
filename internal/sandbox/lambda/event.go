package lambda

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// EventType is the name of a platform event, as in Lambda's Telemetry API.
type EventType string

// The platform events.
const (
	// InitReport ends the start of an environment.
	InitReport EventType = "platform.initReport"
	// Start begins an invocation.
	Start EventType = "platform.start"
	// Report ends an invocation, and every Start is followed by one.
	Report EventType = "platform.report"
)

// Status is how an init or an invocation ended, as in Lambda's Telemetry API.
type Status string

// The statuses.
const (
	Success Status = "success" // an answer
	Failure Status = "failure" // the process ended
	Errored Status = "error"   // the function reported an error
	Timeout Status = "timeout" // it was stopped at its deadline
)

// Event is something the platform did, as the console shows it. Fields that do
// not concern its type are zero.
type Event struct {
	Type        EventType
	Function    string
	Environment string // the log stream of the process
	RequestID   string
	Status      Status
	ErrorType   string // such as Runtime.ExitError
	// Duration is that of the invocation or the init; Init that of the cold
	// start the invocation had to wait for, or zero.
	Duration, Init time.Duration
	// Billed is Duration and Init in full milliseconds.
	Billed time.Duration
	// MemoryMB is the setting, MaxMemoryMB the most that was used, if known.
	MemoryMB, MaxMemoryMB int
}

// String is the event as a line in Lambda's plain text log.
func (e Event) String() string {
	switch e.Type {
	case Start:
		return fmt.Sprintf("START RequestId: %s Version: %s", e.RequestID, Version)
	case InitReport:
		return fmt.Sprintf("INIT_REPORT Init Duration: %.2f ms\tPhase: init\tStatus: %s\tError Type: %s",
			milliseconds(e.Duration), e.Status, e.ErrorType)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB",
		e.RequestID, milliseconds(e.Duration), e.Billed.Milliseconds(), e.MemoryMB, e.MaxMemoryMB)
	if e.Init > 0 {
		fmt.Fprintf(&b, "\tInit Duration: %.2f ms", milliseconds(e.Init))
	}
	if e.Status != Success {
		fmt.Fprintf(&b, "\tStatus: %s\tError Type: %s", e.Status, e.ErrorType)
	}
	return b.String()
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// billed rounds up to the millisecond.
func billed(d time.Duration) time.Duration {
	return (d + time.Millisecond - 1).Truncate(time.Millisecond)
}

// Crash says how the environment of one invocation dies by SIGKILL. The zero
// Crash lets it live.
type Crash struct {
	// After kills this long after the event was handed out, unless the
	// invocation has ended by then. Zero does not.
	After time.Duration
	// AtAnswer kills when the answer arrives, and loses it: everything was
	// done, and nobody will know.
	AtAnswer bool
}

// CrashRate returns a value for [Options.Crash] that kills this part of all
// invocations, 0 to 1: half of them at a random moment within the time given,
// half of them at their answer.
func CrashRate(rate float64, within time.Duration) func(function string) Crash {
	return func(string) Crash {
		switch f := rand.Float64(); {
		case f < rate/2:
			return Crash{After: 1 + time.Duration(rand.Float64()*float64(within))}
		case f < rate:
			return Crash{AtAnswer: true}
		}
		return Crash{}
	}
}
