package secretsmanager_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"clientkeeper/internal/sandbox/secretsmanager"
)

// in is the same client somewhere else.
func (s *service) in(region string) *sdk.Client {
	return sdk.New(s.sdk().Options(), func(o *sdk.Options) { o.Region = region })
}

func (s *service) replicate(t *testing.T, name string, overwrite bool, regions ...string) []types.ReplicationStatusType {
	t.Helper()
	in := &sdk.ReplicateSecretToRegionsInput{SecretId: &name, ForceOverwriteReplicaSecret: overwrite}
	for _, r := range regions {
		in.AddReplicaRegions = append(in.AddReplicaRegions, types.ReplicaRegionType{Region: &r})
	}
	out, err := s.sdk().ReplicateSecretToRegions(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out.ReplicationStatus
}

// read reads what a consumer in another region gets, or the code of the error.
func (s *service) read(t *testing.T, region, name string) string {
	t.Helper()
	out, err := s.in(region).GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: &name})
	if err != nil {
		return codeOf(err)
	}
	return aws.ToString(out.SecretString)
}

func (s *service) status(t *testing.T, name string) string {
	t.Helper()
	var all []string
	for _, r := range s.describe(t, name).ReplicationStatus {
		all = append(all, aws.ToString(r.Region)+" "+string(r.Status))
	}
	return strings.Join(all, ", ")
}

func TestAReplicaFollowsAfterALag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := inside(t, secretsmanager.Options{ReplicationLag: time.Minute})
		name, _ := s.create(t, "one")
		if got := s.replicate(t, name, false, "us-east-1"); len(got) != 1 || got[0].Status != types.StatusTypeInProgress {
			t.Errorf("answered %+v, want it in progress", got)
		}
		time.Sleep(30 * time.Second)
		if got := s.read(t, "us-east-1", name); got != "ResourceNotFoundException" {
			t.Errorf("before it arrived: %s", got)
		}
		s.put(t, name, "two")
		time.Sleep(30 * time.Second)
		if got := s.read(t, "us-east-1", name); got != "one" {
			t.Errorf("after a minute: %s, want the state of a minute ago", got)
		}
		if got := s.status(t, name); got != "us-east-1 InProgress" {
			t.Errorf("status %s, want it in progress", got)
		}
		time.Sleep(30 * time.Second)
		if got := s.read(t, "us-east-1", name); got != "two" {
			t.Errorf("in the end: %s, want two", got)
		}
		if got := s.status(t, name); got != "us-east-1 InSync" {
			t.Errorf("status %s, want it in sync", got)
		}
	})
}

func TestARotationReachesReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := inside(t, secretsmanager.Options{ReplicationLag: time.Minute})
		name, _ := s.create(t, "one")
		s.replicate(t, name, false, "us-east-1", "us-west-2")
		time.Sleep(time.Minute)
		s.rotate(t, name, s.rotator(t))
		for _, region := range []string{"us-east-1", "us-west-2"} {
			if got := s.read(t, region, name); got != "one" {
				t.Errorf("%s at once: %s, want the old value", region, got)
			}
		}
		time.Sleep(time.Minute)
		for _, region := range []string{"us-east-1", "us-west-2"} {
			if got := s.read(t, region, name); got != s.current(t, name) {
				t.Errorf("%s after the lag: %s, want the new value", region, got)
			}
		}
	})
}

func TestReplicasAreReadOnly(t *testing.T) {
	s, _ := open(t, secretsmanager.Options{})
	name, v1 := s.create(t, "one")
	s.replicate(t, name, false, "us-east-1")
	far := s.in("us-east-1")
	about, err := far.DescribeSecret(t.Context(), &sdk.DescribeSecretInput{SecretId: &name})
	if err != nil {
		t.Fatal(err)
	}
	home := s.describe(t, name)
	if want := strings.Replace(*home.ARN, "eu-central-1", "us-east-1", 1); aws.ToString(about.ARN) != want ||
		aws.ToString(about.PrimaryRegion) != "eu-central-1" || aws.ToString(home.PrimaryRegion) != "eu-central-1" {
		t.Errorf("replica %s of %s, want %s", aws.ToString(about.ARN), aws.ToString(about.PrimaryRegion), want)
	}
	value := &sdk.PutSecretValueInput{SecretId: &name, SecretString: aws.String("two")}
	if _, err := far.PutSecretValue(t.Context(), value); codeOf(err) != "InvalidRequestException" {
		t.Errorf("put: %v", err)
	}
	rotate := &sdk.RotateSecretInput{SecretId: &name, RotationLambdaARN: aws.String(rotateARN)}
	if _, err := far.RotateSecret(t.Context(), rotate); codeOf(err) != "InvalidRequestException" {
		t.Errorf("rotate: %v", err)
	}
	for _, client := range []*sdk.Client{far, s.sdk()} {
		in := &sdk.DeleteSecretInput{SecretId: &name, ForceDeleteWithoutRecovery: aws.Bool(true)}
		if _, err := client.DeleteSecret(t.Context(), in); codeOf(err) != "InvalidRequestException" {
			t.Errorf("delete: %v, want the replica removed first", err)
		}
	}
	s.wantStages(t, name, stages{v1: {"AWSCURRENT"}})
}

