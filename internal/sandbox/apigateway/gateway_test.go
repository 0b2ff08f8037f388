package apigateway_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"clientkeeper/internal/sandbox/apigateway"
)

// TestRouting: which route a request takes, and with what.
func TestRouting(t *testing.T) {
	keys := []string{"GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /{proxy+}", "POST /pets", "ANY /pets",
		"GET /pets/{kind}/food", "GET /a/{x}/c", "GET /a/b/{y}"}
	tests := map[string]struct{ method, path, want string }{
		"full match":                       {"GET", "/pets/dog/1", "GET /pets/dog/1"},
		"a parameter":                      {"GET", "/pets/dog/2", "GET /pets/dog/{id}"},
		"a greedy parameter":               {"GET", "/pets/cat/2/3", "GET /pets/{proxy+}"},
		"a method goes before ANY":         {"POST", "/pets", "POST /pets"},
		"ANY takes the others":             {"DELETE", "/pets", "ANY /pets"},
		"a parameter goes before a greedy": {"GET", "/pets/cat/food", "GET /pets/{kind}/food"},
		"literal further left goes first":  {"GET", "/a/b/c", "GET /a/b/{y}"},
		"the wrong method for all but one": {"PUT", "/pets/dog/1", "ANY /{proxy+}"},
		"no route but the default":         {"GET", "/", "$default"},
		"case matters":                     {"GET", "/Pets/dog/1", "ANY /{proxy+}"},
		"a trailing slash is another path": {"GET", "/pets/dog/1/", "GET /pets/{proxy+}"},
		"an encoded letter is that letter": {"GET", "/p%65ts/dog/1", "GET /pets/dog/1"},
		"an encoded slash is no separator": {"GET", "/pets%2Fdog%2F1", "ANY /{proxy+}"},
		"dots are not resolved":            {"GET", "/pets/dog/../dog/1", "GET /pets/{proxy+}"},
	}
	var all []apigateway.Route
	for _, key := range keys {
		method, path, _ := strings.Cut(key, " ")
		all = append(all, apigateway.Route{Method: method, Path: path, Function: "f"})
	}
	all = append(all, apigateway.Route{Function: "f"})
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := &function{}
			s := serve(t, apigateway.Options{Routes: all}, f)
			raw(t, s, onWire(test.method+" "+test.path))
			if got := f.event(t)["routeKey"]; got != test.want {
				t.Errorf("%s %s takes %v, want %s", test.method, test.path, got, test.want)
			}
		})
	}
}

func TestNoRoute(t *testing.T) {
	f := &function{}
	s := serve(t, apigateway.Options{Routes: routes}, f)
	for name, request := range map[string]string{
		"no such path": "GET /nothing", "another method": "GET /hook/7", "an empty parameter": "POST /hook/", "a greedy one with nothing": "GET /files/",
		"more than the route": "POST /hook/7/8", "less": "POST /hook", "a doubled slash": "GET //x", "OPTIONS without CORS": "OPTIONS /hook/7\nOrigin: https://a.example\nAccess-Control-Request-Method: POST",
	} {
		res, body := raw(t, s, onWire(request))
		if res.StatusCode != 404 || body != `{"message":"Not Found"}` || res.Header.Get("Apigw-Requestid") == "" {
			t.Errorf("%s: %s %s", name, res.Status, body)
		}
	}
	if f.calls() != 0 {
		t.Errorf("%d invocations", f.calls())
	}
}

