package auth0

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"clientkeeper/internal/fault"
)

func TestCreateClientGrant(t *testing.T) {
	s := replies(201, `{"id":"cgr_hG5VSaXAejRTrTbz","client_id":"a","audience":"https://api.example.com/","scope":["create:resource"],"new":1}`)
	c := onLoopback(t, s)
	want := ClientGrant{ID: "cgr_hG5VSaXAejRTrTbz", ClientID: "a", Audience: "https://api.example.com/", Scopes: []string{"create:resource"}}
	for body, scopes := range map[string][]string{
		`{"audience":"https://api.example.com/","client_id":"a","scope":["create:resource"]}`: {"create:resource"},
		`{"audience":"https://api.example.com/","client_id":"a","scope":[]}`:                  nil,
	} {
		got, err := c.CreateClientGrant(t.Context(), "a", "https://api.example.com/", scopes)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v, -want +got:\n%s", err, diff)
		}
		r, sent := s.seen[len(s.seen)-1], s.bodies[len(s.bodies)-1]
		if r.Method != "POST" || r.URL.Path != "/api/v2/client-grants" || sent != body {
			t.Errorf("%s %s %s, want %s", r.Method, r.URL.Path, sent, body)
		}
	}
	if _, err := c.CreateClientGrant(t.Context(), "a", "", nil); !errors.Is(err, fault.Invalid) {
		t.Errorf("without an audience: %v", err)
	}
}

func TestClientGrantsAreAllOrAnError(t *testing.T) {
	page := func(total int, ids ...string) string {
		list := ""
		for i, id := range ids {
			if i > 0 {
				list += ","
			}
			list += fmt.Sprintf(`{"id":%q,"client_id":"a","audience":"x","scope":[]}`, id)
		}
		return fmt.Sprintf(`{"total":%d,"start":0,"limit":100,"client_grants":[%s]}`, total, list)
	}
	tests := map[string]struct {
		pages []string
		want  int
		err   error
		calls int
	}{
		"none":              {[]string{page(0)}, 0, nil, 1},
		"one page":          {[]string{page(2, "1", "2")}, 2, nil, 1},
		"two pages":         {[]string{page(3, "1", "2"), page(3, "3")}, 3, nil, 2},
		"ends too early":    {[]string{page(3, "1", "2"), page(3)}, 0, fault.Internal, 2},
		"no list":           {[]string{`{"total":0}`}, 0, fault.Internal, 1},
		"no total":          {[]string{`{"client_grants":[]}`}, 0, fault.Internal, 1},
		"a bare list":       {[]string{`[]`}, 0, fault.Internal, 1},
		"second is strange": {[]string{page(3, "1"), `{}`}, 0, fault.Internal, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := replies(200, tt.pages...)
			got, err := onLoopback(t, s).ClientGrants(t.Context(), "a")
			if len(got) != tt.want || !errors.Is(err, tt.err) || len(s.seen) != tt.calls {
				t.Errorf("%d grants in %d calls, %v", len(got), len(s.seen), err)
			}
			if q := s.seen[0].URL.RawQuery; q != "client_id=a&include_totals=true&page=0&per_page=100" {
				t.Errorf("query %s", q)
			}
		})
	}
}

// What the tenant refuses is never taken for done, nor for nothing.
func TestRefusedCallsAboutGrants(t *testing.T) {
	for name, do := range map[string]func(context.Context, *Client) error{
		"list": func(ctx context.Context, c *Client) error { _, err := c.ClientGrants(ctx, "a"); return err },
		"read": func(ctx context.Context, c *Client) error { _, err := c.ClientGrant(ctx, "cgr_1"); return err },
		"change": func(ctx context.Context, c *Client) error {
			_, err := c.SetClientGrantScopes(ctx, "cgr_1", nil)
			return err
		},
		"delete": func(ctx context.Context, c *Client) error { return c.DeleteClientGrant(ctx, "cgr_1") },
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &stub{t: t, befalls: always(befall{status: 403, code: "insufficient_scope"})}
			if err := do(t.Context(), inMemory(t, s)); fault.KindOf(err) != fault.Denied || fault.Reason(err) != "insufficient_scope" {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}
