// Package secretstore is AWS Secrets Manager in a few small methods, and the
// JSON in which a client's credential is kept there.
//
// What is read is a [secret.Value] from the first moment on. Errors are
// [fault.Error] with the next action for whoever runs the function, and hold
// nothing that Secrets Manager said but the code of its error.
//
// The AWS SDK repeats reads that failed on the way. The package knows nothing
// of rotation, of the tenant, or of which client a secret belongs to.
package secretstore

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"clientkeeper/internal/secret"
)

// A Store reads secrets. It is safe for concurrent use.
type Store struct{ api *secretsmanager.Client }

// New returns a Store for the account and region of cfg.
func New(cfg aws.Config) *Store { return &Store{api: secretsmanager.NewFromConfig(cfg)} }

// A Version is one value of a secret and the staging labels it has now.
type Version struct {
	ID     string
	Value  secret.Value // the string, or the bytes if it was stored as bytes
	Stages []string     // in no order
}

// A Selector says which version is meant.
type Selector func(*secretsmanager.GetSecretValueInput)

// WithStage means the version that has a staging label.
func WithStage(label string) Selector {
	return func(in *secretsmanager.GetSecretValueInput) { in.VersionStage = &label }
}

// WithVersion means the version with an id.
func WithVersion(id string) Selector {
	return func(in *secretsmanager.GetSecretValueInput) { in.VersionId = &id }
}

// Get reads a version of the secret with a name or ARN: the AWSCURRENT one, or
// the one that every selector means. A version that has no value yet, and one
// that was written a moment ago, may be [fault.NotFound]. Selectors that
// disagree, and a secret that is scheduled for deletion, are [fault.Conflict].
func (s *Store) Get(ctx context.Context, id string, which ...Selector) (Version, error) {
	in := &secretsmanager.GetSecretValueInput{SecretId: &id}
	for _, choose := range which {
		choose(in)
	}
	out, err := s.api.GetSecretValue(ctx, in)
	if err != nil {
		return Version{}, classify("secretstore.get", "secretsmanager:GetSecretValue", err)
	}
	v := Version{ID: aws.ToString(out.VersionId), Stages: out.VersionStages}
	if out.SecretString != nil {
		v.Value = secret.New(*out.SecretString)
	} else {
		v.Value = secret.New(string(out.SecretBinary))
	}
	return v, nil
}
