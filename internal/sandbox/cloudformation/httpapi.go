package cloudformation

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// implicitAPI is the logical id that SAM gives to the API of events that name
// none.
const implicitAPI = "ServerlessHttpApi"

// An HTTPAPI is an AWS::Serverless::HttpApi with the routes that the functions'
// events give it, or an AWS::ApiGatewayV2::Api with the routes of its own.
type HTTPAPI struct {
	LogicalID string
	ID        string // what Ref gives: <stack>-<logical id>
	Stage     string // $default unless the template names another
	Routes    []Route
	// CORS is nil if the API has no CORS configuration.
	CORS *CORS
	// Throttle is for every route without one of its own; zero means none.
	Throttle Throttle
	// AccessLogFormat is empty if there are no access logs.
	AccessLogFormat string
}

// A Route is an event of type HttpApi, or an AWS::ApiGatewayV2::Route.
type Route struct {
	Function     string // logical id
	Method, Path string // both empty: the $default route
	Authorizer   *Authorizer
	Scopes       []string
	Timeout      time.Duration // of the integration; zero: the longest there is
	Throttle     Throttle
}

// An Authorizer is who decides about a route: JWT, or IAM.
type Authorizer struct {
	Name           string
	IAM            bool
	Issuer         string
	Audience       []string
	IdentitySource string // such as $request.header.Authorization
}

// A Throttle is a token bucket.
type Throttle struct {
	Rate  float64 // requests per second
	Burst int
}

// CORS is what CorsConfiguration says.
type CORS struct {
	AllowOrigins, AllowMethods, AllowHeaders, ExposeHeaders []string
	MaxAge                                                  int // seconds
	AllowCredentials                                        bool
}

// An httpAPI is an HTTPAPI that still gets its routes.
type httpAPI struct {
	HTTPAPI
	line        int
	authorizers map[string]*Authorizer
	scopes      map[string][]string // of authorizers, for routes without their own
	fallback    string              // DefaultAuthorizer
	settings    map[string]Throttle // by route key
}

// readHTTPAPIs reads the resources; their routes come with the functions.
func (r *resolver) readHTTPAPIs() {
	for _, res := range r.resources {
		if res.kind == httpAPIType && r.exists(res) {
			r.httpAPIs = append(r.httpAPIs, r.httpAPI(res))
		}
	}
}

func (r *resolver) httpAPI(res *resource) *httpAPI {
	p := r.propertiesOf(res)
	name, _ := r.name(res)
	a := &httpAPI{line: res.line, authorizers: map[string]*Authorizer{}, scopes: map[string][]string{}, settings: map[string]Throttle{}}
	a.LogicalID, a.ID, a.Stage = res.id, name, "$default"
	if stage, ok := p.string("StageName"); ok {
		a.Stage = stage
	}
	p.string("Name")
	p.string("Description")
	r.auth(a, p.object("Auth"))
	a.CORS = r.cors(p)
	r.stageSettings(a, p)
	p.done()
	return a
}

func (r *resolver) auth(a *httpAPI, p *properties) {
	if p.bool("EnableIamAuthorizer", false) {
		a.authorizers["AWS_IAM"] = &Authorizer{Name: "AWS_IAM", IAM: true}
	}
	list := p.object("Authorizers")
	for key := range entries(list.node) {
		one := list.object(key.Value)
		jwt := one.object("JwtConfiguration")
		if jwt.node == nil {
			r.ignore(key.Line, "%s: not a JWT authorizer", one.path)
			continue
		}
		out := &Authorizer{Name: key.Value, Audience: jwt.strings("audience")}
		out.Issuer, _ = jwt.string("issuer")
		out.IdentitySource, _ = one.string("IdentitySource")
		if out.IdentitySource == "" || !strings.HasPrefix(out.Issuer, "https://") || len(out.Audience) == 0 {
			r.mistakes.add(key.Line, "%s needs an IdentitySource, an issuer that is an https URL, and an audience", one.path)
		}
		a.authorizers[key.Value], a.scopes[key.Value] = out, one.strings("AuthorizationScopes")
		jwt.done()
		one.done()
	}
	list.done()
	a.fallback, _ = p.certain("DefaultAuthorizer")
	if a.fallback != "" && a.authorizers[a.fallback] == nil {
		r.mistakes.add(p.at("DefaultAuthorizer").Line, "%s.DefaultAuthorizer is none of its Authorizers", p.path)
	}
	p.done()
}

// cors reads CorsConfiguration, which true opens to everybody.
func (r *resolver) cors(p *properties) *CORS {
	n := lookup(p.node, "CorsConfiguration")
	if n == nil {
		return nil
	}
	if n.Kind == yaml.ScalarNode && isPlain(n) {
		if !p.bool("CorsConfiguration", false) {
			return nil
		}
		all := []string{"*"}
		return &CORS{AllowOrigins: all, AllowMethods: all, AllowHeaders: all}
	}
	c := p.object("CorsConfiguration")
	if c.node == nil {
		return nil
	}
	defer c.done()
	return &CORS{
		AllowOrigins: c.strings("AllowOrigins"), AllowMethods: c.strings("AllowMethods"), AllowHeaders: c.strings("AllowHeaders"),
		ExposeHeaders: c.strings("ExposeHeaders"), MaxAge: c.int("MaxAge", 0, -1, 86_400), AllowCredentials: c.bool("AllowCredentials", false),
	}
}

