package credential

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
)

// furnished is a world with one client that was made here.
func furnished(t *testing.T, method string) (*world, *Service, Client) {
	t.Helper()
	w := newWorld(t)
	s := w.service()
	made, err := s.CreateClient(t.Context(), testOperation, NewClient{Name: "orders", AuthMethod: method})
	if err != nil {
		t.Fatal(err)
	}
	w.calls = nil
	return w, s, made
}

func operation(n int) Operation { return Operation{ID: strings.Repeat(string(rune('a'+n)), 26)} }

func TestClientsThatAreRefused(t *testing.T) {
	long := strings.Repeat("x", 300)
	for name, test := range map[string]struct {
		want   NewClient
		kind   fault.Kind
		reason string
	}{
		"no name":                       {NewClient{}, fault.Invalid, "invalid_client"},
		"white space as a name":         {NewClient{Name: "  "}, fault.Invalid, "invalid_client"},
		"markup in the name":            {NewClient{Name: "<b>"}, fault.Invalid, "invalid_client"},
		"a line break in the name":      {NewClient{Name: "a\nb"}, fault.Invalid, "invalid_client"},
		"letters that turn around":      {NewClient{Name: "a\u202eb"}, fault.Invalid, "invalid_client"},
		"a long name":                   {NewClient{Name: long}, fault.Invalid, "invalid_client"},
		"a long description":            {NewClient{Name: "a", Description: long}, fault.Invalid, "invalid_client"},
		"another method":                {NewClient{Name: "a", AuthMethod: "none"}, fault.Invalid, "invalid_client"},
		"too often":                     {NewClient{Name: "a", Interval: time.Minute}, fault.Invalid, "invalid_client"},
		"a quota below zero":            {NewClient{Name: "a", Quota: Quota{PerHour: -1}}, fault.Invalid, "invalid_client"},
		"a quota of nothing":            {NewClient{Name: "a", Quota: Quota{Enforce: true}}, fault.Invalid, "invalid_client"},
		"an API twice":                  {NewClient{Name: "a", Grants: []Grant{{Audience: "x"}, {Audience: "x"}}}, fault.Invalid, "invalid_client"},
		"no API":                        {NewClient{Name: "a", Grants: []Grant{{}}}, fault.Invalid, "invalid_client"},
		"a scope with a space":          {NewClient{Name: "a", Grants: []Grant{{"x", []string{"a b"}}}}, fault.Invalid, "invalid_client"},
		"our own tags":                  {NewClient{Name: "a", Tags: map[string]string{"ClientKeeper:managed": "true"}}, fault.Invalid, "invalid_client"},
		"AWS's own tags":                {NewClient{Name: "a", Tags: map[string]string{"aws:x": "y"}}, fault.Invalid, "invalid_client"},
		"a tag with a line break":       {NewClient{Name: "a", Tags: map[string]string{"a": "b\nc"}}, fault.Invalid, "invalid_client"},
		"the Management API":            {NewClient{Name: "a", Grants: []Grant{{Audience: "https://acme.eu.auth0.com/api/v2/"}}}, fault.Denied, "tenant_api"},
		"the same in capitals":          {NewClient{Name: "a", Grants: []Grant{{Audience: "HTTPS://ACME.eu.auth0.com/API/V2"}}}, fault.Denied, "tenant_api"},
		"the same of another domain":    {NewClient{Name: "a", Grants: []Grant{{Audience: "https://x.auth0.com/api/v2/"}}}, fault.Denied, "tenant_api"},
		"another API of the tenant":     {NewClient{Name: "a", Grants: []Grant{{Audience: "https://acme.eu.auth0.com/me/"}}}, fault.Denied, "tenant_api"},
		"refused by the tenant":         {NewClient{Name: "refused"}, fault.Invalid, "invalid_body"},
		"an API that does not exist":    {NewClient{Name: "a", Grants: []Grant{{Audience: "https://nowhere.example.com"}}}, fault.Invalid, "grant_refused"},
		"the same, with a secret":       {NewClient{Name: "a", AuthMethod: ClientSecretPost, Grants: []Grant{{Audience: "https://nowhere.example.com"}}}, fault.Invalid, "grant_refused"},
		"one API of two does not exist": {NewClient{Name: "a", Grants: []Grant{{Audience: "https://orders.example.com"}, {Audience: "x"}}}, fault.Invalid, "grant_refused"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, err := w.service().CreateClient(t.Context(), testOperation, test.want)
			if fault.KindOf(err) != test.kind || fault.Reason(err) != test.reason {
				t.Errorf("%v, want %v %s", err, test.kind, test.reason)
			}
			if len(w.clients)+len(w.secrets) > 0 {
				t.Errorf("left: %d clients, %d secrets", len(w.clients), len(w.secrets))
			}
		})
	}
}

