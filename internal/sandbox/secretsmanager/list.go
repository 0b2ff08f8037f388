package secretsmanager

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	maxPage  = 100
	maxBatch = 20
)

type listInput struct {
	Filters                []filter
	MaxResults             *int
	NextToken              string
	SortOrder              string
	SortBy                 string
	IncludePlannedDeletion bool
}

type listOutput struct {
	SecretList []entry
	NextToken  string `json:",omitempty"`
}

func (in *listInput) check() error {
	var v validation
	v.number("MaxResults", in.MaxResults, 1, maxPage)
	if !slices.Contains([]string{"", "asc", "desc"}, in.SortOrder) {
		v.add("SortOrder", "Member must satisfy enum value set: [asc, desc]")
	}
	if _, ok := sortKeys[in.SortBy]; !ok {
		v.add("SortBy", "Member must satisfy enum value set: [created-date, last-accessed-date, last-changed-date, name]")
	}
	checkFilters(&v, in.Filters)
	return v.err()
}

// sortKeys order secrets by a text. Times of equal width sort as text.
var sortKeys = map[string]func(*secret) string{
	"":                   func(s *secret) string { return sortable(s.created) },
	"created-date":       func(s *secret) string { return sortable(s.created) },
	"last-accessed-date": func(s *secret) string { return sortable(s.accessed) },
	"last-changed-date":  func(s *secret) string { return sortable(s.changed) },
	"name":               func(s *secret) string { return s.name },
}

func sortable(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000") }

func (c *call) listSecrets(in *listInput) (any, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	q := page{of: fmt.Sprint("secrets of ", c.region.name, in.Filters, in.SortBy, in.SortOrder, in.IncludePlannedDeletion),
		max: in.MaxResults, token: in.NextToken, descending: in.SortOrder == "desc"}
	key := sortKeys[in.SortBy]
	listed, next, err := paged(q, c.matching(in.Filters, in.IncludePlannedDeletion),
		func(s *secret) (string, int64) { return key(s), s.seq })
	if err != nil {
		return nil, err
	}
	out := listOutput{SecretList: []entry{}, NextToken: next}
	for _, s := range listed {
		e := s.entry()
		e.DeletedDate = stampOf(s.deletedAt)
		e.SecretVersionsToStages = s.stages()
		out.SecretList = append(out.SecretList, e)
	}
	return out, nil
}

// matching lists what readers see, in the order of creation.
func (c *call) matching(filters []filter, deletedToo bool) []*secret {
	var out []*secret
	for _, s := range c.region.all(c.now) {
		s = c.visible(s)
		if s != nil && (deletedToo || !s.deleted()) && matchesAll(filters, c.region.name, s) {
			out = append(out, s)
		}
	}
	return out
}

type batchInput struct {
	SecretIdList []string
	Filters      []filter
	MaxResults   *int
	NextToken    string
}

type batchError struct{ SecretId, ErrorCode, Message string }

type batchOutput struct {
	SecretValues []any
	Errors       []batchError
	NextToken    string `json:",omitempty"`
}

func (in *batchInput) check() error {
	var v validation
	v.number("MaxResults", in.MaxResults, 1, maxBatch)
	if in.SecretIdList != nil {
		v.size("SecretIdList", len(in.SecretIdList), 1, maxBatch)
	}
	for _, id := range in.SecretIdList {
		v.text("SecretIdList", id, 1, maxSecretID)
	}
	checkFilters(&v, in.Filters)
	if err := v.err(); err != nil {
		return err
	}
	if (len(in.SecretIdList) > 0) == (len(in.Filters) > 0) {
		return invalidParameter("Either 'SecretIdList' or 'Filters' must be provided, but not both.")
	}
	if in.MaxResults != nil && len(in.Filters) == 0 {
		return invalidParameter("'Filters' must also be specified when 'MaxResults' is provided.")
	}
	return nil
}

// batchGetSecretValue succeeds even if single secrets cannot be read; they are
// listed in Errors.
func (c *call) batchGetSecretValue(in *batchInput) (any, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	out := batchOutput{SecretValues: []any{}, Errors: []batchError{}}
	if len(in.SecretIdList) > 0 {
		for _, id := range in.SecretIdList {
			s, err := c.seen(id)
			c.collect(&out, id, s, err)
		}
		return out, nil
	}
	limit := maxBatch
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	q := page{of: fmt.Sprint("values of ", c.region.name, in.Filters), max: &limit, token: in.NextToken}
	found, next, err := paged(q, c.matching(in.Filters, false), func(s *secret) (string, int64) { return "", s.seq })
	if err != nil {
		return nil, err
	}
	for _, s := range found {
		c.collect(&out, s.arn, s, nil)
	}
	out.NextToken = next
	return out, nil
}

func (c *call) collect(out *batchOutput, id string, s *secret, err error) {
	var read any
	if err == nil {
		read, err = c.read(s, "", "")
	}
	if f, ok := errors.AsType[*failure](err); ok {
		out.Errors = append(out.Errors, batchError{id, f.code, f.message})
		return
	}
	out.SecretValues = append(out.SecretValues, read)
}

// A page is a place in a list: which list, from where, how far.
type page struct {
	of         string
	max        *int // nil means 100
	token      string
	descending bool
}

// A mark is the last item of a page, so that the next one begins behind it even
// if the item has gone meanwhile.
type mark struct {
	Of  string `json:"o"` // what the list was, hashed: a token belongs to one list
	Key string `json:"k"`
	Seq int64  `json:"s"`
}

// paged sorts items and cuts out a page of them.
func paged[T any](q page, items []T, position func(T) (string, int64)) ([]T, string, error) {
	sum := sha256.Sum256([]byte(q.of))
	list := base64.RawURLEncoding.EncodeToString(sum[:9])
	order := func(a, b mark) int {
		n := cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Seq, b.Seq))
		if q.descending {
			return -n
		}
		return n
	}
	at := func(item T) mark { key, seq := position(item); return mark{list, key, seq} }
	slices.SortFunc(items, func(a, b T) int { return order(at(a), at(b)) })
	if q.token != "" {
		last, err := readMark(q.token, list)
		if err != nil {
			return nil, "", err
		}
		items = slices.DeleteFunc(items, func(item T) bool { return order(at(item), last) <= 0 })
	}
	limit := maxPage
	if q.max != nil {
		limit = *q.max
	}
	if len(items) <= limit {
		return items, "", nil
	}
	text, err := json.Marshal(at(items[limit-1]))
	return items[:limit], base64.RawURLEncoding.EncodeToString(text), err
}

func readMark(token, list string) (mark, error) {
	var m mark
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || json.Unmarshal(text, &m) != nil || m.Of != list {
		return mark{}, &failure{code: "InvalidNextTokenException", message: "The NextToken value is invalid."}
	}
	return m, nil
}
