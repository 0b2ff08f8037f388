package sandbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssecrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"clientkeeper/internal/awsrequest"
	"clientkeeper/internal/sandbox"
	"clientkeeper/internal/sandbox/lambda"
	"clientkeeper/internal/sandbox/tenant"
	"clientkeeper/internal/telemetry"
)

// night is a sandbox in which everything goes wrong that somebody is woken for.
type night struct {
	*sandbox.Sandbox
	t       *testing.T
	sqs     *awssqs.Client
	secrets *awssecrets.Client
	offset  atomic.Int64 // of the clock of Secrets Manager and CloudWatch
	crash   atomic.Value // the function whose answers are lost; empty: none's
	lines   written      // of the functions
	sent    int
	made    []string // secrets
	hidden  []string // secrets that were managed
	caller  *caller  // of the HTTP API
}

func nightfall(t *testing.T) *night {
	n := &night{t: t}
	n.Sandbox = start(t, sandbox.Options{
		Line:       n.lines.line,
		Clock:      func() time.Time { return time.Now().Add(time.Duration(n.offset.Load())) },
		Parameters: map[string]string{"DomainEvents": "true", "FuseCount": "3", "StartPace": "0s", "PropagationWindow": "2s", "AllowedAudiences": "https://nowhere.example.net"},
		Crash: func(function string) lambda.Crash {
			return lambda.Crash{AtAnswer: n.crash.Load() == function}
		},
	})
	cfg := awsrequest.Config(aws.Config{Region: "eu-central-2", BaseEndpoint: &n.AWSURL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	n.sqs, n.secrets = awssqs.NewFromConfig(cfg), awssecrets.NewFromConfig(cfg)
	n.caller = newCaller(t, n.Sandbox)
	return n
}

func (n *night) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

// pass lets time pass.
func (n *night) pass(d time.Duration) { n.offset.Add(int64(d)) }

func (n *night) url(queue string) *string {
	for _, q := range n.Stack.Queues {
		if q.LogicalID == queue {
			return &q.URL
		}
	}
	n.t.Fatalf("no queue %s", queue)
	return nil
}

func (n *night) send(bodies ...string) {
	for _, body := range bodies {
		_, err := n.sqs.SendMessage(n.t.Context(), &awssqs.SendMessageInput{QueueUrl: n.url("RegistrationsQueue"), MessageBody: &body})
		n.must(err)
	}
}

// documents are URLs that are all different, and that the tenant would take.
func (n *night) documents(count int) (out []string) {
	for range count {
		n.sent++
		out = append(out, fmt.Sprintf("https://client-%d.example.com/oauth/client.json", n.sent))
	}
	return out
}

func (n *night) mischief(rules string) {
	hook, err := tenant.ParseMischief(rules, 1)
	n.must(err)
	n.Tenant.SetMischief(hook)
}

// run has the schedule make a run.
func (n *night) run() { n.must(n.Scheduler.RunNow("clientkeeper-check-rotations")) }

// secret stores a managed secret of a client, whose tags may say otherwise, and
// switches its rotation on.
func (n *night) secret(name string, tags map[string]string) (arn, client string) {
	client, value := n.Tenant.AddClient(name)
	text, err := json.Marshal(map[string]string{"client_id": client, "client_secret": value})
	n.must(err)
	all := map[string]string{"clientkeeper:managed": "true", "clientkeeper:tenant": n.Tenant.Domain(), "clientkeeper:client-id": client, "clientkeeper:interval": "30d"}
	maps.Copy(all, tags)
	arn, err = n.Secrets.Put(name, string(text), all)
	n.must(err)
	n.made = append(n.made, arn)
	_, err = n.secrets.RotateSecret(n.t.Context(), &awssecrets.RotateSecretInput{SecretId: &arn, RotationLambdaARN: &rotator, RotateImmediately: aws.Bool(false)})
	n.must(err)
	n.must(n.Secrets.Idle(n.t.Context()))
	return arn, client
}

var rotator = "arn:aws:lambda:eu-central-2:123456789012:function:RotateSecretFunction"

// forget removes the secrets that a provocation has made.
func (n *night) forget() {
	for _, arn := range n.made {
		_, err := n.secrets.DeleteSecret(n.t.Context(), &awssecrets.DeleteSecretInput{SecretId: &arn, ForceDeleteWithoutRecovery: aws.Bool(true)})
		n.must(err)
	}
	n.made = nil
}

// stuck is a secret whose rotation stopped hours ago, by the functions' clock
// too. AWSPENDING has a value, or else what AWSCURRENT has; in the value, ID is
// the client's.
func (n *night) stuck(name, pending string) (arn, client string) {
	now := n.offset.Load()
	n.offset.Store(int64(-3 * time.Hour))
	defer n.offset.Store(now)
	arn, client = n.secret(name, nil)
	if pending = strings.ReplaceAll(pending, "ID", client); pending == "" {
		value, err := n.secrets.GetSecretValue(n.t.Context(), &awssecrets.GetSecretValueInput{SecretId: &arn})
		n.must(err)
		pending = *value.SecretString
	}
	_, err := n.secrets.PutSecretValue(n.t.Context(), &awssecrets.PutSecretValueInput{SecretId: &arn, SecretString: &pending,
		ClientRequestToken: aws.String("00000000-0000-4000-8000-000000000001"), VersionStages: []string{"AWSPENDING"}})
	n.must(err)
	return arn, client
}

// chores are what the schedule does besides what an alarm is about: it ends
// the rotations that can be ended and the overlap of a key, starts what is due,
// and deletes what has expired.
func (n *night) chores() {
	stale, _ := n.stuck("stale", "")
	const applied = "a-secret-that-was-applied-and-never-made-current-0123456789"
	ended, client := n.stuck("ended", `{"client_id": "ID", "client_secret": "`+applied+`"}`)
	_, err := n.Tenant.ChangeSecret(client, applied)
	n.must(err)
	_, err = n.secrets.TagResource(n.t.Context(), &awssecrets.TagResourceInput{SecretId: aws.String("clients/reports"),
		Tags: []types.Tag{{Key: aws.String("clientkeeper:overlap"), Value: aws.String("1s")}}})
	n.must(err)
	now := n.offset.Load()
	n.offset.Store(int64(-48 * time.Hour))
	_, err = n.Secrets.Put("clientkeeper/requests/old", "{}", map[string]string{"clientkeeper:record": "request"})
	n.must(err)
	n.secret("late", map[string]string{"clientkeeper:adopted": "2020-01-01T00:00:00Z"})
	n.offset.Store(now)
	n.run()
	n.eventually("the schedule does its chores", func() bool {
		done := n.Calls("ScheduleRotationsFunction")
		for _, want := range []string{"secretsmanager:RotateSecret", "secretsmanager:DeleteSecret", "secretsmanager:TagResource", "secretsmanager:UpdateSecretVersionStage"} {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(done)), func(c sandbox.Call) bool { return c.Action == want }) {
				return false
			}
		}
		return done[sandbox.Call{Action: "sqs:SendMessage", On: "EventsQueue"}]
	})
	for _, arn := range []string{stale, ended} {
		out, err := n.secrets.DescribeSecret(n.t.Context(), &awssecrets.DescribeSecretInput{SecretId: &arn})
		n.must(err)
		for _, labels := range out.VersionIdsToStages {
			if slices.Contains(labels, "AWSPENDING") {
				n.t.Errorf("%s is still stuck", arn)
			}
		}
	}
	n.must(n.Secrets.Idle(n.t.Context()))
	n.forget()
}

