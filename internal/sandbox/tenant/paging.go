package tenant

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
)

const (
	defaultPage = 50
	maxPage     = 100
)

// paging is which part of a list was asked for, in either of the two ways.
type paging struct {
	page, perPage int
	totals        bool
	checkpoint    bool // from and take, rather than page and per_page
	after         int  // the checkpoint: the seq of the last thing seen
	take          int
}

// readPaging checks the query of a list that has these parameters. Auth0's SDK
// for Node asks for totals in either way of paging; only the one gives them.
func (t *Tenant) readPaging(v url.Values, parameters []string) (q paging, refusal answer, ok bool) {
	no := func(problem string) (paging, answer, bool) { return q, t.refuse("query", problem), false }
	for name := range v {
		if !slices.Contains(parameters, name) {
			return no(complain("", "Additional properties not allowed: %s", clip(name)))
		}
	}
	q.checkpoint = v.Has("from") || v.Has("take") || v.Has("q")
	if q.checkpoint && (v.Has("page") || v.Has("per_page")) {
		return no("'page and per_page cannot be combined with from and take'")
	}
	if problem := checkBooleans(v, "include_totals", "include_fields"); problem != "" {
		return no(problem)
	}
	if problem := q.numbers(v); problem != "" {
		return no(problem)
	}
	q.totals = v.Get("include_totals") == "true"
	return q, refusal, true
}

func checkBooleans(v url.Values, names ...string) string {
	for _, name := range names {
		if v.Has(name) && v.Get(name) != "true" && v.Get(name) != "false" {
			return complain(name, "Expected type boolean but found type string")
		}
	}
	return ""
}

func (q *paging) numbers(v url.Values) string {
	q.perPage, q.take = defaultPage, defaultPage
	for _, n := range []struct {
		name      string
		low, high int
		into      *int
	}{{"page", 0, 1 << 31, &q.page}, {"per_page", 0, maxPage, &q.perPage}, {"take", 1, maxPage, &q.take}} {
		if !v.Has(n.name) {
			continue
		}
		got, err := strconv.Atoi(v.Get(n.name))
		switch {
		case err != nil:
			return complain(n.name, "Expected type integer but found type string")
		case got < n.low:
			return complain(n.name, "Value %d is less than minimum %d", got, n.low)
		case got > n.high:
			return complain(n.name, "Value %d is greater than maximum %d", got, n.high)
		}
		*n.into = got
	}
	if from := v.Get("from"); from != "" {
		raw, err := base64.RawURLEncoding.DecodeString(from)
		if err == nil {
			q.after, err = strconv.Atoi(string(raw))
		}
		if err != nil {
			return "'Invalid checkpoint' on property from"
		}
	}
	return ""
}

// offset is the numbered page that was asked for; past the end it is empty.
func offset[T any](q paging, all []T) []T {
	start := min(q.page*q.perPage, len(all))
	return all[start:min(start+q.perPage, len(all))]
}

// fromMark is the page behind the checkpoint, and the mark of the next one;
// the last page has none. A seq never decreases along the list.
func fromMark[T any](q paging, all []T, seq func(T) int) (page []T, next string) {
	page = slices.DeleteFunc(all, func(v T) bool { return seq(v) <= q.after })
	if len(page) > q.take {
		page = page[:q.take]
		next = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(seq(page[q.take-1]))))
	}
	return page, next
}
