package app

import (
	"context"
	"sync"
	"time"

	"clientkeeper/internal/auth0"
	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/secretstore"
)

// cacheFor bounds how long a credential is used without a look at its secret.
const cacheFor = 5 * time.Minute

// A keeper holds the management credential. While that is being rotated, the
// tenant may already refuse what is AWSCURRENT and accept what is AWSPENDING,
// or for some seconds the other way round, so what was refused is followed by
// the others in turn: current, pending, previous. That is what every consumer
// of a rotated secret is advised to do, and what keeps the rotation of the
// management client from locking itself out.
type keeper struct {
	read func(ctx context.Context, stage string) (auth0.Credential, error)

	mu      sync.Mutex
	value   auth0.Credential
	until   time.Time
	refused []auth0.Credential // in a row
}

// stages are where a credential may be, in the order of trying.
var stages = []string{"AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"}

// get is the credential to use. With stale, the last one was refused.
func (k *keeper) get(ctx context.Context, stale bool) (auth0.Credential, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !stale && time.Now().Before(k.until) {
		return k.value, nil
	}
	if stale {
		k.refused = append(k.refused, k.value)
	} else {
		k.refused = nil
	}
	v, err := k.next(ctx)
	if err != nil {
		return auth0.Credential{}, err
	}
	k.value, k.until = v, time.Now().Add(cacheFor)
	return v, nil
}

// next is the first credential that was not just refused, or else the current
// one again. Only the current one has to be readable; of the others, one that is
// not is passed over, and so is one of another client, which may do other things.
func (k *keeper) next(ctx context.Context) (auth0.Credential, error) {
	current, err := k.read(ctx, stages[0])
	if err != nil {
		return auth0.Credential{}, err
	}
	if !k.wasRefused(current) {
		return current, nil
	}
	for _, stage := range stages[1:] {
		if v, err := k.read(ctx, stage); err == nil && v.ClientID == current.ClientID && !k.wasRefused(v) {
			return v, nil
		}
	}
	k.refused = nil
	return current, nil
}

func (k *keeper) wasRefused(c auth0.Credential) bool {
	for _, r := range k.refused {
		if r.ClientID == c.ClientID && r.Secret.Equal(c.Secret) && r.PrivateKeyPEM.Equal(c.PrivateKeyPEM) {
			return true
		}
	}
	return false
}

// credential reads the management credential from its secret. What goes wrong
// on the way is never a message's fault, so unless it is passing it counts as
// not knowing who we are, which sends no message to a dead-letter queue at its
// first try.
func credential(store *secretstore.Store, id string) source {
	k := &keeper{read: func(ctx context.Context, stage string) (auth0.Credential, error) {
		v, err := store.Get(ctx, id, secretstore.WithStage(stage))
		if err != nil {
			return auth0.Credential{}, credentialFault(err)
		}
		s, err := clientsecret.Parse(v.Value)
		if err != nil {
			return auth0.Credential{}, credentialFault(err)
		}
		return loginCredential(s), nil
	}}
	return k.get
}

// loginCredential is what a stored secret logs in with.
func loginCredential(s clientsecret.ClientSecret) auth0.Credential {
	return auth0.Credential{ClientID: s.ClientID, Secret: s.ClientSecret, AuthMethod: s.AuthMethod,
		PrivateKeyPEM: s.PrivateKeyPEM, KeyID: s.KeyID, Alg: s.Alg}
}

func credentialFault(err error) error {
	kind := fault.KindOf(err)
	if !kind.Transient() {
		kind = fault.Unauthenticated
	}
	return &fault.Error{Kind: kind, Op: "app.credential", Reason: "management_credential",
		Detail: "the management credential cannot be read",
		Next:   "check the secret that AUTH0_MANAGEMENT_SECRET_ARN names, its JSON and the function's permission to read it", Err: err}
}
