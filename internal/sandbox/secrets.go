package sandbox

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssecrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"clientkeeper/internal/sandbox/cloudformation"
)

// createSecrets makes the stack's own secrets, and lets the functions know
// their whole ARNs.
func (s *Sandbox) createSecrets(ctx context.Context) error {
	client := awssecrets.NewFromConfig(s.awsConfig())
	for i, secret := range s.Stack.Secrets {
		value, err := s.valueOf(ctx, client, secret)
		if err != nil {
			return fmt.Errorf("secret %s: %w", secret.LogicalID, err)
		}
		in := &awssecrets.CreateSecretInput{Name: &secret.Name, SecretString: value}
		if secret.Description != "" {
			in.Description = &secret.Description
		}
		for key, value := range secret.Tags {
			in.Tags = append(in.Tags, types.Tag{Key: &key, Value: &value})
		}
		out, err := client.CreateSecret(ctx, in)
		if err != nil {
			return fmt.Errorf("secret %s: %w", secret.LogicalID, err)
		}
		for _, f := range s.Stack.Functions {
			for name, v := range f.Env {
				if v == secret.ARN {
					f.Env[name] = *out.ARN
				}
			}
		}
		s.Stack.Secrets[i].ARN = *out.ARN
	}
	return nil
}

// valueOf is what the template gives or lets Secrets Manager make; nil is none.
func (s *Sandbox) valueOf(ctx context.Context, client *awssecrets.Client, secret cloudformation.Secret) (*string, error) {
	g := secret.Generate
	if g == nil {
		if given := secret.Value.Reveal(); given != "" {
			return &given, nil
		}
		return nil, nil
	}
	made, err := client.GetRandomPassword(ctx, &awssecrets.GetRandomPasswordInput{
		PasswordLength: aws.Int64(int64(g.Length)), ExcludeCharacters: &g.Exclude,
		ExcludeLowercase: &g.NoLowercase, ExcludeUppercase: &g.NoUppercase, ExcludeNumbers: &g.NoNumbers, ExcludePunctuation: &g.NoPunctuation,
		IncludeSpace: &g.Space, RequireEachIncludedType: aws.Bool(!g.NotEachType),
	})
	if err != nil {
		return nil, err
	}
	s.Journal.hunt(*made.RandomPassword)
	if g.Key == "" {
		return made.RandomPassword, nil
	}
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(g.Template), &members); err != nil {
		return nil, fmt.Errorf("SecretStringTemplate is not a JSON object: %w", err)
	}
	if members[g.Key], err = json.Marshal(*made.RandomPassword); err != nil {
		return nil, err
	}
	text, err := json.Marshal(members)
	return aws.String(string(text)), err
}

// rotateStackSecrets lets Secrets Manager know who rotates the stack's secrets.
func (s *Sandbox) rotateStackSecrets(ctx context.Context) error {
	client := awssecrets.NewFromConfig(s.awsConfig())
	for _, secret := range s.Stack.Secrets {
		r := secret.Rotation
		if r == nil {
			continue
		}
		var rules *types.RotationRulesType // none: Secrets Manager has no schedule of its own for it
		switch {
		case r.Days > 0:
			rules = &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(int64(r.Days))}
		case r.Expression != "":
			rules = &types.RotationRulesType{ScheduleExpression: &r.Expression}
		}
		_, err := client.RotateSecret(ctx, &awssecrets.RotateSecretInput{
			SecretId: &secret.ARN, RotationLambdaARN: &r.FunctionARN, RotateImmediately: &r.Immediately, RotationRules: rules,
		})
		if err != nil {
			return fmt.Errorf("rotation of %s: %w", secret.LogicalID, err)
		}
	}
	return nil
}
