package registration_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/registration"
)

const document = "https://agents.example.com/oauth/client.json"

func schema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(registration.Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("message.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("message.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func schemaAccepts(s *jsonschema.Schema, body string) bool {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	return err == nil && s.Validate(v) == nil
}

func TestMessagesThatAreUnderstood(t *testing.T) {
	s := schema(t)
	most := strings.Repeat("ä", 256)
	mostLabels := map[string]string{most: most}
	for i := range 19 {
		mostLabels[fmt.Sprintf("l%d", i)] = ""
	}
	tests := map[string]struct {
		body string
		want registration.Request
	}{
		"a URL alone":            {document, registration.Request{Mode: "register"}},
		"a URL and a line break": {"  " + document + "\r\n", registration.Request{Mode: "register"}},
		"the least object":       {`{"external_client_id":"` + document + `"}`, registration.Request{Mode: "register"}},
		"everything": {`{"version":1,"external_client_id":"` + document + `","mode":"preview","request_id":"PLAT-1","requested_by":"Zoë","labels":{"a":"1","b":""}}`,
			registration.Request{Mode: "preview", RequestID: "PLAT-1", RequestedBy: "Zoë", Labels: map[string]string{"a": "1", "b": ""}}},
		"as much as is allowed": {`{"external_client_id":"` + document + `","request_id":"` + most + `","labels":{"` + most + `":"` + most + `",` + strings.TrimSuffix(manyLabels(19), ",") + `}}`,
			registration.Request{Mode: "register", RequestID: most, Labels: mostLabels}},
		"a version with a fraction": {`{"external_client_id":"` + document + `","version":1.0}`, registration.Request{Mode: "register"}},
		"white space around":        {"\n {\"external_client_id\" : \"" + document + "\"} \n", registration.Request{Mode: "register"}},
	}
	for name, test := range tests {
		got, err := registration.ParseRequest(test.body)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.ClientID.String() != document {
			t.Errorf("%s: client id %q", name, got.ClientID)
		}
		test.want.ClientID = got.ClientID
		if got.Mode != test.want.Mode || got.RequestID != test.want.RequestID || got.RequestedBy != test.want.RequestedBy || !cmp.Equal(got.Labels, test.want.Labels) {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
		if strings.Contains(test.body, "{") && !schemaAccepts(s, test.body) {
			t.Errorf("%s: the published schema refuses it", name)
		}
	}
}

func TestMessagesThatAreRefused(t *testing.T) {
	s := schema(t)
	object := func(members string) string { return `{"external_client_id":"` + document + `",` + members + `}` }
	long := strings.Repeat("x", 257)
	tests := map[string]struct{ body, reason string }{
		"nothing":                   {"", "message_not_json"},
		"words":                     {"please register our client", "message_not_json"},
		"a list":                    {`["` + document + `"]`, "message_not_json"},
		"a JSON string":             {`"` + document + `"`, "message_not_json"},
		"an object in a string":     {`"{\"external_client_id\":\"` + document + `\"}"`, "message_not_json"},
		"a URL in a sentence":       {"please register " + document, "message_not_json"},
		"a URL in angle brackets":   {"<" + document + ">", "message_not_json"},
		"null":                      {"null", "message_not_json"},
		"a number":                  {"7", "message_not_json"},
		"half an object":            {`{"external_client_id":"` + document, "message_not_json"},
		"an object not closed":      {`{"external_client_id":"` + document + `"`, "message_not_json"},
		"two objects":               {`{"external_client_id":"` + document + `"}{}`, "message_not_json"},
		"a byte order mark":         {"\ufeff" + `{"external_client_id":"` + document + `"}`, "message_not_json"},
		"bytes that are not UTF-8":  {object("\"request_id\":\"\xff\""), "message_not_json"},
		"no client id":              {`{"mode":"register"}`, "message_incomplete"},
		"a null client id":          {`{"external_client_id":null}`, "message_invalid"},
		"a client id twice":         {object(`"external_client_id":"https://evil.example/x"`), "message_ambiguous"},
		"another case of the name":  {`{"External_Client_ID":"` + document + `"}`, "message_invalid"},
		"a misspelt member":         {object(`"requestid":"1"`), "message_invalid"},
		"an unknown mode":           {object(`"mode":"delete"`), "message_invalid"},
		"an empty mode":             {object(`"mode":""`), "message_invalid"},
		"a mode that is no string":  {object(`"mode":1`), "message_invalid"},
		"a newer version":           {object(`"version":2`), "message_version"},
		"a version that is text":    {object(`"version":"1"`), "message_version"},
		"a long request id":         {object(`"request_id":"` + long + `"`), "message_invalid"},
		"a line break in an id":     {object(`"request_id":"a\nb"`), "message_invalid"},
		"labels that are a list":    {object(`"labels":["a"]`), "message_invalid"},
		"a label that is a number":  {object(`"labels":{"a":1}`), "message_invalid"},
		"a label twice":             {object(`"labels":{"a":"1","a":"2"}`), "message_ambiguous"},
		"too many labels":           {object(`"labels":{` + strings.TrimSuffix(manyLabels(21), ",") + `}`), "message_invalid"},
		"a null label":              {object(`"labels":{"a":null}`), "message_invalid"},
		"a long label":              {object(`"labels":{"a":"` + long + `"}`), "message_invalid"},
		"a long name of a label":    {object(`"labels":{"` + long + `":"a"}`), "message_invalid"},
		"a version of many digits":  {object(`"version":1.000000000000001`), "message_version"},
		"nearly the version":        {object(`"version":1.00000000000000000001`), "message_version"},
		"two unknown members":       {object(`"a":1,"b":2`), "message_invalid"},
		"null labels":               {object(`"labels":null`), "message_invalid"},
		"plain http":                {`{"external_client_id":"http://agents.example.com/c"}`, ""},
		"a query in the client id":  {`{"external_client_id":"` + document + `?x=1"}`, ""},
		"a URL that is no document": {"https://", "client_id_bad_host"},
		"a URL of another scheme":   {"git+ssh://agents.example.com/c", "client_id_not_https"},
		"a URL and more":            {document + " " + document, "client_id_has_white_space"},
	}
	for name, test := range tests {
		got, err := registration.ParseRequest(test.body)
		if fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: err = %v, want invalid", name, err)
			continue
		}
		if got.ClientID.String() != "" || got.Mode != "" {
			t.Errorf("%s: an error came with a value: %+v", name, got)
		}
		if test.reason != "" && fault.Reason(err) != test.reason {
			t.Errorf("%s: reason %q, want %q", name, fault.Reason(err), test.reason)
		}
		ambiguous := test.reason == "message_ambiguous" || strings.Contains(test.body, "\xff") // a schema cannot see these
		if strings.HasPrefix(test.body, "{") && !ambiguous && schemaAccepts(s, test.body) {
			t.Errorf("%s: the published schema accepts it", name)
		}
	}
	for size, want := range map[int]string{64 << 10: "message_invalid", 64<<10 + 1: "message_too_long"} {
		body := `{"labels":"` + strings.Repeat("x", size-len(`{"labels":""}`)) + `"}`
		if _, err := registration.ParseRequest(body); fault.Reason(err) != want {
			t.Errorf("a body of %d bytes: %v", size, err)
		}
	}
}

func manyLabels(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"l%d":"",`, i)
	}
	return b.String()
}

// A producer that checks against the schema can name any document.
func TestTheSchemaTakesWhatIsAClientID(t *testing.T) {
	s := schema(t)
	for url, want := range map[string]bool{
		"https://agents.example.com/@scope/client.json":  true,
		"https://agents.example.com/a/b~c;d=e,f&g+h%20i": true,
		"https://agents.example.com:8443/client.json":    true,
		"https://agents.example.com/":                    false,
		"https://agents.example.com":                     false,
		"HTTPS://agents.example.com/client.json":         false,
		"https://someone@agents.example.com/client.json": false,
		"https://agents.example.com/client.json?v=1":     false,
		"https://agents.example.com/client.json#a":       false,
		"https://agents.example.com/cli ent.json":        false,
		"https://agents.example.com/clïent.json":         false,
		"https://agents.example.com/" + long(94):         false,
		"https://agents.example.com/" + long(93):         true,
	} {
		body := `{"external_client_id":"` + url + `"}`
		_, err := registration.ParseRequest(body)
		if got := schemaAccepts(s, body); got != want || (err == nil) != want {
			t.Errorf("%s: the schema says %v, the parser %v, want %v", url, got, err, want)
		}
	}
}

func long(n int) string { return strings.Repeat("x", n) }

func TestTheSchemasExamplesAreMessages(t *testing.T) {
	var s struct{ Examples []json.RawMessage }
	if err := json.Unmarshal(registration.Schema, &s); err != nil || len(s.Examples) == 0 {
		t.Fatalf("%d examples, %v", len(s.Examples), err)
	}
	for _, example := range s.Examples {
		if _, err := registration.ParseRequest(string(example)); err != nil {
			t.Errorf("%s: %v", example, err)
		}
	}
}

// What the parser takes as an object, the published schema takes too; and what
// it understood is what a second reader finds.
func FuzzParseRequest(f *testing.F) {
	f.Add(document)
	f.Add(`{"external_client_id":"` + document + `","labels":{"a":"b"},"mode":"preview","version":1,"request_id":"r"}`)
	f.Add(`{"external_client_id":"` + document + `","External_client_id":"x"}`)
	f.Add(`{"external_client_id":"\ud800"}`)
	s := schema(f)
	f.Fuzz(func(t *testing.T, body string) {
		r, err := registration.ParseRequest(body)
		if err != nil {
			if r.ClientID.String() != "" || fault.KindOf(err) != fault.Invalid {
				t.Errorf("an error came with a value or another kind: %v, %v", r, err)
			}
			return
		}
		trimmed := strings.Trim(body, " \t\r\n")
		if !strings.HasPrefix(trimmed, "{") {
			if r.ClientID.String() != trimmed {
				t.Errorf("%q became %q", trimmed, r.ClientID)
			}
			return
		}
		var second map[string]any
		if err := json.Unmarshal([]byte(body), &second); err != nil || second["external_client_id"] != r.ClientID.String() {
			t.Errorf("a second reader finds %v, %v in %q", second["external_client_id"], err, body)
		}
		if !schemaAccepts(s, body) {
			t.Errorf("the published schema refuses %q", body)
		}
	})
}

func TestAMessageIsReadBackAsItWas(t *testing.T) {
	for _, body := range []string{
		"https://a.example/c",
		`{"external_client_id":"https://a.example/c","mode":"preview","request_id":"R-1","requested_by":"<ops> & \"co\"","labels":{"ü":"\u2028"}}`,
	} {
		r, err := registration.ParseRequest(body)
		if err != nil {
			t.Fatal(err)
		}
		again, err := registration.ParseRequest(r.Message())
		if err != nil {
			t.Fatalf("%s: %v", r.Message(), err)
		}
		if again.ClientID != r.ClientID || again.Mode != r.Mode || again.RequestID != r.RequestID || again.RequestedBy != r.RequestedBy || !maps.Equal(again.Labels, r.Labels) {
			t.Errorf("%+v came back as %+v", r, again)
		}
	}
}
