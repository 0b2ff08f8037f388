package app

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	awssecrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/aws/aws-sdk-go-v2/aws"

	"clientkeeper/internal/auth0"
	"clientkeeper/internal/fault"
	tenantroom "clientkeeper/internal/sandbox/tenant"
	"clientkeeper/internal/secret"
	"clientkeeper/internal/secretstore"
)

// labelled is a secret with a credential under each label, or the reason why it
// cannot be read.
type labelled map[string]any // auth0.Credential or error

func (s labelled) read(_ context.Context, stage string) (auth0.Credential, error) {
	switch v := s[stage].(type) {
	case auth0.Credential:
		return v, nil
	case error:
		return auth0.Credential{}, v
	}
	return auth0.Credential{}, &fault.Error{Kind: fault.NotFound, Op: "secretstore.get"}
}

func withSecret(s string) auth0.Credential {
	return auth0.Credential{ClientID: "mgmt", Secret: secret.New(s)}
}

func withKey(s string) auth0.Credential {
	return auth0.Credential{ClientID: "mgmt", PrivateKeyPEM: secret.New(s), AuthMethod: "private_key_jwt"}
}

// names of what was returned, in a row of refusals.
func refusals(t *testing.T, s labelled, n int) []string {
	t.Helper()
	k := &keeper{read: s.read}
	var got []string
	for i := range n {
		c, err := k.get(t.Context(), i > 0)
		if err != nil {
			got = append(got, fault.KindOf(err).String())
			continue
		}
		got = append(got, c.Secret.Reveal()+c.PrivateKeyPEM.Reveal())
	}
	return got
}

