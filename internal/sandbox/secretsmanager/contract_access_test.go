package secretsmanager_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

var access = []contract{
	{"S30 version and stage must agree", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		v2 := s.put(t, name, "two")
		a := s.fails(t, "GetSecretValue", object{"SecretId": name, "VersionId": v1, "VersionStage": "AWSCURRENT"},
			"InvalidRequestException")
		if want := "You provided a VersionStage that is not associated to the provided VersionId."; a.message() != want {
			t.Errorf("message %q, want %q", a.message(), want)
		}
		s.wantValue(t, name, v2, "AWSCURRENT", "two")
	}},
	{"S31 an unknown stage is named", func(t *testing.T, s *service) {
		name, _ := s.create(t, "one")
		a := s.fails(t, "GetSecretValue", object{"SecretId": name, "VersionStage": "AWSPREVIOUS"}, "ResourceNotFoundException")
		if want := "Secrets Manager can't find the specified secret value for staging label: AWSPREVIOUS"; a.message() != want {
			t.Errorf("message %q, want %q", a.message(), want)
		}
	}},
	{"S32 an unknown version is named", func(t *testing.T, s *service) {
		name, _ := s.create(t, "one")
		id := token()
		a := s.fails(t, "GetSecretValue", object{"SecretId": name, "VersionId": id}, "ResourceNotFoundException")
		if !strings.HasSuffix(a.message(), "VersionId: "+id) {
			t.Errorf("message %q, want it to end with the id", a.message())
		}
	}},
	{"S33 an unknown secret is 400", func(t *testing.T, s *service) {
		a := s.fails(t, "GetSecretValue", object{"SecretId": newName()}, "ResourceNotFoundException")
		if want := "Secrets Manager can't find the specified secret."; a.message() != want {
			t.Errorf("message %q, want %q", a.message(), want)
		}
	}},
	{"S57 access has the resolution of a day", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		before, err := s.sdk().DescribeSecret(t.Context(), &sdk.DescribeSecretInput{SecretId: &name})
		if err != nil {
			t.Fatal(err)
		}
		if before.LastAccessedDate != nil {
			t.Errorf("LastAccessedDate %v before any access, want none", before.LastAccessedDate)
		}
		s.wantValue(t, name, v1, "", "one")
		after, err := s.sdk().DescribeSecret(t.Context(), &sdk.DescribeSecretInput{SecretId: &name})
		if err != nil {
			t.Fatal(err)
		}
		if got := aws.ToTime(after.LastAccessedDate); !isToday(got) {
			t.Errorf("LastAccessedDate %v, want today at midnight", got)
		}
	}},
	{"S60 a batch reports what it cannot read and returns the rest", func(t *testing.T, s *service) {
		name, _ := s.create(t, "one")
		missing := newName()
		out, err := s.sdk().BatchGetSecretValue(t.Context(), &sdk.BatchGetSecretValueInput{SecretIdList: []string{name, missing}})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.SecretValues) != 1 || aws.ToString(out.SecretValues[0].SecretString) != "one" {
			t.Errorf("%d values, want the one of %s", len(out.SecretValues), name)
		}
		if len(out.Errors) != 1 || aws.ToString(out.Errors[0].SecretId) != missing ||
			aws.ToString(out.Errors[0].ErrorCode) != "ResourceNotFoundException" {
			t.Errorf("errors %+v, want ResourceNotFoundException for %s", out.Errors, missing)
		}
	}},
	{"a batch takes ids or filters", func(t *testing.T, s *service) {
		filters := []object{{"Key": "name", "Values": []string{"x"}}}
		s.fails(t, "BatchGetSecretValue", object{}, "InvalidParameterException")
		s.fails(t, "BatchGetSecretValue", object{"SecretIdList": []string{"a"}, "Filters": filters}, "InvalidParameterException")
		s.fails(t, "BatchGetSecretValue", object{"SecretIdList": []string{"a"}, "MaxResults": 1}, "InvalidParameterException")
	}},
	{"a secret that never rotated does not say that it does not", func(t *testing.T, s *service) {
		name, _ := s.create(t, "one")
		out := s.works(t, "DescribeSecret", object{"SecretId": name})
		for _, member := range []string{"RotationEnabled", "RotationRules", "NextRotationDate", "KmsKeyId", "DeletedDate",
			"Description", "Tags", "OwningService", "PrimaryRegion"} {
			if v, ok := out[member]; ok {
				t.Errorf("%s is %v, want it left out", member, v)
			}
		}
	}},
	{"times are numbers of seconds", func(t *testing.T, s *service) {
		name, _ := s.create(t, "one")
		at, ok := s.works(t, "DescribeSecret", object{"SecretId": name})["CreatedDate"].(float64)
		if now := float64(time.Now().Unix()); !ok || at < now-60 || at > now+60 {
			t.Errorf("CreatedDate %v, want about %v", at, now)
		}
	}},
}

