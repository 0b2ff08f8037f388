package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"clientkeeper/internal/sandbox/documents"
	"clientkeeper/internal/sandbox/lambda"
	"clientkeeper/internal/sandbox/sqs"
)

// SoakMischief is what befalls the tenant during a soak: 5% of the requests
// that write meet each kind of failure there is, and 5% of all are throttled.
const SoakMischief = "writes=500:5%,writes=502-after:5%,writes=503-html:5%,writes=drop:5%,writes=drop-after:5%,writes=drip-100ms:5%,*=429-retry1:3%,*=429-bare:2%"

// SoakParameters are the template's parameters for a soak.
var SoakParameters = map[string]string{
	"MaxTries": "8", "MaxReceiveCount": "100", "MaximumConcurrency": "8", "AllowedHosts": "*.soak.example.com",
}

// SoakCrash kills one invocation in fifty, at any moment or at its answer.
func SoakCrash(function string) lambda.Crash {
	return lambda.CrashRate(0.02, 300*time.Millisecond)(function)
}

// A Soaked message is one that the soak sent.
type Soaked struct {
	Kind   string // why it is sent
	Reason string // with which it has to be dead-lettered; empty if it must not be
	// OrGivenUp allows any reason of a tenant that failed at the last try, too.
	OrGivenUp bool
	URL       string // of the client that it has to lead to; empty if to none
	body      string
}

// A SoakReport is what became of all messages.
type SoakReport struct {
	Messages, Valid, Invalid int

	Deliveries    int // what the function said of messages and their copies
	MaxDeliveries int // of one message
	Invocations   int64
	Failures      int64 // invocations that were killed, among them
	Postponed     int   // copies made because the tenant was busy
	Throttled     int   // requests that the tenant answered 429
	TenantCalls   int

	Registered    int // valid documents whose client was created once
	NotRegistered int // valid documents without a client
	Twice         int // valid documents whose client was created more than once
	DeadLettered  int // invalid messages that are in the dead-letter queue
	NoReason      int // of these, without their reason
	Doubled       int // dead letters beyond the first of a message
	Lost          int // invalid messages that are nowhere
	Misled        int // valid messages in the dead-letter queue
	Reasons       map[string]int
	Leaks         int // lines and dead letters that held a secret
	Violations    []string
	Took          time.Duration
}

// Bad reports whether a promise was broken.
func (r SoakReport) Bad() bool {
	return r.NotRegistered+r.Twice+r.NoReason+r.Lost+r.Misled+r.Leaks+len(r.Violations) > 0
}

// kinds of soak messages, by the last digits of their number: of twenty,
// thirteen are documents of their own, two repeat another message's, and five
// can never succeed.
func (s *Sandbox) soaked(n int) (Soaked, error) {
	url := fmt.Sprintf("https://h%d.soak.example.com/client-%d.json", n%97, n)
	put := func(clientID string) error {
		body, err := json.Marshal(map[string]any{
			"client_id": clientID, "client_name": fmt.Sprintf("Soak %d", n), "grant_types": []string{"authorization_code"},
			"redirect_uris": []string{fmt.Sprintf("https://h%d.soak.example.com/callback", n%97)}, "token_endpoint_auth_method": "none",
		})
		if err != nil {
			return err
		}
		return s.Documents.Put(url, documents.Document{Body: body, Headers: map[string][]string{"Content-Type": {"application/json"}}})
	}
	message := func(url string) string {
		return fmt.Sprintf(`{"external_client_id":%q,"request_id":"soak-%d"}`, url, n)
	}
	switch n % 20 {
	case 13, 14: // the same document as the message before, or the one before that
		before := n - n%20 + 12
		url = fmt.Sprintf("https://h%d.soak.example.com/client-%d.json", before%97, before)
		return Soaked{Kind: "repeated", URL: url, body: message(url)}, nil
	case 15:
		return Soaked{Kind: "not JSON", Reason: "message_not_json", body: fmt.Sprintf("soak %d", n)}, nil
	case 16:
		return Soaked{Kind: "wrong client_id", Reason: "document_invalid", body: message(url)}, put(url + "x")
	case 17:
		url = fmt.Sprintf("https://stranger.example.org/client-%d.json", n)
		return Soaked{Kind: "host not allowed", Reason: "host_not_allowed", body: message(url)}, nil
	case 18:
		return Soaked{Kind: "a query", Reason: "client_id_has_query", body: message(url + "?v=1")}, nil
	case 19:
		return Soaked{Kind: "no document", Reason: "document_unreachable", OrGivenUp: true, body: message(url)}, nil
	}
	return Soaked{Kind: "valid", URL: url, body: message(url)}, put(url)
}

