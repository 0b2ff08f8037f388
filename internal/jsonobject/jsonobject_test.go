package jsonobject_test

import (
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/jsonobject"
)

func TestParse(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	for name, test := range map[string]struct{ body, want string }{
		"an object":                     {`{"a":1}`, ""},
		"space around":                  {" \r\n\t{} \n", ""},
		"nothing":                       {"", "json_invalid"},
		"space alone":                   {" \n", "json_invalid"},
		"a byte order mark":             {"\ufeff{}", "json_invalid"},
		"not UTF-8":                     {"{\"a\":\"\xff\"}", "json_invalid"},
		"what was not UTF-8":            {"{\"a\":\"\ufffd\"}", "json_invalid"},
		"overlong UTF-8":                {"{\"a\":\"\xc0\xaf\"}", "json_invalid"},
		"UTF-16":                        {"{\x00}\x00", "json_invalid"},
		"cut off":                       {`{"a":`, "json_invalid"},
		"two objects":                   {`{}{}`, "json_invalid"},
		"a word behind":                 {`{} x`, "json_invalid"},
		"an array":                      {`[]`, "json_invalid"},
		"null":                          {`null`, "json_invalid"},
		"a string":                      {`"{}"`, "json_invalid"},
		"a number":                      {`1`, "json_invalid"},
		"single quotes":                 {`{'a':1}`, "json_invalid"},
		"a comment":                     {`{} // x`, "json_invalid"},
		"a trailing comma":              {`{"a":1,}`, "json_invalid"},
		"NaN":                           {`{"a":NaN}`, "json_invalid"},
		"a leading zero":                {`{"a":01}`, "json_invalid"},
		"a line break in a string":      {"{\"a\":\"\n\"}", "json_invalid"},
		"half a surrogate pair":         {`{"a":"\ud800"}`, "json_invalid"},
		"the other half":                {`{"a":"\udc00"}`, "json_invalid"},
		"a whole surrogate pair":        {`{"a":"\ud83d\ude00"}`, ""},
		"an escaped backslash":          {`{"a":"\\ud800"}`, ""},
		"a member twice":                {`{"a":1,"a":1}`, "json_ambiguous"},
		"a member twice, escaped once":  {`{"a":1,"\u0061":1}`, "json_ambiguous"},
		"a member twice, deep":          {`{"x":[{"a":{"b":1,"b":2}}]}`, "json_ambiguous"},
		"a name that is also a value":   {`{"a":"a","b":["a","a"]}`, ""},
		"the same name side by side":    {`{"x":[{"a":1},{"a":1}]}`, ""},
		"a member twice after an array": {`{"x":[],"a":1,"a":2}`, "json_ambiguous"},
		"many arrays side by side":      {`{"x":[` + strings.Repeat("[],", 20) + `[]]}`, ""},
		"as deep as allowed":            {deep(8), ""},
		"too deep":                      {deep(9), "json_too_deep"},
		"far too deep":                  {strings.Repeat("[", 20000), "json_invalid"},
		"far too deep and closed":       {strings.Repeat("[", 9000) + strings.Repeat("]", 9000), "json_too_deep"},
	} {
		_, err := jsonobject.Parse([]byte(test.body))
		if got := fault.Reason(err); err == nil && test.want != "" || err != nil && got != test.want {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
		if err != nil && fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v is not invalid", name, err)
		}
	}
}

var short = jsonobject.Text{Min: 1, Max: 4}
var letters = jsonobject.Text{Max: 9, Pattern: regexp.MustCompile(`^[a-z]*$`), Means: "lower-case letters"}

// read takes one member of every kind.
func read(o *jsonobject.Object) (got map[string]any) {
	got = map[string]any{
		"string": o.String("string", short), "choice": o.Choice("choice", "one", "two"), "integer": o.Integer("integer", -1, 10),
		"flag": o.Flag("flag"), "strings": o.Strings("strings", 2, letters), "map": o.Map("map", 2, letters, short),
		"raw": string(o.Raw("raw")),
	}
	if inner := o.Object("object"); inner != nil {
		got["object"] = inner.String("string", short)
	}
	for _, item := range o.Objects("objects", 2) {
		got["objects"] = item.Integer("integer", 0, 5)
	}
	return got
}

