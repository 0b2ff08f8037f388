package safehttp

import (
	"context"
	"sync"
)

// turns lets a few fetches at a time go to one origin, so that a long list of
// documents on one host is no flood to that host. Origins nobody visits take no
// memory.
type turns struct {
	each int

	mu      sync.Mutex
	origins map[string]*origin
}

type origin struct {
	seats chan struct{}
	users int // those seated and those who wait
}

// enter waits for a turn and returns what ends it.
func (t *turns) enter(ctx context.Context, name string) (leave func(), err error) {
	o := t.join(name)
	select {
	case o.seats <- struct{}{}:
		return func() { <-o.seats; t.part(name, o) }, nil
	case <-ctx.Done():
		t.part(name, o)
		return nil, ctx.Err()
	}
}

func (t *turns) join(name string) *origin {
	t.mu.Lock()
	defer t.mu.Unlock()
	o := t.origins[name]
	if o == nil {
		if t.origins == nil {
			t.origins = make(map[string]*origin)
		}
		o = &origin{seats: make(chan struct{}, t.each)}
		t.origins[name] = o
	}
	o.users++
	return o
}

func (t *turns) part(name string, o *origin) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if o.users--; o.users == 0 {
		delete(t.origins, name)
	}
}
