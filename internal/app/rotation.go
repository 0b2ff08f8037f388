package app

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"clientkeeper/internal/auth0"
	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/config"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/handler"
	"clientkeeper/internal/rotation"
	"clientkeeper/internal/secret"
	"clientkeeper/internal/secretstore"
	"clientkeeper/internal/telemetry"
)

// RotateSecret builds functions/rotate-secret.
func RotateSecret(ctx context.Context, c config.RotateSecret, log *slog.Logger, metrics telemetry.Metrics) (*handler.RotateSecret, error) {
	cfg, err := AWS(ctx)
	if err != nil {
		return nil, err
	}
	r, _, err := RotationIn(cfg, c.Tenant, c.Window)
	if err != nil {
		return nil, err
	}
	r.Spread = c.Spread
	return &handler.RotateSecret{Rotator: r, Log: log, Metrics: metrics, Events: announcer(cfg, c.Tenant, c.EventsQueueURL), Observe: observer(metrics)}, nil
}

// ScheduleRotations builds functions/schedule-rotations.
func ScheduleRotations(ctx context.Context, c config.ScheduleRotations, log *slog.Logger, metrics telemetry.Metrics) (*handler.ScheduleRotations, error) {
	cfg, err := AWS(ctx)
	if err != nil {
		return nil, err
	}
	r, catalog, err := RotationIn(cfg, c.Tenant, c.Window)
	if err != nil {
		return nil, err
	}
	return &handler.ScheduleRotations{
		Catalog: catalog, Doctor: &rotation.Doctor{Rotator: r, Catalog: catalog},
		Policy: rotation.Policy{MaxStarts: c.FuseCount, MaxShare: c.FuseShare}, Pace: c.Pace, Every: c.Every, Sample: 1,
		Tenant: r.Tenant.(rotated), // as RotationIn has made it
		Log:    log, Metrics: metrics, Events: announcer(cfg, c.Tenant, c.EventsQueueURL), Observe: observer(metrics),
		Records: records{store: catalog.(secrets).store},
	}, nil
}

// Rotation builds a rotator and the catalog of what it rotates, in the account
// and region that the environment names.
func Rotation(ctx context.Context, t config.Tenant, window time.Duration) (*rotation.Rotator, rotation.Catalog, error) {
	cfg, err := AWS(ctx)
	if err != nil {
		return nil, nil, err
	}
	return RotationIn(cfg, t, window)
}

// RotationIn is Rotation for a given account and region. Its calls to the
// tenant go before bulk work.
func RotationIn(cfg aws.Config, t config.Tenant, window time.Duration) (*rotation.Rotator, rotation.Catalog, error) {
	store := secrets{secretstore.New(cfg), t.Domain}
	management := credential(store.store, t.ManagementSecret)
	client, err := tenantWith(t, store.store, management, auth0.Urgent)
	if err != nil {
		return nil, nil, err
	}
	self := func(ctx context.Context) (string, error) {
		c, err := management(ctx, false)
		return c.ClientID, err
	}
	return &rotation.Rotator{Store: store, Tenant: rotated{client}, Domain: t.Domain, Self: self, SelfSecret: t.ManagementSecret, Window: window}, store, nil
}

// secrets puts Secrets Manager into rotation's words. One account may hold the
// secrets of several tenants; what names another tenant than domain is not
// listed, for its own stack looks after it.
type secrets struct {
	store  *secretstore.Store
	domain string
}

func (s secrets) Describe(ctx context.Context, id string) (rotation.Secret, error) {
	d, err := s.store.Describe(ctx, id)
	return described(d), err
}

func described(d secretstore.Description) rotation.Secret {
	out := rotation.Secret{ID: d.ARN, Name: d.Name, Tags: d.Tags, RotationEnabled: d.Rotation.Enabled, Created: d.Created, Changed: d.LastChanged,
		LastRotated: d.LastRotated, NextRotation: d.NextRotation, Deleted: !d.Deleted.IsZero()}
	for id, labels := range d.Stages {
		out.Versions = append(out.Versions, rotation.Version{ID: id, Labels: labels})
	}
	for _, r := range d.Replicas {
		state := map[string]rotation.ReplicaState{"InSync": rotation.ReplicaInSync, "Failed": rotation.ReplicaFailed}[r.Status]
		out.Replicas = append(out.Replicas, rotation.Replica{Region: r.Region, State: state})
	}
	return out
}

