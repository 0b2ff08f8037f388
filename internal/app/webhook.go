package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"time"

	"clientkeeper/internal/config"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/handler"
	"clientkeeper/internal/queue"
	"clientkeeper/internal/secret"
	"clientkeeper/internal/secretstore"
	"clientkeeper/internal/telemetry"
	"clientkeeper/internal/webhook"
)

// Webhook builds functions/webhook.
func Webhook(ctx context.Context, c config.Webhook, log *slog.Logger, metrics telemetry.Metrics) (*handler.Webhook, error) {
	cfg, err := AWS(ctx)
	if err != nil {
		return nil, err
	}
	store := secretstore.New(cfg)
	ring := &keyRing{now: time.Now, read: func(ctx context.Context, stage string) (secret.Value, error) {
		v, err := store.Get(ctx, c.Secret, secretstore.WithStage(stage))
		return v.Value, err
	}}
	return &handler.Webhook{Keys: ring.keys, Queue: queue.New(cfg), QueueURL: c.QueueURL, Log: log, Metrics: metrics}, nil
}

// ringTime is how long the signing secrets are used without a look at what is
// stored: for so long a sender may sign with one that was taken out of use.
const ringTime = time.Minute

// A keyRing holds the signing secrets in use: the current one, the one before
// it, and the one that a rotation is about to make current, so that a sender
// may change over at any moment of it.
type keyRing struct {
	read func(ctx context.Context, stage string) (secret.Value, error)
	now  func() time.Time

	mu    sync.Mutex
	held  []webhook.Key
	until time.Time
}

// keys reads the secrets, at most once in ringTime. The current one has to be
// there and good; the others need not.
func (r *keyRing) keys(ctx context.Context) ([]webhook.Key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now().Before(r.until) {
		return r.held, nil
	}
	var held []webhook.Key
	for _, stage := range stages {
		k, err := r.key(ctx, stage)
		switch {
		case err == nil:
			held = append(held, k)
		case stage == stages[0], fault.KindOf(err).Transient():
			return nil, err
		}
	}
	r.held, r.until = held, r.now().Add(ringTime)
	return held, nil
}

func (r *keyRing) key(ctx context.Context, stage string) (webhook.Key, error) {
	v, err := r.read(ctx, stage)
	if err != nil {
		return webhook.Key{}, err
	}
	return SigningKey(v)
}

// SigningKey reads a signing secret as it is stored: {"whsec": "whsec_..."}. The
// prefix may be missing: what Secrets Manager generates for a template has none.
func SigningKey(v secret.Value) (webhook.Key, error) {
	var stored struct {
		Whsec secret.Value `json:"whsec"`
	}
	if json.Unmarshal([]byte(v.Reveal()), &stored) != nil {
		return webhook.Key{}, &fault.Error{Kind: fault.Invalid, Op: "app.webhook", Reason: "webhook_secret_invalid",
			Detail: "the signing secret is not a JSON object with whsec as a string", Next: `store {"whsec": "whsec_..."}`}
	}
	if text := stored.Whsec.Reveal(); text != "" && !strings.HasPrefix(text, "whsec_") {
		stored.Whsec = secret.New("whsec_" + text)
	}
	return webhook.ParseKey(stored.Whsec)
}
