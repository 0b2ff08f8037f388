// Package secretstore is AWS Secrets Manager in a few small methods.
//
// What is read is a [secret.Value] from the first moment on. Errors are
// [fault.Error] with the next action for whoever runs the function, and hold
// nothing that Secrets Manager said but the code of its error.
//
// The AWS SDK makes a call again, with the same tokens, when it failed on the
// way or was throttled, and the tokens do not cover everything. What a method
// says about a call that is repeated therefore holds for one that the SDK
// repeats unseen: an error may come from a second try, after a first one that
// did the work and lost its answer. Who must know reads back.
//
// The package knows nothing of when or why a secret is rotated, of the tenant,
// or of which client a secret belongs to.
//
// Sources: AWS Secrets Manager API Reference; AWS Secrets Manager User Guide,
// "What's in a Secrets Manager secret?" (versions and staging labels) and
// "Rotation by Lambda function".
package secretstore

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"clientkeeper/internal/awsrequest"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// A Store reads and writes secrets. It is safe for concurrent use.
type Store struct{ api *secretsmanager.Client }

// New returns a Store for the account and region of cfg.
func New(cfg aws.Config) *Store {
	return &Store{api: secretsmanager.NewFromConfig(awsrequest.Config(cfg))}
}

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

// firstLook is how soon a version that was not there is looked for again; each
// wait is twice the one before.
const firstLook = 50 * time.Millisecond

// GetByVersion reads the version with an id, whatever its labels. A version may
// stay unseen for a moment after it was written, so with patience it looks again
// until that has passed or ctx ends. Without, and at the end, a version that is
// not there or has no value is [fault.NotFound].
func (s *Store) GetByVersion(ctx context.Context, id, version string, patience time.Duration) (Version, error) {
	end := time.Now().Add(patience)
	for wait := firstLook; ; wait *= 2 {
		v, err := s.Get(ctx, id, WithVersion(version))
		left := time.Until(end)
		if err == nil || fault.KindOf(err) != fault.NotFound || left <= 0 {
			return v, err
		}
		select {
		case <-ctx.Done():
			return Version{}, err
		case <-time.After(min(wait, left)):
		}
	}
}
