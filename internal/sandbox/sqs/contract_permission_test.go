package sqs_test

import (
	"encoding/json"
	"slices"
	"testing"

	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"
)

var permissionCases = []contractCase{
	{id: "R110", name: "AddPermission and RemovePermission write the policy's statements", run: func(t *testing.T, r *room) {
		q := r.queue(t, nil)
		r.allow(t, "", q, "first", []string{"111122223333", "444455556666"}, "SendMessage", "ReceiveMessage")
		r.allow(t, "", q, "second", []string{"111122223333"}, "*")
		arn := r.arn(t, q)
		want := []map[string]any{
			{"Sid": "first", "Effect": "Allow", "Resource": arn, "Action": []any{"SQS:SendMessage", "SQS:ReceiveMessage"},
				"Principal": map[string]any{"AWS": []any{"arn:aws:iam::111122223333:root", "arn:aws:iam::444455556666:root"}}},
			{"Sid": "second", "Effect": "Allow", "Resource": arn, "Action": "SQS:*",
				"Principal": map[string]any{"AWS": "arn:aws:iam::111122223333:root"}},
		}
		policy := r.policy(t, q)
		if diff := cmp.Diff(want, policy.Statement); diff != "" || policy.ID != arn+"/SQSDefaultPolicy" {
			t.Error(policy.ID, diff)
		}
		r.allow(t, "Value second for parameter Label is invalid. Reason: Already exists.", q, "second", []string{"111122223333"}, "*")
		for _, label := range []string{"first", "second"} {
			if _, err := r.client.RemovePermission(t.Context(), &awssqs.RemovePermissionInput{QueueUrl: &q, Label: &label}); err != nil {
				t.Fatal(err)
			}
			_, err := r.client.RemovePermission(t.Context(), &awssqs.RemovePermissionInput{QueueUrl: &q, Label: &label})
			wantCode(t, err, "InvalidParameterValue")
			r.says(t, err, "Value "+label+" for parameter Label is invalid. Reason: can't find label on existing policy.")
		}
	}},
	{id: "R111", name: "AddPermission keeps a policy that was set", run: func(t *testing.T, r *room) {
		given := `{"Version":"2012-10-17","Id":"mine","Statement":{"Sid":"s","Effect":"Deny","Principal":"*","Action":"SQS:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}}`
		q := r.queue(t, map[string]string{"Policy": given})
		r.allow(t, "", q, "more", []string{"111122223333"}, "SendMessage")
		policy := r.policy(t, q)
		sids := []any{}
		for _, s := range policy.Statement {
			sids = append(sids, s["Sid"])
		}
		if policy.ID != "mine" || !slices.Equal(sids, []any{"s", "more"}) || policy.Statement[0]["Condition"] == nil {
			t.Errorf("the policy is %+v", policy)
		}
	}},
	{id: "R112", name: "what AddPermission cannot grant is refused", run: func(t *testing.T, r *room) {
		q, account := r.queue(t, nil), []string{"111122223333"}
		r.allow(t, "Only the queue owner is allowed to invoke this action.", q, "a", account, "CreateQueue")
		r.allow(t, "Please refer to the appropriate WSDL for a list of valid actions.", q, "a", account, "Dance")
		r.allow(t, "PrincipalId is invalid", q, "a", []string{"root"}, "SendMessage")
		r.allow(t, "for parameter Label is invalid", q, "a b", account, "SendMessage")
		_, err := r.client.AddPermission(t.Context(), &awssqs.AddPermissionInput{QueueUrl: &q, Label: new("a"), AWSAccountIds: account,
			Actions: slices.Repeat([]string{"SendMessage"}, 8)})
		wantCode(t, err, "OverLimit")
		r.says(t, err, "8 Actions were found, maximum allowed is 7.")
		gone := q + "-nobody"
		_, err = r.client.AddPermission(t.Context(), &awssqs.AddPermissionInput{QueueUrl: &gone, Label: new("a"), AWSAccountIds: account,
			Actions: []string{"SendMessage"}})
		wantCode(t, err, "AWS.SimpleQueueService.NonExistentQueue")
	}},
}

// allow adds a permission, or is refused with a text.
func (r *room) allow(t *testing.T, refusal, url, label string, accounts []string, actions ...string) {
	t.Helper()
	_, err := r.client.AddPermission(t.Context(), &awssqs.AddPermissionInput{QueueUrl: &url, Label: &label, AWSAccountIds: accounts, Actions: actions})
	if refusal != "" {
		wantCode(t, err, "InvalidParameterValue")
		r.says(t, err, refusal)
	} else if err != nil {
		t.Fatal(err)
	}
}

type policyDocument struct {
	ID        string `json:"Id"`
	Statement []map[string]any
}

func (r *room) policy(t *testing.T, url string) (p policyDocument) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.attribute(t, url, "Policy")), &p); err != nil {
		t.Fatal(err)
	}
	return p
}
