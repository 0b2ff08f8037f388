package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// settleTime bounds how long what the events started may go on: messages that
// the functions queued, and the rotation that one request asks for.
const settleTime = 3 * time.Minute

// compareState compares what there is in the end: the containers' work has to
// be found in the sandbox, not only in their answers.
func (r *runner) compareState(ctx context.Context) error {
	var found [2]map[string]string
	for i, s := range []*side{r.sam, r.own} {
		var err error
		if found[i], err = s.state(ctx); err != nil {
			return err
		}
	}
	for _, what := range []string{"dead letters", "secrets", "clients"} {
		r.table.add(row{"afterwards", "", what, found[0][what], found[1][what], 0, 0, false})
	}
	return nil
}

func (s *side) state(ctx context.Context) (map[string]string, error) {
	for deadline := time.Now().Add(settleTime); ; {
		waiting, err := s.messages(ctx, s.env["REGISTRATIONS_QUEUE_URL"])
		if err != nil {
			return nil, err
		}
		if waiting == 0 {
			break
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("%d messages are still on the queue of registrations after %s", waiting, settleTime)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
	dead, err := s.messages(ctx, s.env["REGISTRATIONS_DLQ_URL"])
	if err != nil {
		return nil, err
	}
	out, err := s.aws(ctx, "secretsmanager", "list-secrets")
	if err != nil {
		return nil, err
	}
	var secrets struct{ SecretList []json.RawMessage }
	if err := json.Unmarshal(out, &secrets); err != nil {
		return nil, err
	}
	clients, err := s.ask(ctx, s.env["API_URL"], request{method: "GET", path: "/v1/clients?limit=100", caller: true})
	return map[string]string{"dead letters": fmt.Sprint(dead), "secrets": fmt.Sprint(len(secrets.SecretList)), "clients": clients}, err
}

// messages counts those that wait and those that are being worked on.
func (s *side) messages(ctx context.Context, queue string) (int, error) {
	out, err := s.aws(ctx, "sqs", "get-queue-attributes", "--queue-url", queue, "--attribute-names", "All")
	if err != nil {
		return 0, err
	}
	var a struct {
		Attributes struct {
			Visible int `json:"ApproximateNumberOfMessages,string"`
			Flight  int `json:"ApproximateNumberOfMessagesNotVisible,string"`
			Delayed int `json:"ApproximateNumberOfMessagesDelayed,string"`
		}
	}
	err = json.Unmarshal(out, &a)
	return a.Attributes.Visible + a.Attributes.Flight + a.Attributes.Delayed, err
}
