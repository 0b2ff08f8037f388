package sqs

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// AddPermission and RemovePermission write statements into the Policy
// attribute, which nobody evaluates here. A label is the Sid of a statement.

const (
	maxActions    = 7
	maxStatements = 20
)

// grantable are the actions that the owner of a queue may let others do; the
// rest of them is the owner's alone (Developer Guide, "Amazon SQS API
// permissions").
var grantable = []string{
	"*", "ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "GetQueueUrl", "ListDeadLetterSourceQueues",
	"PurgeQueue", "ReceiveMessage", "SendMessage",
}

var (
	permissionLabel = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)
	accountNumber   = regexp.MustCompile(`^\d{12}$`)
)

// A grant is a statement that AddPermission makes.
type grant struct {
	Sid       string
	Effect    string
	Principal map[string]any
	Action    any
	Resource  string
}

// A policyText is a policy document, of which only the statements' Sids are
// read: the rest stays as it was given.
type policyText map[string]json.RawMessage

func (in *addPermissionIn) check() *apiError {
	switch {
	case in.Label == nil || *in.Label == "":
		return missing("Label")
	case !permissionLabel.MatchString(*in.Label):
		return invalidValue(clip(*in.Label), "Label",
			"Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.")
	case len(in.Actions) == 0:
		return missing("Actions")
	case len(in.Actions) > maxActions:
		return overLimitOf("%d Actions were found, maximum allowed is %d.", len(in.Actions), maxActions)
	case len(in.Accounts) == 0:
		return invalidValue("[]", "PrincipalId", "Unable to verify.")
	}
	for _, account := range in.Accounts {
		if !accountNumber.MatchString(account) {
			return invalidValue("["+clip(account)+"]", "PrincipalId", "Unable to verify.")
		}
	}
	for _, action := range in.Actions {
		_, exists := operations[action]
		switch {
		case slices.Contains(grantable, action):
		case exists:
			return invalidValue("SQS:"+action, "ActionName", "Only the queue owner is allowed to invoke this action.")
		default:
			return invalidValue("SQS:"+clip(action), "ActionName", "Please refer to the appropriate WSDL for a list of valid actions.")
		}
	}
	return nil
}

func (s *Service) addPermission(c *call, in *addPermissionIn) (*empty, *apiError) {
	if err := in.check(); err != nil {
		return nil, err
	}
	now := s.lock()
	defer s.mu.Unlock()
	q, err := s.queueAt(c, in.URL)
	if err != nil {
		return nil, err
	}
	policy, statements := q.policy()
	if labelled(statements, *in.Label) >= 0 {
		return nil, invalidValue(*in.Label, "Label", "Already exists.")
	}
	if len(statements) >= maxStatements {
		return nil, overLimitOf("%d Statements were found, maximum allowed is %d.", len(statements)+1, maxStatements)
	}
	text, _ := json.Marshal(in.grant(q.arn)) // strings always can be
	return &empty{}, q.setPolicy(policy, append(statements, text), now)
}

// grant is the statement: of one account or action alone, as AWS writes it, and
// not a list of it.
func (in *addPermissionIn) grant(arn string) grant {
	var roots, actions []string
	for _, account := range in.Accounts {
		roots = append(roots, "arn:aws:iam::"+account+":root")
	}
	for _, action := range in.Actions {
		actions = append(actions, "SQS:"+action)
	}
	return grant{*in.Label, "Allow", map[string]any{"AWS": oneOrAll(roots)}, oneOrAll(actions), arn}
}

func oneOrAll(list []string) any {
	if len(list) == 1 {
		return list[0]
	}
	return list
}

func (s *Service) removePermission(c *call, in *removePermissionIn) (*empty, *apiError) {
	if in.Label == nil || *in.Label == "" {
		return nil, missing("Label")
	}
	now := s.lock()
	defer s.mu.Unlock()
	q, err := s.queueAt(c, in.URL)
	if err != nil {
		return nil, err
	}
	policy, statements := q.policy()
	at := labelled(statements, *in.Label)
	if at < 0 {
		return nil, invalidValue(clip(*in.Label), "Label", "can't find label on existing policy.")
	}
	return &empty{}, q.setPolicy(policy, slices.Delete(statements, at, at+1), now)
}

// policy is the queue's, or the one that AddPermission begins with. A document
// that is something else than a policy has no statements.
func (q *queue) policy() (policyText, []json.RawMessage) {
	policy := policyText{}
	var statements []json.RawMessage
	if json.Unmarshal([]byte(q.settings.values["Policy"]), &policy) != nil {
		policy = policyText{}
	}
	if json.Unmarshal(policy["Statement"], &statements) != nil && policy["Statement"] != nil {
		statements = []json.RawMessage{policy["Statement"]} // a single one may stand without brackets
	}
	if len(policy) == 0 {
		policy["Version"] = json.RawMessage(`"2008-10-17"`)
		policy["Id"] = json.RawMessage(fmt.Sprintf("%q", q.arn+"/SQSDefaultPolicy"))
	}
	return policy, statements
}

// labelled is where the statement with a label is, or -1.
func labelled(statements []json.RawMessage, label string) int {
	return slices.IndexFunc(statements, func(text json.RawMessage) bool {
		var s struct{ Sid string }
		return json.Unmarshal(text, &s) == nil && s.Sid == label
	})
}

// setPolicy stores a policy; one without statements goes away.
func (q *queue) setPolicy(policy policyText, statements []json.RawMessage, now time.Time) *apiError {
	text := ""
	if len(statements) > 0 {
		list, _ := json.Marshal(statements) // all of it was JSON before
		policy["Statement"] = list
		document, _ := json.Marshal(policy)
		text = string(document)
	}
	set, err := q.settings.with(map[string]string{"Policy": text})
	if err != nil {
		return err
	}
	q.settings, q.modified = set, now
	return nil
}
