package rotation

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"time"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/fault"
)

// An Adopter takes over live clients.
type Adopter struct {
	*Rotator
	Catalog Catalog
}

// An Adoption says which client is taken over, and as which secret.
type Adoption struct {
	ClientID string
	Name     string            // of the secret to create
	Tags     map[string]string // besides those that say whose it is; may be nil
}

// Adopt stores the credential of a live client as a managed secret. A client
// with a shared secret keeps it: the tenant is only read, which takes
// read:client_keys. One with keys gets another beside its own, whose private
// halves nobody can read. No rotation is forced: the first is due an interval
// from now. Repeating it goes on where an earlier try ended.
//
// It is also the way back where somebody changed the credential in the tenant:
// a secret of that name that is managed for this client, and stores nothing
// that the tenant accepts, is given what the client has, and the interval
// to its next rotation begins anew.
func (a *Adopter) Adopt(ctx context.Context, want Adoption) (id string, err error) {
	c, err := a.Tenant.Client(ctx, want.ClientID)
	if err != nil {
		return "", err
	}
	tags := a.tags(want, c)
	settings, err := clientTags(tags)
	if err != nil {
		return "", err
	}
	w := &work{Rotator: a.Rotator, settings: settings}
	switch there, err := a.Store.Describe(ctx, want.Name); {
	case err == nil && there.manages(want.ClientID):
		if err := w.restore(ctx, there, c); err != nil || w.event.Token == there.labelled(Current) {
			return there.ID, err
		}
		return there.ID, a.Catalog.Tag(ctx, there.ID, map[string]string{TagAdopted: tags[TagAdopted]})
	case err != nil && fault.KindOf(err) != fault.NotFound:
		return "", err
	}
	value, err := w.takeOver(ctx, c)
	if err != nil {
		return "", err
	}
	if id, err = a.store(ctx, want, value, tags); err != nil {
		return "", err
	}
	return id, w.settle(ctx, id)
}

func (a *Adopter) tags(want Adoption, c Client) map[string]string {
	kind := KindSecret
	if c.AuthMethod == KindKey {
		kind = KindKey
	}
	tags := map[string]string{TagKind: kind}
	maps.Copy(tags, want.Tags)
	tags[TagManaged], tags[TagClientID], tags[TagAdopted] = "true", want.ClientID, time.Now().UTC().Format(time.RFC3339)
	if a.Domain != "" {
		tags[TagTenant] = a.Domain
	}
	return tags
}

// clientTags reads the tags of a client's secret.
func clientTags(tags map[string]string) (Settings, error) {
	settings, err := ParseTags(tags)
	if err == nil && settings.ClientID == "" {
		err = &fault.Error{Kind: fault.Invalid, Op: "rotation.adopt", Reason: "no_client", Detail: "a secret of the kind " + settings.Kind + " is no client's",
			Next: "tag it with " + TagManaged + " and " + TagKind + ", or choose another kind"}
	}
	return settings, err
}

// takeOver is the value to store: what the client has, or a new key for it.
func (w *work) takeOver(ctx context.Context, c Client) (clientsecret.ClientSecret, error) {
	out := w.fresh()
	out.AuthMethod = cmp.Or(c.AuthMethod, "client_secret_post")
	switch {
	case c.AuthMethod == KindKey:
		if err := w.checkRoom(ctx); err != nil {
			return out, err
		}
		return w.withNewKey(out)
	case !usesSecret(c.AuthMethod):
		return out, refuse("rotation.adopt", "no_credential", "the client logs in neither with a secret nor with a key of private_key_jwt",
			"give it a credential in the tenant first")
	case c.Secret.IsZero():
		return out, unreadable()
	}
	out.ClientSecret = c.Secret
	return out, nil
}

func unreadable() error {
	return &fault.Error{Kind: fault.Denied, Op: "rotation.adopt", Reason: "secret_unreadable",
		Detail: "the tenant does not show the client's secret", Next: "grant read:client_keys to the management client"}
}

// fresh is a value without a credential yet.
func (w *work) fresh() clientsecret.ClientSecret {
	out := clientsecret.ClientSecret{ClientID: w.settings.ClientID}
	if w.Domain != "" {
		out.TokenEndpoint, out.Issuer = "https://"+w.Domain+"/oauth/token", "https://"+w.Domain+"/"
	}
	return out
}

// store creates the secret. One of that name that an earlier try made for this
// client will do.
func (a *Adopter) store(ctx context.Context, want Adoption, c clientsecret.ClientSecret, tags map[string]string) (string, error) {
	v, err := c.Encode()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(want.Name + "\n" + want.ClientID))
	id, err := a.Catalog.Create(ctx, want.Name, hex.EncodeToString(sum[:16]), v, tags)
	if err == nil || fault.KindOf(err) != fault.Conflict {
		return id, err
	}
	there, readErr := a.Store.Describe(ctx, want.Name)
	if readErr != nil {
		return "", err
	}
	if there.manages(want.ClientID) {
		return there.ID, nil
	}
	return "", err
}

func (s Secret) manages(client string) bool {
	return !s.Deleted && s.Tags[TagManaged] == "true" && s.Tags[TagClientID] == client
}

// settle brings what is stored and the tenant together, and tries it out.
func (w *work) settle(ctx context.Context, id string) error {
	s, err := w.Store.Describe(ctx, id)
	if err != nil {
		return err
	}
	w.secret, w.event = s, Event{SecretID: id, Token: s.labelled(Current)}
	current, err := w.loadPending(ctx)
	if err != nil {
		return err
	}
	if !current.usable(w.settings.ClientID) {
		return refuse("rotation.adopt", "current_unusable", "AWSCURRENT holds no credential of this client", "store the client's credential, or choose another name")
	}
	if kindOf(current.value) == KindKey {
		if _, err := w.place(ctx, current); err != nil {
			return err
		}
	}
	return w.testConfiguration(ctx)
}

// AdoptSecret takes over a secret that exists: it has to hold a credential of
// the client that logs in, and nothing but tags is changed. One that is managed
// for this client already is restored, as by [Adopter.Adopt]; one without a value
// is given its first.
func (a *Adopter) AdoptSecret(ctx context.Context, id, clientID string, tags map[string]string) error {
	c, err := a.Tenant.Client(ctx, clientID)
	if err != nil {
		return err
	}
	all := a.tags(Adoption{ClientID: clientID, Tags: tags}, c)
	settings, err := clientTags(all)
	if err != nil {
		return err
	}
	s, err := a.Store.Describe(ctx, id)
	if err != nil {
		return err
	}
	w := &work{Rotator: a.Rotator, settings: settings, secret: s}
	if s.manages(clientID) || s.empty() && !s.Deleted {
		err = w.restore(ctx, s, c)
		if since := s.Tags[TagAdopted]; since != "" && w.event.Token == s.labelled(Current) {
			all[TagAdopted] = since // all was well: adopting again puts no rotation off
		}
	} else {
		err = w.testConfiguration(ctx)
	}
	if err != nil {
		return err
	}
	return a.Catalog.Tag(ctx, s.ID, all)
}
