package jsonobject

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"clientkeeper/internal/fault"
)

// A Mistake is one thing that is wrong, and where.
type Mistake struct {
	Pointer string `json:"pointer"` // RFC 6901, such as /grants/0/audience
	Detail  string `json:"detail"`
}

// Mistakes are everything that is wrong with a body, in the order of reading.
// They are the cause inside the error of [Object.Err].
type Mistakes []Mistake

func (m Mistakes) Error() string {
	var texts []string
	for _, one := range m {
		texts = append(texts, one.Pointer+" "+one.Detail)
	}
	return strings.Join(texts, "; ")
}

// maxMistakes are reported; a body with more has other problems.
const maxMistakes = 20

// reader is what all objects of a body share.
type reader struct {
	mistakes Mistakes
	objects  []*Object // below the outermost
}

// An Object is read by taking its members out. A member that is missing is
// its zero value and no mistake, unless it is required; null is a mistake.
type Object struct {
	pointer string
	members map[string]json.RawMessage
	taken   map[string]bool
	*reader
}

// Err is nil if nothing was wrong and every member of every object was taken.
// Otherwise it is [fault.Invalid], body_invalid, with [Mistakes] inside.
func (o *Object) Err() error {
	for _, one := range append([]*Object{o}, o.objects...) {
		for _, name := range slices.Sorted(maps.Keys(one.members)) {
			if !one.taken[name] {
				one.Wrong(name, "is not known here; check its spelling")
			}
		}
	}
	if len(o.mistakes) == 0 {
		return nil
	}
	return &fault.Error{Kind: fault.Invalid, Op: "jsonobject.read", Reason: "body_invalid",
		Detail: "the body is not as described: " + o.mistakes[0].Pointer + " " + o.mistakes[0].Detail,
		Next:   "correct what errors lists; GET /v1/openapi.json describes the body", Err: o.mistakes}
}

// Wrong notes a mistake about a member.
func (o *Object) Wrong(name, detail string) {
	if len(o.mistakes) < maxMistakes {
		o.mistakes = append(o.mistakes, Mistake{o.pointer + "/" + escape(name), detail})
	}
}

// escape writes a name as a token of a JSON Pointer.
func escape(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(cut(name))
}

// Has reports whether a member is there, and does not take it.
func (o *Object) Has(name string) bool { return o.members[name] != nil }

// Require notes a mistake for each member that is missing.
func (o *Object) Require(names ...string) {
	for _, name := range names {
		if !o.Has(name) {
			o.Wrong(name, "is missing")
		}
	}
}

func (o *Object) take(name string) json.RawMessage {
	if o.taken == nil {
		o.taken = map[string]bool{}
	}
	o.taken[name] = true
	return o.members[name]
}

// Text says which strings are allowed. Lengths are in characters.
type Text struct {
	Min, Max int
	Pattern  *regexp.Regexp // nil: no control characters
	Means    string         // what the pattern means, behind "is not"
}

func (r Text) wrong(s string) string {
	n := utf8.RuneCountInString(s)
	switch {
	case n < r.Min || n > r.Max:
		return fmt.Sprintf("has not %d to %d characters", r.Min, r.Max)
	case r.Pattern == nil && strings.ContainsFunc(s, unicode.IsControl):
		return "has control characters"
	case r.Pattern != nil && !r.Pattern.MatchString(s):
		return "is not " + r.Means
	}
	return ""
}

// String takes a string.
func (o *Object) String(name string, allowed Text) string {
	raw := o.take(name)
	if raw == nil {
		return ""
	}
	return o.text(name, raw, allowed)
}

func (o *Object) text(name string, raw json.RawMessage, allowed Text) string {
	var s string
	if raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		o.Wrong(name, "is not a string")
		return ""
	}
	if w := allowed.wrong(s); w != "" {
		o.Wrong(name, w)
		return ""
	}
	return s
}

