package handler_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

// A hostile request is one that must be refused, with a status and a type of
// problem, and without anybody behind the handler being asked for anything.
type hostile struct {
	name   string
	ev     events.APIGatewayV2HTTPRequest
	status int
	reason string // empty: any of its status
}

type change = func(*events.APIGatewayV2HTTPRequest)

func rawPath(path string) change {
	return func(ev *events.APIGatewayV2HTTPRequest) { ev.RawPath, ev.RequestContext.HTTP.Path = path, path }
}

func method(name string) change {
	return func(ev *events.APIGatewayV2HTTPRequest) { ev.RequestContext.HTTP.Method = name }
}

func authorizer(a *events.APIGatewayV2HTTPRequestContextAuthorizerDescription) change {
	return func(ev *events.APIGatewayV2HTTPRequest) { ev.RequestContext.Authorizer = a }
}

func base64Body(text string) change {
	return func(ev *events.APIGatewayV2HTTPRequest) { ev.Body, ev.IsBase64Encoded = text, true }
}

// hostileTable is all of it; that there are enough is part of the test.
func hostileTable() []hostile {
	var all []hostile
	for _, part := range [][]hostile{hostilePaths(), hostileCallers(), hostileHeaders(), hostileBodies(), hostileClients(), hostileCredentials(), hostileRegistrations(), hostileWebhooks()} {
		all = append(all, part...)
	}
	return all
}

func TestHostileRequestsAreRefused(t *testing.T) {
	d := readDescription(t)
	table := hostileTable()
	if len(table) < 300 {
		t.Errorf("there are %d cases", len(table))
	}
	names := map[string]bool{}
	for _, test := range table {
		if names[test.name] {
			t.Errorf("%s is there twice", test.name)
		}
		names[test.name] = true
		w := newWorld()
		out := w.answer(t, t.Context(), test.ev)
		if out.StatusCode != test.status {
			t.Errorf("%s: %d %s, want %d %s", test.name, out.StatusCode, out.Body, test.status, test.reason)
			continue
		}
		if reason := problemOf(t, test.name, out); reason != test.reason && test.reason != "" {
			t.Errorf("%s: %s, want %s (%s)", test.name, reason, test.reason, out.Body)
		}
		decent(t, test.name, out)
		if id := d.operationOf(test.ev); id != "" {
			d.check(t, test.name, id, out)
		}
		if len(w.writes)+len(w.sent)+len(w.asked)+len(w.requests) > 0 {
			t.Errorf("%s: somebody was asked: %v %v %v", test.name, w.writes, w.asked, w.requests)
		}
		for _, text := range []string{out.Body, fmt.Sprint(out.Headers), w.log.String(), w.metrics.String()} {
			if strings.Contains(text, "canary") {
				t.Errorf("%s: the canary is out: %s", test.name, text)
			}
		}
		if strings.Count(w.log.String(), "\n") != 1 {
			t.Errorf("%s: not one line of log: %s", test.name, w.log.String())
		}
	}
}

