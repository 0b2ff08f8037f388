package sqs_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"clientkeeper/internal/sandbox/sqs"
)

// The cases are the same in every run, so that a red test says something of the
// change at hand; -rapid.seed=0 draws new ones.
func init() { _ = flag.Set("rapid.seed", "1") }

// A tester drives the service and the model side by side.
type tester struct {
	model
	service    *sqs.Service
	queue, dlq string
	stale      []string // handles that are not the latest of their message
	sent       int
}

func newTester(t *rapid.T, fifo bool) *tester {
	x := &tester{model: model{fifo: fifo, now: time.Unix(1_800_000_000, 0), limit: 3}}
	x.service = sqs.New(sqs.Options{Now: func() time.Time { return x.now }})
	suffix, attributes := "", map[string]string{}
	if fifo {
		suffix, attributes = ".fifo", map[string]string{"FifoQueue": "true"}
	}
	x.dlq, x.queue = "dead"+suffix, "live"+suffix
	x.call(t, "CreateQueue", map[string]any{"QueueName": x.dlq, "Attributes": attributes})
	attributes["RedrivePolicy"] = `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:` + x.dlq + `","maxReceiveCount":3}`
	x.call(t, "CreateQueue", map[string]any{"QueueName": x.queue, "Attributes": attributes})
	return x
}

// call makes a call that must succeed.
func (x *tester) call(t *rapid.T, operation string, in map[string]any) map[string]any {
	status, out := x.try(t, operation, in)
	if status != http.StatusOK {
		t.Fatalf("%s %v: %d %v", operation, in, status, out)
	}
	return out
}

func (x *tester) try(t *rapid.T, operation string, in map[string]any) (int, map[string]any) {
	if x.queue != "" && operation != "CreateQueue" {
		in["QueueUrl"] = "http://x/123456789012/" + x.queue
	}
	raw, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "http://x/", strings.NewReader(string(raw)))
	r.Header.Set("X-Amz-Target", "AmazonSQS."+operation)
	w := httptest.NewRecorder()
	x.service.ServeHTTP(w, r)
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	return w.Code, out
}

func (x *tester) Send(t *rapid.T) {
	in := map[string]any{"MessageBody": fmt.Sprint(x.sent)}
	m := &modelMessage{order: x.sent, visibleAt: x.now}
	if x.fifo {
		m.group = rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "group")
		in["MessageGroupId"], in["MessageDeduplicationId"] = m.group, fmt.Sprint(x.sent)
	} else if delay := rapid.SampledFrom([]int{0, 0, 2, 900}).Draw(t, "delay"); delay > 0 {
		in["DelaySeconds"] = delay
		m.visibleAt = x.now.Add(time.Duration(delay) * time.Second)
	}
	m.id = x.call(t, "SendMessage", in)["MessageId"].(string)
	x.all = append(x.all, m)
	x.sent++
}

func (x *tester) Receive(t *rapid.T) {
	most := rapid.IntRange(1, 10).Draw(t, "most")
	seconds := rapid.SampledFrom([]int{0, 1, 5, 60}).Draw(t, "visibility")
	out := x.call(t, "ReceiveMessage", map[string]any{"MaxNumberOfMessages": most, "VisibilityTimeout": seconds})
	want := x.receive(most, seconds)
	var got []string
	list, _ := out["Messages"].([]any)
	for _, item := range list {
		message := item.(map[string]any)
		m := x.byID(t, message["MessageId"].(string))
		if m.deleted {
			t.Fatalf("%s was deleted, and delivered again", m.id)
		}
		if m.handle != "" {
			x.stale = append(x.stale, m.handle)
		}
		m.handle = message["ReceiptHandle"].(string)
		got = append(got, m.id)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("received %v, want %v", got, want)
	}
	x.checkOrder(t, got)
}

// checkOrder is the promise of a FIFO queue, said without the model's rules:
// whoever is delivered, everybody before it in its group is done with, or is
// delivered by the same receive before it.
func (x *tester) checkOrder(t *rapid.T, got []string) {
	if !x.fifo {
		return
	}
	for i, id := range got {
		m := x.byID(t, id)
		for _, before := range x.all[:m.order] {
			if before.group == m.group && !before.over && !slices.Contains(got[:i], before.id) {
				t.Fatalf("%d of group %s overtook %d", m.order, m.group, before.order)
			}
		}
	}
}