func (s secrets) Value(ctx context.Context, id, version string) (secret.Value, error) {
	v, err := s.store.GetByVersion(ctx, id, version, 0)
	return v.Value, err
}

func (s secrets) PutPending(ctx context.Context, id, version string, v, rotationToken secret.Value) error {
	return s.store.Put(ctx, id, secretstore.Write{Token: version, Value: v, Stages: []string{rotation.Pending}, RotationToken: rotationToken})
}

func (s secrets) MoveCurrent(ctx context.Context, id, to, from string) error {
	return s.store.MoveStage(ctx, id, secretstore.Move{Stage: rotation.Current, From: from, To: to})
}

func (s secrets) RemoveLabel(ctx context.Context, id, label, from string) error {
	return s.store.RemoveStage(ctx, id, label, from)
}

func (s secrets) List(ctx context.Context) ([]rotation.Secret, error) {
	var out []rotation.Secret
	for d, err := range s.store.List(ctx, secretstore.Tag{Key: rotation.TagManaged, Value: "true"}) {
		if err != nil {
			return nil, err
		}
		if rotation.OfTenant(d.Tags, s.domain) && !isCopy(d) {
			out = append(out, described(d))
		}
	}
	return out, nil
}

// isCopy reports whether a secret is the replica of one in another region, which
// has its tags and cannot be rotated here (AWS Secrets Manager User Guide,
// "Replicate secrets across Regions").
func isCopy(d secretstore.Description) bool {
	arn := strings.Split(d.ARN, ":")
	return d.PrimaryRegion != "" && len(arn) > 3 && arn[3] != d.PrimaryRegion
}

func (s secrets) History(ctx context.Context, id string) ([]rotation.Version, error) {
	records, err := s.store.Versions(ctx, id)
	if err != nil {
		return nil, err
	}
	out := make([]rotation.Version, 0, len(records))
	for _, r := range records {
		out = append(out, rotation.Version{ID: r.ID, Labels: r.Stages, Created: r.Created})
	}
	return out, nil
}

func (s secrets) Rotate(ctx context.Context, id, token string) error {
	_, err := s.store.Rotate(ctx, id, secretstore.Rotation{Token: token})
	if fault.Reason(err) == "rotation_in_progress" {
		return nil // Secrets Manager goes on with that one
	}
	return err
}

func (s secrets) Create(ctx context.Context, name, token string, v secret.Value, tags map[string]string) (string, error) {
	return s.store.Create(ctx, secretstore.NewSecret{Name: name, Token: token, Value: v, Tags: tags})
}

func (s secrets) Tag(ctx context.Context, id string, tags map[string]string) error {
	return s.store.Tag(ctx, id, tags)
}

func (s secrets) Untag(ctx context.Context, id string, keys ...string) error {
	return s.store.Untag(ctx, id, keys...)
}

// rotated puts the Management API into rotation's words.
type rotated struct{ client *auth0.Client }

// Burst is the size of the tenant's bucket, as its answer to a small request
// says. That there is no such client, or no room in the bucket, is an answer, and
// so is an id that can be no client's: it is that secret's alone.
func (t rotated) Burst(ctx context.Context, clientID string) (int, error) {
	_, err := t.client.Client(ctx, clientID, "client_id")
	if kind := fault.KindOf(err); err != nil && kind != fault.NotFound && kind != fault.RateLimited && kind != fault.Invalid {
		return 0, err
	}
	return t.client.Allowance().Limit, nil
}

