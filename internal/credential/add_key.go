package credential

import (
	"context"
	"slices"
	"time"

	"clientkeeper/internal/fault"
)

// mayLogIn refuses credentials of clients with which their holder could do more
// than it can give a client that it makes.
func (a *adding) mayLogIn(ctx context.Context) error {
	grants, err := a.Tenant.Grants(ctx, a.client.ID)
	if err != nil {
		return err
	}
	for _, g := range grants {
		if a.ownAPI(g.Audience) || slices.Contains(a.want.Withheld, g.Audience) {
			return &fault.Error{Kind: fault.Denied, Op: "credential.add", Reason: "privileged_client",
				Detail: "the client may use the Management API or this one, and whoever holds a credential of it could, too",
				Next:   "have an administrator of the tenant add it"}
		}
	}
	return nil
}

// undo removes what was made, where it is not attached, and then the secret.
func (a *adding) undo(ctx context.Context) error {
	pool, err := a.Tenant.Credentials(ctx, a.client.ID)
	if err != nil {
		return err
	}
	c, err := a.Tenant.Client(ctx, a.client.ID)
	if err != nil {
		return err
	}
	for _, k := range pool {
		if !a.ours(k) {
			continue
		}
		if slices.Contains(c.Attached, k.ID) {
			return nil // somebody logs in with it by now
		}
		if err := a.Tenant.DeleteCredential(ctx, a.client.ID, k.ID); err != nil {
			return err
		}
	}
	return a.eraseKey(ctx)
}

// eraseKey removes the secret of the key that was made here.
func (a *adding) eraseKey(ctx context.Context) error {
	if a.sent() {
		return nil
	}
	there, err := a.Store.Describe(ctx, a.secretName(keysFolder+a.client.ID, a.op))
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound:
		return nil
	case err != nil:
		return err
	case there.Tags[TagRequest] != a.op.ID || there.Deleted:
		return nil
	}
	return a.Store.Erase(ctx, there.ARN)
}

// sent reports whether the caller has sent what is added.
func (a *adding) sent() bool { return a.arn == "" && len(a.keys) > 0 }

// storeKey makes a key and stores it, or finds the one that an earlier try
// stored.
func (a *adding) storeKey(ctx context.Context) error {
	name := a.secretName(keysFolder+a.client.ID, a.op)
	if a.op.Resumed {
		if found, err := a.findKey(ctx, name, false); found || err != nil {
			return err
		}
	}
	key, err := a.makeKey(a.want.KeySize)
	if err != nil {
		return err
	}
	value := a.newSecretValue(PrivateKeyJWT)
	value.ClientID, value.PrivateKeyPEM, value.KeyID, value.Alg = a.client.ID, key.Private, key.KeyID, a.want.Alg
	text, err := value.Encode()
	if err != nil {
		return err
	}
	a.begun = true
	arn, err := a.Store.Create(ctx, name, a.op.token("key"), "Additional key of the client "+a.client.Name, text,
		map[string]string{TagRequest: a.op.ID, TagKeyOf: a.client.ID})
	switch {
	case err == nil:
		a.arn = arn
		a.keys = []material{{kind: typePublicKey, pem: key.PublicPEM, kid: key.KeyID, alg: a.want.Alg, until: a.until()}}
		return nil
	case fault.KindOf(err) != fault.Conflict:
		return err
	}
	if found, findErr := a.findKey(ctx, name, true); found || findErr != nil {
		return findErr
	}
	return later("secret_unseen", "the secret of this request is there, but cannot be seen yet", "repeat the request with the same key")
}

// keysFolder is where the secrets of additional keys are, below the prefix.
const keysFolder = "keys/"

func (a *adding) findKey(ctx context.Context, name string, patient bool) (bool, error) {
	there, v, err := a.readBack(ctx, name, a.op, patient)
	if err != nil || there.ARN == "" {
		return false, err
	}
	value, err := parseOwn(v)
	if err != nil {
		a.begun = false // what somebody has changed is not ours to remove
		return true, err
	}
	public, err := publicHalf(value.PrivateKeyPEM)
	a.arn, a.begun = there.ARN, true
	a.keys = []material{{kind: typePublicKey, pem: public, kid: value.KeyID, alg: value.Alg, until: a.until()}}
	return true, err
}

func (a *adding) until() time.Time {
	if a.want.ExpiresIn == 0 {
		return time.Time{}
	}
	return a.now().Add(a.want.ExpiresIn).UTC().Truncate(time.Millisecond)
}
