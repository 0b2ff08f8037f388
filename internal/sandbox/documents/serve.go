package documents

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ServeHTTP answers for the URL that the Host field and the request target make.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.begin() {
		return
	}
	defer h.serving.Done()

	key := requestKey(r.Host, r.RequestURI)
	h.mu.Lock()
	d, found := h.pages[key]
	h.mu.Unlock()
	switch {
	case !found:
		d = Document{Status: http.StatusNotFound}
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		d = Document{Status: http.StatusMethodNotAllowed, Headers: http.Header{"Allow": {"GET, HEAD"}}}
	case notModified(r, d):
		d = withoutBody(d)
	}
	h.note(r, key, d)
	if d.Fault != "" && !d.Fault.ofHost() {
		h.misbehave(w, d)
		return
	}
	respond(w, d)
}

// begin counts a handler in, unless the host is closing.
func (h *Host) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.serving.Add(1)
	}
	return !h.closed
}

func (h *Host) note(r *http.Request, key string, d Document) {
	e := Entry{
		At: time.Now(), Method: r.Method, URL: key, Status: d.status(), Fault: d.Fault, UserAgent: r.UserAgent(),
		Conditional: r.Header.Get("If-None-Match") != "" || r.Header.Get("If-Modified-Since") != "",
	}
	if d.Fault != "" {
		e.Status = 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.journal.record(e)
}

// notModified is RFC 9110 section 13.2.2 for a client that reads.
func notModified(r *http.Request, d Document) bool {
	if d.status() != http.StatusOK || d.Fault != "" {
		return false
	}
	if asked := r.Header.Get("If-None-Match"); asked != "" {
		return matches(asked, d.Headers.Get("ETag"))
	}
	since, err := http.ParseTime(r.Header.Get("If-Modified-Since"))
	if err != nil {
		return false
	}
	modified, err := http.ParseTime(d.Headers.Get("Last-Modified"))
	return err == nil && !modified.After(since)
}

// matches compares a list of entity tags weakly (section 8.8.3.2). Tags with a
// comma inside are not understood.
func matches(list, etag string) bool {
	if etag == "" {
		return false
	}
	for tag := range strings.SplitSeq(list, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == strings.TrimPrefix(etag, "W/") {
			return true
		}
	}
	return false
}

func withoutBody(d Document) Document {
	headers := d.Headers.Clone()
	headers.Del("Content-Type")
	headers.Del("Content-Length")
	return Document{Status: http.StatusNotModified, Headers: headers}
}

// respond sends an ordinary answer.
func respond(w http.ResponseWriter, d Document) {
	if d.Transfer == DeclaredLength {
		sendRaw(w, d)
		return
	}
	if d.Transfer == EarlyHints {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
	}
	header := w.Header()
	header["Content-Type"] = nil // no guessing; d.Headers may set it
	maps.Copy(header, d.Headers.Clone())
	if d.Transfer != Chunked && hasBody(d.status()) {
		header.Set("Content-Length", strconv.Itoa(len(d.Body)))
	}
	w.WriteHeader(d.status())
	if d.Transfer == Chunked {
		_ = http.NewResponseController(w).Flush()
	}
	_, _ = w.Write(d.Body) // the client may hang up, or the status have no body
}

func hasBody(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// sendRaw sends the Content-Length as it is, which net/http would correct.
func sendRaw(w http.ResponseWriter, d Document) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, rawHeader(d))
	_, _ = c.Write(d.Body)
}

func rawHeader(d Document) string {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", d.status(), http.StatusText(d.status()))
	_ = d.Headers.Write(&b)
	b.WriteString("Connection: close\r\n\r\n")
	return b.String()
}
