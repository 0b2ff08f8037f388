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

// Whoever may send to a queue may have its data key made, and whoever may take
// from one may have it decrypted, where the key is the operator's own: the
// message would be lost otherwise, or stay. (Amazon SQS Developer Guide, "Key
// management".) And each role is taken by one service, for this account alone.
func TestEveryRoleMayUseTheQueuesKeyAndIsTakenByOneService(t *testing.T) {
	resources, _ := ours(t)
	roles := 0
	for id, r := range resources {
		if r.Type != "AWS::IAM::Role" {
			continue
		}
		roles++
		var actions, services []string
		each(&r.Properties, func(key string, value *yaml.Node) {
			switch key {
			case "Action":
				actions = append(actions, scalars(value)...)
			case "Service":
				services = append(services, scalars(value)...)
			}
		})
		if slices.Contains(actions, "sqs:SendMessage") && !allows(r, "kms:GenerateDataKey", "QueuesKeyArn") {
			t.Errorf("%s may send a message, and not have it encrypted", id)
		}
		if (slices.Contains(actions, "sqs:SendMessage") || slices.Contains(actions, "sqs:ReceiveMessage")) && !allows(r, "kms:Decrypt", "QueuesKeyArn") {
			t.Errorf("%s may handle messages, and not have them decrypted", id)
		}
		bound := strings.Contains(strings.Join(keys(member(r, "AssumeRolePolicyDocument")), " "), "aws:SourceAccount aws:SourceArn")
		if len(services) != 1 || services[0] != "lambda.amazonaws.com" && !bound {
			t.Errorf("%s is taken by %q, for any account's sake", id, services)
		}
	}
	if roles < 8 {
		t.Errorf("only %d roles", roles)
	}
	for id, r := range resources {
		each(&r.Properties, func(key string, value *yaml.Node) {
			if key == "Type" && value.Value == "ScheduleV2" && !slices.Contains(scalars(&r.Properties), "ScheduleRole.Arn") {
				t.Errorf("the schedule of %s has a role of SAM's", id)
			}
		})
	}
}

// keys are those of all mappings below n.
func keys(n *yaml.Node) (out []string) {
	each(n, func(key string, _ *yaml.Node) { out = append(out, key) })
	return out
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
