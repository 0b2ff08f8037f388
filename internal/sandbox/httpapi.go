package sandbox

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"

	"clientkeeper/internal/sandbox/apigateway"
	"clientkeeper/internal/sandbox/cloudformation"
	"clientkeeper/internal/sandbox/lambda"
)

// makeCaller makes a client that may do everything that the HTTP API offers,
// for people to try it with.
func (s *Sandbox) makeCaller(context.Context) error {
	s.caller.id, s.caller.secret = s.Tenant.AddClient("portal")
	s.Tenant.AddGrant(s.caller.id, apiAudience, apiScopes...)
	s.Journal.hunt(s.caller.secret)
	return nil
}

// takePorts takes the ports of what needs the functions to be built.
func (s *Sandbox) takePorts(ctx context.Context) (err error) {
	if s.lambdaPort, err = s.take(ctx, "Lambda", s.options.Ports.Lambda); err == nil && len(s.Stack.HTTPAPIs) > 0 {
		s.apiPort, err = s.take(ctx, "the HTTP API", s.options.Ports.HTTP)
	}
	return err
}

// take listens until Close, which may be long before anything is served.
func (s *Sandbox) take(ctx context.Context, what string, port int) (net.Listener, error) {
	l, err := listen(ctx, what, port)
	if err != nil {
		return nil, err
	}
	s.onClose(func() error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) { // whoever served it has closed it
			return err
		}
		return nil
	})
	return l, nil
}

// startAPI serves the stack's HTTP API, if it has one.
func (s *Sandbox) startAPI(context.Context) error {
	if len(s.Stack.HTTPAPIs) == 0 {
		return nil
	}
	if len(s.Stack.HTTPAPIs) > 1 {
		return fmt.Errorf("the template has %d HTTP APIs, and the sandbox has one port for them; let all events name one with ApiId", len(s.Stack.HTTPAPIs))
	}
	api := s.Stack.HTTPAPIs[0]
	options := apigateway.Options{
		ID: api.ID, AccountID: account, Stage: api.Stage, Throttle: apigateway.Throttle(api.Throttle),
		Routes: gatewayRoutes(api.Routes), CORS: (*apigateway.CORS)(api.CORS), Client: s.issuerClient(), Invoke: s.invokeHTTP,
	}
	options.Access = func(a apigateway.Access) {
		s.answered(api.ID, a)
		if format := api.AccessLogFormat; format != "" {
			s.Journal.line([]byte(a.Format(format)))
		}
	}
	var err error
	if s.API, err = apigateway.New(options); err != nil {
		return fmt.Errorf("HTTP API %s: %w", api.LogicalID, err)
	}
	s.APIURL = "http://" + s.apiPort.Addr().String()
	s.serve(s.apiPort, s.API)
	return nil
}

func gatewayRoutes(routes []cloudformation.Route) []apigateway.Route {
	var out []apigateway.Route
	for _, r := range routes {
		route := apigateway.Route{
			Method: r.Method, Path: r.Path, Function: r.Function, Scopes: r.Scopes, Timeout: r.Timeout, Throttle: apigateway.Throttle(r.Throttle),
		}
		if a := r.Authorizer; a != nil {
			route.Authorizer = &apigateway.Authorizer{IAM: a.IAM, Issuer: a.Issuer, Audience: a.Audience, IdentitySource: a.IdentitySource}
		}
		out = append(out, route)
	}
	return out
}

// issuerClient trusts the sandbox's tenant, which is the issuer of callers'
// tokens, and nobody else.
func (s *Sandbox) issuerClient() *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.Tenant.CAPEM())
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, Proxy: nil}}
}

// invokeHTTP is how the HTTP API reaches a function.
func (s *Sandbox) invokeHTTP(ctx context.Context, function string, event []byte) (answer []byte, functionError string, err error) {
	r, err := s.Lambda.Invoke(ctx, lambda.Invocation{Function: function, Payload: event})
	if refusal, ok := errors.AsType[*lambda.APIError](err); ok {
		switch refusal.Status {
		case http.StatusTooManyRequests:
			err = fmt.Errorf("%w: %w", apigateway.ErrThrottled, err)
		case http.StatusRequestEntityTooLarge:
			err = fmt.Errorf("%w: %w", apigateway.ErrTooLarge, err)
		}
	}
	return r.Payload, r.FunctionError, err
}

// webhookURL is where a partner sends webhooks; empty if nobody takes them.
func (s *Sandbox) webhookURL() string {
	for _, api := range s.Stack.HTTPAPIs {
		for _, r := range api.Routes {
			if r.Function == "WebhookFunction" && r.Method == http.MethodPost {
				return s.APIURL + r.Path
			}
		}
	}
	return ""
}
