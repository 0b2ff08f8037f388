package handler

import (
	"context"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"clientkeeper/internal/credential"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/jsonobject"
	"clientkeeper/internal/rotation"
)

// What a new client may be like. The tenant's own rules are Auth0's: a name
// without < and >, a description of at most 140 characters. (Management API,
// "Create a client".) A tag's are AWS's, but for the letters beyond ASCII. (AWS
// Secrets Manager API Reference, "Tag".)
var (
	nameText        = jsonobject.Text{Min: 1, Max: 100, Pattern: regexp.MustCompile(`^[^<>\x00-\x1f\x7f-\x{9f}]+$`), Means: "text without < and > and control characters"}
	descriptionText = jsonobject.Text{Max: 140}
	audienceText    = jsonobject.Text{Min: 1, Max: 600, Pattern: regexp.MustCompile(`^[!-~]+$`), Means: "visible ASCII"}
	scopeText       = jsonobject.Text{Min: 1, Max: 280, Pattern: regexp.MustCompile(`^[!#-\[\]-~]+$`), Means: "a scope of RFC 6749, section 3.3"}
	spanText        = jsonobject.Text{Min: 2, Max: 10, Pattern: regexp.MustCompile(`^[1-9][0-9]{0,4}(m|h|d)$`), Means: "minutes, hours or days, such as 90m, 12h or 30d"}
	tagNameText     = jsonobject.Text{Min: 1, Max: 128, Pattern: regexp.MustCompile(`^[A-Za-z0-9 _.:/=+@-]+$`), Means: "letters, digits, spaces and _.:/=+@-"}
	tagValueText    = jsonobject.Text{Max: 256, Pattern: regexp.MustCompile(`^[A-Za-z0-9 _.:/=+@-]*$`), Means: "letters, digits, spaces and _.:/=+@-"}
)

const (
	maxGrants = 10
	maxScopes = 100
	maxTags   = 20
	maxQuota  = 1<<31 - 1
)

func (h *API) createClient(r *httpRequest) (work, error) {
	o, err := r.object()
	if err != nil {
		return nil, err
	}
	n := readClient(o)
	n.RequestedBy = r.caller.subject
	if err := o.Err(); err != nil {
		return nil, err
	}
	for _, g := range n.Grants {
		if slices.Contains(h.Withheld, g.Audience) || slices.Contains(r.caller.audiences, g.Audience) {
			return nil, apiFault(fault.Denied, "audience_withheld", "a client that is made here is given no scopes of the Management API or of this API",
				"leave that grant out; an administrator of the tenant may add it")
		}
	}
	r.refusal = h.Credentials.MayGrant(n.Grants)
	return func(ctx context.Context, op credential.Operation) (reply, error) {
		c, err := h.Credentials.CreateClient(ctx, op, n)
		if err != nil {
			return reply{}, err
		}
		at := map[string]string{"Location": "/v1/clients/" + c.ClientID + "/credentials"}
		return reply{status: 201, header: at, body: viewClient(c)}, nil
	}, nil
}

func readClient(o *jsonobject.Object) credential.NewClient {
	o.Require("name")
	n := credential.NewClient{
		Name:        o.String("name", nameText),
		Description: o.String("description", descriptionText),
		AuthMethod:  o.Choice("token_endpoint_auth_method", credential.PrivateKeyJWT, credential.ClientSecretPost),
		Tags:        o.Map("tags", maxTags, tagNameText, tagValueText),
	}
	for name := range n.Tags {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "aws:") || strings.HasPrefix(lower, "clientkeeper:") {
			o.Wrong("tags", "has a name that begins with aws: or clientkeeper:, which are not a caller's to set")
		}
	}
	for _, g := range o.Objects("grants", maxGrants) {
		g.Require("audience")
		grant := credential.Grant{Audience: g.String("audience", audienceText), Scopes: g.Strings("scopes", maxScopes, scopeText)}
		for _, other := range n.Grants {
			if other.Audience == grant.Audience && grant.Audience != "" {
				g.Wrong("audience", "is that of another grant; put the scopes into one")
			}
		}
		n.Grants = append(n.Grants, grant)
	}
	if q := o.Object("token_quota"); q != nil {
		n.Quota = credential.Quota{PerHour: q.Integer("per_hour", 1, maxQuota), PerDay: q.Integer("per_day", 1, maxQuota), Enforce: q.Flag("enforce")}
		if !q.Has("per_hour") && !q.Has("per_day") {
			o.Wrong("token_quota", "limits nothing; give it per_hour, per_day or both")
		}
	}
	if s := o.Object("rotation"); s != nil {
		n.Interval = span(s, "interval", rotation.CadenceFloor, 365*24*time.Hour)
		n.Overlap = span(s, "overlap", time.Minute, 90*24*time.Hour)
	}
	return n
}

// span takes a duration as the tags of a secret have it.
func span(o *jsonobject.Object, name string, low, high time.Duration) time.Duration {
	text := o.String(name, spanText)
	if text == "" {
		return 0
	}
	unit := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[text[len(text)-1]]
	n, _ := strconv.Atoi(text[:len(text)-1])
	d := time.Duration(n) * unit
	if d < low || d > high {
		o.Wrong(name, fmt.Sprintf("is not from %s to %s", low, high))
	}
	return d
}

type clientView struct {
	ClientID     string     `json:"client_id"`
	Name         string     `json:"name"`
	AuthMethod   string     `json:"token_endpoint_auth_method"`
	SecretARN    string     `json:"secret_arn"`
	NextRotation *time.Time `json:"next_rotation,omitempty"`
}

func viewClient(c credential.Client) clientView {
	return clientView{c.ClientID, c.Name, c.AuthMethod, c.SecretARN, viewTime(c.NextDue)}
}

// viewTime is nil for a time that is not known.
func viewTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}

// The clients on one page.
const defaultPage, maxPage = 50, 100

func (h *API) listClients(r *httpRequest) (work, error) {
	limit := defaultPage
	if text, ok := r.query["limit"]; ok {
		n, err := strconv.Atoi(text[0])
		if err != nil || n < 1 || n > maxPage || strconv.Itoa(n) != text[0] {
			return nil, apiFault(fault.Invalid, "query_invalid", fmt.Sprintf("limit is not a whole number from 1 to %d", maxPage), "correct it, or leave it out")
		}
		limit = n
	}
	var cursor string
	if text, ok := r.query["cursor"]; ok {
		var err error
		if cursor, err = openCursor(text[0]); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context, _ credential.Operation) (reply, error) {
		page, next, err := h.Credentials.Clients(ctx, cursor, limit)
		if err != nil {
			return reply{}, err
		}
		var out struct {
			Clients []clientView `json:"clients"`
			Next    string       `json:"next_cursor,omitempty"`
		}
		out.Clients = []clientView{}
		for _, c := range page {
			out.Clients = append(out.Clients, viewClient(c))
		}
		if next != "" {
			out.Next = sealCursor(next)
		}
		return reply{status: 200, body: out}, nil
	}, nil
}

// sealCursor hands out a place in a list so that nobody is tempted to read it,
// and so that one that was cut or made up is told apart from one that was given
// out, before anybody is asked. It guards nothing: no place in the list is secret.
func sealCursor(token string) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%08x%s", crc32.ChecksumIEEE([]byte(token)), token))
}

func openCursor(text string) (string, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(text) > 1000 || len(raw) <= 8 || sealCursor(string(raw[8:])) != text {
		return "", apiFault(fault.Invalid, "cursor_invalid", "the cursor is not one that a list gave you", "use next_cursor as it is, or begin without one")
	}
	return string(raw[8:]), nil
}
