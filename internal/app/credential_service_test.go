package app

import (
	"context"
	"encoding/json"
	"net"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	cred "clientkeeper/internal/credential"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/idempotency"
	"clientkeeper/internal/safehttp"
	"clientkeeper/internal/sandbox/secretsmanager"
	tenantroom "clientkeeper/internal/sandbox/tenant"
)

// A maker is the service with a tenant and a Secrets Manager on the wire.
type maker struct {
	*cred.Service
	ledger  *idempotency.Ledger
	tenant  *tenantroom.Tenant
	secrets *secretsmanager.Service
	aws     aws.Config
	options CredentialOptions
	self    string
}

var makerScopes = []string{"create:clients", "read:clients", "update:clients", "delete:clients", "update:client_keys", "create:client_credentials",
	"read:client_credentials", "update:client_credentials", "delete:client_credentials", "create:client_grants", "read:client_grants"}

func openMaker(t *testing.T) *maker {
	t.Helper()
	return openMakerWith(t, secretsmanager.Options{Rotation: secretsmanager.Rotation{
		Invoke: func(context.Context, string, []byte) (string, error) { return "", nil },
	}})
}

func openMakerWith(t *testing.T, o secretsmanager.Options) *maker {
	t.Helper()
	o.Region = "eu-central-1"
	m := &maker{secrets: secretsmanager.New(o)}
	t.Cleanup(m.secrets.Close)
	server := httptest.NewServer(m.secrets)
	t.Cleanup(server.Close)
	m.aws = aws.Config{Region: "eu-central-1", BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
	tn, c := openTenant(t, "management")
	m.tenant = tn
	id, secret := tn.AddManagementClient(makerScopes...)
	m.self = id
	if _, err := m.secrets.Put("management", stored(t, id, secret), nil); err != nil {
		t.Fatal(err)
	}
	var err error
	m.options = CredentialOptions{Tenant: c, FunctionARN: "arn:aws:lambda:eu-central-1:123456789012:function:rotate-secret", Audiences: []string{"*"}}
	m.Service, m.ledger, err = Credentials(m.aws, m.options)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *maker) secret(t *testing.T, arn string) secretsmanager.SecretView {
	t.Helper()
	for _, s := range m.secrets.Snapshot() {
		if s.ARN == arn {
			return s
		}
	}
	t.Fatalf("there is no secret %s", arn)
	return secretsmanager.SecretView{}
}

func TestAMachineClientIsMadeWithItsSecret(t *testing.T) {
	for _, method := range []string{cred.PrivateKeyJWT, cred.ClientSecretPost} {
		t.Run(method, func(t *testing.T) {
			m := openMaker(t)
			made, err := m.CreateClient(t.Context(), cred.Operation{ID: strings.Repeat("a", 26)}, cred.NewClient{Name: "Orders & co", AuthMethod: method,
				Tags: map[string]string{"team": "payments"}, RequestedBy: "alice"})
			if err != nil {
				t.Fatal(err)
			}
			there := m.secret(t, made.SecretARN)
			for tag, want := range map[string]string{"clientkeeper:managed": "true", "clientkeeper:client-id": made.ClientID, "team": "payments",
				"clientkeeper:interval": "30d", "clientkeeper:request": strings.Repeat("a", 26), "clientkeeper:tenant": m.tenant.Domain()} {
				if there.Tags[tag] != want {
					t.Errorf("tag %s is %q, want %q", tag, there.Tags[tag], want)
				}
			}
			if there.Name != "clients/orders-co-aaaaaaaaaaaa" || !there.RotationEnabled {
				t.Errorf("secret %s, rotation %v", there.Name, there.RotationEnabled)
			}
			m.logsIn(t, made)
			page, next, err := m.Clients(t.Context(), "", 10)
			if err != nil || next != "" || len(page) != 1 || page[0].ClientID != made.ClientID || page[0].Name != "Orders & co" || page[0].AuthMethod != method {
				t.Errorf("%+v, %q, %v", page, next, err)
			}
		})
	}
}

// logsIn tries what is stored.
func (m *maker) logsIn(t *testing.T, made cred.Client) {
	t.Helper()
	v, err := m.Store.Value(t.Context(), made.SecretARN)
	if err != nil {
		t.Fatal(err)
	}
	var stored struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		KeyID        string `json:"kid"`
		Endpoint     string `json:"token_endpoint"`
	}
	if err := json.Unmarshal([]byte(v.Reveal()), &stored); err != nil || stored.ClientID != made.ClientID || stored.Endpoint == "" {
		t.Fatalf("the secret is of client %q, endpoint %q: %v", stored.ClientID, stored.Endpoint, err)
	}
	if made.AuthMethod == cred.ClientSecretPost {
		if !m.tenant.WillAccept(made.ClientID, stored.ClientSecret) {
			t.Error("the tenant refuses the stored secret")
		}
		return
	}
	if !slices.ContainsFunc(m.tenant.AttachedKeys(made.ClientID), func(k tenantroom.Key) bool { return k.KeyID == stored.KeyID }) {
		t.Error("the stored key is not attached")
	}
}