func TestTheEndOfAReplica(t *testing.T) {
	s, _ := open(t, secretsmanager.Options{})
	name, _ := s.create(t, "one")
	s.replicate(t, name, false, "us-east-1", "us-west-2")
	if _, err := s.in("us-east-1").StopReplicationToReplica(t.Context(), &sdk.StopReplicationToReplicaInput{SecretId: &name}); err != nil {
		t.Fatal(err)
	}
	out, err := s.sdk().RemoveRegionsFromReplication(t.Context(), &sdk.RemoveRegionsFromReplicationInput{SecretId: &name,
		RemoveReplicaRegions: []string{"us-west-2"}})
	if err != nil || len(out.ReplicationStatus) != 0 {
		t.Fatalf("%+v, %v, want no replicas left", out, err)
	}
	s.put(t, name, "two")
	if got := s.read(t, "us-east-1", name); got != "one" {
		t.Errorf("promoted: %s, want it to stay at one", got)
	}
	if got := s.read(t, "us-west-2", name); got != "ResourceNotFoundException" {
		t.Errorf("removed: %s, want it gone", got)
	}
	value := &sdk.PutSecretValueInput{SecretId: &name, SecretString: aws.String("of its own")}
	if _, err := s.in("us-east-1").PutSecretValue(t.Context(), value); err != nil {
		t.Errorf("the promoted secret takes no value: %v", err)
	}
	s.works(t, "DeleteSecret", object{"SecretId": name})
}

func TestReplicationThatFails(t *testing.T) {
	s, _ := open(t, secretsmanager.Options{})
	name, _ := s.create(t, "one")
	if _, err := s.in("us-east-1").CreateSecret(t.Context(), &sdk.CreateSecretInput{Name: &name, SecretString: aws.String("own")}); err != nil {
		t.Fatal(err)
	}
	s.replicate(t, name, false, "us-east-1")
	if got := s.status(t, name); got != "us-east-1 Failed" || s.read(t, "us-east-1", name) != "own" {
		t.Errorf("status %s, want the other secret left alone", got)
	}
	s.replicate(t, name, true, "us-east-1")
	if got := s.status(t, name); got != "us-east-1 InSync" || s.read(t, "us-east-1", name) != "one" {
		t.Errorf("status %s, want it overwritten", got)
	}
	for _, bad := range [][]object{{{"Region": "eu-central-1"}}, {{"Region": "us-west-2"}, {"Region": "us-west-2"}}} {
		s.fails(t, "ReplicateSecretToRegions", object{"SecretId": name, "AddReplicaRegions": bad}, "InvalidParameterException")
	}
	s.fails(t, "RemoveRegionsFromReplication", object{"SecretId": name, "RemoveReplicaRegions": []string{"us-west-2"}},
		"InvalidParameterException")
	s.fails(t, "StopReplicationToReplica", object{"SecretId": name}, "InvalidRequestException")
}

func TestASecretCreatedWithReplicas(t *testing.T) {
	s, _ := open(t, secretsmanager.Options{})
	name := newName()
	out, err := s.sdk().CreateSecret(t.Context(), &sdk.CreateSecretInput{Name: &name, SecretString: aws.String("one"),
		AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String("us-east-1"), KmsKeyId: aws.String("alias/mine")}}})
	if err != nil || len(out.ReplicationStatus) != 1 || aws.ToString(out.ReplicationStatus[0].KmsKeyId) != "alias/mine" {
		t.Fatalf("%+v, %v", out, err)
	}
	if got := s.read(t, "us-east-1", name); got != "one" {
		t.Errorf("the replica has %s, want one", got)
	}
}