// Soak sends n messages through everything that can go wrong and counts what
// became of them. SQS delivers a fifth of what it hands out a second time, and
// some of what was deleted.
func (s *Sandbox) Soak(ctx context.Context, n int, progress func(done, total int)) (SoakReport, error) {
	start := time.Now()
	s.Journal.expect(n)
	queue := s.registrations()
	s.SQS.SetMischief(func(op, name string) sqs.Fault {
		if name != queue.Name {
			return sqs.Fault{}
		}
		switch x := rand.Float64(); {
		case op == "ReceiveMessage":
			return sqs.Fault{Duplicate: x < 0.2}
		case (op == "DeleteMessage" || op == "DeleteMessageBatch") && x < 0.05:
			return sqs.Fault{Duplicate: true}
		case op == "ChangeMessageVisibility" && x < 0.05:
			return sqs.Fault{Status: 500, Applied: x < 0.025}
		}
		return sqs.Fault{}
	})
	defer s.SQS.SetMischief(nil)

	err := s.shortenVisibility(ctx)
	if err != nil {
		return SoakReport{}, err
	}
	sent, err := s.sendSoak(ctx, n)
	if err != nil {
		return SoakReport{}, err
	}
	if err := s.awaitSoak(ctx, n, progress); err != nil {
		return SoakReport{}, err
	}
	r := s.countSoak(sent)
	r.Took = time.Since(start)
	return r, nil
}

// shortenVisibility makes the messages of a killed function come back within
// seconds, not minutes.
func (s *Sandbox) shortenVisibility(ctx context.Context) error {
	url := s.registrations().URL
	_, err := awssqs.NewFromConfig(s.awsConfig()).SetQueueAttributes(ctx, &awssqs.SetQueueAttributesInput{
		QueueUrl: &url, Attributes: map[string]string{"VisibilityTimeout": "10"},
	})
	return err
}

// sendSoak sends all messages, ten at a time.
func (s *Sandbox) sendSoak(ctx context.Context, n int) ([]Soaked, error) {
	client, url := awssqs.NewFromConfig(s.awsConfig()), s.registrations().URL
	sent := make([]Soaked, 0, n)
	var batch []types.SendMessageBatchRequestEntry
	for i := range n {
		m, err := s.soaked(i)
		if err != nil {
			return nil, err
		}
		sent = append(sent, m)
		id := fmt.Sprint(i)
		batch = append(batch, types.SendMessageBatchRequestEntry{Id: &id, MessageBody: &sent[i].body})
		if len(batch) < 10 && i < n-1 {
			continue
		}
		out, err := client.SendMessageBatch(ctx, &awssqs.SendMessageBatchInput{QueueUrl: &url, Entries: batch})
		if err == nil && len(out.Failed) > 0 {
			err = fmt.Errorf("%d messages could not be sent", len(out.Failed))
		}
		if err != nil {
			return nil, err
		}
		batch = batch[:0]
	}
	return sent, nil
}

// awaitSoak waits until the queue is empty and stays so.
func (s *Sandbox) awaitSoak(ctx context.Context, n int, progress func(done, total int)) error {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		waiting := 0
		for _, q := range s.SQS.Queues() {
			if q.Name == s.registrations().Name {
				waiting = q.Visible + q.InFlight + q.Delayed
			}
		}
		if progress != nil {
			progress(max(n-waiting, 0), n)
		}
		if waiting == 0 {
			if err := s.Drain(ctx); err != nil || s.quiet() {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d messages are left in the queue: %w", waiting, ctx.Err())
		}
	}
}

// quiet reports whether nothing came back after the queue was drained.
func (s *Sandbox) quiet() bool {
	messages, _ := s.SQS.Messages(s.registrations().Name)
	return len(messages) == 0
}

func (s *Sandbox) countSoak(sent []Soaked) SoakReport {
	r := SoakReport{Messages: len(sent), Leaks: s.Leaks(), Reasons: map[string]int{}, Violations: s.Tenant.Violations()}
	letters := map[string][]Letter{}
	for _, l := range s.Letters() {
		letters[l.Body] = append(letters[l.Body], l)
	}
	created := map[string]int{} // clients, by the URL of a valid document
	for _, m := range sent {
		found := letters[m.body]
		if m.URL == "" {
			r.Invalid++
			r.countInvalid(m, found)
			continue
		}
		r.Valid++
		created[m.URL] = s.Tenant.Writes(m.URL).Created
		if len(found) > 0 {
			r.Misled++
		}
	}
	for _, n := range created {
		switch n {
		case 0:
			r.NotRegistered++
		case 1:
			r.Registered++
		default:
			r.Twice++
		}
	}
	s.countWork(&r)
	return r
}

// countWork counts what it took.
func (s *Sandbox) countWork(r *SoakReport) {
	for _, lines := range s.Journal.All() {
		r.MaxDeliveries = max(r.MaxDeliveries, len(lines))
		r.Deliveries += len(lines)
		for _, l := range lines {
			if l.Outcome == "postponed" {
				r.Postponed++
			}
		}
	}
	for _, p := range s.pollers {
		r.Invocations += p.Counts().Invocations
		r.Failures += p.Counts().Failures
	}
	r.Throttled, r.TenantCalls = s.Tenant.Counts().Throttled, s.Tenant.Counts().Requests
}

func (r *SoakReport) countInvalid(m Soaked, found []Letter) {
	if len(found) == 0 {
		r.Lost++
		return
	}
	r.DeadLettered++
	r.Doubled += len(found) - 1
	for _, l := range found {
		r.Reasons[l.Reason]++
		if l.Detail == "" || (l.Reason != m.Reason && !(m.OrGivenUp && l.Kind == "unavailable")) {
			r.NoReason++
			return
		}
	}
}
