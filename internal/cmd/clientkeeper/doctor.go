package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/rotation"
)

const aboutDoctor = `Names what is wrong with managed secrets and with the clients they belong to, each
with a sentence and the one safe thing to do about it. Without a secret it looks at
all of them, and at what requests to the API left unfinished. -fix does what is safe
to do without a person, and says what it did; nothing else is changed. Nothing is
printed of a secret's value.

It ends with status 0 when all is well or was repaired, and with 1 when findings
are left. With -json it prints one finding a line.` + aboutKeeping

func runDoctor(ctx context.Context, inv *invocation) error {
	v := visit{inv: inv}
	f, err := inv.flags("doctor", "[-json] [-fix] [secret ...]", aboutDoctor, func(f *flag.FlagSet) {
		f.BoolVar(&v.asJSON, "json", false, "print JSON, a finding a line")
		f.BoolVar(&v.fix, "fix", false, "repair what is safe to repair")
	})
	var names []string
	if err == nil {
		names, err = inv.arguments(f, 0, maxNames)
	}
	if err != nil {
		return helped(err)
	}
	k, err := inv.keeping(ctx)
	if err != nil {
		return err
	}
	secrets, err := k.choose(ctx, names)
	if err != nil {
		return err
	}
	v.doctor = k.doctor()
	if err := v.all(ctx, secrets); err != nil {
		return err
	}
	if len(names) == 0 && !v.deaf {
		if err := v.requests(ctx); err != nil {
			return err
		}
	}
	return v.conclude(len(secrets))
}

// maxNames bounds the arguments of a command.
const maxNames = 10_000

// choose reads the secrets that are named, or else lists all.
func (k keeping) choose(ctx context.Context, names []string) ([]rotation.Secret, error) {
	if len(names) == 0 {
		all, err := k.catalog.List(ctx)
		byName(all)
		return all, err
	}
	var out []rotation.Secret
	seen := map[string]bool{}
	for _, name := range names {
		s, err := k.managed(ctx, name)
		if err != nil {
			return nil, err
		}
		if !seen[s.ID] {
			out = append(out, s)
		}
		seen[s.ID] = true
	}
	return out, nil
}

// A visit of the doctor: what was found, and what became of it.
type visit struct {
	inv         *invocation
	doctor      *rotation.Doctor
	fix, asJSON bool

	found, repaired, safe int
	last                  string // the secret that was last shown
	line                  bool   // a line of progress is on the terminal
	deaf                  bool   // the tenant does not answer, which has been said
}

// patience is what one secret may take.
const patience = time.Minute

// all examines group after group: the secrets of one client belong together.
func (v *visit) all(ctx context.Context, secrets []rotation.Secret) error {
	unreachable := v.tryTenant(ctx, secrets)
	done := 0
	for _, group := range byClient(secrets) {
		v.progress(done, len(secrets))
		if err := v.group(ctx, group, unreachable); err != nil {
			return err
		}
		if done += len(group); ctx.Err() != nil {
			return fmt.Errorf("interrupted after %d of %d secrets", done, len(secrets))
		}
	}
	v.wipe()
	return nil
}

// byClient groups the secrets of a client, in the order of their first.
func byClient(secrets []rotation.Secret) [][]rotation.Secret {
	var out [][]rotation.Secret
	at := map[string]int{}
	for _, s := range secrets {
		owner := s.ID
		if settings, err := rotation.ParseTags(s.Tags); err == nil {
			owner = settings.Tenant + "\n" + settings.ClientID
		}
		i, ok := at[owner]
		if !ok {
			i = len(out)
			at[owner] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], s)
	}
	return out
}

func (v *visit) group(ctx context.Context, group []rotation.Secret, unreachable bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience*time.Duration(len(group)))
	defer cancel()
	names := map[string]string{}
	for _, s := range group {
		names[s.ID] = s.Name
	}
	findings, failed := v.doctor.ExamineAll(ctx, group)
	for _, f := range findings {
		if unreachable && f.Slug == "client_unreachable" {
			continue // said once, for all
		}
		if err := v.show(v.treat(ctx, names[f.SecretID], f)); err != nil {
			return err
		}
	}
	if failed == nil {
		return nil
	}
	return v.show(seen{Secret: group[0].ID, Name: group[0].Name, Finding: "unreadable",
		Says: "the secret could not be looked at: " + failed.Error(), Repair: "see the cause, and try again"})
}

// tryTenant looks at one client. Where the tenant as a whole does not answer it
// shows that as one finding, and has the rest go on without asking it again.
func (v *visit) tryTenant(ctx context.Context, secrets []rotation.Secret) (unreachable bool) {
	for _, s := range secrets {
		settings, err := rotation.ParseTags(s.Tags)
		if err != nil || settings.ClientID == "" {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, patience/2)
		defer cancel()
		_, err = v.doctor.Tenant.Client(ctx, settings.ClientID)
		if err == nil || !aboutTenant(err) {
			return false
		}
		deaf := *v.doctor.Rotator
		deaf.Tenant = silent{deaf.Tenant, err}
		v.doctor.Rotator, v.deaf = &deaf, true
		_ = v.show(seen{Finding: "tenant_unreachable", Says: "nothing can be learned from the tenant: " + err.Error(),
			Repair: "clientkeeper preflight tells what is wrong there; what follows is Secrets Manager's side alone"})
		return true
	}
	return false
}

// aboutTenant reports whether a failure is no single client's.
func aboutTenant(err error) bool {
	switch fault.KindOf(err) {
	case fault.Unauthenticated, fault.Denied, fault.RateLimited, fault.Unavailable:
		return true
	}
	return false
}

// silent is a tenant that does not answer. Every look at a client begins with
// Client, so that is where it ends.
type silent struct {
	rotation.Tenant
	err error
}

func (s silent) Client(context.Context, string) (rotation.Client, error) {
	return rotation.Client{}, s.err
}
