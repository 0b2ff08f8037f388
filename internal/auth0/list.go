package auth0

import (
	"context"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"clientkeeper/internal/cimd"
	"clientkeeper/internal/fault"
)

// A Paging is one of the two ways in which the tenant cuts a list into pages.
type Paging int

// The ways.
const (
	// Checkpoint pages are found by an opaque mark in the page before. They
	// serve lists of any length, and a client that is deleted meanwhile shifts
	// nobody out of sight.
	Checkpoint Paging = iota
	// Offset pages are numbered. They serve up to about 1,000 clients.
	Offset
)

// A Query says which clients [Client.Clients] lists. The zero Query lists all
// but the tenant's own global client.
type Query struct {
	ExternalClientID string   // the exact URL of a metadata document
	FirstParty       *bool    // nil means both
	AppTypes         []string // nil means every type
	Fields           []string // by their JSON names; nil means all that may be read but the secret
	Global           bool     // list the global client instead of the others
	Paging           Paging
	PageSize         int // 1 to 100; zero means 50
}

// listLimit bounds one page: a hundred clients with all that they can carry.
const listLimit = 16 << 20

// Clients lists the clients that q asks for, fetching pages as it goes; a loop
// that stops early fetches no more. The first error ends it, and is the last
// thing that it yields. Only a loop that saw no error has seen all clients: a
// page without its list, a list shorter than its own total, or a mark that
// leads nowhere is an error and never the end.
//
// Scopes: any of read:clients, read:client_keys, read:client_credentials and
// read:client_summary. Source: Management API "Get clients".
func (c *Client) Clients(ctx context.Context, q Query) iter.Seq2[ClientInfo, error] {
	return func(yield func(ClientInfo, error) bool) {
		for cursor, more := q.start(), true; more; {
			p, err := c.page(ctx, cursor.query)
			if err == nil {
				more, err = cursor.advance(p)
			}
			if err != nil {
				yield(ClientInfo{}, err)
				return
			}
			for _, client := range *p.Clients {
				if !yield(client.without(q.Fields), nil) {
					return
				}
			}
		}
	}
}

// FindByExternalID is the client that was registered from id's document, or
// [fault.NotFound].
//
// Scopes: as [Client.Clients]; it needs read:clients to be sure of what it found.
func (c *Client) FindByExternalID(ctx context.Context, id cimd.ClientID) (ClientInfo, error) {
	cursor := Query{ExternalClientID: id.String(), Paging: Offset}.start()
	p, err := c.page(ctx, cursor.query)
	if err == nil {
		_, err = cursor.advance(p)
	}
	switch {
	case err != nil:
		return ClientInfo{}, err
	case len(*p.Clients) == 0:
		return ClientInfo{}, &fault.Error{Kind: fault.NotFound, Op: opList, Reason: "inexistent_client",
			Detail: "no client was registered from this document"}
	case (*p.Clients)[0].ExternalClientID != id.String():
		return ClientInfo{}, strange(opList, "the tenant lists clients of another document than was asked for")
	}
	return (*p.Clients)[0].without(nil), nil
}

const opList = "auth0.list_clients"

func (c *Client) page(ctx context.Context, query url.Values) (page, error) {
	var out page
	_, err := c.do(ctx, call{
		op: opList, method: http.MethodGet, path: []string{"clients"}, query: query,
		out: &out, limit: listLimit, repeatable: true, scopes: "read:clients", judge: noRoute,
	})
	if err == nil && out.Clients == nil {
		err = strange(opList, "a page holds no list")
	}
	return out, err
}

// A page is one of either paging. A bare array, which the API answers to those
// who ask for neither, does not say whether there is more and is refused.
type page struct {
	Clients *[]ClientInfo `json:"clients"` // nil when the answer had no list, which is not an empty one
	Total   *float64      `json:"total"`   // of an offset page
	Next    string        `json:"next"`    // of a checkpoint page; empty on the last
}

// A cursor is where a list has got to.
type cursor struct {
	paging Paging
	query  url.Values // of the next page
	number int        // of the next offset page
	seen   int
}

func (q Query) start() *cursor {
	v := url.Values{}
	maps.Copy(v, fieldsQuery(q.Fields))
	if q.ExternalClientID != "" {
		v.Set("external_client_id", q.ExternalClientID)
	} else {
		v.Set("is_global", strconv.FormatBool(q.Global))
	}
	if q.FirstParty != nil {
		v.Set("is_first_party", strconv.FormatBool(*q.FirstParty))
	}
	if len(q.AppTypes) > 0 {
		v.Set("app_type", strings.Join(q.AppTypes, ","))
	}
	size := strconv.Itoa(min(max(or(q.PageSize, 50), 1), 100))
	if q.Paging == Offset {
		v.Set("page", "0")
		v.Set("per_page", size)
		v.Set("include_totals", "true")
	} else {
		v.Set("take", size)
	}
	return &cursor{paging: q.Paging, query: v}
}

// advance takes p in, and reports whether there is another page.
func (c *cursor) advance(p page) (more bool, err error) {
	if c.paging == Checkpoint {
		return c.advanceMark(p.Next)
	}
	c.seen += len(*p.Clients)
	empty := len(*p.Clients) == 0
	switch {
	case p.Total != nil && float64(c.seen) >= *p.Total:
		return false, nil
	case p.Total != nil && empty:
		return false, strange(opList, "the list ended before its own total")
	case empty: // without totals only an empty page is the end
		return false, nil
	}
	c.number++
	c.query.Set("page", strconv.Itoa(c.number))
	return true, nil
}

func (c *cursor) advanceMark(next string) (more bool, err error) {
	switch next {
	case "":
		return false, nil
	case c.query.Get("from"):
		return false, strange(opList, "a page names itself as the next")
	}
	c.query.Set("from", next)
	return true, nil
}
