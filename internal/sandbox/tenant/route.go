package tenant

import (
	"net/http"
	"net/url"
	"strings"
)

// A route is one operation: its name in logs and mischief rules, its path
// template, and the scopes any of which opens it.
type route struct {
	name, method, template string
	scopes                 []string
}

// Route names that code refers to.
const (
	routeToken            = "token"
	routeRegister         = "register"
	routePreview          = "preview"
	routeList             = "list"
	routeCreate           = "create"
	routeRotate           = "rotate"
	routeCredentialCreate = "credential-create"
	routeGrantCreate      = "grant-create"
	routeNone             = "none"
)

var readScopes = []string{"read:clients", "read:client_keys", "read:client_credentials", "read:client_summary"}

var routes = []route{
	{routeToken, "POST", "/oauth/token", nil},
	{"discovery", "GET", "/.well-known/openid-configuration", nil},
	{"metadata", "GET", "/.well-known/oauth-authorization-server", nil},
	{"jwks", "GET", "/.well-known/jwks.json", nil},
	{routeRegister, "POST", "/api/v2/clients/cimd/register", []string{"create:clients", "update:clients"}},
	{routePreview, "POST", "/api/v2/clients/cimd/preview", nil}, // Quirks.PreviewScopes
	{routeList, "GET", "/api/v2/clients", readScopes},
	{routeCreate, "POST", "/api/v2/clients", []string{"create:clients"}},
	{"get", "GET", "/api/v2/clients/{id}", readScopes},
	{"update", "PATCH", "/api/v2/clients/{id}", []string{
		"update:clients", "update:client_keys", "update:client_credentials", "update:client_token_vault_privileged_access"}},
	{"delete", "DELETE", "/api/v2/clients/{id}", []string{"delete:clients"}},
	{routeRotate, "POST", "/api/v2/clients/{id}/rotate-secret", []string{"update:client_keys"}},
	{"credential-list", "GET", "/api/v2/clients/{id}/credentials", []string{"read:client_credentials"}},
	{routeCredentialCreate, "POST", "/api/v2/clients/{id}/credentials", []string{"create:client_credentials"}},
	{"credential-get", "GET", "/api/v2/clients/{id}/credentials/{credential}", []string{"read:client_credentials"}},
	{"credential-update", "PATCH", "/api/v2/clients/{id}/credentials/{credential}", []string{"update:client_credentials"}},
	{"credential-delete", "DELETE", "/api/v2/clients/{id}/credentials/{credential}", []string{"delete:client_credentials"}},
	{"grant-list", "GET", "/api/v2/client-grants", []string{"read:client_grants"}},
	{routeGrantCreate, "POST", "/api/v2/client-grants", []string{"create:client_grants"}},
	{"grant-get", "GET", "/api/v2/client-grants/{id}", []string{"read:client_grants"}},
	{"grant-update", "PATCH", "/api/v2/client-grants/{id}", []string{"update:client_grants"}},
	{"grant-delete", "DELETE", "/api/v2/client-grants/{id}", []string{"delete:client_grants"}},
	{"api-list", "GET", "/api/v2/resource-servers", []string{"read:resource_servers"}},
	{"api-get", "GET", "/api/v2/resource-servers/{id}", []string{"read:resource_servers"}},
	{"rules", "GET", "/api/v2/rules", []string{"read:rules"}},
	{"settings", "GET", "/api/v2/tenants/settings", []string{"read:tenant_settings"}},
	{"settings-update", "PATCH", "/api/v2/tenants/settings", []string{"update:tenant_settings"}},
}

// handlers are the operations by route name.
func (t *Tenant) handlers() map[string]func(*call) answer {
	return map[string]func(*call) answer{
		routeToken: t.token, "discovery": t.discovery, "metadata": t.discovery, "jwks": t.jwks,
		routeRegister: t.register, routePreview: t.preview,
		routeList: t.listClients, routeCreate: t.createClient, "get": t.getClient,
		"update": t.updateClient, "delete": t.deleteClient, routeRotate: t.rotateSecret,
		"credential-list": t.listCredentials, routeCredentialCreate: t.createCredential,
		"credential-get": t.getCredential, "credential-update": t.updateCredential,
		"credential-delete": t.deleteCredential,
		"grant-list":        t.listGrants, routeGrantCreate: t.createGrant, "grant-get": t.getGrant,
		"grant-update": t.updateGrant, "grant-delete": t.deleteGrant,
		"api-list": t.listAPIs, "api-get": t.getAPI,
		"rules": t.listRules, "settings": t.getSettings, "settings-update": t.updateSettings,
	}
}

// management reports whether the route needs a Management API token.
func (rt route) management() bool { return strings.HasPrefix(rt.template, "/api/v2/") }

// match finds the route of a request and the values in its path. An unknown
// one gets the route named "none".
func match(r *http.Request) (route, map[string]string) {
	path := strings.Split(r.URL.EscapedPath(), "/")
	for _, rt := range routes {
		if rt.method != r.Method {
			continue
		}
		if params, ok := rt.params(path); ok {
			return rt, params
		}
	}
	none := route{name: routeNone, method: r.Method, template: "(unknown)"}
	if strings.HasPrefix(r.URL.Path, "/api/v2/") {
		none.template = "/api/v2/(unknown)"
	}
	return none, nil
}

// segments are the templates taken apart, once.
var segments = func() map[string][]string {
	out := map[string][]string{}
	for _, rt := range routes {
		out[rt.template] = strings.Split(rt.template, "/")
	}
	return out
}()

func (rt route) params(path []string) (map[string]string, bool) {
	want := segments[rt.template]
	if len(want) != len(path) {
		return nil, false
	}
	params := map[string]string{}
	for i, w := range want {
		got, err := url.PathUnescape(path[i])
		switch {
		case err != nil || got == "" && i > 0:
			return nil, false
		case strings.HasPrefix(w, "{"):
			params[strings.Trim(w, "{}")] = got
		case w != got:
			return nil, false
		}
	}
	return params, true
}
