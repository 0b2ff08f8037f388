package app

import (
	"context"

	"clientkeeper/internal/secretstore"
)

// EnableRotation lets Secrets Manager rotate a secret with a function, and
// starts no rotation: Secrets Manager only calls the function's testSecret. It
// sets no schedule, and leaves one that the secret has. It returns the function
// that the secret had before, or nothing if rotation was off; where that is the
// same one, nothing is done.
func EnableRotation(ctx context.Context, id, functionARN string) (before string, err error) {
	cfg, err := AWS(ctx)
	if err != nil {
		return "", err
	}
	store := secretstore.New(cfg)
	d, err := store.Describe(ctx, id)
	if err != nil {
		return "", err
	}
	if d.Rotation.Enabled {
		before = d.Rotation.LambdaARN
	}
	if before == functionARN {
		return before, nil
	}
	_, err = store.Rotate(ctx, d.ARN, secretstore.Rotation{LambdaARN: functionARN, Later: true})
	return before, err
}
