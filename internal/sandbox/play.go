package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"clientkeeper/internal/sandbox/lambda"
)

// An expectation is what has to become of one message of a sample event.
type expectation struct {
	outcomes []string // any of them
	reason   string   // of a rejected one
	warns    bool
}

var (
	registered = expectation{outcomes: []string{"created", "updated"}}
	warned     = expectation{outcomes: []string{"created", "updated"}, warns: true}
)

func rejected(reason string) expectation {
	return expectation{outcomes: []string{"rejected"}, reason: reason}
}

// expectations are those of each sample event, by its case: of each record in
// turn.
var expectations = map[string][]expectation{
	"url":             {warned},
	"message":         {registered},
	"preview":         {{outcomes: []string{"previewed"}, warns: true}},
	"batch":           {warned, registered, registered, warned, registered, registered},
	"filtered-grants": {warned},
	"fifo":            {warned, registered},
	"redirected":      {rejected("document_unreachable")},
	"bad-client-id":   {rejected("document_invalid")},
	"bad-private-key": {rejected("document_invalid")},
	"bad-too-large":   {rejected("document_unreachable")},
	"bad-not-json":    {rejected("document_unreachable")},
	"bad-host":        {rejected("host_not_allowed")},
	"bad-url":         {rejected("client_id_has_query")},
	"bad-message":     {rejected("message_not_json"), rejected("message_invalid")},
}

// A Played message is one record of a sample event on its way.
type Played struct {
	Case      string `json:"case"`
	Body      string `json:"body"`
	MessageID string `json:"message_id"`
	Last      Line   `json:"last"` // what is known of it so far
	Calls     int    `json:"tenant_calls"`
	// Direct is set for an event that was handed to the function itself,
	// because the stack has no such queue.
	Direct bool `json:"direct,omitempty"`

	want expectation
}

type sampleEvent struct {
	Records []struct {
		MessageID      string `json:"messageId"`
		Body           string `json:"body"`
		EventSourceARN string `json:"eventSourceARN"`
	}
}

// readEvents reads the sample events of register-client, by case.
func (s *Sandbox) readEvents() (cases []string, events map[string]sampleEvent, raw map[string][]byte, err error) {
	files, err := filepath.Glob(filepath.Join(s.options.Source, "events", "register-client.*.json"))
	events, raw = map[string]sampleEvent{}, map[string][]byte{}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "register-client."), ".json")
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, nil, err
		}
		var e sampleEvent
		if err := json.Unmarshal(text, &e); err != nil {
			return nil, nil, nil, fmt.Errorf("%s: %w", file, err)
		}
		cases, events[name], raw[name] = append(cases, name), e, text
	}
	return cases, events, raw, err
}

// Play sends every record of events/ on its way: as messages to the queue, as
// any producer would, or, for a kind of queue that the stack does not have, as
// the event itself to the function.
func (s *Sandbox) Play(ctx context.Context) ([]*Played, error) {
	cases, events, raw, err := s.readEvents()
	if err != nil {
		return nil, err
	}
	if len(cases) == 0 {
		return nil, fmt.Errorf("there are no sample events in %s", filepath.Join(s.options.Source, "events"))
	}
	// The well-behaved ones first, for whoever watches.
	slices.SortStableFunc(cases, func(a, b string) int {
		return badness(a) - badness(b)
	})
	var all []*Played
	for _, name := range cases {
		for i, r := range events[name].Records {
			p := &Played{Case: name, Body: r.Body, MessageID: r.MessageID, Direct: strings.HasSuffix(r.EventSourceARN, ".fifo")}
			if i < len(expectations[name]) {
				p.want = expectations[name][i]
			}
			if !p.Direct {
				if p.MessageID, err = s.Send(ctx, r.Body); err != nil {
					return nil, err
				}
			}
			all = append(all, p)
		}
		if len(events[name].Records) > 0 && all[len(all)-1].Direct {
			if err := s.invoke(ctx, raw[name]); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

func badness(name string) int {
	if strings.HasPrefix(name, "bad-") || name == "redirected" {
		return 1
	}
	return 0
}

// Send puts a message on the registrations queue and returns its id.
func (s *Sandbox) Send(ctx context.Context, body string) (string, error) {
	url := s.registrations().URL
	out, err := awssqs.NewFromConfig(s.awsConfig()).SendMessage(ctx, &awssqs.SendMessageInput{QueueUrl: &url, MessageBody: &body})
	if err != nil {
		return "", err
	}
	return *out.MessageId, nil
}

func (s *Sandbox) invoke(ctx context.Context, event []byte) error {
	r, err := s.Lambda.Invoke(ctx, lambda.Invocation{Function: "RegisterClientFunction", Payload: event})
	if err == nil && r.FunctionError != "" {
		err = fmt.Errorf("the function failed: %s", r.Payload)
	}
	return err
}

// Await follows the played messages until each has come to its end, or ctx
// does. Tell, if not nil, is told each new line.
func (s *Sandbox) Await(ctx context.Context, all []*Played, tell func(*Played, Line)) error {
	seen := map[string]int{}
	for {
		open := 0
		var changed <-chan struct{}
		for _, p := range all {
			var lines []Line
			lines, changed = s.Journal.Of(p.MessageID)
			for _, l := range lines[seen[p.MessageID]:] {
				p.Last, p.Calls = l, p.Calls+l.TenantCalls
				if tell != nil {
					tell(p, l)
				}
			}
			seen[p.MessageID] = len(lines)
			if !p.Last.Final() {
				open++
			}
		}
		if open == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d messages have not come to an end: %w", open, len(all), ctx.Err())
		case <-time.After(time.Second): // the last line may have come between two looks
		}
	}
}
