package secretsmanager_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

const notInvocable = "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants " +
	"access to the principal secretsmanager.amazonaws.com."

// rotations are what RotateSecret and CancelRotateSecret do.
var rotations = []contract{
	{"S36 a function that cannot be invoked leaves no rotation configuration behind", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		body := rotation(name, object{"AutomaticallyAfterDays": 3})
		body["RotationLambdaARN"] = rotateARN + "-nobody"
		if a := s.fails(t, "RotateSecret", body, "AccessDeniedException"); a.message() != notInvocable {
			t.Errorf("message %q, want %q", a.message(), notInvocable)
		}
		out := s.works(t, "DescribeSecret", object{"SecretId": name})
		for _, member := range []string{"RotationEnabled", "RotationLambdaARN", "RotationRules"} {
			if v, ok := out[member]; ok {
				t.Errorf("%s is %v, want it left out", member, v)
			}
		}
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}})
	}},
	{"S37 RotateSecret answers with its token as the version", func(t *testing.T, s *service) {
		name, _ := s.create(t, "one")
		id := token()
		out, err := s.sdk().RotateSecret(t.Context(), &sdk.RotateSecretInput{SecretId: &name, ClientRequestToken: &id,
			RotationLambdaARN: aws.String(rotateARN)})
		if err != nil {
			t.Fatal(err)
		}
		if aws.ToString(out.VersionId) != id || aws.ToString(out.Name) != name || !strings.Contains(aws.ToString(out.ARN), name) {
			t.Errorf("answered version %s of %s, want %s of %s", aws.ToString(out.VersionId), aws.ToString(out.Name), id, name)
		}
		s.idle(t)
	}},
	{"S38 and then the rotation is reattempted", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		r := s.rotator(t, func(r *rotator) { r.fail = func(step string, n int) bool { return step == "setSecret" && n <= 3 } })
		v2 := s.rotate(t, name, r) // all of its attempts fail
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}, v2: {"AWSPENDING"}})
		s.fails(t, "RotateSecret", object{"SecretId": name, "ClientRequestToken": token()}, "InvalidRequestException")
		s.idle(t)
		s.wantStages(t, name, stages{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT"}})
	}},
	{"S39 a pending label beside AWSCURRENT does not block a rotation", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		v2 := s.put(t, name, "two", "AWSPENDING")
		s.move(t, name, "AWSCURRENT", v1, v2)
		v3 := s.rotate(t, name, s.rotator(t))
		s.wantStages(t, name, stages{v2: {"AWSPREVIOUS"}, v3: {"AWSCURRENT"}})
	}},
	{"S43 a rotation that is not immediate only runs testSecret", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		r := s.rotator(t)
		var value string
		r.before = func(e rotationEvent) {
			value, _ = r.read(t.Context(), e, "AWSPENDING")
		}
		v2 := s.rotate(t, name, r, object{"RotateImmediately": false, "RotationRules": object{"AutomaticallyAfterDays": 3}})
		r.wantSteps(t, "testSecret")
		if len(r.errs) > 0 || value != "one" {
			t.Errorf("the test saw %q, %v, want the current value", value, r.errs)
		}
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}})
		s.fails(t, "GetSecretValue", object{"SecretId": name, "VersionId": v2}, "ResourceNotFoundException")
		if out := s.describe(t, name); !aws.ToBool(out.RotationEnabled) || out.LastRotatedDate != nil || out.NextRotationDate == nil {
			t.Errorf("enabled %v, last %v, next %v, want it enabled and only to come", *out.RotationEnabled, out.LastRotatedDate,
				out.NextRotationDate)
		}
	}},
	{"S44 a success sets the dates of rotation", func(t *testing.T, s *service) {
		name, _ := s.create(t, "one")
		if out := s.describe(t, name); out.RotationEnabled != nil || out.LastRotatedDate != nil || out.NextRotationDate != nil {
			t.Errorf("before: %v %v %v, want none", out.RotationEnabled, out.LastRotatedDate, out.NextRotationDate)
		}
		began := time.Now().Add(-time.Second)
		s.rotate(t, name, s.rotator(t), object{"RotationRules": object{"AutomaticallyAfterDays": 3}})
		out := s.describe(t, name)
		last, next := aws.ToTime(out.LastRotatedDate), aws.ToTime(out.NextRotationDate)
		want := last.UTC().Truncate(24*time.Hour).AddDate(0, 0, 4).Add(-time.Second)
		if !aws.ToBool(out.RotationEnabled) || last.Before(began) || !next.Equal(want) {
			t.Errorf("last %v, next %v, want now and %v", last, next, want)
		}
	}},
	{"S45 after a rotation the default read returns the new value", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		v2 := s.rotate(t, name, s.rotator(t))
		if got := s.current(t, name); !strings.HasPrefix(got, "rotated ") {
			t.Errorf("value %.20q, want the new one", got)
		}
		s.wantValue(t, name, "", "AWSPREVIOUS", "one")
		s.wantStages(t, name, stages{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT"}})
	}},
	{"S46 CancelRotateSecret keeps the function, the rules and the labels", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		r := s.rotator(t, func(r *rotator) { r.fail = failing("testSecret") })
		v2 := s.rotate(t, name, r, object{"RotationRules": object{"ScheduleExpression": "rate(10 days)", "Duration": "3h"}})
		if got := s.works(t, "CancelRotateSecret", object{"SecretId": name})["VersionId"]; got != v2 {
			t.Errorf("version %v, want the unfinished %s", got, v2)
		}
		out := s.describe(t, name)
		if out.RotationEnabled == nil || *out.RotationEnabled || !strings.HasPrefix(aws.ToString(out.RotationLambdaARN), rotateARN) ||
			aws.ToString(out.RotationRules.ScheduleExpression) != "rate(10 days)" {
			t.Errorf("enabled %v, function %s, rules %v", out.RotationEnabled, aws.ToString(out.RotationLambdaARN), out.RotationRules)
		}
		if out.NextRotationDate != nil || out.LastRotatedDate != nil {
			t.Errorf("dates %v and %v, want none while it is off", out.NextRotationDate, out.LastRotatedDate)
		}
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}, v2: {"AWSPENDING"}})
		if got := s.versions(t, name, false); !slices.Equal(got, []string{v1, v2}) {
			t.Errorf("versions %v, want %s and %s", got, v1, v2)
		}

		// What was left behind blocks the next one, until somebody removes it.
		again := object{"SecretId": name, "ClientRequestToken": token()}
		s.fails(t, "RotateSecret", again, "InvalidRequestException")
		s.idle(t)
		r.wantSteps(t, slices.Repeat(fourSteps[:3], 3)...)
		s.wantStages(t, name, stages{v1: {"AWSCURRENT"}, v2: {"AWSPENDING"}})
		s.move(t, name, "AWSPENDING", v2, "")
		s.works(t, "RotateSecret", again)
		s.idle(t)
	}},
	{"S64 a schedule is repeated by DescribeSecret", func(t *testing.T, s *service) {
		name, _ := s.create(t, "one")
		s.rotate(t, name, s.rotator(t), object{"RotationRules": object{"ScheduleExpression": "rate(10 days)", "Duration": "3h"}})
		out := s.describe(t, name)
		got := out.RotationRules
		if !aws.ToBool(out.RotationEnabled) || got == nil || aws.ToString(got.ScheduleExpression) != "rate(10 days)" ||
			aws.ToString(got.Duration) != "3h" || got.AutomaticallyAfterDays != nil {
			t.Errorf("enabled %v, rules %+v", out.RotationEnabled, got)
		}
		if listed := s.raw(t, "ListSecrets", object{"Filters": []object{{"Key": "name", "Values": []string{name}}}}); !strings.Contains(
			listed.body, `"RotationEnabled":true`) || !strings.Contains(listed.body, `"LastRotatedDate":`) {
			t.Errorf("listed as %s", listed.body)
		}
	}},
	{"S65 the stored function is used when none is given", func(t *testing.T, s *service) {
		name, _ := s.create(t, "one")
		r := s.rotator(t)
		s.rotate(t, name, r, object{"RotationRules": object{"AutomaticallyAfterDays": 3}})
		before := s.describe(t, name)
		s.works(t, "RotateSecret", object{"SecretId": name, "ClientRequestToken": token()})
		s.idle(t)
		r.wantSteps(t, slices.Concat(fourSteps, fourSteps)...)
		after := s.describe(t, name)
		if aws.ToString(after.RotationLambdaARN) != aws.ToString(before.RotationLambdaARN) || after.RotationRules == nil {
			t.Errorf("function %s and rules %v, want them kept", aws.ToString(after.RotationLambdaARN), after.RotationRules)
		}
	}},
	{"a rotation that is over is not done again for the same token", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		r := s.rotator(t)
		v2 := s.rotate(t, name, r)
		again := s.works(t, "RotateSecret", object{"SecretId": name, "ClientRequestToken": v2})
		s.idle(t)
		r.wantSteps(t, fourSteps...)
		if again["VersionId"] != v2 {
			t.Errorf("version %v, want %s", again["VersionId"], v2)
		}
		s.fails(t, "RotateSecret", object{"SecretId": name, "ClientRequestToken": v1}, "InvalidRequestException")
	}},
	{"of racing rotations, one is started", func(t *testing.T, s *service) {
		name, v1 := s.create(t, "one")
		r := s.rotator(t)
		hold := make(chan struct{})
		r.before = func(rotationEvent) { <-hold }
		s.functions.add(rotateARN+"-race", r)
		codes := make([]string, 4)
		var all sync.WaitGroup
		for i := range codes {
			body := rotation(name, nil)
			body["RotationLambdaARN"] = rotateARN + "-race"
			all.Go(func() { codes[i] = s.raw(t, "RotateSecret", body).code() })
		}
		all.Wait()
		close(hold)
		s.idle(t)
		slices.Sort(codes)
		if want := []string{"", "InvalidRequestException", "InvalidRequestException", "InvalidRequestException"}; !slices.Equal(codes, want) {
			t.Errorf("outcomes %q, want one success", codes)
		}
		r.wantSteps(t, fourSteps...)
		if out := s.describe(t, name); len(out.VersionIdsToStages) != 2 || !slices.Equal(out.VersionIdsToStages[v1], []string{"AWSPREVIOUS"}) {
			t.Errorf("versions %v, want one new one", out.VersionIdsToStages)
		}
	}},
}
