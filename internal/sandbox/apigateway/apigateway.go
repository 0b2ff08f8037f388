package apigateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// The quotas of HTTP APIs ("Quotas for configuring and running an HTTP API").
const (
	maxHeader  = 10_240   // bytes of the request line and the header values
	maxPayload = 10 << 20 // bytes of a body
	maxTimeout = 30 * time.Second
)

// DefaultStage is the stage whose name is in no path.
const DefaultStage = "$default"

// What [Options.Invoke] may return to say how Lambda refused; any other error
// is a failure of the integration.
var (
	ErrThrottled = errors.New("apigateway: the function is throttled")
	ErrTooLarge  = errors.New("apigateway: the event is too large for Lambda")
)

// Invoke runs a function with an event. That the function failed is in
// functionError, such as Unhandled, with a report of the error as its answer.
// It returns when ctx ends, even if the function runs on.
type Invoke func(ctx context.Context, function string, event []byte) (answer []byte, functionError string, err error)

// Options describe one API. Routes and Invoke are required.
type Options struct {
	Routes []Route
	Invoke Invoke

	// Stage is the only stage; empty means DefaultStage. The path of another
	// begins with its name.
	Stage string
	// ID and AccountID are those of the request context; empty means sandbox
	// and 123456789012.
	ID, AccountID string
	// Throttle is for routes without one of their own; zero means none.
	Throttle Throttle
	// CORS, if not nil, answers preflights and decides about all CORS headers.
	CORS *CORS

	// Client fetches discovery documents and keys; nil means one that trusts the
	// system's roots. It is never led elsewhere by a redirect.
	Client *http.Client
	// Now is the clock of tokens and throttles; nil means time.Now.
	Now func() time.Time
	// Mischief, if not nil, is asked about every request that has a route.
	Mischief Mischief
	// Access, if not nil, is told of every request when it is over.
	Access func(Access)
}

// A Route leads requests to a function.
type Route struct {
	// Method is ANY or a method; Path is such as /clients/{id} or /{proxy+}.
	// Without both it is the $default route.
	Method, Path string
	Function     string
	Authorizer   *Authorizer // nil lets everybody in
	// Scopes, any of which opens the route to a token.
	Scopes []string
	// Timeout of the integration; zero means the 30 s that there are at most.
	Timeout time.Duration
	// Throttle, if not zero, goes before the API's.
	Throttle Throttle
}

// A Throttle is a token bucket; the zero Throttle lets everything through.
type Throttle struct {
	Rate  float64 // requests per second
	Burst int
}

// Access is what an access log can tell of a request.
type Access struct {
	Time                              time.Time
	RequestID, RouteKey, Method, Path string // Path without its query
	SourceIP, Principal               string // Principal is a token's sub or an access key's ARN
	Status, Bytes                     int
	Latency, IntegrationLatency       time.Duration
	AuthorizerError, IntegrationError string
}

// An API answers requests. Make one with [New].
type API struct {
	options Options
	routes  []*route
	issuers *issuers

	mu       sync.Mutex
	mischief Mischief
}

// New checks the options.
func New(o Options) (*API, error) {
	if o.Invoke == nil {
		return nil, errors.New("apigateway: no Invoke")
	}
	setDefault(&o.Stage, DefaultStage)
	setDefault(&o.ID, "sandbox")
	setDefault(&o.AccountID, "123456789012")
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &API{options: o, issuers: newIssuers(o.Client, o.Now), mischief: o.Mischief}
	seen := map[string]bool{}
	for _, r := range o.Routes {
		compiled, err := compile(r)
		if err != nil {
			return nil, err
		}
		if seen[compiled.shape] {
			return nil, fmt.Errorf("apigateway: route %s is there twice", compiled.key)
		}
		seen[compiled.shape] = true
		compiled.bucket = newBucket(r.Throttle, o.Throttle)
		a.routes = append(a.routes, compiled)
	}
	return a, nil
}

func setDefault(s *string, fallback string) {
	if *s == "" {
		*s = fallback
	}
}

// newBucket is nil if neither throttle limits anything.
func newBucket(own, common Throttle) *rate.Limiter {
	if own == (Throttle{}) {
		own = common
	}
	if own == (Throttle{}) {
		return nil
	}
	return rate.NewLimiter(rate.Limit(own.Rate), own.Burst)
}

// ServeHTTP is one request, from its route to its access log.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{api: a, w: w, r: r, id: newRequestID(), began: a.options.Now()}
	w.Header().Set("apigw-requestid", c.id)
	defer c.log(time.Now())
	if a.options.CORS != nil && a.options.CORS.preflight(w, r) {
		c.status = http.StatusNoContent
		w.WriteHeader(c.status)
		return
	}
	if headerSize(r) > maxHeader {
		c.refuse(http.StatusRequestHeaderFieldsTooLarge)
		return
	}
	c.serve()
}

// headerSize counts what the quota counts: request line and header values.
func headerSize(r *http.Request) int {
	size := len(r.Method) + len(r.RequestURI) + len(r.Proto) + len(r.Host) + len("  \r\n")
	for _, values := range r.Header {
		for _, v := range values {
			size += len(v)
		}
	}
	return size
}

// pathOf is the path without the stage, still encoded; ok is false if the
// request is for no stage of this API.
func (a *API) pathOf(r *http.Request) (path string, ok bool) {
	path = r.URL.EscapedPath()
	if a.options.Stage == DefaultStage {
		return path, true
	}
	rest, ok := strings.CutPrefix(path, "/"+a.options.Stage)
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return or(rest, "/"), true
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