// invoke calls a function with an event that it cannot do anything with.
func (n *night) invoke(function, event string, times int) {
	for range times {
		_, err := n.Lambda.Invoke(n.t.Context(), lambda.Invocation{Function: function, Payload: []byte(event)})
		n.must(err)
	}
}

func (n *night) eventually(what string, ok func() bool) {
	n.t.Helper()
	for end := time.Now().Add(4 * time.Minute); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			lines := n.lines.String()
			n.t.Fatalf("not within four minutes: %s; the functions' last words were\n%s", what, lines[max(0, len(lines)-6000):])
		}
	}
}

// provoke makes an alarm ring: in each of its periods, until that period alone
// would ring it.
func (n *night) provoke(p provocation) {
	n.t.Helper()
	a := n.Alarm(p.alarm)
	if len(a.Series) == 0 {
		n.t.Fatalf("the template has no %s", p.alarm)
	}
	for i := range a.Datapoints {
		if i > 0 {
			n.pass(a.Period)
		}
		p.make(n)
		n.eventually(fmt.Sprintf("period %d of %s", i+1, p.alarm), func() bool { return n.rings(p.alarm) })
	}
	if story, rings := n.Ringing()[p.alarm]; !rings {
		n.t.Errorf("%s does not ring: %s", p.alarm, story)
	}
	if p.after != nil {
		p.after(n)
	}
}

// Every alarm rings when its mischief is made, and none before. On the way each
// function does all that it ever does, so what it asked AWS for is what its
// role has to allow.
func TestEveryAlarmRings(t *testing.T) {
	t.Parallel()
	n := nightfall(t)
	ctx, cancel := context.WithTimeout(t.Context(), 9*time.Minute)
	defer cancel()
	n.send(good)
	n.eventually("a quiet evening", func() bool {
		seen := n.CloudWatch.Metrics(telemetry.Namespace)
		return slices.Contains(seen, "Registrations") && slices.Contains(seen, "SecretsManaged")
	})
	if _, err := n.PlayRotations(ctx); err != nil {
		t.Fatal(err)
	}
	if ringing := n.Ringing(); len(ringing) > 0 {
		t.Fatalf("these ring although nothing is wrong: %v", ringing)
	}
	n.requests()
	n.chores()
	n.pass(2 * time.Hour) // what the chores have left behind is forgotten
	rung := map[string]bool{}
	for _, p := range provocations {
		began := time.Now()
		n.provoke(p)
		rung[p.alarm] = true
		t.Logf("%-32s rings after %s", p.alarm, time.Since(began).Round(100*time.Millisecond))
	}
	for _, a := range n.Stack.Alarms {
		if !rung[a.LogicalID] {
			t.Errorf("nothing shows that %s can ring", a.LogicalID)
		}
	}
	for _, mistake := range n.CloudWatch.Mistakes() {
		t.Errorf("CloudWatch would not take it: %s", mistake)
	}
	checkMetrics(t, n.CloudWatch.Metrics(telemetry.Namespace))
	checkRoles(t, n.Sandbox)
	n.invoke("CheckDeploymentFunction", `{}`, 1)
	for call := range n.Calls("CheckDeploymentFunction") {
		if call.Action != "secretsmanager:GetSecretValue" || !strings.Contains(call.On, "clientkeeper/management") {
			t.Errorf("CheckDeploymentFunction asks for %+v", call)
		}
	}
}

// checkMetrics: what is documented is written, and what is written is
// documented.
func checkMetrics(t *testing.T, seen []string) {
	t.Helper()
	var defined []string
	for _, d := range telemetry.Definitions {
		defined = append(defined, d.Name)
		if !slices.Contains(seen, d.Name) {
			t.Errorf("no function was seen to write %s", d.Name)
		}
	}
	for _, name := range seen {
		if !slices.Contains(defined, name) {
			t.Errorf("%s is written, and not in the table of metrics", name)
		}
	}
}
