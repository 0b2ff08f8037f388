package lambda

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/google/uuid"
)

const (
	// maxResponse is what Lambda takes as an answer: 6 MB and 100 bytes.
	maxResponse = 6_291_556
	// maxErrorReport bounds what a runtime may say about its errors.
	maxErrorReport = 1 << 20
)

// runtimeAPI serves one process.
// Source: AWS, "Using the Lambda runtime API for custom runtimes" and "Using
// the Lambda Extensions API to create extensions".
func (e *environment) runtimeAPI() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/ping", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "pong")
	})
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", e.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", e.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", e.errorReport)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", e.initErrorReport)
	mux.HandleFunc("POST /2020-01-01/extension/register", e.register)
	mux.HandleFunc("GET /2020-01-01/extension/event/next", e.extensionNext)
	return mux
}

// next says that the runtime is ready, which completes what it did before, and
// waits for an event without a limit.
func (e *environment) next(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	e.initDone = true
	unanswered := e.current != nil && e.current.outcome.status == ""
	e.mu.Unlock()
	if unanswered {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "the event in hand has no answer yet")
		return
	}
	select {
	case e.ready <- struct{}{}:
	case <-r.Context().Done():
		return
	}
	select {
	case a := <-e.events:
		a.write(w, e.function)
	case <-r.Context().Done():
	}
}

// write is the event as the runtime gets it.
func (a *attempt) write(w http.ResponseWriter, f Function) {
	h := w.Header()
	h.Set("Lambda-Runtime-Aws-Request-Id", a.id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(a.deadline.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", f.ARN)
	h.Set("Lambda-Runtime-Trace-Id", a.TraceID)
	setIfAny(h, "Lambda-Runtime-Client-Context", a.ClientContext)
	setIfAny(h, "Lambda-Runtime-Aws-Tenant-Id", a.TenantID)
	h.Set("Content-Type", "application/json")
	_, _ = w.Write(a.Payload)
}

func setIfAny(h http.Header, key, value string) {
	if value != "" {
		h.Set(key, value)
	}
}

// response takes an answer. A runtime that fails while it streams one says so
// in the trailers.
func (e *environment) response(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxResponse+1))
	if err != nil {
		return // the process died, or is about to
	}
	o := outcome{payload: body, status: Success}
	if t := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); t != "" {
		report, _ := base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
		o = outcome{payload: report, status: Errored, errorType: t}
	}
	tooLarge := len(body) > maxResponse
	if tooLarge {
		o = tooLargeOutcome()
	}
	if !e.settle(w, r, o) {
		return
	}
	if tooLarge {
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
			fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", maxResponse))
		return
	}
	accept(w)
}

// errorReport takes the report of an error or a panic.
func (e *environment) errorReport(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxErrorReport))
	if err != nil {
		return
	}
	if e.settle(w, r, outcome{payload: body, status: Errored, errorType: errorType(r, body)}) {
		accept(w)
	}
}

// settle gives the event in hand its outcome. If it cannot, or must not, it
// answers the request and reports false.
func (e *environment) settle(w http.ResponseWriter, r *http.Request, o outcome) bool {
	e.mu.Lock()
	a := e.current
	known := a != nil && a.id == r.PathValue("id")
	answered := known && a.outcome.status != ""
	lose := known && a.crash.AtAnswer
	if known && !answered && !lose {
		a.outcome = o
	}
	e.mu.Unlock()
	switch {
	case !known:
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
	case answered:
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "the event has been answered")
	case lose:
		e.kill()
		<-r.Context().Done()
	default:
		return true
	}
	return false
}

// initErrorReport takes the reason why the runtime cannot start.
func (e *environment) initErrorReport(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxErrorReport))
	if err != nil {
		return
	}
	e.mu.Lock()
	refused := e.initDone || e.initError != nil
	if !refused {
		e.initError = body
		close(e.initFailed)
	}
	e.mu.Unlock()
	if refused {
		refuse(w, http.StatusForbidden, "InvalidStateTransition", "the init has ended")
		return
	}
	accept(w)
}

// register admits an extension while the init lasts. All that comes of it is
// SIGTERM before the end.
func (e *environment) register(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Lambda-Extension-Name") == "" {
		refuse(w, http.StatusForbidden, "Extension.InvalidExtensionName", "Empty extension name")
		return
	}
	e.mu.Lock()
	closed := e.initDone
	if !closed && e.extension == "" {
		e.extension = uuid.NewString()
	}
	id := e.extension
	e.mu.Unlock()
	if closed {
		refuse(w, http.StatusForbidden, "Extension.RegistrationClosed", "Extension registration closed already")
		return
	}
	w.Header().Set("Lambda-Extension-Identifier", id)
	writeJSON(w, http.StatusOK, map[string]string{
		"functionName": e.function.Name, "functionVersion": Version, "handler": "bootstrap",
	})
}

// extensionNext waits for the end, since no events are sent to extensions.
func (e *environment) extensionNext(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	known := e.extension != "" && r.Header.Get("Lambda-Extension-Identifier") == e.extension
	e.mu.Unlock()
	if !known {
		refuse(w, http.StatusForbidden, "Extension.UnknownExtensionIdentifier", "Unknown extension")
		return
	}
	<-r.Context().Done()
}

// errorType is what the runtime calls its error.
func errorType(r *http.Request, body []byte) string {
	if t := r.Header.Get("Lambda-Runtime-Function-Error-Type"); t != "" {
		return t
	}
	return reportedType(body)
}

// reportedType is the type that the report of an error names.
func reportedType(body []byte) string {
	var report struct {
		ErrorType string `json:"errorType"`
	}
	if json.Unmarshal(body, &report) != nil || report.ErrorType == "" {
		return "Unknown"
	}
	return report.ErrorType
}

func accept(w http.ResponseWriter) {
	writeJSON(w, http.StatusAccepted, map[string]string{"status": "OK"})
}

func refuse(w http.ResponseWriter, status int, errorType, message string) {
	writeJSON(w, status, map[string]string{"errorType": errorType, "errorMessage": message})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
