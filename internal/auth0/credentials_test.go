package auth0

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"clientkeeper/internal/fault"
)

const credentialAnswer = `{"id":"cred_1","name":"n","credential_type":"public_key","kid":"the-kid-0001","alg":"PS256","new":{"a":1},
	"created_at":"2026-09-01T08:00:00.000Z","updated_at":"2026-09-02T08:00:00.000Z","expires_at":"2027-03-01T00:00:00.123Z"}`

var wantCredential = ClientCredential{ID: "cred_1", Name: "n", Type: "public_key", KeyID: "the-kid-0001", Alg: "PS256",
	Created: time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC), Updated: time.Date(2026, 9, 2, 8, 0, 0, 0, time.UTC),
	Expires: time.Date(2027, 3, 1, 0, 0, 0, 123e6, time.UTC)}

const publicPEM = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"

func TestCreateCredential(t *testing.T) {
	expires := time.Date(2027, 3, 1, 2, 0, 0, 123456789, time.FixedZone("", 2*3600))
	tests := map[string]struct {
		in   NewCredential
		body string // sent; empty if it is refused
	}{
		"a key": {NewCredential{PEM: publicPEM, Name: "n", Alg: "PS256", KeyID: "the-kid-0001", Expires: expires},
			`{"alg":"PS256","credential_type":"public_key","expires_at":"2027-03-01T00:00:00.123Z","kid":"the-kid-0001","name":"n",` +
				`"pem":"-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"}`},
		"a certificate": {NewCredential{PEM: "-----BEGIN CERTIFICATE-----", ExpiryFromCert: true},
			`{"credential_type":"public_key","parse_expiry_from_cert":true,"pem":"-----BEGIN CERTIFICATE-----"}`},
		"a subject":       {NewCredential{Type: "cert_subject_dn", SubjectDN: "CN=x"}, `{"credential_type":"cert_subject_dn","subject_dn":"CN=x"}`},
		"nothing":         {NewCredential{}, ""},
		"both":            {NewCredential{PEM: publicPEM, SubjectDN: "CN=x"}, ""},
		"two expiries":    {NewCredential{PEM: publicPEM, ExpiryFromCert: true, Expires: expires}, ""},
		"a private key":   {NewCredential{PEM: "-----BEGIN RSA PRIVATE KEY-----\n" + canarySecret}, ""},
		"key and private": {NewCredential{PEM: publicPEM + "-----BEGIN PRIVATE KEY-----\n" + canarySecret}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := replies(201, credentialAnswer)
			got, err := onLoopback(t, s).CreateCredential(t.Context(), "a", tt.in)
			if sent := strings.Join(s.bodies, ""); sent != tt.body {
				t.Errorf("sent %s, want %s", sent, tt.body)
			}
			if tt.body == "" {
				if !errors.Is(err, fault.Invalid) || leaks(fmt.Sprintf("%+v", err)) != nil {
					t.Errorf("err = %v", err)
				}
				return
			}
			described(t, "CredentialCreate", tt.body)
			if diff := cmp.Diff(wantCredential, got); err != nil || diff != "" {
				t.Errorf("%v, -want +got:\n%s", err, diff)
			}
			if s.seen[0].Method != "POST" || s.seen[0].URL.Path != "/api/v2/clients/a/credentials" {
				t.Errorf("%s %s", s.seen[0].Method, s.seen[0].URL.Path)
			}
		})
	}
}

