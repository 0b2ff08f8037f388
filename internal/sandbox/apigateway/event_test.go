package apigateway_test

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"clientkeeper/internal/sandbox/apigateway"
)

var routes = []apigateway.Route{
	{Method: "POST", Path: "/hook/{id}", Function: "f"},
	{Method: "ANY", Path: "/x", Function: "f"},
	{Method: "GET", Path: "/files/{path+}", Function: "f"},
	{Method: "GET", Path: "/", Function: "f"},
}

// TestEvent holds payload format 2.0 against requests as they are on the wire.
func TestEvent(t *testing.T) {
	tests := map[string]struct {
		request string // without the version and the Host header
		want    map[string]any
	}{
		"H01: a header sent twice": {"GET /x\nX-Foo: a\nx-foo: b", map[string]any{
			"headers/x-foo": "a,b", "headers/X-Foo": absent}},
		"H01: header names are lower-case": {"GET /x\nX-UPPER: V", map[string]any{"headers/x-upper": "V", "headers/X-Upper": absent}},
		"H02: cookies leave the headers": {"GET /x\nCookie: a=1; b=2\nCookie: c=3", map[string]any{
			"cookies": []any{"a=1", "b=2", "c=3"}, "headers/cookie": absent}},
		"H02: no cookies": {"GET /x", map[string]any{"cookies": absent}},
		"H03: the query, decoded and raw": {"GET /x?p=1&p=2&q=%20x", map[string]any{
			"queryStringParameters": map[string]any{"p": "1,2", "q": " x"}, "rawQueryString": "p=1&p=2&q=%20x"}},
		"H03: a name without a value": {"GET /x?force&a=", map[string]any{
			"queryStringParameters": map[string]any{"force": "", "a": ""}, "rawQueryString": "force&a="}},
		"H03: plus is a space, %2B is not": {"GET /x?q=a+b%2Bc", map[string]any{"queryStringParameters/q": "a b+c", "rawQueryString": "q=a+b%2Bc"}},
		"H03: commas cannot be told apart": {"GET /x?q=a,b&q=c", map[string]any{"queryStringParameters/q": "a,b,c"}},
		"H03: an encoded name":             {"GET /x?%61=1&a=2", map[string]any{"queryStringParameters": map[string]any{"a": "1,2"}}},
		"H03: a bad escape stays":          {"GET /x?q=%zz", map[string]any{"queryStringParameters/q": "%zz", "rawQueryString": "q=%zz"}},
		"H03: a semicolon parts nothing":   {"GET /x?a=1;b=2", map[string]any{"queryStringParameters": map[string]any{"a": "1;b=2"}}},
		"H03: no query":                    {"GET /x", map[string]any{"queryStringParameters": absent, "rawQueryString": ""}},
		"H04: JSON is text": {"POST /x\nContent-Type: application/json\n\n{\"a\":1}", map[string]any{
			"body": `{"a":1}`, "isBase64Encoded": false}},
		"H06: no body":                   {"GET /x", map[string]any{"body": absent, "isBase64Encoded": false, "headers/content-length": "0"}},
		"H06: an empty body has no type": {"POST /x\nContent-Type: application/octet-stream", map[string]any{"body": absent, "isBase64Encoded": false}},
		"H07: the default stage":         {"GET /x", map[string]any{"rawPath": "/x", "requestContext/http/path": "/x", "requestContext/stage": "$default"}},
		"H08: a path parameter": {"POST /hook/7", map[string]any{
			"routeKey": "POST /hook/{id}", "requestContext/routeKey": "POST /hook/{id}", "pathParameters": map[string]any{"id": "7"}}},
		"H08: a path parameter is decoded": {"POST /hook/a%20b%40c", map[string]any{
			"pathParameters/id": "a b@c", "rawPath": "/hook/a b@c"}},
		"H08: plus in a path is a plus":       {"POST /hook/a+b", map[string]any{"pathParameters/id": "a+b"}},
		"H08: decoded once":                   {"POST /hook/a%2525", map[string]any{"pathParameters/id": "a%25"}},
		"H08: an encoded slash parts nothing": {"POST /hook/..%2F..%2Fx", map[string]any{"pathParameters/id": "../../x"}},
		"H08: a greedy parameter":             {"GET /files/a/b%20c", map[string]any{"routeKey": "GET /files/{path+}", "pathParameters/path": "a/b c"}},
		"no path parameters":                  {"GET /x", map[string]any{"pathParameters": absent}},
		"ANY keeps its name":                  {"PURGE /x", map[string]any{"routeKey": "ANY /x", "requestContext/http/method": "PURGE"}},
		"nobody is authorized":                {"GET /x", map[string]any{"requestContext/authorizer": absent}},
		"a route without stage variables":     {"GET /x", map[string]any{"stageVariables": absent}},
		"the request context": {"GET /x\nUser-Agent: curl/8", map[string]any{
			"version": "2.0", "requestContext/accountId": "210987654321", "requestContext/apiId": "api1",
			"requestContext/domainName": "api.example.com", "requestContext/domainPrefix": "api",
			"requestContext/http/protocol": "HTTP/1.1", "requestContext/http/sourceIp": "127.0.0.1", "requestContext/http/userAgent": "curl/8"}},
		"headers that API Gateway adds": {"GET /x", map[string]any{
			"headers/host": "api.example.com", "headers/x-forwarded-for": "127.0.0.1", "headers/x-forwarded-port": "80", "headers/x-forwarded-proto": "http"}},
		"an address in front":              {"GET /x\nX-Forwarded-For: 203.0.113.7", map[string]any{"headers/x-forwarded-for": "203.0.113.7, 127.0.0.1"}},
		"hop-by-hop headers end here":      {"GET /x\nTE: trailers\nKeep-Alive: 5", map[string]any{"headers/te": absent, "headers/keep-alive": absent}},
		"who asks does not choose the way": {"GET /x\nX-Forwarded-Proto: https", map[string]any{"headers/x-forwarded-proto": "http"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := &function{}
			s := serve(t, apigateway.Options{Routes: routes, ID: "api1", AccountID: "210987654321"}, f)
			res, body := raw(t, s, onWire(test.request))
			if res.StatusCode != 200 {
				t.Fatalf("%s %s", res.Status, body)
			}
			for path, want := range test.want {
				if diff := cmp.Diff(want, at(f.event(t), path)); diff != "" {
					t.Errorf("%s (-want +got)\n%s", path, diff)
				}
			}
		})
	}
}

