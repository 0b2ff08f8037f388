package internal_test

import (
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// Every queue is encrypted and may use a key of the operator's own, is a
// dead-letter queue or has one, speaks TLS only, and rings somewhere.
func TestEveryQueueIsSafeAndWatched(t *testing.T) {
	resources, _ := ours(t)
	var targets, watched, guarded []string
	for _, r := range resources {
		switch r.Type {
		case "AWS::SQS::Queue":
			targets = append(targets, scalars(member(r, "RedrivePolicy"))...)
		case "AWS::Serverless::Function":
			each(&r.Properties, func(key string, value *yaml.Node) {
				if key == "OnFailure" || key == "DeadLetterConfig" {
					targets = append(targets, scalars(value)...)
				}
			})
		case "AWS::CloudWatch::Alarm":
			watched = append(watched, scalars(member(r, "Dimensions"))...)
		case "AWS::SQS::QueuePolicy":
			guarded = append(guarded, overTLS(r)...)
		}
	}
	for id, r := range resources {
		if r.Type != "AWS::SQS::Queue" {
			continue
		}
		isTarget := slices.Contains(targets, id+".Arn")
		if len(scalars(member(r, "SqsManagedSseEnabled"))) == 0 || !slices.Contains(scalars(member(r, "KmsMasterKeyId")), "QueuesKeyArn") {
			t.Errorf("%s is not encrypted both ways", id)
		}
		if !isTarget && member(r, "RedrivePolicy").Kind == 0 {
			t.Errorf("%s has no dead-letter queue", id)
		}
		// What cannot be read any more by its reader ends in its dead-letter
		// queue, which rings; what waits for a function rings by its age.
		if isTarget && !slices.Contains(watched, id+".QueueName") {
			t.Errorf("nobody is told of what is in %s", id)
		}
		if !slices.Contains(guarded, id) {
			t.Errorf("%s speaks plain HTTP", id)
		}
	}
}

// overTLS are the queues that a policy is attached to and denies whatever does
// not come over TLS, to everybody.
func overTLS(r resource) (out []string) {
	attached := scalars(member(r, "Queues"))
	for _, s := range statements(r) {
		var named []string
		parts := map[string]string{}
		for i := 0; i+1 < len(s.Content); i += 2 {
			parts[s.Content[i].Value] = strings.Join(scalars(s.Content[i+1]), " ")
			if s.Content[i].Value == "Resource" {
				named = scalars(s.Content[i+1])
			}
		}
		if parts["Effect"] != "Deny" || parts["Principal"] != "*" || parts["Action"] != "sqs:*" || !keysAndValue(s, "Condition", "Bool", "aws:SecureTransport", "false") {
			continue
		}
		for _, id := range attached {
			if slices.Contains(named, id+".Arn") {
				out = append(out, id)
			}
		}
	}
	return out
}

// keysAndValue reports whether the keys lead from n to a value, and past
// nothing else.
func keysAndValue(n *yaml.Node, path ...string) bool {
	for i, key := range path[:len(path)-1] {
		at := -1
		for j := 0; n.Kind == yaml.MappingNode && j+1 < len(n.Content); j += 2 {
			if n.Content[j].Value == key {
				at = j + 1
			}
		}
		if at < 0 || i > 0 && len(n.Content) != 2 {
			return false
		}
		n = n.Content[at]
	}
	return n.Value == path[len(path)-1]
}
