package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"clientkeeper/internal/app"
	"clientkeeper/internal/config"
	"clientkeeper/internal/rotation"
)

// aboutKeeping is the end of the help of every command that looks after
// managed secrets.
const aboutKeeping = `

A secret is named by its name or its ARN. The environment says where: AUTH0_DOMAIN
is the tenant, AUTH0_MANAGEMENT_SECRET_ARN the secret with the management client's
credential, AWS_REGION and the rest of the AWS environment the account. With the
sandbox running, . .sandbox/env sets them all.`

// quickly bounds a command that makes a few calls.
const quickly = 2 * time.Minute

// A keeping is what the commands for managed secrets work with.
type keeping struct {
	rotator *rotation.Rotator
	catalog rotation.Catalog
	policy  rotation.Policy // of a scheduled run
}

func (inv *invocation) keeping(ctx context.Context) (keeping, error) {
	c, err := config.LoadScheduleRotations(inv.getenv)
	if err != nil {
		return keeping{}, unset(err)
	}
	r, catalog, err := app.Rotation(ctx, c.Tenant, c.Window)
	return keeping{r, catalog, rotation.Policy{MaxStarts: c.FuseCount, MaxShare: c.FuseShare}}, err
}

// unset says where a wrong environment comes from.
func unset(err error) error {
	return fmt.Errorf("%w. In the sandbox, . .sandbox/env sets it all", err)
}

func (k keeping) doctor() *rotation.Doctor {
	return &rotation.Doctor{Rotator: k.rotator, Catalog: k.catalog}
}

// describe reads the secret with a name or ARN.
func (k keeping) describe(ctx context.Context, name string) (rotation.Secret, error) {
	s, err := k.rotator.Store.Describe(ctx, name)
	if err != nil {
		return s, fmt.Errorf("%s: %w", printable(name), err)
	}
	return s, nil
}

// managed is describe for what only makes sense with a managed secret.
func (k keeping) managed(ctx context.Context, name string) (rotation.Secret, error) {
	s, err := k.describe(ctx, name)
	if err == nil && s.Tags[rotation.TagManaged] != "true" {
		err = fmt.Errorf("%s is not managed; clientkeeper adopt -secret %[1]s <client_id> takes it over", s.Name)
	}
	return s, err
}

// ours is managed for what changes something: the secret has to be this
// tenant's too, and its tags have to make sense.
func (k keeping) ours(ctx context.Context, name string) (rotation.Secret, rotation.Settings, error) {
	s, err := k.managed(ctx, name)
	if err != nil {
		return s, rotation.Settings{}, err
	}
	settings, err := rotation.ParseTags(s.Tags)
	switch {
	case err != nil:
		err = fmt.Errorf("%s: %w", s.Name, err)
	case s.Deleted:
		err = fmt.Errorf("%s is scheduled for deletion; restore it, or let it go", s.Name)
	case settings.Tenant != "" && settings.Tenant != k.rotator.Domain:
		err = fmt.Errorf("%s belongs to another tenant than AUTH0_DOMAIN names; set AUTH0_DOMAIN to that one, or correct the tag %s", s.Name, rotation.TagTenant)
	}
	return s, settings, err
}

// arguments parses flags that come after arguments too, and returns the
// arguments: as many as least and most say.
func (inv *invocation) arguments(f *flag.FlagSet, least, most int) ([]string, error) {
	var out []string
	for rest := f.Args(); len(rest) > 0; rest = f.Args() {
		out = append(out, rest[0])
		if err := f.Parse(rest[1:]); errors.Is(err, flag.ErrHelp) {
			return nil, errHelp
		} else if err != nil {
			return nil, errUsage
		}
	}
	switch {
	case len(out) < least:
		return nil, inv.misused(f, f.Name()+" needs more than that")
	case len(out) > most:
		return nil, inv.misused(f, f.Name()+" takes no "+strconv.Quote(out[most]))
	case slices.Contains(out, ""):
		return nil, inv.misused(f, "an argument is empty")
	}
	return out, nil
}

// labelled is the version of a secret that has a staging label, or empty.
func labelled(s rotation.Secret, label string) string {
	for _, v := range s.Versions {
		if slices.Contains(v.Labels, label) {
			return v.ID
		}
	}
	return ""
}

// underWay is the version that a rotation is making, or empty: AWSPENDING
// beside AWSCURRENT is nobody's work.
func underWay(s rotation.Secret) string {
	if p := labelled(s, rotation.Pending); p != labelled(s, rotation.Current) {
		return p
	}
	return ""
}

func byName(secrets []rotation.Secret) {
	slices.SortFunc(secrets, func(a, b rotation.Secret) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
}

// printable keeps what came from elsewhere from steering a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}

// about is a time for people: the time, and how far away that is.
func about(now, t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	text := t.UTC().Format("2006-01-02 15:04")
	switch d := t.Sub(now); {
	case d >= time.Minute:
		return text + " (in " + span(d) + ")"
	case d <= -time.Minute:
		return text + " (" + span(-d) + " ago)"
	}
	return text + " (now)"
}

// span is a duration in its largest unit.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