var deletion = []contract{
	{"S49 a recovery window has 7 to 30 days, and 30 by default", func(t *testing.T, s *service) {
		name, _ := s.create(t, "one")
		for _, bad := range []object{
			{"RecoveryWindowInDays": 6}, {"RecoveryWindowInDays": 31},
			{"RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": true},
		} {
			bad["SecretId"] = name
			s.fails(t, "DeleteSecret", bad, "InvalidParameterException")
		}
		out, err := s.sdk().DeleteSecret(t.Context(), &sdk.DeleteSecretInput{SecretId: &name})
		if err != nil {
			t.Fatal(err)
		}
		want := time.Now().Add(30 * 24 * time.Hour)
		if got := aws.ToTime(out.DeletionDate); got.Sub(want).Abs() > time.Minute {
			t.Errorf("DeletionDate %v, want about %v", got, want)
		}
	}},
	{"S50 only a forced deletion of nothing succeeds", func(t *testing.T, s *service) {
		name := newName()
		s.fails(t, "DeleteSecret", object{"SecretId": name}, "ResourceNotFoundException")
		out := s.works(t, "DeleteSecret", object{"SecretId": name, "ForceDeleteWithoutRecovery": true})
		if out["Name"] != name {
			t.Errorf("answered %v, want the name %s", out, name)
		}
	}},
	{"S51 a name in its recovery window is taken", func(t *testing.T, s *service) {
		name, _ := s.create(t, "one")
		s.works(t, "DeleteSecret", object{"SecretId": name})
		a := s.fails(t, "CreateSecret", object{"Name": name, "ClientRequestToken": token(), "SecretString": "two"},
			"InvalidRequestException")
		if want := "You can't create this secret because a secret with this name is already scheduled for deletion."; a.message() != want {
			t.Errorf("message %q, want %q", a.message(), want)
		}
	}},
	{"S52 a restored secret is as it was", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		v2 := s.put(t, name, "two")
		s.works(t, "DeleteSecret", object{"SecretId": name, "RecoveryWindowInDays": 7})
		s.fails(t, "GetSecretValue", object{"SecretId": name}, "InvalidRequestException")
		if out := s.works(t, "DescribeSecret", object{"SecretId": name}); out["DeletedDate"] == nil {
			t.Errorf("DescribeSecret answered %v, want a DeletedDate", out)
		}
		s.works(t, "RestoreSecret", object{"SecretId": name})
		s.wantStages(t, name, stages{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT"}})
		s.wantValue(t, name, "", "", "two")
	}},
	{"S53 a secret that is created again has another ARN", func(t *testing.T, s *service) {
		name, _ := s.create(t, "one")
		first := s.works(t, "DeleteSecret", object{"SecretId": name, "ForceDeleteWithoutRecovery": true})
		second := s.works(t, "CreateSecret", object{"Name": name, "ClientRequestToken": token(), "SecretString": "canary-2"})
		if first["ARN"] == second["ARN"] {
			t.Errorf("both ARNs are %v", first["ARN"])
		}
		old, _ := first["ARN"].(string)
		s.fails(t, "DescribeSecret", object{"SecretId": old}, "ResourceNotFoundException")
		if a := s.raw(t, "DescribeSecret", object{"SecretId": name}); strings.Contains(a.body, "canary-2") {
			t.Error("DescribeSecret returned the value")
		}
	}},
	{"what is scheduled for deletion cannot be used", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		s.works(t, "DeleteSecret", object{"SecretId": name})
		for op, body := range map[string]object{
			"DeleteSecret": {}, "GetSecretValue": {},
			"UpdateSecret":             {"ClientRequestToken": token(), "SecretString": "two"},
			"UpdateSecretVersionStage": {"VersionStage": "X", "MoveToVersionId": v1},
			"TagResource":              {"Tags": []object{{"Key": "k", "Value": "v"}}},
			"UntagResource":            {"TagKeys": []string{"k"}},
			"RotateSecret":             {"ClientRequestToken": token(), "RotationLambdaARN": "arn:aws:lambda:x"},
		} {
			body["SecretId"] = name
			s.fails(t, op, body, "InvalidRequestException")
		}
	}},
	{"a forced deletion ends a recovery window", func(t *testing.T, s *service) {
		name, _ := s.create(t, "one")
		s.works(t, "DeleteSecret", object{"SecretId": name})
		s.works(t, "DeleteSecret", object{"SecretId": name, "ForceDeleteWithoutRecovery": true})
		s.works(t, "CreateSecret", object{"Name": name, "ClientRequestToken": token(), "SecretString": "two"})
	}},
}