// onWire is HTTP/1.1 for one of the requests above.
func onWire(request string) string {
	head, body, _ := strings.Cut(request, "\n\n")
	line, headers, _ := strings.Cut(head, "\n")
	if headers != "" {
		headers = strings.ReplaceAll(headers, "\n", "\r\n") + "\r\n"
	}
	return fmt.Sprintf("%s HTTP/1.1\r\nHost: api.example.com\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s", line, headers, len(body), body)
}

// TestBody: H04 and H05, which types arrive as text.
func TestBody(t *testing.T) {
	tests := map[string]bool{ // content type: text
		"application/json":                    true,
		"application/json; charset=utf-8":     true,
		"APPLICATION/JSON":                    true,
		" application/json ;x=y":              true,
		"text/plain":                          true,
		"text/html; charset=iso-8859-1":       true,
		"text/csv":                            true,
		"application/xml":                     true,
		"application/javascript":              true,
		"":                                    false,
		"application/x-www-form-urlencoded":   false,
		"multipart/form-data; boundary=b":     false,
		"application/problem+json":            false,
		"application/vnd.api+json":            false,
		"application/octet-stream":            false,
		"application/jsonx":                   false,
		"application/ecmascript":              false,
		"image/svg+xml":                       false,
		"application/json, application/json":  false,
		"application/scim+json;charset=utf-8": false,
		"textual":                             false,
	}
	const sent = "{\"a\": \"ä\"}\n"
	for contentType, isText := range tests {
		t.Run(contentType, func(t *testing.T) {
			f := &function{}
			s := serve(t, apigateway.Options{Routes: routes}, f)
			header := []string{"Content-Type", contentType}
			if contentType == "" {
				header = nil
			}
			call(t, s, "POST", "/x", sent, header...)
			e, want := f.event(t), sent
			if !isText {
				want = base64.StdEncoding.EncodeToString([]byte(sent))
			}
			if e["isBase64Encoded"] != !isText || e["body"] != want {
				t.Errorf("isBase64Encoded %v, body %q", e["isBase64Encoded"], e["body"])
			}
		})
	}
}

