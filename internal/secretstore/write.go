package secretstore

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// A Write is a new version of a secret.
type Write struct {
	// Token becomes the version's id; 32 to 64 characters, such as a UUID.
	Token string
	Value secret.Value // 1 to 65536 bytes
	// Stages are the labels that the version takes from whichever has them.
	// None means AWSCURRENT. The first version of a secret gets AWSCURRENT in
	// any case.
	Stages []string
	// RotationToken is the rotation event's; zero outside of a rotation.
	RotationToken secret.Value
}

// Put stores a version, or gives a value to one that a rotation has made
// without. Repeated with the same token and value it succeeds and does nothing,
// not even to labels. The same token with another value is [fault.Conflict] with
// the reason "version_has_other_value": a value never changes. Too many versions
// within a day are [fault.RateLimited] with the reason "quota".
//
// IAM: secretsmanager:PutSecretValue.
func (s *Store) Put(ctx context.Context, id string, w Write) error {
	const op = "secretstore.put"
	if w.Token == "" || w.Value.IsZero() {
		return &fault.Error{Kind: fault.Invalid, Op: op, Detail: "a version needs a token and a value"}
	}
	_, err := s.api.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &id, ClientRequestToken: &w.Token, SecretString: aws.String(w.Value.Reveal()), VersionStages: w.Stages,
		RotationToken: given(w.RotationToken.Reveal()),
	})
	if err == nil {
		return nil
	}
	e := classify(op, "secretsmanager:PutSecretValue", err)
	if e.Reason == "exists" {
		e.Reason, e.Next = "version_has_other_value", "read what the version holds, and use that"
	}
	return e
}

// A Move takes a staging label from one version to another.
type Move struct {
	Stage    string
	From, To string // ids; From is empty if no version has the label
}

// MoveStage moves a label, and only if it is where the caller believes it to be:
// a compare-and-swap. If another version has it, that is [fault.Conflict] with
// the reason "stage_moved", also when an earlier try moved it already. When
// AWSCURRENT moves, AWSPREVIOUS follows to the version that it leaves;
// AWSPENDING stays where it is.
//
// IAM: secretsmanager:UpdateSecretVersionStage.
func (s *Store) MoveStage(ctx context.Context, id string, m Move) error {
	const op = "secretstore.move_stage"
	if m.To == "" {
		return &fault.Error{Kind: fault.Invalid, Op: op, Detail: "there is no version to move the label to"}
	}
	return s.updateStage(ctx, op, id, m)
}

// RemoveStage takes a label off a version. A label that the version does not
// have is [fault.Conflict] with the reason "stage_moved", also when an earlier
// try removed it already. AWSCURRENT cannot be removed, only moved.
//
// IAM: secretsmanager:UpdateSecretVersionStage.
func (s *Store) RemoveStage(ctx context.Context, id, stage, from string) error {
	const op = "secretstore.remove_stage"
	if stage == "AWSCURRENT" || from == "" {
		return &fault.Error{Kind: fault.Invalid, Op: op, Detail: "AWSCURRENT can only be moved, and a label has to be removed from a version"}
	}
	return s.updateStage(ctx, op, id, Move{Stage: stage, From: from})
}

func (s *Store) updateStage(ctx context.Context, op, id string, m Move) error {
	_, err := s.api.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &id, VersionStage: &m.Stage, RemoveFromVersionId: given(m.From), MoveToVersionId: given(m.To),
	})
	if err == nil {
		return nil
	}
	e := classify(op, "secretsmanager:UpdateSecretVersionStage", err)
	if codeOf(err) == "InvalidParameterException" {
		e.Kind, e.Reason, e.Next = fault.Conflict, "stage_moved", "read the secret's staging labels again"
	}
	return e
}