func hostilePaths() []hostile {
	unknown := map[string]string{
		"no path": "", "the root": "/", "another version": "/v2/clients", "no version": "/clients", "a slash at the end": "/v1/clients/", "two slashes before": "//v1/clients",
		"two slashes inside": "/v1//clients", "upper case": "/V1/Clients", "a dot segment": "/v1/./clients", "a parent segment": "/v1/x/../clients", "an encoded slash": "/v1%2fclients",
		"an encoded letter": "/v1/%63lients", "an encoded parent": "/v1/%2e%2e/v1/clients", "a backslash": `/v1\clients`, "a matrix parameter": "/v1/clients;a=b", "a NUL": "/v1/clients\x00",
		"a line break": "/v1/clients\r\nx: y", "a full URL": "https://api.example.com/v1/clients", "a query in the path": "/v1/clients?x=1", "a fragment": "/v1/clients#x", "the path of a client": "/v1/clients/abc123",
		"the path of no credential": "/v1/clients/abc123/credentials/", "no client": "/v1/clients//credentials", "a segment more": "/v1/clients/abc123/credentials/cred_1/x", "not UTF-8": "/v1/\xff", "a thousand segments": strings.Repeat("/v1", 1000),
		"metadata of the instance": "/latest/meta-data/iam/security-credentials/", "a file of the server": "/etc/passwd", "a parent of the root": "/../v1/clients", "a wide slash": "/v1／clients",
	}
	var out []hostile
	for name, path := range unknown {
		out = append(out, hostile{"path: " + name, apiRequest("GET", "/v1/clients", "", rawPath(path)), 404, "route_unknown"})
	}
	for name, id := range map[string]string{
		"an encoded parent": "%2e%2e", "a parent": "..", "an encoded slash": "a%2fb", "a percent": "%", "a NUL": "a\x00", "a space": "a b", "a quote": `a"b`, "SQL": "a'--", "a star": "*", "a dollar": "${x}", "beyond ASCII": "ä",
		"a Cyrillic letter": "аbc123", "a zero-width space": "abc\u200b123", "too long": strings.Repeat("a", 65), "an ARN": "arn:aws:secretsmanager:eu-central-1:1:secret:x", "a colon": "a:b", "a line break": "a\r\nb", "an at sign": "a@b", "the other tenant's URL": "https:",
	} {
		out = append(out,
			hostile{"client_id: " + name, apiRequest("GET", "/v1/clients/x/credentials", "", rawPath("/v1/clients/"+id+"/credentials")), 400, "parameter_invalid"},
			hostile{"credential_id: " + name, apiRequest("DELETE", credentialPath, "", rawPath("/v1/clients/abc123/credentials/"+id)), 400, "parameter_invalid"})
	}
	for name, id := range map[string]string{"a parent": "..", "a dot": ".", "a hidden file": ".x", "an encoded slash": "a%2fb", "too long": strings.Repeat("a", 1001), "a bar": "a|b", "a line break": "a\nb"} {
		out = append(out, hostile{"rotation_id: " + name, apiRequest("GET", "/v1/rotations/x", "", rawPath("/v1/rotations/"+id)), 400, "parameter_invalid"})
	}
	for name, m := range map[string]string{"PUT": "PUT", "DELETE": "DELETE", "HEAD": "HEAD", "OPTIONS": "OPTIONS", "TRACE": "TRACE", "CONNECT": "CONNECT", "none": "", "lower case": "post", "with a space": "POST ", "made up": "FROB", "with a line break": "POST\r\n"} {
		out = append(out, hostile{"method: " + name, apiRequest("POST", "/v1/clients", goodClient, method(m)), 405, "method_not_allowed"})
	}
	out = append(out,
		hostile{"method: an override is not heard", apiRequest("PUT", "/v1/clients", goodClient, header("x-http-method-override", "POST")), 405, "method_not_allowed"},
		hostile{"method: the preview of a GET", apiRequest("GET", "/v1/registrations/preview", ""), 405, "method_not_allowed"},
		hostile{"method: a webhook by GET", apiRequest("GET", webhookPath, ""), 405, "method_not_allowed"},
		hostile{"path: another webhook", apiRequest("POST", "/v1/webhooks/other", "{}"), 404, "route_unknown"})
	for name, query := range map[string]string{
		"an unknown one": "x=1", "the same twice": "limit=1&limit=2", "a limit of nothing": "limit=", "a limit of zero": "limit=0", "a limit too high": "limit=101", "a negative limit": "limit=-1", "a limit with a plus": "limit=%2B5", "a limit with a zero before": "limit=05",
		"a limit in hexadecimal": "limit=0x10", "a limit in another script": "limit=%D9%A1", "a broken escape": "limit=%zz", "a semicolon": "limit=1;cursor=x", "a limit beyond numbers": "limit=99999999999999999999", "not UTF-8": "limit=%ff", "upper case": "LIMIT=1", "a name without a value": "cursor",
	} {
		reason := "query_invalid"
		if name == "a name without a value" {
			reason = "cursor_invalid"
		}
		out = append(out, hostile{"query: " + name, apiRequest("GET", "/v1/clients?"+query, ""), 400, reason})
	}
	for name, cursor := range map[string]string{"nothing": "", "made up": "abc", "not base64": "***", "too short": "AAAA", "of AWS itself": "AQIDBAUGBwgJCgsMDQ4PEA", "a path": "..%2F..%2Fetc", "endless": strings.Repeat("A", 5000), "a NUL": "%00"} {
		out = append(out, hostile{"cursor: " + name, apiRequest("GET", "/v1/clients?cursor="+cursor, ""), 400, "cursor_invalid"})
	}
	for _, force := range []string{"", "1", "TRUE", "yes", "true%20", "false&force=true"} {
		out = append(out, hostile{"force: " + force, apiRequest("DELETE", credentialPath+"?force="+force, ""), 400, "query_invalid"})
	}
	return append(out, hostile{"query: on the description", apiRequest("GET", "/v1/openapi.json?callback=x", ""), 400, "query_invalid"})
}

