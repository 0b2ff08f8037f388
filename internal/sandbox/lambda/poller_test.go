package lambda_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"clientkeeper/internal/sandbox/lambda"
)

// What stays in the queue comes back when its visibility timeout has passed,
// and after two receives goes to the dead-letter queue.
func TestWhatBecomesOfMessages(t *testing.T) {
	short := map[string]time.Duration{"the function runs out of time": time.Second}
	tests := map[string]struct {
		report   bool
		bodies   []string
		wantDead []string
	}{
		"all succeed":                    {true, []string{"ok 1", "ok 2"}, nil},
		"one fails":                      {true, []string{"ok 1", "fail 2", "ok 3"}, []string{"fail 2"}},
		"all fail":                       {true, []string{"fail 1", "fail 2"}, []string{"fail 1", "fail 2"}},
		"one fails, but nobody asks":     {false, []string{"ok 1", "fail 2"}, nil},
		"function error":                 {true, []string{"ok 1", "error 2"}, []string{"error 2", "ok 1"}},
		"function error, nobody asks":    {false, []string{"ok 1", "error 2"}, []string{"error 2", "ok 1"}},
		"the process ends":               {true, []string{"ok 1", "exit 2"}, []string{"exit 2", "ok 1"}},
		"the function runs out of time":  {true, []string{"ok 1", "hang 2"}, []string{"hang 2", "ok 1"}},
		"an error hides earlier reports": {true, []string{"fail 1", "error 2", "ok 3"}, []string{"error 2", "fail 1", "ok 3"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := newQueues(t)
			dead := q.create(t, "dead", nil)
			m := q.create(t, "q", map[string]string{
				"RedrivePolicy": `{"maxReceiveCount":2,"deadLetterTargetArn":"` + dead.QueueARN + `"}`,
			})
			m.ReportBatchItemFailures = tt.report
			q.send(t, m, tt.bodies...)
			_, p, _ := consume(t, lambda.Options{}, lambda.Function{Timeout: short[name]}, m, q)
			drain(t, q, m, p)
			if got := q.bodies(t, dead); !slices.Equal(got, tt.wantDead) {
				t.Errorf("dead letters %q, want %q", got, tt.wantDead)
			}
			want := int64(2 * len(tt.wantDead)) // each came back once
			if c := p.Counts(); c.Returned != want || c.Deleted != int64(len(tt.bodies)-len(tt.wantDead)) {
				t.Errorf("counts %+v, want %d returned", c, want)
			}
		})
	}
}

// drain moves time on until nothing is left in the queue, whenever all that it
// hides has been returned to it: what is in hand, or on its way, must not come
// again.
func drain(t *testing.T, q *queues, m lambda.Mapping, p *lambda.Poller) {
	t.Helper()
	var came int64 // returned before time was last moved, and visible since
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		visible, hidden := q.counts(t, m)
		switch returned := p.Counts().Returned; {
		case visible+hidden == 0:
			idle(t, p)
			return
		case visible == 0 && hidden == returned-came:
			came = returned
			q.advance(31 * time.Second)
		}
	}
	t.Fatalf("%d messages are left", q.count(t, m))
}

// bodies takes all messages out of a queue and returns what is in them, sorted.
func (q *queues) bodies(t *testing.T, m lambda.Mapping) (all []string) {
	t.Helper()
	for range 1000 {
		out, err := q.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &m.QueueURL, MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Messages) == 0 {
			break
		}
		for _, m := range out.Messages {
			all = append(all, *m.Body)
		}
	}
	slices.Sort(all)
	return all
}

func TestMaximumConcurrency(t *testing.T) {
	tests := map[string]struct {
		mapping, function int
		want              int
	}{
		"the mapping's":        {2, 0, 2},
		"the function's":       {0, 1, 1},
		"the lower":            {3, 2, 2},
		"five if nobody cares": {0, 0, 5},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g := newGate(t)
			q := newQueues(t)
			m := q.create(t, "q", map[string]string{"VisibilityTimeout": "600"})
			m.BatchSize, m.MaximumConcurrency = 1, tt.mapping
			q.send(t, m, slices.Repeat([]string{"await " + string(g)}, 12)...)
			_, p, j := consume(t, lambda.Options{}, lambda.Function{MaxConcurrency: tt.function, Timeout: 2 * time.Minute}, m, q)
			eventually(func() bool { return j.mostAtOnce() >= tt.want })
			time.Sleep(200 * time.Millisecond) // in which one more could begin
			g.open(t)
			idle(t, p)
			if got := j.mostAtOnce(); got != tt.want {
				t.Errorf("%d at once, want %d", got, tt.want)
			}
			for _, e := range j.delivered(t) {
				if n := e.Records[0].Attributes["ApproximateReceiveCount"]; n != "1" {
					t.Errorf("a message was received %s times", n)
				}
			}
		})
	}
}

