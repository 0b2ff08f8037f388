package secretstore

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// A NewSecret is a secret to be made. Name is required.
type NewSecret struct {
	// Name is 1 to 512 characters of letters, digits and /_+=.@-. It should not
	// end in a hyphen and six characters, which is what ARNs end in.
	Name        string
	Description string
	// Token becomes the id of the first version; 32 to 64 characters. Empty
	// means a new UUID, and then a repeated call is a new one.
	Token string
	// Value becomes AWSCURRENT. Zero makes a secret without a version.
	Value    secret.Value
	Tags     map[string]string
	KMSKeyID string // empty means the account's default key
}

// Create makes a secret and returns its ARN. The same again, with the same
// token and value, is a success. Another secret of that name is [fault.Conflict]
// with the reason "exists", or "scheduled_for_deletion".
//
// IAM: secretsmanager:CreateSecret, and secretsmanager:TagResource with tags.
func (s *Store) Create(ctx context.Context, n NewSecret) (arn string, err error) {
	in := &secretsmanager.CreateSecretInput{
		Name: &n.Name, Description: given(n.Description), ClientRequestToken: given(n.Token),
		SecretString: given(n.Value.Reveal()), KmsKeyId: given(n.KMSKeyID), Tags: tagList(n.Tags),
	}
	out, err := s.api.CreateSecret(ctx, in)
	if err != nil {
		return "", classify("secretstore.create", "secretsmanager:CreateSecret", err)
	}
	return aws.ToString(out.ARN), nil
}

// given is nil for what is left to Secrets Manager.
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func tagList(tags map[string]string) []types.Tag {
	var out []types.Tag
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, types.Tag{Key: &k, Value: aws.String(tags[k])})
	}
	return out
}

// Tag adds tags to a secret, and replaces the values of those that it has.
// Repeating it is harmless.
//
// IAM: secretsmanager:TagResource.
func (s *Store) Tag(ctx context.Context, id string, tags map[string]string) error {
	if len(tags) == 0 {
		return nil
	}
	_, err := s.api.TagResource(ctx, &secretsmanager.TagResourceInput{SecretId: &id, Tags: tagList(tags)})
	if err != nil {
		return classify("secretstore.tag", "secretsmanager:TagResource", err)
	}
	return nil
}

// Untag removes tags by their keys; those that are not there are no error.
//
// IAM: secretsmanager:UntagResource.
func (s *Store) Untag(ctx context.Context, id string, keys ...string) error {
	if len(keys) == 0 {
		return nil
	}
	_, err := s.api.UntagResource(ctx, &secretsmanager.UntagResourceInput{SecretId: &id, TagKeys: keys})
	if err != nil {
		return classify("secretstore.untag", "secretsmanager:UntagResource", err)
	}
	return nil
}

// Delete schedules the deletion of a secret and returns when it will be gone.
// Until then [Store.Restore] undoes it, and nobody can read the secret. The
// recovery window has 7 to 30 days; zero means 30. A secret that is scheduled already is [fault.Conflict] with the
// reason "scheduled_for_deletion", also when an earlier try did it.
//
// IAM: secretsmanager:DeleteSecret.
func (s *Store) Delete(ctx context.Context, id string, days int) (gone time.Time, err error) {
	const op = "secretstore.delete"
	in := &secretsmanager.DeleteSecretInput{SecretId: &id}
	switch {
	case days < 0 || days > 30 || days > 0 && days < 7:
		return time.Time{}, &fault.Error{Kind: fault.Invalid, Op: op, Detail: "a recovery window has 7 to 30 days"}
	case days > 0:
		in.RecoveryWindowInDays = aws.Int64(int64(days))
	}
	out, err := s.api.DeleteSecret(ctx, in)
	if err != nil {
		return time.Time{}, classify(op, "secretsmanager:DeleteSecret", err)
	}
	return aws.ToTime(out.DeletionDate), nil
}

// Erase deletes a secret at once and for good. It is for what nobody has read:
// a record, or a credential that was never in use. One that is gone already is
// a success; its name may stay taken for some moments.
//
// IAM: secretsmanager:DeleteSecret.
func (s *Store) Erase(ctx context.Context, id string) error {
	_, err := s.api.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &id, ForceDeleteWithoutRecovery: aws.Bool(true)})
	if err != nil {
		if e := classify("secretstore.erase", "secretsmanager:DeleteSecret", err); e.Kind != fault.NotFound {
			return e
		}
	}
	return nil
}

// Restore takes a scheduled deletion back. A secret that is not to be deleted
// stays as it is.
//
// IAM: secretsmanager:RestoreSecret.
func (s *Store) Restore(ctx context.Context, id string) error {
	_, err := s.api.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: &id})
	if err != nil {
		return classify("secretstore.restore", "secretsmanager:RestoreSecret", err)
	}
	return nil
}
