package sqs_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"clientkeeper/internal/sandbox/sqs"
)

// once is mischief that befalls the first call of an operation.
func once(operation string, f sqs.Fault) sqs.Mischief {
	calls := make(chan sqs.Fault, 1)
	calls <- f
	return func(op, _ string) sqs.Fault {
		if op != operation {
			return sqs.Fault{}
		}
		select {
		case f := <-calls:
			return f
		default:
			return sqs.Fault{}
		}
	}
}

func TestMischiefWithAnAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		fault    sqs.Fault
		code     string // empty means any error
		wantSent string
	}{
		"throttled before the change":     {sqs.Fault{Status: 403}, "RequestThrottled", "0"},
		"unavailable before the change":   {sqs.Fault{Status: 503}, "ServiceUnavailable", "0"},
		"failed after the change":         {sqs.Fault{Status: 500, Applied: true}, "InternalFailure", "1"},
		"hung up before the change":       {sqs.Fault{HangUp: true}, "", "0"},
		"changed, then the answer lost":   {sqs.Fault{HangUp: true, Applied: true}, "", "1"},
		"slow, then failed, nothing done": {sqs.Fault{Delay: 10 * time.Millisecond, Status: 500}, "InternalFailure", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t, sqs.Options{})
			q := r.queue(t, nil)
			r.service.SetMischief(once("SendMessage", c.fault))
			_, err := r.client.SendMessage(t.Context(), &awssqs.SendMessageInput{QueueUrl: &q, MessageBody: aws.String("x")})
			if err == nil {
				t.Error("the call succeeded")
			} else if c.code != "" {
				wantCode(t, err, c.code)
			}
			if got := r.counts(t, q); got != [3]string{c.wantSent, "0", "0"} {
				t.Errorf("counts are %v, want %s", got, c.wantSent)
			}
			r.send(t, q, "y") // the mischief is over
		})
	}
}

func TestMischiefKnowsOperationAndQueue(t *testing.T) {
	r := newRoom(t, sqs.Options{})
	q := r.queue(t, nil)
	asked := make(chan [2]string, 4)
	r.service.SetMischief(func(op, queue string) sqs.Fault {
		asked <- [2]string{op, queue}
		return sqs.Fault{}
	})
	r.send(t, q, "x")
	if got, want := <-asked, [2]string{"SendMessage", name(q)}; got != want {
		t.Errorf("asked about %v, want %v", got, want)
	}
	if _, err := r.client.ListQueues(t.Context(), &awssqs.ListQueuesInput{}); err != nil {
		t.Fatal(err)
	}
	if got, want := <-asked, [2]string{"ListQueues", ""}; got != want {
		t.Errorf("asked about %v, want %v", got, want)
	}
	r.service.SetMischief(nil)
	r.send(t, q, "y")
	if len(asked) != 0 {
		t.Errorf("asked about %v although there is no mischief", <-asked)
	}
}

func TestDuplicateDeliveryWhileInFlight(t *testing.T) {
	r := newRoom(t, sqs.Options{})
	q := r.queue(t, nil)
	id := r.send(t, q, "x")
	r.service.SetMischief(once("ReceiveMessage", sqs.Fault{Duplicate: true}))
	first, second := r.one(t, q), r.one(t, q)
	if *first.MessageId != id || *second.MessageId != id || *first.ReceiptHandle == *second.ReceiptHandle {
		t.Errorf("received %s and %s, want %s twice by two handles", *first.MessageId, *second.MessageId, id)
	}
	if got := second.Attributes["ApproximateReceiveCount"]; got != "2" {
		t.Errorf("receive count is %s", got)
	}
	r.none(t, q)
	r.delete(t, q, second.ReceiptHandle)
	if got := r.counts(t, q); got != [3]string{"0", "0", "0"} {
		t.Errorf("counts are %v", got)
	}
}

func TestDuplicateDeliveryAfterDeletion(t *testing.T) {
	r := newRoom(t, sqs.Options{})
	q := r.queue(t, nil)
	id := r.send(t, q, "x")
	handle := r.one(t, q).ReceiptHandle
	r.service.SetMischief(once("DeleteMessage", sqs.Fault{Duplicate: true}))
	r.delete(t, q, handle)
	again := r.one(t, q)
	if *again.MessageId != id {
		t.Errorf("received %s, want %s again", *again.MessageId, id)
	}
	r.delete(t, q, again.ReceiptHandle)
	r.pass(time.Hour)
	r.none(t, q)
}

func TestFIFOTakesNoNoticeOfDuplicates(t *testing.T) {
	r := newRoom(t, sqs.Options{})
	q := r.queue(t, fifo())
	r.sendTo(t, q, "g", "x")
	r.service.SetMischief(func(string, string) sqs.Fault { return sqs.Fault{Duplicate: true} })
	m := r.one(t, q)
	r.none(t, q)
	r.delete(t, q, m.ReceiptHandle)
	r.none(t, q)
}

func TestDelayEndsWithTheClient(t *testing.T) {
	r := newRoom(t, sqs.Options{})
	q := r.queue(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r.service.SetMischief(func(string, string) sqs.Fault {
		time.AfterFunc(50*time.Millisecond, cancel) // when the call has arrived
		return sqs.Fault{Delay: time.Hour}
	})
	if _, err := r.client.SendMessage(ctx, &awssqs.SendMessageInput{QueueUrl: &q, MessageBody: aws.String("x")}); err == nil {
		t.Error("the call succeeded")
	}
	r.service.SetMischief(nil)
	if got := r.attribute(t, q, types.QueueAttributeNameApproximateNumberOfMessages); got != "0" {
		t.Errorf("%s messages, although the client left before its turn", got)
	}
}
