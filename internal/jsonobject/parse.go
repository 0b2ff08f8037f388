// Package jsonobject reads a JSON object that a stranger wrote, so that no two
// readers of it can disagree, and says everything that is wrong with it at
// once, each mistake with its place.
//
// encoding/json takes the last of several equal members, matches names in any
// case, replaces what is not Unicode, and passes over what nobody asked for.
// Here all of that is a mistake (RFC 8259, section 4, on names that are not
// unique, and 8.2, on half surrogate pairs; RFC 7493, I-JSON).
//
// [Parse] reads, the methods of [Object] take members out one by one, and
// [Object.Err] reports what was wrong with them and what nobody took. No text
// of a value is ever part of a mistake: it may be a secret in the wrong place.
package jsonobject

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/jsontext"
)

// MaxDepth is how deep objects and arrays may nest, the outermost included.
const MaxDepth = 8

// Parse reads body, which must be one JSON object and nothing else. The error
// is [fault.Invalid]: json_invalid, json_ambiguous for a name that comes twice
// in one object, or json_too_deep.
func Parse(body []byte) (*Object, error) {
	if err := check(body); err != nil {
		return nil, err
	}
	members := map[string]json.RawMessage{}
	if json.Unmarshal(body, &members) != nil || members == nil {
		return nil, invalid("json_invalid", "the body is not a JSON object")
	}
	return &Object{members: members, reader: &reader{}}, nil
}

func invalid(reason, detail string) error {
	return &fault.Error{Kind: fault.Invalid, Op: "jsonobject.parse", Reason: reason, Detail: detail, Next: "send one JSON object in UTF-8, with every member once"}
}

func check(body []byte) error {
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return invalid("json_invalid", "the body is empty")
	case bytes.HasPrefix(body, []byte("\ufeff")):
		return invalid("json_invalid", "the body begins with a byte order mark")
	// A gateway that hands on a body as text has to put U+FFFD in the place of
	// what was not UTF-8: then nobody knows any more what was sent.
	case bytes.ContainsRune(body, utf8.RuneError):
		return invalid("json_invalid", "the body is not UTF-8, or holds U+FFFD in the place of what was not")
	}
	var whole json.RawMessage
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(&whole); err != nil {
		return invalid("json_invalid", fmt.Sprintf("the body is not JSON: it breaks off or goes wrong after byte %d", d.InputOffset()))
	}
	if _, err := d.Token(); err != io.EOF {
		return invalid("json_invalid", "something follows the JSON text")
	}
	if at := jsontext.HalfSurrogate(body); at >= 0 {
		return invalid("json_invalid", fmt.Sprintf("the escape at byte %d is half of a surrogate pair", at))
	}
	return walk(body)
}

// walk looks at every object for names that come twice, and at the depth.
func walk(body []byte) error {
	type frame struct {
		names map[string]bool // nil for an array
		value bool            // the next token is a member's value
	}
	var frames []frame
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	for {
		t, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return invalid("json_invalid", "the body is not JSON")
		}
		if n := len(frames); n > 0 && frames[n-1].names != nil && t != json.Delim('}') {
			top := &frames[n-1]
			if !top.value {
				name, _ := t.(string)
				if top.names[name] {
					return invalid("json_ambiguous", "the member "+quoted(name)+" is there twice in one object")
				}
				top.names[name], top.value = true, true
				continue
			}
			top.value = false
		}
		switch t {
		case json.Delim('{'):
			frames = append(frames, frame{names: map[string]bool{}})
		case json.Delim('['):
			frames = append(frames, frame{})
		case json.Delim('}'), json.Delim(']'):
			frames = frames[:len(frames)-1]
		}
		if len(frames) > MaxDepth {
			return invalid("json_too_deep", fmt.Sprintf("the body nests more than %d levels deep", MaxDepth))
		}
	}
}

// quoted shows a member's name, which is a stranger's text.
func quoted(name string) string { return strconv.QuoteToASCII(cut(name)) }

// cut is the beginning of a name, enough to find it by.
func cut(name string) string {
	const longest = 40
	if len(name) > longest {
		return strings.ToValidUTF8(name[:longest], "") + "..."
	}
	return name
}
