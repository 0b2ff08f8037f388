package apigateway_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"clientkeeper/internal/sandbox/apigateway"
)

const internal = `{"message":"Internal Server Error"}`

// TestAnswer: what becomes of a function's answer.
func TestAnswer(t *testing.T) {
	tests := map[string]struct {
		answer string
		status int
		body   string
		header map[string][]string
	}{
		"H09: JSON without a statusCode":   {`{"a":[1,2]}`, 200, `{"a":[1,2]}`, map[string][]string{"Content-Type": {"application/json"}}},
		"H09: a string loses its quotes":   {`"hel\"lo"`, 200, `hel"lo`, map[string][]string{"Content-Type": {"application/json"}}},
		"H09: a list":                      {`[1]`, 200, `[1]`, map[string][]string{"Content-Type": {"application/json"}}},
		"H09: null":                        {`null`, 200, `null`, map[string][]string{"Content-Type": {"application/json"}}},
		"H09: a number":                    {`7`, 200, `7`, nil},
		"H09: members that look like ours": {`{"body":"x","headers":{"a":"b"}}`, 200, `{"body":"x","headers":{"a":"b"}}`, map[string][]string{"A": nil}},
		"H10: base64 whatever Accept says": {`{"statusCode":200,"body":"AP8=","isBase64Encoded":true,"headers":{"content-type":"application/json"}}`, 200, "\x00\xff", nil},
		"H10: text that looks like base64": {`{"statusCode":200,"body":"AP8=","isBase64Encoded":false}`, 200, "AP8=", nil},
		"H11: each cookie a header":        {`{"statusCode":204,"cookies":["a=1; HttpOnly","b=2"]}`, 204, "", map[string][]string{"Set-Cookie": {"a=1; HttpOnly", "b=2"}}},
		"H11: a cookie among the headers":  {`{"statusCode":200,"headers":{"set-cookie":"a=1"},"cookies":["b=2"]}`, 200, "", map[string][]string{"Set-Cookie": {"a=1", "b=2"}}},
		"no content type":                  {`{"statusCode":200,"body":"x"}`, 200, "x", map[string][]string{"Content-Type": {"text/plain;charset=UTF-8"}}},
		"its own content type":             {`{"statusCode":422,"headers":{"content-type":"application/problem+json"},"body":"{}"}`, 422, "{}", map[string][]string{"Content-Type": {"application/problem+json"}}},
		"multiValueHeaders are not ours":   {`{"statusCode":200,"multiValueHeaders":{"x":["1","2"]}}`, 200, "", map[string][]string{"X": nil}},
		"a statusCode in quotes":           {`{"statusCode":"201","body":"x"}`, 201, "x", nil},
		"headers that are numbers":         {`{"statusCode":200,"headers":{"retry-after":5,"x":true,"y":null}}`, 200, "", map[string][]string{"Retry-After": {"5"}, "X": {"true"}, "Y": nil}},
		"its own content length":           {`{"statusCode":200,"headers":{"Content-Length":"999","Transfer-Encoding":"chunked"},"body":"abc"}`, 200, "abc", map[string][]string{"Content-Length": {"3"}}},
		"nothing but a status":             {`{"statusCode":202}`, 202, "", nil},
		"a body with 204":                  {`{"statusCode":204,"body":"x"}`, 204, "", nil},
		"a location":                       {`{"statusCode":303,"headers":{"location":"https://x.example/"}}`, 303, "", map[string][]string{"Location": {"https://x.example/"}}},
		"every member null":                {`{"statusCode":200,"headers":null,"cookies":null,"body":null,"isBase64Encoded":null}`, 200, "", nil},
		"not JSON":                         {`<html>`, 500, internal, nil},
		"nothing at all":                   {` `, 500, internal, nil},
		"two values":                       {`{} {}`, 500, internal, nil},
		"a status that is none":            {`{"statusCode":99}`, 500, internal, nil},
		"a status that is not final":       {`{"statusCode":103}`, 500, internal, nil},
		"a status too high":                {`{"statusCode":600}`, 500, internal, nil},
		"a status with a fraction":         {`{"statusCode":200.5}`, 500, internal, nil},
		"a status that is a word":          {`{"statusCode":"OK"}`, 500, internal, nil},
		"a null status":                    {`{"statusCode":null}`, 500, internal, nil},
		"a body that is an object":         {`{"statusCode":200,"body":{"a":1}}`, 500, internal, nil},
		"bad base64":                       {`{"statusCode":200,"body":"%%","isBase64Encoded":true}`, 500, internal, nil},
		"cookies that are no list":         {`{"statusCode":200,"cookies":"a=1"}`, 500, internal, nil},
		"headers that are a list":          {`{"statusCode":200,"headers":[]}`, 500, internal, nil},
		"a header that is a list":          {`{"statusCode":200,"headers":{"x":["a"]}}`, 500, internal, nil},
		"a header with a newline":          {`{"statusCode":200,"headers":{"x":"a\r\nSet-Cookie: b=1"}}`, 500, internal, map[string][]string{"Set-Cookie": nil}},
		"a header name with a newline":     {`{"statusCode":200,"headers":{"x\ny":"a"}}`, 500, internal, nil},
		"a cookie with a newline":          {`{"statusCode":200,"cookies":["a=1\r\nX: y"]}`, 500, internal, map[string][]string{"X": nil, "Set-Cookie": nil}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := serve(t, apigateway.Options{Routes: routes}, &function{answer: test.answer})
			res, body := call(t, s, "GET", "/x", "", "Accept", "application/json")
			if res.StatusCode != test.status || body != test.body {
				t.Errorf("%d %q, want %d %q", res.StatusCode, body, test.status, test.body)
			}
			for name, want := range test.header {
				if diff := cmp.Diff(want, res.Header[name]); diff != "" {
					t.Errorf("%s (-want +got)\n%s", name, diff)
				}
			}
		})
	}
}