func hostileCallers() []hostile {
	jwt := func(all map[string]string) *events.APIGatewayV2HTTPRequestContextAuthorizerDescription {
		return &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: all, Scopes: strings.Fields(allScopes)}}
	}
	iam := func(arn string) *events.APIGatewayV2HTTPRequestContextAuthorizerDescription {
		return &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{IAM: &events.APIGatewayV2HTTPRequestContextAuthorizerIAMDescription{UserARN: arn, AccountID: "123456789012"}}
	}
	var out []hostile
	for name, a := range map[string]*events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
		"none": nil, "an empty one": {}, "no claims": jwt(nil), "no issuer": jwt(map[string]string{"sub": "s", "scope": allScopes}), "no subject": jwt(map[string]string{"iss": "i", "scope": allScopes}),
		"a Lambda's": {Lambda: map[string]any{"sub": "s", "scope": allScopes}}, "IAM without a name": iam(""), "IAM with another name": iam("root"),
	} {
		out = append(out, hostile{"caller: " + name, apiRequest("POST", "/v1/clients", goodClient, authorizer(a)), 401, "caller_unknown"})
	}
	for name, scope := range map[string]string{
		"none": "", "another": "clients:read", "a longer one": "clients:create:all", "a shorter one": "clients", "a star": "*", "every one of its kind": "clients:*", "upper case": "CLIENTS:CREATE", "between commas": "clients:read,clients:create",
		"in quotes": `"clients:create"`, "a look-alike": "clіents:create", "with a NUL": "clients:create\x00", "percent-encoded": "clients%3Acreate",
	} {
		out = append(out, hostile{"scope: " + name, apiRequest("POST", "/v1/clients", goodClient, authorizer(jwt(map[string]string{"iss": "i", "sub": "s", "scope": scope}))), 403, "scope_missing"})
	}
	return append(out,
		hostile{"scope: in permissions alone", apiRequest("POST", "/v1/clients", goodClient, authorizer(jwt(map[string]string{"iss": "i", "sub": "s", "permissions": "[clients:create]"}))), 403, "scope_missing"},
		hostile{"scope: in a header", apiRequest("POST", "/v1/clients", goodClient, authorizer(jwt(map[string]string{"iss": "i", "sub": "s"})), header("x-scope", "clients:create")), 403, "scope_missing"},
		hostile{"caller: in a header", apiRequest("POST", "/v1/clients", goodClient, authorizer(nil), header("x-amzn-oidc-identity", "admin"), header("authorization", "Bearer canary")), 401, "caller_unknown"},
		hostile{"caller: a token that nobody verified", apiRequest("GET", "/v1/clients", "", authorizer(nil), header("authorization", "Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJpIiwic3ViIjoicyIsInNjb3BlIjoiY2xpZW50czpyZWFkIn0.")), 401, "caller_unknown"},
		hostile{"caller: none, for a removal", apiRequest("DELETE", credentialPath, "", authorizer(nil)), 401, "caller_unknown"},
		hostile{"caller: none, and a bad path", apiRequest("GET", "/v1/clients/x/credentials", "", authorizer(nil), rawPath("/v1/clients/../credentials")), 401, "caller_unknown"},
	)
}