// A client whose creation has lost its answer, and that appears late, is
// neither made twice nor lost.
func TestAClientThatAppearsLate(t *testing.T) {
	for hidden := range 8 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.hideMarked, w.point = hidden, &point{2, "tenant.create", lostOnce}
			made, err := w.service().CreateClient(t.Context(), testOperation, NewClient{Name: "orders"})
			if err != nil || w.only().ID != made.ClientID {
				t.Errorf("hidden %d times: %+v, %v", hidden, made, err)
			}
		})
	}
}

func TestNamesOfSecrets(t *testing.T) {
	for name, want := range map[string]string{
		"Orders & co":             "clients/orders-co-aaaaaaaaaaaa",
		"日本":                      "clients/client-aaaaaaaaaaaa",
		"../../etc":               "clients/etc-aaaaaaaaaaaa",
		strings.Repeat("ab-", 50): "clients/ab-ab-ab-ab-ab-ab-ab-ab-ab-ab-ab-ab-ab-a-aaaaaaaaaaaa",
	} {
		if got := (&Service{}).secretName(slugOf(name), operation(0)); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

func TestWhoseClientsAreWorkedOn(t *testing.T) {
	w, s, made := furnished(t, PrivateKeyJWT)
	w.clients["stranger"] = &fakeClient{State: State{ID: "stranger", Method: "client_secret_post"}}
	for id, reason := range map[string]string{made.ClientID: "", "management": "management_client", "stranger": "client_not_managed",
		"nobody": "client_not_found", "": "client_not_found", "../x": "client_not_found", "a/b": "client_not_found", strings.Repeat("x", 200): "client_not_found"} {
		_, err := s.Credentials(t.Context(), id)
		if reason == "" && err != nil || reason != "" && fault.Reason(err) != reason {
			t.Errorf("%q: %v, want %s", id, err, reason)
		}
	}
	s.AnyClient = true
	if _, err := s.Credentials(t.Context(), "stranger"); err != nil {
		t.Error(err)
	}
	if _, err := s.StartRotation(t.Context(), operation(1), "stranger"); fault.Reason(err) != "client_not_managed" {
		t.Error(err)
	}
}

func TestPlacesForCredentials(t *testing.T) {
	attach := NewCredential{Attach: true}
	for name, test := range map[string]struct {
		method  string
		before  []NewCredential
		add     NewCredential
		any     bool // the client has no managed secret
		reason  string
		secrets int // there in the end
	}{
		"attached beside the managed one": {PrivateKeyJWT, nil, attach, false, "", 2},
		"a third":                         {PrivateKeyJWT, []NewCredential{attach}, attach, false, "slots_taken", 2},
		"a third, not attached":           {PrivateKeyJWT, []NewCredential{attach}, NewCredential{}, false, "", 3},
		"a fifth":                         {PrivateKeyJWT, []NewCredential{{}, {}, {}}, NewCredential{}, false, "pool_full", 4},
		"to a client with a secret":       {ClientSecretPost, nil, attach, false, "other_method", 1},
		"not attached, likewise":          {ClientSecretPost, nil, NewCredential{}, false, "", 2},
		"the same key again":              {PrivateKeyJWT, []NewCredential{{PEM: public(t, 0)}}, NewCredential{PEM: public(t, 0)}, false, "duplicate_key", 1},
		"a subject, attached":             {PrivateKeyJWT, nil, NewCredential{SubjectDN: "CN=a", Use: TLS, Attach: true}, false, "other_method", 1},
		"a subject switches a client":     {ClientSecretPost, nil, NewCredential{SubjectDN: "CN=a", Use: TLS, Attach: true}, true, "", 0},
		"switched from two keys":          {PrivateKeyJWT, []NewCredential{{PEM: public(t, 0), Attach: true}}, NewCredential{SubjectDN: "CN=a", Use: TLS, Attach: true}, true, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w, s, made := furnished(t, test.method)
			if test.any {
				s.AnyClient = true
				clear(w.secrets)
			}
			for i, n := range test.before {
				if _, err := s.AddCredentials(t.Context(), operation(i+1), made.ClientID, n); err != nil {
					t.Fatal(err)
				}
			}
			before := len(w.clients[made.ClientID].credentials)
			w.calls = nil
			added, err := s.AddCredentials(t.Context(), operation(9), made.ClientID, test.add)
			if test.reason != "" && slices.ContainsFunc(w.calls, func(op string) bool { return slices.Contains(writes, op) }) {
				t.Errorf("something was made before it was refused: %v", w.calls)
			}
			if test.reason == "" && (err != nil || added[0].Attached != test.add.Attach) || test.reason != "" && (fault.Reason(err) != test.reason || fault.KindOf(err) != fault.Conflict) {
				t.Errorf("%+v, %v; want %s", added, err, test.reason)
			}
			if test.reason != "" && len(w.clients[made.ClientID].credentials) != before || len(w.secrets) != test.secrets {
				t.Errorf("%d credentials before, %d after, %d secrets", before, len(w.clients[made.ClientID].credentials), len(w.secrets))
			}
		})
	}
}

func TestCredentialsThatAreRefused(t *testing.T) {
	w, s, made := furnished(t, PrivateKeyJWT)
	good := public(t, 0)
	now := time.Now()
	cert := certificate(t, now.Add(-time.Hour), now.Add(time.Hour), &own()[0].PublicKey)
	for name, test := range map[string]struct {
		n      NewCredential
		reason string
	}{
		"two at once":                  {NewCredential{PEM: good, Certificate: cert}, "invalid_credential"},
		"a name of ours":               {NewCredential{Name: "clientkeeper x"}, "invalid_credential"},
		"a name of ours, behind space": {NewCredential{Name: " clientkeeper x"}, "invalid_credential"},
		"a name with a line break":     {NewCredential{Name: "a\nb"}, "invalid_credential"},
		"an alg for other keys":        {NewCredential{Alg: "ES256"}, "invalid_credential"},
		"alg none":                     {NewCredential{Alg: "none"}, "invalid_credential"},
		"a small key":                  {NewCredential{KeySize: 1024}, "invalid_credential"},
		"expires at once":              {NewCredential{ExpiresIn: time.Second}, "invalid_credential"},
		"expires never again":          {NewCredential{ExpiresIn: -time.Hour}, "invalid_credential"},
		"another use":                  {NewCredential{Use: "none"}, "invalid_credential"},
		"a key for mTLS":               {NewCredential{PEM: good, Use: TLS}, "invalid_credential"},
		"a subject for keys":           {NewCredential{SubjectDN: "CN=a"}, "invalid_credential"},
		"no subject":                   {NewCredential{Use: TLS}, "invalid_credential"},
		"no certificate":               {NewCredential{Use: SelfSignedTLS, SubjectDN: "CN=a"}, "invalid_credential"},
		"an expiry of a certificate":   {NewCredential{Use: SelfSignedTLS, Certificate: cert, ExpiresIn: time.Hour}, "invalid_credential"},
		"two algs":                     {NewCredential{JWK: []byte(strings.TrimSuffix(jwk(t, 0, "a-good-key-id"), "}") + `,"alg":"RS256"}`), Alg: "PS256"}, "alg_mismatch"},
		"a private key":                {NewCredential{PEM: "-----BEGIN PRIVATE KEY-----"}, "private_key"},
		"a URI that nobody allowed":    {NewCredential{JWKSURI: "https://keys.example.com/jwks"}, "host_not_allowed"},
		"a URI without TLS":            {NewCredential{JWKSURI: "http://keys.example.com/jwks"}, "jwks_uri_invalid"},
		"a URI with a user":            {NewCredential{JWKSURI: "https://a@keys.example.com/jwks"}, "jwks_uri_invalid"},
		"a URI of a file":              {NewCredential{JWKSURI: "file:///etc/passwd"}, "jwks_uri_invalid"},
		"a URI with a fragment":        {NewCredential{JWKSURI: "https://keys.example.com/jwks#a"}, "jwks_uri_invalid"},
		"a private key beside another": {NewCredential{PEM: "x", JWK: []byte(`{"d":"x"}`)}, "invalid_credential"},
	} {
		t.Run(name, func(t *testing.T) {
			w.calls = nil
			_, err := s.AddCredentials(t.Context(), operation(1), made.ClientID, test.n)
			if fault.Reason(err) != test.reason {
				t.Errorf("%v, want %s", err, test.reason)
			}
			if test.n.JWKSURI == "" && len(w.calls) > 0 {
				t.Errorf("refused after %v", w.calls)
			}
			if len(w.secrets) != 1 || len(w.clients[made.ClientID].credentials) != 1 {
				t.Error("something was made")
			}
		})
	}
}

func TestAKeySetIsFetchedOnce(t *testing.T) {
	w, s, made := furnished(t, PrivateKeyJWT)
	fetched := 0
	s.Hosts = func(host string) bool { return host == "keys.example.com" }
	s.Fetch = func(_ context.Context, url string) ([]byte, error) {
		fetched++
		return []byte(`{"keys":[` + jwk(t, 0, "first-key-1") + `,{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"},` + jwk(t, 1, "second-key") + `]}`), nil
	}
	added, err := s.AddCredentials(t.Context(), operation(1), made.ClientID, NewCredential{JWKSURI: "https://keys.example.com/jwks"})
	if err != nil || len(added) != 2 || fetched != 1 || added[0].KeyID != "first-key-1" || added[1].SecretARN != "" {
		t.Errorf("%+v, %v, fetched %d times", added, err, fetched)
	}
	op := operation(1)
	op.Resumed = true
	again, err := s.AddCredentials(t.Context(), op, made.ClientID, NewCredential{JWKSURI: "https://keys.example.com/jwks"})
	if err != nil || !reflect.DeepEqual(again, added) || len(w.clients[made.ClientID].credentials) != 3 {
		t.Errorf("repeated: %+v, %v; there %+v", again, err, w.clients[made.ClientID].credentials)
	}
	for _, id := range []string{"nobody", "management"} {
		if _, err := s.AddCredentials(t.Context(), operation(2), id, NewCredential{JWKSURI: "https://keys.example.com/jwks"}); err == nil || fetched != 2 {
			t.Errorf("for a client that gets none (%v), keys were fetched", err)
		}
	}
}

// A set that changes between two tries leaves nothing of the first.
func TestAKeySetThatChanges(t *testing.T) {
	w, s, made := furnished(t, PrivateKeyJWT)
	set := jwk(t, 0, "first-key-1")
	s.Hosts = func(string) bool { return true }
	s.Fetch = func(context.Context, string) ([]byte, error) { return []byte(`{"keys":[` + set + `]}`), nil }
	n := NewCredential{JWKSURI: "https://keys.example.com/jwks"}
	if _, err := s.AddCredentials(t.Context(), operation(2), made.ClientID, NewCredential{}); err != nil {
		t.Fatal(err)
	}
	w.calls = nil
	op := operation(1)
	w.point = &point{5, "tenant.add", killAfter}
	if _, err := s.AddCredentials(t.Context(), op, made.ClientID, n); err == nil || !w.struck {
		t.Fatalf("%v after %v", err, w.calls)
	}
	w.point, w.dead, op.Resumed = nil, false, true
	set = jwk(t, 1, "second-key")
	added, err := s.AddCredentials(t.Context(), op, made.ClientID, n)
	c := w.clients[made.ClientID]
	if err != nil || len(added) != 1 || len(c.credentials) != 3 || c.credentials[2].KeyID != "second-key" {
		t.Errorf("%+v, %v; there %+v", added, err, c.credentials)
	}
}

func TestCertificatesByTheirUse(t *testing.T) {
	now := time.Now()
	cert := certificate(t, now.Add(-time.Hour), now.Add(time.Hour), &own()[0].PublicKey)
	for use, want := range map[string]string{"": typePublicKey, PrivateKeyJWT: typePublicKey, SelfSignedTLS: typeCertificate, TLS: typeSubject} {
		_, s, made := furnished(t, PrivateKeyJWT)
		added, err := s.AddCredentials(t.Context(), operation(1), made.ClientID, NewCredential{Certificate: cert, Use: use})
		if err != nil || added[0].Type != want {
			t.Errorf("%q: %+v, %v", use, added, err)
			continue
		}
		if expires := added[0].Expires; want == typePublicKey && (expires.IsZero() || expires.After(now.Add(time.Hour))) {
			t.Errorf("the key of a certificate lives until %v", expires)
		}
	}
}

func TestRemoving(t *testing.T) {
	w, s, made := furnished(t, PrivateKeyJWT)
	own, err := s.AddCredentials(t.Context(), operation(1), made.ClientID, NewCredential{PEM: public(t, 0), Attach: true})
	if err != nil {
		t.Fatal(err)
	}
	c := w.clients[made.ClientID]
	managed := c.credentials[0].ID
	try := func(id string, force bool, reason string) {
		t.Helper()
		if err := s.Remove(t.Context(), made.ClientID, id, force); reason == "" && err != nil || reason != "" && fault.Reason(err) != reason {
			t.Errorf("%s, force %v: %v; want %q", id, force, err, reason)
		}
	}
	try("cred_none", false, "credential_not_found")
	try("../x", false, "credential_not_found")
	try(managed, false, "managed_credential")
	try(managed, true, "")
	try(own[0].ID, false, "last_credential")
	if !slices.Equal(c.Attached, []string{own[0].ID}) {
		t.Errorf("attached %v", c.Attached)
	}
	try(own[0].ID, true, "")
	try(own[0].ID, true, "credential_not_found")
	if len(c.Attached)+len(c.credentials) != 0 {
		t.Errorf("left: %+v", c.credentials)
	}
}

// While a rotation changes the list of attached keys, nobody else does.
func TestARotationIsNotDisturbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, made := furnished(t, PrivateKeyJWT)
		if _, err := s.StartRotation(t.Context(), operation(1), made.ClientID); err != nil {
			t.Fatal(err)
		}
		_, err := s.AddCredentials(t.Context(), operation(2), made.ClientID, NewCredential{Attach: true})
		if fault.Reason(err) != "rotation_in_progress" || len(w.secrets) != 1 || len(w.clients[made.ClientID].credentials) != 1 {
			t.Errorf("%v, %d secrets", err, len(w.secrets))
		}
	})
}

