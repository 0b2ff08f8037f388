package sandbox

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssecrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"clientkeeper/internal/sandbox/lambda"
	"clientkeeper/internal/sandbox/scheduler"
)

// functionARN is the ARN of a function of the stack by its logical id.
func (s *Sandbox) functionARN(logicalID string) string {
	return fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", region, account, logicalID)
}

// hasFunction reports whether Secrets Manager could invoke a function.
func (s *Sandbox) hasFunction(arn string) bool {
	if s.Lambda == nil {
		return false
	}
	for _, f := range s.Lambda.Functions() {
		if f.ARN == arn {
			return true
		}
	}
	return false
}

// invokeStep is how Secrets Manager calls a rotation function.
func (s *Sandbox) invokeStep(ctx context.Context, arn string, event []byte) (functionError string, err error) {
	if s.Lambda == nil {
		return "", errors.New("there are no functions yet")
	}
	r, err := s.Lambda.Invoke(ctx, lambda.Invocation{Function: arn, Payload: event})
	return r.FunctionError, err
}

// invokeScheduled is how the scheduler calls a target.
func (s *Sandbox) invokeScheduled(ctx context.Context, arn string, payload []byte) error {
	_, err := s.Lambda.Invoke(ctx, lambda.Invocation{Function: arn, Payload: payload, Async: true})
	return err
}

// enableRotation lets Secrets Manager know who rotates the management secret,
// without rotating it.
func (s *Sandbox) enableRotation(ctx context.Context) error {
	arn := s.functionARN("RotateSecretFunction")
	_, err := awssecrets.NewFromConfig(s.awsConfig()).RotateSecret(ctx, &awssecrets.RotateSecretInput{
		SecretId: &s.management.arn, RotationLambdaARN: &arn, RotateImmediately: aws.Bool(false),
		RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(30)},
	})
	return errors.Join(err, s.rotateStackSecrets(ctx))
}

// startScheduler creates the stack's schedules. A rate fires at once.
func (s *Sandbox) startScheduler(context.Context) error {
	for _, f := range s.Stack.Functions {
		for _, e := range f.Schedules {
			err := s.Scheduler.Create(scheduler.Schedule{
				Name: e.Name, Expression: e.Expression, Disabled: !e.Enabled,
				Target: scheduler.Target{ARN: s.functionARN(f.LogicalID), Input: e.Input,
					RoleARN: fmt.Sprintf("arn:aws:iam::%s:role/%s-%s", account, stackName, e.LogicalID)},
			})
			if err != nil {
				return fmt.Errorf("schedule %s of %s: %w", e.LogicalID, f.LogicalID, err)
			}
		}
	}
	return nil
}