func TestBadRoutes(t *testing.T) {
	for name, r := range map[string]apigateway.Route{
		"no slash": {Method: "GET", Path: "x"}, "no method": {Path: "/x"}, "half a parameter": {Method: "GET", Path: "/x{id}"},
		"greedy in the middle": {Method: "GET", Path: "/{p+}/x"}, "an unknown method": {Method: "FETCH", Path: "/x"},
	} {
		if _, err := apigateway.New(apigateway.Options{Routes: []apigateway.Route{r}, Invoke: (&function{}).invoke}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	twice := []apigateway.Route{{Method: "GET", Path: "/{a}"}, {Method: "get", Path: "/{b}"}}
	if _, err := apigateway.New(apigateway.Options{Routes: twice, Invoke: (&function{}).invoke}); err == nil {
		t.Error("the same route twice: accepted")
	}
}

// TestLimits: what is too large is refused before the function is asked.
func TestLimits(t *testing.T) {
	const mb10 = 10 << 20
	head := len("GET /x HTTP/1.1\r\n") + len("api.example.com") + len("0") + len("close")
	tests := map[string]struct {
		request string
		status  int
		body    string
	}{
		"10 MB":                   {"POST /x\nContent-Type: text/plain\n\n" + strings.Repeat("a", mb10), 200, "ok"},
		"one byte more":           {"POST /x\nContent-Type: text/plain\n\n" + strings.Repeat("a", mb10+1), 413, `{"message":"Request Entity Too Large"}`},
		"10,240 bytes of headers": {"GET /x\nX-A: " + strings.Repeat("a", 10_240-head), 200, "ok"},
		"one byte more of them":   {"GET /x\nX-A: " + strings.Repeat("a", 10_241-head), 431, `{"message":"Request Header Fields Too Large"}`},
		"a query of that size":    {"GET /x?" + strings.Repeat("a", 10_240), 431, `{"message":"Request Header Fields Too Large"}`},
		"many headers":            {"GET /x" + strings.Repeat("\nX-A: "+strings.Repeat("b", 100), 103), 431, `{"message":"Request Header Fields Too Large"}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := &function{}
			s := serve(t, apigateway.Options{Routes: routes}, f)
			res, body := raw(t, s, onWire(test.request))
			if res.StatusCode != test.status || body != test.body {
				t.Errorf("%s %.100s", res.Status, body)
			}
			if (f.calls() == 1) != (test.status == 200) {
				t.Errorf("%d invocations", f.calls())
			}
		})
	}
}

// A body that says it is too large is refused without being read.
func TestTooLargeIsNotAwaited(t *testing.T) {
	s := serve(t, apigateway.Options{Routes: routes}, &function{})
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(conn, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", 11<<20)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 413 {
		t.Error(res.Status)
	}
}

// H13: after the integration's time the client hears 503, and the function is
// not stopped by a client that hangs up.
func TestTimeout(t *testing.T) {
	f := &function{invoked: func(ctx context.Context) { <-ctx.Done() }}
	o := apigateway.Options{Routes: []apigateway.Route{{Method: "GET", Path: "/x", Function: "f", Timeout: 20 * time.Millisecond}}}
	res, body := call(t, serve(t, o, f), "GET", "/x", "")
	if res.StatusCode != 503 || body != `{"message":"Service Unavailable"}` {
		t.Errorf("%s %s", res.Status, body)
	}
	entered, gone, done := make(chan bool), make(chan bool), make(chan error, 1)
	f = &function{invoked: func(ctx context.Context) { entered <- true; <-gone; done <- ctx.Err() }}
	s := serve(t, apigateway.Options{Routes: routes}, f)
	ctx, hangUp := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", s.URL+"/x", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan bool)
	go func() {
		if res, err := http.DefaultTransport.RoundTrip(req); err == nil {
			res.Body.Close()
		}
		ended <- true
	}()
	<-entered
	hangUp()
	<-ended
	close(gone)
	if err := <-done; err != nil {
		t.Errorf("the function's context ended with its client: %v", err)
	}
}

// The integration gets 30 s, and no more than that.
func TestTimeoutIsBounded(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{0: 30 * time.Second, time.Hour: 30 * time.Second, 15 * time.Second: 15 * time.Second} {
		var left time.Duration
		f := &function{invoked: func(ctx context.Context) {
			if d, ok := ctx.Deadline(); ok {
				left = time.Until(d)
			}
		}}
		o := apigateway.Options{Routes: []apigateway.Route{{Method: "GET", Path: "/x", Function: "f", Timeout: asked}}}
		call(t, serve(t, o, f), "GET", "/x", "")
		if left > want || left < want-14*time.Second {
			t.Errorf("asked for %s, given %s, want %s", asked, left, want)
		}
	}
}

// A route's throttle is its own; it counts before the caller is known.
func TestThrottle(t *testing.T) {
	clock := time.Now()
	i := newIssuer(t)
	f := &function{}
	s := serve(t, apigateway.Options{
		Now: func() time.Time { return clock }, Client: i.Client(), Throttle: apigateway.Throttle{Rate: 1, Burst: 3},
		Routes: []apigateway.Route{
			{Method: "GET", Path: "/a", Function: "f"},
			{Method: "GET", Path: "/b", Function: "f", Throttle: apigateway.Throttle{Rate: 2, Burst: 1}, Authorizer: i.authorizer()},
		},
	}, f)
	ask := func(path string) (got []int) {
		for range 5 {
			res, body := call(t, s, "GET", path, "")
			if res.StatusCode == 429 && body != `{"message":"Too Many Requests"}` {
				t.Errorf("429 %s", body)
			}
			got = append(got, res.StatusCode)
		}
		return got
	}
	if diff := cmp.Diff([][]int{{200, 200, 200, 429, 429}, {401, 429, 429, 429, 429}}, [][]int{ask("/a"), ask("/b")}); diff != "" {
		t.Error(diff)
	}
	clock = clock.Add(time.Second)
	if diff := cmp.Diff([]int{200, 429, 429, 429, 429}, ask("/a")); diff != "" {
		t.Error(diff)
	}
}

// TestMischief: a fault before or after the function's work.
func TestMischief(t *testing.T) {
	tests := map[string]struct {
		fault  apigateway.Fault
		status int // 0: no answer
		calls  int
	}{
		"none":               {apigateway.Fault{}, 200, 1},
		"busy":               {apigateway.Fault{Status: 429}, 429, 0},
		"done, answer lost":  {apigateway.Fault{Status: 503, Applied: true}, 503, 1},
		"hung up":            {apigateway.Fault{HangUp: true}, 0, 0},
		"done, then hung up": {apigateway.Fault{HangUp: true, Applied: true}, 0, 1},
		"late":               {apigateway.Fault{Delay: time.Millisecond}, 200, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := &function{}
			s := serve(t, apigateway.Options{Routes: routes, Mischief: func(key string) apigateway.Fault {
				if key != "POST /hook/{id}" {
					t.Errorf("asked about %q", key)
				}
				return test.fault
			}}, f)
			req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/hook/7", strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			status := 0
			if res, err := http.DefaultTransport.RoundTrip(req); err == nil {
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
				status = res.StatusCode
			}
			if status != test.status || f.calls() != test.calls {
				t.Errorf("status %d, %d invocations; want %d, %d", status, f.calls(), test.status, test.calls)
			}
		})
	}
}

// What an access log is told names no query, token or error of the caller's.
func TestAccess(t *testing.T) {
	i := newIssuer(t)
	told := make(chan apigateway.Access, 4)
	o := protected(i)
	o.Access = func(a apigateway.Access) { told <- a }
	s := serve(t, o, &function{})
	call(t, s, "GET", "/x?key=secret", "", "Authorization", "Bearer "+sign(t, i.claims(nil)))
	call(t, s, "GET", "/x?key=secret", "", "Authorization", "Bearer nonsense")
	call(t, s, "GET", "/none", "")
	format := `{"ip":"$context.identity.sourceIp","route":"$context.routeKey","at":"$context.requestTime","why":"$context.authorizer.error","x":"$context.nothing.known"}`
	want := []apigateway.Access{
		{RouteKey: "GET /x", Method: "GET", Path: "/x", SourceIP: "127.0.0.1", Principal: "caller@clients", Status: 200, Bytes: 2},
		{RouteKey: "GET /x", Method: "GET", Path: "/x", SourceIP: "127.0.0.1", Status: 401, Bytes: 26, AuthorizerError: "token contains an invalid number of segments"},
		{Method: "GET", Path: "/none", SourceIP: "127.0.0.1", Status: 404, Bytes: 23},
	}
	for n := range want {
		got := <-told
		if got.RequestID == "" || got.Time.IsZero() || got.Latency <= 0 {
			t.Errorf("%+v", got)
		}
		var line map[string]string
		if err := json.Unmarshal([]byte(got.Format(format)), &line); err != nil || line["ip"] != "127.0.0.1" || line["x"] != "-" {
			t.Errorf("%s: %v", got.Format(format), err)
		}
		got.RequestID, got.Time, got.Latency, got.IntegrationLatency = "", time.Time{}, 0, 0
		if diff := cmp.Diff(want[n], got); diff != "" {
			t.Error(diff)
		}
	}
}
