package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"clientkeeper/internal/auth0"
	"clientkeeper/internal/config"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
	"clientkeeper/internal/secretstore"
)

// shared keeps the management token of all functions in a secret of its own. A
// claim is a version whose id whoever claims at the same time gives it too, with
// a value that is his alone: Secrets Manager takes the first one.
type shared struct {
	store   *secretstore.Store
	id      string
	purpose string // whose tokens these are
	now     func() time.Time
}

// claimStage is the label of the last claim. Nobody reads it.
const claimStage = "CLAIM"

// sharedToken is the JSON of the secret.
type sharedToken struct {
	Purpose string    `json:"purpose"`
	Token   string    `json:"access_token"`
	Scopes  []string  `json:"scopes"`
	Issued  time.Time `json:"issued_at"`
	Expires time.Time `json:"expires_at"`
}

// share is where c wants the token to be shared, or nil.
func share(c config.Tenant, store *secretstore.Store) auth0.Share {
	if c.TokenSecret == "" {
		return nil
	}
	return shared{store, c.TokenSecret, c.Domain + " " + c.Audience + " " + c.ManagementSecret, time.Now}
}

// Get is what the secret holds. What is of another tenant, or no token at all,
// is none.
func (s shared) Get(ctx context.Context) (auth0.Shared, error) {
	v, err := s.store.Get(ctx, s.id)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return auth0.Shared{}, nil
	}
	if err != nil {
		return auth0.Shared{}, err
	}
	out := auth0.Shared{Version: v.ID}
	var t sharedToken
	if json.Unmarshal([]byte(v.Value.Reveal()), &t) != nil || t.Purpose != s.purpose {
		return out, nil
	}
	out.Token, out.Scopes, out.Issued, out.Expires = secret.New(t.Token), t.Scopes, t.Issued, t.Expires
	return out, nil
}

func (s shared) Claim(ctx context.Context, found auth0.Shared) (bool, error) {
	slot := s.now().UTC().Truncate(auth0.ClaimFor).Format(time.RFC3339)
	sum := sha256.Sum256([]byte(s.purpose + "\n" + found.Version + "\n" + slot))
	err := s.store.Put(ctx, s.id, secretstore.Write{
		Token: hex.EncodeToString(sum[:]), Value: secret.New(uuid.NewString()), Stages: []string{claimStage},
	})
	if errors.Is(err, fault.Conflict) {
		return false, nil
	}
	return err == nil, err
}

func (s shared) Put(ctx context.Context, t auth0.Shared) error {
	text, err := json.Marshal(sharedToken{Purpose: s.purpose, Token: t.Token.Reveal(), Scopes: t.Scopes, Issued: t.Issued, Expires: t.Expires})
	if err != nil {
		return err
	}
	return s.store.Put(ctx, s.id, secretstore.Write{Token: uuid.NewString(), Value: secret.New(string(text))})
}
