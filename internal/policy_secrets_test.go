package internal_test

import (
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// What has a name of its own and outlives the stack does not outlive a first
// deployment that failed: the next one could not make it again.
func TestAFailedFirstDeploymentLeavesNothing(t *testing.T) {
	resources, _ := ours(t)
	kept := 0
	for id, r := range resources {
		if r.DeletionPolicy == "Retain" {
			t.Errorf("%s stays when a deployment fails", id)
		}
		if r.DeletionPolicy == "RetainExceptOnCreate" {
			kept++
		}
	}
	if kept == 0 {
		t.Error("nothing outlives the stack")
	}
}

// Every secret that the stack makes may use a key of the operator's own, and
// whoever may write one may have its data key made.
func TestEverySecretTakesAKeyOfOnesOwn(t *testing.T) {
	resources, _ := ours(t)
	keys := map[string]string{"ManagementTokenSecret": "ManagementSecretKeyArn", "WebhookSecret": "SecretsKeyArn"}
	seen := 0
	for id, r := range resources {
		if r.Type != "AWS::SecretsManager::Secret" {
			continue
		}
		seen++
		if key := keys[id]; key == "" || !slices.Contains(scalars(member(r, "KmsKeyId")), key) {
			t.Errorf("%s does not use the key of %q", id, key)
		}
	}
	if seen != len(keys) {
		t.Errorf("%d secrets, want %d", seen, len(keys))
	}
	for id, r := range resources {
		if allows(r, "secretsmanager:PutSecretValue", "ManagementTokenSecret") && !allows(r, "kms:GenerateDataKey", "ManagementSecretKeyArn") {
			t.Errorf("%s may write the token, and not have it encrypted", id)
		}
	}
}

// What is allowed on every secret of the account is bound to the tag, and what
// is allowed with a key to the service that uses it.
func TestWideStatementsAreBound(t *testing.T) {
	resources, _ := ours(t)
	tagged, keyed := 0, 0
	for id, r := range resources {
		for _, s := range statements(r) {
			for _, on := range scalars(part(s, "Resource")) {
				switch {
				case r.Type != "AWS::IAM::Role":
				case strings.HasSuffix(on, ":secret:*"):
					tagged++
					if !slices.Equal(scalars(part(part(part(s, "Condition"), "StringEquals"), "secretsmanager:ResourceTag/clientkeeper:managed")), []string{"true"}) {
						t.Errorf("%s, line %d: any secret, managed or not", id, s.Line)
					}
				case strings.HasSuffix(on, "KeyArn"):
					keyed++
					if len(scalars(part(part(part(s, "Condition"), "StringEquals"), "kms:ViaService"))) != 1 {
						t.Errorf("%s, line %d: the key may be used for anything", id, s.Line)
					}
				}
			}
		}
	}
	if tagged < 4 || keyed < 10 {
		t.Errorf("only %d statements on all secrets and %d on keys", tagged, keyed)
	}
}

// part is a member of a mapping; an empty node where there is none.
func part(n *yaml.Node, name string) *yaml.Node {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return &yaml.Node{}
}

// allows reports whether a statement of the resource names both.
func allows(r resource, action, on string) bool {
	return slices.ContainsFunc(statements(r), func(s *yaml.Node) bool {
		var actions, resources []string
		for i := 0; i+1 < len(s.Content); i += 2 {
			switch s.Content[i].Value {
			case "Action":
				actions = scalars(s.Content[i+1])
			case "Resource":
				resources = scalars(s.Content[i+1])
			}
		}
		return slices.Contains(actions, action) && slices.Contains(resources, on)
	})
}
