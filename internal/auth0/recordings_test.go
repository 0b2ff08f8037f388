package auth0

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	"clientkeeper/internal/fault"
)

// An exchange is one request and its answer, as Auth0's own Go SDK had them
// with a real tenant (auth0/go-auth0 v1.45.0, test recordings, MIT licence). Headers were not kept
// and secrets blanked.
type exchange struct {
	Request struct {
		Method, Path string
		Body         json.RawMessage
	}
	Response struct {
		Status int
		Body   json.RawMessage
	}
}

// A tape serves recorded answers to the requests that they were given to, in
// their order, and complains about all others.
type tape struct {
	t    *testing.T
	left []exchange
}

func record(t *testing.T, name string, skip func(exchange) bool) *tape {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var all []exchange
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	p := &tape{t: t}
	for _, e := range all {
		if !skip(e) {
			p.left = append(p.left, e)
		}
	}
	if len(p.left) == 0 {
		t.Fatalf("%s holds nothing of use", name)
	}
	return p
}

func (p *tape) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/oauth/token" {
		grantToken(w, canaryToken, 86400)
		return
	}
	if len(p.left) == 0 {
		p.t.Errorf("%s %s after the end of the tape", r.Method, r.URL.Path)
		return
	}
	e := p.left[0]
	p.left = p.left[1:]
	path, _, _ := strings.Cut(e.Request.Path, "?")
	if r.Method != e.Request.Method || r.URL.Path != path {
		p.t.Errorf("%s %s, the tape has %s %s", r.Method, r.URL.Path, e.Request.Method, path)
	}
	w.WriteHeader(e.Response.Status)
	if e.Response.Status != http.StatusNoContent {
		_, _ = w.Write(e.Response.Body)
	}
}

func (p *tape) done() {
	if len(p.left) > 0 {
		p.t.Errorf("%d exchanges were not asked for", len(p.left))
	}
}

func creates(e exchange) bool {
	return e.Request.Path == "/api/v2/clients" && e.Request.Method == http.MethodPost
}

func TestRecordedCIMDClient(t *testing.T) {
	p := record(t, "Client_CIMDFields.json", creates)
	defer p.done()
	c := onLoopback(t, p)
	r, err := c.RegisterCIMD(t.Context(), clientID(t, "https://client.dev/oauth/metadata.json"))
	if err != nil || !r.Created || r.ClientID != "tpc_rhQfCQohbSxytKPKF987fE" || !r.Validation.Valid {
		t.Fatalf("registered %+v, %v", r, err)
	}
	got, err := c.ClientWithSecret(t.Context(), r.ClientID)
	if err != nil {
		t.Fatal(err)
	}
	if got.ExternalClientID != "https://client.dev/oauth/metadata.json" || got.ExternalMetadataType != "cimd" ||
		got.ExternalMetadataCreatedBy != "admin" || got.FirstParty == nil || *got.FirstParty || got.Secret.IsZero() ||
		got.TokenEndpointAuthMethod != "none" || got.JWTConfiguration != (JWTConfiguration{Alg: "RS256", LifetimeInSeconds: 3600}) ||
		strings.Join(got.GrantTypes, " ") != "authorization_code" || got.AppType != "regular_web" {
		t.Errorf("got %+v", got)
	}
	if err := c.DeleteClient(t.Context(), r.ClientID); err != nil {
		t.Error(err)
	}
}

func TestRecordedList(t *testing.T) {
	p := record(t, "Client_List.json", creates)
	defer p.done()
	c := onLoopback(t, p)
	got, err := ids(t, c, Query{Paging: Offset, Fields: []string{"client_id"}})
	if err != nil || len(got) != 1 || got[0] != "MlHBtDG6MsQ4wccuZyaI6ASClmpOfDlM" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := c.DeleteClient(t.Context(), got[0]); err != nil {
		t.Error(err)
	}
}

// The second deletion of a client is answered like the first.
func TestRecordedDelete(t *testing.T) {
	p := record(t, "Client_Delete.json", creates)
	defer p.done()
	c := onLoopback(t, p)
	const id = "TzopGgIWCuI8Awu9Q7mnbxM8LM5eqswH"
	if err := c.DeleteClient(t.Context(), id); err != nil {
		t.Error(err)
	}
	if _, err := c.Client(t.Context(), id); !errors.Is(err, fault.NotFound) {
		t.Errorf("reading it again: %v", err)
	}
	if err := c.DeleteClient(t.Context(), id); err != nil {
		t.Error(err)
	}
}

