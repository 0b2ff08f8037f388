package app

import (
	"context"
	"log/slog"

	"clientkeeper/internal/auth0"
	"clientkeeper/internal/cimd"
	"clientkeeper/internal/config"
	"clientkeeper/internal/handler"
	"clientkeeper/internal/queue"
	"clientkeeper/internal/registration"
	"clientkeeper/internal/telemetry"
)

// RegisterClient builds functions/register-client.
func RegisterClient(ctx context.Context, c config.RegisterClient, log *slog.Logger, metrics telemetry.Metrics) (*handler.RegisterClient, error) {
	policy, err := registration.NewPolicy(c.AllowedHosts, c.WarningsAreFatal, c.PreviewFirst)
	if err != nil {
		return nil, err
	}
	aws, err := AWS(ctx)
	if err != nil {
		return nil, err
	}
	client, err := Tenant(c.Tenant, aws)
	if err != nil {
		return nil, err
	}
	return &handler.RegisterClient{
		Service:       &registration.Service{Tenant: tenant{client}, Policy: policy, Provenance: c.Provenance},
		Queue:         queue.New(aws),
		QueueURL:      c.QueueURL,
		DeadLetterURL: c.DeadLetterURL,
		Limits:        handler.Limits{MaxTries: c.MaxTries, RetryBase: c.RetryBase, RetryMax: c.RetryMax, MaxAge: c.MaxAge},
		Concurrency:   c.Concurrency,
		Log:           log,
		Metrics:       metrics,
		Events:        announcer(aws, c.Tenant, c.EventsQueueURL),
		Observe:       observer(metrics),
	}, nil
}

// tenant puts the Management API into registration's words.
type tenant struct{ client *auth0.Client }

func (t tenant) Register(ctx context.Context, id cimd.ClientID) (registration.Registered, error) {
	r, err := t.client.RegisterCIMD(ctx, id)
	if err != nil {
		return registration.Registered{}, err
	}
	return registration.Registered{ClientID: r.ClientID, Created: r.Created, Mapped: mapped(r.Mapped), Validation: registration.Validation(r.Validation)}, nil
}

func (t tenant) Preview(ctx context.Context, id cimd.ClientID) (registration.Previewed, error) {
	p, err := t.client.PreviewCIMD(ctx, id)
	if err != nil {
		return registration.Previewed{}, err
	}
	out := registration.Previewed{ClientID: p.ClientID, Unreachable: p.Errors, Mapped: mapped(p.Mapped)}
	if p.Validation != nil {
		out.Validation = registration.Validation(*p.Validation)
	}
	return out, nil
}

func mapped(m auth0.MappedFields) registration.Mapped {
	return registration.Mapped{Name: m.Name, Description: m.Description, AppType: m.AppType, Callbacks: m.Callbacks,
		GrantTypes: m.GrantTypes, LogoURI: m.LogoURI, JWKSURI: m.JWKSURI, TokenEndpointAuthMethod: m.TokenEndpointAuthMethod}
}

func (t tenant) Annotate(ctx context.Context, clientID string, metadata map[string]string) error {
	return t.client.SetClientMetadata(ctx, clientID, metadata)
}
