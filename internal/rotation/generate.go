package rotation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

const (
	generateTries = 3
	generateEvery = time.Second
)

// generate lets the tenant make the secret, once. See "A secret that the tenant
// makes" in the package comment for why it is done in this order.
func (w *work) generate(ctx context.Context, current stored) error {
	previous, err := w.load(ctx, w.secret, Previous)
	if err != nil {
		return err
	}
	c, err := w.readable(ctx)
	if err != nil {
		return err
	}
	holder := current
	switch {
	case holds(current, c.Secret):
	case holds(previous, c.Secret):
		holder = previous.sentAs(current)
	case c.Mark == w.mark():
		w.out.Note = "recovered"
		return w.keep(ctx, current, c.Secret)
	default:
		return notHeld("rotation.generate")
	}
	made, sure, err := w.makeOnce(ctx, c, current, previous, holder)
	if err != nil {
		return err
	}
	if err = w.keep(ctx, current, made); err != nil && sure {
		w.forget(ctx, current, made)
	}
	return err
}

// mark is what the client carries in the tenant from before its secret is made
// until AWSCURRENT moves. It is evidence: a secret that is not stored is ours
// where this mark is, for it is set only when the stored one was accepted. Tags
// and values of the secret could be anybody's.
func (w *work) mark() string {
	sum := sha256.Sum256([]byte(w.secret.ID + "\n" + w.secret.labelled(Current)))
	return hex.EncodeToString(sum[:16])
}

// readable reads the client, whose secret has to be shown.
func (w *work) readable(ctx context.Context) (Client, error) {
	c, err := w.Tenant.Client(ctx, w.settings.ClientID)
	switch {
	case err != nil:
		return c, err
	case !usesSecret(c.AuthMethod):
		return c, refuse("rotation.generate", "not_a_secret_client",
			"the client does not log in with a shared secret", "correct "+TagKind+", or migrate it with the strategy local")
	case c.Secret.IsZero():
		return c, &fault.Error{Kind: fault.Denied, Op: "rotation.generate", Reason: "secret_unreadable",
			Detail: "the tenant does not show the client's secret, and a lost answer could not be recovered",
			Next:   "grant read:client_keys to the management client, or use the strategy local"}
	}
	return c, nil
}

func holds(s stored, v secret.Value) bool {
	return s.present && s.bad == nil && s.value.ClientSecret.Equal(v)
}

// makeOnce asks the tenant for a secret. Whatever goes wrong, it reads what has
// become of it and does not ask again; what was read may be somebody else's, so
// it is not sure.
func (w *work) makeOnce(ctx context.Context, c Client, current, previous, holder stored) (made secret.Value, sure bool, err error) {
	answer, err := w.Tenant.Login(ctx, holder.value, w.settings.Audience)
	if err != nil {
		return made, false, err
	}
	if answer == Refused {
		// The tenant shows what does not log in. Either answer may be an old
		// one, and a second secret must not come of it.
		return made, false, later("rotation.generate", "answers_disagree", "the tenant shows a secret that it does not accept", "let Secrets Manager try again")
	}
	if c.Mark != w.mark() {
		if err := w.Tenant.Mark(ctx, c.ID, w.mark()); err != nil {
			return made, false, err
		}
	}
	made, err = w.Tenant.RotateSecret(ctx, c.ID)
	if err == nil && !made.IsZero() {
		return made, true, nil
	}
	for range generateTries {
		if found, readErr := w.readable(ctx); readErr == nil && !holds(current, found.Secret) && !holds(previous, found.Secret) {
			w.out.Note = "recovered"
			return found.Secret, false, nil
		}
		if pause(ctx, generateEvery) != nil {
			break
		}
	}
	if err == nil {
		err = later("rotation.generate", "empty_answer", "the tenant answered without a secret", "let Secrets Manager try again")
	}
	return secret.Value{}, false, err
}

// keep stores what the tenant made.
func (w *work) keep(ctx context.Context, current stored, made secret.Value) error {
	var err error
	for range generateTries {
		if err = w.put(ctx, withSecret(current.value, made)); err == nil {
			return nil
		}
		if pause(ctx, generateEvery) != nil {
			break
		}
	}
	return err
}

// forget gives the tenant the stored secret back, so that what is stored logs
// in, unless somebody has set another one meanwhile.
func (w *work) forget(ctx context.Context, current stored, made secret.Value) {
	c, err := w.Tenant.Client(ctx, w.settings.ClientID)
	if err != nil || !c.Secret.Equal(made) {
		return
	}
	if w.Tenant.SetSecret(ctx, c.ID, current.value.ClientSecret) == nil {
		w.out.Note = "rolled_back"
	}
}

func usesSecret(method string) bool {
	switch method {
	case "client_secret_post", "client_secret_basic", "client_secret_jwt", "":
		return true
	}
	return false
}