// throttle reads route settings.
func throttle(p *properties) Throttle {
	t := Throttle{Rate: p.number("ThrottlingRateLimit"), Burst: p.int("ThrottlingBurstLimit", 0, 1, 1_000_000)}
	if (t.Rate > 0) != (t.Burst > 0) {
		p.r.mistakes.add(p.line, "%s needs both ThrottlingRateLimit and ThrottlingBurstLimit", p.path)
	}
	p.read["DetailedMetricsEnabled"] = true // there are no metrics
	p.done()
	return t
}

// httpAPIEvent reads one event of type HttpApi into its API.
func (r *resolver) httpAPIEvent(function string, id *yaml.Node, p *properties) {
	a := r.apiOf(id, p)
	if a == nil {
		return
	}
	route := Route{Function: function, Timeout: time.Duration(p.int("TimeoutInMillis", 0, 50, 30_000)) * time.Millisecond}
	route.Path, _ = p.string("Path")
	method, _ := p.string("Method")
	route.Method = strings.ToUpper(method)
	if route.Path == "/$default" && route.Method == "ANY" {
		route.Path, route.Method = "", ""
	}
	if (route.Path == "") != (route.Method == "") {
		r.mistakes.add(id.Line, "%s needs a Path and a Method, or neither for the $default route", p.path)
	}
	if version, ok := p.string("PayloadFormatVersion"); ok && version != "2.0" {
		p.wrong(p.at("PayloadFormatVersion"), "PayloadFormatVersion", "must be 2.0: the sandbox knows no other")
	}
	r.authorize(a, &route, p.object("Auth"))
	route.Throttle = throttle(p.object("RouteSettings"))
	p.done()
	a.add(r, id.Line, p.path, route)
}

// add gives the API a route that it has not yet.
func (a *httpAPI) add(r *resolver, line int, what string, route Route) {
	if slices.ContainsFunc(a.Routes, func(o Route) bool { return o.key() == route.key() }) {
		r.mistakes.add(line, "%s: %s has the route %s already", what, a.LogicalID, route.key())
	}
	a.Routes = append(a.Routes, route)
}

// apiOf is the API that an event names, or the one that SAM makes.
func (r *resolver) apiOf(id *yaml.Node, p *properties) *httpAPI {
	name, named := p.string("ApiId")
	if !named && lookup(p.node, "ApiId") == nil {
		name = r.options.StackName + "-" + implicitAPI
	}
	for _, a := range r.httpAPIs {
		if a.ID == name {
			return a
		}
	}
	if named || lookup(p.node, "ApiId") != nil {
		r.mistakes.add(id.Line, "%s.ApiId is no AWS::Serverless::HttpApi of this template", p.path)
		return nil
	}
	a := r.httpAPI(&resource{id: implicitAPI, kind: httpAPIType, line: id.Line, properties: r.globalAPI})
	r.httpAPIs = append(r.httpAPIs, a)
	return a
}

// authorize says who may use a route, by SAM's rules for Auth ("HttpApiFunctionAuth").
func (r *resolver) authorize(a *httpAPI, route *Route, p *properties) {
	name, ok := p.certain("Authorizer")
	if !ok {
		name = a.fallback
	}
	scopes := p.strings("AuthorizationScopes")
	p.done()
	switch {
	case name == "NONE" && a.fallback == "":
		p.wrong(p.at("Authorizer"), "Authorizer", "can be NONE only where the API has a DefaultAuthorizer")
		return
	case name == "NONE", name == "":
		return
	case a.authorizers[name] == nil:
		p.wrong(p.at("Authorizer"), "Authorizer", "is no authorizer of %s", a.LogicalID)
		return
	}
	route.Authorizer = a.authorizers[name]
	if route.Scopes = scopes; len(scopes) == 0 {
		route.Scopes = a.scopes[name]
	}
	if len(route.Scopes) > 0 && route.Authorizer.IAM {
		p.wrong(p.at("AuthorizationScopes"), "AuthorizationScopes", "are for JWT authorizers")
	}
}

func (r Route) key() string {
	if r.Path == "" {
		return "$default"
	}
	return r.Method + " " + r.Path
}

// finishHTTPAPIs gives routes the settings that their API has for them.
func (r *resolver) finishHTTPAPIs() []HTTPAPI {
	var out []HTTPAPI
	for _, a := range r.httpAPIs {
		for key, t := range a.settings {
			i := slices.IndexFunc(a.Routes, func(o Route) bool { return o.key() == key })
			switch {
			case i < 0:
				r.mistakes.add(a.line, "%s.RouteSettings: there is no route %s", a.LogicalID, key)
			case a.Routes[i].Throttle == Throttle{}:
				a.Routes[i].Throttle = t
			}
		}
		out = append(out, a.HTTPAPI)
	}
	return out
}
