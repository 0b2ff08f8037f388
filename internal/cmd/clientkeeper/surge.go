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

const aboutSurge = `Starts a sandbox, makes many secrets due at the same moment, sends registrations at
that moment too, and lets the schedule work until all are rotated, against a
tenant with a small rate limit. It fails if a secret was not rotated, a message
was lost, or 1% of the calls were answered 429.`

type surgeFlags struct {
	options sandbox.Options
	order   sandbox.SurgeOrder
	limit   time.Duration
	asJSON  bool
}

func runSurge(ctx context.Context, inv *invocation) error {
	var s surgeFlags
	f, err := inv.only("surge", aboutSurge, func(f *flag.FlagSet) {
		f.StringVar(&s.options.Dir, "dir", ".surge", "the `folder` for the environment file and the binaries")
		f.StringVar(&s.options.Source, "source", ".", "the repository's root `folder`")
		f.IntVar(&s.order.Secrets, "secrets", 1000, "how many secrets are due")
		f.IntVar(&s.order.Registrations, "registrations", 300, "how many registrations are sent")
		f.StringVar(&s.order.Plan, "plan", "enterprise-nonprod", "the tenant's `plan`, which decides its rate limits")
		f.DurationVar(&s.options.Window, "window", 30*time.Second, "how long the tenant accepts an old and a new secret")
		f.DurationVar(&s.limit, "limit", 90*time.Minute, "give up after so long")
		f.BoolVar(&s.asJSON, "json", false, "print the counts as JSON")
	})
	if err != nil {
		return helped(err)
	}
	if s.order.Secrets < 1 || s.order.Registrations < 0 {
		return inv.misused(f, "-secrets takes 1 or more, and -registrations 0 or more")
	}
	ctx, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	s.options.Parameters = sandbox.SurgeParameters
	if inv.terminal {
		s.options.Progress = func(text string) { fmt.Fprintln(inv.errOut, text) }
	}
	s.order.Progress = surgeProgress(inv)
	sb, err := sandbox.Start(ctx, s.options)
	if err != nil {
		return err
	}
	return errors.Join(s.surge(ctx, inv, sb), sb.Close())
}

// surgeProgress goes on one line of a terminal, and on a line each minute of
// anything else.
func surgeProgress(inv *invocation) func(sandbox.SurgeProgress) {
	var last time.Time
	return func(p sandbox.SurgeProgress) {
		begin, end, every := "\r\033[K", "", time.Duration(0)
		if !inv.terminal {
			begin, end, every = "", "\n", time.Minute
		}
		if time.Since(last) < every {
			return
		}
		last = time.Now()
		fmt.Fprintf(inv.errOut, "%s%s: %d of %d secrets, %d of %d registrations, %d times 429%s",
			begin, p.Doing, p.Rotated, p.Secrets, p.Registered, p.Messages, p.Throttled, end)
	}
}

func (s *surgeFlags) surge(ctx context.Context, inv *invocation, sb *sandbox.Sandbox) error {
	report, err := sb.Surge(ctx, s.order)
	if report.Secrets == 0 {
		return err
	}
	if s.asJSON {
		err = errors.Join(err, json.NewEncoder(inv.out).Encode(report))
	} else {
		showSurge(inv.out, s.order.Plan, report)
	}
	if err == nil && report.Bad() {
		err = errors.New("the surge broke a promise; see the counts above")
	}
	return err
}

func showSurge(out io.Writer, plan string, r sandbox.SurgeReport) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(n any, what string) { fmt.Fprintf(w, "%v\t  %s\n", n, what) }
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }
	fmt.Fprintf(out, "\nsurge of %d secrets and %d registrations on plan %s in %s\n", r.Secrets, r.Registrations, plan, r.Took.Round(time.Second))
	row(r.Rotated, "secrets rotated")
	row(r.NotRotated, "not rotated (0)")
	row(r.Refused, "secrets that do not log in (0)")
	row(r.Retried, "rotations that needed more than one attempt")
	row(r.GivenUp, "rotations that Secrets Manager gave up")
	row(r.FailedSteps, "steps that failed")
	row(seconds(r.LongestStepTook), "the longest step, "+r.LongestStep)
	row(r.Runs, "runs of the schedule")
	row(r.FailedRuns, "of them failed")
	_ = w.Flush()
	fmt.Fprintln(out)
	row(r.Requests, "requests to the Management API")
	row(r.Throttled, fmt.Sprintf("of them answered 429, %.2f%% (below %.0f%%)", 100*r.ThrottledShare(), 100*sandbox.MostThrottled))
	row(r.Logins, "requests to the token endpoint")
	row(r.Denied, "of them answered 429")
	_ = w.Flush()
	fmt.Fprintln(out)
	row(r.Registered, "clients registered exactly once")
	row(r.NotRegistered, "messages without a client, or with two (0)")
	row(r.DeadLettered, "messages in the dead-letter queue (0)")
	row(r.Waited, fmt.Sprintf("registrations waited for the tenant, %d times in all", r.Postponed))
	row(r.BeforeLast, "registrations before the last rotation")
	_ = w.Flush()
	fmt.Fprintln(out)
	row(seconds(r.FirstRotation), "until the first rotation was done")
	row(seconds(r.LastRotation), "until the last")
	row(seconds(r.FirstRegistered), "until the first registration was done")
	row(seconds(r.LastRegister), "until the last")
	row(r.Leaks, "lines or dead letters that hold a secret (0)")
	row(len(r.Violations), "invariants broken at the tenant (0)")
	_ = w.Flush()
	for _, v := range append(r.Violations, r.Refusals[:min(len(r.Refusals), 20)]...) {
		fmt.Fprintln(out, "  ", v)
	}
}
