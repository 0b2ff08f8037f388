package auth0

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"clientkeeper/internal/fault"
)

// A Status is how one fact about the tenant turned out.
type Status string

// The statuses.
const (
	OK      Status = "ok"
	Warn    Status = "warn"    // works, but something will surprise somebody
	Fail    Status = "fail"    // will not work until it is mended
	Unknown Status = "unknown" // could not be looked at
)

// A Fact is one thing that was looked at.
type Fact struct {
	Name   string // stable, such as "scopes"
	Status Status
	Detail string // a sentence
	Next   string // the next action; empty when there is none
}

// RegistrarScopes are the scopes that registering clients needs.
var RegistrarScopes = []string{"read:clients", "create:clients", "update:clients"}

// Preflight looks at what decides whether registration can work, as far as
// the API shows it, and changes nothing. It never fails: what cannot be looked
// at is [Unknown], or [Fail] when nothing else could work either. With no scopes
// named it looks for [RegistrarScopes].
//
// Scopes: none is required; read:clients shows the rate limit, and read:rules
// the Rules. Sources: Auth0 docs "Register Applications with CIMD" (the flag
// and its effect, and that Rules break the logins of such clients), "Rate
// Limit Configurations"; OpenID Connect Discovery 1.0 section 4.
func (c *Client) Preflight(ctx context.Context, scopes ...string) []Fact {
	if len(scopes) == 0 {
		scopes = RegistrarScopes
	}
	facts := c.discoveryFacts(ctx)
	t, err := c.tokens.get(ctx, c.grant)
	if err != nil {
		return append(facts, failed("token", Fail, err))
	}
	facts = append(facts,
		Fact{Name: "token", Status: OK, Detail: fmt.Sprintf("The tenant issued a management token, good until %s.", t.expiry.UTC().Format(time.RFC3339))},
		scopesFact(t.scopes, scopes), c.rateFact(ctx))
	return append(facts, c.rulesFact(ctx, t.scopes))
}

// failed is the fact that an error stands for.
func failed(name string, status Status, err error) Fact {
	f := Fact{Name: name, Status: status, Detail: "It could not be looked at: " + err.Error() + "."}
	if e, ok := errors.AsType[*fault.Error](err); ok {
		f.Next = e.Next
	}
	return f
}

func (c *Client) discoveryFacts(ctx context.Context) []Fact {
	var out struct {
		Issuer string `json:"issuer"`
		CIMD   *bool  `json:"client_id_metadata_document_supported"`
	}
	r := request{
		op: "auth0.discovery", method: http.MethodGet, url: c.issuer() + ".well-known/openid-configuration",
		out: &out, timeout: c.callTimeout, repeatable: true, judge: noRoute,
	}
	if _, err := c.repeat(ctx, c.auth, func() (request, error) { return r, nil }); err != nil {
		return []Fact{failed("discovery", Fail, err)}
	}
	discovery := Fact{Name: "discovery", Status: OK, Detail: "The tenant's discovery document is there and names this domain as its issuer."}
	if out.Issuer != c.issuer() {
		discovery = Fact{Name: "discovery", Status: Warn, Detail: "The discovery document names another issuer than this domain.",
			Next: "set AUTH0_DOMAIN to the domain that the tenant calls itself"}
	}
	flag := Fact{Name: "cimd", Status: OK, Detail: "The tenant supports client id metadata documents."}
	if out.CIMD == nil || !*out.CIMD {
		flag = Fact{Name: "cimd", Status: Warn, Detail: "The tenant does not advertise support for client id metadata documents.",
			Next: "turn on Settings > Advanced > Client ID Metadata Document Registration"}
	}
	return []Fact{discovery, flag}
}

func scopesFact(granted, needed []string) Fact {
	missing := slices.DeleteFunc(slices.Clone(needed), func(s string) bool { return slices.Contains(granted, s) })
	switch {
	case len(granted) == 0:
		return Fact{Name: "scopes", Status: Unknown, Detail: "The tenant did not say which scopes the token has.",
			Next: "check that the management client is granted " + strings.Join(needed, ", ")}
	case len(missing) > 0:
		return Fact{Name: "scopes", Status: Fail, Detail: "The management client lacks " + strings.Join(missing, ", ") + ".",
			Next: "grant it " + strings.Join(missing, ", ") + " on the Management API"}
	}
	return Fact{Name: "scopes", Status: OK, Detail: "The management client has " + strings.Join(needed, ", ") + "."}
}

// rateFact asks for next to nothing, for the sake of the answer's headers.
func (c *Client) rateFact(ctx context.Context) Fact {
	query := url.Values{"fields": {"client_id"}, "include_fields": {"true"}, "take": {"1"}}
	if _, err := c.page(ctx, query); err != nil {
		return failed("rate_limit", Unknown, err)
	}
	limit := c.Allowance().Limit
	if limit == 0 {
		return Fact{Name: "rate_limit", Status: Unknown, Detail: "The tenant's answers do not describe its rate limit."}
	}
	f := Fact{Name: "rate_limit", Status: OK,
		Detail: fmt.Sprintf("Bursts of %d requests; that is the limit of %s.", limit, planOf(limit))}
	if limit <= 2 {
		f.Status, f.Next = Warn, "expect registrations to trickle, or upgrade the plan"
	}
	return f
}

// planOf guesses from the burst; several plans share one.
func planOf(limit int) string {
	switch limit {
	case 2:
		return "the Free plan"
	case 5, 10:
		return "Essentials, Professional, or an Enterprise tenant that is not for production"
	case 50:
		return "Enterprise production"
	}
	return "a plan of its own"
}

func (c *Client) rulesFact(ctx context.Context, granted []string) Fact {
	if !slices.Contains(granted, "read:rules") {
		return Fact{Name: "rules", Status: Unknown, Detail: "Whether Rules are active cannot be seen without read:rules.",
			Next: "grant read:rules, or see for yourself: active Rules break the logins of clients from metadata documents"}
	}
	var rules []struct {
		ID string `json:"id"`
	}
	query := url.Values{"enabled": {"true"}, "fields": {"id"}, "include_fields": {"true"}}
	_, err := c.do(ctx, call{
		op: "auth0.list_rules", method: http.MethodGet, path: []string{"rules"}, query: query,
		out: &rules, repeatable: true, scopes: "read:rules", judge: noRoute,
	})
	switch {
	case err != nil:
		return failed("rules", Unknown, err)
	case len(rules) > 0:
		return Fact{Name: "rules", Status: Warn, Detail: "Rules are active in the tenant; they break the logins of clients from metadata documents.",
			Next: "migrate the Rules to Actions"}
	}
	return Fact{Name: "rules", Status: OK, Detail: "No Rules are active."}
}
