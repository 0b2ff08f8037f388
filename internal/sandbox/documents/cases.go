package documents

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
)

// A Case is one situation that a fetcher of metadata documents may meet, in the
// form of a JSON list of such situations. It holds what the web does; what the
// fetcher ought to make of it stays with whoever reads the list.
type Case struct {
	ID  string `json:"id"`
	URL string `json:"url"`
	Page
	// Routes are further URLs that answer.
	Routes map[string]Page `json:"routes"`
	// Addresses are the DNS answers by host name, AddressSeq successive ones.
	Addresses  map[string][]netip.Addr   `json:"resolve"`
	AddressSeq map[string][][]netip.Addr `json:"resolve_seq"`
	// Previous is what the URL answered at an earlier time; nil if that does
	// not matter.
	Previous *Page `json:"previous"`
}

// A Page is a [Document] in JSON.
type Page struct {
	Status     int               `json:"status"`
	Headers    map[string]values `json:"headers"`
	Body       json.RawMessage   `json:"body"`        // an object, or a string with the text
	BodyBase64 string            `json:"body_base64"` // for bytes that are not UTF-8
	Transfer   Transfer          `json:"transfer"`
	Fault      Fault             `json:"fault"`
}

// values is one field value, or a list of them for a repeated field.
type values []string

func (v *values) UnmarshalJSON(b []byte) error {
	if b[0] == '[' {
		return json.Unmarshal(b, (*[]string)(v))
	}
	*v = make(values, 1)
	return json.Unmarshal(b, &(*v)[0])
}

// ReadCases reads a JSON list. Members of a case that are not about the web are
// ignored.
func ReadCases(r io.Reader) ([]Case, error) {
	var cases []Case
	if err := json.NewDecoder(r).Decode(&cases); err != nil {
		return nil, fmt.Errorf("documents: reading cases: %w", err)
	}
	return cases, nil
}

// Serve makes the host be as in the case. What it served before stays, so call
// [Host.Reset] first. A case that never comes to an answer puts no document.
func (h *Host) Serve(c Case) error {
	for host, addrs := range c.Addresses {
		h.SetAddresses(host, addrs)
	}
	for host, answers := range c.AddressSeq {
		h.SetAddresses(host, answers...)
	}
	for url, page := range c.Routes {
		if err := h.PutPage(url, page); err != nil {
			return err
		}
	}
	if c.Status == 0 && c.Fault == "" {
		return nil
	}
	return h.PutPage(c.URL, c.Page)
}

// PutPage is Put for a document in JSON.
func (h *Host) PutPage(url string, p Page) error {
	d, err := p.Document()
	if err != nil {
		return fmt.Errorf("documents: %s: %w", url, err)
	}
	return h.Put(url, d)
}

// Document is the page with its body as bytes: an object in compact JSON, a
// string as its UTF-8.
func (p Page) Document() (Document, error) {
	d := Document{Status: p.Status, Transfer: p.Transfer, Fault: p.Fault, Headers: make(http.Header)}
	for name, v := range p.Headers {
		d.Headers[name] = v
	}
	var err error
	d.Body, err = p.bytes()
	return d, err
}

func (p Page) bytes() ([]byte, error) {
	switch {
	case p.BodyBase64 != "":
		return base64.StdEncoding.DecodeString(p.BodyBase64)
	case len(p.Body) == 0:
		return nil, nil
	case p.Body[0] == '"':
		var text string
		err := json.Unmarshal(p.Body, &text)
		return []byte(text), err
	}
	var b bytes.Buffer
	err := json.Compact(&b, p.Body)
	return b.Bytes(), err
}
