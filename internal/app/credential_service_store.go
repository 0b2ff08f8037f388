package app

import (
	"context"
	"fmt"
	"maps"
	"time"

	cred "clientkeeper/internal/credential"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/rotation"
	"clientkeeper/internal/secret"
	"clientkeeper/internal/secretstore"
)

// shelf puts Secrets Manager into credential's words, and rotation's tags on
// what is to be rotated.
type shelf struct {
	store    *secretstore.Store
	kms      string // of the secrets that are made
	domain   string // of the tenant
	function string // the ARN of functions/rotate-secret
}

// Create says from the beginning which tenant the secret is for.
func (s shelf) Create(ctx context.Context, name, token, text string, v secret.Value, tags map[string]string) (string, error) {
	all := map[string]string{rotation.TagTenant: s.domain}
	maps.Copy(all, tags)
	return s.store.Create(ctx, secretstore.NewSecret{Name: name, Token: token, Description: text, Value: v, Tags: all, KMSKeyID: s.kms})
}

func (s shelf) Describe(ctx context.Context, id string) (cred.Stored, error) {
	d, err := s.store.Describe(ctx, id)
	return s.stored(d), err
}

// stored reads the tags as rotation does. What is managed for another tenant is
// not managed here.
func (s shelf) stored(d secretstore.Description) cred.Stored {
	out := cred.Stored{ARN: d.ARN, Name: d.Name, Text: d.Text, Tags: d.Tags, Created: d.Created, Deleted: !d.Deleted.IsZero(),
		RotationEnabled: d.Rotation.Enabled, Stages: d.Stages, Ours: d.Tags[rotation.TagTenant] == s.domain}
	settings, err := rotation.ParseTags(d.Tags)
	if err != nil || settings.Tenant != "" && settings.Tenant != s.domain {
		return out
	}
	out.Managed, out.ClientID, out.Kind, out.Paused = settings.Managed, settings.ClientID, settings.Kind, settings.Paused != ""
	out.NextDue, out.Rotated = rotation.NextDue(described(d)), rotation.Rotated(described(d), settings)
	return out
}

func (s shelf) Value(ctx context.Context, id string) (secret.Value, error) {
	v, err := s.store.Get(ctx, id)
	return v.Value, err
}

func (s shelf) Put(ctx context.Context, id, token string, v secret.Value) error {
	return s.store.Put(ctx, id, secretstore.Write{Token: token, Value: v})
}

func (s shelf) Manage(ctx context.Context, id string, m cred.Management) error {
	return s.store.Tag(ctx, id, map[string]string{
		rotation.TagManaged: "true", rotation.TagTenant: s.domain, rotation.TagClientID: m.ClientID, rotation.TagKind: m.Kind,
		rotation.TagInterval: span(m.Interval), rotation.TagOverlap: span(m.Overlap),
		rotation.TagAdopted: time.Now().UTC().Format(time.RFC3339),
	})
}

// span is a duration as a tag has it.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	if d > 0 && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return d.String()
}

func (s shelf) Erase(ctx context.Context, id string) error { return s.store.Erase(ctx, id) }

// discardAfter is how many days a secret can still be restored.
const discardAfter = 30

func (s shelf) Discard(ctx context.Context, id string) error {
	_, err := s.store.Delete(ctx, id, discardAfter)
	if fault.Reason(err) == "scheduled_for_deletion" || err != nil && fault.KindOf(err) == fault.NotFound {
		return nil
	}
	return err
}

func (s shelf) Managed(ctx context.Context, clientID string) ([]cred.Stored, error) {
	tags := []secretstore.Tag{{Key: rotation.TagManaged, Value: "true"}}
	if clientID != "" {
		tags = append(tags, secretstore.Tag{Key: rotation.TagClientID, Value: clientID})
	}
	return s.list(ctx, func(c cred.Stored) bool {
		return c.Managed && c.ClientID != "" && (clientID == "" || c.ClientID == clientID)
	}, tags...)
}

func (s shelf) Requested(ctx context.Context) ([]cred.Stored, error) {
	return s.list(ctx, func(cred.Stored) bool { return true }, secretstore.Tag{Key: cred.TagRequest})
}

func (s shelf) list(ctx context.Context, wanted func(cred.Stored) bool, tags ...secretstore.Tag) ([]cred.Stored, error) {
	var out []cred.Stored
	for d, err := range s.store.List(ctx, tags...) {
		if err != nil {
			return nil, err
		}
		if there := s.stored(d); wanted(there) {
			out = append(out, there)
		}
	}
	return out, nil
}

// EnableRotation is harmless where it was done already; a rotation that is
// under way shows that it is on.
func (s shelf) EnableRotation(ctx context.Context, id string) error {
	d, err := s.store.Describe(ctx, id)
	if err != nil || d.Rotation.Enabled && d.Rotation.LambdaARN == s.function {
		return err
	}
	_, err = s.store.Rotate(ctx, id, secretstore.Rotation{LambdaARN: s.function, Later: true})
	if fault.Reason(err) == "rotation_in_progress" {
		return nil
	}
	return err
}

func (s shelf) Rotate(ctx context.Context, id, token string) error {
	_, err := s.store.Rotate(ctx, id, secretstore.Rotation{Token: token})
	return err
}

func (s shelf) History(ctx context.Context, id string) (map[string]time.Time, error) {
	versions, err := s.store.Versions(ctx, id)
	if err != nil {
		return nil, err
	}
	out := make(map[string]time.Time, len(versions))
	for _, v := range versions {
		out[v.ID] = v.Created
	}
	return out, nil
}
