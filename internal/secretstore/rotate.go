package secretstore

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// A Rotation is what [Store.Rotate] asks for. The zero Rotation starts one with
// what the secret has been set to before.
type Rotation struct {
	// Token becomes the id of the new version; 32 to 64 characters. Empty means
	// a new UUID.
	Token string
	// LambdaARN is the rotation function; empty means the one that the secret
	// has. It is kept for later rotations.
	LambdaARN string
	// Rules are the schedule; the zero rules leave the one that the secret has.
	Rules RotationRules
	// Later sets function and rules without a rotation: the function is only
	// called to test what is current, and a rate in days may still let an
	// earlier schedule fire once.
	Later bool
}

// Rotate asks Secrets Manager to rotate a secret, and returns the id of the new
// version before the function has been called. It switches rotation on if it
// was off.
//
// A rotation that has not ended, so that AWSPENDING is on a version of its own,
// is [fault.Conflict] with the reason "rotation_in_progress": Secrets Manager
// goes on with that one. A repeated call that follows a lost answer ends like
// this too; the token's version in [Store.Describe] tells whose it is. A token
// that is another version's id is [fault.Conflict] with "token_used". Without a
// function it is [fault.Invalid] with "no_rotation_function"; a function that
// Secrets Manager may not invoke is [fault.Denied].
//
// IAM: secretsmanager:RotateSecret, and lambda:InvokeFunction on the function.
func (s *Store) Rotate(ctx context.Context, id string, r Rotation) (version string, err error) {
	in := &secretsmanager.RotateSecretInput{
		SecretId: &id, ClientRequestToken: given(r.Token), RotationLambdaARN: given(r.LambdaARN), RotationRules: r.Rules.wire(),
	}
	if r.Later {
		in.RotateImmediately = aws.Bool(false)
	}
	out, err := s.api.RotateSecret(ctx, in)
	if err == nil {
		return aws.ToString(out.VersionId), nil
	}
	e := classify("secretstore.rotate", "secretsmanager:RotateSecret", err)
	if codeOf(err) == "AccessDeniedException" {
		e.Next = "grant the function secretsmanager:RotateSecret on the secret and lambda:InvokeFunction on the " +
			"rotation function, and let secretsmanager.amazonaws.com invoke that one"
	}
	return "", e
}

func (r RotationRules) wire() *types.RotationRulesType {
	if r == (RotationRules{}) {
		return nil
	}
	out := &types.RotationRulesType{ScheduleExpression: given(r.Schedule), Duration: given(r.Window)}
	if r.EveryDays != 0 {
		out.AutomaticallyAfterDays = aws.Int64(int64(r.EveryDays))
	}
	return out
}

// CancelRotation switches rotation off and calls the function no more. Function
// and rules are kept, and so is AWSPENDING, wherever it is, which may stand in
// the way of the next rotation. Repeating it is harmless.
//
// IAM: secretsmanager:CancelRotateSecret.
func (s *Store) CancelRotation(ctx context.Context, id string) error {
	_, err := s.api.CancelRotateSecret(ctx, &secretsmanager.CancelRotateSecretInput{SecretId: &id})
	if err != nil {
		return classify("secretstore.cancel_rotation", "secretsmanager:CancelRotateSecret", err)
	}
	return nil
}
