package handler_test

import (
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"clientkeeper/internal/handler"
	"clientkeeper/internal/webhook"
)

var allScopes = "clients:create clients:read credentials:write credentials:read rotations:start rotations:read registrations:create"

// apiRequest is a request as API Gateway sends it on, of a caller who may do
// everything. A path may have a query.
func apiRequest(method, path, body string, changes ...func(*events.APIGatewayV2HTTPRequest)) events.APIGatewayV2HTTPRequest {
	path, query, _ := strings.Cut(path, "?")
	ev := events.APIGatewayV2HTTPRequest{Version: "2.0", RawPath: path, RawQueryString: query, Headers: map[string]string{}, Body: body}
	if body != "" {
		ev.Headers["content-type"] = "application/json"
	}
	if method == "POST" && !strings.Contains(path, "/preview") && !strings.Contains(path, "/webhooks/") {
		ev.Headers["idempotency-key"] = "3a8c1f0e-4b7d-4b51-9e0f-2d6c1b7a9f10"
	}
	ev.RequestContext.RequestID, ev.RequestContext.Stage = "JKJaXmPLvHcESHA=", "$default"
	ev.RequestContext.HTTP.Method, ev.RequestContext.HTTP.Path = method, path
	ev.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{
		Claims: map[string]string{"iss": "https://example.eu.auth0.com/", "sub": "caller@clients", "azp": "caller", "scope": allScopes}}}
	if strings.Contains(path, "/webhooks/") || strings.HasSuffix(path, "openapi.json") {
		ev.RequestContext.Authorizer = nil
	}
	for _, change := range changes {
		change(&ev)
	}
	if ev.RouteKey == "" {
		ev.RouteKey = routeKey(ev)
	}
	return ev
}

// routeKey is that of the route by which API Gateway sends a request on.
func routeKey(ev events.APIGatewayV2HTTPRequest) string {
	for _, r := range handler.Routes() {
		if fits(r.Method, r.Path, ev) {
			return r.Method + " " + r.Path
		}
	}
	if strings.HasPrefix(ev.RawPath, "/v1/webhooks/") {
		return "ANY /v1/webhooks/{path+}"
	}
	return "$default"
}

func header(name, value string) func(*events.APIGatewayV2HTTPRequest) {
	return func(ev *events.APIGatewayV2HTTPRequest) { ev.Headers[name] = value }
}

func withoutHeader(name string) func(*events.APIGatewayV2HTTPRequest) {
	return func(ev *events.APIGatewayV2HTTPRequest) { delete(ev.Headers, name) }
}

func claims(all map[string]string) func(*events.APIGatewayV2HTTPRequest) {
	return func(ev *events.APIGatewayV2HTTPRequest) { ev.RequestContext.Authorizer.JWT.Claims = all }
}

const webhookPath = "/v1/webhooks/registrations"

// signed is a signed webhook; changes are made after the signature.
func signed(body string, changes ...func(*events.APIGatewayV2HTTPRequest)) events.APIGatewayV2HTTPRequest {
	return signedAs("msg_1", apiNow, body, changes...)
}

func signedAs(id string, at time.Time, body string, changes ...func(*events.APIGatewayV2HTTPRequest)) events.APIGatewayV2HTTPRequest {
	d := webhook.Sign(id, at, []byte(body), signingKey())
	all := []func(*events.APIGatewayV2HTTPRequest){header("webhook-id", d.ID), header("webhook-timestamp", d.Timestamp), header("webhook-signature", d.Signature)}
	return apiRequest("POST", webhookPath, body, append(all, changes...)...)
}

// good is one request of each operation that succeeds.
const (
	goodClient     = `{"name":"orders","description":"d","token_endpoint_auth_method":"private_key_jwt","grants":[{"audience":"https://api.example.com","scopes":["read:orders"]}],"token_quota":{"per_hour":100,"enforce":true},"rotation":{"interval":"30d","overlap":"24h"},"tags":{"team":"platform"}}`
	goodCredential = `{"name":"orders","expires_in":86400,"attach":true,"key_size":3072}`
	goodExpiry     = `{"expires_at":"2021-12-31T00:00:00Z"}`
	goodMessage    = `{"external_client_id":"https://agents.example.com/oauth/client.json","labels":{"a":"b"}}`
	goodEvent      = `{"type":"registration.requested","timestamp":"2021-02-25T15:02:10Z","data":` + goodMessage + `}`
	credentialPath = "/v1/clients/abc123/credentials/cred_1"
)

func goodRequests() map[string]events.APIGatewayV2HTTPRequest {
	return map[string]events.APIGatewayV2HTTPRequest{
		"createClient":        apiRequest("POST", "/v1/clients", goodClient),
		"listClients":         apiRequest("GET", "/v1/clients?limit=10", ""),
		"addCredentials":      apiRequest("POST", "/v1/clients/abc123/credentials", goodCredential),
		"listCredentials":     apiRequest("GET", "/v1/clients/abc123/credentials", ""),
		"showCredential":      apiRequest("GET", credentialPath, ""),
		"changeCredential":    apiRequest("PATCH", credentialPath, goodExpiry),
		"removeCredential":    apiRequest("DELETE", credentialPath, ""),
		"startRotation":       apiRequest("POST", "/v1/clients/abc123/rotations", "{}"),
		"showRotation":        apiRequest("GET", "/v1/rotations/rot-1", ""),
		"register":            apiRequest("POST", "/v1/registrations", goodMessage),
		"previewRegistration": apiRequest("POST", "/v1/registrations/preview", goodMessage),
		"describe":            apiRequest("GET", "/v1/openapi.json", ""),
		"receiveWebhook":      signed(goodMessage),
	}
}
