package secretstore

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// A Description is all that is to know about a secret but its values. A time
// that is zero is one that Secrets Manager did not name.
type Description struct {
	ARN, Name string
	Text      string // what people have written about it
	KMSKeyID  string // empty for the account's default key
	Tags      map[string]string

	// Stages are the staging labels of every version that has one, by the
	// version's id. A version may be here without having a value.
	Stages map[string][]string

	Rotation     RotationConfig
	Created      time.Time
	LastChanged  time.Time
	LastRotated  time.Time // zero if a rotation has never succeeded
	NextRotation time.Time // may be past, after a failure
	Deleted      time.Time // the end of the recovery window; zero if it is not to be deleted

	PrimaryRegion string    // empty for a secret that is not replicated
	Replicas      []Replica // only from Describe
}

// A RotationConfig is how Secrets Manager rotates a secret of its own accord.
type RotationConfig struct {
	Enabled   bool
	LambdaARN string // kept when rotation is cancelled
	Rules     RotationRules
}

// RotationRules are a schedule. EveryDays and Schedule exclude each other; the
// zero rules are none.
type RotationRules struct {
	EveryDays int    // 1 to 1000
	Schedule  string // rate(10 days), or cron(...) in UTC; every four hours at most
	Window    string // how long a rotation may start late, such as 3h; empty means the default
}

// A Replica is a copy of a secret in another region.
type Replica struct {
	Region string
	Status string // InSync, InProgress or Failed
}

// Holder is the id of the version that has a staging label, or empty.
func (d Description) Holder(stage string) string {
	for id, stages := range d.Stages {
		if slices.Contains(stages, stage) {
			return id
		}
	}
	return ""
}

// Describe reads everything but the values of a secret, also of one that is
// scheduled for deletion. It may be a moment behind a write.
//
// IAM: secretsmanager:DescribeSecret.
func (s *Store) Describe(ctx context.Context, id string) (Description, error) {
	out, err := s.api.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &id})
	if err != nil {
		return Description{}, classify("secretstore.describe", "secretsmanager:DescribeSecret", err)
	}
	d := Description{
		ARN: aws.ToString(out.ARN), Name: aws.ToString(out.Name), Text: aws.ToString(out.Description), KMSKeyID: aws.ToString(out.KmsKeyId),
		Tags: tagMap(out.Tags), Stages: out.VersionIdsToStages,
		Rotation: rotationConfig(out.RotationEnabled, out.RotationLambdaARN, out.RotationRules),
		Created:  aws.ToTime(out.CreatedDate), LastChanged: aws.ToTime(out.LastChangedDate),
		LastRotated: aws.ToTime(out.LastRotatedDate), NextRotation: aws.ToTime(out.NextRotationDate),
		Deleted: aws.ToTime(out.DeletedDate), PrimaryRegion: aws.ToString(out.PrimaryRegion),
	}
	for _, r := range out.ReplicationStatus {
		d.Replicas = append(d.Replicas, Replica{aws.ToString(r.Region), string(r.Status)})
	}
	return d, nil
}

func rotationConfig(enabled *bool, lambda *string, rules *types.RotationRulesType) RotationConfig {
	c := RotationConfig{Enabled: aws.ToBool(enabled), LambdaARN: aws.ToString(lambda)}
	if rules != nil {
		c.Rules = RotationRules{int(aws.ToInt64(rules.AutomaticallyAfterDays)),
			aws.ToString(rules.ScheduleExpression), aws.ToString(rules.Duration)}
	}
	return c
}

func tagMap(tags []types.Tag) map[string]string {
	out := make(map[string]string, len(tags))
	for _, t := range tags {
		out[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return out
}

// A VersionRecord is a version without its value.
type VersionRecord struct {
	ID      string
	Stages  []string // none for a version that is kept for a while only
	Created time.Time
}

// Versions lists the versions of a secret that still exist and have a value,
// those without a label included. A list is complete or an error.
//
// IAM: secretsmanager:ListSecretVersionIds.
func (s *Store) Versions(ctx context.Context, id string) ([]VersionRecord, error) {
	const op = "secretstore.versions"
	in := &secretsmanager.ListSecretVersionIdsInput{SecretId: &id, IncludeDeprecated: aws.Bool(true), MaxResults: aws.Int32(100)}
	var all []VersionRecord
	for {
		out, err := s.api.ListSecretVersionIds(ctx, in)
		if err != nil {
			return nil, classify(op, "secretsmanager:ListSecretVersionIds", err)
		}
		for _, v := range out.Versions {
			all = append(all, VersionRecord{aws.ToString(v.VersionId), v.VersionStages, aws.ToTime(v.CreatedDate)})
		}
		more, err := advance(op, &in.NextToken, out.NextToken)
		if err != nil {
			return nil, err
		}
		if !more {
			return all, nil
		}
	}
}
