package handler_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/handler"
)

// A description is openapi.json, taken apart.
type description struct {
	compiler   *jsonschema.Compiler
	operations map[string]operation // by operationId
}

type operation struct {
	method, path string
	pointer      string // to it in the document
	OperationID  string
	Parameters   []reference
	RequestBody  *struct {
		Content map[string]struct{ Schema reference }
	}
	Security  []map[string][]string
	Responses map[string]reference
}

type reference struct {
	Ref string `json:"$ref"`
}

func readDescription(t testing.TB) description {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(handler.OpenAPI, &doc); err != nil {
		t.Fatal(err)
	}
	d := description{jsonschema.NewCompiler(), map[string]operation{}}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(handler.OpenAPI))
	if err != nil {
		t.Fatal(err)
	}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource("openapi.json", value); err != nil {
		t.Fatal(err)
	}
	for path, item := range doc.Paths {
		for method, raw := range item {
			if method == "parameters" {
				continue
			}
			var o operation
			if err := json.Unmarshal(raw, &o); err != nil {
				t.Fatal(err)
			}
			o.method, o.path = strings.ToUpper(method), path
			o.pointer = "openapi.json#/paths/" + strings.ReplaceAll(strings.ReplaceAll(path, "~", "~0"), "/", "~1") + "/" + method
			d.operations[o.OperationID] = o
		}
	}
	return d
}

// schema is the schema of an answer's content: at its own place, or at that of
// the response it refers to.
func (d description) answers(o operation, status int, media string) (*jsonschema.Schema, error) {
	r, ok := o.Responses[fmt.Sprint(status)]
	if !ok {
		return nil, errors.New("the status is not described")
	}
	place := o.pointer + "/responses/" + fmt.Sprint(status)
	if r.Ref != "" {
		place = "openapi.json" + r.Ref
	}
	return d.compiler.Compile(place + "/content/" + strings.ReplaceAll(media, "/", "~1") + "/schema")
}

// check holds an answer against the description.
func (d description) check(t testing.TB, name, id string, out events.APIGatewayV2HTTPResponse) {
	t.Helper()
	o := d.operations[id]
	if out.Body == "" {
		if _, ok := o.Responses[fmt.Sprint(out.StatusCode)]; !ok || out.StatusCode != 204 {
			t.Errorf("%s: %d without a body", name, out.StatusCode)
		}
		return
	}
	s, err := d.answers(o, out.StatusCode, out.Headers["Content-Type"])
	if err != nil {
		t.Errorf("%s: %s answers %d %s: %v", name, id, out.StatusCode, out.Headers["Content-Type"], err)
		return
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(out.Body))
	if err == nil {
		err = s.Validate(value)
	}
	if err != nil {
		t.Errorf("%s: %v\n%s", name, err, out.Body)
	}
}

// takes reports whether the description allows a body.
func (d description) takes(t testing.TB, id, body string) bool {
	t.Helper()
	s, err := d.compiler.Compile("openapi.json" + d.operations[id].RequestBody.Content["application/json"].Schema.Ref)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	return err == nil && s.Validate(value) == nil
}

// operationOf is the operation of a request, by the table's own words.
func (d description) operationOf(ev events.APIGatewayV2HTTPRequest) string {
	for id, o := range d.operations {
		if fits(o.method, o.path, ev) {
			return id
		}
	}
	return ""
}

// fits reports whether API Gateway sends the request on by this route.
func fits(method, path string, ev events.APIGatewayV2HTTPRequest) bool {
	want, got := strings.Split(path, "/"), strings.Split(ev.RawPath, "/")
	if method != ev.RequestContext.HTTP.Method || len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i] != got[i] && (!strings.HasPrefix(want[i], "{") || got[i] == "") {
			return false
		}
	}
	return true
}

func TestEveryRouteIsDescribedAndNoOther(t *testing.T) {
	d := readDescription(t)
	var described []string
	for _, o := range d.operations {
		described = append(described, o.method+" "+o.path)
		for _, alternative := range o.Security {
			if scopes, ok := alternative["bearer"]; ok && len(scopes) != 1 {
				t.Errorf("%s names the scopes %v, not one", o.OperationID, scopes)
			}
		}
	}
	var routes []string
	for _, r := range handler.Routes() {
		routes = append(routes, r.Method+" "+r.Path)
		o := d.operations[d.operationOf(apiRequest(r.Method, strings.NewReplacer("{", "", "}", "").Replace(r.Path), ""))]
		scope := ""
		if len(o.Security) > 0 {
			scope = o.Security[0]["bearer"][0]
		}
		if scope != r.Scope {
			t.Errorf("%s %s: the scope is %q, described as %q", r.Method, r.Path, r.Scope, scope)
		}
		if (o.RequestBody != nil) != r.Body {
			t.Errorf("%s %s: takes a body: %v, described: %v", r.Method, r.Path, r.Body, o.RequestBody != nil)
		}
		var key bool
		for _, p := range o.Parameters {
			key = key || strings.HasSuffix(p.Ref, "IdempotencyKey")
		}
		if key != r.Key {
			t.Errorf("%s %s: takes an Idempotency-Key: %v, described: %v", r.Method, r.Path, r.Key, key)
		}
	}
	slices.Sort(described)
	slices.Sort(routes)
	if !slices.Equal(described, routes) {
		t.Errorf("described\n%s\nserved\n%s", strings.Join(described, "\n"), strings.Join(routes, "\n"))
	}
}