func TestExpiry(t *testing.T) {
	w, s, made := furnished(t, PrivateKeyJWT)
	added, err := s.AddCredentials(t.Context(), operation(1), made.ClientID, NewCredential{})
	if err != nil {
		t.Fatal(err)
	}
	subject, err := s.AddCredentials(t.Context(), operation(2), made.ClientID, NewCredential{SubjectDN: "CN=a", Use: TLS})
	if err != nil {
		t.Fatal(err)
	}
	if !added[0].Expires.IsZero() {
		t.Errorf("a key that nobody limited expires at %v", added[0].Expires)
	}
	short, err := s.AddCredentials(t.Context(), operation(3), made.ClientID, NewCredential{ExpiresIn: time.Hour})
	if left := time.Until(short[0].Expires); err != nil || left <= 0 || left > time.Hour {
		t.Errorf("one for an hour has %v left, %v", left, err)
	}
	at := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	k, err := s.SetExpiry(t.Context(), made.ClientID, added[0].ID, at)
	if err != nil || !k.Expires.Equal(at) || k.SecretARN != added[0].SecretARN {
		t.Errorf("%+v, %v", k, err)
	}
	for id, reason := range map[string]string{added[0].ID: "expiry_past", subject[0].ID: "expiry_fixed"} {
		if _, err := s.SetExpiry(t.Context(), made.ClientID, id, time.Now().Add(-time.Second)); fault.Reason(err) != reason {
			t.Errorf("%v, want %s", err, reason)
		}
	}
	if _, err := s.SetExpiry(t.Context(), made.ClientID, w.clients[made.ClientID].credentials[0].ID, at); fault.Reason(err) != "managed_credential" {
		t.Error(err)
	}
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	var want, got []string
	for i := range 5 {
		made, err := s.CreateClient(t.Context(), operation(i), NewClient{Name: "client " + string(rune('a'+i))})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, made.ClientID)
	}
	for cursor, pages := "", 0; ; pages++ {
		page, next, err := s.Clients(t.Context(), cursor, 2)
		if err != nil || pages > 3 {
			t.Fatalf("page %d: %v", pages, err)
		}
		for _, c := range page {
			got = append(got, c.ClientID)
		}
		if cursor = next; next == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for _, cursor := range []string{"x", "%%%", "YzE6", cursorAfter("a\x00b"), cursorAfter(strings.Repeat("a", 600))} {
		if page, _, err := s.Clients(t.Context(), cursor, 2); cursor != "YzE6" && fault.Reason(err) != "cursor_invalid" {
			t.Errorf("%q: %v, %v", cursor, page, err)
		}
	}
}
