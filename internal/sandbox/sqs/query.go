package sqs

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// The query protocol, which old clients speak: a form in, XML out. It carries
// the same requests and answers as JSON; the form tags of wire.go say how lists
// and maps are flattened.

// readForm reads a request of the query protocol: form fields in the body or
// in the URL.
func (c *call) readForm(r *http.Request) *apiError {
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return malformed("The request has no X-Amz-Target and is not a form.")
	}
	for name, values := range r.URL.Query() {
		form[name] = append(form[name], values...)
	}
	c.form = form
	c.operation = form.Get("Action")
	if c.operation == "" {
		return &apiError{framework + "MissingAction", "MissingAction", 400, "The request must contain the parameter Action."}
	}
	if form.Get("QueueUrl") == "" && strings.Count(r.URL.Path, "/") == 2 {
		form.Set("QueueUrl", c.base+r.URL.Path) // old clients post to the queue itself
	}
	return nil
}

// flat is how a field is written in a form: the name of one item, and of a
// map's key and value.
func flat(field reflect.StructField) (name, key, value string) {
	tag := field.Tag.Get("form")
	if tag == "" {
		tag = member(field)
	}
	parts := strings.Split(tag+",,", ",")
	return parts[0], parts[1], parts[2]
}

func decodeForm(form url.Values, prefix string, v reflect.Value) *apiError {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.Anonymous {
			if err := decodeForm(form, prefix, v.Field(i)); err != nil {
				return err
			}
			continue
		}
		if err := decodeField(form, prefix, field, v.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

func decodeField(form url.Values, prefix string, field reflect.StructField, v reflect.Value) *apiError {
	name, key, value := flat(field)
	name = prefix + name
	if !listed(v) {
		if !form.Has(name) {
			return nil
		}
		return setText(v, name, form.Get(name))
	}
	for n := 1; n <= maxListed; n++ {
		item := name + "." + strconv.Itoa(n)
		if !present(form, item) {
			return nil
		}
		elem := reflect.New(v.Type().Elem()).Elem()
		at := item
		if v.Kind() == reflect.Map {
			at += "." + value
		}
		if err := decodeItem(form, at, elem); err != nil {
			return err
		}
		if v.Kind() == reflect.Slice {
			v.Set(reflect.Append(v, elem))
			continue
		}
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		v.SetMapIndex(reflect.ValueOf(form.Get(item+"."+key)), elem)
	}
	return nil
}

// maxListed bounds a list in a form; no operation allows as many.
const maxListed = 1000

func decodeItem(form url.Values, at string, elem reflect.Value) *apiError {
	if elem.Kind() == reflect.Struct {
		return decodeForm(form, at+".", elem)
	}
	return setText(elem, at, form.Get(at))
}

// listed reports whether v is a list or map rather than one value.
func listed(v reflect.Value) bool {
	return v.Kind() == reflect.Map || v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8
}

// present reports whether the form has item itself or a part of it.
func present(form url.Values, item string) bool {
	if form.Has(item) {
		return true
	}
	for name := range form {
		if strings.HasPrefix(name, item+".") {
			return true
		}
	}
	return false
}

const namespace = "http://queue.amazonaws.com/doc/2012-11-05/"

func (c *call) answerXML(w http.ResponseWriter, out any) {
	children := []xmlNode{}
	if fields := encodeXML(reflect.ValueOf(out).Elem()); len(fields) > 0 {
		children = append(children, xmlNode{name: c.operation + "Result", children: fields})
	}
	children = append(children, xmlNode{name: "ResponseMetadata", children: []xmlNode{{name: "RequestId", text: c.id}}})
	c.writeXML(w, http.StatusOK, c.operation+"Response", children)
}

func (c *call) failXML(w http.ResponseWriter, e *apiError) {
	message := e.message
	if e.shape == "QueueDoesNotExist" {
		message = "The specified queue does not exist for this wsdl version."
	}
	c.writeXML(w, e.status, "ErrorResponse", []xmlNode{
		{name: "Error", children: []xmlNode{
			{name: "Type", text: e.fault()}, {name: "Code", text: e.code}, {name: "Message", text: message}, {name: "Detail"},
		}},
		{name: "RequestId", text: c.id},
	})
}

func (c *call) writeXML(w http.ResponseWriter, status int, root string, children []xmlNode) {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0"?><` + root + ` xmlns="` + namespace + `">`)
	for _, child := range children {
		child.write(&b)
	}
	b.WriteString("</" + root + ">")
	c.write(w, status, "text/xml", b.Bytes())
}

// An xmlNode is an element with text or with children.
type xmlNode struct {
	name     string
	text     string
	children []xmlNode
}

func (n xmlNode) write(b *bytes.Buffer) {
	b.WriteString("<" + n.name + ">")
	xml.EscapeText(b, []byte(n.text)) // a Buffer never fails
	for _, child := range n.children {
		child.write(b)
	}
	b.WriteString("</" + n.name + ">")
}

// encodeXML renders a struct's fields; what is empty is left out.
func encodeXML(v reflect.Value) []xmlNode {
	var out []xmlNode
	for i := range v.NumField() {
		f, field := v.Field(i), v.Type().Field(i)
		if !field.IsExported() || f.Kind() != reflect.Bool && f.IsZero() {
			continue
		}
		name, key, value := flat(field)
		switch {
		case f.Kind() == reflect.Map:
			for _, k := range slices.Sorted(maps.Keys(asStrings(f))) {
				item := xmlValue(value, f.MapIndex(reflect.ValueOf(k)))
				out = append(out, xmlNode{name: name, children: []xmlNode{{name: key, text: k}, item}})
			}
		case listed(f):
			for j := range f.Len() {
				out = append(out, xmlValue(name, f.Index(j)))
			}
		default:
			out = append(out, xmlValue(name, f))
		}
	}
	return out
}

func asStrings(m reflect.Value) map[string]bool {
	out := map[string]bool{}
	for _, k := range m.MapKeys() {
		out[k.String()] = true
	}
	return out
}

func xmlValue(name string, v reflect.Value) xmlNode {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Struct:
		return xmlNode{name: name, children: encodeXML(v)}
	case reflect.Slice: // []byte
		return xmlNode{name: name, text: base64.StdEncoding.EncodeToString(v.Bytes())}
	}
	return xmlNode{name: name, text: fmt.Sprint(v.Interface())}
}