// TestEveryDescribedAnswerIsProduced makes each operation succeed and fail in
// every way, and holds each answer against the description: none that is not
// described, and none described that nothing produces.
func TestEveryDescribedAnswerIsProduced(t *testing.T) {
	d := readDescription(t)
	produced := map[string]bool{}
	try := func(name string, w *world, ev events.APIGatewayV2HTTPRequest) {
		t.Helper()
		id := d.operationOf(ev)
		out := w.answer(t, t.Context(), ev)
		decent(t, name, out)
		d.check(t, name, id, out)
		produced[id+" "+fmt.Sprint(out.StatusCode)] = true
	}
	failures := map[string]error{
		"a bug": errors.New("canary"), "ours": &fault.Error{Kind: fault.Denied, Op: "auth0.create_client", Reason: "insufficient_scope"},
		"the queue's": &fault.Error{Kind: fault.NotFound, Op: "queue.send"},
	}
	for kind := fault.Internal; kind <= fault.Unavailable; kind++ {
		failures[kind.String()] = &fault.Error{Kind: kind, Op: "credential.x", Reason: "some_reason"}
	}
	for id := range d.operations {
		for what, err := range failures {
			w := newWorld()
			if w.err = err; id == "receiveWebhook" { // which calls nothing else
				w.err = &fault.Error{Kind: fault.KindOf(err), Op: "queue.send", Err: err}
			}
			try(id+", "+what, w, again(id))
		}
		try(id, newWorld(), again(id))
		try(id+" with an unknown parameter", newWorld(), with(again(id), func(ev *events.APIGatewayV2HTTPRequest) { ev.RawQueryString = "x=1" }))
		try(id+" with a huge body", newWorld(), with(again(id), func(ev *events.APIGatewayV2HTTPRequest) { ev.Body = strings.Repeat(" ", 70000) }))
		if id == "describe" {
			continue
		}
		try(id+" as text", newWorld(), with(again(id), func(ev *events.APIGatewayV2HTTPRequest) { ev.Headers["content-type"] = "text/plain" }))
		try(id+" with another body", newWorld(), signIfNeeded(with(again(id), func(ev *events.APIGatewayV2HTTPRequest) { ev.Body = `{"x":1}` })))
		try(id+" from nobody", newWorld(), with(again(id), func(ev *events.APIGatewayV2HTTPRequest) {
			ev.RequestContext.Authorizer, ev.Headers["webhook-id"] = nil, ""
		}))
		if id != "receiveWebhook" {
			try(id+" without the scope", newWorld(), with(again(id), func(ev *events.APIGatewayV2HTTPRequest) {
				ev.RequestContext.Authorizer.JWT.Claims["scope"] = "other"
			}))
		}
		w := newWorld()
		if key := again(id).Headers["idempotency-key"]; key != "" {
			w.requests["jwt https://example.eu.auth0.com/ caller@clients\n"+key] = entry{}
			try(id+" with a used key", w, again(id))
		}
	}
	w := newWorld()
	try("register and wait", w, with(again("register"), header("prefer", "wait=5")))
	w.outcome.Created = false
	try("register once more and wait", w, with(again("register"), header("prefer", "wait=5"), header("idempotency-key", "other")))
	for id, o := range d.operations {
		for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
			if o.Responses[status].Ref != "#/components/responses/Gateway" && !produced[id+" "+status] {
				t.Errorf("%s is described to answer %s, and nothing here made it", id, status)
			}
		}
	}
}

// again is the good request of an operation.
func again(id string) events.APIGatewayV2HTTPRequest { return goodRequests()[id] }

func with(ev events.APIGatewayV2HTTPRequest, changes ...func(*events.APIGatewayV2HTTPRequest)) events.APIGatewayV2HTTPRequest {
	for _, change := range changes {
		change(&ev)
	}
	return ev
}

// signIfNeeded signs the body anew.
func signIfNeeded(ev events.APIGatewayV2HTTPRequest) events.APIGatewayV2HTTPRequest {
	if strings.Contains(ev.RawPath, "/webhooks/") {
		return signed(ev.Body)
	}
	return ev
}

// The good requests' bodies are allowed by the description too, and what the
// description does not allow is refused.
func TestTheDescriptionAndTheHandlersTakeTheSameBodies(t *testing.T) {
	d := readDescription(t)
	for id, ev := range goodRequests() {
		if ev.Body != "" && !d.takes(t, id, ev.Body) {
			t.Errorf("%s: the description does not allow %s", id, ev.Body)
		}
	}
	for _, test := range bodyCases() {
		for _, body := range test.bodies {
			ev := with(again(test.operation), func(ev *events.APIGatewayV2HTTPRequest) { ev.Body = body })
			out := newWorld().answer(t, t.Context(), ev)
			if ok := out.StatusCode < 300; ok != d.takes(t, test.operation, body) {
				t.Errorf("%s: %s is answered %d %s, and the description says %v", test.operation, body, out.StatusCode, out.Body, !ok)
			}
		}
	}
}
