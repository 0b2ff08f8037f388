package auth0

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"clientkeeper/internal/fault"
)

func ids(t *testing.T, c *Client, q Query) (got []string, err error) {
	t.Helper()
	for client, e := range c.Clients(t.Context(), q) {
		if e != nil {
			if err != nil {
				t.Error("a list went on after its error")
			}
			err = e
			continue
		}
		got = append(got, client.ClientID)
	}
	return got, err
}

// Pages as a tenant might send them. Only a list that says that it is complete
// may end without an error.
func TestClientsEnd(t *testing.T) {
	tests := map[string]struct {
		paging Paging
		pages  []string
		want   string // ids
		reason string // of the error; empty for none
	}{
		"offset, one page":                {Offset, []string{offset(2, "a", "b")}, "a b", ""},
		"offset, two pages":               {Offset, []string{offset(3, "a", "b"), offset(3, "c")}, "a b c", ""},
		"offset, nobody":                  {Offset, []string{offset(0)}, "", ""},
		"offset, half a page is no end":   {Offset, []string{offset(3, "a"), offset(3, "b"), offset(3, "c")}, "a b c", ""},
		"offset, ends before its total":   {Offset, []string{offset(3, "a"), offset(3)}, "a", "strange_answer"},
		"offset, no totals":               {Offset, []string{`{"clients":[{"client_id":"a"}]}`, `{"clients":[]}`}, "a", ""},
		"offset, no list":                 {Offset, []string{`{"total":0}`}, "", "strange_answer"},
		"offset, null":                    {Offset, []string{`null`}, "", "strange_answer"},
		"offset, a bare array":            {Offset, []string{`[{"client_id":"a"}]`}, "", "strange_answer"},
		"checkpoint, one page":            {Checkpoint, []string{mark("", "a")}, "a", ""},
		"checkpoint, three pages":         {Checkpoint, []string{mark("1", "a"), mark("2", "b"), mark("", "c")}, "a b c", ""},
		"checkpoint, an empty page":       {Checkpoint, []string{mark("1", "a"), mark("2"), mark("", "c")}, "a c", ""},
		"checkpoint, a circle":            {Checkpoint, []string{mark("1", "a"), mark("1", "b")}, "a", "strange_answer"},
		"checkpoint, no list":             {Checkpoint, []string{`{"next":""}`}, "", "strange_answer"},
		"checkpoint, a bare array":        {Checkpoint, []string{`[]`}, "", "strange_answer"},
		"checkpoint, the second is error": {Checkpoint, []string{mark("1", "a"), "<html>"}, "a", "not_json"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, err := ids(t, inMemory(t, replies(200, tt.pages...)), Query{Paging: tt.paging})
				if strings.Join(got, " ") != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				if (err == nil) != (tt.reason == "") || err != nil && fault.Reason(err) != tt.reason {
					t.Errorf("err = %v, want %q", err, tt.reason)
				}
			})
		})
	}
}

func clientsJSON(ids []string) string {
	list := []map[string]string{}
	for _, id := range ids {
		list = append(list, map[string]string{"client_id": id})
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func offset(total int, ids ...string) string {
	return fmt.Sprintf(`{"total":%d,"start":0,"limit":50,"clients":%s}`, total, clientsJSON(ids))
}

func mark(next string, ids ...string) string {
	if next == "" {
		return fmt.Sprintf(`{"clients":%s}`, clientsJSON(ids))
	}
	return fmt.Sprintf(`{"next":%q,"clients":%s}`, next, clientsJSON(ids))
}

// A tenant with 230 clients and failures on the way gives each of them once,
// by either paging and any page size.
func TestClientsAreAllListedOnce(t *testing.T) {
	const n = 230
	all := make([]string, n)
	for i := range all {
		all[i] = "c" + strconv.Itoa(i)
	}
	serve := func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if take, err := strconv.Atoi(q.Get("take")); err == nil {
			from, _ := strconv.Atoi(q.Get("from"))
			end, next := min(from+take, n), ""
			if end < n {
				next = strconv.Itoa(end)
			}
			fmt.Fprint(w, mark(next, all[from:end]...))
			return
		}
		page, _ := strconv.Atoi(q.Get("page"))
		size, _ := strconv.Atoi(q.Get("per_page"))
		size = min(size, 50) // some tenants allow no more
		start := min(page*size, n)
		fmt.Fprint(w, offset(n, all[start:min(start+size, n)]...))
	}
	for _, q := range []Query{{}, {PageSize: 100}, {PageSize: 7}, {Paging: Offset}, {Paging: Offset, PageSize: 100}, {Paging: Offset, PageSize: 7}} {
		t.Run(fmt.Sprintf("%+v", q), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stub{t: t, api: serve, befalls: func(n int) befall {
					if n%3 == 2 {
						return befall{status: 503}
					}
					return befall{}
				}}
				got, err := ids(t, inMemory(t, s), q)
				if err != nil || strings.Join(got, " ") != strings.Join(all, " ") {
					t.Errorf("%d clients, err = %v", len(got), err)
				}
			})
		})
	}
}

