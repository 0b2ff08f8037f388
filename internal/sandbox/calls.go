package sandbox

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"sync"
)

// A Call is what a function, or the platform in its name, was seen to ask of
// AWS.
type Call struct {
	Action string // as IAM names it, such as sqs:SendMessage
	// On is the logical id of a queue, the ARN of a secret as it was named, or
	// empty if the action is about none.
	On string
}

// calls remember who asked for what.
type calls struct {
	mu  sync.Mutex
	all map[string]map[Call]bool // by the caller's logical id
}

// signed finds the access key id in a signature. (AWS General Reference,
// "Signature Version 4".)
var signed = regexp.MustCompile(`Credential=([A-Za-z0-9]+)/`)

// services are the names of IAM for the prefixes of X-Amz-Target.
var services = map[string]string{"AmazonSQS": "sqs", "secretsmanager": "secretsmanager"}

// note remembers a request. Each function has an access key id of its own, its
// logical id, which the requests of its event source mapping carry too.
func (c *calls) note(s *Sandbox, r *http.Request) error {
	who := signed.FindStringSubmatch(r.Header.Get("Authorization"))
	prefix, operation, ok := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if who == nil || !ok || services[prefix] == "" {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var in struct {
		QueueURL string `json:"QueueUrl"`
		SecretID string `json:"SecretId"`
		Name     string `json:"Name"`
		Tags     []any  `json:"Tags"`
	}
	_ = json.Unmarshal(body, &in) // not about a queue or a secret
	call := Call{Action: services[prefix] + ":" + strings.TrimSuffix(operation, "Batch"), On: in.SecretID}
	if operation == "CreateSecret" {
		call.On = in.Name
	}
	if s.Stack != nil {
		for _, q := range s.Stack.Queues {
			if q.URL == in.QueueURL {
				call.On = q.LogicalID
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[string]map[Call]bool{}
	}
	if c.all[who[1]] == nil {
		c.all[who[1]] = map[Call]bool{}
	}
	c.all[who[1]][call] = true
	if operation == "CreateSecret" && len(in.Tags) > 0 {
		// Tags need a permission of their own, also at birth. (AWS Secrets
		// Manager API Reference, "CreateSecret", "Required permissions".)
		c.all[who[1]][Call{Action: "secretsmanager:TagResource", On: in.Name}] = true
	}
	return nil
}

// Calls are all that a function was seen to ask of AWS so far.
func (s *Sandbox) Calls(function string) map[Call]bool {
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	return maps.Clone(s.calls.all[function])
}
