package apigateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// A call is one request on its way.
type call struct {
	api   *API
	w     http.ResponseWriter
	r     *http.Request
	id    string
	began time.Time

	route      *route
	parameters map[string]string
	caller     caller
	body       []byte

	status, written                   int
	integration                       time.Duration
	authorizerError, integrationError string
}

// newRequestID is 11 random bytes as API Gateway shows them.
func newRequestID() string {
	b := make([]byte, 11)
	_, _ = rand.Read(b) // never fails
	return base64.URLEncoding.EncodeToString(b)
}

func (c *call) serve() {
	path, ok := c.api.pathOf(c.r)
	if ok {
		c.route, c.parameters = c.api.find(c.r.Method, path)
	}
	if c.route == nil {
		c.refuse(http.StatusNotFound)
		return
	}
	if c.suffer(c.api.fate(c.route.key)) {
		return
	}
	if c.route.bucket != nil && !c.route.bucket.AllowN(c.api.options.Now(), 1) {
		c.refuse(http.StatusTooManyRequests)
		return
	}
	if !c.authorize() || !c.readBody() {
		return
	}
	c.integrate()
}

// readBody reads no more than there may be, and does not wait for ever.
func (c *call) readBody() bool {
	control := http.NewResponseController(c.w)
	_ = control.SetReadDeadline(time.Now().Add(maxTimeout)) // not every writer can
	var b bytes.Buffer
	var err error
	if c.r.ContentLength <= maxPayload {
		_, err = b.ReadFrom(io.LimitReader(c.r.Body, maxPayload+1))
	}
	switch {
	case c.r.ContentLength > maxPayload, b.Len() > maxPayload:
		c.tooLarge(control)
		return false
	case err != nil:
		c.refuse(http.StatusBadRequest)
		return false
	}
	c.body = b.Bytes()
	return true
}

// What a client is still sending when it has been refused is read for a while:
// were the connection closed at once, many a client would not see the answer.
const (
	maxDrain  = 64 << 20
	drainTime = 30 * time.Second
)

func (c *call) tooLarge(control *http.ResponseController) {
	_ = control.EnableFullDuplex()
	c.w.Header().Set("Connection", "close")
	c.refuse(http.StatusRequestEntityTooLarge)
	_ = control.Flush()
	_ = control.SetReadDeadline(time.Now().Add(drainTime))
	_, _ = io.CopyN(io.Discard, c.r.Body, maxDrain)
}

// integrate invokes the function. Whoever hangs up does not stop it.
func (c *call) integrate() {
	event, err := json.Marshal(c.event())
	if err != nil { // a struct of strings
		c.refuse(http.StatusInternalServerError)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.r.Context()), c.route.timeout)
	defer cancel()
	start := time.Now()
	answer, functionError, err := c.api.options.Invoke(ctx, c.route.Function, event)
	c.integration = time.Since(start)
	switch {
	case err != nil:
		c.integrationError = err.Error()
		c.refuse(statusOf(err))
		return
	case functionError != "":
		c.integrationError = functionError
		c.refuse(http.StatusInternalServerError)
		return
	}
	a, err := readAnswer(answer)
	if err != nil {
		c.integrationError = err.Error()
		c.refuse(http.StatusInternalServerError)
		return
	}
	c.answer(a)
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, ErrThrottled):
		return http.StatusServiceUnavailable
	case errors.Is(err, ErrTooLarge):
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusInternalServerError
}

// refuse answers in API Gateway's words.
func (c *call) refuse(status int) {
	text, err := json.Marshal(struct {
		Message string `json:"message"`
	}{http.StatusText(status)})
	if err != nil {
		panic("apigateway: " + err.Error()) // a struct of a string
	}
	if c.api.options.CORS != nil {
		c.api.options.CORS.decorate(c.w.Header(), c.r)
	}
	h := c.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	c.send(status, text)
}

func (c *call) send(status int, body []byte) {
	c.status, c.written = status, len(body)
	c.w.WriteHeader(status)
	if c.r.Method != http.MethodHead && len(body) > 0 {
		_, _ = c.w.Write(body) // whoever asked may be gone
	}
}

// log tells of the request; start is in real time, as the latency is.
func (c *call) log(start time.Time) {
	if c.api.options.Access == nil {
		return
	}
	key := ""
	if c.route != nil {
		key = c.route.key
	}
	c.api.options.Access(Access{
		Time: c.began, RequestID: c.id, RouteKey: key, Method: c.r.Method, Path: decode(c.r.URL.EscapedPath()),
		SourceIP: sourceIP(c.r), Principal: c.caller.principal, Status: c.status, Bytes: c.written,
		Latency: time.Since(start), IntegrationLatency: c.integration,
		AuthorizerError: c.authorizerError, IntegrationError: c.integrationError,
	})
}

func sourceIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
