package cimd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"clientkeeper/internal/jsontext"
)

// A jsonKind is the type of a JSON value.
type jsonKind string

const (
	jsonString  jsonKind = "a string"
	jsonStrings jsonKind = "an array of strings"
	jsonArray   jsonKind = "an array"
	jsonObject  jsonKind = "an object"
	jsonNumber  jsonKind = "a number"
	jsonBool    jsonKind = "true or false"
	jsonNull    jsonKind = "null"
)

func kindOf(raw json.RawMessage) jsonKind {
	if len(raw) == 0 {
		return ""
	}
	switch raw[0] {
	case '"':
		return jsonString
	case '[':
		return jsonArray
	case '{':
		return jsonObject
	case 't', 'f':
		return jsonBool
	case 'n':
		return jsonNull
	}
	return jsonNumber
}

// isKind reports whether raw is of the kind; only jsonStrings looks inside.
func isKind(raw json.RawMessage, want jsonKind) bool {
	if want == jsonStrings {
		_, ok := stringsOf(raw)
		return ok
	}
	return kindOf(raw) == want
}

// An object is a JSON object whose member names are exact. encoding/json would
// match them in any case, and by Unicode folding even client_ſecret.
type object struct {
	names  []string // in document order, each once
	values map[string]json.RawMessage
	twice  []string // the names that came more than once; the last value counts
}

// readObject reads raw, which must be valid JSON, one level deep.
func readObject(raw []byte) (object, bool) {
	o := object{values: map[string]json.RawMessage{}}
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return object{}, false
	}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return object{}, false
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return object{}, false
		}
		if _, again := o.values[name]; again {
			o.twice = append(o.twice, name)
		} else {
			o.names = append(o.names, name)
		}
		o.values[name] = value
	}
	return o, true
}

// present returns the value of a member that is there and not null.
func (o object) present(name string) (json.RawMessage, bool) {
	raw, ok := o.values[name]
	return raw, ok && kindOf(raw) != jsonNull
}

// text returns the value of a member that is a string, else "".
func (o object) text(name string) string {
	s, _ := stringOf(o.values[name])
	return s
}

func stringOf(raw json.RawMessage) (string, bool) {
	var s string
	if kindOf(raw) != jsonString || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}

func arrayOf(raw json.RawMessage) ([]json.RawMessage, bool) {
	var items []json.RawMessage
	if kindOf(raw) != jsonArray || json.Unmarshal(raw, &items) != nil {
		return nil, false
	}
	return items, true
}

// stringsOf refuses null among the items, which encoding/json takes for "".
func stringsOf(raw json.RawMessage) ([]string, bool) {
	items, ok := arrayOf(raw)
	if !ok {
		return nil, false
	}
	out := make([]string, 0, len(items))
	for _, item := range items {
		s, ok := stringOf(item)
		if !ok {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

// jsonRules are the rules that a JSON text is judged by.
type jsonRules struct {
	tooLarge, bom, invalid, notObject, surrogate, depth rule
	limit                                               int
}

// readJSON reads body as one JSON object, or finds why it is none.
func (j *judge) readJSON(body []byte, r jsonRules) (object, bool) {
	switch {
	case len(body) > r.limit:
		j.find(r.tooLarge, "", "it has more than %d bytes", r.limit)
		return object{}, false
	case bytes.HasPrefix(body, []byte("\ufeff")):
		j.find(r.bom, "", "it begins with a byte order mark")
		return object{}, false
	case !utf8.Valid(body):
		j.find(r.invalid, "", "it is not UTF-8")
		return object{}, false
	case !json.Valid(body):
		j.find(r.invalid, "", "%s", whyInvalid(body))
		return object{}, false
	}
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	o, ok := readObject(trimmed)
	if !ok {
		j.find(r.notObject, "", "it is %s, not an object", kindOf(trimmed))
		return object{}, false
	}
	if at := jsontext.HalfSurrogate(body); at >= 0 {
		j.find(r.surrogate, "", "the escape at byte %d is half of a surrogate pair", at)
	}
	if n := depth(body); n > MaxDepth {
		j.find(r.depth, "", "it nests %d levels deep, more than %d", n, MaxDepth)
	}
	return o, true
}

// whyInvalid names the place, but not the text: it may be anything.
func whyInvalid(body []byte) string {
	if len(bytes.TrimSpace(body)) == 0 {
		return "it is empty"
	}
	var v json.RawMessage
	if e, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(body, &v)); ok {
		return fmt.Sprintf("it is not one JSON text: there is a mistake at byte %d of %d", e.Offset, len(body))
	}
	return "it is not one JSON text"
}

// depth is how deep valid JSON nests.
func depth(body []byte) int {
	deepest, now, inString := 0, 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}

// quoteMember is a member's name as it stands if that is plain, else quoted.
func quoteMember(name string) string {
	if len(name) <= quoted && strings.Trim(name, unreserved+"#@:/$") == "" {
		return name
	}
	return quote(name)
}
