// Package apigateway is an HTTP API of Amazon API Gateway on a laptop: routes,
// a JWT authorizer, throttles, CORS and the Lambda integration with payload
// format 2.0.
//
// An [API] is an [http.Handler]. It finds the [Route] of a request, checks its
// size, its rate and its caller, hands the event to [Options.Invoke] and turns
// the answer into an HTTP response. What it refuses it refuses in the words of
// API Gateway, before the function is asked:
//
//	no route                                      404 {"message":"Not Found"}
//	request line and header values over 10,240 B  431 {"message":"Request Header Fields Too Large"}
//	body over 10 MB, or an event over Lambda's    413 {"message":"Request Entity Too Large"}
//	rate limit                                    429 {"message":"Too Many Requests"}
//	no token, or not a good one                   401 {"message":"Unauthorized"}
//	none of the route's scopes; not signed        403 {"message":"Forbidden"}
//	function failed, or its answer is not one     500 {"message":"Internal Server Error"}
//	30 s are over, or Lambda throttles            503 {"message":"Service Unavailable"}
//
// A JWT is checked as the developer guide says ("Control access to HTTP APIs
// with JWT authorizers"): signed with RSA by a key of the issuer's JWKS that its
// kid names, iss, aud (or client_id where there is no aud), exp, nbf, iat, and
// for a route with scopes at least one of them in scope or scp. Its claims reach
// the function as strings, as API Gateway writes them: numbers and booleans
// as text, a list as "[a b]", an object as JSON, a null not at all; the list
// jwt.scopes is null on a route without scopes.
//
// A body is text for text/*, application/json, application/javascript and
// application/xml. Any other, application/problem+json and a form among them,
// arrives base64-encoded. rawPath and path parameters are percent-decoded,
// rawQueryString is not.
//
// The package knows no other room and no function. Sources: the developer
// guide's pages on payload formats, JWT authorizers, CORS, routes and quotas;
// type APIGatewayV2HTTPRequest of aws-lambda-go; captures of live events that
// emulators published (floci-io/floci pull 2011, middleapi/standard-server
// pull 93).
//
// # Divergences
//
//   - Plain HTTP on loopback; x-forwarded-proto says http. The domain name is
//     what the Host header says.
//   - The IAM authorizer looks at the shape of a Signature Version 4, in the
//     header or the query, and at nothing else: no signature, date or policy is
//     checked. The principal is a user of the sandbox's account named after the
//     access key.
//   - Keys are cached for two hours, as API Gateway may, but an unknown kid
//     makes it look again, at most once in five seconds. Only RS256, RS384 and
//     RS512 count as RSA algorithms. An issuer that cannot be reached is a 401.
//   - Error descriptions in www-authenticate are AWS's for a wrong audience, a
//     token that is not one and an unreachable issuer; others are in its style.
//   - Whether AWS routes by the encoded or the decoded path is not documented.
//     Here %2F does not part segments, and is a slash in the parameter.
//   - A preflight is answered whatever the routes are. On AWS a route $default
//     with an authorizer takes it.
//   - A text body that is not UTF-8 reaches the function with U+FFFD in place
//     of each bad byte.
//   - A route's throttle counts alone; there is no account's limit.
//   - The stage exists at once. No custom domains, mutual TLS, stage variables,
//     Lambda authorizers, parameter mappings, HTTP or other integrations, and
//     payload format 1.0.
//   - A response of the function over 6 MB is Lambda's to refuse.
package apigateway