func TestRefusedCredentialsAreFollowedByTheOthers(t *testing.T) {
	unreadable := &fault.Error{Kind: fault.Unauthenticated, Op: "app.credential"}
	stranger := withSecret("stranger's")
	stranger.ClientID = "another"
	for name, tt := range map[string]struct {
		labelled labelled
		want     []string
	}{
		"current, pending, previous, and again": {
			labelled{"AWSCURRENT": withSecret("c"), "AWSPENDING": withSecret("n"), "AWSPREVIOUS": withSecret("p")}, []string{"c", "n", "p", "c", "n", "p", "c"}},
		"no rotation yet":         {labelled{"AWSCURRENT": withSecret("c")}, []string{"c", "c", "c"}},
		"none under way":          {labelled{"AWSCURRENT": withSecret("c"), "AWSPREVIOUS": withSecret("p")}, []string{"c", "p", "c", "p"}},
		"AWSPENDING has no value": {labelled{"AWSCURRENT": withSecret("c"), "AWSPENDING": unreadable, "AWSPREVIOUS": withSecret("p")}, []string{"c", "p", "c", "p"}},
		"AWSPENDING is left on AWSCURRENT": {
			labelled{"AWSCURRENT": withSecret("c"), "AWSPENDING": withSecret("c"), "AWSPREVIOUS": withSecret("p")}, []string{"c", "p", "c", "p"}},
		"AWSPENDING is another client's": {
			labelled{"AWSCURRENT": withSecret("c"), "AWSPENDING": stranger, "AWSPREVIOUS": withSecret("p")}, []string{"c", "p", "c", "p"}},
		"the others cannot be read": {labelled{"AWSCURRENT": withSecret("c"), "AWSPENDING": unreadable, "AWSPREVIOUS": unreadable}, []string{"c", "c", "c"}},
		"from a secret to a key":    {labelled{"AWSCURRENT": withSecret("c"), "AWSPENDING": withKey("k")}, []string{"c", "k", "c", "k"}},
		"AWSCURRENT cannot be read": {labelled{"AWSCURRENT": unreadable, "AWSPREVIOUS": withSecret("p")}, []string{"unauthenticated", "unauthenticated"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := refusals(t, tt.labelled, len(tt.want)); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// What works is kept, is not forgotten by a read that fails, and is looked at
// again in a while, for it may be AWSPREVIOUS.
func TestAWorkingCredentialIsKeptForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := labelled{"AWSCURRENT": withSecret("c"), "AWSPENDING": withSecret("n")}
		k := &keeper{read: s.read}
		get := func(stale bool, want string) {
			t.Helper()
			if c, err := k.get(t.Context(), stale); err != nil || c.Secret.Reveal() != want {
				t.Errorf("stale %v: the wrong credential (%v), want %q", stale, err, want)
			}
		}
		get(false, "c")
		get(true, "n")
		get(false, "n")
		was := maps.Clone(s)
		s["AWSCURRENT"] = error(&fault.Error{Kind: fault.Unavailable, Op: "secretstore.get"})
		if _, err := k.get(t.Context(), true); !errors.Is(err, fault.Unavailable) {
			t.Errorf("err = %v", err)
		}
		get(false, "n") // the failure has not put a zero credential in its place
		maps.Copy(s, was)
		s["AWSCURRENT"], s["AWSPREVIOUS"] = s["AWSPENDING"], s["AWSCURRENT"]
		delete(s, "AWSPENDING")
		time.Sleep(cacheFor)
		get(false, "n")
		get(true, "c")
	})
}

// On the wire: whatever label the tenant's secret is stored under, the client
// finds it, with one call that does not fail.
func TestTheManagementClientIsNotLockedOut(t *testing.T) {
	const works = "works-0123456789012345678901234567890123456789"
	for _, stage := range []string{"AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"} {
		t.Run(stage, func(t *testing.T) {
			r := openSecrets(t)
			tn, c := openTenant(t, "management")
			id, _ := tn.AddManagementClient("read:clients")
			if _, err := tn.ChangeSecret(id, works); err != nil {
				t.Fatal(err)
			}
			of := func(label string) string {
				if label == stage {
					return stored(t, id, works)
				}
				return stored(t, id, "refused-"+label)
			}
			r.put(t, of("AWSPREVIOUS"))
			r.put(t, of("AWSCURRENT"))
			r.pending(t, of("AWSPENDING"))
			client, err := Tenant(c, r.cfg)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.Client(t.Context(), id); err != nil {
				t.Errorf("the call failed: %v", err)
			}
		})
	}
}

// pending stores text as AWSPENDING of the secret "management".
func (r *room) pending(t *testing.T, text string) {
	t.Helper()
	_, err := awssecrets.NewFromConfig(r.cfg).PutSecretValue(t.Context(), &awssecrets.PutSecretValueInput{
		SecretId: aws.String("management"), SecretString: &text, VersionStages: []string{"AWSPENDING"}})
	if err != nil {
		t.Fatal(err)
	}
}

// While a change spreads the tenant may refuse the old secret and the new one
// in a row. A call then takes a little longer; it does not fail.
func TestASpreadingChangeDoesNotFailACall(t *testing.T) {
	r := openSecrets(t)
	tn, c := openTenant(t, "management")
	id, old := tn.AddManagementClient("read:clients")
	if err := tn.SetPropagation(tenantroom.Propagation{Window: 30 * time.Second, Script: func(l tenantroom.SecretLogin) tenantroom.Acceptance {
		switch l.N { // the old one is tried, then the new one, then the old one again
		case 1, 3:
			return tenantroom.AcceptNew
		case 2:
			return tenantroom.AcceptOld
		}
		return tenantroom.AcceptBoth
	}}); err != nil {
		t.Fatal(err)
	}
	const next = "next-0123456789012345678901234567890123456789012"
	r.put(t, stored(t, id, old))
	r.pending(t, stored(t, id, next))
	if _, err := tn.ChangeSecret(id, next); err != nil {
		t.Fatal(err)
	}
	client, err := Tenant(c, r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if _, err := client.Client(t.Context(), id); err != nil || time.Since(start) < 400*time.Millisecond {
		t.Errorf("after %v: %v; want success in the second round", time.Since(start), err)
	}
}

// Nothing of a credential that cannot be read is told.
func TestAnUnreadableCredentialTellsNothing(t *testing.T) {
	r := openSecrets(t)
	text, err := json.Marshal(map[string]string{"client_id": canary, "client_secret": "", "private_key_pem": canary, "token_endpoint_auth_method": "client_secret_post"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = credential(secretstore.New(r.cfg), r.put(t, string(text)))(t.Context(), false)
	if fault.KindOf(err) != fault.Unauthenticated || strings.Contains(err.Error(), canary) {
		t.Errorf("err = %v", err)
	}
}