func TestAKeyIsAddedToAClient(t *testing.T) {
	m := openMaker(t)
	made, err := m.CreateClient(t.Context(), cred.Operation{ID: strings.Repeat("a", 26)}, cred.NewClient{Name: "orders"})
	if err != nil {
		t.Fatal(err)
	}
	added, err := m.AddCredentials(t.Context(), cred.Operation{ID: strings.Repeat("b", 26)}, made.ClientID, cred.NewCredential{Name: "ci", Attach: true, ExpiresIn: time.Hour})
	if err != nil || len(added) != 1 || !added[0].Attached || added[0].SecretARN == "" {
		t.Fatalf("%+v, %v", added, err)
	}
	if there := m.secret(t, added[0].SecretARN); there.Tags["clientkeeper:key-of"] != made.ClientID || there.Tags["clientkeeper:managed"] != "" {
		t.Errorf("tags %v", there.Tags)
	}
	all, err := m.Service.Credentials(t.Context(), made.ClientID)
	if err != nil || len(all) != 2 || all[1] != added[0] {
		t.Errorf("%+v, %v; want %+v", all, err, added[0])
	}
	if err := m.Remove(t.Context(), made.ClientID, added[0].ID, false); err != nil {
		t.Fatal(err)
	}
	if m.secret(t, added[0].SecretARN).DeleteAfter.IsZero() {
		t.Error("the secret of the removed key stays")
	}
	if err := m.Remove(t.Context(), made.ClientID, all[0].ID, false); fault.Reason(err) != "managed_credential" {
		t.Errorf("the managed key's removal: %v", err)
	}
	if _, err := m.Service.Credentials(t.Context(), m.self); fault.Reason(err) != "management_client" {
		t.Errorf("the management client: %v", err)
	}
}

func TestRecordsAreKeptInSecretsManager(t *testing.T) {
	m := openMaker(t)
	request := idempotency.Request{Caller: "alice", Key: "k1", Digest: [32]byte{1}}
	for n := range 2 {
		answer, replayed, err := m.ledger.Do(t.Context(), request, func(_ context.Context, op idempotency.Operation) (idempotency.Answer, error) {
			return idempotency.Answer{Status: 201, Body: []byte(op.ID)}, nil
		})
		if err != nil || answer.Status != 201 || len(answer.Body) != 26 || replayed != (n == 1) {
			t.Fatalf("%+v, %v, %v", answer, replayed, err)
		}
	}
	request.Digest[0]++
	if _, _, err := m.ledger.Do(t.Context(), request, nil); fault.Reason(err) != "idempotency_key_reused" {
		t.Error(err)
	}
}