// Bytes that are no text arrive as they were sent.
func TestBinaryBodyArrivesUnchanged(t *testing.T) {
	f := &function{}
	s := serve(t, apigateway.Options{Routes: routes}, f)
	sent := "\x00\xff\xfe{}\r\n"
	call(t, s, "POST", "/x", sent, "Content-Type", "application/octet-stream")
	got, err := base64.StdEncoding.DecodeString(f.event(t)["body"].(string))
	if err != nil || string(got) != sent {
		t.Errorf("%q, %v", got, err)
	}
}

// H07: a named stage is part of both paths, and of every request.
func TestNamedStage(t *testing.T) {
	tests := map[string]struct{ path, want, route string }{
		"a route":           {"/dev/x", "/dev/x", "ANY /x"},
		"the root":          {"/dev/", "/dev/", "GET /"},
		"the bare stage":    {"/dev", "/dev", "GET /"},
		"without the stage": {"/x", "", ""},
		"another stage":     {"/developer/x", "", ""},
		"another method":    {"/dev/hook/7", "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := &function{}
			s := serve(t, apigateway.Options{Routes: routes, Stage: "dev"}, f)
			res, body := call(t, s, "GET", test.path, "")
			if test.route == "" {
				if res.StatusCode != 404 || body != `{"message":"Not Found"}` || f.calls() != 0 {
					t.Errorf("%s %s", res.Status, body)
				}
				return
			}
			e := f.event(t)
			got := []any{e["rawPath"], at(e, "requestContext/http/path"), e["routeKey"], at(e, "requestContext/stage")}
			if diff := cmp.Diff([]any{test.want, test.want, test.route, "dev"}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Times, ids and traces have API Gateway's forms, and differ by request.
func TestRequestIdentity(t *testing.T) {
	f := &function{}
	s := serve(t, apigateway.Options{Routes: routes}, f)
	ids := map[any]bool{}
	forms := map[string]string{
		"requestContext/requestId":  `^[A-Za-z0-9_-]{15}=$`,
		"requestContext/time":       `^\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d \+0000$`,
		"headers/x-amzn-trace-id":   `^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$`,
		"requestContext/routeKey":   `^ANY /x$`,
		"requestContext/domainName": `^127\.0\.0\.1$`,
	}
	for range 3 {
		res, _ := call(t, s, "GET", "/x", "")
		e := f.event(t)
		for path, form := range forms {
			if got, _ := at(e, path).(string); !regexp.MustCompile(form).MatchString(got) {
				t.Errorf("%s = %q", path, got)
			}
		}
		if ms, _ := at(e, "requestContext/timeEpoch").(float64); ms < 1.6e12 {
			t.Errorf("timeEpoch = %v is not in milliseconds", ms)
		}
		id := at(e, "requestContext/requestId")
		if res.Header.Get("Apigw-Requestid") != id || ids[id] {
			t.Errorf("request id %v, header %q", id, res.Header.Get("Apigw-Requestid"))
		}
		ids[id] = true
	}
}
