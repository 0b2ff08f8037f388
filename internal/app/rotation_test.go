package app

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssecrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/rotation"
	"clientkeeper/internal/secret"
	"clientkeeper/internal/secretstore"
)

// A stored secret with both and without a method is a shared secret to a
// rotation, and has to be tried as one.
func TestALoginUsesWhatARotationTakesTheCredentialFor(t *testing.T) {
	r := openSecrets(t)
	tn, c := openTenant(t, "management")
	id, shared := tn.AddManagementClient("read:clients")
	r.put(t, stored(t, id, shared))
	rotator, _, err := RotationIn(r.cfg, c, 0)
	if err != nil {
		t.Fatal(err)
	}
	both := clientsecret.ClientSecret{ClientID: id, ClientSecret: secret.New(shared), PrivateKeyPEM: secret.New("a key of something else")}
	if answer, err := rotator.Tenant.Login(t.Context(), both, ""); answer != rotation.Accepted || err != nil {
		t.Errorf("%v, %v", answer, err)
	}
	// What is wrong with one secret's tag must not keep a run from all others.
	for _, client := range []string{id, "nobody", strings.Repeat("x", 200), ".."} {
		if _, err := rotator.Tenant.(rotated).Burst(t.Context(), client); err != nil {
			t.Errorf("asked about %.10s: %v", client, err)
		}
	}
	if rotator.SelfSecret != "management" {
		t.Errorf("the management secret is %q", rotator.SelfSecret)
	}
}

// Where there are only copies of secrets there is nothing to rotate, and a
// schedule there has nothing to fail at.
func TestACopyIsRotatedInItsOwnRegionAlone(t *testing.T) {
	r := openSecrets(t)
	_, c := openTenant(t, "management")
	const there = "eu-west-3"
	_, err := awssecrets.NewFromConfig(r.cfg).CreateSecret(t.Context(), &awssecrets.CreateSecretInput{
		Name: aws.String("copied"), SecretString: aws.String("{}"), Tags: []types.Tag{{Key: aws.String(rotation.TagManaged), Value: aws.String("true")}},
		AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String(there)}}})
	if err != nil {
		t.Fatal(err)
	}
	far := r.cfg.Copy()
	far.Region = there
	for _, each := range []struct {
		cfg  aws.Config
		want int
	}{{r.cfg, 1}, {far, 0}} {
		d, err := secretstore.New(each.cfg).Describe(t.Context(), "copied")
		if err != nil || d.Tags[rotation.TagManaged] != "true" {
			t.Fatalf("in %s: %+v, %v", each.cfg.Region, d, err)
		}
		_, catalog, err := RotationIn(each.cfg, c, 0)
		if err != nil {
			t.Fatal(err)
		}
		if list, err := catalog.List(t.Context()); err != nil || len(list) != each.want {
			t.Errorf("in %s: %+v, %v; want %d", each.cfg.Region, list, err, each.want)
		}
	}
}