// Choice takes a string that is one of options.
func (o *Object) Choice(name string, options ...string) string {
	raw := o.take(name)
	var s string
	if raw == nil {
		return ""
	}
	if raw[0] != '"' || json.Unmarshal(raw, &s) != nil || !slices.Contains(options, s) {
		o.Wrong(name, "is none of "+strings.Join(options, ", "))
		return ""
	}
	return s
}

// Integer takes a number without a fraction: 1.0 and 1e0 are 1, as JSON
// Schema has it.
func (o *Object) Integer(name string, low, high int) int {
	raw := o.take(name)
	if raw == nil {
		return 0
	}
	var n float64
	if bytes.ContainsAny(raw[:1], `"{[tfn`) || json.Unmarshal(raw, &n) != nil || n != float64(int64(n)) || n < float64(low) || n > float64(high) {
		o.Wrong(name, fmt.Sprintf("is not a whole number from %d to %d", low, high))
		return 0
	}
	return int(n)
}

// Flag takes true or false.
func (o *Object) Flag(name string) bool {
	raw := o.take(name)
	if raw != nil && string(raw) != "true" && string(raw) != "false" {
		o.Wrong(name, "is neither true nor false")
	}
	return string(raw) == "true"
}

// Object takes an object; nil if it is missing or none.
func (o *Object) Object(name string) *Object {
	raw := o.take(name)
	if raw == nil {
		return nil
	}
	return o.inner(name, name, raw)
}

// inner makes an object of raw, found at a path below o, which may be
// name/0. A mistake is noted under name.
func (o *Object) inner(name, path string, raw json.RawMessage) *Object {
	inner := &Object{pointer: o.pointer + "/" + path, reader: o.reader}
	if raw[0] != '{' || json.Unmarshal(raw, &inner.members) != nil {
		o.Wrong(name, "is not an object")
		return nil
	}
	o.objects = append(o.objects, inner)
	return inner
}

// array takes an array of at most n items.
func (o *Object) array(name string, n int) []json.RawMessage {
	raw := o.take(name)
	var items []json.RawMessage
	switch {
	case raw == nil:
	case raw[0] != '[' || json.Unmarshal(raw, &items) != nil:
		o.Wrong(name, "is not an array")
	case len(items) > n:
		o.Wrong(name, fmt.Sprintf("has more than %d items", n))
		return nil
	}
	return items
}

// Objects takes an array of at most n objects.
func (o *Object) Objects(name string, n int) []*Object {
	var out []*Object
	for i, raw := range o.array(name, n) {
		item := &Object{pointer: o.pointer + "/" + escape(name), reader: o.reader}
		if inner := item.inner(fmt.Sprint(i), fmt.Sprint(i), raw); inner != nil {
			out = append(out, inner)
		}
	}
	return out
}

// Strings takes an array of at most n strings, each once.
func (o *Object) Strings(name string, n int, allowed Text) []string {
	list := &Object{pointer: o.pointer + "/" + escape(name), reader: o.reader}
	var out []string
	for i, raw := range o.array(name, n) {
		s := list.text(fmt.Sprint(i), raw, allowed)
		if slices.Contains(out, s) {
			list.Wrong(fmt.Sprint(i), "is there already")
		}
		out = append(out, s)
	}
	return out
}

// Map takes an object of at most n strings; nil if it is missing.
func (o *Object) Map(name string, n int, key, value Text) map[string]string {
	inner := o.Object(name)
	if inner == nil {
		return nil
	}
	if len(inner.members) > n {
		o.Wrong(name, fmt.Sprintf("has more than %d members", n))
	}
	out := map[string]string{}
	for _, k := range slices.Sorted(maps.Keys(inner.members)) {
		if w := key.wrong(k); w != "" {
			inner.Wrong(k, "is a name that "+w)
		}
		out[k] = inner.String(k, value)
	}
	return out
}

// Raw takes an object as it stands, to be read elsewhere.
func (o *Object) Raw(name string) json.RawMessage {
	raw := o.take(name)
	if raw != nil && raw[0] != '{' {
		o.Wrong(name, "is not an object")
		return nil
	}
	return raw
}
