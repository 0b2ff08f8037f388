package safehttp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"

	"clientkeeper/internal/fault"
)

// exchange sends the one request of a connection and reads its answer.
func (c *Client) exchange(ctx context.Context, conn net.Conn, to target, r Request) (*Response, error) {
	secured, err := c.secure(ctx, conn, to)
	if err != nil {
		return nil, err
	}
	req := c.request(to, r)
	// A server may answer before it has read everything, and hang up: what it
	// answered tells more than that the rest could not be written.
	_ = req.Write(secured)

	in := &wire{r: secured, left: c.c.MaxHeaderBytes}
	resp, err := readHead(in, req)
	if err != nil {
		return nil, in.explain(ctx, "waiting for the answer", err)
	}
	defer func() { _ = resp.Body.Close() }()
	return c.read(ctx, in, resp, r)
}

func (c *Client) request(to target, r Request) *http.Request {
	h := http.Header{
		"User-Agent": {c.c.UserAgent},
		"Accept":     {"application/json, application/*+json;q=0.9"},
		// Without this field a server may choose any coding (RFC 9110 section
		// 12.5.3), and then the cap on bytes would be a cap on something else.
		"Accept-Encoding": {"identity"},
	}
	if r.AnyType {
		h.Set("Accept", "*/*")
	}
	r.Stored.condition(h)
	return &http.Request{
		Method: http.MethodGet, URL: to.url, Host: to.url.Host,
		ProtoMajor: 1, ProtoMinor: 1, Header: h, Close: true,
	}
}

// readHead reads up to the header of the final answer. Interim answers such as
// 103 Early Hints are passed over; a few are plenty.
func readHead(in *wire, req *http.Request) (*http.Response, error) {
	const interim = 5
	br := bufio.NewReader(in)
	for range interim {
		resp, err := http.ReadResponse(br, req)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			in.left = noLimit // what is left is body, with a limit of its own
			return resp, nil
		}
	}
	return nil, errHeaderTooLarge
}

// read judges the header and takes the body.
func (c *Client) read(ctx context.Context, in *wire, resp *http.Response, r Request) (*Response, error) {
	now := c.c.Now()
	if resp.StatusCode == http.StatusNotModified && r.Stored.conditional() {
		out := &Response{NotModified: true, Stored: r.Stored.refresh(resp.Header, now)}
		out.FreshFor = out.Stored.freshFor(age(resp.Header, now), c.c.MinFresh, c.c.MaxFresh)
		return out, nil
	}
	if resp.StatusCode != http.StatusOK {
		return nil, failStatus(resp, now)
	}
	warnings, err := judgeHeader(resp.Header, r.AnyType)
	if err != nil {
		return nil, err
	}
	limit := c.c.MaxBytes
	if r.MaxBytes > 0 {
		limit = r.MaxBytes
	}
	body, err := readBody(ctx, in, resp, limit)
	if err != nil {
		return nil, err
	}
	out := &Response{Body: body, Stored: store(resp.Header, now), Warnings: warnings}
	out.FreshFor = out.Stored.freshFor(age(resp.Header, now), c.c.MinFresh, c.c.MaxFresh)
	return out, nil
}

func readBody(ctx context.Context, in *wire, resp *http.Response, limit int64) ([]byte, error) {
	tooLarge := fail(fault.Invalid, ReasonTooLarge, "the body is longer than "+strconv.FormatInt(limit, 10)+" bytes")
	if resp.ContentLength > limit {
		return nil, tooLarge
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case int64(len(body)) > limit:
		return nil, tooLarge
	case err != nil:
		return nil, in.explain(ctx, "reading the body", err)
	}
	return body, nil
}

var errHeaderTooLarge = errors.New("more header than is read")

const noLimit = -1

// A wire reads from a connection and remembers what the parser above it forgets
// to say: whether it was the connection that failed, and whether the answer
// looked like HTTP at all.
type wire struct {
	r     io.Reader
	left  int64 // bytes that may still be read; noLimit means all
	begin []byte
	err   error
}

var httpBegins = []byte("HTTP/")

func (w *wire) Read(p []byte) (int, error) {
	if w.left == 0 {
		return 0, errHeaderTooLarge
	}
	if w.left > 0 && int64(len(p)) > w.left {
		p = p[:w.left]
	}
	n, err := w.r.Read(p)
	if w.left > 0 {
		w.left -= int64(n)
	}
	if missing := len(httpBegins) - len(w.begin); missing > 0 {
		w.begin = append(w.begin, p[:min(n, missing)]...)
	}
	if err != nil {
		w.err = err
	}
	return n, err
}

// explain turns the failure of a read into a verdict. An answer that begins as
// HTTP and is broken may be the moment of a deployment; one that does not is
// another service.
func (w *wire) explain(ctx context.Context, doing string, err error) *fault.Error {
	foreign := len(w.begin) > 0 && !bytes.HasPrefix(httpBegins, w.begin[:min(len(w.begin), len(httpBegins))])
	switch {
	case ctx.Err() != nil:
		return failWire(ctx, doing, err)
	case errors.Is(err, errHeaderTooLarge):
		return fail(fault.Invalid, ReasonHeaderTooLarge, "the header of the answer is too long")
	case isAlert(w.err):
		return fail(fault.Invalid, ReasonTLS, "the server ended the TLS connection")
	case foreign:
		return fail(fault.Invalid, ReasonNotHTTP, "the answer is not HTTP")
	case w.err != nil:
		return failWire(ctx, doing, w.err)
	}
	return fail(fault.Unavailable, ReasonMalformed, "the answer breaks the rules of HTTP")
}