// refusals are what RotateSecret refuses before any function is involved.
var refusals = []contract{
	{"S35 rotating without a function is an error", func(t *testing.T, s *service) {
		name, _ := s.create(t, "one")
		a := s.fails(t, "RotateSecret", object{"SecretId": name, "ClientRequestToken": token()}, "InvalidRequestException")
		if want := "No Lambda rotation function ARN is associated with this secret."; a.message() != want {
			t.Errorf("message %q, want %q", a.message(), want)
		}
	}},
	{"S38 a rotation in progress blocks the next", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		v2 := s.put(t, name, "two", "AWSPENDING")
		a := s.fails(t, "RotateSecret", rotation(name, nil), "InvalidRequestException")
		if want := "A previous rotation isn't complete. That rotation will be reattempted."; a.message() != want {
			t.Errorf("message %q, want %q", a.message(), want)
		}
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}, v2: {"AWSPENDING"}})
	}},
	{"what the model of the service rules out is a ValidationException", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		long := strings.Repeat("x", 2049)
		for _, c := range []struct {
			operation string
			body      object
		}{
			{"PutSecretValue", object{"ClientRequestToken": token(), "SecretString": "two", "VersionStages": []string{}}},
			{"TagResource", object{}},
			{"UntagResource", object{}},
			{"BatchGetSecretValue", object{"SecretIdList": []string{name, long}}},
			{"BatchGetSecretValue", object{"SecretIdList": []string{}, "Filters": []object{{"Key": "name", "Values": []string{name}}}}},
			{"ReplicateSecretToRegions", object{"AddReplicaRegions": []object{}}},
			{"ReplicateSecretToRegions", object{"AddReplicaRegions": []object{{"Region": "nowhere"}}}},
			{"ReplicateSecretToRegions", object{"AddReplicaRegions": []object{{"Region": ""}}}},
			{"ReplicateSecretToRegions", object{"AddReplicaRegions": []object{{"Region": "us-east-1", "KmsKeyId": long}}}},
		} {
			c.body["SecretId"] = name
			s.fails(t, c.operation, c.body, "ValidationException")
		}
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}})
	}},
	{"S62 a schedule is in days or an expression, not both", func(t *testing.T, s *service) {
		name, _ := s.create(t, "one")
		s.fails(t, "RotateSecret", rotation(name, object{"AutomaticallyAfterDays": 3, "ScheduleExpression": "rate(3 days)"}),
			"InvalidParameterException")
	}},
	{"S63 a rotation is due every four hours at most", func(t *testing.T, s *service) {
		name, _ := s.create(t, "one")
		for _, bad := range []string{"rate(1 hour)", "rate(3 hours)", "rate(0 days)", "rate(5 minutes)", "daily"} {
			s.fails(t, "RotateSecret", rotation(name, object{"ScheduleExpression": bad}), "InvalidParameterException")
		}
	}},
}

func rotation(name string, rules object) object {
	body := object{"SecretId": name, "ClientRequestToken": token(),
		"RotationLambdaARN": rotateARN}
	if rules != nil {
		body["RotationRules"] = rules
	}
	return body
}
