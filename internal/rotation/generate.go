package rotation

import (
	"context"
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
	made, holder, err := w.alreadyMade(ctx, current, previous)
	if err != nil {
		return err
	}
	if made.IsZero() {
		if made, err = w.makeOnce(ctx, current, previous, holder); err != nil {
			return err
		}
	} else {
		w.out.Note = "recovered"
	}
	return w.keep(ctx, current, made)
}

// alreadyMade is the tenant's secret if it is one that we have not stored, or
// else the version that holds it.
func (w *work) alreadyMade(ctx context.Context, current, previous stored) (made secret.Value, holder stored, err error) {
	c, err := w.Tenant.Client(ctx, w.settings.ClientID)
	if err != nil {
		return made, holder, err
	}
	switch {
	case !usesSecret(c.AuthMethod):
		return made, holder, refuse("rotation.generate", "not_a_secret_client",
			"the client does not log in with a shared secret", "correct "+TagKind+", or migrate it with the strategy local")
	case c.Secret.IsZero():
		return made, holder, &fault.Error{Kind: fault.Denied, Op: "rotation.generate", Reason: "secret_unreadable",
			Detail: "the tenant does not show the client's secret, and a lost answer could not be recovered",
			Next:   "grant read:client_keys to the management client, or use the strategy local"}
	case holds(current, c.Secret):
		return made, current, nil
	case holds(previous, c.Secret):
		return made, previous, nil
	}
	return c.Secret, holder, nil
}

func holds(s stored, v secret.Value) bool {
	return s.present && s.bad == nil && s.value.ClientSecret.Equal(v)
}

// makeOnce asks the tenant for a secret. Whatever goes wrong, it reads what has
// become of it and does not ask again.
func (w *work) makeOnce(ctx context.Context, current, previous, holder stored) (secret.Value, error) {
	answer, err := w.Tenant.Login(ctx, holder.value, w.settings.Audience)
	if err != nil {
		return secret.Value{}, err
	}
	if answer == Refused {
		// The tenant shows what does not log in. Either answer may be an old
		// one, and a second secret must not come of it.
		return secret.Value{}, later("rotation.generate", "answers_disagree", "the tenant shows a secret that it does not accept", "let Secrets Manager try again")
	}
	made, err := w.Tenant.RotateSecret(ctx, w.settings.ClientID)
	if err == nil && !made.IsZero() {
		return made, nil
	}
	for range generateTries {
		if found, _, readErr := w.alreadyMade(ctx, current, previous); readErr == nil && !found.IsZero() {
			w.out.Note = "recovered"
			return found, nil
		}
		if pause(ctx, generateEvery) != nil {
			break
		}
	}
	if err == nil {
		err = later("rotation.generate", "empty_answer", "the tenant answered without a secret", "let Secrets Manager try again")
	}
	return secret.Value{}, err
}

// keep stores what the tenant made. If that cannot be done, the tenant gets the
// stored secret back, so that what is stored logs in.
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
	if backErr := w.Tenant.SetSecret(ctx, w.settings.ClientID, current.value.ClientSecret); backErr == nil {
		w.out.Note = "rolled_back"
	}
	return err
}

func usesSecret(method string) bool {
	switch method {
	case "client_secret_post", "client_secret_basic", "client_secret_jwt", "":
		return true
	}
	return false
}
