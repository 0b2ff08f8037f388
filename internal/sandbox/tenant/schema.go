package tenant

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"mime"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// A schema is the small part of JSON Schema that the Management API's request
// bodies need. Its messages have the form that Auth0's have.
type schema struct {
	kind     string // string, boolean, integer, object, array or any
	null     bool   // null will do as well
	min, max int    // characters, items or properties; max 0 is no limit
	low      int    // smallest integer
	high     int    // largest integer; 0 is no limit
	enum     []string
	pattern  *regexp.Regexp
	date     bool // an RFC 3339 date-time
	items    *schema
	props    map[string]*schema // nil on an object allows anything
	rest     *schema            // properties that props does not name; nil allows none
	required []string
}

// decode reads a JSON or form body and holds it against a schema. The second
// result refuses, if the third is false.
func (t *Tenant) decode(c *call, s *schema) (map[string]any, answer, bool) {
	body, err := readObject(c)
	if err != nil {
		return nil, t.refuse("payload_json"), false
	}
	if problem := s.check("", body); problem != "" {
		return nil, t.refuse("payload", problem), false
	}
	return body.(map[string]any), answer{}, true
}

func readObject(c *call) (any, error) {
	media, _, _ := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if media == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(c.content))
		fields := map[string]any{}
		for name := range form {
			fields[name] = form.Get(name)
		}
		return fields, err
	}
	d := json.NewDecoder(strings.NewReader(string(c.content)))
	var body any
	if err := d.Decode(&body); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one JSON value")
	}
	return body, nil
}

// check returns what is wrong with v, or nothing.
func (s *schema) check(path string, v any) string {
	if v == nil && s.null {
		return ""
	}
	if got := kindOf(v); got != s.kind && s.kind != "any" {
		return complain(path, "Expected type %s but found type %s", s.kind, got)
	}
	switch v := v.(type) {
	case string:
		return s.checkString(path, v)
	case float64:
		return s.checkInteger(path, v)
	case []any:
		return s.checkArray(path, v)
	case map[string]any:
		return s.checkObject(path, v)
	}
	return ""
}

func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		if v == math.Trunc(v) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

func complain(path, format string, args ...any) string {
	problem := "'" + fmt.Sprintf(format, args...) + "'"
	if path != "" {
		problem += " on property " + path
	}
	return problem
}

func (s *schema) checkString(path, v string) string {
	n := utf8.RuneCountInString(v)
	switch {
	case n < s.min:
		return complain(path, "String is too short (%d chars), minimum %d", n, s.min)
	case s.max > 0 && n > s.max:
		return complain(path, "String is too long (%d chars), maximum %d", n, s.max)
	case s.enum != nil && !slices.Contains(s.enum, v):
		return complain(path, "No enum match for: \"%s\"", clip(v))
	case s.pattern != nil && !s.pattern.MatchString(v):
		return complain(path, "String does not match pattern %s: %s", s.pattern, clip(v))
	case s.date && !isDate(v):
		return complain(path, "Object didn't pass validation for format date-time: %s", clip(v))
	}
	return ""
}

func isDate(s string) bool {
	_, err := time.Parse(time.RFC3339, s)
	return err == nil
}

func (s *schema) checkInteger(path string, v float64) string {
	switch {
	case v < float64(s.low):
		return complain(path, "Value %v is less than minimum %d", v, s.low)
	case s.high > 0 && v > float64(s.high):
		return complain(path, "Value %v is greater than maximum %d", v, s.high)
	}
	return ""
}

func (s *schema) checkArray(path string, v []any) string {
	switch {
	case len(v) < s.min:
		return complain(path, "Array is too short (%d), minimum %d", len(v), s.min)
	case s.max > 0 && len(v) > s.max:
		return complain(path, "Array is too long (%d), maximum %d", len(v), s.max)
	case s.items == nil:
		return ""
	}
	for i, item := range v {
		if problem := s.items.check(fmt.Sprintf("%s[%d]", path, i), item); problem != "" {
			return problem
		}
	}
	return ""
}

func (s *schema) checkObject(path string, v map[string]any) string {
	for _, name := range s.required {
		if _, there := v[name]; !there {
			return complain(path, "Missing required property: %s", name)
		}
	}
	switch {
	case len(v) < s.min:
		return complain(path, "Too few properties defined (%d), minimum %d", len(v), s.min)
	case s.max > 0 && len(v) > s.max:
		return complain(path, "Too many properties defined (%d), maximum %d", len(v), s.max)
	case s.props == nil && s.rest == nil:
		return ""
	}
	names := slices.Sorted(maps.Keys(v))
	if extra := slices.DeleteFunc(slices.Clone(names), func(n string) bool {
		return s.props[n] != nil || s.rest != nil
	}); len(extra) > 0 {
		return complain(path, "Additional properties not allowed: %s", clip(strings.Join(extra, ", ")))
	}
	for _, name := range names {
		sub := s.props[name]
		if sub == nil {
			sub = s.rest
		}
		if problem := sub.check(strings.TrimPrefix(path+"."+name, "."), v[name]); problem != "" {
			return problem
		}
	}
	return ""
}

// clip bounds how much of a body an error repeats.
func clip(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
