package apigateway

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// CORS is an API's CORS configuration ("Configure CORS for HTTP APIs"). In
// each list * means all.
type CORS struct {
	AllowOrigins, AllowMethods, AllowHeaders, ExposeHeaders []string
	MaxAge                                                  int // seconds; zero: not said
	AllowCredentials                                        bool
}

// preflight sets the headers of a preflight's answer, whatever the routes are;
// ok is false if r is none. An origin that is not allowed gets an answer without
// CORS headers, which is a no to its browser.
func (c *CORS) preflight(w http.ResponseWriter, r *http.Request) (ok bool) {
	if r.Method != http.MethodOptions || r.Header.Get("Origin") == "" || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h := w.Header()
	if !c.allow(h, r) {
		return true
	}
	set(h, "Access-Control-Allow-Methods", c.AllowMethods)
	set(h, "Access-Control-Allow-Headers", c.AllowHeaders)
	if c.MaxAge > 0 {
		h.Set("Access-Control-Max-Age", strconv.Itoa(c.MaxAge))
	}
	return true
}

// decorate makes the CORS headers of any other answer the gateway's own: what
// the function said in them does not count.
func (c *CORS) decorate(h http.Header, r *http.Request) {
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			h.Del(name)
		}
	}
	if r.Header.Get("Origin") != "" && c.allow(h, r) {
		set(h, "Access-Control-Expose-Headers", c.ExposeHeaders)
	}
}

// allow sets the headers that say whether an origin may.
func (c *CORS) allow(h http.Header, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	switch {
	case slices.Contains(c.AllowOrigins, "*"):
		h.Set("Access-Control-Allow-Origin", "*")
	case slices.ContainsFunc(c.AllowOrigins, func(allowed string) bool {
		prefix, wild := strings.CutSuffix(allowed, "*")
		return allowed == origin || wild && strings.HasPrefix(origin, prefix)
	}):
		h.Set("Access-Control-Allow-Origin", origin)
	default:
		return false
	}
	if c.AllowCredentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	return true
}

func set(h http.Header, name string, values []string) {
	if len(values) > 0 {
		h.Set(name, strings.Join(values, ","))
	}
}
