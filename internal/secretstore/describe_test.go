package secretstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/sandbox/secretsmanager"
	"clientkeeper/internal/secret"
	"clientkeeper/internal/secretstore"
)

func TestDescribe(t *testing.T) {
	_, store, arn := shelf(t)
	got, err := store.Describe(t.Context(), "client")
	if err != nil {
		t.Fatal(err)
	}
	if time.Since(got.Created) > time.Minute || got.Created.IsZero() || got.LastChanged.Before(got.Created) {
		t.Errorf("created %v, changed %v", got.Created, got.LastChanged)
	}
	got.Created, got.LastChanged = time.Time{}, time.Time{}
	want := secretstore.Description{ARN: arn, Name: "client", Tags: map[string]string{"team": "payments"},
		Stages: map[string][]string{id(1): {"AWSPREVIOUS"}, id(2): {"AWSCURRENT"}, id(3): {"AWSPENDING"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got.Holder("AWSPENDING") != id(3) || got.Holder("mine") != "" {
		t.Errorf("holders %q and %q", got.Holder("AWSPENDING"), got.Holder("mine"))
	}
}

// What the room has only with more arranging is in a canned answer.
func TestDescribeReadsEverything(t *testing.T) {
	cfg := canned(t, `{"ARN":"a","Name":"n","KmsKeyId":"k","RotationEnabled":true,"RotationLambdaARN":"f",
		"RotationRules":{"AutomaticallyAfterDays":30,"Duration":"3h","ScheduleExpression":"rate(30 days)"},
		"LastRotatedDate":1700000000,"NextRotationDate":1700086400,"DeletedDate":1700172800,"PrimaryRegion":"eu-central-1",
		"ReplicationStatus":[{"Region":"eu-west-1","Status":"InSync"},{"Region":"us-east-1","Status":"Failed","StatusMessage":"x"}],
		"NewMember":{"a":1}}`)
	got, err := secretstore.New(cfg).Describe(t.Context(), "n")
	if err != nil {
		t.Fatal(err)
	}
	want := secretstore.Description{ARN: "a", Name: "n", KMSKeyID: "k", Tags: map[string]string{},
		Rotation:    secretstore.RotationConfig{Enabled: true, LambdaARN: "f", Rules: secretstore.RotationRules{EveryDays: 30, Schedule: "rate(30 days)", Window: "3h"}},
		LastRotated: time.Unix(1700000000, 0).UTC(), NextRotation: time.Unix(1700086400, 0).UTC(), Deleted: time.Unix(1700172800, 0).UTC(),
		PrimaryRegion: "eu-central-1", Replicas: []secretstore.Replica{{Region: "eu-west-1", Status: "InSync"}, {Region: "us-east-1", Status: "Failed"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// canned answers with the bodies in order, the last for ever.
func canned(t *testing.T, bodies ...string) aws.Config {
	t.Helper()
	var n atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		body := bodies[min(int(n.Add(1)), len(bodies))-1]
		if body == "" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return at(server.URL)
}

func TestVersions(t *testing.T) {
	_, store, arn := shelf(t)
	if err := store.RemoveStage(t.Context(), arn, "AWSPENDING", id(3)); err != nil {
		t.Fatal(err)
	}
	for n := range 120 { // more than one page, were they kept
		if err := store.Put(t.Context(), arn, secretstore.Write{Token: id(10 + n), Value: secret.New("x")}); err != nil {
			if fault.Reason(err) != "quota" {
				t.Fatal(err)
			}
			break
		}
	}
	got, err := store.Versions(t.Context(), arn)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(got, func(v secretstore.VersionRecord) bool { return v.ID == id(3) })
	if len(got) != 100 || i < 0 || len(got[i].Stages) != 0 || time.Since(got[i].Created) > time.Minute {
		t.Errorf("%d versions, the third at %d", len(got), i)
	}
}

// A list is whole or it ends in an error.
func TestVersionsAreAllOrAnError(t *testing.T) {
	page := `{"Versions":[{"VersionId":"a"}],"NextToken":"more"}`
	tests := map[string]struct {
		bodies []string
		want   int
		kind   error
	}{
		"two pages":                  {[]string{page, `{"Versions":[{"VersionId":"b"}]}`}, 2, nil},
		"an empty page in between":   {[]string{page, `{"Versions":[],"NextToken":"m2"}`, `{"Versions":[{"VersionId":"b"}]}`}, 2, nil},
		"the second page fails":      {[]string{page, ""}, 0, fault.Unavailable},
		"the second names itself":    {[]string{page, page}, 0, fault.Internal},
		"the second is cut in half":  {[]string{page, page[:20]}, 0, fault.Unavailable},
		"the first page is no JSON":  {[]string{"<html>"}, 0, fault.Unavailable},
		"nothing at all is the list": {[]string{`{"Versions":[]}`}, 0, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := secretstore.New(canned(t, test.bodies...)).Versions(t.Context(), "n")
			outcome(t, err, test.kind, "")
			if len(got) != test.want {
				t.Errorf("%d versions, want %d", len(got), test.want)
			}
		})
	}
}

func TestList(t *testing.T) {
	room, cfg := open(t)
	put := func(name string, tags map[string]string) {
		if _, err := room.Put(name, canary, tags); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 120 {
		put(fmt.Sprintf("ours-%03d", n), map[string]string{"clientkeeper:managed": "true", "clientkeeper:kind": "client_secret"})
	}
	put("other", nil)
	put("unmanaged", map[string]string{"clientkeeper:managed": "false", "x": "true"})
	put("swapped", map[string]string{"clientkeeper:managed": "x", "team": "true"})
	put("longer", map[string]string{"clientkeeper:managed": "true!"})
	put("leaving", map[string]string{"clientkeeper:managed": "true"})
	store := secretstore.New(cfg)
	if _, err := store.Delete(t.Context(), "leaving", 7); err != nil {
		t.Fatal(err)
	}
	managed := secretstore.Tag{Key: "clientkeeper:managed", Value: "true"}
	tests := map[string]struct {
		tags []secretstore.Tag
		want int
	}{
		"by key and value": {[]secretstore.Tag{managed}, 120},
		"by two":           {[]secretstore.Tag{managed, {Key: "clientkeeper:kind", Value: "client_secret"}}, 120},
		"by key":           {[]secretstore.Tag{{Key: "clientkeeper:managed"}}, 123},
		"nobody":           {[]secretstore.Tag{managed, {Key: "clientkeeper:kind", Value: "private_key_jwt"}}, 0},
		"all":              {nil, 124},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := listAll(t.Context(), store, test.tags...)
			if err != nil || len(got) != test.want {
				t.Errorf("%d secrets, %v; want %d", len(got), err, test.want)
			}
		})
	}
	t.Run("stopping early", func(t *testing.T) {
		var calls atomic.Int32
		room.SetMischief(func(string, string) secretsmanager.Fault { calls.Add(1); return secretsmanager.Fault{} })
		defer room.SetMischief(nil)
		for d, err := range store.List(t.Context(), managed) {
			if err != nil || d.Name == "" || d.Holder("AWSCURRENT") == "" {
				t.Errorf("%+v, %v", d, err)
			}
			break
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("%d calls", n)
		}
	})
}

func TestAListNeverEndsHalf(t *testing.T) {
	page := `{"SecretList":[{"Name":"a"}],"NextToken":"more"}`
	tests := map[string]struct {
		bodies []string
		want   []string
		kind   error
	}{
		"two pages":               {[]string{page, `{"SecretList":[{"Name":"b"}]}`}, []string{"a", "b"}, nil},
		"an empty page":           {[]string{page, `{"SecretList":[],"NextToken":"m2"}`, `{"SecretList":[{"Name":"b"}]}`}, []string{"a", "b"}, nil},
		"the second page fails":   {[]string{page, ""}, []string{"a"}, fault.Unavailable},
		"the second names itself": {[]string{page, page}, []string{"a"}, fault.Internal},
		"cut in half":             {[]string{page, page[:30]}, []string{"a"}, fault.Unavailable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := listAll(t.Context(), secretstore.New(canned(t, test.bodies...)))
			outcome(t, err, test.kind, "")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// errShort stands for any error: which one depends on where time ran out.
var errShort = errors.New("cut short")

// What was written a moment ago may not be there yet.
func TestGetByVersionIsPatient(t *testing.T) {
	tests := map[string]struct {
		delay, patience time.Duration
		deadline        time.Duration
		want            error // nil is success
	}{
		"seen at once":             {0, 0, time.Minute, nil},
		"not seen, no patience":    {time.Minute, 0, time.Minute, fault.NotFound},
		"seen after a while":       {200 * time.Millisecond, 20 * time.Second, time.Minute, nil},
		"not seen in time":         {time.Minute, 200 * time.Millisecond, time.Minute, fault.NotFound},
		"the caller has less time": {time.Minute, time.Minute, 200 * time.Millisecond, errShort},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			room, store, arn := shelf(t)
			room.SetMischief(func(op, _ string) secretsmanager.Fault {
				if op == "PutSecretValue" {
					return secretsmanager.Fault{Delay: test.delay}
				}
				return secretsmanager.Fault{}
			})
			if err := store.Put(t.Context(), arn, secretstore.Write{Token: id(4), Value: secret.New(canary), Stages: []string{"AWSPENDING"}}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), test.deadline)
			defer cancel()
			v, err := store.GetByVersion(ctx, arn, id(4), test.patience)
			if (err == nil) != (test.want == nil) || test.want != errShort && !errors.Is(err, test.want) {
				t.Fatalf("error %v, want %v", err, test.want)
			}
			if err == nil && (v.Value.Reveal() != canary || strings.Join(v.Stages, "") != "AWSPENDING") {
				t.Errorf("version %v", v)
			}
		})
	}
}

// Replicas are there to be waited for.
func TestReplicas(t *testing.T) {
	room, store, arn := shelf(t)
	_, err := sdk.NewFromConfig(serve(t, room)).ReplicateSecretToRegions(t.Context(), &sdk.ReplicateSecretToRegionsInput{
		SecretId: &arn, AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String("eu-west-1")}}})
	if err != nil {
		t.Fatal(err)
	}
	d, err := store.Describe(t.Context(), arn)
	if err != nil || len(d.Replicas) != 1 || d.Replicas[0].Region != "eu-west-1" || d.Replicas[0].Status == "" {
		t.Errorf("replicas %+v, %v", d.Replicas, err)
	}
}
