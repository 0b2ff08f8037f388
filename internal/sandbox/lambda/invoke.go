package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	maxSyncPayload  = 6_291_456
	maxAsyncPayload = 1 << 20
)

// Invocation is one event for one function.
type Invocation struct {
	// Function is a name, an ARN or a partial ARN, with or without $LATEST.
	Function string
	// Payload is JSON; empty means {}.
	Payload []byte
	// Async returns at once, and retries errors of the function later.
	Async bool
	// ClientContext is JSON for the function's context; it may be empty.
	ClientContext string
	// TraceID is an X-Ray header; one is made when it is empty.
	TraceID string
	// TenantID is that of tenant isolation; it may be empty.
	TenantID string
}

// Result is what became of an invocation.
type Result struct {
	RequestID string
	// Payload is the answer, or the report of the error.
	Payload []byte
	// FunctionError is "Unhandled" if the function failed, else empty.
	FunctionError string
	// LogTail is the last 4 KiB of the log.
	LogTail string
	// ExecutedVersion is [Version].
	ExecutedVersion string
}

// APIError is a refusal by the service, as Lambda's API words it.
type APIError struct {
	Status  int    // of the HTTP answer
	Code    string // such as ResourceNotFoundException
	Message string
	Reason  string // of a throttle, else empty
}

// Error is the code and the message.
func (e *APIError) Error() string { return e.Code + ": " + e.Message }

// Invoke runs a function. That the function failed is part of the Result; an
// error is an [*APIError], [ErrClosed] or the end of ctx. The function runs on
// when ctx ends, as it does when a caller of Lambda hangs up.
func (s *Service) Invoke(ctx context.Context, in Invocation) (Result, error) {
	p, err := s.admit(&in)
	if err != nil {
		return Result{}, err
	}
	id := uuid.NewString()
	if in.Async {
		return Result{RequestID: id, ExecutedVersion: Version}, s.spawn(func() { s.deliver(p, in, id) })
	}
	if !p.reserve() {
		return Result{}, &APIError{
			Status: http.StatusTooManyRequests, Code: "TooManyRequestsException", Message: "Rate Exceeded.",
			Reason: "ReservedFunctionConcurrentInvocationLimitExceeded",
		}
	}
	return s.background(ctx, p, in, id)
}

