package documents

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// misbehave lets a fault of HTTP befall a request. It ends when the fault is
// done, the client has gone, or the host is closed.
func (h *Host) misbehave(w http.ResponseWriter, d Document) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	head := rawHeader(declared(d))
	half := string(d.Body[:len(d.Body)/2])
	switch d.Fault {
	case Reset:
		reset(c)
	case ResetMidBody:
		_, _ = io.WriteString(c, head+half)
		reset(c)
	case Truncated:
		_, _ = io.WriteString(c, head+half)
	case StallHeaders:
		h.waitForHangup(c)
	case SlowHeaders:
		h.dripBytes(c, head+string(d.Body), d.drip())
	case SlowBody:
		_, _ = io.WriteString(c, head)
		h.dripBytes(c, string(d.Body), d.drip())
	case HugeHeaders:
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX-Padding: "+strings.Repeat("a", 1<<20)+"\r\n\r\n")
	case MalformedHTTP:
		_, _ = io.WriteString(c, "HTTP/1.1 banana\r\n\r\n")
	case HTTP09:
		_, _ = c.Write(append([]byte("a page without a header\r\n"), d.Body...))
	}
}

// declared is d with the length of its body in the header.
func declared(d Document) Document {
	d.Headers = d.Headers.Clone()
	d.Headers.Set("Content-Length", strconv.Itoa(max(len(d.Body), 1)))
	return d
}

// reset ends a TLS connection below TLS.
func reset(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		if raw, ok := t.NetConn().(*conn); ok {
			raw.reset()
		}
	}
}

// waitForHangup keeps the connection open and silent.
func (h *Host) waitForHangup(c net.Conn) {
	stop := h.endWith(c)
	defer stop()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_, _ = io.Copy(io.Discard, c)
}

// dripBytes sends text byte by byte, then holds the connection.
func (h *Host) dripBytes(c net.Conn, text string, every time.Duration) {
	stop := h.endWith(c)
	defer stop()
	end := time.Now().Add(patience)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for _, b := range []byte(text) {
		if _, err := c.Write([]byte{b}); err != nil || time.Now().After(end) {
			return
		}
		select {
		case <-tick.C:
		case <-h.ctx.Done():
			return
		}
	}
}

// endWith ends the reads and writes of c when the host closes.
func (h *Host) endWith(c net.Conn) (stop func() bool) {
	return context.AfterFunc(h.ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
}