func (x *tester) byID(t *rapid.T, id string) *modelMessage {
	for _, m := range x.all {
		if m.id == id {
			return m
		}
	}
	t.Fatalf("nobody sent %s", id)
	return nil
}

// held draws a message that has been received and is not over.
func (x *tester) held(t *rapid.T) *modelMessage {
	var held []*modelMessage
	for _, m := range x.all {
		if m.handle != "" && !m.over {
			held = append(held, m)
		}
	}
	if len(held) == 0 {
		t.Skip("nothing was received")
	}
	x.settle()
	return rapid.SampledFrom(held).Draw(t, "held")
}

func (x *tester) Delete(t *rapid.T) {
	m := x.held(t)
	status, out := x.try(t, "DeleteMessage", map[string]any{"ReceiptHandle": m.handle})
	if expired := x.fifo && !m.flying; expired != (status == http.StatusBadRequest) {
		t.Fatalf("deleting %s, in flight %v: %d %v", m.id, m.flying, status, out)
	}
	if status == http.StatusOK {
		m.over, m.deleted, m.flying = true, true, false
	}
}

func (x *tester) DeleteByStaleHandle(t *rapid.T) {
	if len(x.stale) == 0 {
		t.Skip("no handle is stale")
	}
	x.try(t, "DeleteMessage", map[string]any{"ReceiptHandle": rapid.SampledFrom(x.stale).Draw(t, "stale")})
}

func (x *tester) ChangeVisibility(t *rapid.T) {
	m := x.held(t)
	seconds := rapid.SampledFrom([]int{0, 1, 30}).Draw(t, "seconds")
	status, out := x.try(t, "ChangeMessageVisibility", map[string]any{"ReceiptHandle": m.handle, "VisibilityTimeout": seconds})
	if expired := x.fifo && !m.flying; expired != (status == http.StatusBadRequest) {
		t.Fatalf("changing %s, in flight %v: %d %v", m.id, m.flying, status, out)
	}
	if status == http.StatusOK {
		m.flying, m.visibleAt = seconds > 0, x.now.Add(time.Duration(seconds)*time.Second)
	}
}

func (x *tester) Pass(t *rapid.T) {
	x.now = x.now.Add(rapid.SampledFrom([]time.Duration{time.Second, 7 * time.Second, time.Minute}).Draw(t, "time"))
}

// Check is that every message is in exactly one place, and that the service
// counts as the model does.
func (x *tester) Check(t *rapid.T) {
	x.settle()
	var visible, flying, delayed, deleted, dead int
	for _, m := range x.all {
		switch {
		case m.deleted:
			deleted++
		case m.dead:
			dead++
		case m.flying:
			flying++
		case m.visibleAt.After(x.now):
			delayed++
		default:
			visible++
		}
	}
	views := x.service.Queues()
	dlq, live := views[0], views[1]
	if live.Visible != visible || live.InFlight != flying || live.Delayed != delayed || dlq.Visible != dead {
		t.Fatalf("%d visible, %d in flight, %d delayed, %d dead; want %d, %d, %d, %d",
			live.Visible, live.InFlight, live.Delayed, dlq.Visible, visible, flying, delayed, dead)
	}
	if live.Tally.Sent != x.sent || live.Tally.Deleted != deleted || live.Tally.DeadLettered != dead {
		t.Fatalf("tally is %+v; want %d sent, %d deleted, %d dead", live.Tally, x.sent, deleted, dead)
	}
	if x.sent != live.Visible+live.InFlight+live.Delayed+deleted+dlq.Visible {
		t.Fatalf("%d were sent, but %+v and %+v", x.sent, live, dlq)
	}
}

func TestModel(t *testing.T) {
	for name, fifo := range map[string]bool{"standard": false, "FIFO": true} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				x := newTester(t, fifo)
				t.Repeat(map[string]func(*rapid.T){
					"":                    x.Check,
					"Send":                x.Send,
					"SendAnother":         x.Send,
					"Receive":             x.Receive,
					"Delete":              x.Delete,
					"DeleteByStaleHandle": x.DeleteByStaleHandle,
					"ChangeVisibility":    x.ChangeVisibility,
					"Pass":                x.Pass,
				})
			})
		})
	}
}
