package cloudformation

import (
	"slices"
	"strings"
	"time"
)

// The resource types of an HTTP API without SAM.
const (
	apiType         = "AWS::ApiGatewayV2::Api"
	stageType       = "AWS::ApiGatewayV2::Stage"
	authorizerType  = "AWS::ApiGatewayV2::Authorizer"
	integrationType = "AWS::ApiGatewayV2::Integration"
	routeType       = "AWS::ApiGatewayV2::Route"
)

// An integration leads to a function.
type integration struct {
	api, function string
	timeout       time.Duration
}

// readPlainAPIs reads the APIs that are spelled out, once the functions are
// known.
func (r *resolver) readPlainAPIs(s *Stack) {
	integrations, authorizers := map[string]integration{}, map[string]*Authorizer{}
	for _, kind := range []string{apiType, stageType, authorizerType, integrationType, routeType} {
		for _, res := range r.resources {
			if res.kind != kind || !r.exists(res) {
				continue
			}
			p := r.propertiesOf(res)
			name, _ := r.name(res)
			switch kind {
			case apiType:
				r.httpAPIs = append(r.httpAPIs, r.plainAPI(res, name, p))
			case stageType:
				r.stage(res, p)
			case authorizerType:
				authorizers[name] = r.authorizer(res, p)
			case integrationType:
				integrations[name] = r.integration(s, res, p)
			case routeType:
				r.plainRoute(res, p, integrations, authorizers)
			}
			p.done()
		}
	}
}

func (r *resolver) plainAPI(res *resource, name string, p *properties) *httpAPI {
	a := &httpAPI{line: res.line, settings: map[string]Throttle{}}
	a.LogicalID, a.ID, a.Stage, a.CORS = res.id, name, "$default", r.cors(p)
	if protocol, _ := p.string("ProtocolType"); protocol != "HTTP" {
		p.wrong(p.at("ProtocolType"), "ProtocolType", "must be HTTP")
	}
	p.string("Name")
	p.string("Description")
	return a
}

// plainOf is the API that a resource belongs to, or nil with a mistake noted.
func (r *resolver) plainOf(p *properties) *httpAPI {
	id, _ := p.string("ApiId")
	for _, a := range r.httpAPIs {
		if a.ID == id {
			return a
		}
	}
	p.wrong(p.at("ApiId"), "ApiId", "is no HTTP API of this template")
	return nil
}

func (r *resolver) stage(res *resource, p *properties) {
	a := r.plainOf(p)
	if a == nil {
		return
	}
	a.Stage, _ = p.string("StageName")
	if !p.bool("AutoDeploy", false) {
		r.mistakes.add(res.line, "%s: without AutoDeploy the stage has no routes until someone deploys", res.id)
	}
	r.stageSettings(a, p)
}

// stageSettings are those that SAM and CloudFormation write alike.
func (r *resolver) stageSettings(a *httpAPI, p *properties) {
	a.Throttle = throttle(p.object("DefaultRouteSettings"))
	settings := p.object("RouteSettings")
	for key := range entries(settings.node) {
		a.settings[key.Value] = throttle(settings.object(key.Value))
	}
	logs := p.object("AccessLogSettings")
	logs.read["DestinationArn"] = true // a log group
	a.AccessLogFormat, _ = logs.string("Format")
	logs.done()
}

func (r *resolver) authorizer(res *resource, p *properties) *Authorizer {
	r.plainOf(p)
	p.string("Name")
	if kind, _ := p.string("AuthorizerType"); kind != "JWT" {
		r.ignore(res.line, "%s: not a JWT authorizer", res.id)
		return nil
	}
	jwt := p.object("JwtConfiguration")
	a := &Authorizer{Name: res.id, Audience: jwt.strings("Audience")}
	a.Issuer, _ = jwt.string("Issuer")
	jwt.done()
	if source := p.strings("IdentitySource"); len(source) == 1 {
		a.IdentitySource = source[0]
	}
	if a.IdentitySource == "" || !strings.HasPrefix(a.Issuer, "https://") || len(a.Audience) == 0 {
		r.mistakes.add(res.line, "%s needs one IdentitySource, an Issuer that is an https URL, and an Audience", res.id)
	}
	return a
}

func (r *resolver) integration(s *Stack, res *resource, p *properties) integration {
	out := integration{timeout: time.Duration(p.int("TimeoutInMillis", 0, 50, 30_000)) * time.Millisecond}
	if a := r.plainOf(p); a != nil {
		out.api = a.ID
	}
	p.string("Description")
	p.string("IntegrationMethod")
	if kind, _ := p.string("IntegrationType"); kind != "AWS_PROXY" {
		p.wrong(p.at("IntegrationType"), "IntegrationType", "must be AWS_PROXY: the sandbox knows no other")
	}
	if version, _ := p.string("PayloadFormatVersion"); version != "2.0" {
		p.wrong(p.at("PayloadFormatVersion"), "PayloadFormatVersion", "must be 2.0: the sandbox knows no other")
	}
	uri, _ := p.string("IntegrationUri")
	i := slices.IndexFunc(s.Functions, func(f Function) bool {
		_, path, ok := strings.Cut(uri, ":lambda:path/2015-03-31/functions/")
		if ok {
			uri = strings.TrimSuffix(path, "/invocations")
		}
		return uri == f.ARN || f.Alias != "" && uri == f.ARN+":"+f.Alias
	})
	if i < 0 {
		p.wrong(p.at("IntegrationUri"), "IntegrationUri", "leads to no function of this template")
		return out
	}
	out.function = s.Functions[i].LogicalID
	return out
}

func (r *resolver) plainRoute(res *resource, p *properties, integrations map[string]integration, authorizers map[string]*Authorizer) {
	a := r.plainOf(p)
	key, _ := p.string("RouteKey")
	target, _ := p.string("Target")
	to, ok := integrations[strings.TrimPrefix(target, "integrations/")]
	if a == nil || !ok || to.api != a.ID {
		r.mistakes.add(res.line, "%s.Target is no integration of its API", res.id)
		return
	}
	route := Route{Function: to.function, Timeout: to.timeout}
	if key != "$default" {
		if route.Method, route.Path, ok = strings.Cut(key, " "); !ok || !strings.HasPrefix(route.Path, "/") {
			p.wrong(p.at("RouteKey"), "RouteKey", "must be $default, or a method and a path")
		}
	}
	r.plainAuth(&route, p, authorizers)
	a.add(r, res.line, res.id, route)
}

// plainAuth says who may use a route; without AuthorizationType everybody.
func (r *resolver) plainAuth(route *Route, p *properties, authorizers map[string]*Authorizer) {
	route.Scopes = p.strings("AuthorizationScopes")
	id, named := p.string("AuthorizerId")
	kind := "NONE"
	if _, ok := p.certain("AuthorizationType"); ok {
		kind = oneOf(p, "AuthorizationType", "NONE", "JWT", "AWS_IAM")
	}
	switch {
	case kind == "JWT" && authorizers[id] == nil:
		r.mistakes.add(p.line, "%s.AuthorizerId is no JWT authorizer of this template", p.path)
	case kind == "JWT":
		route.Authorizer = authorizers[id]
	case named || len(route.Scopes) > 0:
		r.mistakes.add(p.line, "%s: AuthorizerId and AuthorizationScopes are for JWT authorizers", p.path)
	case kind == "AWS_IAM":
		route.Authorizer = &Authorizer{Name: "AWS_IAM", IAM: true}
	}
}