func hostileHeaders() []hostile {
	var out []hostile
	for name, media := range map[string]string{
		"none": "", "text": "text/plain", "a form": "application/x-www-form-urlencoded", "multipart": "multipart/form-data; boundary=x", "XML": "application/xml", "another JSON": "application/problem+json", "JSON with a suffix": "application/json+x", "text JSON": "text/json",
		"another character set": "application/json; charset=utf-16", "Latin 1": "application/json; charset=iso-8859-1", "two at once": "application/json,text/plain", "an unknown parameter": "application/json; v=2", "a character set by another name": "application/json; encoding=utf-8", "a broken one": "application/json; charset", "a line break": "application/json\r\nx: y", "a word": "json", "everything": "*/*",
	} {
		out = append(out, hostile{"content-type: " + name, apiRequest("POST", "/v1/clients", goodClient, header("content-type", media)), 415, "media_type"})
	}
	for _, coding := range []string{"gzip", "br", "deflate", "identity, gzip", "x"} {
		out = append(out, hostile{"content-encoding: " + coding, apiRequest("POST", "/v1/clients", goodClient, header("content-encoding", coding)), 415, "media_type"})
	}
	for name, key := range map[string]string{
		"empty": "", "two": "a,b", "a space": "a b", "endless": strings.Repeat("a", 256), "beyond ASCII": "ä", "a line break": "a\r\nb", "a NUL": "a\x00", "quotes alone": `""`, "half quoted": `"a`, "JSON": `{"a":1}`, "a parameter": `"a";x=1`, "a backslash": `a\b`, "an angle": "<a>", "a tab": "a\tb",
	} {
		out = append(out, hostile{"idempotency-key: " + name, apiRequest("POST", "/v1/clients", goodClient, header("idempotency-key", key)), 400, "idempotency_key_invalid"})
	}
	return append(out,
		hostile{"idempotency-key: none for a client", apiRequest("POST", "/v1/clients", goodClient, withoutHeader("idempotency-key")), 400, "idempotency_key_missing"},
		hostile{"idempotency-key: none for a credential", apiRequest("POST", "/v1/clients/a/credentials", "{}", withoutHeader("idempotency-key")), 400, "idempotency_key_missing"},
		hostile{"idempotency-key: in the body", apiRequest("POST", "/v1/clients", `{"name":"x","idempotency_key":"k"}`, withoutHeader("idempotency-key")), 400, "body_invalid"},
		hostile{"idempotency-key: a bad one where none is needed", apiRequest("POST", "/v1/registrations", goodMessage, header("idempotency-key", "a,b")), 400, "idempotency_key_invalid"},
		hostile{"content-type: of an optional body", apiRequest("POST", "/v1/clients/abc123/rotations", "{}", header("content-type", "text/plain")), 415, "media_type"},
	)
}

