package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"clientkeeper/internal/rotation"
)

const aboutRevoke = `For emergencies: what was current before the last rotation stops working now. The
key stored as AWSPREVIOUS, which would stay attached until its overlap ends, is
detached from the client and deleted. A shared secret needs none of this: the tenant
has forgotten it since the rotation. What is AWSCURRENT goes on; where that one is
known to others, rotate first and revoke then. The signing secret of webhooks loses
AWSPREVIOUS, and verifiers refuse what is signed with it within a minute.

It asks before it does anything; without a terminal it needs -yes.` + aboutKeeping

func runRevoke(ctx context.Context, inv *invocation) error {
	var yes bool
	f, err := inv.flags("revoke", "[-yes] <secret>", aboutRevoke, func(f *flag.FlagSet) {
		f.BoolVar(&yes, "yes", false, "do not ask")
	})
	var names []string
	if err == nil {
		names, err = inv.arguments(f, 1, 1)
	}
	if err != nil {
		return helped(err)
	}
	k, err := inv.keeping(ctx)
	if err != nil {
		return err
	}
	s, settings, err := k.ours(ctx, names[0])
	if err != nil {
		return err
	}
	if !yes {
		if err := inv.confirm(s, settings); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, quickly)
	defer cancel()
	moves, err := k.doctor().Revoke(ctx, s.ID)
	if err != nil {
		return err
	}
	return k.revoked(ctx, inv.out, s, moves)
}

// confirm asks whoever sits at the terminal.
func (inv *invocation) confirm(s rotation.Secret, settings rotation.Settings) error {
	file, isFile := inv.in.(*os.File)
	if !inv.terminal || isFile && !isTerminal(file) {
		return errors.New("nobody can be asked here, so nothing was done; give -yes if it is meant")
	}
	hit := "whoever still logs in with it as client " + printable(settings.ClientID) + " is locked out"
	if settings.Kind == rotation.KindWebhook {
		hit = "webhooks that are still signed with it are refused"
	}
	fmt.Fprintf(inv.errOut, "What %s held before its last rotation stops working now: %s.\nType yes to go on: ", printable(s.Name), hit)
	const longest = 100
	line, _ := bufio.NewReader(io.LimitReader(inv.in, longest)).ReadString('\n')
	if strings.TrimSpace(line) != "yes" {
		return errors.New("that was no yes, so nothing was done")
	}
	return nil
}

func (k keeping) revoked(ctx context.Context, out io.Writer, s rotation.Secret, moves int) error {
	name := printable(s.Name)
	again := "-> where the current credential is known to others too: clientkeeper rotate " + name + ", then clientkeeper revoke " + name + "\n"
	if moves > 0 && s.Tags[rotation.TagKind] == rotation.KindWebhook {
		_, err := fmt.Fprintf(out, "what %s held before stops working within a minute: it is AWSPREVIOUS no more\n%s", name, again)
		return err
	}
	if moves > 0 {
		_, err := fmt.Fprintf(out, "what %s held before stopped working: %s to the tenant\n%s", name, plural(moves, "change", "changes"), again)
		return err
	}
	// Nothing is taken away from a client whose current key does not work, and
	// that is not the same as nothing to take away.
	findings, err := k.doctor().Examine(ctx, s.ID)
	if err != nil {
		return err
	}
	for _, f := range findings {
		if strings.HasPrefix(f.Slug, "key_") || f.Slug == "current_unusable" || f.Slug == "client_unreachable" {
			return fmt.Errorf("nothing was taken away: %s; %s", f.Says, f.Repair)
		}
	}
	_, err = fmt.Fprintf(out, "there was nothing to do: nothing that %s held before works any more\n%s", name, again)
	return err
}
