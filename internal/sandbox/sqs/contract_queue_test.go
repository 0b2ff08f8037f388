package sqs_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

var queueCases = []contractCase{
	{id: "Q26", name: "creating a queue again gives the same one, or an error if it differs", run: func(t *testing.T, r *room) {
		in := &awssqs.CreateQueueInput{QueueName: aws.String("t-" + uuid.NewString()), Attributes: map[string]string{"DelaySeconds": "3"}}
		first, err := r.client.CreateQueue(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		second, err := r.client.CreateQueue(t.Context(), in)
		if err != nil || *first.QueueUrl != *second.QueueUrl {
			t.Errorf("got %v, %v", second, err)
		}
		in.Attributes["DelaySeconds"] = "4"
		_, err = r.client.CreateQueue(t.Context(), in)
		wantCode(t, err, "QueueAlreadyExists")
		r.says(t, err, "A queue already exists with the same name and a different value for attribute DelaySeconds")
	}},
	{id: "Q39", name: "a new queue has the documented defaults", run: func(t *testing.T, r *room) {
		want := map[string]string{
			"VisibilityTimeout": "30", "MaximumMessageSize": "1048576", "MessageRetentionPeriod": "345600",
			"SqsManagedSseEnabled": "true", "DelaySeconds": "0", "ReceiveMessageWaitTimeSeconds": "0",
			"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0", "ApproximateNumberOfMessagesDelayed": "0",
		}
		q := r.queue(t, nil)
		out, err := r.client.GetQueueAttributes(t.Context(), &awssqs.GetQueueAttributesInput{
			QueueUrl: &q, AttributeNames: []types.QueueAttributeName{"All"},
		})
		if err != nil {
			t.Fatal(err)
		}
		arn := out.Attributes["QueueArn"]
		if name := q[strings.LastIndex(q, "/")+1:]; arn != "arn:aws:sqs:eu-central-1:123456789012:"+name {
			t.Errorf("ARN of %s is %s", q, arn)
		}
		for _, name := range []string{"QueueArn", "CreatedTimestamp", "LastModifiedTimestamp"} {
			if out.Attributes[name] == "" {
				t.Errorf("no %s", name)
			}
			delete(out.Attributes, name)
		}
		if diff := cmp.Diff(want, out.Attributes); diff != "" {
			t.Error(diff)
		}
	}},
	{id: "R80", name: "attributes out of range or unknown are refused", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		for name, c := range map[string]struct{ attribute, value, code string }{
			"visibility too long":  {"VisibilityTimeout", "43201", "InvalidAttributeValue"},
			"visibility negative":  {"VisibilityTimeout", "-1", "InvalidAttributeValue"},
			"visibility no number": {"VisibilityTimeout", "abc", "InvalidAttributeValue"},
			"delay too long":       {"DelaySeconds", "901", "InvalidAttributeValue"},
			"wait too long":        {"ReceiveMessageWaitTimeSeconds", "21", "InvalidAttributeValue"},
			"retention too short":  {"MessageRetentionPeriod", "59", "InvalidAttributeValue"},
			"retention too long":   {"MessageRetentionPeriod", "1209601", "InvalidAttributeValue"},
			"size too small":       {"MaximumMessageSize", "1023", "InvalidAttributeValue"},
			"size too large":       {"MaximumMessageSize", "1048577", "InvalidAttributeValue"},
			"policy is not JSON":   {"Policy", "everyone", "InvalidAttributeValue"},
			"unknown":              {"Colour", "blue", "InvalidAttributeName"},
			"read only":            {"QueueArn", "arn", "InvalidAttributeName"},
			"of a FIFO queue":      {"FifoQueue", "true", "InvalidAttributeName"},
			"of a FIFO queue, too": {"ContentBasedDeduplication", "true", "InvalidAttributeName"},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := r.client.SetQueueAttributes(t.Context(), &awssqs.SetQueueAttributesInput{
					QueueUrl: &q, Attributes: map[string]string{c.attribute: c.value},
				})
				wantCode(t, err, c.code)
			})
		}
	}},
	{id: "R81", name: "a refused change changes nothing", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		if _, err := r.client.SetQueueAttributes(t.Context(), &awssqs.SetQueueAttributesInput{
			QueueUrl: &q, Attributes: map[string]string{"DelaySeconds": "5", "VisibilityTimeout": "99999"},
		}); err == nil {
			t.Fatal("accepted")
		}
		if got := r.attribute(t, q, "DelaySeconds"); got != "0" {
			t.Errorf("DelaySeconds is %s", got)
		}
	}},
	{id: "R82", name: "a FIFO queue stays one", run: func(t *testing.T, r *room) {
		q := r.queue(t, fifo())
		_, err := r.client.SetQueueAttributes(t.Context(), &awssqs.SetQueueAttributesInput{
			QueueUrl: &q, Attributes: map[string]string{"FifoQueue": "false"},
		})
		wantCode(t, err, "InvalidAttributeValue")
		r.says(t, err, "Modifying queue type is not supported.")
		if got := r.attribute(t, q, "FifoQueue"); got != "true" {
			t.Errorf("FifoQueue is %s", got)
		}
	}},
	{id: "R83", name: "a queue has one kind of encryption", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		_, err := r.client.SetQueueAttributes(t.Context(), &awssqs.SetQueueAttributesInput{
			QueueUrl: &q, Attributes: map[string]string{"KmsMasterKeyId": "alias/k", "SqsManagedSseEnabled": "true"},
		})
		wantCode(t, err, "InvalidAttributeName")
		if _, err := r.client.SetQueueAttributes(t.Context(), &awssqs.SetQueueAttributesInput{
			QueueUrl: &q, Attributes: map[string]string{"KmsMasterKeyId": "alias/k"},
		}); err != nil {
			t.Fatal(err)
		}
		if got := r.attribute(t, q, "SqsManagedSseEnabled"); got != "false" {
			t.Errorf("SqsManagedSseEnabled is %s", got)
		}
	}},
	{id: "R84", name: "names are checked", run: func(t *testing.T, r *room) {
		for _, c := range []struct {
			name string
			fifo bool
		}{
			{strings.Repeat("n", 81), false}, {"a b", false}, {"a.b", false}, {"x.fifo", false}, {"x", true},
			{strings.Repeat("n", 76) + ".fifo", true},
		} {
			in := &awssqs.CreateQueueInput{QueueName: &c.name}
			if c.fifo {
				in.Attributes = fifo()
			}
			_, err := r.client.CreateQueue(t.Context(), in)
			wantCode(t, err, "InvalidParameterValue")
		}
	}},
	{id: "Q33", name: "a queue is purged once a minute", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		r.send(t, q, "x")
		r.one(t, q)
		r.send(t, q, "y")
		if _, err := r.client.PurgeQueue(t.Context(), &awssqs.PurgeQueueInput{QueueUrl: &q}); err != nil {
			t.Fatal(err)
		}
		if got := r.counts(t, q); got != [3]string{"0", "0", "0"} {
			t.Errorf("counts are %v", got)
		}
		_, err := r.client.PurgeQueue(t.Context(), &awssqs.PurgeQueueInput{QueueUrl: &q})
		wantCode(t, err, "AWS.SimpleQueueService.PurgeQueueInProgress")
	}},
	{id: "R85", name: "a queue can be purged again after a minute", slow: true, run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		for range 2 {
			if _, err := r.client.PurgeQueue(t.Context(), &awssqs.PurgeQueueInput{QueueUrl: &q}); err != nil {
				t.Error(err)
			}
			r.pass(61 * time.Second)
		}
	}},
	{id: "Q40", name: "the name of a deleted queue stays taken for a minute", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		if _, err := r.client.DeleteQueue(t.Context(), &awssqs.DeleteQueueInput{QueueUrl: &q}); err != nil {
			t.Fatal(err)
		}
		_, err := r.client.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: aws.String(q[strings.LastIndex(q, "/")+1:])})
		wantCode(t, err, "AWS.SimpleQueueService.QueueDeletedRecently")
	}},
	{id: "R86", name: "a queue created again is empty", slow: true, run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		r.send(t, q, "x")
		if _, err := r.client.DeleteQueue(t.Context(), &awssqs.DeleteQueueInput{QueueUrl: &q}); err != nil {
			t.Fatal(err)
		}
		r.pass(61 * time.Second)
		if _, err := r.client.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: aws.String(q[strings.LastIndex(q, "/")+1:])}); err != nil {
			t.Fatal(err)
		}
		r.none(t, q)
	}},
	{id: "R87", name: "a deleted queue does not exist", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		if _, err := r.client.DeleteQueue(t.Context(), &awssqs.DeleteQueueInput{QueueUrl: &q}); err != nil {
			t.Fatal(err)
		}
		_, err := r.client.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: &q, MessageBody: aws.String("x")})
		wantCode(t, err, "AWS.SimpleQueueService.NonExistentQueue")
		_, err = r.client.GetQueueUrl(t.Context(), &awssqs.GetQueueUrlInput{QueueName: aws.String(q[strings.LastIndex(q, "/")+1:])})
		wantCode(t, err, "AWS.SimpleQueueService.NonExistentQueue")
	}},
	{id: "R88", name: "queues are listed by prefix, in pages", run: func(t *testing.T, r *room) {
		prefix := "t-" + uuid.NewString()[:8]
		for _, name := range []string{"-a", "-b", "-c"} {
			if _, err := r.client.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: aws.String(prefix + name)}); err != nil {
				t.Fatal(err)
			}
		}
		var names, sizes []int
		pages := awssqs.NewListQueuesPaginator(r.client, &awssqs.ListQueuesInput{QueueNamePrefix: &prefix, MaxResults: aws.Int32(2)})
		for i := 0; pages.HasMorePages() && i < 5; i++ {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			sizes = append(sizes, len(page.QueueUrls))
			for _, url := range page.QueueUrls {
				names = append(names, int(url[len(url)-1]))
			}
		}
		if diff := cmp.Diff([]int{'a', 'b', 'c'}, names); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]int{2, 1}, sizes); diff != "" {
			t.Error(diff)
		}
	}},
	{id: "R89", name: "tags are set, replaced and removed", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		for _, tags := range []map[string]string{{"a": "1", "b": "2"}, {"a": "3", "c": ""}} {
			if _, err := r.client.TagQueue(t.Context(), &awssqs.TagQueueInput{QueueUrl: &q, Tags: tags}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.client.UntagQueue(t.Context(), &awssqs.UntagQueueInput{QueueUrl: &q, TagKeys: []string{"b", "x"}}); err != nil {
			t.Fatal(err)
		}
		out, err := r.client.ListQueueTags(t.Context(), &awssqs.ListQueueTagsInput{QueueUrl: &q})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"a": "3", "c": ""}, out.Tags); diff != "" {
			t.Error(diff)
		}
	}},
}