// What the tenant says no to, and what may have happened when it says nothing.
func TestRefusalsOfCredentials(t *testing.T) {
	create := func(ctx context.Context, c *Client) error {
		_, err := c.CreateCredential(ctx, "a", NewCredential{PEM: publicPEM})
		return err
	}
	get := func(ctx context.Context, c *Client) error { _, err := c.Credential(ctx, "a", "cred_1"); return err }
	list := func(ctx context.Context, c *Client) error { _, err := c.Credentials(ctx, "a"); return err }
	expire := func(ctx context.Context, c *Client) error {
		_, err := c.SetCredentialExpiry(ctx, "a", "cred_1", time.Now())
		return err
	}
	remove := func(ctx context.Context, c *Client) error { return c.DeleteCredential(ctx, "a", "cred_1") }
	tests := map[string]struct {
		do     func(context.Context, *Client) error
		befall befall
		kind   error // nil is success
		reason string
		calls  int
	}{
		"a bad key":                      {create, befall{status: 400, code: "invalid_body", message: "bad"}, fault.Invalid, "invalid_body", 2},
		"created, answer lost":           {create, befall{status: 502, applied: true}, fault.Unavailable, "outcome_unknown", 1},
		"created, connection dropped":    {create, befall{hangUp: true, applied: true}, fault.Unavailable, "outcome_unknown", 1},
		"created, but what":              {create, befall{status: 201, body: `{"name":"n"}`}, fault.Unavailable, "outcome_unknown", 1},
		"the client has gone":            {create, befall{status: 404, code: "inexistent_client"}, fault.NotFound, "inexistent_client", 1},
		"no such credential":             {get, befall{status: 404, message: "Credential does not exist"}, fault.NotFound, "inexistent_credential", 1},
		"no such client":                 {get, befall{status: 404, code: "inexistent_client"}, fault.NotFound, "inexistent_client", 1},
		"a record without an id":         {get, befall{status: 200, body: `{}`}, fault.Internal, "strange_answer", 1},
		"a list that is none":            {list, befall{status: 200, body: `null`}, fault.Internal, "strange_answer", 1},
		"a list that is something else":  {list, befall{status: 200, body: `{"clients":[]}`}, fault.Internal, "strange_answer", 1},
		"a list with a hole":             {list, befall{status: 200, body: `[{"id":"a"},{}]`}, fault.Internal, "strange_answer", 1},
		"a list that is cut in half":     {list, befall{status: 200, body: `[{"id":"a"}`}, fault.Unavailable, "not_json", 4},
		"an empty list":                  {list, befall{status: 200, body: `[]`}, nil, "", 1},
		"the expiry is set twice":        {expire, befall{status: 503}, fault.Unavailable, "unavailable", 4},
		"201 is as good as 200":          {expire, befall{status: 201, body: credentialAnswer}, nil, "", 1},
		"still in use":                   {remove, befall{status: 400, message: "Cannot delete credential still associated with a client"}, fault.Conflict, "still_attached", 1},
		"still in use, as a conflict":    {remove, befall{status: 409, message: "Cannot delete credential still associated with a client"}, fault.Conflict, "still_attached", 1},
		"deleted":                        {remove, befall{status: 204, body: " "}, nil, "", 1},
		"deleted with the client":        {remove, befall{status: 404, code: "inexistent_client"}, nil, "", 1},
		"something else was not found":   {remove, befall{status: 404, message: "Not Found"}, fault.NotFound, "not_found", 1},
		"not allowed to delete":          {remove, befall{status: 403, code: "insufficient_scope"}, fault.Denied, "insufficient_scope", 1},
		"deleting is tried again":        {remove, befall{status: 500}, fault.Unavailable, "unavailable", 4},
		"a page by a proxy is no answer": {remove, befall{status: 407, body: "<html>"}, fault.Internal, "internal", 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stub{t: t, befalls: always(tt.befall)}
				err := tt.do(t.Context(), inMemory(t, s))
				if tt.kind == nil && err != nil || tt.kind != nil && (fault.KindOf(err) != tt.kind || fault.Reason(err) != tt.reason) {
					t.Errorf("err = %v, want %v and the reason %s", err, tt.kind, tt.reason)
				}
				if calls, _, _ := s.counts(); calls != tt.calls {
					t.Errorf("%d calls, want %d", calls, tt.calls)
				}
				if found := leaks(fmt.Sprintf("%v %+v %#v", err, err, err)); found != nil {
					t.Errorf("the error leaks %v: %v", found, err)
				}
			})
		})
	}
}

func TestSetCredentialExpiry(t *testing.T) {
	for body, at := range map[string]time.Time{
		`{"expires_at":null}`:                       {},
		`{"expires_at":"2027-03-01T00:00:00.000Z"}`: time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC),
	} {
		s := replies(200, credentialAnswer)
		if _, err := onLoopback(t, s).SetCredentialExpiry(t.Context(), "a", "cred_1", at); err != nil {
			t.Fatal(err)
		}
		if s.bodies[0] != body || s.seen[0].Method != "PATCH" || s.seen[0].URL.Path != "/api/v2/clients/a/credentials/cred_1" {
			t.Errorf("%s %s %s", s.seen[0].Method, s.seen[0].URL.Path, s.bodies[0])
		}
		described(t, "CredentialUpdate", body)
	}
}

// No id may climb out of its place in the path.
func TestIDsOfCredentialsAreChecked(t *testing.T) {
	s := replies(200, credentialAnswer)
	c := onLoopback(t, s)
	for _, ids := range [][2]string{{"", "x"}, {"a", ""}, {"a", ".."}, {"..", "x"}, {"a", strings.Repeat("x", 129)}} {
		_, get := c.Credential(t.Context(), ids[0], ids[1])
		_, set := c.SetCredentialExpiry(t.Context(), ids[0], ids[1], time.Time{})
		for _, err := range []error{get, set, c.DeleteCredential(t.Context(), ids[0], ids[1])} {
			if !errors.Is(err, fault.Invalid) {
				t.Errorf("%q: %v", ids, err)
			}
		}
	}
	for _, id := range []string{"", ".."} {
		_, list := c.Credentials(t.Context(), id)
		_, create := c.CreateCredential(t.Context(), id, NewCredential{PEM: publicPEM})
		_, rotate := c.RotateClientSecret(t.Context(), id)
		_, grant := c.CreateClientGrant(t.Context(), id, "https://api.example/", nil)
		_, grants := c.ClientGrants(t.Context(), id)
		for _, err := range []error{list, create, rotate, grant, grants} {
			if !errors.Is(err, fault.Invalid) {
				t.Errorf("%q: %v", id, err)
			}
		}
	}
	if len(s.seen) > 0 {
		t.Error("a bad id was sent")
	}
	if _, err := c.Credential(t.Context(), "a", "x/../y"); err != nil || s.seen[0].RequestURI != "/api/v2/clients/a/credentials/x%2F..%2Fy" {
		t.Errorf("asked for %s, %v", s.seen[0].RequestURI, err)
	}
}
