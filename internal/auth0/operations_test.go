package auth0

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http/httptest"
	"reflect"
	"slices"
	"testing"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/openapi"
	"clientkeeper/internal/sandbox/tenant"
	"clientkeeper/internal/secret"
)

// pages is the web that the tenant sees.
type pages map[string]map[string]any

func (p pages) Fetch(_ context.Context, url string, _ int64) (tenant.Fetched, error) {
	page, there := p[url]
	if !there {
		return tenant.Fetched{}, errors.New("the host answered with status 404")
	}
	body, err := json.Marshal(page)
	return tenant.Fetched{Body: body, ContentType: "application/json"}, err
}

// A theatre is the sandbox's tenant, with a client whose every exchange is held
// against the description.
type theatre struct {
	*testing.T
	c       *Client
	tap     *openapi.Tap
	room    *tenant.Tenant
	methods map[string]bool // of Client, that were called
}

const shopAPI = "https://shop.example/"

func openTheatre(t *testing.T) theatre {
	t.Helper()
	d, err := description()
	if err != nil {
		t.Fatal(err)
	}
	plan, err := tenant.PlanNamed("unlimited")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	room, err := tenant.New(tenant.Options{Domain: server.Listener.Addr().String(), Plan: plan, CIMD: true, Fetcher: pages{
		document: {"client_id": document, "client_name": "x", "redirect_uris": []string{"https://client.example.org/cb"}, "grant_types": []string{"authorization_code"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	room.AddAPI(shopAPI, "read:shop", "write:shop")
	id, text := room.AddManagementClient("read:clients", "create:clients", "update:clients", "delete:clients", "read:client_keys", "update:client_keys",
		"read:client_credentials", "create:client_credentials", "update:client_credentials", "delete:client_credentials",
		"read:client_grants", "create:client_grants", "update:client_grants", "delete:client_grants")
	server.Config.Handler = room
	c := start(t, server, room.Domain(), func(c *Config) {
		c.Credential = func(context.Context, bool) (Credential, error) {
			return Credential{ClientID: id, Secret: secret.New(text)}, nil
		}
	})
	tap := &openapi.Tap{Description: d, Next: c.http.Transport}
	c.http.Transport = tap
	return theatre{t, c, tap, room, map[string]bool{}}
}

// ok wants a call of a method to succeed.
func (s theatre) ok(method string, err error) {
	s.Helper()
	s.methods[method] = true
	if err != nil {
		s.Fatalf("%s: %v", method, err)
	}
}

// fails wants it to fail, in this way.
func (s theatre) fails(method string, err error, kind fault.Kind, reason string) {
	s.Helper()
	if fault.KindOf(err) != kind || fault.Reason(err) != reason {
		s.Errorf("%s: %v, want %v with %s", method, err, kind, reason)
	}
}

// aside are methods that ask for nothing of the description.
var aside = []string{"Format", "Allowance", "Preflight"}

// TestEveryOperationOfTheClient calls every method and, with them, asks for
// every operation of the description. Requests and answers follow it.
func TestEveryOperationOfTheClient(t *testing.T) {
	s := openTheatre(t)
	s.clients()
	s.credentials()
	s.documents()
	s.grants()
	for _, problem := range s.tap.Problems() {
		t.Error(problem)
	}
	for _, o := range s.tap.Description.Operations() {
		if !slices.ContainsFunc(s.tap.Seen(o.ID), func(status int) bool { return status < 300 }) {
			t.Errorf("no method asks for %s", o.ID)
		}
	}
	all := reflect.TypeFor[*Client]()
	for i := range all.NumMethod() {
		if name := all.Method(i).Name; !s.methods[name] && !slices.Contains(aside, name) {
			t.Errorf("%s was not called", name)
		}
	}
	if v := s.room.Violations(); len(v) > 0 {
		t.Errorf("the tenant complains: %q", v)
	}
}

func (s theatre) clients() {
	ctx := s.Context()
	made, err := s.c.CreateClient(ctx, NewClient{Name: "shop", AppType: "non_interactive", GrantTypes: []string{"client_credentials"}, AuthMethod: "client_secret_basic",
		Description: "d", SigningAlg: "RS256", OIDCConformant: true, Metadata: map[string]string{"team": "a"}, Quota: TokenQuota{PerHour: 9, Enforce: true}})
	s.ok("CreateClient", err)
	id, value := made.ClientID, "v"
	s.ok("UpdateClient", s.c.UpdateClient(ctx, id, ClientPatch{Name: "n", Description: &value, GrantTypes: []string{"client_credentials"}, Secret: secret.New("chosen"),
		Authentication: Authentication{Method: "client_secret_post"}, SigningAlg: "RS256", Metadata: map[string]*string{"team": nil, "b": &value}, Quota: &TokenQuota{}}))
	s.ok("SetClientSecret", s.c.SetClientSecret(ctx, id, secret.New("another")))
	s.ok("SetClientMetadata", s.c.SetClientMetadata(ctx, id, map[string]string{"c": "d"}))
	rotated, err := s.c.RotateClientSecret(ctx, id)
	s.ok("RotateClientSecret", err)
	shown, err := s.c.ClientWithSecret(ctx, id)
	s.ok("ClientWithSecret", err)
	if !shown.Secret.Equal(rotated) || shown.Metadata["c"] != "d" || shown.Metadata["team"] != "" {
		s.Errorf("shown %+v", shown)
	}
	few, err := s.c.Client(ctx, id, "client_id", "name")
	s.ok("Client", err)
	if few.Name != "n" || few.AppType != "" {
		s.Errorf("the fields that were asked for: %+v", few)
	}
	yes := true
	for _, q := range []Query{{}, {Paging: Offset, PageSize: 1}, {PageSize: 1}, {FirstParty: &yes, AppTypes: []string{"non_interactive"}, Fields: []string{"client_id"}}, {Global: true}} {
		found := 0
		for _, err := range s.c.Clients(ctx, q) {
			s.ok("Clients", err)
			found++
		}
		if want := 2; !q.Global && found != want {
			s.Errorf("%+v finds %d", q, found)
		}
	}
	login, err := s.c.Login(ctx, Credential{ClientID: id, Secret: rotated}, shopAPI)
	s.ok("Login", err)
	if login != GrantRefused {
		s.Errorf("a login without a grant: %s", login)
	}
	for range 2 {
		s.ok("DeleteClient", s.c.DeleteClient(ctx, id))
	}
	_, err = s.c.Client(ctx, id)
	s.fails("Client", err, fault.NotFound, "inexistent_client")
	s.fails("UpdateClient", s.c.UpdateClient(ctx, id, ClientPatch{Name: "n"}), fault.NotFound, "inexistent_client")
	_, err = s.c.Client(ctx, "nobody", "signing_key", "x")
	s.fails("Client", err, fault.NotFound, "inexistent_client")
}

// certificatePEM is a certificate of its own key.
func certificatePEM(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "shop"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func (s theatre) credentials() {
	ctx, cert := s.Context(), certificatePEM(s.T)
	made, err := s.c.CreateClient(ctx, NewClient{Name: "keys", AuthMethod: "private_key_jwt", SigningAlg: "RS256", Credentials: []NewCredential{{PEM: knownPEM, Name: "k"}}})
	s.ok("CreateClient", err)
	id, key := made.ClientID, made.AuthenticationMethods.PrivateKeyJWT.Credentials[0]
	if key.KeyID != knownPrint {
		s.Errorf("made %+v", key)
	}
	byType := map[string]ClientCredential{"private_key_jwt": key}
	for method, n := range map[string]NewCredential{
		"":                            {PEM: cert, ExpiryFromCert: true, Alg: "PS256"},
		"self_signed_tls_client_auth": {Type: "x509_cert", PEM: cert},
		"tls_client_auth":             {Type: "cert_subject_dn", SubjectDN: "CN=shop"},
	} {
		byType[method], err = s.c.CreateCredential(ctx, id, n)
		s.ok("CreateCredential", err)
	}
	_, err = s.c.CreateCredential(ctx, id, NewCredential{PEM: knownPEM, KeyID: "another-kid"})
	s.fails("CreateCredential", err, fault.Conflict, "pool_full")
	_, err = s.c.CreateCredential(ctx, id, NewCredential{Type: "x509_cert", PEM: cert})
	s.fails("CreateCredential", err, fault.Conflict, "duplicate_key")
	pool, err := s.c.Credentials(ctx, id)
	s.ok("Credentials", err)
	if len(pool) != 4 || byType["self_signed_tls_client_auth"].Thumbprint == "" || byType["tls_client_auth"].SubjectDN != "CN=shop" || byType[""].Expires.IsZero() {
		s.Errorf("pool %+v", pool)
	}
	for method, cred := range byType {
		if method == "" {
			continue
		}
		s.ok("UpdateClient", s.c.UpdateClient(ctx, id, ClientPatch{Authentication: Authentication{Method: method, CredentialIDs: []string{cred.ID}}}))
		s.ok("EnableCredentials", s.c.EnableCredentials(ctx, id, method, []string{cred.ID}))
		s.fails("DeleteCredential", s.c.DeleteCredential(ctx, id, cred.ID), fault.Conflict, "still_attached")
	}
	s.ok("EnableCredentials", s.c.EnableCredentials(ctx, id, "private_key_jwt", []string{key.ID, byType[""].ID}))
	s.ok("SetCredentials", s.c.SetCredentials(ctx, id, []string{key.ID}))
	one, err := s.c.Credential(ctx, id, key.ID)
	s.ok("Credential", err)
	later := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	changed, err := s.c.SetCredentialExpiry(ctx, id, key.ID, later)
	s.ok("SetCredentialExpiry", err)
	if one.KeyID != knownPrint || !changed.Expires.Equal(later) {
		s.Errorf("read %+v, changed to %+v", one, changed)
	}
	for range 2 {
		s.ok("DeleteCredential", s.c.DeleteCredential(ctx, id, byType[""].ID))
	}
	_, err = s.c.Credential(ctx, id, byType[""].ID)
	s.fails("Credential", err, fault.NotFound, "inexistent_credential")
	_, err = s.c.RotateClientSecret(ctx, id)
	s.fails("RotateClientSecret", err, fault.Invalid, "invalid")
	s.ok("DeleteClient", s.c.DeleteClient(ctx, id))
}
