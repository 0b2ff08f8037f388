package handler

// A Route is one of the routes, for the tests of the description.
type Route struct {
	Method, Path, Scope string
	Body, Key           bool
}

// Routes are those of both functions of HTTP.
func Routes() []Route {
	var out []Route
	for _, r := range append(append([]*route(nil), apiRoutes...), webhookRoutes...) {
		out = append(out, Route{r.method, r.path, r.scope, r.body != noBody, r.key != noKey})
	}
	return out
}
