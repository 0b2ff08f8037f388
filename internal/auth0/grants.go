package auth0

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"clientkeeper/internal/fault"
)

// A ClientGrant lets a client have tokens for an API. A client has one for an
// API at most.
type ClientGrant struct {
	ID       string   `json:"id"` // such as cgr_...
	ClientID string   `json:"client_id"`
	Audience string   `json:"audience"` // the API's identifier
	Scopes   []string `json:"scope"`    // empty grants the API without any scope
}

// CreateClientGrant lets a client have tokens for an API. It is made once; if
// the tenant may have made it and the answer was lost, the error is
// [fault.Unavailable] with the reason "outcome_unknown", and [Client.ClientGrants]
// tells. A grant for the same client and API is [fault.Conflict]; a client or an
// API that does not exist is [fault.NotFound].
//
// Scope: create:client_grants. Whoever holds it can give itself every scope of
// the Management API, so give it to nothing that does not make machine clients
// (Auth0 docs "Get Management API Access Tokens for Production").
//
// Sources: Management API "Create a client grant" (audience, client_id and
// scope, and 409 for one that exists); the test recordings of Auth0's Go SDK,
// in which a tenant answers 201 with id, client_id, audience and scope.
func (c *Client) CreateClientGrant(ctx context.Context, clientID, audience string, scopes []string) (ClientGrant, error) {
	const op = "auth0.create_client_grant"
	if err := checkID(op, clientID); err != nil {
		return ClientGrant{}, err
	}
	if audience == "" {
		return ClientGrant{}, &fault.Error{Kind: fault.Invalid, Op: op, Detail: "a grant needs an audience"}
	}
	in := map[string]any{"client_id": clientID, "audience": audience, "scope": append([]string{}, scopes...)}
	var out ClientGrant
	_, err := c.do(ctx, call{
		op: op, method: http.MethodPost, path: []string{"client-grants"}, in: in, out: &out,
		scopes: "create:client_grants",
	})
	if err == nil && out.ID == "" {
		err = unknownOutcome(op, strange(op, "the answer names no grant"))
	}
	if err != nil {
		return ClientGrant{}, err
	}
	return out, nil
}

// ClientGrants lists all grants of a client. A list is complete or an error.
//
// Scope: read:client_grants. Sources: Management API "Get client grants"
// (client_id, page, per_page, include_totals); the test recordings of Auth0's
// Go SDK, in which a page is {total, start, limit, client_grants}.
func (c *Client) ClientGrants(ctx context.Context, clientID string) ([]ClientGrant, error) {
	const op = "auth0.list_client_grants"
	if err := checkID(op, clientID); err != nil {
		return nil, err
	}
	all := []ClientGrant{}
	for number := 0; ; number++ {
		var page struct {
			Total  *int           `json:"total"`
			Grants *[]ClientGrant `json:"client_grants"`
		}
		_, err := c.do(ctx, call{
			op: op, method: http.MethodGet, path: []string{"client-grants"}, out: &page, repeatable: true,
			scopes: "read:client_grants", judge: noRoute, query: url.Values{
				"client_id": {clientID}, "include_totals": {"true"}, "per_page": {"100"}, "page": {strconv.Itoa(number)}},
		})
		switch {
		case err != nil:
			return nil, err
		case page.Grants == nil || page.Total == nil:
			return nil, strange(op, "a page holds no list")
		}
		all = append(all, *page.Grants...)
		switch {
		case len(all) >= *page.Total:
			return all, nil
		case len(*page.Grants) == 0:
			return nil, strange(op, "the list ended before its own total")
		}
	}
}

// ClientGrant reads one grant. One that does not exist is [fault.NotFound].
//
// Scope: read:client_grants. Source: Management API "Get client grant".
func (c *Client) ClientGrant(ctx context.Context, id string) (ClientGrant, error) {
	return c.oneGrant(ctx, call{op: "auth0.get_client_grant", method: http.MethodGet, scopes: "read:client_grants"}, id)
}

// SetClientGrantScopes makes scopes all that a grant allows; none leaves the API
// without any scope. Tokens that were issued keep theirs until they expire.
// Repeating it is harmless.
//
// Scope: update:client_grants; see [Client.CreateClientGrant] for who may have
// it. Source: Management API "Update client grant".
func (c *Client) SetClientGrantScopes(ctx context.Context, id string, scopes []string) (ClientGrant, error) {
	return c.oneGrant(ctx, call{op: "auth0.update_client_grant", method: http.MethodPatch,
		in: map[string]any{"scope": append([]string{}, scopes...)}, scopes: "update:client_grants"}, id)
}

// DeleteClientGrant takes an API away from a client. Deleting what is gone
// already is a success, so repeating it is harmless. Tokens that were issued
// stay good until they expire.
//
// Scope: delete:client_grants. Source: Management API "Delete client grant",
// which knows 204 and no 404.
func (c *Client) DeleteClientGrant(ctx context.Context, id string) error {
	const op = "auth0.delete_client_grant"
	if checkID(op, id) != nil {
		return notAGrant(op)
	}
	_, err := c.do(ctx, call{
		op: op, method: http.MethodDelete, path: []string{"client-grants", id}, repeatable: true, scopes: "delete:client_grants",
	})
	return err
}

// oneGrant makes a call about a grant that there is, and reads it.
func (c *Client) oneGrant(ctx context.Context, in call, id string) (ClientGrant, error) {
	if checkID(in.op, id) != nil {
		return ClientGrant{}, notAGrant(in.op)
	}
	var out ClientGrant
	in.path, in.out, in.repeatable = []string{"client-grants", id}, &out, true
	_, err := c.do(ctx, in)
	if err == nil && out.ID == "" {
		err = strange(in.op, "the answer names no grant")
	}
	if err != nil {
		return ClientGrant{}, err
	}
	return out, nil
}

func notAGrant(op string) error {
	return &fault.Error{Kind: fault.Invalid, Op: op, Detail: "that is not the id of a client grant"}
}
