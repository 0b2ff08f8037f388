package cimd

import (
	"bytes"
	"encoding/json"
	"strings"
)

// A frame is an object or array that a token stream is inside of.
type frame struct {
	object       bool
	value        bool // the next token is the value of a member
	kty, private bool // names that were seen
}

// leak looks through all of a value for a private key: an object with the shape
// of a private JWK, or a string with a PEM header. It says which of the two it
// saw, or nothing, and never a part of it. It reads tokens, so neither depth nor
// a cut-off end troubles it.
func leak(raw []byte) string {
	frames := []frame{{}}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	for {
		t, err := d.Token()
		if err != nil {
			return ""
		}
		top := &frames[len(frames)-1]
		if s, ok := t.(string); ok {
			if what := top.sees(s); what != "" {
				return what
			}
			continue
		}
		switch t {
		case json.Delim('}'), json.Delim(']'):
			frames = frames[:len(frames)-1]
		case json.Delim('{'), json.Delim('['):
			top.value = false
			frames = append(frames, frame{object: t == json.Delim('{')})
		default:
			top.value = false
		}
	}
}

// sees takes the next string, which is a member's name or a value.
func (f *frame) sees(s string) string {
	if f.object && !f.value {
		f.value = true
		f.kty = f.kty || s == "kty"
		f.private = f.private || privateMember[s]
		if f.kty && f.private {
			return "a private JWK"
		}
		return ""
	}
	f.value = false
	if strings.Contains(s, "-----BEGIN ") && strings.Contains(s, "PRIVATE KEY-----") {
		return "a private key in PEM form"
	}
	return ""
}
