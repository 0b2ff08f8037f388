package main

import (
	"context"
	"regexp"
	"time"
)

// goRun is where `go run` puts a binary: below its work folder, or in the build
// cache.
var goRun = regexp.MustCompile(`/(go-build[0-9]+|[0-9a-f]{64}-d)/`)

func startedByGoRun(executable string) bool { return goRun.MatchString(executable) }

// untilOrphaned ends the context when the parent process is gone. `go run` dies
// of SIGTERM without passing it on, and what it had started would keep its
// ports, and its functions running, for nobody.
func untilOrphaned(ctx context.Context, parent func() int) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	first := parent()
	go func() {
		defer cancel()
		tick := time.NewTicker(time.Second / 2)
		defer tick.Stop()
		for parent() == first {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx
}
