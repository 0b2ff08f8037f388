// Package openapi holds HTTP exchanges against an OpenAPI 3.1 description: was
// there such an operation, may it be asked like this, may it be answered like
// that? It is for tests, of either side of the wire, and nothing that ships
// imports it.
//
// A [Tap] sits in an [net/http.Client], looks at everything that passes, and
// remembers which operations were answered with which status, so that a test can
// ask what it has left out.
//
// Of OpenAPI it knows what the descriptions in this repository use: references
// within the document, templated paths, query parameters that are scalars, and
// bodies that are JSON or forms. Schemas are JSON Schema, draft 2020-12, formats
// included.
package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// A Description is a parsed OpenAPI document. Make one with [Parse].
type Description struct {
	compiler   *jsonschema.Compiler
	document   map[string]any
	operations []Operation
}

// An Operation is a method on a path of the description.
type Operation struct {
	ID       string // operationId
	Method   string
	Path     string // a template, such as /clients/{id}
	Statuses []int  // those that are described, in order

	pointer  string // of the operation in the document
	segments []string
}

const resource = "openapi.json"

// Parse reads a description, in YAML or JSON. Every operation needs an
// operationId of its own.
func Parse(text []byte) (*Description, error) {
	var doc any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	asJSON, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	document, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("openapi: the document is no object")
	}
	d := &Description{compiler: jsonschema.NewCompiler(), document: document}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource(resource, value); err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	return d, d.index()
}

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

// index fills in the operations.
func (d *Description) index() error {
	paths, _ := d.document["paths"].(map[string]any)
	seen := map[string]bool{}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item, _ := paths[path].(map[string]any)
		for _, method := range methods {
			op, there := item[method].(map[string]any)
			if !there {
				continue
			}
			o := Operation{Method: strings.ToUpper(method), Path: path, pointer: "/paths/" + escape(path) + "/" + method, segments: strings.Split(path, "/")}
			o.ID, _ = op["operationId"].(string)
			responses, _ := op["responses"].(map[string]any)
			for _, status := range slices.Sorted(maps.Keys(responses)) {
				if n, err := strconv.Atoi(status); err == nil {
					o.Statuses = append(o.Statuses, n)
				}
			}
			if o.ID == "" || seen[o.ID] {
				return fmt.Errorf("openapi: %s %s has no operationId of its own", o.Method, path)
			}
			seen[o.ID] = true
			d.operations = append(d.operations, o)
		}
	}
	return nil
}

// Operations are all operations of the description, by path and method.
func (d *Description) Operations() []Operation { return slices.Clone(d.operations) }

// Validate holds JSON against a schema of the description, by its name in
// components.
func (d *Description) Validate(schema string, text []byte) error {
	return d.validate("/components/schemas/"+escape(schema), text)
}

func (d *Description) validate(pointer string, text []byte) error {
	s, err := d.compiler.Compile(resource + "#" + pointer)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return s.Validate(value)
}

// Find is the operation that a request is for. Of several templates that fit,
// the one with the fewest parameters is meant.
func (d *Description) Find(r *http.Request) (Operation, bool) {
	var best Operation
	found := false
	for _, o := range d.operations {
		if o.Method == r.Method && o.fits(r.URL.EscapedPath()) && (!found || strings.Count(o.Path, "{") < strings.Count(best.Path, "{")) {
			best, found = o, true
		}
	}
	return best, found
}

func (o Operation) fits(path string) bool {
	parts := strings.Split(path, "/")
	if len(parts) != len(o.segments) {
		return false
	}
	for i, want := range o.segments {
		if parts[i] != want && (!strings.HasPrefix(want, "{") || parts[i] == "") {
			return false
		}
	}
	return true
}

// at follows a JSON pointer, and the reference that is there if it is one. It
// returns the pointer that it came to.
func (d *Description) at(pointer string) (map[string]any, string) {
	value := any(d.document)
	for _, token := range strings.Split(pointer, "/")[1:] {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		switch v := value.(type) {
		case map[string]any:
			value = v[token]
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i >= len(v) {
				return nil, pointer
			}
			value = v[i]
		default:
			return nil, pointer
		}
	}
	object, _ := value.(map[string]any)
	if ref, isRef := object["$ref"].(string); isRef && strings.HasPrefix(ref, "#/") {
		return d.at(strings.TrimPrefix(ref, "#"))
	}
	return object, pointer
}

// escape makes a token of a JSON pointer in a URL fragment.
func escape(token string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(token)
}
