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
	return &handler.CheckDeployment{Log: log, Look: func(ctx context.Context) []auth0.Fact { return client.Preflight(ctx, c.Scopes...) }}, nil
}
