package apigateway_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"clientkeeper/internal/sandbox/apigateway"
)

const origin = "https://app.example.com"

func corsHeaders(h map[string][]string) map[string]string {
	out := map[string]string{}
	for _, name := range []string{"Origin", "Methods", "Headers", "Credentials"} {
		if v := h["Access-Control-Allow-"+name]; v != nil {
			out[name] = v[0]
		}
	}
	if v := h["Access-Control-Max-Age"]; v != nil {
		out["Age"] = v[0]
	}
	if v := h["Access-Control-Expose-Headers"]; v != nil {
		out["Expose"] = v[0]
	}
	return out
}

// TestPreflight: the gateway answers them itself, for every path and before
// every authorizer.
func TestPreflight(t *testing.T) {
	cors := apigateway.CORS{AllowOrigins: []string{origin, "https://*.example.org"}, AllowMethods: []string{"POST", "GET"},
		AllowHeaders: []string{"authorization", "idempotency-key"}, ExposeHeaders: []string{"etag"}, MaxAge: 300, AllowCredentials: true}
	all := map[string]string{"Origin": origin, "Methods": "POST,GET", "Headers": "authorization,idempotency-key", "Age": "300", "Credentials": "true"}
	tests := map[string]struct {
		cors   apigateway.CORS
		path   string
		header []string
		status int
		want   map[string]string
	}{
		"allowed":           {cors, "/hook/7", []string{"Origin", origin, "Access-Control-Request-Method", "POST"}, 204, all},
		"for no route":      {cors, "/none", []string{"Origin", origin, "Access-Control-Request-Method", "POST"}, 204, all},
		"not allowed":       {cors, "/hook/7", []string{"Origin", "https://evil.example", "Access-Control-Request-Method", "POST"}, 204, map[string]string{}},
		"a longer origin":   {cors, "/hook/7", []string{"Origin", origin + ".evil.example", "Access-Control-Request-Method", "POST"}, 204, map[string]string{}},
		"any":               {apigateway.CORS{AllowOrigins: []string{"*"}, AllowMethods: []string{"*"}}, "/x", []string{"Origin", origin, "Access-Control-Request-Method", "PUT"}, 204, map[string]string{"Origin": "*", "Methods": "*"}},
		"any of one scheme": {apigateway.CORS{AllowOrigins: []string{"https://*"}}, "/x", []string{"Origin", origin, "Access-Control-Request-Method", "PUT"}, 204, map[string]string{"Origin": origin}},
		"no origin":         {cors, "/none", []string{"Access-Control-Request-Method", "POST"}, 404, map[string]string{}},
		"not a preflight":   {cors, "/none", []string{"Origin", origin}, 404, map[string]string{"Origin": origin, "Credentials": "true", "Expose": "etag"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := &function{}
			s := serve(t, apigateway.Options{Routes: routes, CORS: &test.cors}, f)
			res, body := call(t, s, "OPTIONS", test.path, "", test.header...)
			if diff := cmp.Diff(test.want, corsHeaders(res.Header)); diff != "" || res.StatusCode != test.status {
				t.Errorf("%s %s\n%s", res.Status, body, diff)
			}
			if f.calls() != 0 {
				t.Error("the function was asked")
			}
		})
	}
}

// TestCORSIsTheGateways: a function's own CORS headers do not count once the
// API is configured, and errors have the gateway's too.
func TestCORSIsTheGateways(t *testing.T) {
	answer := `{"statusCode":200,"headers":{"access-control-allow-origin":"*","access-control-allow-methods":"DELETE"}}`
	cors := &apigateway.CORS{AllowOrigins: []string{origin}, ExposeHeaders: []string{"etag"}}
	tests := map[string]struct {
		cors         *apigateway.CORS
		path, origin string
		want         map[string]string
	}{
		"configured":            {cors, "/x", origin, map[string]string{"Origin": origin, "Expose": "etag"}},
		"from elsewhere":        {cors, "/x", "https://evil.example", map[string]string{}},
		"from no other origin":  {cors, "/x", "", map[string]string{}},
		"an error":              {cors, "/none", origin, map[string]string{"Origin": origin, "Expose": "etag"}},
		"not configured at all": {nil, "/x", origin, map[string]string{"Origin": "*", "Methods": "DELETE"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := serve(t, apigateway.Options{Routes: routes, CORS: test.cors}, &function{answer: answer})
			header := []string{"Origin", test.origin}
			if test.origin == "" {
				header = nil
			}
			res, _ := call(t, s, "GET", test.path, "", header...)
			if diff := cmp.Diff(test.want, corsHeaders(res.Header)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
