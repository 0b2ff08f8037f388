package handler

import (
	"context"
	"iter"
	"math/rand/v2"
	"time"

	"clientkeeper/internal/rotation"
)

// What comes before the starts takes these parts of the time that is left: a
// tenant that hangs, and secrets that nobody can repair, must not keep others
// from being rotated.
const (
	repairing = 1. / 3
	retiring  = 1. / 2
)

// within yields secrets until a part of the time that is left is over, in
// another order each time: what one run does not come to, others do.
func within(ctx context.Context, part float64, secrets []rotation.Secret) iter.Seq[rotation.Secret] {
	return func(yield func(rotation.Secret) bool) {
		end, bounded := ctx.Deadline()
		over := time.Now().Add(time.Duration(part * float64(time.Until(end))))
		for _, i := range rand.Perm(len(secrets)) {
			if bounded && !time.Now().Before(over) || !yield(secrets[i]) {
				return
			}
		}
	}
}
