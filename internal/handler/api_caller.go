package handler

import (
	"regexp"
	"slices"
	"strings"

	"clientkeeper/internal/fault"
)

// A caller is who API Gateway says has asked.
type caller struct {
	// id is the same for every request of the caller, and nobody else's.
	id      string
	subject string // for people
	scopes  []string
	// audiences are those of the token.
	audiences []string
	iam       bool // authenticated by IAM, whose policy has named the route
}

// identify takes the caller from the event's authorizer, which API Gateway
// alone fills in. Source: AWS docs "Control access to HTTP APIs with JWT
// authorizers", "Working with AWS Lambda proxy integrations for HTTP APIs".
func (r *httpRequest) identify() {
	who := r.ev.RequestContext.Authorizer
	switch {
	case who != nil && who.JWT != nil:
		r.caller = tokenCaller(who.JWT.Claims)
	case who != nil && who.IAM != nil:
		r.caller = iamCaller(who.IAM.UserARN)
	}
}

// admit refuses a caller who is nobody, or whose token lacks the route's scope.
func (r *httpRequest) admit() error {
	if r.caller.id == "" {
		return apiFault(fault.Unauthenticated, "caller_unknown", "the request does not say who makes it",
			"send a token for this API; if you did, its route has no authorizer: see AuthorizationType in the template")
	}
	if !r.caller.iam && !slices.Contains(r.caller.scopes, r.route.scope) {
		return &scopeError{r.route.scope}
	}
	return nil
}

// scopeError is the refusal of a token that does not hold a scope.
type scopeError struct{ scope string }

func (e *scopeError) Error() string { return e.Unwrap().Error() }

func (e *scopeError) Unwrap() error {
	return apiFault(fault.Denied, "scope_missing", "the token does not hold the scope "+e.scope, "ask for a token with that scope, and have it granted to your client")
}

// list takes a claim apart. One that was a list arrives as "[a b]".
func list(claim string) []string { return strings.Fields(strings.Trim(claim, "[]")) }

// tokenCaller is who a token speaks for.
func tokenCaller(claims map[string]string) caller {
	subject := claims["sub"]
	if subject == "" {
		subject = claims["azp"]
	}
	if claims["iss"] == "" || subject == "" {
		return caller{}
	}
	c := caller{id: "jwt " + claims["iss"] + " " + subject, subject: subject}
	for _, name := range []string{"scope", "scp"} {
		c.scopes = append(c.scopes, list(claims[name])...)
	}
	c.audiences = list(claims["aud"])
	return c
}

// session is the last part of the ARN of a role that somebody has assumed. It
// is another one after each restart of a workload, which is the same caller.
var session = regexp.MustCompile(`^(arn:[a-z-]+:sts::[0-9]+:assumed-role/[^/]+)/[^/]+$`)

func iamCaller(arn string) caller {
	if !strings.HasPrefix(arn, "arn:") {
		return caller{}
	}
	if m := session.FindStringSubmatch(arn); m != nil {
		arn = m[1]
	}
	return caller{id: "iam " + arn, subject: arn, iam: true}
}
