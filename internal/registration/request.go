package registration

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"clientkeeper/internal/cimd"
	"clientkeeper/internal/fault"
)

// Schema is the JSON Schema (draft 2020-12) of a message on the registrations
// queue, for producers to check against. It is the contract: what it accepts,
// [ParseRequest] accepts, but for rules of the URL that a schema cannot say.
//
//go:embed message.schema.json
var Schema []byte

// SchemaVersion is the version of the message that [ParseRequest] reads. A
// message without a version is of version 1.
const SchemaVersion = 1

const (
	maxBody   = 64 << 10 // bytes of a message body
	maxText   = 256      // characters of request_id, requested_by, and of a label's name or value
	maxLabels = 20
)

// A Mode says what a request is for.
type Mode string

// The modes. The empty Mode is not valid; ParseRequest fills in Register.
const (
	Register Mode = "register" // create the client or bring it up to date
	Preview  Mode = "preview"  // ask for the tenant's verdict, change nothing
)

// A Request names a client to bring into the tenant.
type Request struct {
	ClientID    cimd.ClientID
	Mode        Mode
	RequestID   string            // the requester's own id; may be empty
	RequestedBy string            // who asked; may be empty
	Labels      map[string]string // free form; may be nil
}

// Key is equal for requests of which one makes the other superfluous.
func (r Request) Key() string { return string(r.Mode) + " " + r.ClientID.String() }

// Message is the request as a message body, which [ParseRequest] reads back.
func (r Request) Message() string {
	text, err := json.Marshal(struct {
		Version     int               `json:"version"`
		ClientID    string            `json:"external_client_id"`
		Mode        Mode              `json:"mode"`
		RequestID   string            `json:"request_id,omitempty"`
		RequestedBy string            `json:"requested_by,omitempty"`
		Labels      map[string]string `json:"labels,omitempty"`
	}{SchemaVersion, r.ClientID.String(), r.Mode, r.RequestID, r.RequestedBy, r.Labels})
	if err != nil { // strings alone cannot fail
		panic(err)
	}
	return string(text)
}

// ParseRequest reads a message body: either a JSON object as [Schema]
// describes it, or just a metadata document's URL. Every error is
// [fault.Invalid], and comes with the zero Request.
func ParseRequest(body string) (Request, error) {
	trimmed := strings.Trim(body, " \t\r\n")
	switch {
	case len(body) > maxBody:
		return Request{}, invalid("message_too_long", fmt.Sprintf("the body has %d bytes, more than %d", len(body), maxBody), "shorten the message")
	case strings.HasPrefix(trimmed, "{"):
		return parseObject(trimmed)
	case hasScheme(trimmed):
		id, err := cimd.ParseClientID(trimmed)
		if err != nil {
			return Request{}, err
		}
		return Request{ClientID: id, Mode: Register}, nil
	}
	return Request{}, invalid("message_not_json", "the body is neither a JSON object nor an https URL",
		`send {"external_client_id": "https://..."} or the URL alone, without quotes, brackets or a byte order mark around it`)
}

// hasScheme reports whether s begins as a URL of any scheme does (RFC 3986
// section 3.1). A list, a JSON string or a sentence that holds a URL does not,
// and advice about the characters of a URL would lead its sender astray.
func hasScheme(s string) bool {
	scheme, _, ok := strings.Cut(s, "://")
	return ok && scheme != "" && !strings.ContainsFunc(scheme, func(r rune) bool {
		return r >= utf8.RuneSelf || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("+-.", r)
	})
}

func invalid(reason, detail, next string) error {
	return &fault.Error{Kind: fault.Invalid, Op: "registration.parse", Reason: reason, Detail: detail, Next: next}
}

func parseObject(body string) (Request, error) {
	members, err := readObject(body)
	if err != nil {
		return Request{}, err
	}
	p := parser{members: members}
	p.version()
	r := Request{
		Mode:        p.mode(),
		RequestID:   p.text("request_id"),
		RequestedBy: p.text("requested_by"),
		Labels:      p.labels(),
	}
	raw, ok := p.str("external_client_id")
	p.rest()
	if !ok {
		p.fail("message_incomplete", "external_client_id is missing", "name the metadata document's URL in it")
	}
	if p.err == nil {
		r.ClientID, p.err = cimd.ParseClientID(raw)
	}
	if p.err != nil {
		return Request{}, p.err
	}
	return r, nil
}

