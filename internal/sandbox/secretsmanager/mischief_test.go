package secretsmanager_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"clientkeeper/internal/sandbox/secretsmanager"
)

// once lets one fault befall the first call of an operation.
func once(op string, f secretsmanager.Fault) func(string, string) secretsmanager.Fault {
	done := false
	return func(called, _ string) secretsmanager.Fault {
		if called != op || done {
			return secretsmanager.Fault{}
		}
		done = true
		return f
	}
}

// TestFaults wants to know of each fault what the caller sees and whether the
// change was made, and that the same token makes a second try harmless.
func TestFaults(t *testing.T) {
	tests := map[string]struct {
		fault secretsmanager.Fault
		code  string // "" is an answer without a code: the connection was dropped
		made  bool
	}{
		"throttled":                {secretsmanager.Fault{Throttle: true}, "ThrottlingException", false},
		"failed before the change": {secretsmanager.Fault{Fail: true}, "InternalServiceError", false},
		"dropped before it":        {secretsmanager.Fault{HangUp: true}, "", false},
		"made, answer lost":        {secretsmanager.Fault{Lost: true}, "InternalServiceError", true},
		"made, connection dropped": {secretsmanager.Fault{Lost: true, HangUp: true}, "", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, _ := open(t, secretsmanager.Options{})
			secret, v1 := s.create(t, "one")
			v2 := token()
			in := &sdk.PutSecretValueInput{SecretId: &secret, ClientRequestToken: &v2, SecretString: aws.String("two")}
			s.room.SetMischief(once("PutSecretValue", test.fault))
			_, err := s.sdk().PutSecretValue(t.Context(), in)
			if err == nil || codeOf(err) != test.code {
				t.Errorf("error %v, want code %q", err, test.code)
			}
			if test.made {
				s.wantStages(t, secret, stages{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT"}})
			} else {
				s.wantStages(t, secret, stages{v1: {"AWSCURRENT"}})
			}
			if _, err := s.sdk().PutSecretValue(t.Context(), in); err != nil {
				t.Errorf("second try: %v", err)
			}
			s.wantStages(t, secret, stages{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT"}})
		})
	}
}

func TestReadersLagBehind(t *testing.T) {
	s, c := open(t, secretsmanager.Options{})
	name, v1 := s.create(t, "one")
	s.room.SetMischief(once("PutSecretValue", secretsmanager.Fault{Delay: time.Minute}))
	v2 := s.put(t, name, "two", "AWSPENDING")

	pending := object{"SecretId": name, "VersionId": v2, "VersionStage": "AWSPENDING"}
	s.fails(t, "GetSecretValue", pending, "ResourceNotFoundException")
	s.wantStages(t, name, stages{v1: {"AWSCURRENT"}})
	if views := s.room.Snapshot(); len(views[0].Versions) != 2 {
		t.Errorf("a snapshot of %d versions, want the truth, which is 2", len(views[0].Versions))
	}
	s.move(t, name, "AWSCURRENT", v1, v2) // a writer sees the truth
	s.wantValue(t, name, "", "", "one")
	c.move(time.Minute)
	s.works(t, "GetSecretValue", pending)
	s.wantStages(t, name, stages{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT", "AWSPENDING"}})
}

func TestACreationThatReadersDoNotSeeYet(t *testing.T) {
	s, c := open(t, secretsmanager.Options{})
	s.room.SetMischief(once("CreateSecret", secretsmanager.Fault{Delay: time.Minute}))
	name, v1 := s.create(t, "one")
	s.fails(t, "GetSecretValue", object{"SecretId": name}, "ResourceNotFoundException")
	if out := s.raw(t, "ListSecrets", object{}); strings.Contains(out.body, name) {
		t.Error("listed before it can be seen")
	}
	s.fails(t, "CreateSecret", object{"Name": name, "ClientRequestToken": token(), "SecretString": "x"}, "ResourceExistsException")
	c.move(time.Minute)
	s.wantValue(t, name, v1, "AWSCURRENT", "one")
}

func TestLatencyAndWhatMischiefIsTold(t *testing.T) {
	s, _ := open(t, secretsmanager.Options{})
	name, _ := s.create(t, "one")
	arn := s.room.Snapshot()[0].ARN
	var told []string
	s.room.SetMischief(func(op, secret string) secretsmanager.Fault {
		told = append(told, op+" "+secret)
		return secretsmanager.Fault{Latency: 20 * time.Millisecond}
	})
	start := time.Now()
	s.works(t, "DescribeSecret", object{"SecretId": arn})
	if took := time.Since(start); took < 20*time.Millisecond {
		t.Errorf("took %v, want at least 20ms", took)
	}
	s.room.SetMischief(nil)
	s.works(t, "DescribeSecret", object{"SecretId": arn})
	if got, want := fmt.Sprint(told), "[DescribeSecret "+name+"]"; got != want {
		t.Errorf("mischief was told %s, want %s", got, want)
	}
}

func TestPutAndSnapshot(t *testing.T) {
	s, c := open(t, secretsmanager.Options{})
	first, err := s.room.Put("management", "canary-4", map[string]string{"clientkeeper:tenant": "acme"})
	if err != nil {
		t.Fatal(err)
	}
	c.move(time.Hour)
	again, err := s.room.Put("management", "canary-5", map[string]string{"clientkeeper:paused": "no"})
	if err != nil || again != first {
		t.Errorf("second Put: %s, %v, want %s", again, err, first)
	}
	s.wantValue(t, first, "", "", "canary-5")
	s.wantValue(t, first, "", "AWSPREVIOUS", "canary-4")
	if _, err := s.room.Put("not a name", "canary-6", nil); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("a bad name: %v, want an error without the value", err)
	}

	views := s.room.Snapshot()
	text := fmt.Sprintf("%+v %#v", views, s.room)
	if strings.Contains(text, "canary") {
		t.Error("a value can be printed")
	}
	v := views[0]
	if len(views) != 1 || v.ARN != first || v.Name != "management" || v.Region != "eu-central-1" || len(v.Tags) != 2 {
		t.Errorf("snapshot %+v", views)
	}
	if len(v.Versions) != 2 || fmt.Sprint(v.Versions[0].Stages, v.Versions[1].Stages) != "[AWSPREVIOUS] [AWSCURRENT]" ||
		!v.Versions[1].HasValue || !v.Changed.Equal(c.Now()) {
		t.Errorf("versions %+v, changed %v", v.Versions, v.Changed)
	}
	if bare, err := s.room.Put("management", "canary-5", nil); err != nil || bare != first {
		t.Errorf("without tags: %s, %v", bare, err)
	}
}