// A key set is read from public addresses alone, whatever a name that is
// allowed resolves to.
func TestAKeySetIsNotReadFromInside(t *testing.T) {
	m := openMaker(t)
	made, err := m.CreateClient(t.Context(), cred.Operation{ID: strings.Repeat("a", 26)}, cred.NewClient{Name: "orders"})
	if err != nil {
		t.Fatal(err)
	}
	dialed := false
	m.options.Hosts = []string{"keys.example.com"}
	m.options.Fetch = safehttp.Config{
		Resolve: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("169.254.169.254")}, nil
		},
		Dial: func(context.Context, netip.AddrPort) (net.Conn, error) {
			dialed = true
			return nil, net.ErrClosed
		},
	}
	s, _, err := Credentials(m.aws, m.options)
	if err != nil {
		t.Fatal(err)
	}
	for uri, reason := range map[string]string{"https://keys.example.com/jwks": "jwks_uri_refused", "https://other.example.com/jwks": "host_not_allowed"} {
		_, err := s.AddCredentials(t.Context(), cred.Operation{ID: strings.Repeat("b", 26)}, made.ClientID, cred.NewCredential{JWKSURI: uri})
		if fault.Reason(err) != reason || dialed {
			t.Errorf("%s: %v, dialed %v; want %s", uri, err, dialed, reason)
		}
	}
}

// What the tenant refuses for good leaves nothing behind, and neither does a
// request that has its secret's name taken by somebody else touch that secret.
func TestARefusalLeavesNothing(t *testing.T) {
	m := openMaker(t)
	before := len(m.tenant.Clients())
	want := cred.NewClient{Name: "orders", Grants: []cred.Grant{{Audience: "https://nowhere.example.com"}}}
	for range 2 {
		if _, err := m.CreateClient(t.Context(), cred.Operation{ID: strings.Repeat("a", 26)}, want); fault.Reason(err) != "grant_refused" || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%v", err)
		}
	}
	if len(m.tenant.Clients()) != before || len(m.secrets.Snapshot()) != 1 {
		t.Errorf("%d clients, %d secrets", len(m.tenant.Clients()), len(m.secrets.Snapshot()))
	}
	if _, err := m.secrets.Put("clients/orders-aaaaaaaaaaaa", "theirs", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := m.CreateClient(t.Context(), cred.Operation{ID: strings.Repeat("a", 26)}, want); fault.Reason(err) != "secret_name_taken" {
		t.Errorf("%v", err)
	}
	if len(m.secrets.Snapshot()) != 2 {
		t.Error("somebody else's secret is gone")
	}
}

// What a crash left behind, and nobody repeats, the doctor names and repairs.
func TestTheDoctorFindsWhatIsUnfinished(t *testing.T) {
	m := openMaker(t)
	made, err := m.CreateClient(t.Context(), cred.Operation{ID: strings.Repeat("a", 26)}, cred.NewClient{Name: "orders"})
	if err != nil {
		t.Fatal(err)
	}
	left, err := m.secrets.Put("clients/left-bbbbbbbbbbbb", `{"kid":"x"}`, map[string]string{"clientkeeper:request": strings.Repeat("b", 26), "clientkeeper:tenant": m.tenant.Domain()})
	if err != nil {
		t.Fatal(err)
	}
	if found, err := m.Examine(t.Context()); err != nil || len(found) != 0 {
		t.Errorf("at once: %+v, %v", found, err)
	}
	m.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	found, err := m.Examine(t.Context())
	if err != nil || len(found) != 1 || found[0].Slug != cred.UnfinishedClient || found[0].SecretARN != left {
		t.Fatalf("%+v, %v", found, err)
	}
	if done, err := m.Repair(t.Context(), found[0]); !done || err != nil {
		t.Errorf("%v, %v", done, err)
	}
	if m.secret(t, left).DeleteAfter.IsZero() || !m.secret(t, made.SecretARN).DeleteAfter.IsZero() {
		t.Error("the wrong secret is to be deleted, or none")
	}
	if found, err := m.Examine(t.Context()); err != nil || len(found) != 0 {
		t.Errorf("after the repair: %+v, %v", found, err)
	}
}
