package apigateway

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// A route is a Route, ready to be matched.
type route struct {
	Route
	key      string // such as "POST /clients/{id}"
	shape    string // the key without the names of parameters
	segments []string
	timeout  time.Duration
	bucket   *rate.Limiter
}

var parameter = regexp.MustCompile(`^\{[A-Za-z0-9._:-]+\+?\}$`)

var methods = []string{"ANY", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}

func compile(r Route) (*route, error) {
	out := &route{Route: r, timeout: r.Timeout}
	if out.timeout <= 0 || out.timeout > maxTimeout {
		out.timeout = maxTimeout
	}
	if r.Path == "" && r.Method == "" {
		out.key, out.shape = "$default", "$default"
		return out, nil
	}
	out.Method = strings.ToUpper(r.Method)
	if out.Method == "*" || out.Method == "X-AMAZON-APIGATEWAY-ANY-METHOD" {
		out.Method = "ANY"
	}
	if !slices.Contains(methods, out.Method) || !strings.HasPrefix(r.Path, "/") {
		return nil, fmt.Errorf("apigateway: route %q %q: a route is a method, or ANY, and a path that begins with /", r.Method, r.Path)
	}
	out.key = out.Method + " " + r.Path
	out.segments = strings.Split(r.Path[1:], "/")
	shape := []string{}
	for i, s := range out.segments {
		if strings.ContainsAny(s, "{}") && !parameter.MatchString(s) || isGreedy(s) && i+1 < len(out.segments) {
			return nil, fmt.Errorf("apigateway: route %s: a parameter is a whole segment, and a greedy one the last", out.key)
		}
		switch {
		case isGreedy(s):
			s = "{+}"
		case isParameter(s):
			s = "{}"
		}
		shape = append(shape, s)
	}
	out.shape = out.Method + " /" + strings.Join(shape, "/")
	return out, nil
}

func isParameter(s string) bool { return strings.HasPrefix(s, "{") }
func isGreedy(s string) bool    { return strings.HasSuffix(s, "+}") }

// find is the best route for a path, still encoded, with its path parameters.
// The guide's order: full match, then a greedy parameter, then $default;
// between two that match, what is literal further left goes first, and a
// method before ANY.
func (a *API) find(method, path string) (*route, map[string]string) {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	var best *route
	for _, r := range a.routes {
		if r.matches(method, segments) && (best == nil || r.before(best)) {
			best = r
		}
	}
	if best == nil {
		return nil, nil
	}
	return best, best.parameters(segments)
}

func (r *route) matches(method string, segments []string) bool {
	if r.key == "$default" {
		return true
	}
	if r.Method != "ANY" && r.Method != method {
		return false
	}
	for i, s := range r.segments {
		if i >= len(segments) {
			return false
		}
		switch {
		case isGreedy(s):
			return segments[i] != ""
		case isParameter(s):
			if segments[i] == "" {
				return false
			}
		case decode(segments[i]) != s || strings.Contains(strings.ToUpper(segments[i]), "%2F"):
			return false
		}
	}
	return len(r.segments) == len(segments)
}

// before tells which of two routes that match the same request is the better.
func (r *route) before(other *route) bool {
	if d := r.greed() - other.greed(); d != 0 {
		return d < 0
	}
	for i := range min(len(r.segments), len(other.segments)) {
		mine, theirs := isParameter(r.segments[i]), isParameter(other.segments[i])
		if mine != theirs {
			return theirs
		}
	}
	if len(r.segments) != len(other.segments) {
		return len(r.segments) > len(other.segments)
	}
	return r.Method != "ANY" && other.Method == "ANY"
}

func (r *route) greed() int {
	switch {
	case r.key == "$default":
		return 2
	case isGreedy(r.segments[len(r.segments)-1]):
		return 1
	}
	return 0
}

// parameters are decoded, each on its own, so that an encoded slash is part of
// the value.
func (r *route) parameters(segments []string) map[string]string {
	out := map[string]string{}
	for i, s := range r.segments {
		switch name := strings.Trim(s, "{+}"); {
		case isGreedy(s):
			out[name] = decode(strings.Join(segments[i:], "/"))
		case isParameter(s):
			out[name] = decode(segments[i])
		}
	}
	return out
}

// decode takes percent-encoding away; what is not such stays as it is.
func decode(s string) string {
	if d, err := url.PathUnescape(s); err == nil {
		return d
	}
	return s
}
