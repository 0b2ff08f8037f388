package lambda

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// ServeHTTP is the Invoke API, for the AWS CLI and SDKs with an endpoint URL of
// their own, as with sam local start-lambda.
// Source: AWS, API reference of Invoke.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.api.ServeHTTP(w, r) }

func (s *Service) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations", s.invokeAPI)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, &APIError{
			Status: http.StatusNotFound, Code: "UnknownOperationException",
			Message: "The sandbox serves Invoke alone, not " + r.Method + " " + r.URL.Path,
		})
	})
	return mux
}

func (s *Service) invokeAPI(w http.ResponseWriter, r *http.Request) {
	in, kind, err := readInvocation(r)
	if err != nil {
		writeError(w, err)
		return
	}
	if kind == "DryRun" {
		if _, err := s.admit(&in); err != nil {
			writeError(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
		return
	}
	result, err := s.Invoke(r.Context(), in)
	if err != nil {
		writeError(w, err)
		return
	}
	writeResult(w, r, in, result)
}

// readInvocation is what a request asks for.
func readInvocation(r *http.Request) (in Invocation, kind string, err error) {
	kind = r.Header.Get("X-Amz-Invocation-Type")
	switch kind {
	case "":
		kind = "RequestResponse"
	case "RequestResponse", "Event", "DryRun":
	default:
		return in, "", invalid("Unknown invocation type: use RequestResponse, Event or DryRun")
	}
	in = Invocation{
		Function: r.PathValue("name"),
		Async:    kind == "Event",
		TraceID:  r.Header.Get("X-Amzn-Trace-Id"),
		TenantID: r.Header.Get("X-Amz-Tenant-Id"),
	}
	if q := r.URL.Query().Get("Qualifier"); q != "" && q != Version {
		in.Function += ":" + q
	}
	clientContext, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Amz-Client-Context"))
	if err != nil {
		return in, "", &APIError{
			Status: http.StatusBadRequest, Code: "InvalidRequestContentException",
			Message: "Client context must be base64-encoded JSON",
		}
	}
	in.ClientContext = string(clientContext)
	in.Payload, err = io.ReadAll(io.LimitReader(r.Body, maxSyncPayload+1))
	if err != nil {
		return in, "", invalid("The request body could not be read")
	}
	return in, kind, nil
}

func writeResult(w http.ResponseWriter, r *http.Request, in Invocation, result Result) {
	h := w.Header()
	h.Set("X-Amzn-RequestId", result.RequestID)
	h.Set("X-Amz-Executed-Version", result.ExecutedVersion)
	h.Set("Content-Type", "application/json")
	if in.Async {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	setIfAny(h, "X-Amz-Function-Error", result.FunctionError)
	if r.Header.Get("X-Amz-Log-Type") == "Tail" {
		h.Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString([]byte(result.LogTail)))
	}
	_, _ = w.Write(result.Payload)
}

// writeError answers with an error that SDKs can decode. One that is not the
// API's own is a service error, which they try again; if the caller has hung
// up nobody reads it.
func writeError(w http.ResponseWriter, err error) {
	api, ok := errors.AsType[*APIError](err)
	fault := "User"
	if !ok {
		fault = "Service"
		api = &APIError{Status: http.StatusInternalServerError, Code: "ServiceException", Message: "The service is not available"}
		if errors.Is(err, context.Canceled) {
			api.Message = "The caller hung up"
		}
	}
	w.Header().Set("X-Amzn-ErrorType", api.Code)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(api.Status)
	_ = json.NewEncoder(w).Encode(struct {
		Type    string
		Message string
		Reason  string `json:",omitempty"`
	}{fault, api.Message, api.Reason})
}
