package main

import (
	"context"
	"slices"

	"clientkeeper/internal/sandbox"
)

// breakEverything runs the matrix of rotations and that of requests, or the one
// that has the kinds that are asked for.
func breakEverything(ctx context.Context, o sandbox.CrashOptions) (all sandbox.CrashReport, err error) {
	making := o
	making.Kinds = nil
	rotations := o
	rotations.Kinds = nil
	for _, k := range o.Kinds {
		if slices.Contains(sandbox.MakingKinds(), k) {
			making.Kinds = append(making.Kinds, k)
		} else {
			rotations.Kinds = append(rotations.Kinds, k)
		}
	}
	for _, matrix := range []struct {
		run     func(context.Context, sandbox.CrashOptions) (sandbox.CrashReport, error)
		options sandbox.CrashOptions
	}{{sandbox.CrashMatrix, rotations}, {sandbox.MakingMatrix, making}} {
		if len(o.Kinds) > 0 && len(matrix.options.Kinds) == 0 {
			continue
		}
		r, err := matrix.run(ctx, matrix.options)
		all.Kinds, all.Took = append(all.Kinds, r.Kinds...), all.Took+r.Took
		if err != nil {
			return all, err
		}
	}
	return all, nil
}
