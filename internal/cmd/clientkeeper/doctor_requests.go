package main

import (
	"context"

	"clientkeeper/internal/app"
	"clientkeeper/internal/config"
	"clientkeeper/internal/credential"
)

// requests shows what requests to the API left unfinished, and repairs it where
// that is wanted and safe. It is no reason to fail that the tenant cannot be
// read: that has been said.
func (v *visit) requests(ctx context.Context) error {
	c, err := config.LoadScheduleRotations(v.inv.getenv)
	if err != nil {
		return err
	}
	aws, err := app.AWS(ctx)
	if err != nil {
		return err
	}
	service, _, err := app.Credentials(aws, app.CredentialOptions{Tenant: c.Tenant})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, quickly)
	defer cancel()
	findings, err := service.Examine(ctx)
	if err != nil {
		return v.show(seen{Finding: "requests_unreadable", Says: "what requests left behind could not be looked for: " + err.Error(),
			Repair: "see the cause, and try again"})
	}
	for _, f := range findings {
		if err := v.show(v.tidy(ctx, service, f)); err != nil {
			return err
		}
	}
	return nil
}

// tidy repairs a finding, if that is wanted and safe.
func (v *visit) tidy(ctx context.Context, service *credential.Service, f credential.Finding) seen {
	out := seen{Secret: f.SecretARN, Name: f.Name, Finding: f.Slug, Says: f.Says, Repair: f.Repair, Safe: f.Safe}
	if !v.fix || !f.Safe {
		return out
	}
	switch done, err := service.Repair(ctx, f); {
	case err != nil:
		out.Note = "the repair failed: " + err.Error()
	case done:
		out.Repaired, out.Note = true, "done: "+f.Repair
	default:
		out.Repaired, out.Note = true, "gone: a second look did not find it again"
	}
	return out
}
