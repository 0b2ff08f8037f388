package handler

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"clientkeeper/internal/credential"
	"clientkeeper/internal/fault"
)

// A route is a method and a path, and what a request on it may bring.
type route struct {
	method, path string   // the path with {parameters}
	scope        string   // what a token must hold; empty: anybody may ask
	key          keyRule  // whether an Idempotency-Key is taken
	body         bodyRule // whether a body is
	query        []string // the parameters that are known
	serve        func(*API, *httpRequest) (work, error)
}

// work is what a request comes down to, once all of it is understood. Nothing
// is called before.
type work func(context.Context, credential.Operation) (reply, error)

type keyRule int

const (
	noKey keyRule = iota
	optionalKey
	requiredKey
)

type bodyRule int

const (
	noBody bodyRule = iota
	optionalBody
	jsonBody
)

// The scopes, one or two for each resource.
const (
	scopeClientsCreate    = "clients:create"
	scopeClientsRead      = "clients:read"
	scopeCredentialsWrite = "credentials:write"
	scopeCredentialsRead  = "credentials:read"
	scopeRotationsStart   = "rotations:start"
	scopeRotationsRead    = "rotations:read"
	scopeRegister         = "registrations:create"
)

// apiRoutes are all there are; openapi.json describes them.
var apiRoutes = []*route{
	{"POST", "/v1/clients", scopeClientsCreate, requiredKey, jsonBody, nil, (*API).createClient},
	{"GET", "/v1/clients", scopeClientsRead, noKey, noBody, []string{"cursor", "limit"}, (*API).listClients},
	{"POST", "/v1/clients/{client_id}/credentials", scopeCredentialsWrite, requiredKey, jsonBody, nil, (*API).addCredential},
	{"GET", "/v1/clients/{client_id}/credentials", scopeCredentialsRead, noKey, noBody, nil, (*API).listCredentials},
	{"GET", "/v1/clients/{client_id}/credentials/{credential_id}", scopeCredentialsRead, noKey, noBody, nil, (*API).showCredential},
	{"PATCH", "/v1/clients/{client_id}/credentials/{credential_id}", scopeCredentialsWrite, noKey, jsonBody, nil, (*API).changeCredential},
	{"DELETE", "/v1/clients/{client_id}/credentials/{credential_id}", scopeCredentialsWrite, noKey, noBody, []string{"force"}, (*API).removeCredential},
	{"POST", "/v1/clients/{client_id}/rotations", scopeRotationsStart, optionalKey, optionalBody, nil, (*API).startRotation},
	{"GET", "/v1/rotations/{rotation_id}", scopeRotationsRead, noKey, noBody, nil, (*API).showRotation},
	{"POST", "/v1/registrations", scopeRegister, optionalKey, jsonBody, nil, (*API).register},
	{"POST", "/v1/registrations/preview", scopeRegister, noKey, jsonBody, nil, (*API).preview},
	{"GET", "/v1/openapi.json", "", noKey, noBody, nil, (*API).describe},
}

// webhookRoutes are those of [Webhook]. The signature is who the caller is.
var webhookRoutes = []*route{
	{method: "POST", path: "/v1/webhooks/registrations", body: jsonBody},
}

// defaultRoute is the key of the route for what has no other.
const defaultRoute = "$default"

// parameters says how each parameter of a path looks.
var parameters = map[string]*regexp.Regexp{
	"client_id":     regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`),
	"credential_id": regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`),
	"rotation_id":   regexp.MustCompile(`^[A-Za-z0-9_~-][A-Za-z0-9_.~-]{0,999}$`),
}

// match finds the route of the request's method and path. The path is taken as
// it came: nothing is decoded, cleaned or completed, so that there is one
// spelling of each, and what the gateway let through is not read in another
// way here.
//
// What came by the gateway's route $default is never served, only told why: who
// may use a route was not asked of it.
func (r *httpRequest) match(routes []*route) error {
	path := r.ev.RawPath
	if stage := r.ev.RequestContext.Stage; stage != "" && stage != "$default" {
		path = strings.TrimPrefix(path, "/"+stage) // a named stage is part of it
	}
	found, parameters := map[string]*route{}, map[string]string{}
	for _, candidate := range routes {
		if values, ok := candidate.fits(path); ok {
			found[candidate.method], parameters = candidate, values
		}
	}
	method := r.ev.RequestContext.HTTP.Method
	if len(found) == 0 || r.ev.RouteKey == defaultRoute && found[method] != nil {
		return apiFault(fault.NotFound, "route_unknown", "there is nothing at this path", "GET /v1/openapi.json lists the paths")
	}
	if found[method] == nil {
		r.allow = strings.Join(slices.Sorted(maps.Keys(found)), ", ")
		return &methodError{r.allow}
	}
	r.route, r.parameters = found[method], parameters
	return nil
}

// methodError is the refusal of a method, which has to name the others.
type methodError struct{ allow string }

func (e *methodError) Error() string { return e.Unwrap().Error() }

func (e *methodError) Unwrap() error {
	return apiFault(fault.Invalid, "method_not_allowed", "this path does not take that method", "use "+strings.ReplaceAll(e.allow, ", ", " or "))
}

// fits compares a path with the route's, segment by segment.
func (t *route) fits(path string) (map[string]string, bool) {
	want, got := strings.Split(t.path, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	values := map[string]string{}
	for i, segment := range want {
		name, ok := strings.CutPrefix(segment, "{")
		switch {
		case ok && got[i] != "":
			values[strings.TrimSuffix(name, "}")] = got[i]
		case segment != got[i]:
			return nil, false
		}
	}
	return values, true
}

// readParameters judges the path's parameters. They become part of calls to
// the tenant and of the names of secrets.
func (r *httpRequest) readParameters() error {
	for _, name := range slices.Sorted(maps.Keys(r.parameters)) {
		if !parameters[name].MatchString(r.parameters[name]) {
			return apiFault(fault.Invalid, "parameter_invalid", name+" in the path is not one: its letters or its length are wrong", "use the id as it was given to you")
		}
	}
	return nil
}