func hostileBodies() []hostile {
	bodies := map[string][2]string{
		"nothing":                      {"", "media_type"},
		"a space":                      {" ", "json_invalid"},
		"null":                         {"null", "json_invalid"},
		"an array":                     {`[{"name":"x"}]`, "json_invalid"},
		"a string":                     {`"name"`, "json_invalid"},
		"a number":                     {`7`, "json_invalid"},
		"cut off":                      {`{"name":"x"`, "json_invalid"},
		"cut in a string":              {`{"name":"x`, "json_invalid"},
		"cut in an escape":             {`{"name":"\u00`, "json_invalid"},
		"two objects":                  {`{"name":"x"}{"name":"y"}`, "json_invalid"},
		"lines of JSON":                {"{\"name\":\"x\"}\n{\"name\":\"y\"}", "json_invalid"},
		"a trailing comma":             {`{"name":"x",}`, "json_invalid"},
		"a comment":                    {`{"name":"x"/*canary*/}`, "json_invalid"},
		"single quotes":                {`{'name':'x'}`, "json_invalid"},
		"no quotes":                    {`{name:"x"}`, "json_invalid"},
		"YAML":                         {"name: canary", "json_invalid"},
		"a form":                       {"name=canary", "json_invalid"},
		"XML":                          {`<?xml version="1.0"?><!DOCTYPE x [<!ENTITY c SYSTEM "file:///etc/passwd">]><x>&c;</x>`, "json_invalid"},
		"a byte order mark":            {"\ufeff{\"name\":\"x\"}", "json_invalid"},
		"not UTF-8":                    {"{\"name\":\"\xff\xfe\"}", "json_invalid"},
		"an overlong slash":            {"{\"name\":\"\xc0\xaf\"}", "json_invalid"},
		"a surrogate in UTF-8":         {"{\"name\":\"\xed\xa0\x80\"}", "json_invalid"},
		"UTF-16":                       {"{\x00\"\x00n\x00", "json_invalid"},
		"half a surrogate pair":        {`{"name":"\ud800"}`, "json_invalid"},
		"a NUL in the text":            {"{\"name\":\"a\x00b\"}", "json_invalid"},
		"a line break in a string":     {"{\"name\":\"a\nb\"}", "json_invalid"},
		"NaN":                          {`{"name":"x","token_quota":{"per_hour":NaN}}`, "json_invalid"},
		"Infinity":                     {`{"name":"x","token_quota":{"per_hour":Infinity}}`, "json_invalid"},
		"a hexadecimal number":         {`{"name":"x","token_quota":{"per_hour":0x10}}`, "json_invalid"},
		"a member twice":               {`{"name":"x","name":"canary"}`, "json_ambiguous"},
		"a member twice, escaped":      {`{"name":"x","\u006eame":"canary"}`, "json_ambiguous"},
		"a member twice, inside":       {`{"name":"x","grants":[{"audience":"a","audience":"b"}]}`, "json_ambiguous"},
		"deep arrays":                  {strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "json_too_deep"},
		"deep objects":                 {strings.Repeat(`{"name":`, 1000) + "1" + strings.Repeat("}", 1000), "json_too_deep"},
		"deeper than the decoder":      {strings.Repeat("[", 30000) + strings.Repeat("]", 30000), "json_invalid"},
		"a deep member":                {`{"name":"x","grants":` + strings.Repeat("[", 8) + strings.Repeat("]", 8) + `}`, "json_too_deep"},
		"ten thousand members":         {"{" + strings.TrimSuffix(strings.Repeat(`"`+"a"+`":1,`, 5000), ",") + "}", "json_ambiguous"},
		"a name in another case":       {`{"NAME":"x"}`, "body_invalid"},
		"a name with a long s":         {`{"name":"x","tagſ":{}}`, "body_invalid"},
		"a name that is a constructor": {`{"name":"x","__proto__":{"admin":true}}`, "body_invalid"},
		"an id of its own":             {`{"name":"x","client_id":"canary"}`, "body_invalid"},
		"a secret of its own":          {`{"name":"x","client_secret":"canary"}`, "body_invalid"},
	}
	var out []hostile
	for name, test := range bodies {
		status := 400
		if test[1] == "media_type" {
			status = 415
		}
		out = append(out, hostile{"body: " + name, apiRequest("POST", "/v1/clients", test[0]), status, test[1]})
	}
	large := `{"name":"` + strings.Repeat("x", 64<<10) + `"}`
	return append(out,
		hostile{"body: nothing, said to be JSON", apiRequest("POST", "/v1/clients", "", header("content-type", "application/json")), 400, "json_invalid"},
		hostile{"body: a byte too large", apiRequest("POST", "/v1/clients", `{"name":"`+strings.Repeat("x", 64<<10-10)+`"}`), 413, "body_too_large"},
		hostile{"body: as large as allowed", apiRequest("POST", "/v1/clients", `{"name":"`+strings.Repeat("x", 64<<10-11)+`"}`), 400, "body_invalid"},
		hostile{"body: 10 MB", apiRequest("POST", "/v1/clients", strings.Repeat("x", 10<<20)), 413, "body_too_large"},
		hostile{"body: 10 MB of base64", apiRequest("POST", "/v1/clients", "x", base64Body(strings.Repeat("AAAA", 10<<18))), 413, "body_too_large"},
		hostile{"body: too large in base64", apiRequest("POST", "/v1/clients", "x", base64Body(base64.StdEncoding.EncodeToString([]byte(large)))), 413, "body_too_large"},
		hostile{"body: no base64", apiRequest("POST", "/v1/clients", "x", base64Body("*canary*")), 400, "body_unreadable"},
		hostile{"body: base64 cut off", apiRequest("POST", "/v1/clients", "x", base64Body("eyJ")), 400, "body_unreadable"},
		hostile{"body: base64 twice", apiRequest("POST", "/v1/clients", "x", base64Body(base64.StdEncoding.EncodeToString([]byte("eyJuYW1lIjoieCJ9")))), 400, "json_invalid"},
		hostile{"body: of a GET", apiRequest("GET", "/v1/clients", `{"name":"x"}`), 400, "body_unexpected"},
		hostile{"body: of a DELETE", apiRequest("DELETE", credentialPath, `{"force":true}`), 400, "body_unexpected"},
		hostile{"body: large, of the description", apiRequest("GET", "/v1/openapi.json", large), 413, "body_too_large"},
		hostile{"body: of a rotation", apiRequest("POST", "/v1/clients/abc123/rotations", `{"client_secret":"canary"}`), 400, "body_invalid"},
		hostile{"body: null for a rotation", apiRequest("POST", "/v1/clients/abc123/rotations", `null`), 400, "json_invalid"},
	)
}