func TestClientsStopsWithItsLoop(t *testing.T) {
	s := replies(200, mark("1", "a", "b"))
	c := onLoopback(t, s)
	for client, err := range c.Clients(t.Context(), Query{}) {
		if err != nil || client.ClientID != "a" {
			t.Errorf("got %v, %v", client.ClientID, err)
		}
		break
	}
	if len(s.seen) != 1 {
		t.Errorf("%d calls, want 1", len(s.seen))
	}
}

func TestQueryAsSent(t *testing.T) {
	yes := true
	tests := map[string]struct {
		q    Query
		want string
	}{
		"everybody":   {Query{}, "is_global=false&take=50"},
		"offset":      {Query{Paging: Offset, PageSize: 1000}, "include_totals=true&is_global=false&page=0&per_page=100"},
		"a document":  {Query{ExternalClientID: document}, "external_client_id=https%3A%2F%2Fclient.example.org%2Foauth%2Fclient.json&take=50"},
		"some fields": {Query{Fields: []string{"client_id", "name"}}, "fields=client_id%2Cname&include_fields=true&is_global=false&take=50"},
		"some kinds": {Query{FirstParty: &yes, AppTypes: []string{"spa", "native"}, PageSize: -1},
			"app_type=spa%2Cnative&is_first_party=true&is_global=false&take=1"},
		"the global one": {Query{Global: true}, "is_global=true&take=50"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.q.start().query.Encode(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestFindByExternalID(t *testing.T) {
	found := `{"total":1,"start":0,"limit":50,"clients":[{"client_id":"tpc_1","external_client_id":"` + document + `"}]}`
	tests := map[string]struct {
		page   string
		want   string
		reason string
	}{
		"there":                   {found, "tpc_1", ""},
		"not there":               {offset(0), "", "inexistent_client"},
		"the filter was ignored":  {offset(1, "innocent"), "", "strange_answer"},
		"no list":                 {`{}`, "", "strange_answer"},
		"empty, but not by total": {offset(1), "", "strange_answer"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := onLoopback(t, replies(200, tt.page)).FindByExternalID(t.Context(), clientID(t, document))
			if got.ClientID != tt.want {
				t.Errorf("got %q, want %q", got.ClientID, tt.want)
			}
			if (err == nil) != (tt.reason == "") || err != nil && fault.Reason(err) != tt.reason {
				t.Errorf("err = %v, want %q", err, tt.reason)
			}
			if tt.reason == "inexistent_client" && !errors.Is(err, fault.NotFound) {
				t.Errorf("err = %v, want not found", err)
			}
			if e, ok := errors.AsType[*fault.Error](err); err != nil && (!ok || e.Op != opList) {
				t.Errorf("%v does not say where", err)
			}
		})
	}
}

// An answer that is about no client says nothing about one: whoever takes it
// for "not there" may conclude that it can be made, or that it was deleted.
func TestAListThatIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		kind   fault.Kind
		says   string
	}{
		"no such path":  {404, `{"statusCode":404,"error":"Not Found","message":"Not Found"}`, fault.Internal, "AUTH0_DOMAIN"},
		"without scope": {403, `{"statusCode":403,"error":"Forbidden","message":"Insufficient scope","errorCode":"insufficient_scope"}`, fault.Denied, "read:clients"},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := inMemory(t, replies(tt.status, tt.body))
			_, listed := ids(t, c, Query{})
			_, found := c.FindByExternalID(t.Context(), clientID(t, document))
			for _, err := range []error{listed, found} {
				if e, ok := errors.AsType[*fault.Error](err); !ok || e.Kind != tt.kind || e.Op != opList || !strings.Contains(e.Next, tt.says) {
					t.Errorf("%s: %#v", name, err)
				}
			}
		})
	}
}
