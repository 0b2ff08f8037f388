package credential

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"clientkeeper/internal/fault"
)

// The limits of a request. Those of the tenant and of Secrets Manager are in
// "Create a client" and "CreateSecret"; the others keep a request small.
const (
	maxName        = 200
	maxDescription = 140
	maxGrants      = 20
	maxScopes      = 100
	maxTags        = 30 // of 50: the rest is clientkeeper's
	maxSpan        = 10 * 365 * 24 * time.Hour
)

// complete fills in what a request leaves out, and refuses what cannot be made
// before anything is.
func (n NewClient) complete(floor time.Duration) (NewClient, error) {
	n.AuthMethod = cmp.Or(n.AuthMethod, PrivateKeyJWT)
	n.Interval, n.Overlap = cmp.Or(n.Interval, defaultInterval), cmp.Or(n.Overlap, defaultOverlap)
	wrong := func(member, detail string) (NewClient, error) {
		return NewClient{}, invalid("invalid_client", member+" "+detail, "correct it, and send the request with a new key")
	}
	switch {
	case strings.TrimSpace(n.Name) == "" || !printable(n.Name) || utf8.RuneCountInString(n.Name) > maxName:
		return wrong("name", "has to be 1 to 200 printable characters")
	case strings.ContainsAny(n.Name, "<>"):
		return wrong("name", "may not contain < or >")
	case !printable(n.Description) || utf8.RuneCountInString(n.Description) > maxDescription:
		return wrong("description", "may have 140 printable characters")
	case n.AuthMethod != PrivateKeyJWT && n.AuthMethod != ClientSecretPost:
		return wrong("token_endpoint_auth_method", "is private_key_jwt or client_secret_post")
	case n.Interval < floor || n.Interval > maxSpan:
		return wrong("interval", fmt.Sprintf("is between %s and 10 years", floor))
	case n.Overlap < 0 || n.Overlap > maxSpan:
		return wrong("overlap", "is between 0 and 10 years")
	case n.Quota.PerHour < 0 || n.Quota.PerDay < 0 || n.Quota.PerHour > 1<<31-1 || n.Quota.PerDay > 1<<31-1:
		return wrong("quota", "is a positive number")
	case n.Quota.Enforce && n.Quota.PerHour == 0 && n.Quota.PerDay == 0:
		return wrong("quota", "enforces nothing: give per_hour or per_day")
	case !printable(n.RequestedBy):
		return wrong("requested_by", "has to be printable")
	}
	if detail := wrongGrants(n.Grants); detail != "" {
		return wrong("grants", detail)
	}
	if detail := wrongTags(n.Tags); detail != "" {
		return wrong("tags", detail)
	}
	return n, nil
}

// scopeText is a scope of RFC 6749 section 3.3.
var scopeText = regexp.MustCompile(`^[!#-\[\]-~]{1,280}$`)

func wrongGrants(grants []Grant) string {
	if len(grants) > maxGrants {
		return "may be 20 at most"
	}
	seen := map[string]bool{}
	for _, g := range grants {
		switch {
		case g.Audience == "" || len(g.Audience) > 600 || !printable(g.Audience):
			return "need an audience of 1 to 600 printable characters each"
		case seen[g.Audience]:
			return "may name an audience once"
		case len(g.Scopes) > maxScopes:
			return "may have 100 scopes each"
		}
		seen[g.Audience] = true
		for _, scope := range g.Scopes {
			if !scopeText.MatchString(scope) {
				return "have scopes of 1 to 280 characters without spaces"
			}
		}
	}
	return ""
}

// MayGrant refuses grants for the APIs of the tenant itself, and for those that
// the policy does not name. A client that may use the Management API could give
// itself and others everything. It asks nobody.
func (s *Service) MayGrant(grants []Grant) error {
	for _, g := range grants {
		switch {
		case s.ownAPI(g.Audience):
			return &fault.Error{Kind: fault.Denied, Op: "credential.create_client", Reason: "tenant_api",
				Detail: "a grant names an API of the tenant itself", Next: "have an administrator make that client"}
		case !slices.Equal(s.Audiences, []string{"*"}) && !slices.Contains(s.Audiences, g.Audience):
			return &fault.Error{Kind: fault.Denied, Op: "credential.create_client", Reason: "audience_not_allowed",
				Detail: "the policy does not allow grants for " + clip(g.Audience, 100),
				Next:   "leave that grant out; whoever runs clientkeeper may add the API to ALLOWED_AUDIENCES"}
		}
	}
	return nil
}

// ownAPI reports whether an audience is the tenant's own: anything at its
// domains, and the Management API of any tenant, for the canonical domain is not
// known where a custom one is configured.
func (s *Service) ownAPI(audience string) bool {
	u, err := url.Parse(strings.ToLower(strings.TrimSpace(audience)))
	if err != nil {
		return true // not one of anybody's
	}
	if strings.HasPrefix(strings.Trim(u.Path, "/")+"/", "api/v2/") || strings.Contains(strings.ToLower(audience), "/api/v2") {
		return true
	}
	for _, own := range append([]string{s.Domain}, s.Domains...) {
		if host, _, _ := strings.Cut(own, ":"); u.Hostname() != "" && u.Hostname() == strings.ToLower(host) {
			return true
		}
	}
	return false
}

// tagText is what a tag's key or value may consist of (AWS "Tag naming and
// usage conventions").
var tagText = regexp.MustCompile(`^[\pL\pN \t_.:/=+\-@]*$`)

func wrongTags(tags map[string]string) string {
	if len(tags) > maxTags {
		return "may be 30 at most"
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		lower := strings.ToLower(key)
		switch {
		case strings.HasPrefix(lower, "clientkeeper:") || strings.HasPrefix(lower, "aws:"):
			return "may not begin with clientkeeper: or aws:"
		case key == "" || utf8.RuneCountInString(key) > 128 || !tagText.MatchString(key):
			return "have keys of 1 to 128 letters, digits, spaces and _.:/=+-@"
		case utf8.RuneCountInString(tags[key]) > 256 || !tagText.MatchString(tags[key]):
			return "have values of up to 256 letters, digits, spaces and _.:/=+-@"
		}
	}
	return ""
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// clip cuts a text to a number of characters, and what is not printable out of it.
func clip(s string, most int) string {
	runes := []rune(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s))
	return string(runes[:min(len(runes), most)])
}