// readObject reads one JSON object with exact member names. The standard
// decoder matches names without regard to case and lets the last of several
// equal ones win, either of which lets two readers of a message disagree.
func readObject(body string) (map[string]json.RawMessage, error) {
	notJSON := func(what string) error {
		return invalid("message_not_json", what, "send one JSON object")
	}
	if !utf8.ValidString(body) {
		return nil, notJSON("the body is not UTF-8")
	}
	d := json.NewDecoder(strings.NewReader(body))
	if _, err := d.Token(); err != nil {
		return nil, notJSON("the body is not a JSON object")
	}
	members := map[string]json.RawMessage{}
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err == nil {
			err = d.Decode(&value)
		}
		if err != nil {
			return nil, notJSON(fmt.Sprintf("the body is not a JSON object: it breaks off or goes wrong at byte %d", d.InputOffset()))
		}
		if _, twice := members[name.(string)]; twice {
			return nil, invalid("message_ambiguous", quoted(name.(string))+" is there twice", "name every member once")
		}
		members[name.(string)] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, notJSON("the body is a JSON object that is not closed")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, notJSON("something follows the JSON object")
	}
	return members, nil
}

// quoted shows a stranger's text, cut to a length that fits a sentence.
func quoted(s string) string {
	if len(s) > 40 {
		s = strings.ToValidUTF8(s[:40], "") + "..."
	}
	return strconv.QuoteToASCII(s)
}

// parser takes members out one by one and keeps the first mistake.
type parser struct {
	members map[string]json.RawMessage
	err     error
}

func (p *parser) fail(reason, detail, next string) {
	if p.err == nil {
		p.err = invalid(reason, detail, next)
	}
}

func (p *parser) take(name string) (json.RawMessage, bool) {
	raw, ok := p.members[name]
	delete(p.members, name)
	return raw, ok
}

func (p *parser) str(name string) (string, bool) {
	raw, ok := p.take(name)
	if !ok {
		return "", false
	}
	s, ok := decodeString(raw)
	if !ok {
		p.fail("message_invalid", name+" is not a string", "make it one")
	}
	return s, true
}

func decodeString(raw json.RawMessage) (string, bool) {
	var s string
	ok := bytes.HasPrefix(raw, []byte(`"`)) && json.Unmarshal(raw, &s) == nil
	return s, ok
}

// text is an optional short string without control characters, so that it is
// fit for a header, a log line and a message attribute.
func (p *parser) text(name string) string {
	s, _ := p.str(name)
	if utf8.RuneCountInString(s) > maxText || strings.ContainsFunc(s, unicode.IsControl) {
		p.fail("message_invalid", fmt.Sprintf("%s has more than %d characters, or control characters", name, maxText), "shorten it")
	}
	return s
}

func (p *parser) version() {
	raw, ok := p.take("version")
	if !ok {
		return
	}
	// JSON knows no integers: 1.0 is 1, to the schema too. A longer text could
	// be so close to 1 that the difference is lost.
	var v float64
	if len(raw) > 16 || json.Unmarshal(raw, &v) != nil || v != SchemaVersion {
		p.fail("message_version", fmt.Sprintf("version is not %d, the one that is understood here", SchemaVersion),
			"send that version, or deploy a release that reads the newer one")
	}
}

func (p *parser) mode() Mode {
	s, ok := p.str("mode")
	switch m := Mode(s); {
	case !ok:
		return Register
	case m == Register, m == Preview:
		return m
	}
	p.fail("message_invalid", "mode is neither register nor preview", "use one of them, or leave it out")
	return ""
}

func (p *parser) labels() map[string]string {
	raw, ok := p.take("labels")
	if !ok {
		return nil
	}
	if !bytes.HasPrefix(raw, []byte("{")) {
		p.fail("message_invalid", "labels is not an object", "make it one")
		return nil
	}
	labels, err := readObject(string(raw))
	if p.err == nil {
		p.err = err
	}
	if len(labels) > maxLabels {
		p.fail("message_invalid", fmt.Sprintf("there are more than %d labels", maxLabels), "leave some out")
	}
	out := make(map[string]string, len(labels))
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		value, ok := decodeString(labels[name])
		if !ok || utf8.RuneCountInString(name) > maxText || utf8.RuneCountInString(value) > maxText {
			p.fail("message_invalid", fmt.Sprintf("label %s is not a string of at most %d characters", quoted(name), maxText), "make it one")
		}
		out[name] = value
	}
	return out
}

// rest refuses what nobody took: a misspelt member must not be ignored.
func (p *parser) rest() {
	for _, name := range slices.Sorted(maps.Keys(p.members)) {
		p.fail("message_invalid", "the member "+quoted(name)+" is not known", "check its spelling; free-form text belongs in labels")
	}
}
