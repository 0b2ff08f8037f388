package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"clientkeeper/internal/sandbox"
	"clientkeeper/internal/sandbox/secretsmanager"
)

// step shows a step of a rotation when it has ended.
func (v *view) step(e secretsmanager.StepEvent) {
	if v.asJSON {
		v.encode(map[string]any{"rotation": e.Name, "step": e.Step, "attempt": e.Attempt, "outcome": e.Outcome, "ms": e.Duration.Milliseconds()})
		return
	}
	v.printf("%s   %-12s %s of %s, attempt %d, %d ms\n", v.clock(), e.Outcome, e.Step, e.Name, e.Attempt, e.Duration.Milliseconds())
}

// rotations shows each played rotation's end.
func (v *view) rotations(all []*sandbox.Rotated, wrong []string) {
	if v.asJSON {
		v.encode(map[string]any{"rotated": all, "not_as_expected": wrong})
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	fmt.Fprintln(v.out)
	w := tabwriter.NewWriter(v.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SECRET\tROTATED\tSTEPS\tSECONDS\tAWSCURRENT BEFORE\tAND AFTER")
	for _, r := range all {
		fmt.Fprintf(w, "%s\t%s\t%d\t%.1f\t%.8s...\t%.8s...\n", r.Name, r.Kind, len(r.Steps), r.Took.Round(100*time.Millisecond).Seconds(), r.Before, r.After)
	}
	_ = w.Flush()
	fmt.Fprintln(v.out)
	for _, text := range wrong {
		fmt.Fprintln(v.out, "NOT AS EXPECTED:", text)
	}
	if len(wrong) == 0 {
		fmt.Fprintf(v.out, "%d secrets rotated, each logs in, everything as expected\n\n", len(all))
	}
}
