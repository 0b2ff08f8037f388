package tenant

import (
	"maps"
	"testing"
)

// TestAuthenticationMethodRules sends one PATCH to a client that uses a
// secret, with or without a method of its own, and to one that uses keys.
func TestAuthenticationMethodRules(t *testing.T) {
	type body = map[string]any
	post := body{"token_endpoint_auth_method": "client_secret_post"}
	noMethod, noKeys := body{"token_endpoint_auth_method": nil}, body{"client_authentication_methods": nil}
	with := func(bodies ...body) body {
		out := body{}
		for _, b := range bodies {
			maps.Copy(out, b)
		}
		return out
	}
	type statuses struct{ unset, post, keys int }
	tests := map[string]struct {
		body func(cred, other string) body
		want statuses
	}{
		"keys, method cleared": {func(a, _ string) body { return with(noMethod, body{"client_authentication_methods": oneKey(a)}) }, statuses{200, 200, 200}},
		"keys alone":           {func(a, _ string) body { return body{"client_authentication_methods": oneKey(a)} }, statuses{200, 400, 200}},
		"two keys":             {func(a, b string) body { return with(noMethod, body{"client_authentication_methods": oneKey(a, b)}) }, statuses{200, 200, 200}},
		"no keys at all":       {func(_, _ string) body { return with(noMethod, body{"client_authentication_methods": oneKey()}) }, statuses{200, 200, 200}},
		"both set":             {func(a, _ string) body { return with(post, body{"client_authentication_methods": oneKey(a)}) }, statuses{400, 400, 400}},
		"both cleared":         {func(_, _ string) body { return with(noMethod, noKeys) }, statuses{400, 400, 400}},
		"method alone":         {func(_, _ string) body { return post }, statuses{200, 200, 400}},
		"method, keys cleared": {func(_, _ string) body { return with(post, noKeys) }, statuses{200, 200, 200}},
		"keys cleared alone":   {func(_, _ string) body { return noKeys }, statuses{200, 200, 400}},
		"method cleared alone": {func(_, _ string) body { return noMethod }, statuses{400, 400, 200}},
		"unknown id":           {func(_, _ string) body { return with(noMethod, body{"client_authentication_methods": oneKey("cred_x")}) }, statuses{400, 400, 400}},
		"the same id twice":    {func(a, _ string) body { return with(noMethod, body{"client_authentication_methods": oneKey(a, a)}) }, statuses{400, 400, 400}},
		"three ids":            {func(a, b string) body { return with(noMethod, body{"client_authentication_methods": oneKey(a, b, a)}) }, statuses{400, 400, 400}},
		"HS256": {func(a, _ string) body {
			return with(noMethod, body{"client_authentication_methods": oneKey(a), "jwt_configuration": body{"alg": "HS256"}})
		}, statuses{400, 400, 400}},
		"a key for mutual TLS": {func(a, _ string) body {
			return with(noMethod, body{"client_authentication_methods": body{"tls_client_auth": oneKey(a)["private_key_jwt"]}})
		}, statuses{400, 400, 400}},
		"two slots": {func(a, _ string) body {
			return with(noMethod, body{"client_authentication_methods": with(oneKey(a), body{"tls_client_auth": oneKey()["private_key_jwt"]})})
		}, statuses{400, 400, 400}},
		"whole records": {func(_, _ string) body {
			return with(noMethod, body{"client_authentication_methods": body{"private_key_jwt": body{"credentials": []any{keyBody("x")}}}})
		}, statuses{400, 400, 400}},
		"a secret with the switch": {func(_, _ string) body { return with(post, noKeys, body{"client_secret": "s"}) }, statuses{200, 200, 200}},
		"a secret beside the keys": {func(a, _ string) body {
			return with(noMethod, body{"client_authentication_methods": oneKey(a), "client_secret": "s"})
		}, statuses{400, 400, 400}},
		"an empty secret":           {func(_, _ string) body { return body{"client_secret": ""} }, statuses{400, 400, 400}},
		"an odd secret of any size": {func(_, _ string) body { return body{"client_secret": "a+-_= ü\t" + string(make([]byte, 4000))} }, statuses{200, 200, 400}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := open(t, Options{})
			try := func(prepare func(id, cred string) error) int {
				id, _ := w.AddClient("x")
				var creds [2]string
				for i, pem := range recordedPEMs(t) {
					var err error
					if creds[i], err = w.AddCredential(id, NewKey{PEM: pem}); err != nil {
						t.Fatal(err)
					}
				}
				if err := prepare(id, creds[0]); err != nil {
					t.Fatal(err)
				}
				before := len(w.Changes(id))
				r := w.call("PATCH", "/api/v2/clients/"+id, test.body(creds[0], creds[1]))
				if r.status == 400 && len(w.Changes(id)) != before {
					t.Error("it was refused, and done")
				}
				return r.status
			}
			got := statuses{
				unset: try(func(string, string) error { return nil }),
				post:  try(func(id, _ string) error { return w.UseSecret(id, "client_secret_post") }),
				keys:  try(func(id, cred string) error { return w.Attach(id, cred) }),
			}
			if got != test.want {
				t.Errorf("unset, post, keys = %+v, want %+v", got, test.want)
			}
		})
	}
}