// mostAtOnce is how many invocations were under way at the same time.
func (j *journal) mostAtOnce() (most int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := 0
	for _, e := range j.events {
		switch e.Type {
		case lambda.Start:
			now++
		case lambda.Report:
			now--
		}
		most = max(most, now)
	}
	return most
}

// Other callers take the only place; messages wait unreceived, or in hand, and
// none is received twice.
func TestThrottlingCostsNoReceive(t *testing.T) {
	q := newQueues(t)
	m := q.create(t, "q", map[string]string{"VisibilityTimeout": "600"})
	m.BatchSize = 1
	s, p, j := consume(t, lambda.Options{}, lambda.Function{MaxConcurrency: 1}, m, q)
	for range 5 {
		_, err := s.Invoke(t.Context(), lambda.Invocation{
			Function: "consumer", Async: true, Payload: []byte(`{"Records":[{"body":"slow"}]}`),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	q.send(t, m, slices.Repeat([]string{"ok"}, 5)...)
	idle(t, p)
	for _, e := range j.delivered(t) {
		if r := e.Records[0]; r.MessageId != "" && r.Attributes["ApproximateReceiveCount"] != "1" {
			t.Errorf("a message was received %s times", r.Attributes["ApproximateReceiveCount"])
		}
	}
	if c := p.Counts(); c.Received != 5 || c.Deleted != 5 || c.Returned != 0 {
		t.Errorf("counts %+v", c)
	}
}

// Batches of one message group never overlap, and keep its order.
func TestFIFO(t *testing.T) {
	q := newQueues(t)
	m := q.create(t, "q.fifo", map[string]string{"FifoQueue": "true"})
	m.BatchSize = 2
	var bodies []string
	for i := range 12 {
		bodies = append(bodies, fmt.Sprintf("slow g%d %02d", i%3, i))
	}
	q.send(t, m, bodies...)
	_, p, j := consume(t, lambda.Options{}, lambda.Function{}, m, q)
	idle(t, p)
	order := map[string][]string{}
	for _, e := range j.delivered(t) {
		for _, r := range e.Records {
			group := r.Attributes["MessageGroupId"]
			order[group] = append(order[group], r.Body)
		}
	}
	for group, got := range order {
		if len(got) != 4 || !slices.IsSorted(got) {
			t.Errorf("group %s came as %q", group, got)
		}
	}
	if len(order) != 3 {
		t.Errorf("%d groups: %v", len(order), order)
	}
}

// With a third of all environments killed, every message is handled in the end.
func TestConsumeThroughCrashes(t *testing.T) {
	checkGoroutines(t)
	q := newQueues(t)
	m := q.create(t, "q", nil)
	m.ReportBatchItemFailures = true
	var bodies []string
	for i := range 200 {
		bodies = append(bodies, fmt.Sprint("ok ", i))
	}
	q.send(t, m, bodies...)
	var invocations atomic.Int64
	everyThird := func(string) lambda.Crash { return lambda.Crash{AtAnswer: invocations.Add(1)%3 == 0} }
	s, p, j := consume(t, lambda.Options{Crash: everyThird}, lambda.Function{}, m, q)
	drain(t, q, m, p)
	handled := map[string]bool{}
	for _, e := range j.delivered(t) {
		for _, r := range e.Records {
			handled[r.Body] = true
		}
	}
	if len(handled) != len(bodies) {
		t.Errorf("%d of %d messages were handled", len(handled), len(bodies))
	}
	if c := p.Counts(); c.Deleted != int64(len(bodies)) || c.Failures == 0 || c.Returned == 0 {
		t.Errorf("counts %+v", c)
	}
	s.Close()
}