func TestRecordedCreate(t *testing.T) {
	p := record(t, "Client_Create.json", func(exchange) bool { return false })
	defer p.done()
	c := onLoopback(t, p)
	made, err := c.CreateClient(t.Context(), NewClient{Name: "Test Client", Description: "This is just a test client."})
	if err != nil || made.ClientID != "yCaTa3Jtg6Rni9tHKgSWQPGM2Fdhmo6W" || made.Secret.IsZero() || made.FirstParty == nil || !*made.FirstParty {
		t.Fatalf("made %+v, %v", made, err)
	}
	if err := c.DeleteClient(t.Context(), made.ClientID); err != nil {
		t.Error(err)
	}
}

func TestRecordedRotation(t *testing.T) {
	p := record(t, "Client_RotateSecret.json", creates)
	defer p.done()
	c := onLoopback(t, p)
	const id = "aNXX5MSsNYV1Xn342GzeVF9hqOzbnQrS"
	if v, err := c.RotateClientSecret(t.Context(), id); err != nil || v.Reveal() != "[ROTATED-REDACTED]" {
		t.Errorf("rotated to %v, %v", v.IsZero(), err)
	}
	if err := c.DeleteClient(t.Context(), id); err != nil {
		t.Error(err)
	}
}

// The answer to a creation embeds whole records; the list shows the expiry as
// null where there is none.
func TestRecordedCredentials(t *testing.T) {
	p := record(t, "Client_ListCredentials.json", func(exchange) bool { return false })
	defer p.done()
	c := onLoopback(t, p)
	made, err := c.CreateClient(t.Context(), NewClient{Name: "Test Client", AuthMethod: "private_key_jwt", SigningAlg: "RS256",
		Credentials: []NewCredential{{PEM: publicPEM}}})
	if err != nil || len(made.AuthenticationMethods.PrivateKeyJWT.Credentials) != 1 {
		t.Fatalf("made %+v, %v", made, err)
	}
	first := made.AuthenticationMethods.PrivateKeyJWT.Credentials[0]
	if first.ID != "cred_vJFxjukD2mSP1s376kV7hV" || first.KeyID != "4e7yYf0TKdyTLbVnpq2wLN6mZ8t7eb9UJkMksyHj9iU" || first.Created.IsZero() {
		t.Errorf("the embedded record is %+v", first)
	}
	second, err := c.CreateCredential(t.Context(), made.ClientID, NewCredential{PEM: publicPEM})
	if err != nil || second.ID != "cred_bkUqccKJmCN8YrEbcfr8qo" || second.Alg != "RS256" {
		t.Errorf("added %+v, %v", second, err)
	}
	pool, err := c.Credentials(t.Context(), made.ClientID)
	if err != nil || len(pool) != 2 || pool[0] != first || pool[1] != second || !pool[1].Expires.IsZero() {
		t.Errorf("pool %+v, %v", pool, err)
	}
	if err := c.DeleteCredential(t.Context(), made.ClientID, second.ID); err != nil {
		t.Error(err)
	}
	if err := c.DeleteClient(t.Context(), made.ClientID); err != nil {
		t.Error(err)
	}
}

func TestRecordedCredentialOfAClient(t *testing.T) {
	p := record(t, "Client_CreateCredential.json", creates)
	defer p.done()
	c := onLoopback(t, p)
	const id = "vjomd67Z04Mb9w5o5m2EZsePRhuyB4lZ"
	made, err := c.CreateCredential(t.Context(), id, NewCredential{PEM: publicPEM})
	if err != nil || made.ID != "cred_e3WJsZXa3YqwGya24TM18V" || made.KeyID != "QTtPEeOT2gWWuID0QDg6nHgh7foYRcWkOyJ9DhNIn_A" {
		t.Errorf("made %+v, %v", made, err)
	}
	if err := c.DeleteCredential(t.Context(), id, made.ID); err != nil {
		t.Error(err)
	}
	if err := c.DeleteClient(t.Context(), id); err != nil {
		t.Error(err)
	}
}
