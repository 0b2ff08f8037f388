package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"clientkeeper/internal/sandbox"
)

const aboutSoak = `Sends messages, good and bad, through a sandbox in which everything goes wrong:
the tenant fails, loses answers and throttles, SQS delivers more than once, and
functions are killed at random. Then it counts what became of each message, and
fails if a promise was broken.`

func runSoak(ctx context.Context, inv *invocation) error {
	options := sandbox.Options{Parameters: sandbox.SoakParameters, Crash: sandbox.SoakCrash}
	var messages int
	var limit time.Duration
	var asJSON bool
	f, err := inv.only("soak", aboutSoak, func(f *flag.FlagSet) {
		f.StringVar(&options.Dir, "dir", ".soak", "the `folder` for the environment file and the binaries")
		f.StringVar(&options.Source, "source", ".", "the repository's root `folder`")
		f.IntVar(&messages, "messages", 10_000, "how many messages to send")
		f.StringVar(&options.Plan, "plan", "private-500", "the tenant's `plan`, which decides how much it throttles")
		f.StringVar(&options.Mischief, "mischief", sandbox.SoakMischief, "what goes wrong at the tenant, as route=fault:share, ...")
		f.Uint64Var(&options.Seed, "seed", 1, "decides which requests the mischief strikes")
		f.DurationVar(&limit, "limit", 30*time.Minute, "give up after so long")
		f.BoolVar(&asJSON, "json", false, "print the counts as JSON")
	})
	if err != nil {
		return helped(err)
	}
	if messages < 1 {
		return inv.misused(f, "-messages takes 1 or more")
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	report, err := soak(ctx, inv, options, messages)
	if err != nil {
		return err
	}
	if asJSON {
		err = json.NewEncoder(inv.out).Encode(report)
	} else {
		showSoak(inv.out, report)
	}
	if err == nil && report.Bad() {
		err = errors.New("the soak broke a promise; see the counts above")
	}
	return err
}

func soak(ctx context.Context, inv *invocation, o sandbox.Options, messages int) (_ sandbox.SoakReport, err error) {
	if inv.terminal {
		o.Progress = func(text string) { fmt.Fprintln(inv.errOut, text) }
	}
	sb, err := sandbox.Start(ctx, o)
	if err != nil {
		return sandbox.SoakReport{}, err
	}
	defer func() { err = errors.Join(err, sb.Close()) }()
	return sb.Soak(ctx, messages, func(done, total int) {
		if inv.terminal {
			fmt.Fprintf(inv.errOut, "\r%d of %d settled", done, total)
		}
	})
}

func showSoak(out io.Writer, r sandbox.SoakReport) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(n any, what string) { fmt.Fprintf(w, "%v\t  %s\n", n, what) }
	fmt.Fprintf(out, "\nsoak of %d messages in %s\n", r.Messages, r.Took.Round(time.Second))
	row(r.Valid, "messages that name a valid document")
	row(r.Invalid, "messages that can never succeed")
	row(r.Deliveries, "deliveries that a function settled")
	row(r.MaxDeliveries, "of one message, the most")
	row(r.Invocations, "invocations")
	row(r.Failures, "of them killed")
	row(r.TenantCalls, "requests to the tenant")
	row(r.Throttled, "of them throttled")
	row(r.Postponed, "messages postponed for that")
	_ = w.Flush()
	fmt.Fprintln(out)
	row(r.Registered, "clients registered exactly once")
	row(r.NotRegistered, "valid documents not registered (0)")
	row(r.Twice, "clients created more than once (0)")
	row(r.DeadLettered, "invalid messages in the dead-letter queue")
	for _, reason := range slices.Sorted(maps.Keys(r.Reasons)) {
		row(r.Reasons[reason], "dead letters for "+dash(reason))
	}
	row(r.NoReason, "invalid messages dead-lettered for anything but their reason (0)")
	row(r.Doubled, "further copies of them, each naming its origin")
	row(r.Lost, "messages lost (0)")
	row(r.Misled, "valid messages in the dead-letter queue (0)")
	row(r.Leaks, "lines or dead letters that hold a secret (0)")
	row(len(r.Violations), "invariants broken at the tenant (0)")
	_ = w.Flush()
	for _, v := range r.Violations {
		fmt.Fprintln(out, "  ", v)
	}
}
