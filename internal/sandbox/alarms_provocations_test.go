package sandbox_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssecrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"clientkeeper/internal/sandbox"
	"clientkeeper/internal/sandbox/cloudwatch"
)

// good is a document that the tenant takes.
const good = "https://vscode.dev/oauth/client-metadata.json"

// A provocation makes one alarm ring.
type provocation struct {
	alarm string
	// make does what goes wrong in one period.
	make func(*night)
	// after makes good again; nil: nothing to do.
	after func(*night)
}

// provocations are in an order in which what one leaves behind disturbs no
// later one. The last ones leave ruins.
var provocations = []provocation{
	{"RegistrationsRejectedAlarm", func(n *night) { n.send("not a message") }, nil},
	{"RegistrationsWaitingAlarm", func(n *night) {
		n.mischief("register=503")
		if n.sent == 0 {
			n.pass(2 * time.Hour)
		}
		n.eventually("a message waits", func() bool { // each is given up within seconds
			n.send(n.documents(1)...)
			return n.rings("RegistrationsWaitingAlarm")
		})
	}, func(n *night) { n.mischief("") }},
	{"RegisterClientFailingAlarm", func(n *night) {
		n.crash.Store("RegisterClientFunction")
		n.send(n.documents(1)...)
	}, func(n *night) { n.crash.Store("") }},
	{"HttpApiFailingAlarm", func(n *night) {
		n.crash.Store("ApiFunction")
		for range 5 {
			n.caller.ask("GET", "/v1/openapi.json", "")
		}
	}, func(n *night) { n.crash.Store("") }},
	{"SignaturesRefusedAlarm", func(n *night) {
		body := `{"external_client_id":"` + good + `"}`
		for i := range 20 {
			at := time.Now()
			if i%2 == 0 {
				at = at.Add(-time.Hour)
			}
			n.webhook(body, at, body+" ", 401)
		}
	}, nil},
	{"RotateSecretFailingAlarm", func(n *night) {
		n.invoke("RotateSecretFunction", `{"Step":"setSecret","SecretId":"nobody","ClientRequestToken":"00000000-0000-4000-8000-000000000009"}`, 5)
	}, nil},
	{"TenantThrottlingAlarm", func(n *night) {
		n.mischief("register=429-retry1")
		n.send(n.documents(20)...)
	}, func(n *night) {
		n.eventually("a message is postponed", func() bool {
			return n.Calls("RegisterClientFunction")[sandbox.Call{Action: "sqs:SendMessage", On: "RegistrationsQueue"}]
		})
		n.mischief("")
	}},
	{"SecretOverdueAlarm", func(n *night) {
		n.secret("overdue", map[string]string{"clientkeeper:adopted": "2020-01-01T00:00:00Z"})
		n.run()
	}, func(n *night) { n.must(n.Secrets.Idle(n.t.Context())); n.forget() }},
	{"RotationsBlockedAlarm", func(n *night) {
		n.secret("blocked", map[string]string{"clientkeeper:interval": "soon"})
		n.run()
	}, (*night).forget},
	{"RotationsStuckAlarm", func(n *night) {
		if len(n.made) == 0 {
			n.stuck("stuck", `{"client_id": "somebody else's"}`)
		}
		n.run()
	}, func(n *night) {
		n.forget()
	}},
	{"SecretsLockedOutAlarm", func(n *night) {
		n.hide() // a run looks into one secret, which the time of day chooses
		_, client := n.secret("locked", nil)
		_, err := n.Tenant.ChangeSecret(client, strings.Repeat("changed-in-the-dashboard-", 3))
		n.must(err)
		n.run()
	}, func(n *night) { n.forget(); n.show() }},
	{"FuseTrippedAlarm", func(n *night) {
		for i := range 4 {
			n.secret(fmt.Sprintf("due-%d", i), map[string]string{"clientkeeper:adopted": "2020-01-01T00:00:00Z"})
		}
		n.run()
	}, nil},
	{"ScheduleFailingAlarm", (*night).run, (*night).forget}, // the fuse again, which fails the run and its second try
	{"EventsUndeliveredAlarm", func(n *night) { // a pipe that takes events and does not get rid of them
		_, err := n.sqs.SetQueueAttributes(n.t.Context(), &awssqs.SetQueueAttributesInput{QueueUrl: n.url("EventsQueue"), Attributes: map[string]string{"VisibilityTimeout": "0"}})
		n.must(err)
		n.send(good)
		n.eventually("an event has been received too often", func() bool {
			_, err := n.sqs.ReceiveMessage(n.t.Context(), &awssqs.ReceiveMessageInput{QueueUrl: n.url("EventsQueue"), MaxNumberOfMessages: 10})
			n.must(err)
			messages, _ := n.SQS.Messages("clientkeeper-events-dead-letter")
			return len(messages) > 0
		})
	}, nil},
	{"EventsLostAlarm", func(n *night) {
		_, err := n.sqs.DeleteQueue(n.t.Context(), &awssqs.DeleteQueueInput{QueueUrl: n.url("EventsQueue")})
		n.must(err)
		n.send(good)
	}, nil},
	{"ManagementLoginRefusedAlarm", func(n *night) {
		n.mischief("*=401") // of a token that was good, and of the credential
		n.send(n.documents(6)...)
	}, func(n *night) { n.mischief("") }},
	{"WebhooksFailingAlarm", func(n *night) {
		_, err := n.sqs.DeleteQueue(n.t.Context(), &awssqs.DeleteQueueInput{QueueUrl: n.url("RegistrationsQueue")})
		n.must(err)
		body := `{"external_client_id":"` + good + `"}`
		for range 3 {
			n.webhook(body, time.Now(), body, 502)
		}
	}, nil},
	{"ScheduleSilentAlarm", func(n *night) {
		n.must(n.Scheduler.Disable("clientkeeper-check-rotations"))
		n.eventually("a day without a run", func() bool { // one that failed may have a try left
			n.pass(25 * time.Hour)
			_, silent := n.Ringing()["ScheduleSilentAlarm"]
			return silent
		})
	}, nil},
}

// hide has no secret be managed, until show is called.
func (n *night) hide() {
	for _, v := range n.Secrets.Snapshot() {
		if v.Tags["clientkeeper:managed"] == "true" {
			n.manage(v.ARN, "false")
			n.hidden = append(n.hidden, v.ARN)
		}
	}
}

func (n *night) show() {
	for _, arn := range n.hidden {
		n.manage(arn, "true")
	}
	n.hidden = nil
}

func (n *night) manage(arn, managed string) {
	_, err := n.secrets.TagResource(n.t.Context(), &awssecrets.TagResourceInput{SecretId: &arn,
		Tags: []types.Tag{{Key: aws.String("clientkeeper:managed"), Value: &managed}}})
	n.must(err)
}

// rings reports whether the last period alone would ring an alarm.
func (n *night) rings(alarm string) bool {
	_ = n.Ringing() // which looks at the queues
	period := n.Alarm(alarm)
	period.Periods, period.Datapoints = 1, 1
	state, _ := n.CloudWatch.Judge(period)
	return state == cloudwatch.Ringing
}
