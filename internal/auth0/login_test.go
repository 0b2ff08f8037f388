package auth0

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

func TestLoginResults(t *testing.T) {
	tests := map[string]struct {
		status int
		body   string
		header map[string]string
		want   LoginResult
		kind   error // nil if there is a result
		calls  int
	}{
		"a token":             {200, `{"access_token":"` + canaryToken + `","token_type":"Bearer","expires_in":60}`, nil, Accepted, nil, 1},
		"wrong secret, live":  {401, `{"error":"access_denied","error_description":"Unauthorized"}`, nil, Refused, nil, 1},
		"wrong, documented":   {401, `{"error":"invalid_client","error_description":"Client authentication failed"}`, nil, Refused, nil, 1},
		"wrong, by RFC":       {400, `{"error":"invalid_client"}`, nil, Refused, nil, 1},
		"no grant type":       {403, `{"error":"unauthorized_client","error_description":"Grant type 'client_credentials' not allowed for the client."}`, nil, GrantRefused, nil, 1},
		"no client grant":     {403, `{"error":"access_denied","error_description":"Client is not authorized to access resource server"}`, nil, GrantRefused, nil, 1},
		"a firewall":          {403, `<html>` + canaryBody, nil, "", fault.Denied, 1},
		"another 403":         {403, `{"error":"too_cold"}`, nil, "", fault.Denied, 1},
		"a bad request":       {400, `{"error":"invalid_request"}`, nil, "", fault.Invalid, 1},
		"no such place":       {404, `Not Found`, nil, "", fault.Internal, 1},
		"a redirect":          {302, ``, map[string]string{"Location": "https://evil.example/"}, "", fault.Internal, 1},
		"busy":                {429, `{"error":"too_many_requests"}`, map[string]string{"Retry-After": "1"}, "", fault.RateLimited, 4},
		"busy for long":       {429, `{"error":"too_many_requests"}`, map[string]string{"Retry-After": "600"}, "", fault.RateLimited, 1},
		"broken":              {500, `{"error":"server_error"}`, nil, "", fault.Unavailable, 1},
		"broken, with a code": {502, `{"error":"invalid_client"}`, nil, "", fault.Unavailable, 1},
		"broken, no grant":    {503, `{"error":"access_denied"}`, nil, "", fault.Unavailable, 1},
		"bad, no grant":       {400, `{"error":"unauthorized_client"}`, nil, "", fault.Invalid, 1},
		"no token in it":      {200, `{"token_type":"Bearer"}`, nil, "", fault.Internal, 1},
		"a proxy's page":      {200, `<html>` + canaryBody, nil, "", fault.Unavailable, 1},
	}
	cred := Credential{ClientID: "machine", Secret: secret.New(canarySecret)}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stub{t: t, grants: func(_ int, w http.ResponseWriter, _ *http.Request) {
					for k, v := range tt.header {
						w.Header().Set(k, v)
					}
					w.WriteHeader(tt.status)
					_, _ = io.WriteString(w, tt.body)
				}}
				got, err := inMemory(t, s).Login(t.Context(), cred)
				if got != tt.want || (err == nil) != (tt.kind == nil) || err != nil && fault.KindOf(err) != tt.kind {
					t.Errorf("%q, %v; want %q, %v", got, err, tt.want, tt.kind)
				}
				if calls, tokens, _ := s.counts(); tokens != tt.calls || calls != 0 {
					t.Errorf("%d requests for a token and %d others, want %d", tokens, calls, tt.calls)
				}
				if found := leaks(fmt.Sprintf("%v %+v %#v", err, err, err)); found != nil {
					t.Errorf("the error leaks %v: %v", found, err)
				}
			})
		})
	}
}

