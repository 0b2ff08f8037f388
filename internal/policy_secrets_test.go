package internal_test

import (
	"slices"
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
