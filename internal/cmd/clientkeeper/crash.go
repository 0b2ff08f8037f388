package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"clientkeeper/internal/sandbox"
)

const aboutCrash = `Rotates credentials of every kind, and makes clients and credentials as requests to
the API do, and kills or breaks that at every remote call that it makes, in every way.
After each call it looks whether what is stored logs in; in the end, whether there is
one of everything. It fails if a promise was broken.`

func runCrash(ctx context.Context, inv *invocation) error {
	var options sandbox.CrashOptions
	var kinds string
	var asJSON, verbose bool
	_, err := inv.flags("crash", "[flags]", aboutCrash, func(f *flag.FlagSet) {
		f.StringVar(&kinds, "kind", "", "the `kinds` to break, separated by commas, of "+strings.Join(slices.Concat(sandbox.CrashKinds(), sandbox.MakingKinds()), ", ")+" (default all)")
		f.IntVar(&options.Every, "every", 1, "try every n-th point only")
		f.IntVar(&options.Parallel, "parallel", 16, "how many rotations to break at once")
		f.BoolVar(&asJSON, "json", false, "print the counts as JSON")
		f.BoolVar(&verbose, "v", false, "print every problem, not only the first ones of each kind")
	})
	if err != nil {
		return helped(err)
	}
	if kinds != "" {
		options.Kinds = strings.Split(kinds, ",")
	}
	if inv.terminal {
		options.Progress = func(kind string, done, total int) {
			fmt.Fprintf(inv.errOut, "\r\033[K%s: %d of %d points", kind, done, total)
			if done == total {
				fmt.Fprint(inv.errOut, "\r\033[K")
			}
		}
	}
	report, err := breakEverything(ctx, options)
	if err != nil {
		return err
	}
	if asJSON {
		err = json.NewEncoder(inv.out).Encode(report)
	} else {
		showCrash(inv.out, report, verbose)
	}
	if err == nil && report.Bad() {
		err = errors.New("the crash matrix found a broken promise; see the counts above")
	}
	return err
}

func showCrash(out io.Writer, r sandbox.CrashReport, verbose bool) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "kind\tcalls\tpoints\tlooks\tsecrets lost\tinstants without\tdoubled\tunfinished\tleft over\tlongest recovery\t")
	points := 0
	for _, k := range r.Kinds {
		points += k.Points
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t\n", k.Kind, k.Calls, k.Points, k.Checks,
			k.Lost, k.Gaps, k.Doubled, k.Unfinished, k.Left, k.Recovery.Round(time.Millisecond))
	}
	_ = w.Flush()
	fmt.Fprintf(out, "%d points in %s\n", points, r.Took.Round(time.Second))
	for _, k := range r.Kinds {
		showCrashNotes(out, k, verbose)
	}
}

// showCrashNotes prints what the table has no column for.
func showCrashNotes(out io.Writer, k sandbox.CrashResult, verbose bool) {
	if k.Unstored > 0 {
		fmt.Fprintf(out, "%s: %d looks found a secret that the tenant had made and that was not stored yet, for %s at most\n",
			k.Kind, k.Unstored, k.LongestUnstored.Round(time.Millisecond))
	}
	if k.Undone > 0 {
		fmt.Fprintf(out, "%s: %d secrets that the tenant had made could not be stored, and were undone\n", k.Kind, k.Undone)
	}
	if k.Waiting > 0 {
		fmt.Fprintf(out, "%s: %d looks came after the switch from a key to a secret, which this tenant takes no sooner and which had not spread yet\n", k.Kind, k.Waiting)
	}
	if k.Restarted > 0 {
		fmt.Fprintf(out, "%s: %d rotations were given up by Secrets Manager and started again\n", k.Kind, k.Restarted)
	}
	if k.Missed > 0 {
		fmt.Fprintf(out, "%s: %d points were not met, for the rotation made fewer calls\n", k.Kind, k.Missed)
	}
	const some = 10
	for i, p := range k.Problems {
		if i == some && !verbose {
			fmt.Fprintf(out, "%s: and %d more (-v prints them)\n", k.Kind, len(k.Problems)-some)
			return
		}
		fmt.Fprintf(out, "%s: %s\n", k.Kind, p)
	}
}