// Every login is a request of its own, and no call uses what it brought.
func TestLoginKeepsNothing(t *testing.T) {
	s := &stub{t: t}
	c := onLoopback(t, s)
	for range 3 {
		if got, err := c.Login(t.Context(), Credential{ClientID: "machine", Secret: secret.New("x")}); err != nil || got != Accepted {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if _, fresh := c.tokens.peek(); fresh {
		t.Error("a machine's token has become the management token")
	}
	if _, tokens, _ := s.counts(); tokens != 3 {
		t.Errorf("%d requests", tokens)
	}
}

func TestHowACredentialIsPresented(t *testing.T) {
	_, key := newKey(t, 2048)
	text := secret.New("s p:a/c+e" + canarySecret)
	tests := map[string]struct {
		cred     Credential
		audience []string
		want     url.Values // empty if nothing is sent; "jwt" stands for an assertion
		basic    string
	}{
		"post":                   {Credential{ClientID: "m", Secret: text}, nil, url.Values{"client_id": {"m"}, "client_secret": {text.Reveal()}}, ""},
		"post by name":           {Credential{ClientID: "m", Secret: text, PrivateKeyPEM: key, AuthMethod: "client_secret_post"}, nil, url.Values{"client_id": {"m"}, "client_secret": {text.Reveal()}}, ""},
		"basic":                  {Credential{ClientID: "m n", Secret: text, AuthMethod: "client_secret_basic"}, nil, url.Values{}, "m+n:" + url.QueryEscape(text.Reveal())},
		"key":                    {Credential{ClientID: "m", Secret: text, PrivateKeyPEM: key}, nil, url.Values{"client_id": {"m"}, "client_assertion": {"jwt"}}, ""},
		"key by name":            {Credential{ClientID: "m", PrivateKeyPEM: key, AuthMethod: "private_key_jwt"}, []string{""}, url.Values{"client_id": {"m"}, "client_assertion": {"jwt"}}, ""},
		"an audience":            {Credential{ClientID: "m", Secret: text}, []string{"https://api.example/"}, url.Values{"client_id": {"m"}, "client_secret": {text.Reveal()}, "audience": {"https://api.example/"}}, ""},
		"no secret":              {Credential{ClientID: "m"}, nil, nil, ""},
		"no client id":           {Credential{Secret: text}, nil, nil, ""},
		"a method without proof": {Credential{ClientID: "m", Secret: text, AuthMethod: "none"}, nil, nil, ""},
		"a key that is none":     {Credential{ClientID: "m", PrivateKeyPEM: text}, nil, nil, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var form url.Values
			var user, password string
			s := &stub{t: t, grants: func(_ int, w http.ResponseWriter, r *http.Request) {
				if err := r.ParseForm(); err != nil {
					t.Error(err)
				}
				form = r.PostForm
				user, password, _ = r.BasicAuth()
				grantToken(w, canaryToken, 60)
			}}
			c := onLoopback(t, s)
			got, err := c.Login(t.Context(), tt.cred, tt.audience...)
			if tt.want == nil {
				if got != "" || !errors.Is(err, fault.Invalid) || fault.Reason(err) != "credential_unusable" || form != nil || leaks(err.Error()) != nil {
					t.Errorf("%q, %v, sent %v", got, err, form)
				}
				return
			}
			if err != nil || got != Accepted {
				t.Fatalf("%q, %v", got, err)
			}
			if assertion := form.Get("client_assertion"); assertion != "" {
				form.Set("client_assertion", "jwt")
				form.Del("client_assertion_type")
			}
			tt.want.Set("grant_type", "client_credentials")
			if !tt.want.Has("audience") {
				tt.want.Set("audience", c.audience)
			}
			if form.Encode() != tt.want.Encode() || strings.TrimPrefix(user+":"+password, ":") != tt.basic {
				t.Errorf("sent %v and %s:%s", form, user, password)
			}
		})
	}
}

// Logins have the bucket of the Authentication API, whatever befell the other.
func TestLoginHasABucketOfItsOwn(t *testing.T) {
	s := &stub{t: t}
	c := onLoopback(t, s)
	cred := Credential{ClientID: "machine", Secret: secret.New("x")}
	c.api.closed = time.Now().Add(time.Hour)
	if got, err := c.Login(t.Context(), cred); err != nil || got != Accepted {
		t.Errorf("with the Management API closed: %q, %v", got, err)
	}
	c.auth.closed = time.Now().Add(time.Hour)
	if got, err := c.Login(t.Context(), cred); got != "" || fault.Reason(err) != "held_back" {
		t.Errorf("with the Authentication API closed: %q, %v", got, err)
	}
}
