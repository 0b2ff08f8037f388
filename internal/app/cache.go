package app

import (
	"context"
	"sync"
	"time"

	"clientkeeper/internal/auth0"
)

// cache keeps a credential for a while. One caller reads at a time.
type cache struct {
	read func(context.Context) (auth0.Credential, error)

	mu    sync.Mutex
	value auth0.Credential
	until time.Time
}

func newCache(read func(context.Context) (auth0.Credential, error)) *cache { return &cache{read: read} }

func (c *cache) get(ctx context.Context, stale bool) (auth0.Credential, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !stale && time.Now().Before(c.until) {
		return c.value, nil
	}
	v, err := c.read(ctx)
	if err != nil {
		return auth0.Credential{}, err
	}
	c.value, c.until = v, time.Now().Add(cacheFor)
	return v, nil
}
