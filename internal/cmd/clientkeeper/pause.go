package main

import (
	"context"
	"flag"
	"fmt"
	"regexp"
	"time"

	"clientkeeper/internal/rotation"
)

const aboutPause = `Keeps scheduled runs from rotating a secret, until it is resumed. The reason is in
the tag clientkeeper:paused, and in the plan. A rotation that is under way goes on;
clientkeeper rotate and a schedule of Secrets Manager's own are not stopped.` + aboutKeeping

// tagText is what a tag's value may be: letters, digits, spaces and a few signs
// (AWS Secrets Manager User Guide, "Tagging secrets").
var tagText = regexp.MustCompile(`^[\p{L}\p{N}\p{Zs}_.:/=+@-]{1,256}$`)

func runPause(ctx context.Context, inv *invocation) error {
	reason := "true"
	f, err := inv.flags("pause", "[-reason TEXT] <secret>", aboutPause, func(f *flag.FlagSet) {
		f.StringVar(&reason, "reason", reason, "why, for whoever reads the plan")
	})
	var names []string
	if err == nil {
		names, err = inv.arguments(f, 1, 1)
	}
	if err != nil {
		return helped(err)
	}
	if !tagText.MatchString(reason) || reason == "false" {
		fmt.Fprintln(inv.errOut, "clientkeeper: -reason takes 1 to 256 letters, digits, spaces and _.:/=+-@, and not the word false")
		return errUsage
	}
	ctx, cancel := context.WithTimeout(ctx, quickly)
	defer cancel()
	k, err := inv.keeping(ctx)
	if err != nil {
		return err
	}
	s, _, err := k.ours(ctx, names[0])
	if err != nil {
		return err
	}
	if err := k.catalog.Tag(ctx, s.ID, map[string]string{rotation.TagPaused: reason}); err != nil {
		return err
	}
	fmt.Fprintf(inv.out, "%s is paused: no scheduled run rotates it\n", printable(s.Name))
	if underWay(s) != "" {
		fmt.Fprintln(inv.out, "a rotation is under way, and goes on to its end")
	}
	if !s.NextRotation.IsZero() {
		fmt.Fprintf(inv.out, "it has a schedule of Secrets Manager's own, which goes on: %s\n", about(time.Now(), s.NextRotation))
	}
	fmt.Fprintf(inv.out, "-> clientkeeper resume %s ends the pause\n", printable(s.Name))
	return nil
}

const aboutResume = `Lets scheduled runs rotate a secret again that was paused, and says when it is due.` + aboutKeeping

func runResume(ctx context.Context, inv *invocation) error {
	f, err := inv.flags("resume", "<secret>", aboutResume, func(*flag.FlagSet) {})
	var names []string
	if err == nil {
		names, err = inv.arguments(f, 1, 1)
	}
	if err != nil {
		return helped(err)
	}
	ctx, cancel := context.WithTimeout(ctx, quickly)
	defer cancel()
	k, err := inv.keeping(ctx)
	if err != nil {
		return err
	}
	s, settings, err := k.ours(ctx, names[0])
	if err != nil {
		return err
	}
	if err := k.catalog.Untag(ctx, s.ID, rotation.TagPaused); err != nil {
		return err
	}
	did := "is resumed"
	if settings.Paused == "" {
		did = "was not paused"
	}
	fmt.Fprintf(inv.out, "%s %s\n", printable(s.Name), did)
	delete(s.Tags, rotation.TagPaused)
	fmt.Fprintf(inv.out, "-> %s\n", printable(next(time.Now(), s)))
	return nil
}
