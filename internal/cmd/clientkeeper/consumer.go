package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"clientkeeper/internal/sandbox"
)

const aboutConsumer = `Starts a sandbox and rotates client secrets of each strategy, then keys, again and
again, while a consumer of each logs in ten times a second. That of a client secret
does so with AWSCURRENT, else with AWSPENDING, else with AWSPREVIOUS, and again half
a second later; that of a key with AWSCURRENT alone, once. At last the clients of
further secrets go from a client secret to a key, and back. It counts the logins that
failed, and those that would have failed with AWSCURRENT alone. It fails if a login
did.`

func runConsumer(ctx context.Context, inv *invocation) error {
	options := sandbox.Options{Parameters: sandbox.SurgeParameters}
	var order sandbox.ConsumerOrder
	var limit time.Duration
	var asJSON bool
	f, err := inv.only("consumer", aboutConsumer, func(f *flag.FlagSet) {
		f.StringVar(&options.Dir, "dir", ".surge", "the `folder` for the environment file and the binaries")
		f.StringVar(&options.Source, "source", ".", "the repository's root `folder`")
		f.StringVar(&options.Plan, "plan", "private-500", "the tenant's `plan`, which decides its rate limits")
		f.DurationVar(&options.Window, "window", 30*time.Second, "how long the tenant accepts an old and a new secret, now this and now that")
		f.IntVar(&order.Secrets, "secrets", 10, "how many secrets are rotated beside each other")
		f.IntVar(&order.Rotations, "rotations", 100, "how often, all together, with each strategy")
		f.DurationVar(&order.Overlap, "overlap", 10*time.Second, "how long a key stays attached after it was replaced")
		f.DurationVar(&limit, "limit", time.Hour, "give up after so long")
		f.BoolVar(&asJSON, "json", false, "print the counts as JSON")
	})
	if err != nil {
		return helped(err)
	}
	if order.Overlap < 2*time.Second {
		return inv.misused(f, "-overlap takes 2s or more")
	}
	if order.Secrets < 1 || order.Rotations < 1 || order.Rotations%order.Secrets > 0 {
		return inv.misused(f, "-rotations takes a multiple of -secrets, and both 1 or more")
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	all, err := consume(ctx, inv, options, order)
	if err != nil {
		return err
	}
	if asJSON {
		err = json.NewEncoder(inv.out).Encode(all)
	} else {
		showConsumers(inv.out, all)
	}
	for _, r := range all {
		if err == nil && r.Bad() {
			err = errors.New("a consumer could not log in; see the counts above")
		}
	}
	return err
}

func consume(ctx context.Context, inv *invocation, o sandbox.Options, order sandbox.ConsumerOrder) (all []sandbox.ConsumerReport, err error) {
	if inv.terminal {
		o.Progress = func(text string) { fmt.Fprintln(inv.errOut, text) }
	}
	sb, err := sandbox.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, sb.Close()) }()
	for _, order.Strategy = range []string{sandbox.ConsumerLocal, sandbox.ConsumerGenerated, sandbox.ConsumerKey, sandbox.ConsumerMigrated} {
		if order.Strategy == sandbox.ConsumerMigrated {
			order.Rotations = 2 * order.Secrets // to a key, and back
		}
		r, err := sb.Consume(ctx, order)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

func showConsumers(out io.Writer, all []sandbox.ConsumerReport) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "strategy\tsecrets\trotations\tlogins\tfailed (0)\twith AWSCURRENT alone\tunanswered\tmost rounds\tlongest login\ttook\t")
	for _, r := range all {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t\n", r.Strategy, r.Secrets, r.Rotations, r.Logins, r.Failed, r.Alone, r.Unanswered, r.Rounds,
			r.Longest.Round(time.Millisecond), r.Took.Round(time.Second))
	}
	_ = w.Flush()
}
