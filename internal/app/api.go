package app

import (
	"context"
	"log/slog"

	"clientkeeper/internal/config"
	"clientkeeper/internal/handler"
	"clientkeeper/internal/queue"
	"clientkeeper/internal/registration"
	"clientkeeper/internal/telemetry"
)

// API builds functions/api.
func API(ctx context.Context, c config.API, log *slog.Logger, metrics telemetry.Metrics) (*handler.API, error) {
	policy, err := registration.NewPolicy(c.AllowedHosts, c.WarningsAreFatal, c.PreviewFirst)
	if err != nil {
		return nil, err
	}
	cfg, err := AWS(ctx)
	if err != nil {
		return nil, err
	}
	client, err := Tenant(c.Tenant, cfg)
	if err != nil {
		return nil, err
	}
	credentials, ledger, err := Credentials(cfg, CredentialOptions{Tenant: c.Tenant, Prefix: c.SecretPrefix, KMSKeyID: c.SecretsKey,
		FunctionARN: c.RotationFunction, Hosts: c.AllowedHosts, Audiences: c.AllowedAudiences, AnyClient: c.AnyClient})
	if err != nil {
		return nil, err
	}
	return &handler.API{
		Ledger: ledger, Credentials: credentials,
		Registrar: &registration.Service{Tenant: tenant{client}, Policy: policy, Provenance: c.Provenance},
		Policy:    policy,
		Queue:     queue.New(cfg), QueueURL: c.QueueURL,
		Withheld: withheld(c),
		Log:      log, Metrics: metrics, Events: announcer(cfg, c.Tenant, c.EventsQueueURL), Observe: observer(metrics),
	}, nil
}

// withheld are the names of the tenant's Management API, the one that it has by
// the domain and the one that was configured, and of this API: a caller by IAM
// has no token that names it.
func withheld(c config.API) []string {
	names := []string{"https://" + c.Tenant.Domain + "/api/v2/"}
	for _, name := range []string{c.Tenant.Audience, c.Audience} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}
