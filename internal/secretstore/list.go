package secretstore

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"clientkeeper/internal/fault"
)

// A Tag is what [Store.List] looks for. An empty Value means any.
type Tag struct{ Key, Value string }

func (t Tag) on(tags map[string]string) bool {
	v, there := tags[t.Key]
	return there && (t.Value == "" || v == t.Value)
}

// List yields the secrets of the region that have every one of the tags, but
// for those that are scheduled for deletion, fetching pages as it goes. The
// first error ends it, and is the last thing that it yields: only a loop that
// saw no error has seen all secrets. What was changed within the last five
// minutes may be missing, or shown as it was.
//
// IAM: secretsmanager:ListSecrets, which is granted on * only.
func (s *Store) List(ctx context.Context, tags ...Tag) iter.Seq2[Description, error] {
	return func(yield func(Description, error) bool) {
		const op = "secretstore.list"
		in := &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(100), Filters: filters(tags)}
		for more := true; more; {
			out, err := s.api.ListSecrets(ctx, in)
			if err == nil {
				more, err = advance(op, &in.NextToken, out.NextToken)
			} else {
				err = classify(op, "secretsmanager:ListSecrets", err)
			}
			if err != nil {
				yield(Description{}, err)
				return
			}
			for _, entry := range out.SecretList {
				d := listed(entry)
				if hasAll(tags, d.Tags) && !yield(d, nil) {
					return
				}
			}
		}
	}
}

// advance sets the mark of the next page, and reports whether there is one. A
// page that names itself as the next would go on for ever.
func advance(op string, mark **string, next *string) (more bool, err error) {
	if aws.ToString(next) == "" {
		return false, nil
	}
	if *next == aws.ToString(*mark) {
		return false, &fault.Error{Kind: fault.Internal, Op: op, Reason: "strange_answer",
			Detail: "a page names itself as the next"}
	}
	*mark = next
	return true, nil
}

// filters narrow the list down as far as Secrets Manager can: it compares
// prefixes, and keys and values each for themselves. The rest is for hasAll.
func filters(tags []Tag) []types.Filter {
	var keys, values []types.Filter
	for _, t := range tags {
		keys = append(keys, types.Filter{Key: types.FilterNameStringTypeTagKey, Values: []string{t.Key}})
		if t.Value != "" {
			values = append(values, types.Filter{Key: types.FilterNameStringTypeTagValue, Values: []string{t.Value}})
		}
	}
	all := append(keys, values...)
	return all[:min(len(all), maxFilters)]
}

// maxFilters is how many filters ListSecrets takes.
const maxFilters = 10

func hasAll(tags []Tag, have map[string]string) bool {
	for _, t := range tags {
		if !t.on(have) {
			return false
		}
	}
	return true
}

func listed(e types.SecretListEntry) Description {
	return Description{
		ARN: aws.ToString(e.ARN), Name: aws.ToString(e.Name), Text: aws.ToString(e.Description), KMSKeyID: aws.ToString(e.KmsKeyId),
		Tags: tagMap(e.Tags), Stages: e.SecretVersionsToStages,
		Rotation: rotationConfig(e.RotationEnabled, e.RotationLambdaARN, e.RotationRules),
		Created:  aws.ToTime(e.CreatedDate), LastChanged: aws.ToTime(e.LastChangedDate),
		LastRotated: aws.ToTime(e.LastRotatedDate), NextRotation: aws.ToTime(e.NextRotationDate),
		Deleted: aws.ToTime(e.DeletedDate), PrimaryRegion: aws.ToString(e.PrimaryRegion),
	}
}
