package app

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	cred "clientkeeper/internal/credential"
	"clientkeeper/internal/idempotency"
	"clientkeeper/internal/rotation"
)

// One account may hold the secrets of several tenants. What another tenant's
// API has made is whole there and unknown here, and the doctor leaves it alone.
func TestTheDoctorLeavesOtherTenantsAlone(t *testing.T) {
	m := openMaker(t)
	theirs := openTwin(t, m)
	made, err := theirs.CreateClient(t.Context(), cred.Operation{ID: strings.Repeat("a", 26)}, cred.NewClient{Name: "orders"})
	if err != nil {
		t.Fatal(err)
	}
	added, err := theirs.AddCredentials(t.Context(), cred.Operation{ID: strings.Repeat("b", 26)}, made.ClientID, cred.NewCredential{})
	if err != nil {
		t.Fatal(err)
	}
	unsaid, err := m.secrets.Put("clients/left-cccccccccccc", `{"kid":"x"}`, map[string]string{"clientkeeper:request": strings.Repeat("c", 26)})
	if err != nil {
		t.Fatal(err)
	}
	m.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	if found, err := m.Examine(t.Context()); err != nil || len(found) != 0 {
		t.Errorf("%+v, %v", found, err)
	}
	for _, arn := range []string{made.SecretARN, added[0].SecretARN, unsaid} {
		for _, slug := range []string{cred.UnfinishedClient, cred.OrphanKey} {
			done, err := m.Repair(t.Context(), cred.Finding{SecretARN: arn, Slug: slug, Safe: true})
			if done || err != nil || !m.secret(t, arn).DeleteAfter.IsZero() {
				t.Errorf("%s %s: repaired %v, %v", arn, slug, done, err)
			}
		}
	}
}

// A schedule that took up another tenant's secrets would try to start rotations
// that it may not start, and count them.
func TestTheScheduleLeavesOtherTenantsAlone(t *testing.T) {
	m := openMaker(t)
	domain := m.options.Tenant.Domain
	for name, tenant := range map[string]string{"ours": strings.ToUpper(domain), "nobodys": "", "theirs": "other.eu.auth0.com"} {
		tags := map[string]string{rotation.TagManaged: "true", rotation.TagClientID: name}
		if tenant != "" {
			tags[rotation.TagTenant] = tenant
		}
		if _, err := m.secrets.Put(name, `{}`, tags); err != nil {
			t.Fatal(err)
		}
	}
	rotator, catalog, err := RotationIn(m.aws, m.options.Tenant, 0)
	if err != nil {
		t.Fatal(err)
	}
	listed, err := catalog.List(t.Context())
	var names []string
	for _, s := range listed {
		names = append(names, s.Name)
		if _, why, err := (&rotation.Doctor{Rotator: rotator, Catalog: catalog}).Due(t.Context(), time.Now(), s.ID, rotation.Policy{}); why == "" || err != nil {
			t.Errorf("%s is due: %q, %v", s.Name, why, err)
		}
	}
	if slices.Sort(names); err != nil || !slices.Equal(names, []string{"nobodys", "ours"}) {
		t.Errorf("%q, %v", names, err)
	}
}

// openTwin is the service of another tenant in the same account.
func openTwin(t *testing.T, m *maker) *maker {
	t.Helper()
	tn, c := openTenant(t, "management-twin")
	id, secret := tn.AddManagementClient(makerScopes...)
	if _, err := m.secrets.Put("management-twin", stored(t, id, secret), nil); err != nil {
		t.Fatal(err)
	}
	twin := &maker{secrets: m.secrets, aws: m.aws, tenant: tn, self: id, options: CredentialOptions{Tenant: c, FunctionARN: m.options.FunctionARN}}
	var err error
	if twin.Service, twin.ledger, err = Credentials(twin.aws, twin.options); err != nil {
		t.Fatal(err)
	}
	return twin
}

// Two stacks in one account, of two tenants, may get the same key for the same
// request from the same caller. Neither gets the other's answer.
func TestAKeyIsOfOneTenant(t *testing.T) {
	m := openMaker(t)
	twin := openTwin(t, m)
	request := idempotency.Request{Caller: "iam arn:aws:iam::123456789012:role/deployer", Key: "orders", Digest: [32]byte{1}}
	make := func(m *maker) (made cred.Client) {
		_, replayed, err := m.ledger.Do(t.Context(), request, func(ctx context.Context, op idempotency.Operation) (_ idempotency.Answer, err error) {
			made, err = m.CreateClient(ctx, cred.Operation(op), cred.NewClient{Name: "orders"})
			return idempotency.Answer{Status: 201}, err
		})
		if err != nil || replayed {
			t.Errorf("%v, replayed %v", err, replayed)
		}
		return made
	}
	one, other := make(m), make(twin)
	if one.ClientID == other.ClientID || one.SecretARN == other.SecretARN {
		t.Errorf("%+v, %+v", one, other)
	}
	m.logsIn(t, one)
	twin.logsIn(t, other)
}
