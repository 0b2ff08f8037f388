package app

import (
	"context"
	"log/slog"

	"clientkeeper/internal/auth0"
	"clientkeeper/internal/config"
	"clientkeeper/internal/handler"
)

// CheckDeployment builds functions/check-deployment.
func CheckDeployment(ctx context.Context, c config.CheckDeployment, log *slog.Logger) (*handler.CheckDeployment, error) {
	aws, err := AWS(ctx)
	if err != nil {
		return nil, err
	}
	client, err := Tenant(c.Tenant, aws)
	if err != nil {
		return nil, err
	}
	return &handler.CheckDeployment{
		Log: log,
		Look: func(ctx context.Context) []auth0.Fact {
			facts := client.Preflight(ctx, c.Scopes...)
			if !c.CIMDOptional {
				requireCIMD(facts)
			}
			return facts
		},
		Wrong: config.CheckStack,
	}, nil
}

// requireCIMD makes a failure of a tenant that does not say that it supports
// client id metadata documents.
func requireCIMD(facts []auth0.Fact) {
	for i, f := range facts {
		if f.Name == "cimd" && f.Status == auth0.Warn {
			facts[i].Status, facts[i].Next = auth0.Fail, f.Next+", or set CimdOptional to true if this stack only rotates"
		}
	}
}