// H12, H13: what goes wrong behind the gateway, as its callers see it.
func TestFailures(t *testing.T) {
	tests := map[string]struct {
		f      *function
		status int
		body   string
	}{
		"H12: the function failed":            {&function{answer: `{"errorMessage":"secret"}`, failed: "Unhandled"}, 500, internal},
		"H13: the integration takes too long": {&function{err: fmt.Errorf("invoke: %w", context.DeadlineExceeded)}, 503, `{"message":"Service Unavailable"}`},
		"Lambda throttles":                    {&function{err: fmt.Errorf("%w: Rate Exceeded", apigateway.ErrThrottled)}, 503, `{"message":"Service Unavailable"}`},
		"the event is too large for Lambda":   {&function{err: apigateway.ErrTooLarge}, 413, `{"message":"Request Entity Too Large"}`},
		"Lambda cannot be reached":            {&function{err: errors.New("no route to host 10.1.2.3")}, 500, internal},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := serve(t, apigateway.Options{Routes: routes}, test.f)
			res, body := call(t, s, "GET", "/x", "")
			if res.StatusCode != test.status || body != test.body || res.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%d %q, %s", res.StatusCode, body, res.Header)
			}
		})
	}
}

func TestHead(t *testing.T) {
	s := serve(t, apigateway.Options{Routes: routes}, &function{answer: `{"statusCode":200,"body":"abc"}`})
	res, body := call(t, s, "HEAD", "/x", "")
	if res.StatusCode != 200 || body != "" || res.ContentLength != 3 {
		t.Errorf("%s %q, content length %d", res.Status, body, res.ContentLength)
	}
}

// FuzzAnswer: whatever a function answers, the client gets one whole response
// with a final status, and no header that the function has not spelled out.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{`{"statusCode":200,"body":"x","headers":{"a":"b"},"cookies":["c=d"]}`, `"x"`, `{`, `{"statusCode":"301"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		fn := &function{answer: string(answer)}
		api, err := apigateway.New(apigateway.Options{Routes: routes, Invoke: fn.invoke})
		if err != nil {
			t.Fatal(err)
		}
		w := &recorder{header: http.Header{}}
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://a.example/x", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		api.ServeHTTP(w, r)
		if w.status < 200 || w.status > 599 {
			t.Errorf("status %d for %q", w.status, answer)
		}
		for name, values := range w.header {
			if strings.ContainsAny(name+strings.Join(values, ""), "\r\n\x00") {
				t.Errorf("header %q: %q", name, values)
			}
		}
	})
}

type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (r *recorder) Header() http.Header { return r.header }
func (r *recorder) WriteHeader(s int)   { r.status = s }
func (r *recorder) Write(b []byte) (int, error) {
	r.body = append(r.body, b...)
	return len(b), nil
}
