package rotation

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strings"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

type createAction int

const (
	createNothing   createAction = iota
	createLocal                  // make a secret here
	createGenerated              // let the tenant make one
	createKey                    // make a key here
)

// planCreate is the table of createSecret. self says that the client is the one
// that we ourselves log in with.
func planCreate(s Settings, self bool, pending, current stored) (createAction, error) {
	const op = "rotation.create"
	switch {
	case pending.present && !pending.usable(s.ClientID):
		return 0, foreignPending()
	case pending.present && current.usable(s.ClientID) && sameCredential(pending.value, current.value):
		return 0, refuse(op, "pending_stale", "AWSPENDING holds the credential that AWSCURRENT has already",
			"remove the label AWSPENDING (clientkeeper doctor -fix) and rotate again")
	case pending.present:
		return createNothing, nil
	case !current.present:
		return 0, refuse(op, "no_current", "the secret has no AWSCURRENT value to begin with", "adopt the client, which stores its credential")
	case current.bad != nil:
		return 0, current.bad
	case current.value.ClientID != s.ClientID:
		return 0, refuse(op, "wrong_client", "AWSCURRENT belongs to another client than the tag "+TagClientID+" says", "correct the tag or the secret")
	case s.Kind == KindKey:
		return createKey, nil
	case s.Strategy == StrategyGenerated && kindOf(current.value) == KindSecret && !self:
		return createGenerated, nil
	}
	return createLocal, nil
}

// sameCredential reports whether two values log in with the same thing.
func sameCredential(a, b clientsecret.ClientSecret) bool {
	if kindOf(a) != kindOf(b) {
		return false
	}
	if kindOf(a) == KindKey {
		return a.PrivateKeyPEM.Equal(b.PrivateKeyPEM)
	}
	return a.ClientSecret.Equal(b.ClientSecret)
}

func (w *work) create(ctx context.Context) error {
	pending, err := w.loadVersion(ctx, w.secret, w.event.Token)
	if err != nil {
		return err
	}
	current, err := w.load(ctx, w.secret, Current)
	if err != nil {
		return err
	}
	self, err := w.isSelf(ctx)
	if err != nil {
		return err
	}
	action, err := planCreate(w.settings, self, pending, current)
	if err != nil {
		return err
	}
	w.out.Kind, w.out.Did = w.settings.Kind, "stored"
	switch action {
	case createLocal:
		if w.settings.Strategy == StrategyGenerated {
			w.out.Note = "made_here"
		}
		return w.put(ctx, withSecret(current.value, randomSecret()))
	case createGenerated:
		return w.generate(ctx, current)
	case createKey:
		return w.createKey(ctx, current)
	}
	w.out.Kind, w.out.Did = kindOf(pending.value), "nothing"
	return nil
}

// isSelf reports whether the secret is that of the client we log in with.
func (w *work) isSelf(ctx context.Context) (bool, error) {
	if w.Self == nil {
		return false, nil
	}
	id, err := w.Self(ctx)
	return err == nil && id == w.settings.ClientID, err
}

// guardSelf refuses to change the management client for another secret than the
// one that we read.
func (w *work) guardSelf(ctx context.Context) error {
	if w.SelfSecret == "" || w.secret.named(w.SelfSecret) {
		return nil
	}
	self, err := w.isSelf(ctx)
	if err == nil && self {
		err = refuse("rotation.self", "management_client", "the client is the one that this function logs in with, and another secret holds its credential",
			"correct "+TagClientID+", or remove "+TagManaged)
	}
	return err
}

// named reports whether an ARN, whole or without its last six characters, or a
// name means this secret.
func (s Secret) named(id string) bool {
	return id == s.ID || id == s.Name || strings.HasPrefix(s.ID, id+"-") && len(s.ID) == len(id)+len("-AbCdEf")
}

// createKey makes a key, unless the client has no room for it: a value that can
// never be applied had better not be stored.
func (w *work) createKey(ctx context.Context, current stored) error {
	if err := w.checkRoom(ctx); err != nil {
		return err
	}
	next, err := w.withNewKey(current.value)
	if err != nil {
		return err
	}
	return w.put(ctx, next)
}

// put stores a value as AWSPENDING. A Conflict means that an earlier try of
// ours stored another, which was not visible when we looked: that one it is.
func (w *work) put(ctx context.Context, c clientsecret.ClientSecret) error {
	v, err := c.Encode()
	if err != nil {
		return err
	}
	return w.putValue(ctx, v)
}

func (w *work) putValue(ctx context.Context, v secret.Value) error {
	err := w.Store.PutPending(ctx, w.secret.ID, w.event.Token, v, w.event.RotationToken)
	if fault.KindOf(err) != fault.Conflict || err == nil {
		return err
	}
	there, readErr := w.loadPending(ctx)
	if readErr == nil && there.usable(w.settings.ClientID) {
		w.out.Did = "nothing"
		return nil
	}
	return err
}

// randomSecret is 48 random bytes in 64 characters that need no escape in a
// header, a form or a URL.
func randomSecret() secret.Value {
	b := make([]byte, 48)
	_, _ = rand.Read(b) // crypto/rand never fails
	return secret.New(base64.RawURLEncoding.EncodeToString(b))
}

// withSecret is c with a shared secret for its credential, and with a method
// that can use one.
func withSecret(c clientsecret.ClientSecret, v secret.Value) clientsecret.ClientSecret {
	switch {
	case kindOf(c) == KindSecret && c.AuthMethod == "", c.AuthMethod == "client_secret_basic":
	default:
		c.AuthMethod = "client_secret_post"
	}
	c.ClientSecret, c.PrivateKeyPEM, c.KeyID, c.Alg = v, secret.Value{}, "", ""
	return c
}