func (t rotated) Client(ctx context.Context, id string) (rotation.Client, error) {
	info, err := t.client.ClientWithSecret(ctx, id)
	if err != nil {
		return rotation.Client{}, err
	}
	out := rotation.Client{ID: info.ClientID, Name: info.Name, AuthMethod: info.TokenEndpointAuthMethod, Secret: info.Secret, Mark: info.Metadata[markKey]}
	methods := info.AuthenticationMethods
	switch {
	case methods.PrivateKeyJWT.Credentials != nil:
		out.AuthMethod = rotation.KindKey
	case methods.TLS.Credentials != nil:
		out.AuthMethod = "tls_client_auth"
	case methods.SelfSignedTLS.Credentials != nil:
		out.AuthMethod = "self_signed_tls_client_auth"
	}
	out.Attached = ids(methods.PrivateKeyJWT)
	out.Elsewhere = ids(methods.TLS, methods.SelfSignedTLS, info.SignedRequestObject, info.TokenVault)
	return out, nil
}

func ids(slots ...auth0.EnabledCredentials) []string {
	var out []string
	for _, slot := range slots {
		for _, c := range slot.Credentials {
			out = append(out, c.ID)
		}
	}
	return out
}

// markKey is the member of client_metadata that holds a mark.
const markKey = "clientkeeper_rotation"

func (t rotated) Mark(ctx context.Context, id, mark string) error {
	return t.client.SetClientMetadata(ctx, id, map[string]string{markKey: mark})
}

func (t rotated) SetSecret(ctx context.Context, id string, v secret.Value) error {
	return t.client.SetClientSecret(ctx, id, v)
}

func (t rotated) RotateSecret(ctx context.Context, id string) (secret.Value, error) {
	return t.client.RotateClientSecret(ctx, id)
}

func (t rotated) UseSecret(ctx context.Context, id, method string, v secret.Value) error {
	return t.client.UpdateClient(ctx, id, auth0.ClientPatch{Secret: v, Authentication: auth0.Authentication{Method: method}})
}

func (t rotated) UseKeys(ctx context.Context, id string, credentials []string) error {
	return t.client.UpdateClient(ctx, id, auth0.ClientPatch{
		Authentication: auth0.Authentication{Method: rotation.KindKey, CredentialIDs: credentials}, SigningAlg: "RS256",
	})
}

func (t rotated) Credentials(ctx context.Context, id string) ([]rotation.Credential, error) {
	list, err := t.client.Credentials(ctx, id)
	if err != nil {
		return nil, err
	}
	out := make([]rotation.Credential, 0, len(list))
	for _, c := range list {
		out = append(out, pooled(c))
	}
	return out, nil
}

func pooled(c auth0.ClientCredential) rotation.Credential {
	return rotation.Credential{ID: c.ID, Name: c.Name, KeyID: c.KeyID, Alg: c.Alg, Created: c.Created, Expires: c.Expires}
}

func (t rotated) AddKey(ctx context.Context, id string, key rotation.NewKey) (rotation.Credential, error) {
	c, err := t.client.CreateCredential(ctx, id, auth0.NewCredential{
		Name: key.Name, PEM: key.PublicPEM, KeyID: key.KeyID, Alg: key.Alg, Expires: key.Expires,
	})
	return pooled(c), err
}

func (t rotated) SetExpiry(ctx context.Context, id, credential string, at time.Time) error {
	_, err := t.client.SetCredentialExpiry(ctx, id, credential, at)
	return err
}

func (t rotated) DeleteKey(ctx context.Context, id, credential string) error {
	return t.client.DeleteCredential(ctx, id, credential)
}

func (t rotated) Login(ctx context.Context, s clientsecret.ClientSecret, audience string) (rotation.Answer, error) {
	if s.AuthMethod == "" && !s.ClientSecret.IsZero() {
		s.PrivateKeyPEM = secret.Value{} // which would be tried first
	}
	result, err := t.client.Login(ctx, loginCredential(s), audience)
	switch result {
	case auth0.Accepted:
		return rotation.Accepted, err
	case auth0.GrantRefused:
		return rotation.GrantRefused, err
	}
	return rotation.Refused, err
}
