package openapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// An Exchange is a request with its answer, both read to their end.
type Exchange struct {
	Request *http.Request // its body is in Sent
	Sent    []byte
	Status  int
	Header  http.Header // of the answer
	Body    []byte
}

// Check returns the operation of an exchange, and everything about it that the
// description does not allow. A request is looked at if it was answered with a
// success, for others may be wrong on purpose.
func (d *Description) Check(x Exchange) (Operation, error) {
	o, found := d.Find(x.Request)
	if !found {
		return o, fmt.Errorf("%s %s is no operation of the description", x.Request.Method, x.Request.URL.EscapedPath())
	}
	err := d.checkAnswer(o, x)
	if x.Status < http.StatusBadRequest {
		err = errors.Join(err, d.checkQuery(o, x.Request.URL.Query()), d.checkBody(o, x))
	}
	if err != nil {
		err = fmt.Errorf("%s (%s %s), answered %d: %w", o.ID, o.Method, o.Path, x.Status, err)
	}
	return o, err
}

func (d *Description) checkAnswer(o Operation, x Exchange) error {
	response, pointer := d.at(o.pointer + "/responses/" + strconv.Itoa(x.Status))
	if response == nil {
		return errors.New("the status is not described")
	}
	content, _ := response["content"].(map[string]any)
	if content == nil {
		if len(x.Body) > 0 {
			return fmt.Errorf("the answer has a body where none is described: %.200s", x.Body)
		}
		return d.checkHeaders(response, pointer, x.Header)
	}
	media, _, _ := mime.ParseMediaType(x.Header.Get("Content-Type"))
	if content[media] == nil {
		return fmt.Errorf("the answer's media type %q is not described", media)
	}
	if err := d.validate(pointer+"/content/"+escape(media)+"/schema", x.Body); err != nil {
		return fmt.Errorf("the answer %.500s: %w", x.Body, err)
	}
	return d.checkHeaders(response, pointer, x.Header)
}

// checkHeaders looks at the described headers that are there.
func (d *Description) checkHeaders(response map[string]any, pointer string, h http.Header) error {
	headers, _ := response["headers"].(map[string]any)
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if h.Get(name) == "" {
			continue
		}
		_, at := d.at(pointer + "/headers/" + escape(name))
		if err := d.scalar(at+"/schema", h.Get(name)); err != nil {
			errs = append(errs, fmt.Errorf("the header %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func (d *Description) checkBody(o Operation, x Exchange) error {
	body, pointer := d.at(o.pointer + "/requestBody")
	content, _ := body["content"].(map[string]any)
	if body == nil || len(x.Sent) == 0 {
		if required, _ := body["required"].(bool); len(x.Sent) > 0 || required {
			return fmt.Errorf("the request has a body of %d bytes, and one is described: %v", len(x.Sent), body != nil)
		}
		return nil
	}
	media, _, _ := mime.ParseMediaType(x.Request.Header.Get("Content-Type"))
	if content[media] == nil {
		return fmt.Errorf("the request's media type %q is not described", media)
	}
	text, err := asJSON(media, x.Sent)
	if err == nil {
		err = d.validate(pointer+"/content/"+escape(media)+"/schema", text)
	}
	if err != nil {
		return fmt.Errorf("the request: %w", err)
	}
	return nil
}

// asJSON makes an object with strings of a form.
func asJSON(media string, body []byte) ([]byte, error) {
	if media != "application/x-www-form-urlencoded" {
		return body, nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	for name := range form {
		fields[name] = form.Get(name)
	}
	return json.Marshal(fields)
}

// checkQuery wants parameters that are described, and values that they may
// have.
func (d *Description) checkQuery(o Operation, query url.Values) error {
	described := map[string]string{} // pointers of their schemas
	for _, place := range []string{o.pointer, "/paths/" + escape(o.Path)} {
		at, _ := d.at(place)
		list, _ := at["parameters"].([]any)
		for i := range list {
			p, pointer := d.at(place + "/parameters/" + strconv.Itoa(i))
			if name, _ := p["name"].(string); p["in"] == "query" {
				described[name] = pointer + "/schema"
			}
		}
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if described[name] == "" {
			errs = append(errs, fmt.Errorf("the query parameter %s is not described", name))
		} else if err := d.scalar(described[name], query.Get(name)); err != nil {
			errs = append(errs, fmt.Errorf("the query parameter %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// scalar holds a text against a schema, as the type that the schema wants.
func (d *Description) scalar(pointer, text string) error {
	schema, _ := d.at(pointer)
	if kind := schema["type"]; kind == "integer" || kind == "number" || kind == "boolean" {
		return d.validate(pointer, []byte(text))
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		return err
	}
	return d.validate(pointer, quoted)
}
