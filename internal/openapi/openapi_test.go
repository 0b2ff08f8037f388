package openapi

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

const petstore = `
openapi: 3.1.0
paths:
  /pets/mine:
    get:
      operationId: myPets
      responses: {'204': {description: none}}
  /pets/{id}:
    parameters:
      - {name: dry, in: query, schema: {type: boolean}}
    put:
      operationId: putPet
      parameters:
        - $ref: '#/components/parameters/Take'
      requestBody:
        required: true
        content:
          application/json: {schema: {$ref: '#/components/schemas/Pet'}}
          application/x-www-form-urlencoded: {schema: {$ref: '#/components/schemas/Pet'}}
      responses:
        '200': {$ref: '#/components/responses/Pet'}
        '400': {description: bad, content: {text/plain: {schema: {type: string}}}}
components:
  parameters:
    Take: {name: take, in: query, schema: {type: integer, maximum: 9}}
  responses:
    Pet:
      description: a pet
      headers: {X-Left: {schema: {type: integer}}}
      content:
        application/json: {schema: {$ref: '#/components/schemas/Pet'}}
  schemas:
    Pet:
      type: object
      additionalProperties: false
      required: [name]
      properties: {name: {type: string}, born: {type: string, format: date-time}}
`

func TestCheck(t *testing.T) {
	d, err := Parse([]byte(petstore))
	if err != nil {
		t.Fatal(err)
	}
	const pet = `{"name":"Rex"}`
	tests := map[string]struct {
		method, target, media, sent string
		status                      int
		answerMedia, answer, left   string
		want                        string // part of the error; empty is none
	}{
		"fits":                     {"PUT", "/pets/1?take=9&dry=true", "application/json", pet, 200, "application/json; charset=utf-8", pet, "3", ""},
		"as a form":                {"PUT", "/pets/1", "application/x-www-form-urlencoded", "name=Rex", 200, "application/json", pet, "", ""},
		"the literal path":         {"GET", "/pets/mine", "", "", 204, "", "", "", ""},
		"a bad request":            {"PUT", "/pets/1?x=y", "application/json", `{`, 400, "text/plain", `"no"`, "", ""},
		"no such path":             {"PUT", "/cats/1", "application/json", pet, 200, "application/json", pet, "", "no operation"},
		"no such method":           {"GET", "/pets/1", "", "", 200, "application/json", pet, "", "no operation"},
		"an empty id":              {"PUT", "/pets/", "application/json", pet, 200, "application/json", pet, "", "no operation"},
		"unknown status":           {"PUT", "/pets/1", "application/json", pet, 201, "application/json", pet, "", "status is not described"},
		"unknown member":           {"PUT", "/pets/1", "application/json", `{"name":"Rex","x":1}`, 200, "application/json", pet, "", "the request"},
		"no body":                  {"PUT", "/pets/1", "application/json", "", 200, "application/json", pet, "", "body of 0 bytes"},
		"a body that none wants":   {"GET", "/pets/mine", "application/json", pet, 204, "", "", "", "body of 14 bytes"},
		"another media type":       {"PUT", "/pets/1", "text/xml", pet, 200, "application/json", pet, "", "the request's media type"},
		"unknown parameter":        {"PUT", "/pets/1?limit=1", "application/json", pet, 200, "application/json", pet, "", "parameter limit is not described"},
		"a parameter too large":    {"PUT", "/pets/1?take=10", "application/json", pet, 200, "application/json", pet, "", "parameter take"},
		"a parameter of no type":   {"PUT", "/pets/1?dry=yes", "application/json", pet, 200, "application/json", pet, "", "parameter dry"},
		"an answer without a name": {"PUT", "/pets/1", "application/json", pet, 200, "application/json", `{}`, "", "the answer"},
		"a date that is none":      {"PUT", "/pets/1", "application/json", pet, 200, "application/json", `{"name":"Rex","born":"today"}`, "", "the answer"},
		"a page":                   {"PUT", "/pets/1", "application/json", pet, 200, "text/html", "<html>", "", "answer's media type"},
		"an answer to much":        {"GET", "/pets/mine", "", "", 204, "", pet, "", "has a body where none"},
		"a header of no type":      {"PUT", "/pets/1", "application/json", pet, 200, "application/json", pet, "many", "header X-Left"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tap := &Tap{Description: d, Next: answers(func(r *http.Request) *http.Response {
				if sent, err := io.ReadAll(r.Body); err != nil || string(sent) != tt.sent {
					t.Errorf("passed on %q, %v", sent, err)
				}
				return &http.Response{StatusCode: tt.status, Header: http.Header{"Content-Type": {tt.answerMedia}, "X-Left": {tt.left}},
					Body: io.NopCloser(strings.NewReader(tt.answer))}
			})}
			req, err := http.NewRequest(tt.method, "https://example.com"+tt.target, bytes.NewReader([]byte(tt.sent)))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", tt.media)
			resp, err := tap.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(resp.Body); err != nil || string(body) != tt.answer {
				t.Errorf("passed back %q, %v", body, err)
			}
			got := strings.Join(tap.Problems(), "; ")
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("problem %q, want %q", got, tt.want)
			}
			if seen := len(tap.Seen("putPet")) + len(tap.Seen("myPets")); (seen == 1) != (tt.want == "") {
				t.Errorf("seen %d", seen)
			}
		})
	}
}

type answers func(*http.Request) *http.Response

func (f answers) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

func TestParse(t *testing.T) {
	d, err := Parse([]byte(petstore))
	if err != nil {
		t.Fatal(err)
	}
	ops := d.Operations()
	if len(ops) != 2 || ops[0].ID != "myPets" || ops[1].Method != "PUT" || len(ops[1].Statuses) != 2 || ops[1].Statuses[1] != 400 {
		t.Errorf("%+v", ops)
	}
	if d.Validate("Pet", []byte(`{"name":"Rex"}`)) != nil || d.Validate("Pet", []byte(`{}`)) == nil || d.Validate("Pet", []byte(`{`)) == nil {
		t.Error("Validate is wrong about pets")
	}
	for _, bad := range []string{"", "[]", "\t", "paths: {/a: {get: {}}}", "paths: {/a: {get: {operationId: x}, put: {operationId: x}}}"} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%q is a description", bad)
		}
	}
}