func TestEveryKindOfMember(t *testing.T) {
	o, err := jsonobject.Parse([]byte(`{"string":"äöüß","choice":"two","integer":1.0e1,"flag":true,"strings":["a","b"],
		"map":{"k":"v"},"raw":{"x":[1]},"object":{"string":"x"},"objects":[{"integer":5}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"string": "äöüß", "choice": "two", "integer": 10, "flag": true, "strings": []string{"a", "b"},
		"map": map[string]string{"k": "v"}, "raw": `{"x":[1]}`, "object": "x", "objects": 5}
	if diff := cmp.Diff(want, read(o)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := o.Err(); err != nil {
		t.Error(err)
	}
	for body, want := range map[string]map[string]any{
		`{}`: {},
		`{"flag":false,"integer":-1,"map":{"a":"1","b":"2"}}`: {"integer": -1, "map": map[string]string{"a": "1", "b": "2"}},
	} {
		o, _ = jsonobject.Parse([]byte(body))
		all := map[string]any{"string": "", "choice": "", "integer": 0, "flag": false, "strings": []string(nil), "map": map[string]string(nil), "raw": ""}
		maps.Copy(all, want)
		if diff := cmp.Diff(all, read(o)); diff != "" || o.Err() != nil {
			t.Errorf("%s: %v (-want +got)\n%s", body, o.Err(), diff)
		}
	}
}

func TestMistakesHaveTheirPlaceAndNoText(t *testing.T) {
	const canary = "canary"
	for body, want := range map[string]string{
		`{"string":1}`:                          "/string is not a string",
		`{"string":null}`:                       "/string is not a string",
		`{"string":""}`:                         "/string has not 1 to 4 characters",
		`{"string":"canary"}`:                   "/string has not 1 to 4 characters",
		`{"string":"a\u0007"}`:                  "/string has control characters",
		`{"string":"a\u0085"}`:                  "/string has control characters",
		`{"choice":"canary"}`:                   "/choice is none of one, two",
		`{"choice":1}`:                          "/choice is none of one, two",
		`{"integer":1.5}`:                       "/integer is not a whole number from -1 to 10",
		`{"integer":"1"}`:                       "/integer is not a whole number from -1 to 10",
		`{"integer":11}`:                        "/integer is not a whole number from -1 to 10",
		`{"integer":1e400}`:                     "/integer is not a whole number from -1 to 10",
		`{"integer":1e300}`:                     "/integer is not a whole number from -1 to 10",
		`{"integer":-2}`:                        "/integer is not a whole number from -1 to 10",
		`{"integer":null}`:                      "/integer is not a whole number from -1 to 10",
		`{"flag":"true"}`:                       "/flag is neither true nor false",
		`{"flag":null}`:                         "/flag is neither true nor false",
		`{"flag":1}`:                            "/flag is neither true nor false",
		`{"strings":{}}`:                        "/strings is not an array",
		`{"strings":null}`:                      "/strings is not an array",
		`{"strings":["a","canary1"]}`:           "/strings/1 is not lower-case letters",
		`{"strings":["a","a"]}`:                 "/strings/1 is there already",
		`{"strings":["a","b","c"]}`:             "/strings has more than 2 items",
		`{"strings":[null]}`:                    "/strings/0 is not a string",
		`{"map":[]}`:                            "/map is not an object",
		`{"map":{"k":1}}`:                       "/map/k is not a string",
		`{"map":{"K":"v"}}`:                     "/map/K is a name that is not lower-case letters",
		`{"map":{"a":"v","b":"v","c":"v"}}`:     "/map has more than 2 members",
		`{"raw":[]}`:                            "/raw is not an object",
		`{"object":null}`:                       "/object is not an object",
		`{"object":{"string":7}}`:               "/object/string is not a string",
		`{"object":{"more":7}}`:                 "/object/more is not known here; check its spelling",
		`{"objects":[{"integer":6}]}`:           "/objects/0/integer is not a whole number from 0 to 5",
		`{"objects":[7]}`:                       "/objects/0 is not an object",
		`{"objects":[{},{"x":1}]}`:              "/objects/1/x is not known here; check its spelling",
		`{"String":"a"}`:                        "/String is not known here; check its spelling",
		`{"ſtring":"a"}`:                        "/ſtring is not known here; check its spelling",
		`{"a/b~c":1}`:                           "/a~1b~0c is not known here; check its spelling",
		`{"` + strings.Repeat("x", 41) + `":1}`: "/" + strings.Repeat("x", 40) + "... is not known here; check its spelling",
		`{"string":1,"flag":2,"unknown":""}`:    "/string is not a string; /flag is neither true nor false; /unknown is not known here; check its spelling",
	} {
		o, err := jsonobject.Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		read(o)
		err = o.Err()
		mistakes, _ := errors.AsType[jsonobject.Mistakes](err)
		if fault.Reason(err) != "body_invalid" || mistakes.Error() != want {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the error repeats a value: %v", body, err)
		}
	}
}

func TestRequireAndManyMistakes(t *testing.T) {
	o, _ := jsonobject.Parse([]byte(`{"a":1}`))
	o.Flag("a")
	o.Require("a", "b")
	if err := o.Err(); !strings.Contains(err.Error(), "/b is missing") || strings.Contains(err.Error(), "/a is missing") {
		t.Error(err)
	}
	members := map[string]int{}
	for i := range 100 {
		members[strings.Repeat("x", i+1)] = i
	}
	text, _ := json.Marshal(members)
	o, _ = jsonobject.Parse(text)
	if err := o.Err(); len(err.Error()) > 5000 {
		t.Errorf("%d bytes of error", len(err.Error()))
	}
}

// What is accepted is read by encoding/json in the same way, and an error comes
// with no object.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"string":"a","objects":[{"integer":1}]}`, `{"a":"\ud800"}`, `{"a":1,"a":2}`, "\xff", `{"integer":1e5}`, strings.Repeat("[", 100)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := jsonobject.Parse(body)
		if err != nil {
			if o != nil || fault.KindOf(err) != fault.Invalid {
				t.Errorf("%v came with %v", err, o)
			}
			return
		}
		var plain map[string]any
		if err := json.Unmarshal(body, &plain); err != nil {
			t.Fatalf("encoding/json does not read it: %v", err)
		}
		got := read(o)
		if o.Err() != nil {
			return
		}
		if s, ok := plain["string"]; ok && s != got["string"] {
			t.Errorf("read %q, encoding/json %q", got["string"], s)
		}
		if n, ok := plain["integer"].(float64); ok && n != float64(got["integer"].(int)) {
			t.Errorf("read %v, encoding/json %v", got["integer"], n)
		}
	})
}