// background runs the event in a place that was taken for it.
func (s *Service) background(ctx context.Context, p *pool, in Invocation, id string) (Result, error) {
	type answer struct {
		result Result
		err    error
	}
	done := make(chan answer, 1)
	err := s.spawn(func() {
		result, err := p.run(in, id)
		p.release() // first, so that whoever has the answer finds the place free
		done <- answer{result, err}
	})
	if err != nil {
		p.release()
		return Result{}, err
	}
	select {
	case a := <-done:
		return a.result, a.err
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
}

// admit finds the function and checks the event.
func (s *Service) admit(in *Invocation) (*pool, error) {
	p, err := s.lookup(in.Function)
	if err != nil {
		return nil, err
	}
	if len(in.Payload) == 0 {
		in.Payload = []byte("{}")
	}
	limit, kind := maxSyncPayload, "RequestResponse"
	if in.Async {
		limit, kind = maxAsyncPayload, "Event"
	}
	if len(in.Payload) > limit {
		return nil, &APIError{
			Status: http.StatusRequestEntityTooLarge, Code: "RequestTooLargeException",
			Message: fmt.Sprintf("%d byte payload is too large for the %s invocation type (limit %d bytes)",
				len(in.Payload), kind, limit),
		}
	}
	for what, text := range map[string]string{"payload": string(in.Payload), "client context": in.ClientContext} {
		if text != "" && !json.Valid([]byte(text)) {
			return nil, &APIError{
				Status: http.StatusBadRequest, Code: "InvalidRequestContentException",
				Message: "Could not parse request body into json: the " + what + " is not JSON",
			}
		}
	}
	if in.TraceID == "" {
		in.TraceID = fmt.Sprintf("Root=1-%08x-%x;Parent=%x;Sampled=0", time.Now().Unix(), randomBytes(12), randomBytes(8))
	}
	return p, nil
}

// lookup finds a function by any of the names that Lambda takes.
func (s *Service) lookup(name string) (*pool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	short := name
	if _, rest, partial := strings.Cut(name, "function:"); partial {
		short = rest
	}
	short, qualifier, _ := strings.Cut(short, ":")
	p := s.functions[short]
	unqualified := strings.TrimSuffix(name, ":"+Version)
	wrongARN := p != nil && strings.HasPrefix(name, "arn:") && unqualified != p.function.ARN
	if p == nil || wrongARN || qualifier != "" && qualifier != Version {
		missing := name
		if !strings.HasPrefix(name, "arn:") {
			missing = fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", s.options.Region, s.options.AccountID, name)
		}
		return nil, &APIError{
			Status: http.StatusNotFound, Code: "ResourceNotFoundException",
			Message: "Function not found: " + missing,
		}
	}
	return p, nil
}

// run carries one event through one attempt.
func (p *pool) run(in Invocation, id string) (Result, error) {
	a := &attempt{Invocation: in, id: id, crash: p.options.Crash(p.function.Name)}
	e, err := p.attempt(a)
	if errors.Is(err, ErrClosed) || a.outcome.status != Success && p.isClosed() {
		return Result{}, ErrClosed
	}
	if err != nil {
		a.outcome = a.failed(Failure, "Runtime.InvalidEntrypoint", err.Error())
	}
	r := Result{RequestID: id, ExecutedVersion: Version, Payload: a.outcome.payload}
	if a.outcome.status != Success {
		r.FunctionError = "Unhandled"
	}
	if e != nil {
		r.LogTail = a.report(e)
		p.put(e)
	}
	return r, nil
}

// attempt hands the event to an idle environment, or else to a new one, and
// returns the one that had it.
func (p *pool) attempt(a *attempt) (*environment, error) {
	for e := p.take(); e != nil; e = p.take() {
		if e.invoke(a) {
			return e, nil
		}
		a.deadline = time.Time{} // it was gone and never saw the event
	}
	e, err := p.cold(a)
	if err == nil && a.outcome.status == "" && !e.invoke(a) {
		a.begin(e)
		a.outcome = a.exited(e.how()) // between its init and the event
	}
	return e, err
}

// cold starts an environment. If its init fails it is started once more, and
// that counts as part of the invocation: under the function's timeout, and
// with the failure as its outcome.
// Source: AWS, "Lambda execution environment lifecycle", init phase failures.
func (p *pool) cold(a *attempt) (*environment, error) {
	e, err := p.start()
	if err != nil {
		return nil, err
	}
	if _, ok := p.init(e, a, p.function.InitTimeout); ok || p.isClosed() {
		return e, nil
	}
	e.stop()
	a.deadline = time.Now().Add(p.function.Timeout)
	if e, err = p.start(); err != nil {
		return nil, err
	}
	if status, ok := p.init(e, a, p.function.Timeout); !ok {
		a.begin(e)
		e.stop()
		a.outcome = e.initOutcome(a, status)
	}
	return e, nil
}

// init waits for the environment to be ready and reports how it went.
func (p *pool) init(e *environment, a *attempt, limit time.Duration) (Status, bool) {
	status, ok := e.waitInit(limit)
	a.cold = time.Since(e.started)
	report := Event{
		Type: InitReport, Function: p.function.Name, Environment: e.id,
		Status: status, Duration: a.cold,
	}
	if !ok {
		report.ErrorType = e.initOutcome(a, status).errorType
	}
	p.options.Platform(report)
	return status, ok
}

// initOutcome is what a failed init means for the invocation that needed it.
func (e *environment) initOutcome(a *attempt, status Status) outcome {
	e.mu.Lock()
	report := e.initError
	e.mu.Unlock()
	switch {
	case report != nil:
		return outcome{report, Errored, reportedType(report)}
	case status == Timeout:
		return a.timedOut(e.function.Timeout)
	default:
		return a.exited(e.how())
	}
}
