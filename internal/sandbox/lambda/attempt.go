package lambda

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// attempt is one try at one event.
type attempt struct {
	Invocation
	id       string
	deadline time.Time // zero until the event is about to be handed out
	crash    Crash
	cold     time.Duration // the init it had to wait for
	began    time.Time     // zero until it began
	outcome  outcome       // its zero status means none yet
}

// outcome is how an attempt ended.
type outcome struct {
	payload   []byte
	status    Status
	errorType string
}

// begin announces the attempt, once, even if the first environment turns out
// to be gone.
func (a *attempt) begin(e *environment) {
	if !a.began.IsZero() {
		return
	}
	a.began = time.Now()
	start := Event{Type: Start, Function: e.function.Name, Environment: e.id, RequestID: a.id}
	e.mu.Lock()
	e.tail.add(start.String())
	e.mu.Unlock()
	e.options.Platform(start)
}

// report announces how the attempt ended and returns its log.
func (a *attempt) report(e *environment) string {
	took := time.Since(a.began)
	report := Event{
		Type: Report, Function: e.function.Name, Environment: e.id, RequestID: a.id,
		Status: a.outcome.status, ErrorType: a.outcome.errorType,
		Duration: took, Init: a.cold, Billed: billed(took + a.cold),
		MemoryMB: e.function.MemoryMB, MaxMemoryMB: peakMemoryMB(e.process.pid),
	}
	e.mu.Lock()
	e.tail.add("END RequestId: " + a.id)
	e.tail.add(report.String())
	text := e.tail.take()
	e.mu.Unlock()
	e.options.Platform(report)
	return text
}

// timedOut is Lambda's answer when the time is up.
func (a *attempt) timedOut(limit time.Duration) outcome {
	return a.failed(Timeout, "Sandbox.Timedout", fmt.Sprintf("Task timed out after %.2f seconds", limit.Seconds()))
}

// exited is Lambda's answer when the process is gone.
func (a *attempt) exited(how string) outcome {
	return a.failed(Failure, "Runtime.ExitError", how)
}

func (a *attempt) failed(status Status, errorType, message string) outcome {
	return outcome{errorPayload(errorType, "RequestId: "+a.id+" Error: "+message), status, errorType}
}

func tooLargeOutcome() outcome {
	const kind = "Function.ResponseSizeTooLarge"
	text := fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", maxResponse)
	return outcome{errorPayload(kind, text), Errored, kind}
}

func errorPayload(errorType, message string) []byte {
	b, _ := json.Marshal(struct { // strings always encode
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{errorType, message})
	return b
}

// maxTail is how much of a log an Invoke answer carries.
const maxTail = 4 << 10

// tail is the end of a log.
type tail struct{ text string }

func (t *tail) add(line string) {
	if len(line) >= maxTail {
		line = line[len(line)-maxTail+1:]
	}
	t.text += line + "\n"
	if excess := len(t.text) - maxTail; excess > 0 {
		t.text = strings.Clone(t.text[excess:])
	}
}

// take returns the text and begins anew.
func (t *tail) take() string {
	text := t.text
	t.text = ""
	return text
}
